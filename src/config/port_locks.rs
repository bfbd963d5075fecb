//! Locks on build threads, shared by all users of a machine (runner §7.4).
//!
//! The directory is one that everybody may write in, so whatever is found there may have been put there by somebody who
//! waits for it to be opened, or to be made writable for all, by root. Nothing is opened that is not a file with one name,
//! no link is followed, and only what was made here gets another mode. What is left to others is to keep numbers for
//! themselves, or to remove a lock; both lead to a port that is taken, which is noticed.

use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use rustix::fs::{
    AtFlags, CWD, FileType, FlockOperation, Mode, OFlags, Stat, fchmod, flock, fstat, mkdir, openat, statat,
};
use rustix::io::Errno;

use crate::error::{Error, Result};

/// What came of the wish for a lock.
#[derive(Debug)]
pub(super) enum Lock {
    /// It is held for as long as the descriptor is open.
    Ours(OwnedFd),
    /// Somebody has it.
    Taken,
    /// It cannot be opened.
    Refused(Errno),
    /// Something that is no lock is in its place; the text says what it `is`.
    NoFile(&'static str),
}

/// The directory of locks, open.
#[derive(Debug)]
pub(super) struct Locks {
    dir: OwnedFd,
}

/// How often a file is looked for again that comes and goes.
const TRIES: usize = 16;

impl Locks {
    /// Opens the directory at `path`, and makes it for all users if there is none.
    ///
    /// # Errors
    /// It cannot be made or opened, or is something else.
    pub fn open(path: &Path) -> Result<Locks> {
        let made = match mkdir(path, Mode::from_raw_mode(0o777)) {
            Ok(()) => true,
            Err(Errno::EXIST) => false,
            Err(errno) => return Err(Error::io("create", path, errno.into())),
        };
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let dir = openat(CWD, path, flags, Mode::empty()).map_err(|errno| match errno {
            Errno::NOTDIR | Errno::LOOP => {
                Error::new("this must be a directory, in which runs lock their ports")
                    .at(path, None)
                    .hint("remove it: it is a link or a file, and no runner has made it")
            }
            errno => Error::io("open", path, errno.into()),
        })?;
        if made {
            // Not sticky: where it is, systems let nobody open another user's file with the wish to create it, as the
            // reference does.
            fchmod(&dir, Mode::from_raw_mode(0o777))
                .map_err(|errno| Error::io("change the mode of", path, errno.into()))?;
        }
        Ok(Locks { dir })
    }

    /// Asks for the lock of build thread `id`.
    pub fn lock(&self, id: u32) -> Lock {
        let name = PathBuf::from(id.to_string());
        let file = match self.file(&name) {
            Ok(file) => file,
            Err(Errno::LOOP) => return Lock::NoFile("is a symbolic link"),
            // A FIFO that nobody reads, a socket, a directory.
            Err(Errno::NXIO | Errno::ISDIR) => return Lock::NoFile("is no file"),
            Err(errno) => return Lock::Refused(errno),
        };
        let stat = match fstat(&file) {
            Ok(stat) => stat,
            Err(errno) => return Lock::Refused(errno),
        };
        if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
            return Lock::NoFile("is no file");
        }
        if stat.st_nlink > 1 {
            return Lock::NoFile("is a file with another name");
        }
        if let Err(errno) = flock(&file, FlockOperation::NonBlockingLockExclusive) {
            return if errno == Errno::WOULDBLOCK { Lock::Taken } else { Lock::Refused(errno) };
        }
        // A file that was deleted between opening and locking guards nothing: others lock a new one.
        let on_disk = statat(&self.dir, &name, AtFlags::SYMLINK_NOFOLLOW);
        let identity = |stat: &Stat| (stat.st_dev, stat.st_ino);
        match on_disk {
            Ok(on_disk) if identity(&on_disk) == identity(&stat) => Lock::Ours(file),
            _ => Lock::Taken,
        }
    }

    /// The file `name`, which is made if it is not there.
    fn file(&self, name: &Path) -> rustix::io::Result<OwnedFd> {
        // Without O_NONBLOCK a FIFO is waited at.
        let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC | OFlags::NOCTTY;
        let open = |how| openat(&self.dir, name, flags | how, Mode::empty());
        let mut tries = TRIES;
        loop {
            tries -= 1;
            match open(OFlags::WRONLY) {
                // One that its user has not opened for all: it can be locked all the same.
                Err(Errno::ACCESS) => return open(OFlags::RDONLY),
                Err(Errno::NOENT) => {}
                opened => return opened,
            }
            let new = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL;
            match openat(&self.dir, name, flags | new, Mode::from_raw_mode(0o666)) {
                Ok(file) => {
                    fchmod(&file, Mode::from_raw_mode(0o666))?;
                    return Ok(file);
                }
                // Somebody was faster.
                Err(Errno::EXIST) if tries > 0 => {}
                Err(errno) => return Err(errno),
            }
        }
    }
}
