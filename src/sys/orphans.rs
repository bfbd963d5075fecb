//! Descendants that lost their parent: as the subreaper we inherit them, end them and reap them.

use std::collections::BTreeSet;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, ExitStatus};
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};

use rustix::process::{
    Pid, PidfdFlags, Signal, WaitId, WaitIdOptions, getpgid, kill_process, kill_process_group, pidfd_open,
    pidfd_send_signal, waitid,
};

use super::{abort, files, poll, signals};

/// Every process that a [`super::child::Child`] owns. Spawning holds the lock, so that a child is
/// never mistaken for an orphan between its fork and its registration.
static OWNED: LazyLock<Mutex<BTreeSet<i32>>> = LazyLock::new(Mutex::default);

fn owned() -> MutexGuard<'static, BTreeSet<i32>> {
    OWNED.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Starts a command, with the signals of a program that is started from a terminal; with `register` it is this process's
/// affair.
///
/// # Errors
/// It cannot be started, or everything is to end.
pub fn spawn_registered(command: &mut Command, register: bool) -> io::Result<Child> {
    // SAFETY: the closure runs between fork and exec; it makes only system calls and neither allocates nor takes locks.
    #[expect(unsafe_code, reason = "signals must be given back in the child, before exec")]
    unsafe {
        command.pre_exec(signals::reset_for_child);
    }
    let (_, child) = start_registered(register, || {
        let child = command.spawn()?;
        Ok((Pid::from_child(&child), child))
    })?;
    Ok(child)
}

/// Has `start` start a process; with `register` it is this process's affair.
///
/// # Errors
/// Those of `start`, or everything is to end.
pub(super) fn start_registered<T>(
    register: bool,
    start: impl FnOnce() -> io::Result<(Pid, T)>,
) -> io::Result<(Pid, T)> {
    let mut owned = owned();
    if abort::signal().is_some() {
        return Err(io::Error::other("everything is being ended"));
    }
    let (pid, process) = start()?;
    if register {
        owned.insert(pid.as_raw_nonzero().get());
    }
    Ok((pid, process))
}

/// Runs a command to its end; its group and what it leaves there is not looked after.
///
/// # Errors
/// The command cannot be started, or not be waited for.
pub fn run_registered(command: &mut Command) -> io::Result<ExitStatus> {
    let mut child = spawn_registered(command, true)?;
    let status = child.wait();
    unregister(child.id() as i32);
    status
}

/// A child that [`spawn_registered`] started is reaped, or about to be.
pub fn unregister(pid: i32) {
    owned().remove(&pid);
}

/// Kills every process that this one has started and not yet reaped, with its group where it leads one. Whoever waits for
/// one of them waits no longer.
pub fn end_owned() {
    for pid in owned().iter().filter_map(|pid| Pid::from_raw(*pid)) {
        let _ = match getpgid(Some(pid)) {
            Ok(group) if group == pid => kill_process_group(pid, Signal::KILL),
            _ => kill_process(pid, Signal::KILL),
        };
    }
}

/// Kills every child of this process, and theirs as they become its own, and reaps none of them: their owners may be at it.
/// Nothing can be started meanwhile.
///
/// # Errors
/// The list of children cannot be read.
pub(super) fn end_owned_and_orphans() -> io::Result<()> {
    let _nothing_is_started = owned();
    let mut seen = BTreeSet::new();
    loop {
        let children = children()?.into_iter().filter(|pid| seen.insert(*pid)).collect::<Vec<i32>>();
        let held: Vec<OwnedFd> = children
            .iter()
            .filter_map(|pid| pidfd_open(Pid::from_raw(*pid)?, PidfdFlags::empty()).ok())
            .filter(|fd| pidfd_send_signal(fd, Signal::KILL).is_ok())
            .collect();
        if held.is_empty() {
            return Ok(());
        }
        for fd in held {
            poll::readable(&[fd.as_fd()], None)?;
        }
    }
}

/// Orphaned descendants become children of this process instead of init's.
///
/// # Errors
/// The system does not know subreapers.
pub fn become_subreaper() -> io::Result<()> {
    // Any pid turns the attribute on; the kernel takes it as a boolean.
    Ok(rustix::process::set_child_subreaper(Some(rustix::process::getpid()))?)
}

/// An orphan that was ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Orphan {
    /// The process.
    pub pid: i32,
    /// Its arguments, each with a NUL behind it; empty where they were not to be read.
    pub command: Vec<u8>,
}

/// Kills and reaps the orphans this process has inherited and for which `ours` is true;
/// it is given the orphan's environment block (`NAME=VALUE\0…`; empty for a zombie).
/// Members of the process groups `spared` live: a running server's helpers are its own affair.
/// Returns those that were still running.
///
/// An orphan's own children become orphans in turn when it dies, so this repeats until none is left.
///
/// # Errors
/// The list of children cannot be read, or an orphan not be waited for.
pub fn end_orphans(spared: &[i32], ours: impl Fn(&[u8]) -> bool) -> io::Result<Vec<Orphan>> {
    let mut ended = Vec::new();
    loop {
        let mut found = false;
        let owned = owned();
        // Held while no child can be started: another worker may reap an orphan, and its number may be used again.
        let orphans: Vec<(i32, OwnedFd)> = children()?
            .into_iter()
            .filter(|pid| !owned.contains(pid))
            .filter_map(|pid| Some((pid, pidfd_open(Pid::from_raw(pid)?, PidfdFlags::empty()).ok()?)))
            .collect();
        drop(owned);
        for (pid, fd) in orphans {
            let environment = files::of_kernel(format!("/proc/{pid}/environ")).unwrap_or_default();
            let held = WaitId::PidFd(fd.as_fd());
            // An error: it is no child of ours.
            let Ok(status) = waitid(held.clone(), WaitIdOptions::EXITED | WaitIdOptions::NOHANG) else {
                continue;
            };
            if status.is_some() {
                found = true;
            } else if ours(&environment) && !group_of(pid).is_some_and(|group| spared.contains(&group)) {
                let command = files::of_kernel(format!("/proc/{pid}/cmdline")).unwrap_or_default();
                let _ = pidfd_send_signal(&fd, Signal::KILL);
                let _ = waitid(held, WaitIdOptions::EXITED);
                ended.push(Orphan { pid, command });
                found = true;
            }
        }
        if !found {
            return Ok(ended);
        }
    }
}

/// The process group of a process, from `/proc/PID/stat`: the third field behind the name.
fn group_of(pid: i32) -> Option<i32> {
    let stat = files::text_of_kernel(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(')')?.1.split_ascii_whitespace().nth(2)?.parse().ok()
}

/// Child processes of any thread of this process.
///
/// # Errors
/// The list cannot be read.
pub(super) fn children() -> io::Result<Vec<i32>> {
    let mut pids = Vec::new();
    for task in std::fs::read_dir("/proc/self/task")? {
        // A thread may end while the directory is read.
        if let Ok(list) = files::text_of_kernel(task?.path().join("children")) {
            pids.extend(list.split_ascii_whitespace().filter_map(|pid| pid.parse::<i32>().ok()));
        }
    }
    Ok(pids)
}
