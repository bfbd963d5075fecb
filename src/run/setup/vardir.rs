//! The vardir: where everything of a run lives (runner §8.1). It is claimed first, which changes nothing, and opened when
//! the tests are known.

mod claim;
mod contents;
mod paths;
mod place;
mod removal;
mod rotation;

use std::fs::Permissions;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, Signal};

use crate::cli::settings::Settings;
use crate::env::{Env, is_one_word};
use crate::error::{Error, Result};
use crate::sys::deadline::deadline_after;
use crate::sys::files;
use crate::sys::guardian;
use crate::sys::removal::remove;
use crate::sys::scratch::Scratch;
use crate::tree::layout::Layout;

use claim::{Claim, Purpose, Rules};
use place::Place;
pub use removal::empty;

/// The directories of the whole run, held for as long as this value lives.
#[derive(Debug)]
pub struct Vardir {
    /// `VAR0`: the real path, also where it was named by a link.
    pub root: PathBuf,
    /// `TMP0`.
    pub tmp: PathBuf,
    /// Held: two runs never share a directory.
    _claims: Vec<Claim>,
    /// A short temporary directory made because sockets below `VAR0` would have too long paths.
    short_tmp: Option<Scratch>,
}

/// A vardir that is found and locked, and in which nothing was changed. What was made for it goes away with it.
#[derive(Debug)]
pub struct ClaimedVardir {
    place: Place,
    tmp: Option<Claim>,
    mode: u32,
}

/// The directories of one worker.
#[derive(Debug, Clone)]
pub struct WorkerDirs {
    /// `VAR`.
    pub var: PathBuf,
    /// `TMP`: sockets and the servers' own temporary directories.
    pub tmp: PathBuf,
}

impl WorkerDirs {
    /// `VAR/log`.
    pub fn log(&self) -> PathBuf {
        self.var.join("log")
    }

    /// `VAR/tmp`, where expect files are; the same as `tmp` with one worker.
    pub fn var_tmp(&self) -> PathBuf {
        self.var.join("tmp")
    }

    /// `VAR/run`, where pid files are.
    pub fn run(&self) -> PathBuf {
        self.var.join("run")
    }

    /// `VAR/my.cnf`.
    pub fn my_cnf(&self) -> PathBuf {
        self.var.join("my.cnf")
    }

    /// `VAR/log/current_test`.
    pub fn current_test(&self) -> PathBuf {
        self.log().join("current_test")
    }

    /// Makes the directories.
    ///
    /// # Errors
    /// One of them cannot be made.
    pub fn create(&self) -> Result<()> {
        for dir in [&self.var, &self.log(), &self.run(), &self.var_tmp(), &self.tmp] {
            make_dir(dir)?;
        }
        Ok(())
    }
}

/// What opening a vardir had to say.
pub type Messages = Vec<String>;

/// The mode of the vardir. What others may write to is refused as one, so it is never made. Where root runs servers,
/// whoever reaches their sockets and files is root as well: nobody enters.
fn directory_mode(umask: u32, is_root: bool) -> u32 {
    if is_root { 0o700 } else { 0o777 & !(umask | 0o022) }
}

/// Whether `path` lies in the vardir of a run that is at work.
pub fn is_at_work_around(path: &Path) -> bool {
    files::real_directory_around(path)
        .is_some_and(|dir| dir.ancestors().any(|dir| contents::is_marked(dir) && claim::is_locked(dir)))
}

