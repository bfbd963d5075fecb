//! Plugins: not there, not of this server, not allowed, not initialised (runner §9.2).
//!
//! A server without a plugin goes on, so these are setbacks; where an option, an engine or `FORCE` makes the plugin
//! necessary, they are what ended it.

use bstr::{BStr, BString, ByteSlice};

use crate::triage::catalogue::{
    Cause, PLUGIN_ABI, PLUGIN_BUILD_TYPE, PLUGIN_BUILT_IN, PLUGIN_INIT, PLUGIN_LIBRARY, PLUGIN_MATURITY,
    PLUGIN_MISSING, PLUGIN_NOT_A_PLUGIN, PLUGIN_NOT_IN_LIBRARY, PLUGIN_SYMBOL, Rank, UNKNOWN_VARIABLE,
};
use crate::triage::collect::plugins::{belongs, stem};
use crate::triage::files::{Access, absolute, denied_by};
use crate::triage::finding::Finding;
use crate::triage::finding::Rule;
use crate::triage::log::{Entry, Level};
use crate::triage::plugin_words::{api, interface, is_of_debug_build, maturity};
use crate::triage::rules::plugin_failure::{
    Failure, failures, file_name, lower, owner, unknown_option, written,
};
use crate::triage::scene::Scene;

/// The rules of this file. A plugin that failed to load comes before its options being unknown, which follows from it.
pub const RULES: &[Rule] = &[
    |scene| loading(scene, PLUGIN_MISSING),
    |scene| loading(scene, PLUGIN_SYMBOL),
    |scene| loading(scene, PLUGIN_BUILD_TYPE),
    |scene| loading(scene, PLUGIN_ABI),
    |scene| loading(scene, PLUGIN_MATURITY),
    |scene| loading(scene, PLUGIN_BUILT_IN),
    |scene| loading(scene, PLUGIN_NOT_IN_LIBRARY),
    |scene| loading(scene, PLUGIN_NOT_A_PLUGIN),
    |scene| loading(scene, PLUGIN_LIBRARY),
    empty_load,
    not_loaded,
    initialisation,
];

pub use crate::triage::rules::plugin_failure::library_of_option;

/// What is wrong with one library.
struct Verdict {
    cause: &'static Cause,
    /// Goes on after `the plugin library 'x.so' `.
    text: BString,
    fix: Option<BString>,
    /// What its file tells.
    seen: Vec<BString>,
}

impl Verdict {
    fn new(cause: &'static Cause, text: impl Into<BString>) -> Self {
        Verdict { cause, text: text.into(), fix: None, seen: Vec::new() }
    }

    fn fix(mut self, fix: impl Into<BString>) -> Self {
        self.fix = Some(fix.into());
        self
    }

    fn seen(mut self, seen: impl Into<BString>) -> Self {
        self.seen.push(seen.into());
        self
    }
}

/// What loading a library failed of, if it is this cause; of several failures the one that ended the server.
fn loading<'a>(scene: &Scene<'a>, cause: &'static Cause) -> Option<Finding<'a>> {
    let judged = failures(scene).into_iter().map(|failure| {
        let ended = failure.ended_by(scene);
        (cause_of(scene, &failure), failure, ended)
    });
    let fitting: Vec<_> = judged.filter(|(verdict, ..)| verdict.cause == cause).collect();
    let (verdict, failure, ended) =
        fitting.iter().find(|(_, _, ended)| ended.is_some()).or(fitting.first())?;
    let asked = failure.asked_by(scene);
    let asked = if asked.is_empty() { asked } else { format!(", which {asked} asks for,").into() };
    let mut text = format!("the plugin library '{}'{asked} {}", failure.library, verdict.text);
    if let Some(entry) = ended {
        let without = if failure.owns(entry) {
            "; without it"
        } else {
            "; without it, and what the list names after it,"
        };
        text += without;
        text += &match (unknown_option(entry), entry.after("storage engine: ")) {
            (Some(word), _) => format!(" the server does not know '{word}'"),
            (None, Some(engine)) => format!(" there is no storage engine {engine}"),
            (None, None) => " there is no encryption".into(),
        };
    }
    let mut finding = Finding::new(cause, text)
        .quoting(failure.entries.iter().copied().chain(*ended))
        .blaming(failure.argument(scene));
    finding.fix = verdict.fix.as_ref().map(|fix| without(scene, fix, failure, *ended).into());
    finding = verdict.seen.iter().fold(finding, |finding, seen| finding.seen(seen.clone()));
    // Without one of these lines the server may have died of something else.
    if ended.is_some() {
        return Some(finding.fatal());
    }
    // An engine that is unknown for another reason is what ended it.
    let engine = scene.errors().find_map(|entry| entry.after("storage engine: "));
    if engine.is_some_and(|engine| WITH_FILES.iter().all(|own| engine != *own)) {
        finding.rank = Rank::Consequence;
    }
    Some(finding.likely())
}

