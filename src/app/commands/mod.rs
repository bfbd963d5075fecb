//! Sub-commands that look and tell, and run no test: `mtr-rs triage`, `doctor` and `lint`.

pub mod doctor;
pub mod lint;
pub mod triage;

use std::ffi::OsString;

use crate::env::Env;
use crate::error::Result;

/// A sub-command: its arguments without its own name, and the environment; returns the exit code.
pub type Command = fn(Vec<OsString>, &Env) -> Result<i32>;

/// The first argument that makes the program one of them. A test of such a name is `suite.name`.
pub const COMMANDS: [(&str, Command); 3] =
    [("triage", triage::run), ("doctor", doctor::run), ("lint", lint::run)];
