//! The server program.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use bstr::ByteSlice as _;

use super::report::{Report, Server, Severity};
use crate::cli::settings::Settings;
use crate::env::Env;
use crate::grammar::sanitizer_options::VARIABLES;
use crate::tree::layout::Layout;
use crate::tree::probe::{self, ServerFacts};
use crate::triage::collect::libraries::Libraries;
use crate::triage::collect::{declarations, elf};
use crate::triage::evidence::{Declared, ElfFacts};

/// What the server says of itself, and what its file tells.
#[derive(Default)]
pub struct Asked {
    /// The answer to `--verbose --help`; `None` where the server does not run.
    pub facts: Option<ServerFacts>,
    /// The program file.
    pub elf: Option<ElfFacts>,
    /// Plugins that are built in, where the file tells.
    pub built_in: Option<Declared>,
}

/// Asks the server.
pub fn examine(report: &mut Report, layout: &Layout, settings: &Settings, env: &Env) -> Asked {
    let program = &layout.mariadbd;
    let facts = match probe::probe(layout, settings, env, Path::new("/nonexistent")) {
        Ok(facts) => Some(facts),
        Err(error) => {
            let cause =
                std::error::Error::source(&error).map(|cause| format!(": {cause}")).unwrap_or_default();
            let hint = "run it with --verbose --help to see what it says";
            report.problem(
                Severity::Error,
                format!("the server does not run: {}{cause}", error.message()),
                hint,
            );
            None
        }
    };
    let elf = elf::facts(program);
    let library_path = layout.library_path(settings, env.get("LD_LIBRARY_PATH"));
    if let (None, Some(elf)) = (&facts, &elf) {
        let lacking = Libraries::of_system(Some(library_path.as_bytes())).lacking(elf, &ElfFacts::default());
        for library in lacking.libraries {
            let text = format!("the server needs the library {library}, which is not there");
            report.problem(Severity::Error, text, "install the package that has it, or set LD_LIBRARY_PATH");
        }
    }
    let known = facts.as_ref();
    report.server = Some(Server {
        program: program.clone(),
        version: known.map(|facts| facts.version.clone()),
        suffix: known.map(|facts| facts.suffix.clone()).unwrap_or_default(),
        build_type: known.map(|facts| if facts.is_debug_build() { "Debug" } else { "Release" }),
        machine: elf.as_ref().map(|elf| elf.machine.clone()).unwrap_or_default(),
        sanitizers: elf.as_ref().map(|elf| elf.sanitizers.clone()).unwrap_or_default(),
        basedir: layout.basedir.clone(),
        test_dir: layout.test_dir.clone(),
        bundled_tests: layout.bundled,
    });
    if layout.bundled {
        let hint = "install MariaDB's tests (Debian, Ubuntu: mariadb-test), or name a tree with --basedir";
        report.problem(Severity::Warning, "MariaDB's own tests are not there", hint);
    }
    foreign_preload(report, env, elf.as_ref());
    Asked { facts, built_in: declarations::built_in(program), elf }
}

/// `ASAN_OPTIONS` for a server that has no AddressSanitizer are a hope that fails silently.
fn foreign_preload(report: &mut Report, env: &Env, elf: Option<&ElfFacts>) {
    let Some(elf) = elf else { return };
    let preload = env.get("LD_PRELOAD").map(OsStr::as_bytes).unwrap_or_default();
    // AddressSanitizer finds leaks as well.
    for (variable, sanitizer) in VARIABLES.into_iter().filter(|(_, sanitizer)| *sanitizer != "lsan") {
        let there = elf.sanitizers.contains(&sanitizer) || preload.contains_str(sanitizer);
        if env.non_empty(variable).is_some() && !there {
            report.problem(
                Severity::Warning,
                format!("{variable} is set, and the server is built without {sanitizer}"),
                format!(
                    "build the server with it (-DWITH_{}=ON), or unset {variable}",
                    sanitizer.to_uppercase()
                ),
            );
            if let Some(problem) = report.problems.last_mut() {
                problem.code = Some("MTR-S099");
            }
        }
    }
}
