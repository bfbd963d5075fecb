//! Taking a directory for a run: it is looked at and locked, and nothing in it is changed.

use std::ffi::OsStr;
use std::fs::{DirBuilder, File, Metadata};
use std::io::ErrorKind;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Component, Path, PathBuf};

use rustix::fs::{Access, FlockOperation};
use rustix::io::Errno;

use super::contents::{Contents, MARKER, is_marked};
use super::paths;
use crate::error::{Error, Result};
use crate::sys::removal::remove;

/// The directory of plugins in the vardir of a source tree.
const PLUGINS: &str = "plugins";

/// What a directory is wanted for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// The vardir, wherever it came from.
    Vardir,
    /// `--tmpdir`.
    Tmpdir,
}

impl Purpose {
    /// The option that names such a directory.
    fn option(self) -> &'static str {
        match self {
            Purpose::Vardir => "--vardir",
            Purpose::Tmpdir => "--tmpdir",
        }
    }

    fn name(self) -> &'static str {
        match self {
            Purpose::Vardir => "vardir",
            Purpose::Tmpdir => "tmpdir",
        }
    }
}

/// What a claim goes by.
#[derive(Debug, Clone)]
pub struct Rules<'a> {
    /// What for.
    pub purpose: Purpose,
    /// The mode of a directory that is made.
    pub mode: u32,
    /// Where the user stands.
    pub cwd: &'a Path,
    /// Real paths that are never emptied, whatever they hold, nor any directory that they lie in: the user's home, the
    /// tests, the installation.
    pub never: &'a [PathBuf],
    /// This run was started by a test of another, in whose vardir it may work.
    pub nested: bool,
}

/// A directory that is this run's for as long as the value lives. One that was made for it goes away with the value,
/// unless it was [kept](Claim::keep).
#[derive(Debug)]
pub struct Claim {
    /// The real path.
    pub dir: PathBuf,
    /// What was in it.
    pub contents: Contents,
    /// The lock is on the directory itself and goes with us.
    lock: Option<File>,
    /// Directories that were made for it, the outermost first.
    made: Vec<PathBuf>,
    /// The run is under way.
    kept: bool,
}

impl Claim {
    /// Takes `path` (absolute).
    ///
    /// # Errors
    /// It cannot be made or read, has a name that servers do not get along with, belongs to somebody else or may be
    /// written by others, holds what is not a run's, or a run is at work in it, below it or above it.
    pub fn of(path: &Path, rules: &Rules<'_>) -> Result<Claim> {
        let (dir, missing) = real_path(path, rules.purpose)?;
        paths::check(&dir, rules.purpose.name(), rules.purpose.option())?;
        let mut claim = Claim { dir, contents: Contents::Empty, lock: None, made: Vec::new(), kept: false };
        claim.make(missing, rules)?;
        claim.take(rules)?;
        Ok(claim)
    }

    /// Takes a directory that was just made for this run.
    ///
    /// # Errors
    /// As [`Claim::of`].
    pub fn of_new(dir: PathBuf, rules: &Rules<'_>) -> Result<Claim> {
        let mut claim =
            Claim { made: vec![dir.clone()], dir, contents: Contents::Empty, lock: None, kept: false };
        claim.take(rules)?;
        Ok(claim)
    }

    /// Makes the last `missing` directories of the path.
    fn make(&mut self, missing: usize, rules: &Rules<'_>) -> Result<()> {
        let mut all: Vec<PathBuf> = self.dir.ancestors().take(missing).map(Path::to_path_buf).collect();
        all.reverse();
        for (at, dir) in all.into_iter().enumerate() {
            let mode = if at + 1 == missing { rules.mode } else { 0o755 };
            match DirBuilder::new().mode(mode).create(&dir) {
                Ok(()) => self.made.push(dir),
                // By another run, at the same time.
                Err(error) if error.kind() == ErrorKind::AlreadyExists && dir.is_dir() => {}
                Err(error) => return Err(unwritable(&dir, rules.purpose, error)),
            }
        }
        Ok(())
    }

