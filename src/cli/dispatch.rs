//! From the arguments of the process to its exit code.

use std::ffi::OsString;
use std::io::Write;

use super::parse::{Invocation, parse};
use super::{help, settings::Settings};
use crate::env::Env;
use crate::error::{Error, Result};
use crate::sys::guardian;

/// Runs the program; returns its exit code (spec §1.5).
pub fn run(args: Vec<OsString>) -> u8 {
    match dispatch(args) {
        Ok(code) => u8::try_from(code).unwrap_or(1),
        Err(error) => {
            // The prefix is what log collectors look for.
            eprintln!("mysql-test-run: *** ERROR: {}", error.explained());
            1
        }
    }
}

fn dispatch(args: Vec<OsString>) -> Result<i32> {
    if let [_, word, mark] = args.as_slice()
        && word == guardian::ARGUMENT
    {
        let mark = mark.to_string_lossy();
        guardian::guard(&mark).map_err(|error| Error::new("the guardian failed").caused_by(error))?;
        return Ok(0);
    }
    let env = Env::of_process();
    let program = args.first().map_or_else(|| "mtr-rs".into(), |arg| arg.to_string_lossy().into_owned());
    match parse(args, &env)? {
        Invocation::Run(settings) => run_tests(*settings, &env),
        Invocation::Help => print(&help::help(&program), 1),
        Invocation::ListOptions => print(&help::list_options(), 1),
        Invocation::Version => print(&help::version(), 0),
    }
}

fn run_tests(settings: Settings, env: &Env) -> Result<i32> {
    let cwd = std::env::current_dir()
        .map_err(|error| Error::new("cannot find the current directory").caused_by(error))?;
    crate::run::execute::execute(settings, env, &cwd)
}

/// Prints `text`; a reader that went away (`| head`) is no error.
fn print(text: &str, code: i32) -> Result<i32> {
    match std::io::stdout().lock().write_all(text.as_bytes()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(Error::new("cannot write to standard output").caused_by(error))
        }
        _ => Ok(code),
    }
}
