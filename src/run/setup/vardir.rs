//! The vardir: where everything of a run lives (runner §8.1), and its lock.

use std::fs::File;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use rustix::fs::FlockOperation;
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, Signal};

use crate::cli::settings::Settings;
use crate::env::Env;
use crate::error::{Error, Result};
use crate::sys::deadline::deadline_after;
use crate::sys::files::is_writable;
use crate::sys::removal::{self, empty};
use crate::tree::layout::Layout;

/// The directories of the whole run, held for as long as this value lives.
#[derive(Debug)]
pub struct Vardir {
    /// `VAR0`.
    pub root: PathBuf,
    /// `TMP0`.
    pub tmp: PathBuf,
    /// Held: two runs never share a vardir. The lock is on the directory itself and goes with us.
    _lock: File,
    /// A short temporary directory made because sockets below `VAR0` would have too long paths.
    short_tmp: Option<tempfile::TempDir>,
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

impl Vardir {
    /// Finds, locks, empties and creates the vardir of a run.
    ///
    /// # Errors
    /// When it is in use by another run, cannot be written, or its sockets would have too long
    /// paths although `--tmpdir` was given.
    pub fn open(settings: &Settings, layout: &Layout, env: &Env, cwd: &Path) -> Result<(Vardir, Messages)> {
        let mut messages = Messages::new();
        let root = place(settings, layout, cwd, &mut messages)?;
        messages.push(format!("vardir: {}", root.display()));
        make_dir(&root)?;
        let lock = lock(&root)?;
        if !settings.using_extern() {
            end_leftovers(&root, &mut messages)?;
        }
        let keep = settings.start_dirty || settings.using_extern();
        if !keep {
            messages.push("Removing old var directory...".into());
            empty(&root)?;
        }
        let tmp = settings.tmpdir.clone().unwrap_or_else(|| root.join("tmp"));
        if !keep && settings.tmpdir.is_some() && tmp.exists() {
            empty(&tmp)?;
        }
        messages.push(format!("Creating var directory '{}'...", root.display()));
        let (tmp, short_tmp) = with_short_sockets(settings, tmp, env, &mut messages)?;
        WorkerDirs { var: root.clone(), tmp: tmp.clone() }.create()?;
        Ok((Vardir { root, tmp, _lock: lock, short_tmp }, messages))
    }

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
        self.short_tmp.take().map(tempfile::TempDir::keep)
    }

    /// `--clean-vardir`: removes everything in it.
    ///
    /// # Errors
    /// Something in it cannot be removed.
    pub fn clean(&self) -> Result<()> {
        empty(&self.root)
    }
}

/// Where the vardir is to be: `--vardir`, a memory file system with `--mem`, else the layout's own.
fn place(settings: &Settings, layout: &Layout, cwd: &Path, messages: &mut Messages) -> Result<PathBuf> {
    if let Some(given) = &settings.vardir {
        // Relative to where the user stands, which for the reference is always the test directory.
        return Ok(cwd.join(given));
    }
    let default = layout.default_vardir.clone();
    let Some(mem) = &settings.mem else { return Ok(default) };
    let candidates = mem.iter().map(PathBuf::from).chain(["/run/shm", "/dev/shm", "/tmp"].map(PathBuf::from));
    let Some(base) = candidates.filter(|dir| !dir.is_symlink() && dir.is_dir()).find(|dir| is_writable(dir))
    else {
        return Ok(default);
    };
    let thread = settings.build_thread.map_or_else(|| "auto".to_owned(), |thread| thread.to_string());
    // The same directory again when `var` already points into this file system.
    if let Ok(old) = std::fs::read_link(&default) {
        if old.starts_with(&base) && old.is_dir() {
            messages.push(format!(" - symlinking 'var' to '{}'", old.display()));
            return Ok(default);
        }
        std::fs::remove_file(&default).map_err(|e| Error::io("remove", &default, e))?;
    } else if default.is_dir() {
        removal::remove(&default)?;
    }
    let dir = tempfile::Builder::new()
        .prefix(&format!("var_{thread}_"))
        .tempdir_in(&base)
        .map_err(|e| Error::io("create a directory in", &base, e))?
        .keep();
    messages.push(format!(" - symlinking 'var' to '{}'", dir.display()));
    std::os::unix::fs::symlink(&dir, &default).map_err(|e| Error::io("create", &default, e))?;
    Ok(default)
}

fn make_dir(dir: &Path) -> Result<()> {
    std::fs::DirBuilder::new().recursive(true).mode(0o755).create(dir).map_err(|error| {
        Error::new("Writable 'var' directory is needed, use the '--vardir=<path>' option")
            .at(dir, None)
            .caused_by(error)
            .hint("give a directory that you can write: --vardir=DIR, or --mem for one in memory")
    })
}

