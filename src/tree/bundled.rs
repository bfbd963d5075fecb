//! The tests and defaults that are part of this program: the tree `suites/`, compiled in.

use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use include_dir::{Dir, DirEntry, include_dir};
use rustix::fs::{CWD, RenameFlags, renameat_with};
use sha2::{Digest as _, Sha256};

use crate::error::{Error, Result};
use crate::sys::files;
use crate::sys::replacement::NewDirectory;
use crate::tree::cache_entry;

/// The top-level folder `suites`.
pub static TREE: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/suites");

/// The contents of a file of [`TREE`], such as `include/default_my.cnf`.
pub fn file(path: &str) -> Option<&'static [u8]> {
    TREE.get_file(path).map(include_dir::File::contents)
}

/// How names of unpacked trees begin.
const PREFIX: &str = "bundled-";

/// How many of them are kept, of other versions of this program, each of about 100 KB.
const KEPT: usize = 4;

/// No run takes so long: a tree that is older is used by nobody.
const IN_USE: Duration = Duration::from_secs(2 * 24 * 3600);

/// The bundled tests on disk.
#[derive(Debug)]
pub struct Unpacked {
    /// Where they are.
    pub dir: PathBuf,
    /// What was there was another thing.
    pub warning: Option<String>,
}

/// Writes [`TREE`] below `cache_dir`, once for each version of its contents, and returns where it is.
/// The directory has the shape of a `mysql-test` directory. One that is there is used if every file in it is as it was
/// written, and else replaced.
///
/// # Errors
/// The cache cannot be written.
pub fn unpack(cache_dir: &Path) -> Result<Unpacked> {
    let target = cache_dir.join(format!("{PREFIX}{}", fingerprint(&TREE)));
    let there = fs::symlink_metadata(&target).is_ok();
    let odd = if there { difference(&TREE, &target) } else { None };
    let warning = odd.map(|path| {
        format!(
            "the bundled tests were unpacked anew: {} was not what this program had written",
            path.display()
        )
    });
    if there && warning.is_none() {
        cache_entry::note_use(&target);
        return Ok(Unpacked { dir: target, warning });
    }
    let failed = |error| {
        Error::io("unpack the bundled tests into", &target, error)
            .hint("set MTR_CACHE_DIR to a directory that can be written")
    };
    let fresh = NewDirectory::begin(&target).map_err(failed)?;
    write(&TREE, fresh.path()).map_err(failed)?;
    // Servers and scripts of another user may read the tree; what is being made is private.
    fs::set_permissions(fresh.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755)).map_err(failed)?;
    if there {
        // In one step, as others may look for it meanwhile; the guard removes what was there.
        renameat_with(CWD, fresh.path(), CWD, &target, RenameFlags::EXCHANGE)
            .map_err(|errno| failed(errno.into()))?;
        return Ok(Unpacked { dir: target, warning });
    }
    // Where another run was faster, its tree is the same.
    fresh.finish().map_err(failed)?;
    cache_entry::prune(cache_dir, PREFIX, KEPT, IN_USE);
    Ok(Unpacked { dir: target, warning })
}

/// The first path below `target` that is not as [`write()`] makes it.
fn difference(dir: &Dir<'_>, target: &Path) -> Option<PathBuf> {
    let path = target.join(dir.path());
    let is = |path: &Path, kind: fn(&fs::Metadata) -> bool| {
        fs::symlink_metadata(path).is_ok_and(|meta| kind(&meta) && meta.mode() & 0o022 == 0)
    };
    let entries = fs::read_dir(&path).map(Iterator::count).ok();
    if !is(&path, fs::Metadata::is_dir) {
        return Some(path);
    }
    let odd = dir.entries().iter().find_map(|entry| match entry {
        DirEntry::Dir(sub) => difference(sub, target),
        DirEntry::File(file) => {
            let path = target.join(file.path());
            let size = file.contents().len() as u64;
            let same = is(&path, fs::Metadata::is_file)
                && fs::symlink_metadata(&path).is_ok_and(|meta| meta.len() == size)
                && files::read(&path, size).is_ok_and(|text| text == file.contents());
            (!same).then_some(path)
        }
    });
    // One file more may be a test, or a `suite.pm`.
    odd.or_else(|| (entries != Some(dir.entries().len())).then_some(path))
}

