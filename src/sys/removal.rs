//! Removing files and trees of files, also where a test took permissions away.
//!
//! Whatever lies in a tree was made by tests, and may be changed while it is removed. So a tree is walked from directory
//! to directory by descriptors: a symbolic link in it is removed and never followed, neither by the removal nor by the
//! change of a mode, and what lies outside of the tree stays as it is. A tree may be of any depth.

use std::ffi::{CStr, CString, OsStr};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags, RawDir, chmod, fstat, openat, unlinkat};
use rustix::io::Errno;

use crate::error::{Error, Result};

/// How often a directory is emptied again because something was put into it meanwhile, by a server that is just ending.
const AGAIN: u8 = 3;

/// The permissions that the owner of a directory needs to empty it.
const OWNER: u32 = 0o700;

/// Removes a file, a link (not what it leads to) or a whole tree; nothing there is no error.
///
/// # Errors
///
/// The first file or directory that cannot be removed; the error names it, and what was removed before stays removed.
pub fn remove(path: &Path) -> Result<()> {
    // Without the slash or dot at its end, with which a link would be followed.
    let path = path.components().as_path();
    match unlinkat(CWD, path, AtFlags::empty()) {
        Ok(()) | Err(Errno::NOENT) => return Ok(()),
        Err(Errno::ISDIR) => {}
        Err(errno) => return Err(failed(path, errno)),
    }
    for attempt in 0.. {
        match open(CWD, path, OFlags::NOFOLLOW) {
            Ok(dir) => empty_opened(dir, path)?,
            Err(Errno::NOENT) => return Ok(()),
            Err(errno) => return Err(failed(path, errno)),
        }
        match unlinkat(CWD, path, AtFlags::REMOVEDIR) {
            Ok(()) | Err(Errno::NOENT) => break,
            Err(Errno::NOTEMPTY) if attempt < AGAIN => {}
            Err(errno) => return Err(failed(path, errno)),
        }
    }
    Ok(())
}

/// Removes everything in the directory `dir`, not `dir` itself: it may be locked, a mount point or a link to one.
/// Nothing there is no error.
///
/// # Errors
///
/// As [`remove`]; also if `dir` is no directory.
pub fn empty(dir: &Path) -> Result<()> {
    match open(CWD, dir, OFlags::empty()) {
        Ok(opened) => empty_opened(opened, dir),
        Err(Errno::NOENT) => Ok(()),
        Err(errno) => Err(failed(dir, errno)),
    }
}

fn failed(path: &Path, errno: Errno) -> Error {
    Error::io("remove", path, errno.into())
}

/// A directory that is being emptied.
struct Level {
    /// Its name in the directory around it; none for the root of the tree.
    name: CString,
    /// Device and inode: what `..` of a directory in it has to be.
    id: (u64, u64),
    /// What is still to be removed from it.
    left: Vec<Entry>,
    /// How often it may still be emptied again.
    again: u8,
}

/// Something in a directory.
struct Entry {
    name: CString,
    is_directory: bool,
    again: u8,
}

impl Level {
    fn read(dir: &OwnedFd, name: CString, again: u8) -> rustix::io::Result<Level> {
        let stat = fstat(dir)?;
        let mut left = Vec::new();
        let mut buffer = [MaybeUninit::uninit(); 8192];
        let mut entries = RawDir::new(dir, &mut buffer);
        while let Some(entry) = entries.next() {
            let entry = entry?;
            let name = entry.file_name();
            if name != c"." && name != c".." {
                let is_directory = entry.file_type() == FileType::Directory;
                left.push(Entry { name: name.to_owned(), is_directory, again: AGAIN });
            }
        }
        Ok(Level { name, id: (stat.st_dev, stat.st_ino), left, again })
    }
}

/// Removes everything in `root`, which `path` names.
///
/// Only the directory at hand is open, and the way back is `..`, so that no depth exhausts descriptors or the stack.
fn empty_opened(root: OwnedFd, path: &Path) -> Result<()> {
    let mut at = root;
    let mut levels = vec![Level::read(&at, CString::default(), 0).map_err(|errno| failed(path, errno))?];
    while let Some(level) = levels.last_mut() {
        let step = match level.left.pop() {
            Some(entry) => match down(&at, &entry) {
                Ok(Some((inside, level))) => {
                    at = inside;
                    levels.push(level);
                    Ok(())
                }
                Ok(None) => Ok(()),
                Err(errno) => Err((entry.name, errno)),
            },
            None if levels.len() == 1 => return Ok(()),
            None => match levels.pop().zip(levels.last_mut()) {
                Some((done, outer)) => {
                    let name = done.name.clone();
                    up(&at, done, outer).map(|outer| at = outer).map_err(|errno| (name, errno))
                }
                None => Ok(()),
            },
        };
        if let Err((name, errno)) = step {
            let names = levels.iter().map(|level| level.name.as_c_str()).chain([name.as_c_str()]);
            return Err(failed(&below(path, names), errno));
        }
    }
    Ok(())
}

