//! What follows from the options taken together: conflicts, and settings that imply others.
//!
//! The steps stand in the order of the reference (spec §1.4), because the first conflict is the
//! one that is told, and because some of them overwrite what an earlier one set. The steps that
//! need to know the tree or the server are the caller's.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;

use bstr::{BString, ByteSlice};

use super::option::DebuggerKind;
use super::settings::{DebuggerChoice, Parallel, Settings};
use super::table::{is_core_format, is_core_method};
use crate::{Error, Result};

/// A debugger option on the command line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct DebuggerUse {
    /// The option without dashes: `client-gdb`, `ktrace`.
    pub option: &'static str,
    pub kind: DebuggerKind,
    /// The debugger; aliases resolved.
    pub name: &'static str,
    pub args: BString,
}

impl DebuggerUse {
    /// Adds this use; the same option given before is forgotten.
    pub fn replace_in(self, uses: &mut Vec<DebuggerUse>) {
        uses.retain(|known| known.option != self.option);
        uses.push(self);
    }

    /// A person sits in front of it, so time-outs must be generous.
    fn is_interactive(&self) -> bool {
        self.kind == DebuggerKind::Manual
            || matches!(self.name, "gdb" | "ddd" | "dbx" | "lldb" | "valgdb" | "devenv" | "windbg")
    }
}

/// Checks `settings` for conflicts and fills in what they imply.
pub(super) fn derive(settings: &mut Settings, debuggers: &[DebuggerUse]) -> Result<()> {
    if !settings.names.is_empty() {
        settings.big_test = 1;
    }
    places(settings)?;
    if settings.fast {
        settings.shutdown_timeout = 0;
    }
    if settings.parallel == Some(Parallel::Fixed(0)) {
        return Err(Error::new("0 or negative parallel value makes no sense, use 'auto' or positive number"));
    }
    if settings.record {
        if settings.names.is_empty() {
            return Err(Error::new("Will not run in record mode without a specific test case")
                .hint("name the tests whose result files are to be written"));
        }
        settings.parallel = Some(Parallel::Fixed(1));
    }
    if settings.embedded_server && settings.using_extern() {
        return Err(Error::new("Can't use --extern with --embedded-server"));
    }
    if settings.debug {
        settings.testcase_timeout = 7 * 24 * 60;
        settings.suite_timeout = 7 * 24 * 60;
        settings.retry = 1;
        settings.retry_failure = 1;
    }
    start_modes(settings)?;
    timeouts(settings)?;
    // After the time-outs of `--debug`: the reference does not give them to this option.
    settings.debug |= settings.debug_common;
    if !is_core_format(&settings.print_core) {
        return Err(Error::new(format!("Wrong value for --print-core: {}", settings.print_core))
            .hint("use short, medium, detailed, custom:COMMANDS or no"));
    }
    if !is_core_method(&settings.print_method) {
        return Err(Error::new(format!("Wrong value for --print-method: {}", settings.print_method))
            .hint("use gdb, dbx, lldb or auto"));
    }
    server_environment(settings)?;
    use_debuggers(settings, debuggers)
}

/// `--gcov` and `--gprof` need the source; whether there is one is known when the tree was found.
///
/// # Errors
///
/// The reference's message, if coverage is asked for in an installed tree (spec §1.4 step 6).
pub fn check_coverage(settings: &Settings, in_source_tree: bool) -> Result<()> {
    if (settings.gcov || settings.gprof) && !in_source_tree {
        return Err(Error::new("Coverage test needs the source - please use source dist"));
    }
    Ok(())
}

/// The lines that say which of the servers' options the run takes note of (spec §1.3, `--mysqld`).
pub fn announcements(settings: &Settings) -> Vec<String> {
    let mut lines = Vec::new();
    for option in &settings.mysqld {
        let format = value_after(option, "binlog-format=").or_else(|| value_after(option, "binlog_format="));
        lines.extend(format.map(|format| format!("Using binlog format '{format}'")));
    }
    for option in &settings.mysqld {
        let engine = value_after(option, "default-storage-engine=");
        lines.extend(engine.map(|engine| format!("Using default engine '{engine}'")));
    }
    lines
}

/// The text after `key` up to the first white space, if there is some.
fn value_after(option: &BString, key: &str) -> Option<String> {
    let value = &option[option.find(key)? + key.len()..];
    let value = value.split(u8::is_ascii_whitespace).next().filter(|value| !value.is_empty())?;
    Some(value.to_str_lossy().into_owned())
}

