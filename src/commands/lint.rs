//! What is wrong in test files, found without a server: `mtr-rs lint`.

use std::ffi::OsString;

use crate::env::Env;
use crate::error::{Error, Result};

/// Runs the sub-command.
///
/// # Errors
/// Its arguments are wrong.
pub fn run(_args: Vec<OsString>, _env: &Env) -> Result<i32> {
    Err(Error::new("not there yet"))
}
