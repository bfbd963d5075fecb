//! Who ends what a run started, whoever of the run is killed.
//!
//! The program is three processes. The *front* is the one that the caller started: it hands on signals, waits, and ends as
//! the run does. Below it is the *guardian*, and below that the *runner*, which does everything else. All three are
//! subreapers, so whatever the runner starts stays below the one of them that lives, also where it clears its
//! environment, leaves its session or hides what it is:
//!
//! - the runner is killed: its children are the guardian's then, which kills them, until none is left;
//! - the front is killed: the guardian kills the runner and all that is below; without a guardian the runner does;
//! - the guardian is killed: the run goes on below the front, which makes another guardian, one that is beside the runner.
//!   It can only look for the mark in the environment of processes, and does so where front and runner are killed at once.
//!
//! `docs/decisions.md` has the reasons.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustix::io::{FdFlags, fcntl_setfd};
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::{
    Pid, PidfdFlags, Signal, WaitId, WaitIdOptions, WaitIdStatus, pidfd_open, pidfd_send_signal, waitid,
};

use super::deadline::deadline_after;
use super::front::{Front, Message};
use super::ledger::Ledger;
use super::{abort, ending, front, orphans, poll, signals};
use crate::env::Env;

/// The variable every process of a run carries; the value names run and worker.
pub const MARK: &str = "MTR_RS_RUN";

/// First argument that makes the program a guardian. The second one is the mark's value, the others are the numbers of
/// the descriptors that it is given.
pub const ARGUMENT: &str = "--guardian-of-run";

/// What the front says to a guardian beside the runner when all is over.
pub(super) const FAREWELL: u8 = b'q';

/// Signals that a guardian has nothing to do with: those that are sent to groups, and those that end a program which did
/// not ask for them.
const NOT_FOR_GUARDIANS: [i32; 11] = [
    libc::SIGINT,
    libc::SIGTERM,
    libc::SIGHUP,
    libc::SIGQUIT,
    libc::SIGTSTP,
    libc::SIGTTIN,
    libc::SIGTTOU,
    libc::SIGUSR1,
    libc::SIGUSR2,
    libc::SIGALRM,
    libc::SIGPIPE,
];

/// What the runner knows of those who guard it.
#[derive(Debug)]
struct Guarded {
    mark: String,
    ledger: Ledger,
    /// Where it tells the front.
    told: OwnedFd,
}

static GUARDED: OnceLock<Guarded> = OnceLock::new();

/// Who guards this process.
#[derive(Debug)]
pub struct Guards {
    /// Ends with the front.
    front: OwnedFd,
    front_pid: i32,
    /// `None`: it is gone already.
    guardian: Option<OwnedFd>,
}

impl Guards {
    /// Readable when the process that the caller started is gone.
    pub fn front(&self) -> BorrowedFd<'_> {
        self.front.as_fd()
    }

    /// The process that the caller started, and that hands on signals.
    pub fn front_pid(&self) -> i32 {
        self.front_pid
    }

    /// Readable when the guardian is gone.
    pub fn guardian(&self) -> Option<BorrowedFd<'_>> {
        self.guardian.as_ref().map(AsFd::as_fd)
    }

    /// The guardian is known to be gone.
    pub fn forget_guardian(&mut self) {
        self.guardian = None;
    }

    /// The front is gone, and nobody wants to know any more what becomes of the run: ends everything below, and this
    /// process.
    pub fn end_all(&self) -> ! {
        // What another thread is about to start would be nobody's.
        abort::begin(libc::SIGKILL);
        // The guardian does the same, and this process may be the first that it kills.
        if self.guardian().is_none_or(ending::has_ended) {
            let _ = orphans::end_owned_and_orphans();
            if let Some(guarded) = GUARDED.get() {
                guarded.ledger.make_lines_whole();
                guarded.ledger.remove_directories();
            }
        }
        signals::die_by(libc::SIGKILL)
    }
}

