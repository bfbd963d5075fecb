//! Files and directories that come into being as a whole: a reader finds the old one, the new one or none, and never a
//! part of one.
//!
//! What is new is made beside its place, under a random name that nobody can have taken before, and renamed over it. So a
//! link or a file that somebody put there to be written to is not touched, and a failure leaves nothing behind.

use std::fs::{self, File, Permissions};
use std::io::{self, ErrorKind, Write as _};
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, Mode, OFlags, linkat, open};
use tempfile::{Builder, TempPath};

use super::scratch::Scratch;

/// The mode of a new file, before the umask.
const FILE: u32 = 0o666;

/// What the names of unfinished files and directories begin with.
pub const UNFINISHED: &str = ".new-";

/// The mode of directories like `/tmp`: sticky, and everybody may write.
const OPEN_TO_ALL: u32 = 0o1002;

/// How many links lead to a file at the most, as for the system.
const LINKS: usize = 40;

/// Replaces the file `path`, or creates it, with `bytes` as its contents and the mode that the umask gives.
///
/// A link at `path` is replaced like a file, and what it leads to stays as it is; where a link is to be followed,
/// [`behind_links`] tells to which place.
///
/// # Errors
///
/// The file cannot be written or renamed. The old one is then still there, and nothing beside it.
pub fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let dir = directory(path);
    // Not every file system has files without names.
    let new = named_when_written(&dir, bytes).or_else(|_| named_at_once(&dir, bytes))?;
    new.persist(path).map_err(|error| error.error)
}

/// A file in `dir` that has no name until it is written, so that nothing is left of it when the process is killed.
fn named_when_written(dir: &Path, bytes: &[u8]) -> io::Result<TempPath> {
    let flags = OFlags::TMPFILE | OFlags::WRONLY | OFlags::CLOEXEC;
    let mut file = File::from(open(dir, flags, Mode::from_raw_mode(FILE))?);
    file.write_all(bytes)?;
    let descriptor = format!("/proc/self/fd/{}", file.as_raw_fd());
    let link = |name: &Path| Ok(linkat(CWD, &descriptor, CWD, name, AtFlags::SYMLINK_FOLLOW)?);
    Ok(Builder::new().prefix(UNFINISHED).make_in(dir, link)?.into_temp_path())
}

fn named_at_once(dir: &Path, bytes: &[u8]) -> io::Result<TempPath> {
    let mode = Permissions::from_mode(FILE);
    let mut file = Builder::new().prefix(UNFINISHED).permissions(mode).tempfile_in(dir)?;
    file.write_all(bytes)?;
    Ok(file.into_temp_path())
}

/// The place of the file that is written where the user names `path`.
///
/// A symbolic link that the user names is followed: it stays, and what it leads to is replaced, or created if it is not
/// there. But in a directory like `/tmp`, where everybody may make files, a link counts only if it belongs to this user
/// or to the directory's owner; with another one somebody else could choose what is overwritten. That is the rule of
/// `fs.protected_symlinks`, which holds for opening a file, not for renaming one. A link to what is no file, such as
/// `/dev/stdout` where that is a pipe, is its own place: it is not replaced. A relative path is taken from the current
/// directory as it is now.
///
/// # Errors
///
/// The directory is not there, a link belongs to somebody else, or links lead in a circle.
pub fn behind_links(path: &Path) -> io::Result<PathBuf> {
    let mut path = std::path::absolute(path)?;
    for _ in 0..LINKS {
        let Some(name) = path.file_name() else { return path.canonicalize() };
        let dir = directory(&path).canonicalize()?;
        path = dir.join(name);
        let Ok(metadata) = path.symlink_metadata() else { return Ok(path) };
        if !metadata.is_symlink() {
            return Ok(path);
        }
        let around = dir.metadata()?;
        let trusted = [rustix::process::geteuid().as_raw(), around.uid()];
        if around.mode() & OPEN_TO_ALL == OPEN_TO_ALL && !trusted.contains(&metadata.uid()) {
            let text = format!("{} is a link that another user made", path.display());
            return Err(io::Error::new(ErrorKind::PermissionDenied, text));
        }
        if path.metadata().is_ok_and(|target| !target.is_file()) {
            return Ok(path);
        }
        path = dir.join(path.read_link()?);
    }
    Err(io::Error::from_raw_os_error(libc::ELOOP))
}

/// A directory that is being made.
#[derive(Debug)]
pub struct NewDirectory {
    unfinished: Scratch,
    target: PathBuf,
}

impl NewDirectory {
    /// Begins the directory `target` beside its place, as one of this user's alone; the directory around it is made as
    /// well. Unfinished ones of killed processes have names that begin with [`UNFINISHED`].
    ///
    /// # Errors
    ///
    /// It cannot be made.
    pub fn begin(target: &Path) -> io::Result<NewDirectory> {
        let around = directory(target);
        fs::create_dir_all(&around)?;
        let private = Permissions::from_mode(0o700);
        let unfinished = Scratch::begin(Builder::new().prefix(UNFINISHED).permissions(private), &around)?;
        Ok(NewDirectory { unfinished, target: target.to_owned() })
    }