impl ClaimedVardir {
    /// Finds and locks the vardir and the directory of `--tmpdir`; `umask` is the caller's.
    ///
    /// # Errors
    /// One of them is in use by another run, cannot be written, holds what is not a run's, belongs to somebody else,
    /// or has a path that servers do not get along with.
    pub fn new(
        settings: &Settings,
        layout: &Layout,
        env: &Env,
        cwd: &Path,
        umask: u32,
    ) -> Result<ClaimedVardir> {
        let is_root = rustix::process::geteuid().is_root();
        let mode = directory_mode(umask, is_root);
        let never = never(settings, layout, env, cwd);
        let nested = env.get(guardian::MARK).is_some();
        let cwd_real = cwd.canonicalize().unwrap_or_else(|_| cwd.to_owned());
        let mut rules = Rules { purpose: Purpose::Vardir, mode, cwd: &cwd_real, never: &never, nested };
        let place = Place::find(settings, layout, cwd, &rules)?;
        let root = place.root();
        if settings.keep_runs > 0 {
            place.check_rotation(settings.keep_runs)?;
        }
        rules.purpose = Purpose::Tmpdir;
        let tmp = match &settings.tmpdir {
            Some(given) => tmpdir(&cwd.join(given), root, &rules)?,
            None => None,
        };
        let chosen =
            settings.tmpdir.as_ref().map(|given| tmp.as_ref().map_or(cwd.join(given), |tmp| tmp.dir.clone()));
        if let Some(tmp) = chosen
            && !paths::sockets_fit(&tmp, true)
        {
            return Err(Error::new(format!(
                "Socket path '{}' too long, it would be  truncated and thus not possible to use for connection to  \
                 MariaDB Server. Set a shorter with --tmpdir=<path> option",
                tmp.display()
            )));
        }
        Ok(ClaimedVardir { place, tmp, mode })
    }

    /// `VAR0`.
    pub fn root(&self) -> &Path {
        self.place.root()
    }

    /// What somebody ought to know before root's servers write there.
    pub fn warning(&self) -> Option<String> {
        let above = claim::replaceable(self.place.root())?;
        Some(format!(
            "the vardir can be replaced by others while root's servers write to it: {} is not root's alone. A directory \
             below one that is, as --vardir=/dev/shm/var, would be safe",
            above.display()
        ))
    }

    /// Empties and fills the directories: from here on the run is under way. With `entered` the servers are another
    /// user's, who has to get through.
    ///
    /// # Errors
    /// Something cannot be removed or made, or there is no directory short enough for sockets.
    pub fn open(mut self, settings: &Settings, env: &Env, entered: bool) -> Result<(Vardir, Messages)> {
        let mut messages = Messages::new();
        let root = self.place.root().to_owned();
        if !settings.using_extern() {
            end_leftovers(&root, &mut messages)?;
        }
        let keep = settings.start_dirty || settings.using_extern();
        let mut claims = if keep {
            self.place.take(&mut messages)?
        } else {
            messages.push("Removing old var directory...".into());
            let claims = self.place.clear(settings.keep_runs, self.mode, &mut messages)?;
            if let Some(tmp) = &self.tmp {
                empty(&tmp.dir)?;
            }
            claims
        };
        messages.push(format!("Creating var directory '{}'...", root.display()));
        contents::mark(&root)?;
        if self.mode & 0o077 == 0 {
            let mode = if entered { 0o711 } else { self.mode };
            std::fs::set_permissions(&root, Permissions::from_mode(mode))
                .map_err(|error| Error::io("change the mode of", &root, error))?;
        }
        let own = match (self.tmp.take(), &settings.tmpdir) {
            (Some(mut claim), _) => {
                contents::mark(&claim.dir)?;
                if entered {
                    std::fs::set_permissions(&claim.dir, Permissions::from_mode(0o711))
                        .map_err(|error| Error::io("change the mode of", &claim.dir, error))?;
                }
                claim.keep();
                let dir = claim.dir.clone();
                claims.push(claim);
                Some(dir)
            }
            (None, Some(inside)) => Some(inside.clone()),
            (None, None) => None,
        };
        let chosen = own.is_some();
        let (tmp, short_tmp) = match own.unwrap_or_else(|| root.join("tmp")) {
            // Scripts put paths below it into commands for a shell.
            tmp if paths::sockets_fit(&tmp, chosen) && (chosen || is_one_word(tmp.as_os_str())) => {
                (tmp, None)
            }
            tmp => short_tmp(&tmp, env, entered, &mut messages)?,
        };
        WorkerDirs { var: root.clone(), tmp: tmp.clone() }.create()?;
        Ok((Vardir { root, tmp, _claims: claims, short_tmp }, messages))
    }
}

