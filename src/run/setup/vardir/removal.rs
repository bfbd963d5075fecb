//! Removing what a run may remove.

use std::io;
use std::path::Path;

use super::contents::MARKER;
use crate::error::{Error, Result};
use crate::sys::removal::remove;

/// Removes everything in `dir`, not `dir` itself: it may be locked, a mount point or a symlink. The file that says what
/// the directory is stays.
///
/// # Errors
/// It cannot be read, or something in it not removed.
pub fn empty(dir: &Path) -> Result<()> {
    let entries = match std::fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(Error::io("read", dir, error)),
    };
    for entry in entries {
        let entry = entry.map_err(|error| Error::io("read", dir, error))?;
        if entry.file_name() != MARKER {
            remove(&entry.path())?;
        }
    }
    Ok(())
}

/// Removes a directory of ours, the file that says so after everything else: whatever is left by a removal that was
/// broken off can be removed by the next.
///
/// # Errors
/// Something in it cannot be removed.
pub fn remove_ours(dir: &Path) -> Result<()> {
    empty(dir)?;
    remove(&dir.join(MARKER))?;
    std::fs::remove_dir(dir).map_err(|error| Error::io("remove", dir, error))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn emptying_leaves_the_marker() {
        let dir = tempfile::tempdir().unwrap();
        for name in [MARKER, "x"] {
            std::fs::write(dir.path().join(name), "").unwrap();
        }
        empty(dir.path()).unwrap();
        let left: Vec<_> = std::fs::read_dir(dir.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
        assert_eq!(left, [MARKER]);
    }
}
