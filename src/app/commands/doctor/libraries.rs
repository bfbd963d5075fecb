//! The plugins of the server, and whether each library would load: judged from the files, nothing of them is run.

use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use bstr::{BString, ByteSlice as _};

use super::report::{Library, LibraryVerdict, Plugin, Problem, Report, Severity};
use super::server::Asked;
use crate::cli::settings::Settings;
use crate::env::Env;
use crate::tree::layout::Layout;
use crate::triage::catalogue::{
    Cause, PLUGIN_ABI, PLUGIN_BUILD_TYPE, PLUGIN_LIBRARY, PLUGIN_NOT_A_PLUGIN, PLUGIN_SYMBOL,
};
use crate::triage::collect::declarations;
use crate::triage::collect::libraries::Libraries;
use crate::triage::evidence::{Declared, ElfFacts};
use crate::triage::plugin_words::{api, interface, is_of_debug_build, kind, maturity, maturity_level};

/// Interfaces for plugins of MySQL that MariaDB takes have this major version.
const MYSQL_MAJOR: u32 = 1;

/// Judges each library.
pub fn examine(report: &mut Report, layout: &Layout, settings: &Settings, env: &Env, asked: &Asked) {
    let built_in = asked.built_in.as_ref();
    report.plugins.built_in = match built_in {
        Some(server) => server.plugins.iter().map(|plugin| plugin.name.to_string()).collect(),
        None => asked.facts.iter().flat_map(|facts| facts.optional_plugins.clone()).collect(),
    };
    report.plugins.interface =
        built_in.map(|server| server.interface).filter(|version| *version > 0).map(interface);
    let demanded = asked.facts.as_ref().and_then(|facts| facts.variable("plugin-maturity"));
    report.plugins.maturity = demanded.map(str::to_owned);
    report.plugins.dir.clone_from(&layout.plugin_dir);

    let library_path = layout.library_path(settings, env.get("LD_LIBRARY_PATH"));
    let mut system = Libraries::of_system(Some(library_path.as_bytes()));
    let mut paths: Vec<&Path> = layout.plugins.iter().map(|(_, path)| path.as_path()).collect();
    paths.sort_unstable();
    for path in paths {
        let library = library_at(path, asked, demanded.and_then(maturity_level), &mut system);
        if library.verdict == LibraryVerdict::Fails {
            report.problems.push(Problem {
                severity: Severity::Error,
                text: format!(
                    "{} cannot be loaded: {}",
                    library.name,
                    library.reason.as_deref().unwrap_or_default()
                ),
                hint: "build it with the sources and options of this server, or remove it".into(),
                code: library.code,
            });
        }
        report.plugins.libraries.push(library);
    }
}

fn library_at(path: &Path, asked: &Asked, demanded: Option<u32>, system: &mut Libraries) -> Library {
    let declared = declarations::of_library(path);
    let plugins = declared.iter().flat_map(|declared| &declared.plugins).map(|plugin| Plugin {
        name: plugin.name.to_string(),
        kind: kind(plugin.kind),
        maturity: maturity(plugin.maturity),
    });
    let mut library = Library {
        name: path.file_name().unwrap_or_default().to_string_lossy().into_owned(),
        path: path.to_owned(),
        plugins: plugins.collect(),
        ..Library::default()
    };
    let Some(elf) = system.facts(path) else {
        return fails(library, PLUGIN_NOT_A_PLUGIN, "it is no ELF file, or cannot be read".into());
    };
    if let Some((cause, reason)) = unfit(&elf, declared.as_ref(), asked, system) {
        return fails(library, cause, reason);
    }
    let Some(declared) = declared else {
        if elf.exported.iter().any(|symbol| symbol == "_mysql_client_plugin_declaration_") {
            return Library { verdict: LibraryVerdict::ForClients, ..library };
        }
        if let Some(what) = other_library(&elf) {
            return Library { verdict: LibraryVerdict::NoPlugin, reason: Some(what.into()), ..library };
        }
        return fails(library, PLUGIN_NOT_A_PLUGIN, "it declares no plugin".into());
    };
    let is_built_in = |name: &[u8]| {
        let built_in = asked.built_in.iter().flat_map(|server| &server.plugins);
        built_in.into_iter().any(|plugin| plugin.name.eq_ignore_ascii_case(name))
    };
    let lowest = declared.plugins.iter().map(|plugin| plugin.maturity).min().unwrap_or_default();
    if declared.plugins.iter().any(|plugin| is_built_in(&plugin.name)) {
        library.verdict = LibraryVerdict::BuiltIn;
    } else if demanded.is_some_and(|demanded| lowest < demanded) {
        library.verdict = LibraryVerdict::NeedsMaturity;
        library.reason = Some(format!("--plugin-maturity={}", maturity(lowest)));
    }
    library
}

