//! Removing what a run may remove.

use std::fs::Permissions;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::contents::MARKER;
use crate::error::{Error, Result};

/// Removes everything in `dir`, not `dir` itself: it may be locked, a mount point or a symlink. The file that says what
/// the directory is stays.
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
pub fn remove_ours(dir: &Path) -> Result<()> {
    empty(dir)?;
    remove(&dir.join(MARKER))?;
    std::fs::remove_dir(dir).map_err(|error| Error::io("remove", dir, error))
}

/// Removes a file or a whole directory, also when tests took away permissions in it.
/// A path that does not exist is fine.
pub fn remove(path: &Path) -> Result<()> {
    let removed = match std::fs::symlink_metadata(path) {
        Ok(meta) if meta.is_dir() => std::fs::remove_dir_all(path).or_else(|_| {
            for entry in walkdir::WalkDir::new(path).into_iter().flatten() {
                if entry.file_type().is_dir() {
                    let _ = std::fs::set_permissions(entry.path(), Permissions::from_mode(0o777));
                }
            }
            std::fs::remove_dir_all(path)
        }),
        Ok(_) => std::fs::remove_file(path),
        Err(error) => Err(error),
    };
    match removed {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(Error::io("remove", path, error)),
        _ => Ok(()),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn directories_without_permissions_are_removed() {
        let dir = tempfile::tempdir().unwrap();
        let inner = dir.path().join("a/b");
        std::fs::create_dir_all(&inner).unwrap();
        std::fs::write(inner.join("c"), "").unwrap();
        std::fs::set_permissions(&inner, Permissions::from_mode(0o0)).unwrap();
        empty(dir.path()).unwrap();
        assert!(std::fs::read_dir(dir.path()).unwrap().next().is_none());
    }

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
