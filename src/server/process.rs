//! A server of a test's config: started, watched and stopped by the worker that owns it.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Write};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use bstr::{BString, ByteSlice};
use rustix::process::Signal;

use crate::case::ServerOption;
use crate::config::server_group::ServerGroup;
use crate::env::Env;
use crate::error::{Error, Result};
use crate::sys::child::{Child, Exit, Spawn};
use crate::sys::deadline::deadline_after;
use crate::sys::excerpt;
use crate::sys::files;

/// More bytes than a pid file has.
const MOST_OF_PID: u64 = 64;

/// `RLIMIT_NOFILE` of servers: results show it (runner §9.7, §15.1).
pub const SERVER_OPEN_FILES: u64 = 1024;

/// How long a server that was told to end may take before it is killed (runner §9.6).
pub const TERM_GRACE: Duration = Duration::from_secs(10);

/// What a server was started with.
#[derive(Debug, Clone, Default)]
pub struct StartedWith {
    /// Options of the test that started it, variables replaced.
    pub options: Vec<ServerOption>,
    /// Options an expect file added.
    pub restart_options: Vec<ServerOption>,
    /// Time zone of the test that started it, variables replaced.
    pub timezone: Option<BString>,
    /// The program.
    pub program: PathBuf,
    /// All arguments.
    pub args: Vec<ServerOption>,
    /// Processes that the kernel had killed for want of memory before this start, where it counts them.
    pub oom_kills: Option<u64>,
    /// Size of the error log just before this start.
    pub log_offset: u64,
}

/// One server group of the current config, running or not.
#[derive(Debug)]
pub struct ServerProcess {
    /// Its group in `my.cnf`.
    pub group: ServerGroup,
    process: Option<Child>,
    /// What it was last started with; `None` before its first start.
    pub started: Option<StartedWith>,
    /// How the last process ended, once it has.
    pub last_exit: Option<(Exit, Duration)>,
    /// The pid of the last process.
    pub last_pid: Option<i32>,
    /// The pids of all its processes so far.
    pub pids: Vec<i32>,
    /// It was told to dump core: that it ends by a signal is no fault of its own.
    pub aborted: bool,
    /// Somebody else is to start it: see [`ServerProcess::expect_foreign`].
    awaited: bool,
}

/// Everything a start needs.
#[derive(Debug)]
pub struct Launch<'a> {
    /// What is executed: the server, or a debugger that wraps it.
    pub program: &'a Path,
    /// Its arguments.
    pub args: Vec<OsString>,
    /// The server's own program and arguments, for reports.
    pub with: StartedWith,
    /// Environment.
    pub env: &'a Env,
    /// The test directory.
    pub cwd: &'a Path,
    /// No core dumps.
    pub no_core: bool,
    /// It is to survive this process (`--start-and-exit`).
    pub detached: bool,
}

impl ServerProcess {
    /// A server that does not run.
    pub fn new(group: ServerGroup) -> Self {
        ServerProcess {
            group,
            process: None,
            started: None,
            last_exit: None,
            last_pid: None,
            pids: Vec::new(),
            aborted: false,
            awaited: false,
        }
    }

    /// The running process.
    pub fn process(&self) -> Option<&Child> {
        self.process.as_ref()
    }

    /// Whether a process exists that has not been found ended.
    pub fn is_running(&self) -> bool {
        self.process.is_some()
    }

    /// Starts it: removes the old pid file, notes the command in the error log, spawns.
    ///
    /// # Errors
    /// When the error log cannot be written or the program not executed.
    pub fn start(&mut self, launch: Launch<'_>) -> Result<()> {
        let log_path = self.group.log_error();
        let mut with = launch.with;
        let log = self.note_start(&mut with)?;
        let stdout = log.try_clone().map_err(|error| Error::io("open", &log_path, error))?;
        let child = Child::spawn(Spawn {
            program: launch.program.as_os_str(),
            args: &launch.args,
            env: launch.env,
            cwd: launch.cwd,
            stdin: None,
            stdout: Some(stdout),
            stderr: Some(log),
            open_files: Some(SERVER_OPEN_FILES),
            no_core: launch.no_core,
            detached: launch.detached,
        })
        .map_err(|error| Error::io("start", launch.program, error))?;
        self.last_pid = Some(child.pid());
        self.pids.push(child.pid());
        self.last_exit = None;
        self.aborted = false;
        self.process = Some(child);
        self.started = Some(with);
        Ok(())
    }

    /// Lets somebody else start it: its process is the one that its pid file will name.
    ///
    /// # Errors
    /// When the error log cannot be written.
    pub fn expect_foreign(&mut self, mut with: StartedWith) -> Result<()> {
        self.note_start(&mut with)?;
        self.last_pid = None;
        self.last_exit = None;
        self.aborted = false;
        self.process = None;
        self.started = Some(with);
        self.awaited = true;
        Ok(())
    }

    /// Whether somebody else is still to start it.
    pub fn is_awaited(&self) -> bool {
        self.awaited
    }

    /// Takes the process that the pid file names for this server's.
    ///
    /// # Errors
    /// The pid file names no process.
    pub fn adopt(&mut self) -> io::Result<()> {
        let pid = self.pid_in_file().ok_or(io::ErrorKind::InvalidData)?;
        self.process = Some(Child::watch(pid)?);
        self.last_pid = Some(pid);
        self.awaited = false;
        Ok(())
    }

