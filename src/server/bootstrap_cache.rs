//! Results of bootstraps, kept across runs.
//!
//! An entry is a directory named by a hash of all that the bootstrap depends on. It is made under
//! another name and then renamed, so that one that is there is whole; it is never changed. Runs
//! that use the cache at the same time agree by a lock: shared while an entry is copied from,
//! exclusive while entries come and go.

use std::fs::{self, File, FileTimes, OpenOptions};
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use rustix::fs::{FlockOperation, flock};
use sha2::{Digest, Sha256};

use super::datadir::{self, Modes};
use crate::env::Env;
use crate::error::{Error, Result};
use crate::sys::removal;
use crate::sys::replacement::{NewDirectory, UNFINISHED};

/// Raised when entries are made in another way.
const FORMAT: &[u8] = b"mtr-rs bootstrap 1";

/// How many entries are kept, the most recently used: each has about 5 MB of data.
const ENTRIES: usize = 12;

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

/// What a bootstrap depends on, as it is collected.
pub(super) struct Key(Sha256);

impl Default for Key {
    fn default() -> Self {
        let mut key = Key(Sha256::new());
        key.add(FORMAT);
        // Whose files they are, and what the server may write into tables about where it runs. The
        // boot: an entry that was not on disk yet when the machine went down must not be trusted.
        key.add(rustix::process::geteuid().as_raw().to_string().as_bytes());
        key.add(rustix::system::uname().nodename().to_bytes());
        key.add(&fs::read("/proc/sys/kernel/random/boot_id").unwrap_or_default());
        key
    }
}

impl Key {
    /// Adds a part; its length goes in too, so that parts cannot run into each other.
    pub(super) fn add(&mut self, part: &[u8]) {
        self.0.update((part.len() as u64).to_le_bytes());
        self.0.update(part);
    }

    /// Adds a program's identity. False for anything but a binary: what a script runs is not
    /// seen from its file.
    pub(super) fn add_program(&mut self, program: &Path) -> Result<bool> {
        let fail = |e| Error::io("read", program, e);
        let real = fs::canonicalize(program).map_err(fail)?;
        let mut file = File::open(&real).map_err(fail)?;
        let mut magic = [0; 4];
        if file.read_exact(&mut magic).is_err() || magic != *b"\x7fELF" {
            return Ok(false);
        }
        let facts = file.metadata().map_err(fail)?;
        self.add(real.as_os_str().as_bytes());
        let numbers =
            (facts.dev(), facts.ino(), facts.size(), facts.mtime(), facts.mtime_nsec(), facts.ctime());
        self.add(format!("{numbers:?}").as_bytes());
        Ok(true)
    }

    /// Adds the variables that matter.
    pub(super) fn add_environment(&mut self, env: &Env) {
        for name in VARIABLES {
            self.add(env.get(name).map_or(b"unset".as_slice(), OsStrExt::as_bytes));
            self.add(&[u8::from(env.get(name).is_some())]);
        }
    }
}

/// The place of one result.
pub(super) struct Cache {
    dir: PathBuf,
    entry: PathBuf,
}

impl Cache {
    /// The place of `key` in the cache that is below `dir`.
    pub(super) fn new(dir: &Path, key: &Key) -> Self {
        let digest = key.0.clone().finalize();
        let name: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        let dir = dir.join("bootstrap");
        Cache { entry: dir.join(name), dir }
    }

    /// Copies the result to `datadir` if it is there; returns what the bootstrap wrote then.
    ///
    /// # Errors
    ///
    /// `datadir` cannot be written. An entry that cannot be read, or not whole, counts as absent.
    pub(super) fn fetch(&self, datadir: &Path) -> Result<Option<Vec<u8>>> {
        let Ok(_lock) = self.lock(FlockOperation::LockShared) else { return Ok(None) };
        let Ok(log) = fs::read(self.entry.join("log")) else { return Ok(None) };
        let now = FileTimes::new().set_modified(SystemTime::now());
        // Only the order in which entries are dropped depends on it.
        let _ = File::open(&self.entry).and_then(|entry| entry.set_times(now));
        match datadir::copy_with(&self.entry.join("data"), datadir, Modes::Keep) {
            Ok(()) => Ok(Some(log)),
            Err(_) => removal::remove(datadir).map(|()| None),
        }
    }

    /// Keeps a copy of `datadir` as the result, and drops the entries that were not used longest.
    pub(super) fn store(&self, datadir: &Path, log: &[u8]) -> Result<()> {
        let new =
            NewDirectory::begin(&self.entry).map_err(|e| Error::io("create a directory in", &self.dir, e))?;
        datadir::copy_with(datadir, &new.path().join("data"), Modes::Keep)?;
        let log_file = new.path().join("log");
        fs::write(&log_file, log).map_err(|e| Error::io("write", &log_file, e))?;
        let _lock = self.lock(FlockOperation::LockExclusive)?;
        // Another run may have been faster; its result is as good, and the new one is dropped.
        new.finish().map_err(|e| Error::io("create", &self.entry, e))?;
        self.clean();
        Ok(())
    }

    fn lock(&self, how: FlockOperation) -> Result<File> {
        let path = self.dir.join("lock");
        let open = || {
            let file = OpenOptions::new().write(true).create(true).truncate(false).open(&path)?;
            flock(&file, how)?;
            Ok(file)
        };
        open().map_err(|e| Error::io("lock", &path, e))
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