    fn take(&mut self, rules: &Rules<'_>) -> Result<()> {
        let (dir, purpose) = (&self.dir, rules.purpose);
        let file = open(dir).map_err(|error| Error::io("open", dir, error))?;
        let meta = file.metadata().map_err(|error| Error::io("look at", dir, error))?;
        check_owner(dir, &meta, purpose)?;
        if !lock(&file).map_err(|error| Error::io("lock", dir, error))? {
            return Err(in_use(dir, purpose));
        }
        self.lock = Some(file);
        // Another run may have moved it away meanwhile.
        let now = dir.symlink_metadata().map_err(|error| Error::io("look at", dir, error))?;
        if (now.dev(), now.ino()) != (meta.dev(), meta.ino()) {
            return Err(in_use(dir, purpose));
        }
        if rustix::fs::access(dir, Access::WRITE_OK | Access::EXEC_OK).is_err() {
            return Err(unwritable(dir, purpose, ErrorKind::PermissionDenied.into()));
        }
        self.contents = Contents::of(dir)?;
        if let Some(place) = rules.never.iter().find(|place| place.starts_with(dir)) {
            let what = match place == dir {
                true => "is none of a run's".to_owned(),
                false => format!("holds {}", place.display()),
            };
            return Err(refused(dir, purpose, &what));
        }
        if let Contents::Foreign(names) = &self.contents {
            let names: Vec<String> = names.iter().map(|name| format!("'{}'", name.display())).collect();
            let what =
                format!("is no {} of a run and not empty: it holds {}", purpose.name(), names.join(", "));
            return Err(refused(dir, purpose, &what));
        }
        if self.contents == Contents::Empty && self.made.is_empty() && rules.cwd.starts_with(dir) {
            return Err(refused(dir, purpose, "is the current directory, or holds it"));
        }
        if let Some(busy) = busy_below(dir) {
            let text = format!("a run is at work in {}", busy.display());
            return Err(Error::new(text).at(dir, None).hint(beside(dir, purpose)));
        }
        if !rules.nested
            && let Some(busy) = dir.ancestors().skip(1).find(|dir| is_marked(dir) && is_locked(dir))
        {
            let text = format!("this {} lies in that of a run at work: {}", purpose.name(), busy.display());
            return Err(Error::new(text).at(dir, None).hint(beside(busy, purpose)));
        }
        Ok(())
    }

    /// From now on the directory and what is in it stay when the value goes.
    pub fn keep(&mut self) {
        self.kept = true;
    }
}

impl Drop for Claim {
    /// What was made for a run that did not come about goes, as far as it is empty. Links to plugins are needed before
    /// the tests are known.
    fn drop(&mut self) {
        if self.kept || self.contents != Contents::Empty {
            return;
        }
        if self.lock.is_some() {
            let _ = remove(&self.dir.join(PLUGINS));
        }
        for dir in self.made.iter().rev() {
            let _ = std::fs::remove_dir(dir);
        }
    }
}

/// `path` with its links followed, and how many of its last directories are missing.
fn real_path(path: &Path, purpose: Purpose) -> Result<(PathBuf, usize)> {
    let mut missing = Vec::new();
    let mut there = path;
    loop {
        match there.canonicalize() {
            Ok(real) if real.is_dir() => {
                let dir = missing.iter().rev().fold(real, |dir, name| dir.join(name));
                return Ok((dir, missing.len()));
            }
            Ok(real) => {
                let text = format!("{} is no directory", purpose.option());
                return Err(Error::new(text).at(real, None).hint(another(path, purpose)));
            }
            Err(error) if error.kind() == ErrorKind::NotFound && there.symlink_metadata().is_err() => {}
            Err(error) => return Err(unwritable(there, purpose, error)),
        }
        match (there.components().next_back(), there.parent()) {
            (Some(Component::Normal(name)), Some(parent)) => {
                missing.push(name.to_os_string());
                there = parent;
            }
            _ => return Err(unwritable(path, purpose, ErrorKind::NotFound.into())),
        }
    }
}

fn open(dir: &Path) -> std::io::Result<File> {
    File::options().read(true).custom_flags(libc::O_DIRECTORY | libc::O_NOFOLLOW | libc::O_NONBLOCK).open(dir)
}

/// Locks a directory, until the last descriptor of it is closed; whether that was possible.
fn lock(dir: &File) -> std::io::Result<bool> {
    match rustix::fs::flock(dir, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(true),
        Err(Errno::WOULDBLOCK) => Ok(false),
        Err(errno) => Err(errno.into()),
    }
}

/// Whether a run holds the lock of `dir`.
pub fn is_locked(dir: &Path) -> bool {
    let Ok(file) = open(dir) else { return false };
    matches!(rustix::fs::flock(&file, FlockOperation::NonBlockingLockShared), Err(Errno::WOULDBLOCK))
}

/// A directory below `dir` in which a run is at work.
fn busy_below(dir: &Path) -> Option<PathBuf> {
    let markers = walkdir::WalkDir::new(dir).min_depth(2).into_iter().flatten();
    markers
        .filter(|entry| entry.file_name() == MARKER)
        .filter_map(|entry| entry.path().parent().map(Path::to_path_buf))
        .find(|dir| is_locked(dir))
}

/// A directory of somebody else could be exchanged, and what is in it, while servers write there; so could one that
/// others may write to.
///
/// # Errors
/// It is one of these.
fn check_owner(dir: &Path, meta: &Metadata, purpose: Purpose) -> Result<()> {
    let own = rustix::process::geteuid().as_raw();
    let what = if meta.mode() & 0o1000 != 0 {
        "is shared by all users (its sticky bit is set)".to_owned()
    } else if meta.uid() != own {
        format!("belongs to another user: to number {}, and this is {own}", meta.uid())
    } else if meta.mode() & 0o022 != 0 {
        let error =
            refused(dir, purpose, &format!("may be written by others (mode {:03o})", meta.mode() & 0o777));
        let hint = format!("chmod go-w '{}', or {}", dir.display(), another(dir, purpose));
        return Err(error.hint(hint));
    } else {
        return Ok(());
    };
    Err(refused(dir, purpose, &what))
}

