//! Results of bootstraps, kept across runs.
//!
//! An entry is a directory named by a hash of all that the bootstrap depends on. It is made under
//! another name and then renamed, so that one that is there is whole; it is never changed. Runs
//! that use the cache at the same time agree by a lock: shared while an entry is copied from,
//! exclusive while entries come and go.

use std::fs::{self, File, FileTimes, OpenOptions};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, SystemTime};

use rustix::fs::{FlockOperation, flock};
use walkdir::WalkDir;

use super::datadir::{self, Modes};
use crate::env::Env;
use crate::error::{Error, Result};
use crate::sys::deadline::deadline_after;
use crate::sys::files;
use crate::sys::poll::{self, Waker};
use crate::sys::replacement::{NewDirectory, UNFINISHED};
use crate::sys::{abort, removal};
use crate::tree::cache_entry::{self, CacheKey};

/// Raised when entries are made in another way.
const FORMAT: &[u8] = b"mtr-rs bootstrap 2";

/// How many entries are kept, the most recently used: each has about 5 MB of data.
const ENTRIES: usize = 12;

/// What an entry consists of: the data directory, what the bootstrap wrote, and what the data directory had.
const DATA: &str = "data";
const LOG: &str = "log";
const MANIFEST: &str = "manifest";

/// How long a run waits for another one that copies from an entry or keeps its own.
const LOCK_PATIENCE: Duration = Duration::from_secs(if cfg!(test) { 2 } else { 5 });

/// An unfinished entry that is this old was left by a run that was killed.
const ABANDONED: Duration = Duration::from_secs(3600);

/// Variables that a server heeds while it bootstraps.
const VARIABLES: [&str; 10] = [
    "TZ",
    "LC_ALL",
    "LC_CTYPE",
    "LC_COLLATE",
    "LANG",
    "UMASK",
    "UMASK_DIR",
    "LD_LIBRARY_PATH",
    "LD_PRELOAD",
    "USER",
];

/// The key of a bootstrap by `program` in `env`, to which the rest of what it depends on is added; `None` where the program
/// is a script, for what that runs is not known.
pub(super) fn key(program: &Path, env: &Env) -> Option<CacheKey> {
    let mut key = CacheKey::new(FORMAT);
    // The boot: an entry that was not on disk yet when the machine went down must not be trusted.
    key.add(&files::of_kernel("/proc/sys/kernel/random/boot_id").unwrap_or_default());
    key.add_variables(env, &VARIABLES);
    key.add_program(program, env).then_some(key)
}

/// What is in the directory `dir`: a line for each file and directory, with its mode, size, hash and name.
///
/// # Errors
/// Something in it cannot be read.
fn manifest(dir: &Path) -> Result<Vec<u8>> {
    let mut lines = Vec::new();
    for entry in WalkDir::new(dir).min_depth(1).sort_by_file_name() {
        let entry =
            entry.map_err(|e| Error::new("cannot list a data directory").at(dir, None).caused_by(e))?;
        let (path, fail) = (entry.path(), |e| Error::io("read", entry.path(), e));
        let facts = fs::metadata(path).map_err(fail)?;
        let hash = match facts.is_file() {
            true => cache_entry::hash_of(&files::read(path, files::MOST_OF_TEXT).map_err(fail)?),
            false => "-".to_owned(),
        };
        let size = if facts.is_file() { facts.size() } else { 0 };
        lines.extend_from_slice(format!("{:o} {size} {hash} ", facts.mode()).as_bytes());
        lines.extend_from_slice(path.strip_prefix(dir).unwrap_or(path).as_os_str().as_bytes());
        lines.push(b'\n');
    }
    Ok(lines)
}

/// What [`Cache::fetch`] found.
pub(super) enum Fetched {
    /// The result is in the data directory; what the bootstrap wrote then.
    Whole(Vec<u8>),
    /// There is no entry, or it is being changed.
    Absent,
    /// The entry at this place was not what had been stored.
    Damaged(PathBuf),
}

/// The place of one result.
pub(super) struct Cache {
    dir: PathBuf,
    entry: PathBuf,
}

impl Cache {
    /// The place of `key` in the cache that is below `dir`.
    pub(super) fn new(dir: &Path, key: &CacheKey) -> Self {
        let dir = dir.join("bootstrap");
        Cache { entry: dir.join(key.hex()), dir }
    }