/// The claim of a directory given by `--tmpdir`; one in the vardir needs none.
fn tmpdir(given: &Path, root: &Path, rules: &Rules<'_>) -> Result<Option<Claim>> {
    let real = given.canonicalize().unwrap_or_else(|_| given.to_owned());
    let refused = |what: &str| {
        Error::new(format!("the directory of --tmpdir {what}"))
            .at(given, None)
            .hint("it is emptied before each set of servers: give one of its own, --tmpdir=DIR")
    };
    if real == root {
        return Err(refused("is the vardir"));
    }
    if root.starts_with(&real) {
        return Err(refused("holds the vardir"));
    }
    if real.starts_with(root) {
        paths::check(&real, "tmpdir", "--tmpdir")?;
        return Ok(None);
    }
    Claim::of(given, rules).map(Some)
}

/// Where no run's files can be: the user's home, the tests, the installation, this program.
fn never(settings: &Settings, layout: &Layout, env: &Env, cwd: &Path) -> Vec<PathBuf> {
    let home = env.non_empty("HOME").map(PathBuf::from);
    let places = [&layout.test_dir, &layout.basedir, &layout.bindir].into_iter().cloned();
    let suites = settings.suite_dir.iter().map(|dir| cwd.join(dir));
    let all = places.chain(home).chain(suites).chain(std::env::current_exe().ok());
    all.filter(|path| !path.as_os_str().is_empty()).filter_map(|path| path.canonicalize().ok()).collect()
}

fn short_tmp(
    long: &Path,
    env: &Env,
    entered: bool,
    messages: &mut Messages,
) -> Result<(PathBuf, Option<Scratch>)> {
    messages.push(match paths::sockets_fit(long, false) {
        false => format!("Too long tmpdir path '{}'  creating a shorter one...", long.display()),
        true => {
            format!("A shell would take the tmpdir path '{}' apart, creating a plain one...", long.display())
        }
    });
    let mut failed = None;
    // Who reaches a socket of a server is its root.
    let mode = Permissions::from_mode(if entered { 0o711 } else { 0o700 });
    for base in paths::short_bases(env) {
        let mut how = tempfile::Builder::new();
        match Scratch::begin(how.prefix("mtr-").permissions(mode.clone()), &base) {
            Ok(short) => {
                messages.push(format!(" - using tmpdir: '{}'\n", short.path().display()));
                return Ok((short.path().to_path_buf(), Some(short)));
            }
            Err(error) => failed = Some(Error::io("create a directory in", &base, error)),
        }
    }
    let error = Error::new("the path is too long for sockets, and there is no place for a shorter one")
        .at(long, None);
    let error = error.hint("give a directory with a path of at most 80 bytes: --tmpdir=DIR");
    Err(match failed {
        Some(cause) => error.caused_by(cause),
        None => error,
    })
}

impl Vardir {
    /// The directories of worker `number` (1-based) of `workers`.
    pub fn worker(&self, number: usize, workers: usize) -> WorkerDirs {
        if workers == 1 {
            WorkerDirs { var: self.root.clone(), tmp: self.tmp.clone() }
        } else {
            let number = number.to_string();
            WorkerDirs { var: self.root.join(&number), tmp: self.tmp.join(&number) }
        }
    }

    /// Keeps a short temporary directory: servers that live on have their sockets there.
    /// Returns it.
    pub fn keep_tmp(&mut self) -> Option<PathBuf> {
        self.short_tmp.take().map(Scratch::keep)
    }

    /// `--clean-vardir`: removes everything in it.
    ///
    /// # Errors
    /// Something in it cannot be removed.
    pub fn clean(&self) -> Result<()> {
        empty(&self.root)?;
        remove(&self.root.join(contents::MARKER))
    }
}

