//! Why servers failed, from what a run left behind: `mtr-rs triage PATH`.

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
