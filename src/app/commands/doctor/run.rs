//! The sub-command: from its arguments to its exit code.

use std::path::PathBuf;

use super::report::{Report, Severity};
use super::server::Asked;
use super::{build, libraries, options, server, system};
use crate::cli::settings::Settings;
use crate::cli::sub_command::{CommandLine, Syntax};
use crate::env::Env;
use crate::error::{Error, Result};
use crate::sys::files::current_dir;
use crate::sys::streams::print;
use crate::tree::layout::{self, Layout};
use crate::tree::programs::Programs;

const HELP: &str = "\
Usage: mtr-rs doctor [--basedir=DIR] [--json]

Tells what the server program is, which plugins it has and would load, and what of the system matters to tests.
Without --basedir it looks at the server that a test run from here would take.
The exit code is 0 if tests can be run, 1 if something has to be done first, 2 for wrong arguments.
";

/// What the sub-command takes.
pub const SYNTAX: Syntax =
    Syntax { command: "doctor", help: HELP, flags: &["json"], valued: &["basedir"], paths: false };

/// Runs the sub-command; whether tests can be run.
///
/// # Errors
/// Standard output cannot be written.
pub fn run(given: CommandLine, env: &Env) -> Result<bool> {
    let basedir = given.value("basedir").map(PathBuf::from);
    let report = examine(&Settings { basedir, ..Settings::default() }, env);
    let text = if given.has("json") {
        let text = serde_json::to_string_pretty(&report);
        text.map_err(|error| Error::new("cannot write the report").caused_by(error))? + "\n"
    } else {
        report.to_text()
    };
    print(|out| out.write_all(text.as_bytes()))?;
    Ok(report.usable)
}

fn examine(settings: &Settings, env: &Env) -> Report {
    let mut report = Report::default();
    let program = std::env::current_exe().ok();
    let layout = match layout::locate(settings, env, program.as_deref()) {
        Ok(layout) => Some(layout),
        Err(error) => {
            let hint =
                error.hint_text().unwrap_or("name an installation or a build tree with --basedir").to_owned();
            report.problem(Severity::Error, error.message(), hint);
            None
        }
    };
    let layout = layout.as_ref();
    let programs = Programs::find(layout.unwrap_or(&Layout::default()), settings, env);
    if let Some(layout) = layout {
        let asked = server::examine(&mut report, layout, settings, env);
        libraries::examine(&mut report, layout, settings, env, &asked);
        options::examine(&mut report, layout, settings, env, &asked, &programs);
        let dirs = layout.build_dir.iter().chain([&layout.bindir, &layout.basedir]).cloned();
        build::examine(&mut report, &dirs.collect::<Vec<_>>(), &asked);
    } else {
        // A build tree may have no server for what its cache asks for.
        let named =
            settings.basedir.clone().into_iter().chain(env.non_empty("MTR_BINDIR").map(PathBuf::from));
        let around = current_dir().ok().filter(|_| settings.basedir.is_none());
        let around = around.iter().flat_map(|dir| dir.ancestors()).map(PathBuf::from);
        build::examine(&mut report, &named.chain(around).collect::<Vec<_>>(), &Asked::default());
    }
    system::examine(&mut report, &programs, env);
    report.problems.sort_by_key(|problem| problem.severity);
    report.usable = report.problems.iter().all(|problem| problem.severity != Severity::Error);
    report
}
