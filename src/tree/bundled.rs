//! The tests and defaults that are part of this program: the tree `suites/`, compiled in.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use include_dir::{Dir, DirEntry, include_dir};
use sha2::{Digest as _, Sha256};

use crate::error::{Error, Result};
use crate::sys::replacement::NewDirectory;

/// The top-level folder `suites`.
pub static TREE: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/suites");

/// The contents of a file of [`TREE`], such as `include/default_my.cnf`.
pub fn file(path: &str) -> Option<&'static [u8]> {
    TREE.get_file(path).map(include_dir::File::contents)
}

/// Writes [`TREE`] below `cache_dir`, once for each version of its contents, and returns where it is.
/// The directory has the shape of a `mysql-test` directory.
///
/// # Errors
/// The cache cannot be written.
pub fn unpack(cache_dir: &Path) -> Result<PathBuf> {
    let target = cache_dir.join(format!("bundled-{}", fingerprint(&TREE)));
    if target.is_dir() {
        return Ok(target);
    }
    let failed = |error| {
        Error::io("unpack the bundled tests into", &target, error)
            .hint("set MTR_CACHE_DIR to a directory that can be written")
    };
    let fresh = NewDirectory::begin(&target).map_err(failed)?;
    write(&TREE, fresh.path()).map_err(failed)?;
    // Servers and scripts of another user may read the tree; what is being made is private.
    fs::set_permissions(fresh.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755)).map_err(failed)?;
    // Where another run was faster, its tree is the same.
    fresh.finish().map_err(failed)?;
    Ok(target)
}

/// Writes the files of `dir` below `target`.
fn write(dir: &Dir<'_>, target: &Path) -> io::Result<()> {
    for entry in dir.entries() {
        let path = target.join(entry.path());
        match entry {
            DirEntry::Dir(sub) => {
                fs::create_dir_all(&path)?;
                write(sub, target)?;
            }
            DirEntry::File(file) => {
                fs::write(&path, file.contents())?;
                let mode = if is_script(file.contents()) { 0o755 } else { 0o644 };
                fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(mode))?;
            }
        }
    }
    Ok(())
}

/// Compiled-in files have no mode: those that begin like a script are programs.
fn is_script(contents: &[u8]) -> bool {
    contents.starts_with(b"#!/")
}

/// Sixteen hexadecimal digits that depend on every path and byte of the tree.
fn fingerprint(dir: &Dir<'_>) -> String {
    fn add(dir: &Dir<'_>, hash: &mut Sha256) {
        for entry in dir.entries() {
            hash.update(entry.path().as_os_str().as_encoded_bytes());
            match entry {
                DirEntry::Dir(sub) => {
                    hash.update(b"/");
                    add(sub, hash);
                }
                DirEntry::File(file) => {
                    hash.update([0]);
                    hash.update((file.contents().len() as u64).to_le_bytes());
                    hash.update(file.contents());
                }
            }
        }
    }
    let mut hash = Sha256::new();
    add(dir, &mut hash);
    hash.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn unpacking_yields_every_file_and_reuses_the_tree() {
        let temp = tempfile::tempdir().unwrap();
        let tree = unpack(temp.path()).unwrap();
        assert_eq!(fs::read(tree.join("README.md")).unwrap(), file("README.md").unwrap());
        fs::write(tree.join("mark"), "").unwrap();
        assert_eq!(unpack(temp.path()).unwrap(), tree);
        assert!(tree.join("mark").exists(), "not written anew");
        assert_eq!(fs::read_dir(temp.path()).unwrap().count(), 1, "no rest of the work");
    }

    #[test]
    fn a_cache_that_cannot_be_made_is_an_error_with_a_hint() {
        let temp = tempfile::tempdir().unwrap();
        fs::write(temp.path().join("file"), "").unwrap();
        let error = unpack(&temp.path().join("file/cache")).unwrap_err();
        assert!(error.hint_text().unwrap().contains("MTR_CACHE_DIR"));
    }
}
