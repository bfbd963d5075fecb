//! What follows from the options taken together: conflicts, and settings that imply others.
//!
//! The steps stand in the order of the reference (runner §1.4), because the first conflict is the
//! one that is told, and because some of them overwrite what an earlier one set. The steps that
//! need to know the tree or the server are the caller's.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::time::Duration;

use bstr::{BString, ByteSlice};

use super::option::DebuggerKind;
use super::settings::{DebuggerChoice, Parallel, Settings, variable};
use super::table::{is_core_format, is_core_method};
use crate::error::{Error, Result};

/// The measure of the time-outs of a person at a debugger.
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

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
        settings.shutdown_timeout = Duration::ZERO;
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
        settings.testcase_timeout = 7 * DAY;
        settings.suite_timeout = 7 * DAY;
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
/// The reference's message, if coverage is asked for in an installed tree (runner §1.4 step 6).
pub fn check_coverage(settings: &Settings, in_source_tree: bool) -> Result<()> {
    if (settings.gcov || settings.gprof) && !in_source_tree {
        return Err(Error::new("Coverage test needs the source - please use source dist"));
    }
    Ok(())
}

/// The lines that say which of the servers' options the run takes note of (runner §1.3, `--mysqld`).
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
        if value.is_zero() {
            return Err(Error::new(format!("Invalid value '0' supplied for option --{option}")));
        }
    }
    Ok(())
}

/// Multiplies the time-outs that nobody gave by `factor`, for a server that is slower by that much; those of a debugger
/// and of `--debug` are long already. Returns whether any is longer now.
pub fn stretch(settings: &mut Settings, factor: u32) -> bool {
    let debuggers = [&settings.debugger, &settings.client_debugger, &settings.boot_debugger];
    if factor < 2 || debuggers.iter().any(|debugger| debugger.is_some()) {
        return false;
    }
    let before = settings.clone();
    let of_tests = !settings.debug || settings.debug_common;
    let given = |name: &str| before.given.contains(&name);
    for (name, applies, timeout) in [
        ("testcase-timeout", of_tests, &mut settings.testcase_timeout),
        ("suite-timeout", of_tests, &mut settings.suite_timeout),
        ("shutdown-timeout", true, &mut settings.shutdown_timeout),
        ("MTR_START_TIMEOUT", true, &mut settings.start_timeout),
    ] {
        if applies && !given(name) {
            *timeout = timeout.saturating_mul(factor);
        }
    }
    *settings != before
}