/// Makes this process the front of one that goes on from here, with a guardian between the two; returns in the latter
/// only. There the signals that end a program ([`signals::ending`]) are blocked.
///
/// # Errors
/// There are threads already, or no processes or descriptors to be had.
pub fn enter() -> io::Result<Guards> {
    let mark = format!("{}-{:x}", std::process::id(), stamp());
    let ledger = Ledger::new()?;
    // Each end with the process that has the other: the front's end of the first, and those of the two others of the
    // second.
    let (lifeline, front_end) = pipe_with(PipeFlags::CLOEXEC)?;
    let (telling, told) = pipe_with(PipeFlags::CLOEXEC)?;
    orphans::become_subreaper()?;
    signals::block(&front::handed_on())?;
    let front_pid = std::process::id().cast_signed();
    match fork()? {
        Some(guardian) => {
            drop(told);
            let guardian = Some(front::Guardian::of(guardian, None)?);
            Front { guardian, _lifeline: front_end, telling, ledger, mark }.live()
        }
        None => {
            drop((front_end, telling));
            orphans::become_subreaper()?;
            let own = std::process::id().cast_signed();
            match fork()? {
                None => become_runner(mark, ledger, told, (lifeline, front_pid), own),
                Some(runner) => {
                    let runner = pidfd_open(runner, PidfdFlags::empty())?;
                    become_guardian(&Inheritance { mark, ledger, lifeline, told: Some(told), runner })
                }
            }
        }
    }
}

fn become_runner(
    mark: String,
    ledger: Ledger,
    told: OwnedFd,
    (front, front_pid): (OwnedFd, i32),
    guardian: i32,
) -> io::Result<Guards> {
    orphans::become_subreaper()?;
    signals::unblock(&[libc::SIGTSTP, libc::SIGCONT])?;
    // A file that must not grow (`ulimit -f`) is an error of whoever writes it, as a full disk is.
    signals::ignore(&[libc::SIGXFSZ]);
    // Held first, then looked at: it cannot be another process while it is this one's parent.
    let held = Pid::from_raw(guardian).and_then(|pid| pidfd_open(pid, PidfdFlags::empty()).ok());
    let parent = rustix::process::getppid().map(|pid| pid.as_raw_nonzero().get());
    let guarded = Guarded { mark, ledger, told };
    Message::Runner(std::process::id().cast_signed()).send(guarded.told.as_fd());
    let _ = GUARDED.set(guarded);
    Ok(Guards { front, front_pid, guardian: held.filter(|_| parent == Some(guardian)) })
}

/// What a guardian is given.
pub(super) struct Inheritance {
    pub(super) mark: String,
    pub(super) ledger: Ledger,
    /// Ends with the front.
    pub(super) lifeline: OwnedFd,
    /// Where the guardian above the runner tells how that ended; one beside it has nothing to tell.
    pub(super) told: Option<OwnedFd>,
    pub(super) runner: OwnedFd,
}

/// Becomes a program that can be told from the runner in a list of processes. Where that fails, it is the guardian all the
/// same.
pub(super) fn become_guardian(given: &Inheritance) -> ! {
    // Neither the terminal's nor anybody's group: what is sent to those is not for it.
    let _ = rustix::process::setsid();
    signals::ignore(&NOT_FOR_GUARDIANS);
    let mut command = Command::new("/proc/self/exe");
    command.arg0("mtr-rs").arg(ARGUMENT).arg(&given.mark);
    let Inheritance { ledger, lifeline, runner, told, .. } = given;
    for fd in
        [ledger.fd(), lifeline.as_fd(), runner.as_fd()].into_iter().chain(told.as_ref().map(AsFd::as_fd))
    {
        let _ = fcntl_setfd(fd, FdFlags::empty());
        command.arg(fd.as_raw_fd().to_string());
    }
    command.env_remove(MARK).current_dir("/");
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let _ = command.exec();
    let _ = watch(given);
    // Nothing of the runner's is to be flushed or closed here.
    signals::die_by(libc::SIGKILL)
}