/// What to change, and as another way to do without the plugin and the option that needs it.
fn without(scene: &Scene<'_>, fix: &BString, failure: &Failure<'_>, ended: Option<Entry<'_>>) -> String {
    // What is to be written or permitted is enough.
    let enough = ["write ", "did you mean ", ": chmod "].iter().any(|words| fix.contains_str(words));
    let at = failure.argument(scene).filter(|_| !enough);
    let text = scene.or_remove(fix, at);
    let needs = ended.and_then(|entry| written(scene, unknown_option(&entry)?)).filter(|_| at.is_some());
    match needs.and_then(|needs| scene.own(Some(needs))) {
        Some(own) => format!("{text} and {own}{}", scene.blame_argument(needs).place()),
        None => text,
    }
}

/// Looks at what the server says first, then at what the loader says, then at the file.
fn cause_of(scene: &Scene<'_>, failure: &Failure<'_>) -> Verdict {
    refused(scene, failure)
        .or_else(|| wrong_name(scene, failure))
        .or_else(|| foreign(scene, failure))
        .or_else(|| unresolved(scene, failure))
        .or_else(|| other_library(failure))
        .or_else(|| absent(scene, failure))
        .unwrap_or_else(|| {
            let text = format!("cannot be loaded: {}", failure.reason);
            Verdict::new(PLUGIN_NOT_A_PLUGIN, text).fix("these are the words of the system's loader")
        })
}

fn says(failure: &Failure<'_>, words: &[&str]) -> bool {
    words.iter().any(|word| failure.reason.contains_str(word))
}

/// The server could load it and would not have it.
fn refused(scene: &Scene<'_>, failure: &Failure<'_>) -> Option<Verdict> {
    let declared = failure.file.and_then(|file| file.declared.as_ref());
    if says(failure, &["plugin-maturity", "plugin_maturity"]) {
        let demanded = failure.reason.rsplit_once_str("=").map_or(&b""[..], |(_, level)| level).as_bstr();
        let words: Vec<&[u8]> = failure.reason.fields().collect();
        let own = words.iter().position(|word| *word == b"plugin");
        let own =
            own.and_then(|at| words.get(at.checked_sub(1)?)).map_or("", |word| word.to_str().unwrap_or(""));
        let given = scene.given("plugin-maturity").map(|given| format!(" ({})", scene.origin(&given)));
        let place = given.clone().unwrap_or_default();
        let given = given.unwrap_or_else(|| " (the server's default)".into());
        let text =
            format!("has a plugin of maturity {own}, and --plugin-maturity={demanded}{given} wants more");
        let lowest =
            declared.and_then(|d| d.plugins.iter().map(|plugin| plugin.maturity).min()).map(maturity);
        return Some(
            Verdict::new(PLUGIN_MATURITY, text)
                .fix(format!("write --plugin-maturity={}{place}", lowest.unwrap_or(own))),
        );
    }
    if !says(failure, &["version mismatch", "API version", "interface version", "different version"]) {
        return None;
    }
    let server =
        scene.evidence.built_in.as_ref().map(|server| server.interface).filter(|version| *version > 0);
    let verdict = Verdict::new(PLUGIN_ABI, format!("was made for another server: {}", failure.reason)).fix(
        "build it against the headers of this very server, or install the plugin package of its version",
    );
    let Some(declared) = declared else { return Some(verdict) };
    let told = |version: u32| {
        if declared.maria { interface(version) } else { format!("MySQL's {}", interface(version)) }
    };
    let server = server.map(|version| format!(", the server has {}", interface(version))).unwrap_or_default();
    let verdict =
        verdict.seen(format!("{}: plugin interface {}{server}", failure.library, told(declared.interface)));
    let apis = declared.plugins.iter().filter_map(|plugin| Some((plugin, api(plugin)?)));
    Some(apis.fold(verdict, |verdict, (plugin, version)| {
        verdict.seen(format!("plugin '{}' was compiled with the headers of server {version}", plugin.name))
    }))
}