fn make_dir(dir: &Path) -> Result<()> {
    std::fs::DirBuilder::new().recursive(true).mode(0o755).create(dir).map_err(|error| {
        Error::new("Writable 'var' directory is needed, use the '--vardir=<path>' option")
            .at(dir, None)
            .caused_by(error)
            .hint("give a directory that you can write: --vardir=DIR, or --mem for one in memory")
    })
}

/// Kills servers of an earlier run whose pid files are still there, of all its workers.
fn end_leftovers(root: &Path, messages: &mut Messages) -> Result<()> {
    let mut run_dirs = vec![root.join("run")];
    if let Ok(entries) = std::fs::read_dir(root) {
        let numbered = entries.flatten().filter(|e| e.file_name().to_string_lossy().parse::<u32>().is_ok());
        run_dirs.extend(numbered.map(|entry| entry.path().join("run")));
    }
    for dir in run_dirs.iter().filter(|dir| dir.is_dir()) {
        messages.push("Checking leftover processes...".into());
        let entries = std::fs::read_dir(dir).map_err(|error| Error::io("read", dir, error))?;
        for path in entries.flatten().map(|entry| entry.path()) {
            if path.extension().is_none_or(|extension| extension != "pid") {
                messages.push(format!("Found non pid file '{}' in '{}'", path.display(), dir.display()));
                continue;
            }
            let text = files::read_text(&path, files::MOST_OF_SETTINGS).unwrap_or_default();
            std::fs::remove_file(&path).map_err(|error| Error::io("remove", &path, error))?;
            let Some(pid) = text.trim().parse::<i32>().ok().and_then(Pid::from_raw) else {
                messages.push(format!("Got invalid pid '{}' from '{}'", text.trim(), path.display()));
                continue;
            };
            let number = pid.as_raw_nonzero();
            messages.push(format!(" - found old pid {number} in '{}', killing it...", path.display()));
            messages.push(end_leftover(pid, root).into());
        }
    }
    Ok(())
}

/// Kills process `pid`, if it is one that works below `root`: pids are used again. It is held before it is looked at.
fn end_leftover(pid: Pid, root: &Path) -> &'static str {
    use std::os::fd::AsFd;
    let number = pid.as_raw_nonzero();
    let Ok(fd) = rustix::process::pidfd_open(pid, PidfdFlags::empty()) else {
        return "   process did not exist!";
    };
    let command = files::of_kernel(format!("/proc/{number}/cmdline")).unwrap_or_default();
    if !works_below(&command, root) {
        return "   process did not exist!";
    }
    let deadline = deadline_after(std::time::Duration::from_secs(10));
    // A server leads a group of its own: what it started goes with it. While it is stopped it does not end, and
    // its number stays its own.
    let stopped = rustix::process::pidfd_send_signal(&fd, Signal::STOP).is_ok();
    if stopped && rustix::process::getpgid(Some(pid)).is_ok_and(|group| group == pid) {
        let _ = rustix::process::kill_process_group(pid, Signal::KILL);
    }
    match rustix::process::pidfd_send_signal(&fd, Signal::KILL) {
        Ok(()) => match crate::sys::poll::readable(&[fd.as_fd()], Some(deadline)) {
            Ok(ended) if !ended.is_empty() => "   ok!",
            _ => "   failed!",
        },
        Err(Errno::SRCH) => "   ok!",
        Err(_) => "   failed!",
    }
}

/// Whether a command line, arguments ended by zeros, names `root` or a path below it: as an argument or as the value
/// of one.
fn works_below(command: &[u8], root: &Path) -> bool {
    command.split(|byte| *byte == 0).any(|argument| {
        let value = argument.iter().position(|byte| *byte == b'=').map(|at| &argument[at + 1..]);
        std::iter::once(argument).chain(value).any(|text| {
            let path: &std::ffi::OsStr = std::os::unix::ffi::OsStrExt::from_bytes(text);
            Path::new(path).starts_with(root)
        })
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