/// The guardian's whole life, where this program was started as one: `args` are those behind [`ARGUMENT`].
///
/// # Errors
/// They are not what a guardian is given.
pub fn guard(args: &[String]) -> io::Result<()> {
    let numbers: Vec<i32> = args.iter().skip(1).map_while(|number| number.parse().ok()).collect();
    let (Some(mark), [ledger, lifeline, runner, told @ ..]) = (args.first(), numbers.as_slice()) else {
        return Err(io::ErrorKind::InvalidInput.into());
    };
    let take = |number: i32| {
        // SAFETY: the descriptor is borrowed to ask whether there is one.
        #[expect(unsafe_code, reason = "descriptors come as numbers")]
        let there = unsafe { rustix::io::fcntl_getfd(BorrowedFd::borrow_raw(number)) };
        if number <= libc::STDERR_FILENO || there.is_err() {
            return Err(io::Error::from(io::ErrorKind::InvalidInput));
        }
        // SAFETY: it is open, and nothing else of this process, which has just begun, owns it.
        #[expect(unsafe_code, reason = "descriptors come as numbers")]
        let fd = unsafe { OwnedFd::from_raw_fd(number) };
        fcntl_setfd(&fd, FdFlags::CLOEXEC)?;
        Ok(fd)
    };
    let _ = rustix::thread::set_name(c"mtr-rs-guardian");
    watch(&Inheritance {
        mark: mark.clone(),
        ledger: Ledger::inherited(take(*ledger)?),
        lifeline: take(*lifeline)?,
        runner: take(*runner)?,
        told: told.first().map(|number| take(*number)).transpose()?,
    })
}

/// How long a runner without a guardian above it may take to end what is below, when the front is gone.
const PATIENCE: Duration = Duration::from_secs(1);

/// Waits for the end of the front or of the runner, and ends what is left.
fn watch(given: &Inheritance) -> io::Result<()> {
    let Inheritance { mark, ledger, lifeline, told, runner } = given;
    let (lifeline, runner) = (lifeline.as_fd(), runner.as_fd());
    let Some(told) = told else { return watch_beside(given) };
    let ready = poll::readable(&[lifeline, runner], None)?;
    let end = match ready.contains(&1) {
        true => waitid(WaitId::PidFd(runner), WaitIdOptions::EXITED)?.map(|status| End::of(&status)),
        // The front is gone.
        false => {
            ending::kill(runner);
            None
        }
    };
    end_what_is_left(end, ledger, mark, &[])?;
    if let Some(end) = end {
        Message::Ended(end).send(told.as_fd());
    }
    Ok(())
}

/// The same for a guardian that is no parent of the runner: the front sees to the end of that, and the runner to the end
/// of the front; where both are gone, what carries the mark can be found.
fn watch_beside(given: &Inheritance) -> io::Result<()> {
    let mut word = [0];
    let read = rustix::io::retry_on_intr(|| rustix::io::read(&given.lifeline, &mut word))?;
    if read == 1 && word[0] == FAREWELL {
        return Ok(());
    }
    // A runner that is stopped does nothing.
    let _ = pidfd_send_signal(&given.runner, Signal::CONT);
    let _ = poll::readable(&[given.runner.as_fd()], Some(deadline_after(PATIENCE)));
    ending::kill(given.runner.as_fd());
    end_what_is_left(None, &given.ledger, &given.mark, &[])
}

/// Ends what the run has left when its runner ended in this way, but for the children `spared`.
pub(super) fn end_what_is_left(
    end: Option<End>,
    ledger: &Ledger,
    mark: &str,
    spared: &[i32],
) -> io::Result<()> {
    let by_itself = matches!(end, Some(End::Code(_)));
    if by_itself && ledger.leaves_processes() {
        ledger.make_lines_whole();
        return Ok(());
    }
    ending::end_children(spared)?;
    ledger.make_lines_whole();
    if !by_itself {
        ending::end_marked(mark)?;
    }
    ledger.remove_directories();
    Ok(())
}

