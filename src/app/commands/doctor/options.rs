//! What option files give to a server that is started without arguments.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use bstr::ByteSlice as _;

use super::report::{OptionFile, Report, Severity};
use super::server::Asked;
use crate::cli::settings::Settings;
use crate::env::Env;
use crate::sys::bounded;
use crate::tree::layout::Layout;
use crate::tree::programs::{Program, Programs};

/// Asks `my_print_defaults`, else the server itself.
pub fn examine(
    report: &mut Report,
    layout: &Layout,
    settings: &Settings,
    env: &Env,
    asked: &Asked,
    programs: &Programs,
) {
    let Some(facts) = &asked.facts else { return };
    report.options.files = facts
        .option_files
        .iter()
        .map(|file| {
            let path = match (file.strip_prefix("~/"), env.get("HOME")) {
                (Some(rest), Some(home)) => PathBuf::from(home).join(rest),
                _ => PathBuf::from(file),
            };
            OptionFile { exists: path.is_file(), path }
        })
        .collect();
    report.options.groups.clone_from(&facts.option_groups);

    let printer = programs.path(Program::PrintDefaults);
    let mut command = Command::new(printer.unwrap_or(&layout.mariadbd));
    match printer {
        Some(_) => command.args(&facts.option_groups),
        None => command.arg("--print-defaults"),
    };
    command
        .env_clear()
        .envs(env.iter())
        .env("LD_LIBRARY_PATH", layout.library_path(settings, env.get("LD_LIBRARY_PATH")))
        .stdin(Stdio::null());
    let name = printer.unwrap_or(&layout.mariadbd).display().to_string();
    match bounded::output(&mut command, settings.patience()) {
        Ok(output) if output.status.success() => {
            let lines = output.stdout.lines();
            let lines = lines.filter(|line| printer.is_some() || line.starts_with(b"--"));
            report.options.effective = lines.map(|line| line.as_bstr().to_string()).collect();
        }
        Ok(output) => {
            let said = output.stderr.trim().as_bstr();
            report.problem(
                Severity::Warning,
                format!("the option files cannot be read: {said}"),
                format!("see {name}"),
            );
        }
        Err(error) => {
            report.problem(Severity::Warning, format!("cannot run {name}: {error}"), "see its permissions")
        }
    }
}