/// Removes `entry` of the directory `at`, or opens it if that has to be emptied first.
fn down(at: &OwnedFd, entry: &Entry) -> rustix::io::Result<Option<(OwnedFd, Level)>> {
    if !entry.is_directory {
        match unlinkat(at, &entry.name, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => return Ok(None),
            // Some file systems do not say what an entry is before it is looked at.
            Err(Errno::ISDIR) => {}
            Err(errno) => return Err(errno),
        }
    }
    match open(at, &entry.name, OFlags::NOFOLLOW) {
        Ok(inside) => {
            let level = Level::read(&inside, entry.name.clone(), entry.again)?;
            Ok(Some((inside, level)))
        }
        Err(Errno::NOENT) => Ok(None),
        // Something else has its name by now.
        Err(Errno::NOTDIR | Errno::LOOP) => unlinkat(at, &entry.name, AtFlags::empty()).map(|()| None),
        Err(errno) => Err(errno),
    }
}

/// Removes the directory `at`, which is `done` and was emptied; returns the one around it, which is `outer`.
fn up(at: &OwnedFd, done: Level, outer: &mut Level) -> rustix::io::Result<OwnedFd> {
    let around = openat(at, c"..", OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
    let stat = fstat(&around)?;
    // Where it was moved meanwhile, its name in the place it came from is another file's.
    if (stat.st_dev, stat.st_ino) != outer.id {
        return Err(Errno::STALE);
    }
    match unlinkat(&around, &done.name, AtFlags::REMOVEDIR) {
        Ok(()) | Err(Errno::NOENT) => {}
        Err(Errno::NOTEMPTY) if done.again > 0 => {
            outer.left.push(Entry { name: done.name, is_directory: true, again: done.again - 1 });
        }
        Err(errno) => return Err(errno),
    }
    Ok(around)
}

/// Opens the directory `name` in `at` so that it can be read and emptied; takes permissions that are missing.
fn open(at: impl AsFd, name: impl rustix::path::Arg + Copy, follow: OFlags) -> rustix::io::Result<OwnedFd> {
    let at = at.as_fd();
    let flags = OFlags::DIRECTORY | OFlags::CLOEXEC | follow;
    let opened = match openat(at, name, OFlags::RDONLY | flags, Mode::empty()) {
        Err(Errno::ACCESS) => {
            let unreadable = openat(at, name, OFlags::PATH | flags, Mode::empty())?;
            take_permissions(&unreadable)?;
            openat(&unreadable, c".", OFlags::RDONLY | flags, Mode::empty())?
        }
        opened => opened?,
    };
    if fstat(&opened)?.st_mode & OWNER != OWNER {
        // Whether that matters tells the removal: the owner may be another one, and root needs no permission.
        let _ = take_permissions(&opened);
    }
    Ok(opened)
}

/// Gives the owner of a directory all permissions.
fn take_permissions(dir: &OwnedFd) -> rustix::io::Result<()> {
    let mode = Mode::from_raw_mode(fstat(dir)?.st_mode & 0o7777 | OWNER);
    // The way that also takes a descriptor that was opened without permission to read.
    chmod(format!("/proc/self/fd/{}", dir.as_raw_fd()), mode)
}

/// `path` with `names` below it.
fn below<'a>(path: &Path, names: impl Iterator<Item = &'a CStr>) -> PathBuf {
    let mut path = path.to_owned();
    path.extend(names.map(CStr::to_bytes).filter(|name| !name.is_empty()).map(OsStr::from_bytes));
    path
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::symlink_metadata(path).unwrap().permissions().mode() & 0o7777
    }

    fn set_mode(path: &Path, mode: u32) {
        fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
    }

    /// A directory with a file in it, which is none of the tree's.
    fn outside() -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("kept"), "").unwrap();
        set_mode(dir.path(), 0o550);
        dir
    }

    fn check_and_drop(outside: tempfile::TempDir) {
        assert!(outside.path().join("kept").exists());
        assert_eq!(mode(outside.path()), 0o550);
        set_mode(outside.path(), 0o700);
    }

    #[test]
    fn files_links_and_trees_are_removed_and_nothing_is_no_error() {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name);
        fs::create_dir_all(path("tree/a/b")).unwrap();
        fs::write(path("tree/a/b/file"), "x").unwrap();
        fs::write(path("file"), "x").unwrap();
        symlink("nowhere", path("link")).unwrap();
        for name in ["tree", "file", "link", "nothing", "nothing/at/all"] {
            remove(&path(name)).unwrap();
            assert!(fs::symlink_metadata(path(name)).is_err(), "{name}");
        }
        empty(&path("nothing")).unwrap();
    }

    #[test]
    fn links_are_removed_and_never_followed() {
        let outside = outside();
        let dir = tempfile::tempdir().unwrap();
        let tree = dir.path().join("tree");
        fs::create_dir_all(tree.join("inner")).unwrap();
        for link in [tree.join("link"), tree.join("inner/link"), dir.path().join("itself")] {
            symlink(outside.path(), link).unwrap();
        }
        set_mode(&tree.join("inner"), 0);
        remove(&tree).unwrap();
        remove(&dir.path().join("itself/")).unwrap();
        assert!(fs::read_dir(dir.path()).unwrap().next().is_none());
        check_and_drop(outside);
    }

    #[test]
    fn a_directory_that_is_a_link_by_now_is_not_opened() {
        let outside = outside();
        let dir = tempfile::tempdir().unwrap();
        symlink(outside.path(), dir.path().join("was-directory")).unwrap();
        let at = open(CWD, dir.path(), OFlags::empty()).unwrap();
        let entry = Entry { name: c"was-directory".into(), is_directory: true, again: 0 };
        assert!(down(&at, &entry).unwrap().is_none());
        assert!(fs::read_dir(dir.path()).unwrap().next().is_none());
        check_and_drop(outside);
    }

    #[test]
    fn what_permissions_were_taken_from_is_removed() {
        let dir = tempfile::tempdir().unwrap();
        for mode in [0, 0o100, 0o200, 0o300, 0o400, 0o500, 0o600] {
            let tree = dir.path().join(format!("{mode:o}"));
            let inner = tree.join("inner");
            fs::create_dir_all(inner.join("innermost")).unwrap();
            fs::write(inner.join("file"), "").unwrap();
            set_mode(&inner.join("file"), 0);
            for dir in [&inner.join("innermost"), &inner, &tree] {
                set_mode(dir, mode);
            }
            remove(&tree).unwrap();
            assert!(!tree.exists(), "{mode:o}");
        }
    }

    #[test]
    fn a_link_to_a_directory_is_emptied_and_stays() {
        let dir = tempfile::tempdir().unwrap();
        let (real, link) = (dir.path().join("real"), dir.path().join("link"));
        fs::create_dir_all(real.join("a/b")).unwrap();
        symlink(&real, &link).unwrap();
        set_mode(&real, 0);
        empty(&link).unwrap();
        assert!(link.is_symlink());
        assert_eq!(fs::read_dir(&real).unwrap().count(), 0);
    }

    #[test]
    fn a_tree_deeper_than_a_path_can_be_is_removed() {
        let dir = tempfile::tempdir().unwrap();
        let mut at = open(CWD, dir.path(), OFlags::empty()).unwrap();
        for _ in 0..1200 {
            rustix::fs::mkdirat(&at, "directory", Mode::from_raw_mode(OWNER)).unwrap();
            at = openat(&at, "directory", OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty()).unwrap();
        }
        remove(&dir.path().join("directory")).unwrap();
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    }

    #[test]
    fn the_error_names_what_could_not_be_removed() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("file");
        fs::write(&file, "").unwrap();
        let error = remove(&file.join("below")).unwrap_err();
        assert_eq!(error.message(), format!("cannot remove {}", file.join("below").display()));
        let error = empty(&file).unwrap_err();
        assert_eq!(error.message(), format!("cannot remove {}", file.display()));
        let names = [c"", c"a", c"b"];
        assert_eq!(below(&file, names.into_iter()), file.join("a/b"));
    }

    #[test]
    fn the_error_names_what_is_deep_in_a_tree() {
        // Nothing can be removed from there, by nobody.
        let root = Path::new("/proc/self/task");
        let error = empty(root).unwrap_err();
        let named = error.message().strip_prefix("cannot remove ").unwrap();
        let inside: PathBuf = Path::new(named).strip_prefix(root).unwrap().into();
        assert!(inside.components().count() >= 2, "{named}: {error:?}");
    }

    #[test]
    fn a_directory_that_was_moved_meanwhile_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir_all(dir.path().join("tree/a")).unwrap();
        fs::create_dir_all(dir.path().join("elsewhere/a")).unwrap();
        let open = |name: &str| open(CWD, &dir.path().join(name), OFlags::empty()).unwrap();
        let (tree, moved) = (open("tree"), open("elsewhere/a"));
        let mut outer = Level::read(&tree, CString::default(), 0).unwrap();
        let done = Level::read(&moved, c"a".into(), 0).unwrap();
        assert_eq!(up(&moved, done, &mut outer).unwrap_err(), Errno::STALE);
        assert!(dir.path().join("elsewhere/a").is_dir() && dir.path().join("tree/a").is_dir());
    }

    #[test]
    fn what_comes_while_a_directory_is_removed_is_removed_too() {
        let dir = tempfile::tempdir().unwrap();
        let inner = dir.path().join("a");
        fs::create_dir(&inner).unwrap();
        let open = |path: &Path| open(CWD, path, OFlags::empty()).unwrap();
        let mut outer = Level::read(&open(dir.path()), CString::default(), 0).unwrap();
        outer.left.clear();
        let at = open(&inner);
        let done = Level::read(&at, c"a".into(), 1).unwrap();
        fs::write(inner.join("late"), "").unwrap();
        let around = up(&at, done, &mut outer).unwrap();
        let again = outer.left.pop().unwrap();
        assert!(again.name.as_c_str() == c"a" && again.again == 0);
        let (at, done) = down(&around, &again).unwrap().unwrap();
        assert_eq!(up(&at, done, &mut outer).unwrap_err(), Errno::NOTEMPTY, "not for ever");
    }
}