/// How the runner ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    Code(i32),
    Signal(i32),
}

impl End {
    pub(super) fn of(status: &WaitIdStatus) -> End {
        match status.exit_status() {
            Some(code) => End::Code(code),
            None => End::Signal(status.terminating_signal().unwrap_or(libc::SIGKILL)),
        }
    }
}

/// The mark of this run; one of no run where there is no guardian.
pub fn mark() -> String {
    GUARDED.get().map_or_else(|| format!("{}-0", std::process::id()), |guarded| guarded.mark.clone())
}

/// This process, the runner, is about to end with `code`. It is told in case that nobody is left who sees it.
pub fn leave(code: u8) {
    if let Some(guarded) = GUARDED.get() {
        Message::Leaves(i32::from(code)).send(guarded.told.as_fd());
    }
}

/// What this process has started lives on when it ends by itself.
///
/// # Errors
/// No memory is left.
pub fn leave_processes() -> io::Result<()> {
    GUARDED.get().map_or(Ok(()), |guarded| guarded.ledger.leave_processes())
}

/// The directory `dir`, which this process has just made, is to be removed if it is killed.
///
/// # Errors
/// No memory is left, or there is no such directory.
pub fn note_directory(dir: &Path) -> io::Result<()> {
    GUARDED.get().map_or(Ok(()), |guarded| guarded.ledger.note(dir))
}

/// The open `file` has lines that begin with `beginning`; if this process is killed while it writes one, what there is of
/// it is to be taken off.
///
/// # Errors
/// It has no name, or no memory is left.
pub fn note_lines(file: &File, beginning: &[u8]) -> io::Result<()> {
    GUARDED.get().map_or(Ok(()), |guarded| guarded.ledger.note_lines(file, beginning))
}

/// The reverse of [`note_directory`].
///
/// # Errors
/// No memory is left.
pub fn forget_directory(dir: &Path) -> io::Result<()> {
    GUARDED.get().map_or(Ok(()), |guarded| guarded.ledger.forget(dir))
}

/// Whether an environment block holds a variable that starts with `prefix` (`NAME=value…`).
pub fn carries(environment: &[u8], prefix: &str) -> bool {
    environment.split(|byte| *byte == 0).any(|variable| variable.starts_with(prefix.as_bytes()))
}

/// The mark of one worker's processes, as a variable: `run` and the worker's number.
pub fn set_mark(env: &mut Env, run: &str, worker: usize) {
    env.set(MARK, format!("{run}.{worker}."));
}

/// What makes this run's mark differ from that of an earlier process with the same number.
fn stamp() -> u128 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_micros())
}

/// Goes on in two processes: `None` in the new one.
pub(super) fn fork() -> io::Result<Option<Pid>> {
    if std::fs::read_dir("/proc/self/task")?.count() > 1 {
        return Err(io::Error::other("there are threads already"));
    }
    // SAFETY: without other threads nothing that they hold is lost in the new process.
    #[expect(unsafe_code, reason = "no safe interface forks")]
    match unsafe { libc::fork() } {
        -1 => Err(io::Error::last_os_error()),
        pid => Ok(Pid::from_raw(pid)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_found_only_at_the_start_of_a_variable() {
        let block = b"A=1\0MTR_RS_RUN=77-abc.2.\0B=MTR_RS_RUN=9\0";
        assert!(carries(block, "MTR_RS_RUN=77-abc."));
        assert!(!carries(block, "MTR_RS_RUN=9"));
        assert!(!carries(block, "MTR_RS_RUN=77-abd."));
    }

    #[test]
    fn a_guardian_takes_only_descriptors_that_it_was_given() {
        let words = |line: &str| line.split(' ').map(str::to_owned).collect::<Vec<_>>();
        for line in ["1-a", "1-a 5 x 6", "1-a 0 1 2", "1-a 9999 9998 9997 9996"] {
            assert!(guard(&words(line)).is_err(), "{line}");
        }
    }
}
