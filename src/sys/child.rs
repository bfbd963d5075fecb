//! One child process in a process group of its own, with the limits of runner §9.7.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::process::{
    Pid, PidfdFlags, Signal, WaitId, WaitIdOptions, kill_process_group, pidfd_open, pidfd_send_signal, waitid,
};

use super::reaping::reap;
use super::spawn::Start;
use super::{files, orphans, poll};
use crate::env::Env;
use crate::sys::deadline::deadline_after;

/// What to start and how.
#[derive(Debug)]
pub struct Spawn<'a> {
    /// The program; `argv[0]` is the same text.
    pub program: &'a OsStr,
    /// Arguments after `argv[0]`.
    pub args: &'a [OsString],
    /// The whole environment.
    pub env: &'a Env,
    /// Working directory.
    pub cwd: &'a Path,
    /// Standard input; `None` is `/dev/null`, so that a script can never read the terminal.
    pub stdin: Option<File>,
    /// Standard output; `None` is inherited.
    pub stdout: Option<File>,
    /// Standard error; `None` is inherited.
    pub stderr: Option<File>,
    /// `RLIMIT_NOFILE`, soft and hard: 1024 for servers, because results show it (runner §9.7, §15.1).
    pub open_files: Option<u64>,
    /// Core dumps off, whatever the inherited limit.
    pub no_core: bool,
    /// The child survives this process: its own session and no registration as ours.
    pub detached: bool,
}

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// `exit(code)`.
    Code(i32),
    /// Ended by a signal.
    Signal {
        /// Its number.
        number: i32,
        /// A core was dumped.
        core: bool,
    },
}

impl Exit {
    /// The status as the reference's supervisor gives it: 1 for any signal (runner §9.7).
    pub fn status(self) -> i32 {
        match self {
            Exit::Code(code) => code,
            Exit::Signal { .. } => 1,
        }
    }
}

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Exit::Code(code) => write!(f, "exit status {code}"),
            Exit::Signal { number, core } => {
                let name = signal_name(number);
                let core = if core { ", core dumped" } else { "" };
                write!(f, "signal {number} ({name}){core}")
            }
        }
    }
}

/// Signals by number and name.
const NAMES: [(i32, &str); 15] = [
    (libc::SIGHUP, "SIGHUP"),
    (libc::SIGINT, "SIGINT"),
    (libc::SIGQUIT, "SIGQUIT"),
    (libc::SIGILL, "SIGILL"),
    (libc::SIGTRAP, "SIGTRAP"),
    (libc::SIGABRT, "SIGABRT"),
    (libc::SIGBUS, "SIGBUS"),
    (libc::SIGFPE, "SIGFPE"),
    (libc::SIGKILL, "SIGKILL"),
    (libc::SIGSEGV, "SIGSEGV"),
    (libc::SIGPIPE, "SIGPIPE"),
    (libc::SIGTERM, "SIGTERM"),
    (libc::SIGXCPU, "SIGXCPU"),
    (libc::SIGXFSZ, "SIGXFSZ"),
    (libc::SIGSYS, "SIGSYS"),
];

/// `SIGSEGV` for 11 and so on; `unknown` for a number without a name here.
pub fn signal_name(number: i32) -> &'static str {
    NAMES.iter().find(|(n, _)| *n == number).map_or("unknown", |(_, name)| name)
}

/// 11 for `SIGSEGV` and so on.
pub fn signal_number(name: &str) -> Option<i32> {
    NAMES.iter().find(|(_, known)| *known == name).map(|(number, _)| *number)
}

/// A process: ours, which dropping it kills with its whole group and reaps, or one that is watched.
#[derive(Debug)]
pub struct Child {
    pid: Pid,
    pidfd: OwnedFd,
    started: Instant,
    exit: Option<Exit>,
    processor_time: Option<Duration>,
    detached: bool,
    /// Somebody else's child: its exit status is not ours to know, nor its group to signal.
    foreign: bool,
}

impl Child {
    /// Starts the process.
    ///
    /// # Errors
    /// What the system says of the process, its directory, its limits or the program.
    pub fn spawn(what: Spawn<'_>) -> io::Result<Child> {
        let (failed, detached) = (|error| what_failed(error, what.cwd), what.detached);
        let input = match what.stdin {
            Some(file) => file,
            None => files::open(Path::new("/dev/null"))?,
        };
        let streams = [Some(input), what.stdout, what.stderr].map(|file| file.map(OwnedFd::from));
        let mut start = Start::new(what.program, what.args, what.env, what.cwd).map_err(failed)?;
        start = start.streams(streams)?.session(detached);
        if let Some(n) = what.open_files {
            start = start.limit(libc::RLIMIT_NOFILE, n);
        }
        if what.no_core {
            start = start.limit(libc::RLIMIT_CORE, 0);
        }
        let (pid, pidfd) = orphans::start_registered(!detached, || start.spawn()).map_err(failed)?;
        Ok(Child {
            pid,
            pidfd,
            started: Instant::now(),
            exit: None,
            processor_time: None,
            detached,
            foreign: false,
        })
    }