    /// Where it is while it is filled.
    pub fn path(&self) -> &Path {
        self.unfinished.path()
    }

    /// Puts it in its place. A directory that somebody else made there meanwhile stays, and the new one is dropped.
    ///
    /// # Errors
    ///
    /// It cannot be renamed, and there is no other one.
    pub fn finish(self) -> io::Result<()> {
        match fs::rename(self.unfinished.path(), &self.target) {
            // The directory is no longer where its guard would remove it.
            Ok(()) => drop(self.unfinished.keep()),
            Err(_) if self.target.is_dir() => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }
}

/// The directory that `path` is in.
fn directory(path: &Path) -> PathBuf {
    match path.parent() {
        Some(dir) if !dir.as_os_str().is_empty() => dir.to_owned(),
        _ => PathBuf::from("."),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::os::unix::fs::{chown, symlink};

    use super::*;

    fn names(dir: &Path) -> Vec<String> {
        let names = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name());
        let mut names: Vec<_> = names.map(|name| name.into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn the_whole_file_is_replaced_and_nothing_is_beside_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        replace(&path, b"long old text").unwrap();
        replace(&path, b"new").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
        assert_eq!(names(dir.path()), ["file"]);
    }

    #[test]
    fn both_ways_give_a_file_the_mode_of_any_new_file() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("usual"), "").unwrap();
        let usual = fs::metadata(dir.path().join("usual")).unwrap().mode();
        for way in [named_when_written, named_at_once] {
            let new = way(dir.path(), b"x").unwrap();
            assert_eq!(fs::metadata(&new).unwrap().mode(), usual);
            assert_eq!(fs::read(&new).unwrap(), b"x");
            drop(new);
            assert_eq!(names(dir.path()), ["usual"]);
        }
    }

    #[test]
    fn a_failure_leaves_the_old_file_and_nothing_beside_it() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir_all(dir.path().join("directory/inner")).unwrap();
        replace(&dir.path().join("directory"), b"x").unwrap_err();
        replace(&dir.path().join("nothing/file"), b"x").unwrap_err();
        assert_eq!(names(dir.path()), ["directory"]);
        assert!(dir.path().join("directory/inner").is_dir());
    }

    #[test]
    fn a_link_is_replaced_and_what_it_leads_to_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let (other, path) = (dir.path().join("other"), dir.path().join("file"));
        fs::write(&other, "kept").unwrap();
        symlink(&other, &path).unwrap();
        replace(&path, b"new").unwrap();
        assert_eq!(fs::read(&other).unwrap(), b"kept");
        assert!(!path.is_symlink());
    }

    #[test]
    fn links_that_a_user_names_are_followed_also_to_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let dir = dir.path().canonicalize().unwrap();
        fs::create_dir(dir.join("d")).unwrap();
        symlink("d/second", dir.join("first")).unwrap();
        symlink("../file", dir.join("d/second")).unwrap();
        symlink("d", dir.join("link-to-d")).unwrap();
        symlink("circle", dir.join("circle")).unwrap();
        for (named, place) in [("first", "file"), ("link-to-d/second", "file"), ("link-to-d/new", "d/new")] {
            assert_eq!(behind_links(&dir.join(named)).unwrap(), dir.join(place), "{named}");
        }
        fs::write(dir.join("file"), "").unwrap();
        assert_eq!(behind_links(&dir.join("first")).unwrap(), dir.join("file"));
        behind_links(&dir.join("circle")).unwrap_err();
        behind_links(&dir.join("nothing/file")).unwrap_err();
    }

    #[test]
    fn another_users_link_in_a_directory_open_to_all_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let link = dir.path().join("link");
        symlink("/etc/passwd", &link).unwrap();
        if !crate::skip::root_is_there("to give a link to another user") {
            return;
        }
        std::os::unix::fs::lchown(&link, Some(65534), None).unwrap();
        let set_mode = |mode| fs::set_permissions(dir.path(), Permissions::from_mode(mode)).unwrap();
        set_mode(0o1777);
        let error = behind_links(&link).unwrap_err();
        assert!(error.to_string().contains("another user"), "{error}");
        set_mode(0o755);
        behind_links(&link).unwrap();
        set_mode(0o1777);
        chown(dir.path(), Some(65534), None).unwrap();
        behind_links(&link).unwrap();
    }

    #[test]
    fn a_directory_comes_into_being_as_a_whole_and_the_first_one_stays() {
        let dir = tempfile::tempdir().unwrap();
        let target = dir.path().join("around/target");
        let [first, second, dropped] = [1, 2, 3].map(|_| NewDirectory::begin(&target).unwrap());
        fs::write(first.path().join("file"), "first").unwrap();
        fs::write(second.path().join("file"), "second").unwrap();
        assert!(!target.exists());
        assert_eq!(fs::metadata(first.path()).unwrap().mode() & 0o777, 0o700);
        first.finish().unwrap();
        second.finish().unwrap();
        drop(dropped);
        assert_eq!(fs::read(target.join("file")).unwrap(), b"first");
        assert_eq!(names(&dir.path().join("around")), ["target"]);
    }
}
