//! Where a report goes: a file, what is no file (a pipe, a device), or the standard output.

use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, ErrorKind, Write as _};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};

use crate::error::{Error, Result};
use crate::sys::files::is_null_device;
use crate::sys::replacement::{behind_links, replace};

/// Where a report goes.
#[derive(Debug)]
pub enum Target {
    /// A regular file, there or not, with the links that lead to it resolved.
    File(PathBuf),
    /// Something else, open for writing, and how the user calls it.
    Stream(PathBuf, File),
    /// Where the standard output of this process goes, past every buffer. The console is on the standard error then.
    StandardOutput(File),
}

impl Target {
    /// What `path` leads to. `-`, `/dev/stdout` and whatever else is where the standard output goes are that.
    ///
    /// # Errors
    /// It is a directory, a FIFO that nobody reads, where the standard error goes, or a link that is not to be followed.
    pub fn of(path: &Path) -> Result<Target> {
        let failed = |error| Error::io("write", path, error);
        if path == Path::new("-") {
            return standard_output().map(Target::StandardOutput).map_err(failed);
        }
        let Ok(meta) = path.metadata() else {
            return match behind_links(path) {
                // The directory may be made before the report, as the vardir is. If not, to begin it is the error.
                Err(error) if error.kind() == ErrorKind::NotFound => {
                    std::path::absolute(path).map(Target::File).map_err(failed)
                }
                found => found.map(Target::File).map_err(failed),
            };
        };
        if is_null_device(&meta) {
            return open(path).map(|file| Target::Stream(path.to_owned(), file)).map_err(failed);
        }
        if is_same(&meta, io::stderr().as_fd()) {
            return Err(Error::new(format!(
                "cannot write a report to {}: the console's errors go there",
                path.display()
            ))
            .hint("name another file"));
        }
        if is_same(&meta, io::stdout().as_fd()) {
            return standard_output().map(Target::StandardOutput).map_err(failed);
        }
        if meta.is_file() {
            return behind_links(path).map(Target::File).map_err(failed);
        }
        if meta.is_dir() {
            return Err(Error::new(format!(
                "cannot write a report to {}: this is a directory",
                path.display()
            ))
            .hint("name a file in it"));
        }
        match open(path) {
            Ok(file) => Ok(Target::Stream(path.to_owned(), file)),
            Err(error) if meta.file_type().is_fifo() && error.raw_os_error() == Some(libc::ENXIO) => Err(
                Error::new(format!("cannot write a report to {}: nobody reads this FIFO", path.display()))
                    .hint("start its reader first"),
            ),
            Err(error) => Err(failed(error)),
        }
    }

    /// How messages call it.
    pub fn name(&self) -> &Path {
        match self {
            Target::File(path) | Target::Stream(path, _) => path,
            Target::StandardOutput(_) => Path::new("standard output"),
        }
    }

    /// Whether both lead to one place. `/dev/null` takes any number of reports.
    pub fn is_that_of(&self, other: &Target) -> bool {
        match (self, other) {
            (Target::StandardOutput(_), Target::StandardOutput(_)) => true,
            (Target::File(one), Target::File(two)) => {
                let same = |one: &Metadata, two: &Metadata| (one.dev(), one.ino()) == (two.dev(), two.ino());
                one == two
                    || matches!((one.metadata(), two.metadata()), (Ok(one), Ok(two)) if same(&one, &two))
            }
            (Target::Stream(_, one), Target::Stream(_, two)) => {
                one.metadata().is_ok_and(|meta| !is_null_device(&meta) && is_same(&meta, two.as_fd()))
            }
            _ => false,
        }
    }

    /// Writes a whole document: a file is replaced, by each version; what is no file gets the last one, and once.
    ///
    /// # Errors
    /// It cannot be written. A file is then as it was.
    pub fn put(&mut self, text: &[u8], last: bool) -> Result<()> {
        let written = match self {
            Target::File(path) => replace(path, text),
            Target::Stream(_, file) | Target::StandardOutput(file) if last => file.write_all(text),
            Target::Stream(..) | Target::StandardOutput(_) => Ok(()),
        };
        written.map_err(|error| Error::io("write", self.name(), error))
    }
}

fn standard_output() -> io::Result<File> {
    Ok(io::stdout().as_fd().try_clone_to_owned()?.into())
}

/// Opens what is no regular file, without waiting for a reader.
fn open(path: &Path) -> io::Result<File> {
    let flags = libc::O_NONBLOCK | libc::O_NOCTTY;
    let file = OpenOptions::new().write(true).custom_flags(flags).open(path)?;
    // It may have become a file meanwhile, which is none of ours.
    if file.metadata()?.is_file() {
        return Err(ErrorKind::AlreadyExists.into());
    }
    // A reader that takes its time is waited for.
    let file = OwnedFd::from(file);
    fcntl_setfl(&file, fcntl_getfl(&file)? - OFlags::NONBLOCK)?;
    Ok(file.into())
}

fn is_same(meta: &Metadata, stream: impl AsFd) -> bool {
    rustix::fs::fstat(stream).is_ok_and(|other| (other.st_dev, other.st_ino) == (meta.dev(), meta.ino()))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn kinds_of_targets() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("file");
        assert!(matches!(Target::of(&file).unwrap(), Target::File(_)));
        std::fs::write(&file, "old").unwrap();
        assert!(matches!(Target::of(&file).unwrap(), Target::File(_)));
        assert!(matches!(Target::of(Path::new("-")).unwrap(), Target::StandardOutput(_)));
        assert!(matches!(Target::of(Path::new("/dev/full")).unwrap(), Target::Stream(..)));
        let error = Target::of(dir.path()).unwrap_err().explained();
        assert!(
            error.contains("this is a directory") && error.contains(dir.path().to_str().unwrap()),
            "{error}"
        );
        let fifo = dir.path().join("fifo");
        assert!(std::process::Command::new("mkfifo").arg(&fifo).status().unwrap().success());
        let error = Target::of(&fifo).unwrap_err().explained();
        assert!(error.contains("nobody reads"), "{error}");
    }

    #[test]
    fn one_place_by_several_names() {
        let dir = tempfile::tempdir().unwrap();
        let [file, link, hard, other] = ["file", "link", "hard", "other"].map(|name| dir.path().join(name));
        symlink("file", &link).unwrap();
        let of = |path: &Path| Target::of(path).unwrap();
        assert!(of(&file).is_that_of(&of(&link)), "neither is there yet");
        std::fs::write(&file, "").unwrap();
        std::fs::hard_link(&file, &hard).unwrap();
        assert!(of(&file).is_that_of(&of(&hard)) && !of(&file).is_that_of(&of(&other)));
        let [null, full, out] = ["/dev/null", "/dev/full", "-"].map(Path::new);
        assert!(
            !of(null).is_that_of(&of(null)) && of(full).is_that_of(&of(full)) && of(out).is_that_of(&of(out))
        );
    }

    #[test]
    fn what_is_no_file_gets_the_last_version_alone() {
        let mut full = Target::of(Path::new("/dev/full")).unwrap();
        full.put(b"first", false).unwrap();
        let error = full.put(b"last", true).unwrap_err().explained();
        assert!(error.starts_with("cannot write /dev/full"), "{error}");
    }
}