/// For root, the first directory above `dir` in which another user can put something else in the place of what leads
/// there.
pub fn replaceable(dir: &Path) -> Option<&Path> {
    let is_open = |dir: &&Path| {
        dir.metadata().is_ok_and(|meta| {
            let shared = meta.mode() & 0o022 != 0 && meta.mode() & 0o1000 == 0;
            meta.uid() != 0 || shared
        })
    };
    dir.ancestors().skip(1).filter(|_| rustix::process::geteuid().is_root()).find(is_open)
}

/// Whether directories of a run can be made in `dir`, where others may at most do the same: whoever can rename what is in
/// it could put something else in a directory's place.
///
/// # Errors
/// It is another user's, or others may rename what is in it.
pub fn check_base(dir: &Path, meta: &Metadata) -> Result<()> {
    let own = rustix::process::geteuid().as_raw();
    let what = if meta.uid() != own && meta.uid() != 0 {
        format!("belongs to another user: to number {}, and this is {own}", meta.uid())
    } else if meta.mode() & 0o022 != 0 && meta.mode() & 0o1000 == 0 {
        format!("may be written by others (mode {:03o})", meta.mode() & 0o777)
    } else {
        return Ok(());
    };
    Err(Error::new(format!("the directory of --mem {what}"))
        .at(dir, None)
        .hint("give one of your own: --mem=DIR"))
}

fn refused(dir: &Path, purpose: Purpose, what: &str) -> Error {
    let text = format!("the directory {what}. Nothing in it was changed");
    Error::new(text).at(dir, None).hint(format!(
        "a run empties its {}; {}",
        purpose.name(),
        another(dir, purpose)
    ))
}

fn in_use(dir: &Path, purpose: Purpose) -> Error {
    Error::new(format!("this {} is in use by another run", purpose.name()))
        .at(dir, None)
        .hint(format!("wait for that run to end, or {}", beside(dir, purpose)))
}

fn unwritable(dir: &Path, purpose: Purpose, error: std::io::Error) -> Error {
    let text = match purpose {
        Purpose::Vardir => "Writable 'var' directory is needed, use the '--vardir=<path>' option",
        Purpose::Tmpdir => "the directory of --tmpdir cannot be used",
    };
    let hint = another(dir, purpose);
    let memory = if purpose == Purpose::Vardir { ", or --mem for one in memory" } else { "" };
    Error::new(text).at(dir, None).caused_by(error).hint(format!("{hint}{memory}"))
}

/// A directory that would do, where one is near: below it, beside it, in memory.
fn another(dir: &Path, purpose: Purpose) -> String {
    let below = dir.join(if purpose == Purpose::Vardir { "var" } else { "mtr-tmp" });
    if would_do(&below) { own(&below, purpose) } else { beside(dir, purpose) }
}

fn own(dir: &Path, purpose: Purpose) -> String {
    format!("give one of its own: {}={}", purpose.option(), quoted(dir.as_os_str()))
}

/// The same, where what is below it would not do either.
fn beside(dir: &Path, purpose: Purpose) -> String {
    let mut near = dir.as_os_str().to_os_string();
    near.push("-mtr");
    let user = rustix::process::geteuid().as_raw();
    let memory = ["/dev/shm", "/tmp"].map(|base| PathBuf::from(format!("{base}/mtr-{user}")));
    match [near.into()].into_iter().chain(memory).find(|path| would_do(path)) {
        Some(path) => own(&path, purpose),
        None => format!("give one of its own: {}=DIR", purpose.option()),
    }
}

/// Whether a run could take `path`.
fn would_do(path: &Path) -> bool {
    if paths::check(path, "", "").is_err() {
        return false;
    }
    match path.symlink_metadata() {
        Err(_) => {
            path.parent().is_some_and(|dir| dir.is_dir() && rustix::fs::access(dir, Access::WRITE_OK).is_ok())
        }
        Ok(meta) => {
            let mine = meta.is_dir() && meta.uid() == rustix::process::geteuid().as_raw();
            mine && meta.mode() & 0o1022 == 0
                && Contents::of(path).is_ok_and(|contents| contents.is_ours())
                && !is_locked(path)
        }
    }
}

/// As a shell takes it for one word.
fn quoted(text: &OsStr) -> String {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"/._-+=@:,%".contains(byte);
    match text.as_bytes().iter().all(plain) {
        true => text.display().to_string(),
        false => format!("'{}'", text.display().to_string().replace('\'', "'\\''")),
    }
}