/// The library is all right, and the plugin is not in it or is there already.
fn wrong_name(scene: &Scene<'_>, failure: &Failure<'_>) -> Option<Verdict> {
    let named = failure.complaint.quoted().first().copied()?;
    // Complaints about the file name it; these name a plugin or a symbol.
    if named.ends_with(b".so") {
        return None;
    }
    if named.starts_with(b"_") && (named.contains_str("_plugin_") || named.contains_str("sizeof")) {
        let text = format!("is no plugin: it does not have the symbol '{named}'");
        return Some(
            Verdict::new(PLUGIN_NOT_A_PLUGIN, text)
                .fix("a plugin ends with maria_declare_plugin_end; a client plugin is not for the server"),
        );
    }
    let declared = failure.file.and_then(|file| file.declared.as_ref());
    let inside: Vec<&BStr> =
        declared.iter().flat_map(|declared| &declared.plugins).map(|plugin| plugin.name.as_bstr()).collect();
    let same = |one: &&BStr| lower(one) == lower(named);
    let exists = failure.complaint.says("already") || inside.iter().any(same);
    if exists {
        return Some(if is_built_in(scene, &lower(named)) {
            Verdict::new(PLUGIN_BUILT_IN, format!("has the plugin '{named}', which is built into the server"))
                .fix("do not load it: the server has it")
        } else {
            Verdict::new(PLUGIN_BUILT_IN, format!("has the plugin '{named}', which was loaded before")).fix(
                "load it once: an option file, the command line or the table mysql.plugin names it as well",
            )
        });
    }
    failure.plugin.is_some_and(|plugin| plugin == named).then(|| {
        let list = bstr::join(", ", &inside);
        let verdict = Verdict::new(PLUGIN_NOT_IN_LIBRARY, format!("has no plugin '{named}'"));
        match inside.first() {
            Some(first) => verdict
                .fix(format!("write {first}={} or only {}", failure.library, failure.library))
                .seen(format!("{}: has the plugins {}", failure.library, list.as_bstr())),
            None => verdict.fix(format!("write only {}: then all its plugins are loaded", failure.library)),
        }
    })
}

fn is_built_in(scene: &Scene<'_>, plugin: &BString) -> bool {
    let built_in = scene.evidence.built_in.as_ref();
    built_in.is_some_and(|server| server.plugins.iter().any(|one| lower(one.name.as_bstr()) == *plugin))
        || scene
            .evidence
            .facts
            .as_ref()
            .is_some_and(|facts| facts.optional_plugins.iter().any(|one| one.as_bytes() == plugin.as_bytes()))
}

/// What the loader says of files that are no libraries, or not for this machine.
const FOREIGN: [&str; 12] = [
    "invalid ELF header",
    "file too short",
    "wrong ELF class",
    "ELF load command",
    "ELF file",
    "only ET_DYN",
    "Exec format error",
    "cannot read file data",
    "Is a directory",
    "object file has no",
    "cannot dynamically load",
    "not a valid",
];

