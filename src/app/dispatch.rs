//! From the arguments of the process to its exit code.

use std::ffi::OsString;
use std::path::Path;

use super::signals::{self, Ending};
use super::{commands, execute};
use crate::cli::parse::{Invocation, parse, reports_of};
use crate::cli::settings::Settings;
use crate::cli::{INTERPRETER, help};
use crate::env::Env;
use crate::error::{Error, Result};
use crate::interp::tool;
use crate::report::text;
use crate::sys::address_space;
use crate::sys::files::current_dir;
use crate::sys::guardian;
use crate::sys::streams::{self, complain};
use crate::tree::cache;

/// Names under which the program is the interpreter, whatever its arguments are.
const INTERPRETER_NAMES: [&str; 2] = ["mariadb-test", "mysqltest"];

/// Runs the program; returns its exit code (runner §1.5).
pub fn run(args: Vec<OsString>) -> u8 {
    // A script is run hundreds of times by a suite: nothing of the runner is touched before.
    let args = match interpreter(args) {
        Ok(args) => return tool::main::main(args),
        Err(args) => args,
    };
    let done = dispatch(args);
    cache::close();
    let code = match done {
        Ok(code) => u8::try_from(code).unwrap_or(1),
        Err(error) => {
            // The prefix is what log collectors look for.
            let text = text::continued(error.explained().as_bytes());
            complain(&text::guarded(format!("mysql-test-run: *** ERROR: {text}").as_bytes()).to_string());
            1
        }
    };
    guardian::leave(code);
    code
}

/// Whether the program is started as the guardian of a run.
pub fn is_guardian(args: &[OsString]) -> bool {
    args.get(1).is_some_and(|word| word == guardian::ARGUMENT)
}

/// Goes on where everything that is started is ended with this process, and signals are taken care of.
fn guarded(ending: Ending) -> Result<()> {
    address_space::spare();
    let guards = guardian::enter()
        .map_err(|error| Error::new("cannot start the guardian process").caused_by(error))?;
    signals::watch(guards, ending)
}

/// The interpreter's arguments, its name first, if they are meant for it; otherwise all arguments again.
fn interpreter(mut args: Vec<OsString>) -> std::result::Result<Vec<OsString>, Vec<OsString>> {
    let name = args.first().and_then(|program| Path::new(program).file_name());
    if name.is_some_and(|name| INTERPRETER_NAMES.iter().any(|ours| name == *ours)) {
        return Ok(args);
    }
    if args.get(1).is_some_and(|word| word == INTERPRETER) {
        // Messages bear the name that tests and log collectors know.
        args.remove(0);
        args[0] = INTERPRETER_NAMES[0].into();
        return Ok(args);
    }
    Err(args)
}

fn dispatch(args: Vec<OsString>) -> Result<i32> {
    if is_guardian(&args) {
        let given: Vec<_> = args.iter().skip(2).map(|word| word.to_string_lossy().into_owned()).collect();
        guardian::guard(&given).map_err(|error| Error::new("the guardian failed").caused_by(error))?;
        return Ok(0);
    }
    let env = Env::of_process();
    if let Some(command) = args.get(1).and_then(|word| commands::named(word)) {
        guarded(Ending::AtOnce)?;
        return Ok(command.run(args.into_iter().skip(2).collect(), &env));
    }
    let program = args.first().map_or_else(|| "mtr-rs".into(), |arg| arg.to_string_lossy().into_owned());
    let given = args.clone();
    let wanted = match parse(args, &env) {
        // A mistake leaves no report of an earlier run in the place of this one's.
        Err(error) => return Ok(execute::refuse(&reports_of(given), &env, &error)),
        Ok(wanted) => wanted,
    };
    match wanted {
        Invocation::Run(settings) => run_tests(*settings, &env),
        Invocation::Help => print(&help::help(&program), 1),
        Invocation::ListOptions => print(&help::list_options(), 1),
        Invocation::Version => print(&help::version(), 0),
    }
}

fn run_tests(settings: Settings, env: &Env) -> Result<i32> {
    let only_told = settings.dry_run || settings.explain.is_some();
    let begun = has_address_space()
        .and_then(|()| guarded(if only_told { Ending::AtOnce } else { Ending::Orderly }))
        .and_then(|()| current_dir());
    match begun {
        Ok(cwd) => execute::execute(settings, env, &cwd),
        Err(error) => Ok(execute::refuse(&settings, env, &error)),
    }
}

/// Memory that cannot be had while the run goes on would end it by a signal.
fn has_address_space() -> Result<()> {
    let Some(limit) = address_space::limit().filter(|limit| *limit < address_space::LEAST) else {
        return Ok(());
    };
    let [limit, least] = [limit, address_space::LEAST].map(|bytes| bytes >> 20);
    Err(Error::new(format!("the limit of address space, {limit} MiB, is too low: a run needs {least} MiB at least, and servers more"))
        .hint("raise or remove it where this is started: ulimit -v unlimited"))
}

fn print(text: &str, code: i32) -> Result<i32> {
    streams::print(|out| out.write_all(text.as_bytes()))?;
    Ok(code)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(line: &str) -> Vec<OsString> {
        line.split(' ').map(OsString::from).collect()
    }

    #[test]
    fn the_name_or_the_first_word_make_it_the_interpreter() {
        for (line, for_it) in [
            ("/usr/bin/mariadb-test -V", "/usr/bin/mariadb-test -V"),
            ("mysqltest", "mysqltest"),
            ("mtr-rs mysqltest -V mysqltest", "mariadb-test -V mysqltest"),
        ] {
            assert_eq!(interpreter(args(line)), Ok(args(for_it)), "{line}");
        }
        for line in ["mtr-rs", "mtr-rs main.mysqltest", "mtr-rs --force mysqltest"] {
            assert_eq!(interpreter(args(line)), Err(args(line)), "{line}");
        }
    }
}