    /// Watches a process that somebody else started. It counts as ended with status 0, however it
    /// ended, and lives on when this value goes away.
    ///
    /// # Errors
    /// There is no such process.
    pub fn watch(pid: i32) -> io::Result<Child> {
        let pid = Pid::from_raw(pid).ok_or(io::ErrorKind::InvalidInput)?;
        let pidfd = pidfd_open(pid, PidfdFlags::empty())?;
        Ok(Child {
            pid,
            pidfd,
            started: Instant::now(),
            exit: None,
            processor_time: None,
            detached: true,
            foreign: true,
        })
    }

    /// Process id, which is its group's id too.
    pub fn pid(&self) -> i32 {
        self.pid.as_raw_nonzero().get()
    }

    /// Readable once the process has ended.
    pub fn fd(&self) -> BorrowedFd<'_> {
        self.pidfd.as_fd()
    }

    /// When it was started.
    pub fn started(&self) -> Instant {
        self.started
    }

    /// The processor time that it took, with those of its children that it waited for, once it was found to have
    /// ended. `None` for a process that somebody else started.
    pub fn processor_time(&self) -> Option<Duration> {
        self.processor_time
    }

    /// How it ended, if it has; reaps it. What it left in its process group is killed before, while the number of the
    /// group is still its own.
    ///
    /// # Errors
    /// The system refuses to wait for it.
    pub fn try_wait(&mut self) -> io::Result<Option<Exit>> {
        if self.foreign {
            let ended = !poll::readable(&[self.pidfd.as_fd()], Some(Instant::now()))?.is_empty();
            self.exit = ended.then_some(Exit::Code(0));
        } else if self.exit.is_none() {
            let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG;
            let fd = self.pidfd.as_fd();
            if waitid(WaitId::PidFd(fd), options | WaitIdOptions::NOWAIT)?.is_some() {
                // Until it is reaped no other process or group can have its number.
                let _ = kill_process_group(self.pid, Signal::KILL);
            }
            if let Some((exit, used)) = reap(fd)? {
                orphans::unregister(self.pid());
                (self.exit, self.processor_time) = (Some(exit), Some(used));
            }
        }
        Ok(self.exit)
    }

    /// Waits for the end, at most until `deadline`.
    ///
    /// # Errors
    /// The system refuses to wait for it.
    pub fn wait(&mut self, deadline: Option<Instant>) -> io::Result<Option<Exit>> {
        if let Some(exit) = self.try_wait()? {
            return Ok(Some(exit));
        }
        poll::readable(&[self.pidfd.as_fd()], deadline)?;
        self.try_wait()
    }

    /// Sends `signal` to the process alone. Nothing happens if it has ended.
    pub fn signal(&self, signal: Signal) {
        let _ = pidfd_send_signal(&self.pidfd, signal);
    }

    /// Sends `signal` to the whole group. Nothing happens once its leader is reaped: what was left in the group was
    /// killed then, and the number may be another group's.
    pub fn signal_group(&self, signal: Signal) {
        if self.foreign {
            self.signal(signal);
        } else if self.exit.is_none() {
            let _ = kill_process_group(self.pid, signal);
        }
    }

    /// SIGTERM to the group, SIGKILL after `grace`; returns when the process is reaped and what
    /// it left in its group is killed.
    ///
    /// # Errors
    /// The system refuses to wait for it.
    pub fn terminate(&mut self, grace: Duration) -> io::Result<Exit> {
        if self.try_wait()?.is_none() && !grace.is_zero() {
            self.signal_group(Signal::TERM);
            self.wait(Some(deadline_after(grace)))?;
        }
        self.kill()
    }

    /// SIGKILL to the group; returns when the process is reaped.
    ///
    /// # Errors
    /// The system refuses to wait for it, or to kill it: a process of another user.
    pub fn kill(&mut self) -> io::Result<Exit> {
        match self.foreign.then(|| pidfd_send_signal(&self.pidfd, Signal::KILL)) {
            None => self.signal_group(Signal::KILL),
            // Somebody else's process may be another user's: nobody waits for it then.
            Some(Err(errno)) if errno != rustix::io::Errno::SRCH => return Err(errno.into()),
            Some(_) => {}
        }
        loop {
            if let Some(exit) = self.wait(None)? {
                return Ok(exit);
            }
        }
    }

    /// Lets the process live on when this value goes away.
    pub fn detach(mut self) {
        self.detached = true;
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        if !self.detached {
            self.signal_group(Signal::KILL);
            let _ = self.wait(None);
        }
    }
}

/// The number of the error for which the system did not start a program, where it has one.
pub fn number_of(error: &io::Error) -> Option<i32> {
    error.raw_os_error().or((error.kind() == io::ErrorKind::WouldBlock).then_some(libc::EAGAIN))
}