/// The file is no library of this machine. The loader of some systems says "No such file" of a library that is there
/// and is for another machine: its own eyes see more.
fn foreign(scene: &Scene<'_>, failure: &Failure<'_>) -> Option<Verdict> {
    let file = failure.file.filter(|file| file.exists);
    let elf = file.and_then(|file| file.elf.as_ref());
    if let (Some(elf), Some(server)) = (elf, &scene.evidence.elf)
        && (elf.machine != server.machine || elf.bits != server.bits)
    {
        let text = format!(
            "is for {} ({} bits), and the server for {} ({} bits)",
            elf.machine, elf.bits, server.machine, server.bits
        );
        let fix = format!("put a library for {} in its place", server.machine);
        return Some(Verdict::new(PLUGIN_NOT_A_PLUGIN, text).fix(fix));
    }
    let told = says(failure, &FOREIGN);
    let unreadable = says(failure, &["Permission denied"]);
    let no_elf = file.is_some() && elf.is_none() && says(failure, &["cannot open", "No such file"]);
    let not_loadable = elf.is_some_and(|elf| !elf.loadable);
    if unreadable || !(told || no_elf || not_loadable) {
        return None;
    }
    let what = if not_loadable { "is an ELF file and no shared library" } else { "is no shared library" };
    let text = format!("{what}: {}", failure.reason);
    Some(
        Verdict::new(PLUGIN_NOT_A_PLUGIN, text)
            .fix("build or install it anew: the file may be cut or something else"),
    )
}

/// The symbol of `undefined symbol: foo`, `foo: symbol not found`.
fn symbol<'a>(failure: &Failure<'a>) -> Option<&'a BStr> {
    let reason = failure.reason;
    let ends = |rest: &'a [u8]| {
        rest.fields_with(|c| c == ',' || c == ' ' || c == '(').next().map(ByteSlice::as_bstr)
    };
    for words in ["undefined symbol: ", "Symbol not found: ", "symbol lookup error: "] {
        if let Some((_, rest)) = reason.split_once_str(words) {
            return ends(rest);
        }
    }
    let (before, _) = reason.split_once_str(": symbol not found")?;
    before.fields().last().map(ByteSlice::as_bstr)
}

/// Runtimes that a whole program is built with.
const INSTRUMENTED: [(&str, &str); 7] = [
    ("__asan_", "AddressSanitizer"),
    ("__ubsan_", "UndefinedBehaviorSanitizer"),
    ("__tsan_", "ThreadSanitizer"),
    ("__msan_", "MemorySanitizer"),
    ("__lsan_", "LeakSanitizer"),
    ("__gcov_", "gcov"),
    ("__llvm_profile", "LLVM's coverage"),
];

fn unresolved(scene: &Scene<'_>, failure: &Failure<'_>) -> Option<Verdict> {
    let told = symbol(failure);
    let known: &[BString] = failure.file.map_or(&[], |file| &file.unresolved);
    let symbol = told.map(|told| {
        // The message cuts long names.
        known.iter().find(|symbol| symbol.starts_with(told)).map_or(told, |symbol| symbol.as_bstr())
    })?;
    let server_debug = scene.evidence.facts.as_ref().is_some_and(|facts| facts.is_debug_build())
        || scene.evidence.elf.as_ref().is_some_and(|elf| elf.exported.iter().any(|s| s.starts_with(b"_db_")));
    let elf = failure.file.and_then(|file| file.elf.as_ref());
    let plugin_debug = is_of_debug_build(symbol) || known.iter().any(|symbol| is_of_debug_build(symbol));
    let release = elf.is_some_and(|elf| !elf.undefined.iter().any(|symbol| is_of_debug_build(symbol)));
    let same = "build server and plugin with the same CMAKE_BUILD_TYPE, or take both from the same package";
    let verdict = if plugin_debug && !server_debug {
        let text = format!("is of a Debug build, the server of a Release build, which has no '{symbol}'");
        Verdict::new(PLUGIN_BUILD_TYPE, text).fix(same)
    } else if let Some((_, runtime)) =
        INSTRUMENTED.iter().find(|(start, _)| symbol.starts_with(start.as_bytes()))
    {
        let text = format!("is built with {runtime}, the server without, which has no '{symbol}'");
        Verdict::new(PLUGIN_SYMBOL, text).fix(format!("build both with {runtime}, or none"))
    } else if server_debug && release {
        let text = format!("is of a Release build, the server of a Debug build, which has no '{symbol}'");
        Verdict::new(PLUGIN_BUILD_TYPE, text).fix(same)
    } else {
        let text = format!("needs the symbol '{symbol}', which neither the server nor a library of it has");
        Verdict::new(PLUGIN_SYMBOL, text).fix(
            "build it with the sources and options of this very server; link it with the library that has the symbol",
        )
    };
    if known.len() < 2 {
        return Some(verdict);
    }
    let shown: Vec<&BStr> = known.iter().take(5).map(|symbol| symbol.as_bstr()).collect();
    let more = if known.len() > shown.len() { ", …" } else { "" };
    let list = bstr::join(", ", shown);
    let seen = format!("{}: {} symbols are nowhere: {}{more}", failure.library, known.len(), list.as_bstr());
    Some(verdict.seen(seen))
}