    /// The pid in the pid file: the server's own, where the process is a debugger.
    fn pid_in_file(&self) -> Option<i32> {
        let text = excerpt::head(&self.group.pid_file(), 0, MOST_OF_PID).ok()?;
        std::str::from_utf8(&text).ok()?.trim().parse().ok()
    }

    /// Removes the old pid file and notes the command in the error log, which it returns.
    fn note_start(&self, with: &mut StartedWith) -> Result<File> {
        let log_path = self.group.log_error();
        let pid_file = self.group.pid_file();
        match std::fs::remove_file(&pid_file) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(Error::io("remove the old pid file", &pid_file, error));
            }
            _ => {}
        }
        let mut log = append_to(&log_path)?;
        with.log_offset = log.metadata().map_or(0, |meta| meta.len());
        let mut line = BString::from("$ ");
        line.extend_from_slice(with.program.as_os_str().as_bytes());
        for argument in &with.args {
            line.push(b' ');
            line.extend_from_slice(&argument.text);
        }
        line.push(b'\n');
        log.write_all(&line).map_err(|error| Error::io("write", &log_path, error))?;
        Ok(log)
    }

    /// How it ended, if it has just ended; the instance then no longer runs.
    /// What it left in its process group is killed.
    ///
    /// # Errors
    /// The system refuses to wait for it.
    pub fn take_exit(&mut self) -> io::Result<Option<Exit>> {
        let Some(child) = &mut self.process else { return Ok(None) };
        let Some(exit) = child.try_wait()? else { return Ok(None) };
        self.last_exit = Some((exit, child.started().elapsed()));
        self.process = None;
        Ok(Some(exit))
    }

    /// Waits for its end, at most `patience`, as [`ServerProcess::take_exit`].
    ///
    /// # Errors
    /// The system refuses to wait for it.
    pub fn await_exit(&mut self, patience: Duration) -> io::Result<Option<Exit>> {
        if let Some(child) = &mut self.process {
            child.wait(Some(deadline_after(patience)))?;
        }
        self.take_exit()
    }

    /// Ends it: SIGTERM to the server (a normal shutdown), after `grace` SIGTERM to its whole
    /// group, after [`TERM_GRACE`] SIGKILL (runner §9.6). Without `grace` the group is told at once. Returns the
    /// signal that ended it, where that is none of these.
    ///
    /// # Errors
    /// The system refuses to wait for it, or its pid file cannot be removed.
    pub fn stop(&mut self, grace: Duration) -> io::Result<Option<Exit>> {
        let Some(mut child) = self.process.take() else { return Ok(None) };
        if !grace.is_zero() && child.try_wait()?.is_none() {
            child.signal(Signal::TERM);
            child.wait(Some(deadline_after(grace)))?;
        }
        if child.try_wait()?.is_none() {
            child.signal_group(Signal::TERM);
            child.wait(Some(deadline_after(TERM_GRACE)))?;
        }
        let ended = child.try_wait()?;
        let exit = child.kill()?;
        self.last_exit = Some((exit, child.started().elapsed()));
        match std::fs::remove_file(self.group.pid_file()) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let term = Signal::TERM.as_raw();
        Ok(ended.filter(|exit| matches!(exit, Exit::Signal { number, .. } if *number != term)))
    }

    /// SIGKILL, at once.
    ///
    /// # Errors
    /// The system refuses to wait for it.
    pub fn kill(&mut self) -> io::Result<()> {
        if let Some(mut child) = self.process.take() {
            let exit = child.kill()?;
            self.last_exit = Some((exit, child.started().elapsed()));
        }
        Ok(())
    }

    /// Asks for a core dump and waits for the end, at most `patience`; returns whether it ended.
    ///
    /// # Errors
    /// The system refuses to wait for it.
    pub fn abort(&mut self, patience: Duration) -> io::Result<bool> {
        if let Some(child) = &mut self.process {
            self.aborted = true;
            child.signal_group(Signal::ABORT);
            child.wait(Some(deadline_after(patience)))?;
            return Ok(self.take_exit()?.is_some());
        }
        Ok(true)
    }

    /// Lets the process live on after this program.
    pub fn detach(&mut self) {
        if let Some(child) = self.process.take() {
            child.detach();
        }
    }

    /// `[mysqld.1 - pid: 4711, winpid: 4711, exit: 256]`: the reference's way to name a process.
    pub fn describe(&self) -> String {
        let pid = self.last_pid.unwrap_or(0);
        let exit = match self.last_exit {
            Some((Exit::Code(code), _)) => format!(", exit: {}", code << 8),
            Some((Exit::Signal { .. }, _)) => ", exit: 256".to_owned(),
            None => String::new(),
        };
        format!("[{} - pid: {pid}, winpid: {pid}{exit}]", self.group.name())
    }
}

/// Opens `path` for appending, creating it and nothing above it.
///
/// # Errors
/// It cannot be opened or made.
pub fn append_to(path: &Path) -> Result<File> {
    files::append_to(path).map_err(|error| Error::io("open for appending", path, error))
}

/// The arguments as the operating system takes them.
pub fn os_args(args: &[ServerOption]) -> Vec<OsString> {
    args.iter().map(|option| OsString::from_vec(option.text.as_bytes().to_vec())).collect()
}