fn places(settings: &mut Settings) -> Result<()> {
    if settings.mem.is_some() {
        for (other, given) in [("vardir", settings.vardir.is_some()), ("tmpdir", settings.tmpdir.is_some())] {
            if given {
                return Err(Error::new(format!("Can't use --mem and --{other} at the same time"))
                    .hint("the environment variable MTR_MEM counts as --mem"));
            }
        }
    }
    if let Some(tmpdir) = settings.tmpdir.take() {
        let mut bytes = tmpdir.into_os_string().into_vec();
        while bytes.len() > 1 && bytes.ends_with(b"/") {
            bytes.pop();
        }
        settings.tmpdir = Some(OsString::from_vec(bytes).into());
    }
    Ok(())
}

fn start_modes(settings: &mut Settings) -> Result<()> {
    let named = settings.suite.is_some() || !settings.names.is_empty();
    if settings.user_args {
        if !settings.start_only() {
            return Err(Error::new("--user-args only valid with --start options"));
        }
        if named {
            return Err(Error::new("--user-args cannot be combined with named suites or tests"));
        }
    }
    if settings.wait_all && !settings.start_only() {
        return Err(Error::new("--wait-all can only be used with --start options"));
    }
    if let Some(args) = &mut settings.stress {
        if named {
            return Err(Error::new("--stress cannot be combined with named ordinary suites or tests"));
        }
        *args = args.replace(",", " ").into();
        settings.user_args = true;
        settings.suite = Some(vec!["stress".to_owned()]);
        settings.names = vec!["wrapper".into()];
    }
    Ok(())
}

fn timeouts(settings: &Settings) -> Result<()> {
    // The second name is the reference's slip; logs are searched for it.
    for (option, value) in
        [("testcase-timeout", settings.testcase_timeout), ("testsuite-timeout", settings.suite_timeout)]
    {
        if value == 0 {
            return Err(Error::new(format!("Invalid value '{value}' supplied for option --{option}")));
        }
    }
    Ok(())
}

fn server_environment(settings: &Settings) -> Result<()> {
    for pair in &settings.mysqld_env {
        if pair.starts_with(b"--") || !pair.contains(&b'=') {
            return Err(Error::new(format!("invalid value '{pair}' supplied for option --mysqld-env"))
                .hint("write NAME=VALUE"));
        }
    }
    Ok(())
}

/// Chooses the debuggers and, if there are any, stretches the time-outs.
fn use_debuggers(settings: &mut Settings, uses: &[DebuggerUse]) -> Result<()> {
    use DebuggerKind::{Bootstrap, Client, Manual, Server};
    settings.debugger = choose(uses, &[Server, Manual], "debuggers")?;
    settings.boot_debugger = choose(uses, &[Bootstrap], "boot debuggers")?;
    settings.client_debugger = choose(uses, &[Client], "client debuggers")?;
    if uses.is_empty() {
        return Ok(());
    }
    if settings.using_extern() {
        return Err(Error::new("Can't use --extern when using debugger"));
    }
    let interactive = uses.iter().any(DebuggerUse::is_interactive);
    settings.retry = 1;
    settings.retry_failure = 1;
    settings.testcase_timeout = if interactive { 24 * 60 } else { 4 * 60 };
    settings.suite_timeout = 24 * 60;
    settings.shutdown_timeout = if interactive { 24 * 60 * 60 } else { 3 * 60 };
    settings.start_timeout = settings.shutdown_timeout;
    // The reference means to do this, but stores the number where nobody looks (spec §15).
    settings.debug_sync_timeout = 3000;
    Ok(())
}

fn choose(uses: &[DebuggerUse], kinds: &[DebuggerKind], what: &str) -> Result<Option<DebuggerChoice>> {
    let chosen: Vec<_> = uses.iter().filter(|debugger| kinds.contains(&debugger.kind)).collect();
    match chosen[..] {
        [] => Ok(None),
        [only] => Ok(Some(DebuggerChoice {
            name: only.name.to_owned(),
            args: only.args.clone(),
            manual: only.kind == DebuggerKind::Manual,
        })),
        _ => {
            let options: Vec<_> = chosen.iter().map(|debugger| format!("--{}", debugger.option)).collect();
            Err(Error::new(format!("Multiple {what} specified:  {}", options.join(" "))))
        }
    }
}
