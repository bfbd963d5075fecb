//! Sub-commands that look and tell, and run no test: `mtr-rs triage`, `doctor`, `lint` and `times`.

pub mod doctor;
pub mod lint;
pub mod times;
pub mod triage;

use std::ffi::{OsStr, OsString};

use crate::cli::sub_command::{CommandLine, Found, Syntax};
use crate::env::Env;
use crate::error::Result;
use crate::sys::streams::{complain, print};

/// What the command found is good.
const GOOD: i32 = 0;

/// The command found something that is wrong.
const BAD: i32 = 1;

/// The command could not do what it was asked for: its arguments are wrong, a path cannot be looked at, or the standard
/// output cannot be written.
const NOT_DONE: i32 = 2;

/// What the command was to look at is nothing that it can read.
const UNREADABLE: i32 = 3;

/// A sub-command.
pub struct SubCommand {
    syntax: Syntax,
    /// Does what it is asked for; returns what it found.
    run: fn(CommandLine, &Env) -> Result<Found>,
}

/// The first argument that makes the program one of them is its name. A test of such a name is `suite.name`.
const COMMANDS: [SubCommand; 4] = [
    SubCommand { syntax: triage::SYNTAX, run: triage::run },
    SubCommand { syntax: doctor::SYNTAX, run: |given, env| doctor::run(given, env).map(Found::from) },
    SubCommand { syntax: lint::SYNTAX, run: |given, env| lint::run(given, env).map(Found::from) },
    SubCommand { syntax: times::SYNTAX, run: |given, env| times::run(given, env).map(Found::from) },
];

/// The sub-command of that name.
pub fn named(word: &OsStr) -> Option<SubCommand> {
    COMMANDS.into_iter().find(|command| word == command.syntax.command)
}

impl SubCommand {
    /// Runs it with its arguments, which are those behind its name; returns the exit code. Errors are told on standard
    /// error.
    pub fn run(&self, args: Vec<OsString>, env: &Env) -> i32 {
        let done = match self.syntax.read(args) {
            Ok(None) => print(|out| out.write_all(self.syntax.help.as_bytes())).map(|()| Found::Good),
            Ok(Some(given)) => (self.run)(given, env),
            Err(error) => Err(error),
        };
        match done {
            Ok(Found::Good) => GOOD,
            Ok(Found::Bad) => BAD,
            Ok(Found::Unreadable) => UNREADABLE,
            Err(error) => {
                complain(&format!("mtr-rs {}: {}", self.syntax.command, error.explained()));
                NOT_DONE
            }
        }
    }
}
