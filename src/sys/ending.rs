//! How what a run left is ended.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use rustix::process::{
    Pid, PidfdFlags, Signal, WaitId, WaitIdOptions, pidfd_open, pidfd_send_signal, waitid,
};

use super::deadline::deadline_after;
use super::guardian::{MARK, carries};
use super::{files, orphans, poll};

/// How long those who were killed may take to be gone: one that waits for a disk is not gone at once.
const PATIENCE: Duration = Duration::from_secs(60);

/// Kills and reaps the children of this process, but for those whose numbers are in `spared`, and their children as
/// they become its own, until none is left. To be called by a subreaper with a single thread.
///
/// A child that must not be killed, one of another user, is left.
///
/// # Errors
/// The list of children cannot be read.
pub fn end_children(spared: &[i32]) -> io::Result<()> {
    let deadline = deadline_after(PATIENCE);
    let mut refused = Vec::new();
    loop {
        let children = orphans::children()?.into_iter();
        let mut dying: Vec<(i32, OwnedFd)> = children
            .filter(|pid| !spared.contains(pid) && !refused.contains(pid))
            .filter_map(|pid| Some((pid, pidfd_open(Pid::from_raw(pid)?, PidfdFlags::empty()).ok()?)))
            .collect();
        // A child keeps its number until it is reaped, which only this thread does.
        dying.retain(|(pid, fd)| {
            let ended = matches!(pidfd_send_signal(fd, Signal::KILL), Ok(()) | Err(rustix::io::Errno::SRCH));
            if !ended {
                refused.push(*pid);
            }
            ended
        });
        if dying.is_empty() {
            return Ok(());
        }
        for (_, fd) in dying {
            if poll::readable(&[fd.as_fd()], Some(deadline))?.is_empty() {
                return Ok(());
            }
            let _ = waitid(WaitId::PidFd(fd.as_fd()), WaitIdOptions::EXITED);
        }
    }
}

/// Kills everything that carries the mark `run`, until nothing does: a process may fork while we look. Guardians and
/// whoever started the run do not carry it.
///
/// # Errors
/// The list of processes cannot be read.
pub fn end_marked(run: &str) -> io::Result<()> {
    let mark = format!("{}={run}.", MARK);
    let deadline = deadline_after(PATIENCE);
    loop {
        let mut dying = Vec::new();
        for entry in std::fs::read_dir("/proc")? {
            let Ok(entry) = entry else { continue };
            let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse::<i32>().ok()) else {
                continue;
            };
            // Held first: the number may become another process's while its environment is read.
            let Some(pid) = Pid::from_raw(pid) else { continue };
            let Ok(fd) = pidfd_open(pid, PidfdFlags::empty()) else { continue };
            let Ok(environment) = files::of_kernel(entry.path().join("environ")) else { continue };
            if carries(&environment, &mark) && pidfd_send_signal(&fd, Signal::KILL).is_ok() {
                dying.push(fd);
            }
        }
        if dying.is_empty() || Instant::now() > deadline {
            return Ok(());
        }
        // Dead is dead: wait for each, so that ports and locks are free when the last one is gone.
        for fd in dying {
            poll::readable(&[fd.as_fd()], Some(deadline))?;
        }
    }
}

/// Kills the process that `fd` holds, and waits until it is gone.
pub fn kill(fd: BorrowedFd<'_>) {
    let _ = pidfd_send_signal(fd, Signal::KILL);
    let _ = poll::readable(&[fd], Some(deadline_after(PATIENCE)));
}

/// Whether the process that `fd` holds has ended.
pub fn has_ended(fd: BorrowedFd<'_>) -> bool {
    poll::readable(&[fd], Some(Instant::now())).is_ok_and(|ready| !ready.is_empty())
}
