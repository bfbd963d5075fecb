//! The sub-command: from its arguments to its exit code.

use std::ffi::OsString;
use std::io::Write as _;
use std::os::unix::ffi::OsStrExt as _;
use std::path::PathBuf;

use super::report::{Report, Severity};
use super::{build, libraries, options, server, system};
use crate::cli::settings::Settings;
use crate::env::Env;
use crate::error::{Error, Result};
use crate::tree::layout::{self, Layout};
use crate::tree::programs::Programs;

const USAGE: &str = "\
Usage: mtr-rs doctor [--basedir=DIR] [--json]

Tells what the server program is, which plugins it has and would load, and what of the system matters to tests.
Without --basedir it looks at the server that a test run from here would take.
The exit code is 0 if tests can be run, 1 if something has to be done first.
";

/// Runs the sub-command; returns 0 where tests can be run.
///
/// # Errors
/// Its arguments are wrong, or standard output cannot be written.
pub fn run(args: Vec<OsString>, env: &Env) -> Result<i32> {
    let mut settings = Settings::default();
    let mut json = false;
    let mut args = args.into_iter();
    while let Some(arg) = args.next() {
        match arg.as_bytes() {
            b"--json" => json = true,
            b"--help" | b"-h" | b"-?" => return print(USAGE).map(|()| 0),
            b"--basedir" => {
                let dir = args.next().ok_or_else(|| Error::new("--basedir needs a directory"))?;
                settings.basedir = Some(PathBuf::from(dir));
            }
            bytes => match bytes.strip_prefix(b"--basedir=") {
                Some(dir) => settings.basedir = Some(PathBuf::from(std::ffi::OsStr::from_bytes(dir))),
                None => {
                    let message = format!("mtr-rs doctor does not take '{}'", arg.to_string_lossy());
                    return Err(Error::new(message).hint("see mtr-rs doctor --help"));
                }
            },
        }
    }
    let report = examine(&settings, env);
    let text = if json {
        let text = serde_json::to_string_pretty(&report);
        text.map_err(|error| Error::new("cannot write the report").caused_by(error))? + "\n"
    } else {
        report.to_text()
    };
    print(&text)?;
    Ok(i32::from(!report.usable))
}

/// A reader that went away is no error.
fn print(text: &str) -> Result<()> {
    match std::io::stdout().lock().write_all(text.as_bytes()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(Error::new("cannot write to standard output").caused_by(error))
        }
        _ => Ok(()),
    }
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
        build::examine(&mut report, layout, &asked);
    }
    system::examine(&mut report, &programs, env);
    report.problems.sort_by_key(|problem| problem.severity);
    report.usable = report.problems.iter().all(|problem| problem.severity != Severity::Error);
    report
}