/// Another library, which the plugin needs, is missing or too old.
fn other_library(failure: &Failure<'_>) -> Option<Verdict> {
    let reason = failure.reason;
    let missing = reason
        .split_once_str(": cannot open shared object file")
        .map(|(before, _)| before)
        .or_else(|| Some(reason.split_once_str("Error loading shared library ")?.1.split_once_str(":")?.0))
        .or_else(|| reason.split_once_str("Library not loaded: ")?.1.fields().next())
        .map(|library| file_name(library.as_bstr()))
        .filter(|library| *library != failure.library);
    let absent: &[BString] = failure.file.map_or(&[], |file| &file.absent);
    if let Some(library) = missing {
        let mut verdict =
            Verdict::new(PLUGIN_LIBRARY, format!("needs the library '{library}', which is not there")).fix(
                format!("install the package that has {library}, or name its directory in LD_LIBRARY_PATH"),
            );
        if absent.len() > 1 {
            let list = bstr::join(", ", absent);
            verdict = verdict.seen(format!("{}: missing libraries: {}", failure.library, list.as_bstr()));
        }
        return Some(verdict);
    }
    // `/lib/libc.so.6: version `GLIBC_2.38' not found (required by /x.so)`.
    let (library, rest) = reason.split_once_str(": version `")?;
    let (version, _) = rest.split_once_str("'")?;
    let library = file_name(library.as_bstr());
    let text = format!(
        "needs version {} of the library '{library}', which this system's is too old for",
        version.as_bstr()
    );
    Some(Verdict::new(PLUGIN_LIBRARY, text).fix("build it on this system, or for it"))
}

