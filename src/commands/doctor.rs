//! What a server program is and what it can load: `mtr-rs doctor`.

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