/// The error of a start, where the system's word for it misleads.
fn what_failed(error: io::Error, cwd: &Path) -> io::Error {
    let text = match error.kind() {
        io::ErrorKind::NotFound if !cwd.is_dir() => {
            format!("its working directory {} does not exist", cwd.display())
        }
        io::ErrorKind::WouldBlock => {
            "the system allows no further process: see 'ulimit -u' and pids.max of the control group"
                .to_owned()
        }
        _ => return error,
    };
    io::Error::new(error.kind(), text)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use std::process::Command;

    fn sh(script: &str) -> Child {
        sh_to(script, None)
    }

    fn sh_to(script: &str, stdout: Option<File>) -> Child {
        Child::spawn(Spawn {
            program: OsStr::new("/bin/sh"),
            args: &["-c".into(), script.into()],
            env: &Env::of_process(),
            cwd: Path::new("/"),
            stdin: None,
            stdout,
            stderr: None,
            open_files: Some(1024),
            no_core: true,
            detached: false,
        })
        .unwrap()
    }

    #[test]
    fn gives_the_exit_status() {
        assert_eq!(sh("exit 62").wait(None).unwrap(), Some(Exit::Code(62)));
    }

    #[test]
    fn has_exactly_the_limit_of_open_files() {
        assert_eq!(
            sh("test $(ulimit -Sn),$(ulimit -Hn) = 1024,1024").wait(None).unwrap(),
            Some(Exit::Code(0))
        );
    }

    #[test]
    fn a_foreign_process_is_watched_and_can_be_ended() {
        let mut theirs = Command::new("sleep").arg("600").spawn().unwrap();
        let pid = theirs.id() as i32;
        drop(Child::watch(pid).unwrap());
        let mut watched = Child::watch(pid).unwrap();
        assert_eq!(watched.try_wait().unwrap(), None);
        let reaper = std::thread::spawn(move || theirs.wait());
        assert_eq!(watched.terminate(Duration::from_secs(20)).unwrap(), Exit::Code(0));
        reaper.join().unwrap().unwrap();
        assert!(Child::watch(pid).is_err());
    }

    #[test]
    fn a_signal_is_told_and_counts_as_status_one() {
        let exit = sh("kill -SEGV $$").wait(None).unwrap().unwrap();
        assert_eq!(exit, Exit::Signal { number: 11, core: false });
        assert_eq!((exit.status(), exit.to_string().as_str()), (1, "signal 11 (SIGSEGV)"));
    }

    /// A child that leaves a process in its group and ends; the pipe ends with that process.
    fn leaves_one_behind() -> (Child, std::io::PipeReader) {
        let (theirs_ends, theirs) = std::io::pipe().unwrap();
        (sh_to("sleep 600 & exit 0", Some(OwnedFd::from(theirs).into())), theirs_ends)
    }

    #[test]
    fn what_is_left_in_the_group_is_killed_while_the_number_is_its_own() {
        let (mut child, mut left) = leaves_one_behind();
        assert_eq!(child.wait(None).unwrap(), Some(Exit::Code(0)));
        // It ends although the child is neither dropped nor told anything.
        let ended = poll::readable(&[left.as_fd()], Some(Instant::now() + Duration::from_secs(60))).unwrap();
        assert_eq!(ended, [0]);
        assert_eq!(std::io::Read::read(&mut left, &mut [0]).unwrap(), 0);
        drop(child);
    }

    #[test]
    fn a_group_is_told_nothing_once_its_leader_is_reaped() {
        let mut child = sh("exit 0");
        child.wait(None).unwrap();
        // The number now is another group's: that of a child of its own.
        let mut other = sh("sleep 600");
        child.pid = other.pid;
        child.signal_group(Signal::KILL);
        child.signal(Signal::KILL);
        drop(child);
        let soon = Some(Instant::now() + Duration::from_millis(50));
        assert_eq!(other.wait(soon).unwrap(), None);
    }

    #[test]
    fn a_working_directory_that_is_missing_is_named() {
        let missing = Path::new("/no/such/directory");
        let not_found = || io::Error::from(io::ErrorKind::NotFound);
        let told = what_failed(not_found(), missing).to_string();
        assert_eq!(told, "its working directory /no/such/directory does not exist");
        assert_eq!(what_failed(not_found(), Path::new("/")).to_string(), not_found().to_string());
        let told = what_failed(io::ErrorKind::WouldBlock.into(), Path::new("/")).to_string();
        assert!(told.contains("ulimit -u"), "{told}");
    }

    #[test]
    fn a_child_that_ignores_sigterm_is_killed_with_its_group() {
        let (mut ready, theirs) = std::io::pipe().unwrap();
        let script = "trap '' TERM; sleep 600 >&2 & echo; exec >&2; while :; do sleep 600; done";
        let mut child = sh_to(script, Some(OwnedFd::from(theirs).into()));
        std::io::Read::read_exact(&mut ready, &mut [0]).unwrap();
        let exit = child.terminate(Duration::from_millis(50)).unwrap();
        assert_eq!(exit, Exit::Signal { number: 9, core: false });
    }
}
