//! What those who guard a run have to know of it, in memory that each of them holds and that outlives any of them.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsFd, AsRawFd as _, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};

use rustix::fs::{MemfdFlags, memfd_create};

use super::last_line::{self, Identity, identity};
use super::removal;

/// Records one after the other, each ended by a zero: `+DEV:INO:PATH` is a directory to be removed if the run does not
/// do it, `-PATH` is one that is not, `lDEV:INO:PATH` is a file of lines that the run writes and `bTEXT` how each of
/// them begins, `q` says that what the run has started lives on.
#[derive(Debug)]
pub struct Ledger(File);

/// The most that is read, in bytes: a run has a handful of directories.
const MOST: u64 = 1 << 20;

impl Ledger {
    /// An empty one.
    ///
    /// # Errors
    /// No descriptor or memory is left.
    pub fn new() -> io::Result<Self> {
        Ok(Ledger(memfd_create(c"mtr-rs-run", MemfdFlags::CLOEXEC)?.into()))
    }

    /// One that another process began.
    pub fn inherited(fd: OwnedFd) -> Self {
        Ledger(fd.into())
    }

    /// The memory.
    pub fn fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }

    /// A further descriptor of the same.
    ///
    /// # Errors
    /// No descriptor is left.
    pub fn try_clone(&self) -> io::Result<Self> {
        self.0.try_clone().map(Ledger)
    }

    /// `dir` is to be removed when the run is over, should it still be there and be the same.
    ///
    /// # Errors
    /// It is not there, or no memory is left.
    pub fn note(&self, dir: &Path) -> io::Result<()> {
        self.add_place(b'+', identity(&std::fs::symlink_metadata(dir)?), dir)
    }

    /// The open `file` has lines that begin with `beginning`; if the run is killed while it writes one, what there is of
    /// it is to be taken off.
    ///
    /// # Errors
    /// It has no name, or no memory is left.
    pub fn note_lines(&self, file: &File, beginning: &[u8]) -> io::Result<()> {
        let path = std::fs::read_link(format!("/proc/self/fd/{}", file.as_raw_fd()))?;
        self.add([b"b", beginning].concat())?;
        self.add_place(b'l', identity(&file.metadata()?), &path)
    }

    fn add_place(&self, letter: u8, (dev, ino): Identity, path: &Path) -> io::Result<()> {
        let mut record = vec![letter];
        write!(record, "{dev}:{ino}:")?;
        record.extend_from_slice(path.as_os_str().as_bytes());
        self.add(record)
    }

    /// `dir` is gone, or is to stay.
    ///
    /// # Errors
    /// No memory is left.
    pub fn forget(&self, dir: &Path) -> io::Result<()> {
        let mut record = vec![b'-'];
        record.extend_from_slice(dir.as_os_str().as_bytes());
        self.add(record)
    }

    /// Nothing that the run has started is to be ended.
    ///
    /// # Errors
    /// No memory is left.
    pub fn leave_processes(&self) -> io::Result<()> {
        self.add(vec![b'q'])
    }

    /// One write a record: they are whole, whoever is killed meanwhile.
    fn add(&self, mut record: Vec<u8>) -> io::Result<()> {
        record.push(0);
        (&self.0).write_all(&record)
    }

    fn records(&self) -> Vec<Vec<u8>> {
        let length = self.0.metadata().map_or(0, |facts| facts.len()).min(MOST);
        let mut text = vec![0; length as usize];
        if self.0.read_exact_at(&mut text, 0).is_err() {
            return Vec::new();
        }
        let mut records: Vec<Vec<u8>> = text.split(|byte| *byte == 0).map(<[u8]>::to_vec).collect();
        // Behind the last zero.
        records.pop();
        records
    }

    /// Whether what the run has started lives on.
    pub fn leaves_processes(&self) -> bool {
        self.records().iter().any(|record| record == b"q")
    }

    /// Takes the beginnings of lines that nobody will write to their ends off the files that were noted.
    pub fn make_lines_whole(&self) {
        let mut beginning = Vec::new();
        for record in self.records() {
            match record.split_first() {
                Some((b'b', rest)) => beginning = rest.to_vec(),
                Some((b'l', rest)) => {
                    if let Some((path, identity)) = place(rest) {
                        // Nobody is there to be told.
                        let _ = last_line::make_whole(&path, identity, &beginning);
                    }
                }
                _ => {}
            }
        }
    }

    /// Removes the directories that were noted and not forgotten: those that are what they were, and this user's.
    pub fn remove_directories(&self) {
        let mut left: Vec<(PathBuf, Identity)> = Vec::new();
        for record in self.records() {
            match record.split_first() {
                Some((b'+', rest)) => left.extend(place(rest)),
                Some((b'-', rest)) => left.retain(|(dir, _)| dir.as_os_str().as_bytes() != rest),
                _ => {}
            }
        }
        let user = rustix::process::geteuid().as_raw();
        for (dir, wanted) in left {
            let Ok(facts) = std::fs::symlink_metadata(&dir) else { continue };
            if facts.is_dir() && facts.uid() == user && identity(&facts) == wanted {
                // Nobody is there to be told.
                let _ = removal::remove(&dir);
            }
        }
    }
}

/// A place of a record, behind its letter.
fn place(record: &[u8]) -> Option<(PathBuf, Identity)> {
    let mut fields = record.splitn(3, |byte| *byte == b':');
    let mut number = || std::str::from_utf8(fields.next()?).ok()?.parse::<u64>().ok();
    let identity = (number()?, number()?);
    Some((PathBuf::from(OsStr::from_bytes(fields.next()?)), identity))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_still_the_same_directory_is_removed() {
        let temp = tempfile::tempdir().unwrap();
        let ledger = Ledger::new().unwrap();
        let dirs = ["left", "kept", "gone", "replaced", "link"].map(|name| temp.path().join(name));
        for dir in &dirs {
            std::fs::create_dir(dir).unwrap();
            std::fs::write(dir.join("file"), "").unwrap();
            ledger.note(dir).unwrap();
        }
        let [left, kept, gone, replaced, link] = dirs;
        ledger.forget(&kept).unwrap();
        std::fs::remove_dir_all(&gone).unwrap();
        // The old ones are still there, so that the new ones are others.
        for dir in [&replaced, &link] {
            std::fs::rename(dir, dir.with_extension("old")).unwrap();
        }
        std::fs::create_dir(&replaced).unwrap();
        std::os::unix::fs::symlink(&kept, &link).unwrap();
        assert!(!ledger.leaves_processes());
        // Another process reads what this one wrote.
        let other = Ledger::inherited(ledger.fd().try_clone_to_owned().unwrap());
        ledger.leave_processes().unwrap();
        assert!(other.leaves_processes());
        other.remove_directories();
        assert!(!left.exists());
        for dir in [&kept, &replaced, &link, &link.with_extension("old"), &replaced.with_extension("old")] {
            assert!(dir.symlink_metadata().is_ok(), "{}", dir.display());
        }
    }
}
