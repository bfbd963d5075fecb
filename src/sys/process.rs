//! A process that is not our child, held by a pidfd: its number may be used again, the descriptor means
//! this one process for ever.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

use bstr::{BString, ByteSlice};
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

use super::deadline::deadline_after;
use super::files;
use super::poll;

/// A running process, or one that has just ended.
#[derive(Debug)]
pub struct Process(OwnedFd);

/// What can be sent to a [`Process`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// `SIGABRT`: end with a core dump, for whoever wants to know why it hung.
    Abort,
    /// `SIGKILL`.
    Kill,
}

impl Process {
    /// The process with this number; `None` if there is none, and for the system's first one.
    ///
    /// # Errors
    /// No descriptor is left, or the system refuses.
    pub fn open(pid: i32) -> io::Result<Option<Self>> {
        let Some(pid) = (pid > 1).then(|| Pid::from_raw(pid)).flatten() else { return Ok(None) };
        match pidfd_open(pid, PidfdFlags::empty()) {
            Ok(fd) => Ok(Some(Process(fd))),
            Err(Errno::SRCH) => Ok(None),
            Err(errno) => Err(errno.into()),
        }
    }

    /// Waits up to `limit` for the process's end; true if it has ended. Its parent may still have to
    /// collect its status.
    ///
    /// # Errors
    /// The system refuses to wait.
    pub fn wait(&self, limit: Duration) -> io::Result<bool> {
        let deadline = Some(deadline_after(limit));
        Ok(!poll::readable(&[self.0.as_fd()], deadline)?.is_empty())
    }

    /// Sends a signal; that the process has ended already is no error.
    ///
    /// # Errors
    /// It is a process of another user.
    pub fn end(&self, how: Ending) -> io::Result<()> {
        let signal = match how {
            Ending::Abort => Signal::ABORT,
            Ending::Kill => Signal::KILL,
        };
        match pidfd_send_signal(&self.0, signal) {
            Ok(()) | Err(Errno::SRCH) => Ok(()),
            Err(errno) => Err(errno.into()),
        }
    }
}

/// The command lines of the programs that the process `pid` has started and that run, the innermost of each branch:
/// of a shell that waits for a program the program.
pub fn programs_below(pid: i32) -> Vec<BString> {
    let mut found = Vec::new();
    let mut left: Vec<i32> = children_of(pid);
    while let Some(pid) = left.pop() {
        let children = children_of(pid);
        if children.is_empty() {
            let words = files::of_kernel(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            let line = words.trim_end_with(|c| c == '\0').replace(b"\0", b" ");
            if !line.is_empty() {
                found.push(line.into());
            }
        }
        left.extend(children);
    }
    found
}

fn children_of(pid: i32) -> Vec<i32> {
    let tasks = std::fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    let lists = tasks.filter_map(|task| files::text_of_kernel(task.path().join("children")).ok());
    lists
        .flat_map(|list| list.split_whitespace().filter_map(|pid| pid.parse().ok()).collect::<Vec<_>>())
        .collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use std::process::Command;

    #[test]
    fn the_end_of_a_process_wakes_who_waits() {
        let mut child = Command::new("sleep").arg("60").spawn().unwrap();
        let process = Process::open(child.id() as i32).unwrap().unwrap();
        assert!(!process.wait(Duration::from_millis(5)).unwrap());
        process.end(Ending::Kill).unwrap();
        assert!(process.wait(Duration::from_secs(20)).unwrap());
        child.wait().unwrap();
        process.end(Ending::Abort).unwrap();
        assert!(Process::open(child.id() as i32).unwrap().is_none());
    }

    #[test]
    fn numbers_that_are_no_process() {
        for pid in [0, -1, 1] {
            assert!(Process::open(pid).unwrap().is_none(), "{pid}");
        }
    }
}