/// Writes the files of `dir` below `target`.
fn write(dir: &Dir<'_>, target: &Path) -> io::Result<()> {
    for entry in dir.entries() {
        let path = target.join(entry.path());
        match entry {
            DirEntry::Dir(sub) => {
                fs::DirBuilder::new().mode(0o755).create(&path)?;
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
        let tree = unpack(temp.path()).unwrap().dir;
        let identity = |path: &Path| fs::metadata(path).unwrap().ino();
        let before = identity(&tree.join("README.md"));
        assert_eq!(fs::read(tree.join("README.md")).unwrap(), file("README.md").unwrap());
        let again = unpack(temp.path()).unwrap();
        assert_eq!((&again.dir, &again.warning), (&tree, &None));
        assert_eq!(identity(&tree.join("README.md")), before, "not written anew");
        assert_eq!(fs::read_dir(temp.path()).unwrap().count(), 1, "no rest of the work");
    }

    #[test]
    fn a_tree_that_is_not_what_was_written_is_replaced() {
        let temp = tempfile::tempdir().unwrap();
        let tree = unpack(temp.path()).unwrap().dir;
        let readme = tree.join("README.md");
        let flipped = |path: &Path| {
            let mut text = fs::read(path).unwrap();
            text[0] ^= 1;
            fs::write(path, text).unwrap();
        };
        let changes: [(&str, &dyn Fn()); 8] = [
            ("a flipped bit", &|| flipped(&readme)),
            ("a file cut short", &|| fs::write(&readme, "").unwrap()),
            ("a file gone", &|| fs::remove_file(&readme).unwrap()),
            ("a file more", &|| fs::write(tree.join("include/more.inc"), "").unwrap()),
            ("a link to the same text", &|| {
                fs::rename(&readme, temp.path().join("elsewhere")).unwrap();
                std::os::unix::fs::symlink(temp.path().join("elsewhere"), &readme).unwrap();
            }),
            ("a file that others may write", &|| {
                fs::set_permissions(&readme, std::os::unix::fs::PermissionsExt::from_mode(0o666)).unwrap();
            }),
            ("emptied", &|| {
                fs::remove_dir_all(&tree).unwrap();
                fs::create_dir(&tree).unwrap();
            }),
            ("a link elsewhere", &|| {
                fs::remove_dir_all(&tree).unwrap();
                std::os::unix::fs::symlink("/nonexistent", &tree).unwrap();
            }),
        ];
        for (what, change) in changes {
            change();
            let again = unpack(temp.path()).unwrap();
            assert!(again.warning.is_some_and(|text| text.contains(" was not what ")), "{what}");
            assert_eq!(difference(&TREE, &tree), None, "{what}");
            let _ = fs::remove_file(temp.path().join("elsewhere"));
            assert_eq!(fs::read_dir(temp.path()).unwrap().count(), 1, "{what}: no rest of the work");
        }
    }

    #[test]
    fn trees_of_other_versions_go_when_they_are_old() {
        let temp = tempfile::tempdir().unwrap();
        let long_ago = std::time::SystemTime::now() - 2 * IN_USE;
        let aged = |name: &str| {
            fs::create_dir_all(temp.path().join(name).join("include")).unwrap();
            let times = fs::FileTimes::new().set_modified(long_ago);
            fs::File::open(temp.path().join(name)).unwrap().set_times(times).unwrap();
        };
        (0..9).for_each(|number| aged(&format!("{PREFIX}{number}")));
        aged(&format!("{}x", crate::sys::replacement::UNFINISHED));
        fs::create_dir(temp.path().join(format!("{PREFIX}new"))).unwrap();
        let tree = unpack(temp.path()).unwrap().dir;
        let left: Vec<_> = fs::read_dir(temp.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
        assert_eq!(left.len(), KEPT, "{left:?}");
        assert!(left.contains(&tree) && left.contains(&temp.path().join(format!("{PREFIX}new"))));
    }

    #[test]
    fn a_cache_that_cannot_be_made_is_an_error_with_a_hint() {
        let temp = tempfile::tempdir().unwrap();
        fs::write(temp.path().join("file"), "").unwrap();
        let error = unpack(&temp.path().join("file/cache")).unwrap_err();
        assert!(error.hint_text().unwrap().contains("MTR_CACHE_DIR"));
    }
}