fn server_environment(settings: &Settings) -> Result<()> {
    for pair in &settings.mysqld_env {
        if variable(pair).is_none() {
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
    settings.testcase_timeout = if interactive { DAY } else { DAY / 6 };
    settings.suite_timeout = DAY;
    settings.shutdown_timeout = if interactive { DAY } else { Duration::from_secs(3 * 60) };
    settings.start_timeout = settings.shutdown_timeout;
    // The reference means to do this, but stores the number where nobody looks (runner §15).
    settings.debug_sync_timeout = Duration::from_secs(3000);
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

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::cli::parse::{Invocation, parse};
    use crate::env::Env;

    fn settings(command_line: &str) -> Result<Settings> {
        let argv = std::iter::once("mtr").chain(command_line.split_whitespace()).map(Into::into).collect();
        match parse(argv, &Env::default())? {
            Invocation::Run(settings) => Ok(*settings),
            other => panic!("{command_line}: {other:?}"),
        }
    }

    fn derived(command_line: &str) -> Settings {
        settings(command_line).unwrap()
    }

    /// The messages of the runner of MariaDB 10.11.19.
    #[test]
    fn conflicts_are_told_as_by_the_reference() {
        let vectors = [
            ("--mem --vardir=x --tmpdir=y", "Can't use --mem and --vardir at the same time"),
            ("--mem=/x --tmpdir=y --parallel=0", "Can't use --mem and --tmpdir at the same time"),
            (
                "--parallel=0 --record",
                "0 or negative parallel value makes no sense, use 'auto' or positive number",
            ),
            ("--parallel=-3", "0 or negative parallel value makes no sense, use 'auto' or positive number"),
            ("--parallel=many", "0 or negative parallel value makes no sense, use 'auto' or positive number"),
            ("--record", "Will not run in record mode without a specific test case"),
            ("--embedded-server --extern port=1", "Can't use --extern with --embedded-server"),
            ("--user-args", "--user-args only valid with --start options"),
            ("--user-args --start x", "--user-args cannot be combined with named suites or tests"),
            ("--user-args --start-d --suite=x", "--user-args cannot be combined with named suites or tests"),
            ("--wait-all", "--wait-all can only be used with --start options"),
            ("--stress=a x", "--stress cannot be combined with named ordinary suites or tests"),
            ("--testcase-timeout=0", "Invalid value '0' supplied for option --testcase-timeout"),
            ("--suite-timeout=0", "Invalid value '0' supplied for option --testsuite-timeout"),
            ("-C main.alias", "Wrong value for --print-core: main.alias"),
            ("--print-core=", "Wrong value for --print-core: "),
            ("--print-core=custom:", "Wrong value for --print-core: custom:"),
            ("--print-method=cdb", "Wrong value for --print-method: cdb"),
            ("--gdb --manual-lldb", "Multiple debuggers specified:  --gdb --manual-lldb"),
            ("--boot-rr --boot-gdb", "Multiple boot debuggers specified:  --boot-rr --boot-gdb"),
            (
                "--client-strace --client-ktrace",
                "Multiple client debuggers specified:  --client-strace --client-ktrace",
            ),
            ("--client-gdb --extern port=1", "Can't use --extern when using debugger"),
            ("--mysqld-env=A", "invalid value 'A' supplied for option --mysqld-env"),
            ("--mysqld-env=--A=1", "invalid value '--A=1' supplied for option --mysqld-env"),
        ];
        for (command_line, message) in vectors {
            assert_eq!(settings(command_line).unwrap_err().message(), message, "{command_line}");
        }
    }

    #[test]
    fn names_imply_big_tests() {
        assert_eq!(derived("--big-test --big-test").big_test, 2);
        assert_eq!(derived("--big-test --big-test x").big_test, 1);
        assert_eq!(derived("x").big_test, 1);
        assert_eq!(derived("--suite=x").big_test, 0);
    }

    #[test]
    fn recording_is_done_by_one_worker() {
        assert_eq!(derived("--record --parallel=8 x").parallel, Some(Parallel::Fixed(1)));
    }

    #[test]
    fn slashes_at_the_end_of_tmpdir_go() {
        let tmpdir = |line| derived(line).tmpdir.unwrap().into_os_string();
        assert_eq!(tmpdir("--tmpdir=/a//b//"), "/a//b");
        assert_eq!(tmpdir("--tmpdir=/"), "/");
    }

    #[test]
    fn fast_kills_servers() {
        assert_eq!(derived("--shutdown-timeout=5 --fast").shutdown_timeout, Duration::ZERO);
    }

    #[test]
    fn debug_stretches_the_timeouts_and_debug_common_does_not() {
        let debug = derived("--debug --retry=3 --testcase-timeout=0");
        assert_eq!((debug.testcase_timeout, debug.suite_timeout), (7 * DAY, 7 * DAY));
        assert_eq!((debug.retry, debug.retry_failure), (1, 1));
        let common = derived("--debug-common --retry=3");
        assert!(common.debug && common.debug_common);
        assert_eq!((common.testcase_timeout.as_secs(), common.retry), (15 * 60, 3));
        assert!(!derived("--debug-server").debug);
    }

    #[test]
    fn slow_servers_have_more_time_where_nobody_said_how_much() {
        let stretched = |line, factor| {
            let mut s = derived(line);
            let longer = stretch(&mut s, factor);
            let times = [s.testcase_timeout, s.suite_timeout, s.shutdown_timeout, s.start_timeout];
            (longer, times.map(|time| time.as_secs()))
        };
        assert_eq!(stretched("", 1), (false, [900, 21_600, 10, 180]));
        assert_eq!(stretched("", 4), (true, [3600, 86_400, 40, 720]));
        // Also where it is the default that somebody gives.
        let given = "--testcase-timeout=15 --suite-timeout=60 --shutdown-timeout=7";
        assert_eq!(stretched(given, 4), (true, [900, 3600, 7, 720]));
        assert_eq!(stretched("--fast", 4).1[2], 0);
        assert_eq!(stretched("--debug", 2).1, [604_800, 604_800, 20, 360]);
        assert_eq!(stretched("--debug-common", 2).1[0], 1800);
        for line in ["--gdb", "--valgrind", "--client-rr", "--boot-strace"] {
            assert!(!stretched(line, 4).0, "{line}");
        }
    }

    #[test]
    fn debuggers_stretch_the_timeouts() {
        let times = |line| {
            let s = derived(line);
            assert_eq!((s.retry, s.retry_failure), (1, 1));
            assert_eq!((s.suite_timeout, s.debug_sync_timeout.as_secs()), (DAY, 3000));
            assert_eq!(s.start_timeout, s.shutdown_timeout);
            (s.testcase_timeout.as_secs(), s.shutdown_timeout.as_secs())
        };
        for line in ["--gdb", "--client-lldb --retry=2", "--boot-valgdb", "--manual-strace --fast", "--ddd"] {
            assert_eq!(times(line), (86400, 86400), "{line}");
        }
        for line in ["--valgrind", "--rr --fast", "--client-ktrace"] {
            assert_eq!(times(line), (4 * 3600, 180), "{line}");
        }
        assert_eq!(derived("--gdb=a --gdb=b").debugger.unwrap().args, "b");
    }

    #[test]
    fn stress_runs_its_wrapper() {
        let settings = derived("--stress=--a=1,--b");
        assert_eq!(settings.stress.unwrap(), "--a=1 --b");
        assert_eq!(
            (settings.suite.unwrap(), settings.names),
            (vec!["stress".into()], vec!["wrapper".into()])
        );
        assert!(settings.user_args && settings.big_test == 0);
    }

    #[test]
    fn coverage_needs_the_source() {
        let gcov = derived("--gcov");
        assert!(check_coverage(&gcov, true).is_ok() && check_coverage(&derived(""), false).is_ok());
        let error = check_coverage(&gcov, false).unwrap_err();
        assert_eq!(error.message(), "Coverage test needs the source - please use source dist");
    }

    #[test]
    fn formats_and_engines_are_announced() {
        let line = "--mysqld=--default-storage-engine=myisam --mysqld=--loose-binlog_format=row --skip-binlog-format=mix";
        assert_eq!(
            announcements(&derived(line)),
            ["Using binlog format 'row'", "Using binlog format 'mix'", "Using default engine 'myisam'"]
        );
        assert!(announcements(&derived("--mysqld=--binlog-format=")).is_empty());
    }
}
