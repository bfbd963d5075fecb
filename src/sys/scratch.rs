//! Directories that a process makes for itself and that go away with it, however it ends.

use std::io;
use std::path::{Path, PathBuf};

use tempfile::{Builder, TempDir};

use super::guardian;

/// A directory that is removed with this value, or by the guardian where the process is killed.
#[derive(Debug)]
pub struct Scratch(Option<TempDir>);

impl Scratch {
    /// One that nobody else may enter, in the system's directory for such.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn new() -> io::Result<Self> {
        Scratch::begin(Builder::new().prefix("mtr-rs-"), &std::env::temp_dir())
    }

    /// One as `how` says, in `base`.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn begin(how: &Builder<'_, '_>, base: &Path) -> io::Result<Self> {
        let dir = how.tempdir_in(base)?;
        guardian::note_directory(dir.path())?;
        Ok(Scratch(Some(dir)))
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.0.as_ref().map_or(Path::new(""), TempDir::path)
    }

    /// Leaves it where it is, for ever.
    pub fn keep(mut self) -> PathBuf {
        let path = self.0.take().map(TempDir::keep).unwrap_or_default();
        // Without memory for that, it is removed if this process is killed.
        let _ = guardian::forget_directory(&path);
        path
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if let Some(dir) = self.0.take() {
            let path = dir.path().to_owned();
            drop(dir);
            let _ = guardian::forget_directory(&path);
        }
    }
}