    /// Copies the result to `datadir` if it is there. What was copied is compared with what was stored: an entry that is
    /// not whole is removed, and `datadir` is as before.
    ///
    /// # Errors
    ///
    /// `datadir` cannot be written.
    pub(super) fn fetch(&self, datadir: &Path) -> Result<Fetched> {
        let Ok(lock) = self.lock(FlockOperation::LockShared) else { return Ok(Fetched::Absent) };
        if !self.entry.exists() {
            return Ok(Fetched::Absent);
        }
        let now = FileTimes::new().set_modified(SystemTime::now());
        // Only the order in which entries are dropped depends on it.
        let _ = files::open_directory(&self.entry).and_then(|entry| entry.set_times(now));
        let whole = || {
            let log = cache_entry::read(&self.entry.join(LOG))?;
            let stored = cache_entry::read(&self.entry.join(MANIFEST))?;
            datadir::copy_with(&self.entry.join(DATA), datadir, Modes::Keep).ok()?;
            (manifest(datadir).ok()? == stored).then_some(log)
        };
        if let Some(log) = whole() {
            return Ok(Fetched::Whole(log));
        }
        drop(lock);
        removal::remove(datadir)?;
        if let Ok(_lock) = self.lock(FlockOperation::LockExclusive) {
            let _ = removal::remove(&self.entry);
        }
        Ok(Fetched::Damaged(self.entry.clone()))
    }

    /// Keeps a copy of `datadir` as the result, and drops the entries that were not used longest.
    pub(super) fn store(&self, datadir: &Path, log: &[u8]) -> Result<()> {
        let new =
            NewDirectory::begin(&self.entry).map_err(|e| Error::io("create a directory in", &self.dir, e))?;
        datadir::copy_with(datadir, &new.path().join(DATA), Modes::Keep)?;
        for (name, text) in [(LOG, log), (MANIFEST, &manifest(datadir)?)] {
            let file = new.path().join(name);
            cache_entry::write(&file, text).map_err(|e| Error::io("write", &file, e))?;
        }
        let _lock = match self.lock(FlockOperation::LockExclusive) {
            // Another run has the entries for long; the next one that finds none here keeps its result.
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
            lock => lock.map_err(|e| Error::io("lock", &self.dir, e))?,
        };
        // Another run may have been faster; its result is as good, and the new one is dropped.
        new.finish().map_err(|e| Error::io("create", &self.entry, e))?;
        self.clean();
        Ok(())
    }

    /// The lock of all entries. [`io::ErrorKind::WouldBlock`] where it cannot be had within [`LOCK_PATIENCE`]: who has it
    /// may be stopped.
    fn lock(&self, how: FlockOperation) -> io::Result<File> {
        // Without waiting: of what is no file nobody can have the lock.
        let flags = libc::O_NONBLOCK | libc::O_NOFOLLOW;
        let mut open = OpenOptions::new();
        open.write(true).create(true).truncate(false).custom_flags(flags);
        let file = open.open(self.dir.join("lock"))?;
        // The thread outlives the patience at worst, and then gives back what it gets.
        let (sender, receiver) = mpsc::channel();
        let done = Waker::new()?;
        let told = done.clone();
        thread::spawn(move || {
            let _ = sender.send(flock(&file, how).map(|()| file));
            told.wake();
        });
        let fds: Vec<_> = std::iter::once(done.fd()).chain(abort::fd()).collect();
        poll::readable(&fds, Some(deadline_after(LOCK_PATIENCE)))?;
        match receiver.try_recv() {
            Ok(locked) => Ok(locked?),
            Err(_) => Err(io::ErrorKind::WouldBlock.into()),
        }
    }

    /// Drops old entries and what killed runs left. What cannot be removed is left to the next time.
    fn clean(&self) {
        let mut entries = Vec::new();
        for entry in fs::read_dir(&self.dir).into_iter().flatten().flatten() {
            let Ok(facts) = entry.metadata() else { continue };
            if !facts.is_dir() {
                continue;
            }
            let modified = facts.modified().unwrap_or(SystemTime::UNIX_EPOCH);
            if !entry.file_name().as_bytes().starts_with(UNFINISHED.as_bytes()) {
                entries.push((modified, entry.path()));
            } else if modified.elapsed().is_ok_and(|age| age > ABANDONED) {
                let _ = removal::remove(&entry.path());
            }
        }
        entries.sort();
        let surplus = entries.len().saturating_sub(ENTRIES);
        for (_, path) in entries.drain(..surplus) {
            let _ = removal::remove(&path);
        }
    }
}