fn lock(root: &Path) -> Result<File> {
    let dir = File::open(root).map_err(|error| Error::io("open", root, error))?;
    match rustix::fs::flock(&dir, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(dir),
        Err(Errno::WOULDBLOCK) => Err(Error::new("this vardir is in use by another run")
            .at(root, None)
            .hint("wait for that run to end, or give this one a vardir of its own: --vardir=DIR")),
        Err(errno) => Err(Error::io("lock", root, errno.into())),
    }
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
            let text = std::fs::read_to_string(&path).unwrap_or_default();
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
    let command = std::fs::read(format!("/proc/{number}/cmdline")).unwrap_or_default();
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

/// The longest path a Unix socket can have (`sun_path`, runner §7.5).
const LONGEST_SOCKET: usize = 108;

/// Room that worker directories and socket names need below `TMP0`; a directory that the user chose
/// is taken as long as the socket of a server fits.
const SOCKET_NAME: &str = "/mysql_testsocket.sock";
const SHORTEST_NAME: &str = "/testsocket.sock";

fn with_short_sockets(
    settings: &Settings,
    tmp: PathBuf,
    env: &Env,
    messages: &mut Messages,
) -> Result<(PathBuf, Option<tempfile::TempDir>)> {
    let name = if settings.tmpdir.is_some() { SHORTEST_NAME } else { SOCKET_NAME };
    if tmp.as_os_str().len() + name.len() <= LONGEST_SOCKET {
        return Ok((tmp, None));
    }
    if settings.tmpdir.is_some() {
        return Err(Error::new(format!(
            "Socket path '{}' too long, it would be  truncated and thus not possible to use for connection to  \
             MariaDB Server. Set a shorter with --tmpdir=<path> option",
            tmp.display()
        )));
    }
    messages.push(format!("Too long tmpdir path '{}'  creating a shorter one...", tmp.display()));
    let base = env.non_empty("TMPDIR").map_or_else(|| PathBuf::from("/tmp"), PathBuf::from);
    let short = tempfile::Builder::new()
        .prefix("mtr-")
        .tempdir_in(&base)
        .map_err(|error| Error::io("create a directory in", &base, error))?;
    messages.push(format!(" - using tmpdir: '{}'\n", short.path().display()));
    Ok((short.path().to_path_buf(), Some(short)))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn open(root: &Path) -> Result<(Vardir, Messages)> {
        let settings = Settings { vardir: Some(root.into()), ..Settings::default() };
        Vardir::open(&settings, &Layout::default(), &Env::default(), Path::new("/"))
    }

    #[test]
    fn a_vardir_in_use_is_refused_and_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let (vardir, _) = open(dir.path()).unwrap();
        std::fs::write(vardir.root.join("log/x"), "kept").unwrap();
        let error = open(dir.path()).unwrap_err();
        assert!(error.to_string().contains("in use by another run"), "{error}");
        assert!(vardir.root.join("log/x").exists());
        drop(vardir);
        let (again, _) = open(dir.path()).unwrap();
        assert!(!again.root.join("log/x").exists());
    }

    #[test]
    fn a_leftover_names_the_vardir_itself() {
        let works = |command: &str| works_below(command.as_bytes(), Path::new("/tmp/v"));
        assert!(works("mariadbd\0--defaults-file=/tmp/v/my.cnf\0"));
        assert!(works("mariadbd\0--tmpdir=/tmp/v\0"));
        assert!(works("mariadbd\0--datadir\0/tmp/v/1/mysqld.1/data\0"));
        for other in ["/tmp/v2/my.cnf", "/tmp/v.old", "/srv/tmp/v/my.cnf", "/tmp", "/tmp/va"] {
            assert!(!works(&format!("mariadbd\0--defaults-file={other}\0")), "{other}");
            assert!(!works(&format!("mariadbd\0{other}\0")), "{other}");
        }
        assert!(!works(""));
    }

    #[test]
    fn a_leftover_of_another_vardir_lives() {
        let run = |dir: &Path| {
            let (mut begun, theirs) = std::io::pipe().unwrap();
            let mut command = std::process::Command::new("sh");
            std::os::unix::process::CommandExt::process_group(&mut command, 0);
            command.args(["-c", "echo; sleep 600; :", "sh"]).arg(dir).stdout(theirs);
            let child = command.spawn().unwrap();
            // A process that is being started has no command line for a moment.
            std::io::Read::read_exact(&mut begun, &mut [0]).unwrap();
            child
        };
        let mut other = run(Path::new("/tmp/v2"));
        let mut ours = run(Path::new("/tmp/v"));
        let end = |child: &std::process::Child| end_leftover(Pid::from_child(child), Path::new("/tmp/v"));
        assert_eq!(end(&other), "   process did not exist!");
        assert!(other.try_wait().unwrap().is_none());
        assert_eq!(end(&ours), "   ok!");
        ours.wait().unwrap();
        let _ = rustix::process::kill_process_group(Pid::from_child(&other), Signal::KILL);
        other.wait().unwrap();
    }

    #[test]
    fn long_paths_get_a_short_tmpdir() {
        let dir = tempfile::tempdir().unwrap();
        let (vardir, _) = open(&dir.path().join("x".repeat(100))).unwrap();
        assert!(!vardir.tmp.starts_with(&vardir.root));
        let dirs = vardir.worker(12, 16);
        assert!(dirs.tmp.join("mysqld.1.sock").as_os_str().len() < LONGEST_SOCKET);
    }
}