/// What a library is that is in its place among plugins, or built beside them, and is none.
fn other_library(elf: &ElfFacts) -> Option<&'static str> {
    let exports = |name: &[u8]| elf.exported.iter().any(|symbol| symbol.as_slice() == name);
    if exports(b"pam_sm_authenticate") {
        return Some("a module of PAM");
    }
    // Each function has one that prepares it or cleans up, by which the server knows it.
    let of_function = |symbol: &BString| {
        let function = symbol.strip_suffix(b"_init").or_else(|| symbol.strip_suffix(b"_deinit"));
        function.is_some_and(|function| !function.is_empty() && exports(function))
    };
    elf.exported.iter().any(of_function).then_some("functions for CREATE FUNCTION")
}

fn fails(library: Library, cause: &'static Cause, reason: String) -> Library {
    Library { verdict: LibraryVerdict::Fails, reason: Some(reason), code: Some(cause.code), ..library }
}

/// Why the loader or the server would refuse it.
fn unfit(
    elf: &ElfFacts,
    declared: Option<&Declared>,
    asked: &Asked,
    system: &mut Libraries,
) -> Option<(&'static Cause, String)> {
    let server = asked.elf.as_ref()?;
    if (elf.bits, &elf.machine) != (server.bits, &server.machine) {
        let reason = format!(
            "it is for {} ({} bits), the server for {} ({} bits)",
            elf.machine, elf.bits, server.machine, server.bits
        );
        return Some((PLUGIN_NOT_A_PLUGIN, reason));
    }
    if !elf.loadable {
        return Some((PLUGIN_NOT_A_PLUGIN, "it is an ELF file and no shared library".into()));
    }
    let lacking = system.lacking(elf, server);
    if !lacking.libraries.is_empty() {
        let list = bstr::join(", ", &lacking.libraries);
        return Some((PLUGIN_LIBRARY, format!("it needs {}, not to be found", list.as_bstr())));
    }
    // A server whose symbols cannot be seen may have them all.
    if let (Some(first), false) = (lacking.symbols.first(), server.exported.is_empty()) {
        let debug = lacking.symbols.iter().find(|symbol| is_of_debug_build(symbol));
        let more = lacking.symbols.len() - 1;
        let more = if more > 0 { format!(" (and {more} more)") } else { String::new() };
        return Some(
            match debug.filter(|_| asked.facts.as_ref().is_some_and(|facts| !facts.is_debug_build())) {
                Some(symbol) => {
                    let reason = format!(
                        "it is of a Debug build, the server of a Release build, which has no {symbol}{more}"
                    );
                    (PLUGIN_BUILD_TYPE, reason)
                }
                None => (PLUGIN_SYMBOL, format!("it needs the symbol {first}{more}, which nobody has")),
            },
        );
    }
    let declared = declared?;
    let major = declared.interface >> 8;
    let servers =
        if declared.maria { asked.built_in.as_ref().map(|s| s.interface >> 8) } else { Some(MYSQL_MAJOR) };
    if servers.is_some_and(|servers| servers > 0 && major != servers) {
        return Some((
            PLUGIN_ABI,
            format!("it is made for plugin interface {}", interface(declared.interface)),
        ));
    }
    let version = asked.facts.as_ref().map(|facts| &facts.version)?;
    let other = declared.plugins.iter().find_map(|plugin| api(plugin).filter(|api| api != version));
    other.map(|api| (PLUGIN_ABI, format!("it was compiled with the headers of server {api}")))
}