/// The file is not there, or may not be read.
fn absent(scene: &Scene<'_>, failure: &Failure<'_>) -> Option<Verdict> {
    let library = failure.library;
    if says(failure, &["No paths allowed"]) {
        let text = "is named with a directory, and the server takes plugins only from --plugin-dir";
        return Some(Verdict::new(PLUGIN_MISSING, text).fix(format!("write only {library}")));
    }
    if says(failure, &["Permission denied"]) {
        let file = failure.file.map(|file| file.path.clone()).or_else(|| {
            let path = failure.complaint.quoted().first().copied().filter(|path| path.starts_with(b"/"))?;
            Some(absolute(scene, path))
        });
        if let Some((why, fix)) = file.and_then(|file| denied_by(scene, &file, Access::Read)) {
            return Some(Verdict::new(PLUGIN_MISSING, format!("may not be read: {why}")).fix(fix));
        }
        let text = format!("may not be read: {}", failure.reason);
        return Some(
            Verdict::new(PLUGIN_MISSING, text).fix("make it readable for the user that the server runs as"),
        );
    }
    let gone = failure.file.is_some_and(|file| !file.exists);
    if !gone && !says(failure, &["cannot open", "No such file", "not found", "Datei", "introuvable"]) {
        return None;
    }
    for plugin in failure.names() {
        if is_built_in(scene, &plugin) {
            let text =
                format!("is not there, and need not be: the plugin '{plugin}' is built into the server");
            return Some(Verdict::new(PLUGIN_BUILT_IN, text).fix("do not load it: the server has it"));
        }
    }
    let path = failure.complaint.quoted().first().copied().filter(|path| path.starts_with(b"/"));
    let dir = path.and_then(|path| path.rsplit_once_str("/")).map(|(dir, _)| dir.as_bstr().to_owned());
    let dir = dir.or_else(|| Some(failure.file?.path.parent()?.as_os_str().as_encoded_bytes().into()));
    let dir = dir.unwrap_or_else(|| "the plugin directory".into());
    let mut verdict = Verdict::new(PLUGIN_MISSING, format!("is not in {dir}"));
    if let Some(given) = scene.given("plugin-dir") {
        verdict.text.extend_from_slice(format!(" (plugin-dir from {})", scene.origin(&given)).as_bytes());
    }
    let similar: &[BString] = failure.file.map_or(&[], |file| &file.similar);
    Some(match similar.first() {
        Some(similar) => {
            let asked = failure.argument(scene).and_then(|at| scene.own(Some(at)));
            // It may be written without its ending.
            let bare = |library: &[u8]| library.strip_suffix(b".so").unwrap_or(library).to_vec();
            let mended = asked.map(|asked| asked.replace(bare(failure.library), bare(similar)));
            let write = mended.map(|option| format!(" Write {}", option.as_bstr())).unwrap_or_default();
            verdict.fix(format!("did you mean {similar}, which is there?{write}"))
        }
        None => verdict.fix("install or build the plugin, correct the name, or set --plugin-dir"),
    })
}

/// `--plugin-load-add=` without a library: the variable in it was empty, because the runner found no such plugin.
fn empty_load<'a>(scene: &Scene<'a>) -> Option<Finding<'a>> {
    let (entry, word) = scene.errors().find_map(|entry| Some((entry, unknown_option(&entry)?)))?;
    if library_of_option(scene, word).is_some() {
        return None;
    }
    let option = lower(word);
    let of_option = |variable: &BString| {
        let library = variable.strip_suffix(b"_SO").unwrap_or(variable);
        belongs(&option, &stem(library.as_bstr()))
    };
    let empty = &scene.evidence.empty_loads;
    let sure = empty.iter().find(|(_, variable)| variable.as_ref().is_some_and(of_option));
    let (at, variable) = sure.or(empty.first())?;
    let named =
        variable.as_ref().map(|variable| format!(", where ${variable} is empty,")).unwrap_or_default();
    let text = format!("{}{named} names no library, and the server does not know '{word}'", scene.cite(*at));
    let fix =
        "build or install the plugin: the variable is empty where the plugin directory has no such library";
    let finding = Finding::new(PLUGIN_MISSING, text).quoting([entry]).blaming(Some(*at)).fix(fix);
    Some(if sure.is_some() { finding.fatal() } else { finding.likely() })
}

/// An option of a plugin that is neither built in nor asked for.
fn not_loaded<'a>(scene: &Scene<'a>) -> Option<Finding<'a>> {
    let (entry, word) = scene.errors().find_map(|entry| Some((entry, unknown_option(&entry)?)))?;
    let option = lower(word);
    if failures(scene).iter().any(|failure| failure.ended_by(scene).is_some()) {
        return None;
    }
    let at = written(scene, word);
    let origin = scene.blame_argument(at).place();
    let bare = word.trim_start_with(|c| c == '-').as_bstr();
    if let Some((file, plugin)) = owner(scene, &option) {
        let text = format!(
            "the option '{word}'{origin} is of the plugin '{plugin}', which the server has neither built in nor loaded"
        );
        let fix = format!(
            "write --plugin-load-add={} as well, or --loose-{bare} if servers without it are to start all the same",
            file.wanted
        );
        let finding = Finding::new(UNKNOWN_VARIABLE, text).quoting([entry]).blaming(at).fix(fix);
        return Some(finding.seen(format!("{} is there and has this option", file.path.display())).fatal());
    }
    // Only the switch of a plugin takes these words.
    let switch = word.rsplit_once_str("=").map(|(_, value)| value)?;
    if !switch.eq_ignore_ascii_case(b"force") && !switch.eq_ignore_ascii_case(b"force_plus_permanent") {
        return None;
    }
    let text = format!(
        "no plugin '{option}' is built into the server or loaded, and '{word}'{origin} insists on it"
    );
    let fix = format!(
        "load its library with --plugin-load-add, build it in (-DPLUGIN_{}=STATIC), or write --loose-{bare}",
        option.replace("-", "_").to_ascii_uppercase().as_bstr()
    );
    Some(Finding::new(PLUGIN_NOT_IN_LIBRARY, text).quoting([entry]).blaming(at).fix(fix).fatal())
}

