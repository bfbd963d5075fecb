//! The command line of a server (runner §9.2).

use std::ffi::OsStr;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bstr::{BStr, BString};

use crate::case::{Origin, ServerOption};
use crate::sys::argument::argument;

/// What the command line depends on beside the options.
#[derive(Debug, Clone, Copy)]
pub struct CommandInputs<'a> {
    /// `.1` of group `mysqld.1`.
    pub group_suffix: &'a BStr,
    /// The vardir's `my.cnf`.
    pub defaults_file: &'a Path,
    /// The server would run as root.
    pub root: bool,
    /// `--user-args`: only the caller's own options.
    pub user_args: bool,
    /// The server's group has `log-slave-updates`.
    pub log_slave_updates: bool,
    /// `--debug-sync-timeout`.
    pub debug_sync_timeout: Duration,
    /// Value of `--debug-dbug`, with `--debug` and `--debug-common`.
    pub debug_dbug: Option<&'a BStr>,
}

/// A server's arguments, and what they imply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    /// Arguments after the program, each with its origin.
    pub args: Vec<ServerOption>,
    /// `--skip-core-file` was among the options: no core dumps.
    pub skip_core_file: bool,
}

/// Builds the arguments from a test's `options` (variables already replaced) and the
/// `restart_options` of an expect file.
pub fn build(
    inputs: &CommandInputs<'_>,
    options: &[ServerOption],
    restart_options: &[ServerOption],
) -> Command {
    let runner = Arc::new(Origin::Runner);
    let own = |text: BString| ServerOption { text, origin: runner.clone() };
    let valued = |name: &str, value: &OsStr| own(argument(name, value).into_vec().into());
    let given = || options.iter().chain(restart_options);
    let binlog = given().any(|o| o.text.starts_with(b"--log-bin") || o.text.starts_with(b"--loose-log-bin"));
    let is_defaults = |o: &&ServerOption| o.text.starts_with(b"--defaults-file=");
    let skip_core_file = given().any(|o| o.text == "--skip-core-file");

    let mut args = vec![valued("--defaults-group-suffix=", OsStr::from_bytes(inputs.group_suffix))];
    match given().rfind(is_defaults) {
        Some(option) => args.push(option.clone()),
        None => args.push(valued("--defaults-file=", inputs.defaults_file.as_os_str())),
    }
    if inputs.root && !given().any(|o| o.text.starts_with(b"--user")) {
        args.push(own("--user=root".into()));
    }
    if !inputs.user_args {
        args.push(own("--log-output=file".into()));
    }
    args.extend(
        given()
            .filter(|o| !is_defaults(o) && o.text != "--skip-core-file")
            // MyISAM-only tests of the binlog suites run without a binary log (runner §3.2).
            .filter(|o| binlog || !o.text.starts_with(b"--binlog-format"))
            .filter(|o| !(inputs.log_slave_updates && o.text == "--loose-skip-log-bin"))
            .cloned(),
    );
    if !inputs.user_args {
        if !skip_core_file {
            args.push(own("--core-file".into()));
        }
        args.push(own(format!("--loose-debug-sync-timeout={}", inputs.debug_sync_timeout.as_secs()).into()));
    }
    if let Some(value) = inputs.debug_dbug {
        args.push(valued("--debug-dbug=", OsStr::from_bytes(value)));
    }
    Command { args, skip_core_file }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(texts: &[&str]) -> Vec<ServerOption> {
        let origin = Arc::new(Origin::CommandLine);
        texts.iter().map(|t| ServerOption { text: (*t).into(), origin: origin.clone() }).collect()
    }

    fn built(inputs: CommandInputs<'_>, given: &[&str], restart: &[&str]) -> (String, bool) {
        let command = build(&inputs, &options(given), &options(restart));
        (crate::server::options::joined(&command.args).to_string(), command.skip_core_file)
    }

    fn inputs() -> CommandInputs<'static> {
        CommandInputs {
            group_suffix: ".1".into(),
            defaults_file: Path::new("/v/my.cnf"),
            root: false,
            user_args: false,
            log_slave_updates: false,
            debug_sync_timeout: Duration::from_secs(300),
            debug_dbug: None,
        }
    }

    #[test]
    fn order_of_arguments() {
        let (args, skip_core) = built(inputs(), &["--innodb", "--log-bin"], &["--x=1"]);
        assert_eq!(
            args,
            "--defaults-group-suffix=.1 --defaults-file=/v/my.cnf --log-output=file --innodb --log-bin --x=1 \
             --core-file --loose-debug-sync-timeout=300"
        );
        assert!(!skip_core);
    }

    #[test]
    fn the_runner_keeps_some_options() {
        let given = ["--binlog-format=row", "--skip-core-file", "--loose-skip-log-bin", "--defaults-file=/x"];
        let (args, skip_core) = built(CommandInputs { log_slave_updates: true, ..inputs() }, &given, &[]);
        assert_eq!(
            args,
            "--defaults-group-suffix=.1 --defaults-file=/x --log-output=file --loose-debug-sync-timeout=300"
        );
        assert!(skip_core);
    }

    #[test]
    fn root_gets_its_user_unless_an_option_names_one() {
        let root = CommandInputs { root: true, user_args: true, ..inputs() };
        assert_eq!(
            built(root, &[], &[]).0,
            "--defaults-group-suffix=.1 --defaults-file=/v/my.cnf --user=root"
        );
        assert!(!built(root, &["--user=x"], &[]).0.contains("--user=root"));
    }
}
