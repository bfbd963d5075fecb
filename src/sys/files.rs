//! Questions about files.

use std::path::{Path, PathBuf};

use rustix::fs::{Access, access};

use crate::error::{Error, Result};

/// Whether `path` is a file that this user can execute.
pub fn is_program(path: &Path) -> bool {
    path.is_file() && access(path, Access::EXEC_OK).is_ok()
}

/// Whether this user may create files in `dir`.
pub fn is_writable(dir: &Path) -> bool {
    access(dir, Access::WRITE_OK | Access::EXEC_OK).is_ok()
}

/// The current directory.
///
/// # Errors
/// It was removed, or cannot be reached.
pub fn current_dir() -> Result<PathBuf> {
    std::env::current_dir().map_err(|error| Error::new("cannot find the current directory").caused_by(error))
}