/// Engines whose initialisation fails for reasons of their files, which have rules of their own.
const WITH_FILES: [&str; 2] = ["InnoDB", "Aria"];

fn initialisation<'a>(scene: &Scene<'a>) -> Option<Finding<'a>> {
    let failed = |entry: &Entry<'a>| {
        entry.level == Level::Error
            && entry.message.starts_with(b"Plugin '")
            && ["registration as a ", "init function returned error", "initialization failed"]
                .iter()
                .any(|words| entry.says(words))
            && entry
                .between("Plugin '", "'")
                .is_some_and(|plugin| WITH_FILES.iter().all(|own| plugin != *own))
    };
    let all: Vec<Entry<'a>> = scene.log.iter().copied().filter(failed).collect();
    // The one that the server insists on, else the first.
    let insists = |entry: &&Entry<'a>| {
        let plugin = entry.between("Plugin '", "'").map(lower);
        plugin.and_then(|plugin| forced(scene, &plugin)).is_some()
    };
    let entry = all.iter().find(insists).or(all.first())?;
    let plugin = entry.between("Plugin '", "'")?;
    let first = all.iter().find(|one| one.between("Plugin '", "'") == Some(plugin))?;
    // What the plugin says itself stands right before.
    let before = scene.log.iter().rev().find(|one| one.line + 1 == first.line && one.level == Level::Error);
    let before = before.filter(|one| !one.message.starts_with(b"Plugin '") && !one.says("load plugin"));
    let why = before.map(|one| format!(": {}", one.message)).unwrap_or_default();
    let at = forced(scene, &lower(plugin));
    let gave_up = scene.error(&["Failed to initialize plugins"]);
    let text = match at.filter(|_| gave_up.is_some()) {
        Some(at) => {
            format!("the plugin '{plugin}', which {} insists on, failed to initialise{why}", scene.cite(at))
        }
        None => format!("the plugin '{plugin}' failed to initialise{why}"),
    };
    let of_plugin = all.iter().copied().filter(|one| one.between("Plugin '", "'") == Some(plugin));
    let finding = Finding::new(PLUGIN_INIT, text)
        .quoting(before.copied().into_iter().chain(of_plugin).chain(gave_up))
        .blaming(at)
        .fix(format!(
            "mend what the plugin complains of, or let the server start without it: --{}=ON",
            lower(plugin)
        ));
    let insisted = gave_up.is_some() && at.is_some();
    let engine = scene.errors().find_map(|entry| entry.after("storage engine: "));
    let needed = engine.is_some_and(|engine| lower(engine) == lower(plugin))
        || scene.error(&["encryption plugin is not available", "cannot enable encryption"]).is_some();
    let mut finding = if insisted { finding } else { finding.likely() };
    if !insisted && !needed {
        // The server went on, or the reason has a cause of its own.
        finding.rank = Rank::Consequence;
    }
    Some(finding)
}

/// The argument `--PLUGIN=FORCE` or `=FORCE_PLUS_PERMANENT`.
fn forced(scene: &Scene<'_>, plugin: &BString) -> Option<usize> {
    let at = scene.argument(plugin.to_str().ok()?)?;
    let (_, value) = scene.evidence.argv[at].text.split_once_str("=")?;
    value.to_ascii_lowercase().starts_with(b"force").then_some(at)
}

#[cfg(test)]
mod tests;
