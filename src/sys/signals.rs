//! Signal dispositions and the signal mask that this process inherits from its caller, and what it hands on.
//!
//! `exec` keeps which signals are ignored and which are blocked. A shell without job control starts what stands before
//! `&` with SIGINT and SIGQUIT ignored, `nohup` with SIGHUP, and some supervisors block signals or ignore SIGCHLD; a
//! run that took that over could not be ended, or not learn how its servers ended. `docs/decisions.md` has the reasons.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, FromRawFd, OwnedFd};
use std::ptr;

use rustix::process::{Resource, Rlimit};

/// The signals by which people and systems ask a program to end, but for a hangup that is ignored, as `nohup` means it:
/// one that is blocked comes whether it is ignored or not.
pub fn ending() -> Vec<i32> {
    let hangup = (!is_ignored(libc::SIGHUP)).then_some(libc::SIGHUP);
    [libc::SIGINT, libc::SIGTERM, libc::SIGQUIT].into_iter().chain(hangup).collect()
}

/// A signal that came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Received {
    /// Which.
    pub number: i32,
    /// The process that sent it; 0 for the kernel, as for a terminal's `^C`.
    pub sender: i32,
}

/// Signals that are read like a file instead of interrupting a thread.
#[derive(Debug)]
pub struct SignalQueue(OwnedFd);

impl SignalQueue {
    /// Those of `signals`, which have to be blocked in all threads of this process ([`block`]).
    ///
    /// # Errors
    /// No descriptor is left.
    pub fn new(signals: &[i32]) -> io::Result<Self> {
        let set = set_of(signals);
        // SAFETY: the set is initialised; the result is a new descriptor or -1.
        #[expect(unsafe_code, reason = "no safe interface makes a signal descriptor")]
        unsafe {
            match libc::signalfd(-1, &raw const set, libc::SFD_CLOEXEC | libc::SFD_NONBLOCK) {
                -1 => Err(io::Error::last_os_error()),
                fd => Ok(SignalQueue(OwnedFd::from_raw_fd(fd))),
            }
        }
    }

    /// Readable when a signal has come.
    pub fn fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }

    /// The next signal; `None` if there is none.
    pub fn next(&self) -> Option<Received> {
        const SIZE: usize = size_of::<libc::signalfd_siginfo>();
        const NUMBER: usize = std::mem::offset_of!(libc::signalfd_siginfo, ssi_signo);
        const SENDER: usize = std::mem::offset_of!(libc::signalfd_siginfo, ssi_pid);
        let mut record = [0; SIZE];
        let read = rustix::io::retry_on_intr(|| rustix::io::read(&self.0, &mut record)).ok()?;
        let field = |at: usize| record.get(at..at + 4)?.try_into().ok().map(i32::from_ne_bytes);
        (read == SIZE).then_some(())?;
        Some(Received { number: field(NUMBER)?, sender: field(SENDER)? })
    }
}

/// Blocks `signals` in the calling thread and all threads and processes that it starts from now on.
///
/// # Errors
/// What `pthread_sigmask` says.
pub fn block(signals: &[i32]) -> io::Result<()> {
    change_mask(libc::SIG_BLOCK, signals)
}

/// The reverse of [`block`].
///
/// # Errors
/// What `pthread_sigmask` says.
pub fn unblock(signals: &[i32]) -> io::Result<()> {
    change_mask(libc::SIG_UNBLOCK, signals)
}

/// Ignores `signals`, and so do programs that this process becomes.
pub fn ignore(signals: &[i32]) {
    for signal in signals {
        // Refused for those that cannot be ignored.
        let _ = set_action(*signal, libc::SIG_IGN);
    }
}

/// Ends this process as `signal` ends one that does nothing about it, without a core file.
pub fn die_by(signal: i32) -> ! {
    let none = Rlimit { current: Some(0), maximum: rustix::process::getrlimit(Resource::Core).maximum };
    let _ = rustix::process::setrlimit(Resource::Core, none);
    let _ = set_default(signal);
    let _ = unblock(&[signal]);
    // To the process, and not to this thread: whichever thread takes it, all of them end.
    // SAFETY: a call without memory.
    #[expect(unsafe_code, reason = "the safe interface knows named signals only")]
    unsafe {
        libc::kill(libc::getpid(), signal);
        // The first process of a system, or of a container, does not die of signals.
        libc::_exit(128 + signal)
    }
}

/// Makes every signal what it is for a program that is started from a terminal: none is blocked, and each has its
/// default action, but for two. SIGHUP stays ignored if it was, as `nohup` means exactly that; SIGPIPE stays ignored,
/// as Rust's start-up code set it.
///
/// To be called before the first thread is started, as threads inherit the mask, and before any handler is set.
pub fn reset_inherited() {
    for signal in 1..=libc::SIGRTMAX() {
        if signal != libc::SIGHUP && signal != libc::SIGPIPE && is_ignored(signal) {
            // Refused for those that cannot be ignored and those that the C library keeps for itself.
            let _ = set_default(signal);
        }
    }
    let _ = unblock_all();
}

/// Whether this process ignores `signal`; false for one that does not exist.
pub fn is_ignored(signal: i32) -> bool {
    disposition(signal) == Some(libc::SIG_IGN)
}

/// What this process does with `signal`: `SIG_DFL`, `SIG_IGN` or a handler; `None` for one that does not exist.
fn disposition(signal: i32) -> Option<libc::sighandler_t> {
    let mut action = std::mem::MaybeUninit::<libc::sigaction>::zeroed();
    // SAFETY: the new action is null, so nothing changes; the old one is written where there is room for it, and a
    // zeroed one is valid where the call fails.
    #[expect(unsafe_code, reason = "no safe interface tells a disposition")]
    let (result, action) =
        unsafe { (libc::sigaction(signal, ptr::null(), action.as_mut_ptr()), action.assume_init()) };
    (result == 0).then_some(action.sa_sigaction)
}

/// Takes the handlers of a process back in a child that shares its memory, in which none of them may run, and ignores SIGPIPE no
/// more, as the standard library does for its children. Async-signal-safe; to be called with all signals blocked.
pub(super) fn take_handlers_back() {
    for signal in 1..=libc::SIGRTMAX() {
        let handled = disposition(signal).is_some_and(|what| what != libc::SIG_DFL && what != libc::SIG_IGN);
        if handled || signal == libc::SIGPIPE {
            // Refused for those that the C library keeps for itself.
            let _ = set_default(signal);
        }
    }
}

/// Gives back the default action to what this process ignores knowingly and its children are not to, SIGHUP and SIGXFSZ, and an
/// empty mask. It is
/// async-signal-safe: what runs between `fork` and `exec` may call it. (The standard library does the same for SIGPIPE.)
///
/// # Errors
/// What `sigaction` says.
pub(super) fn reset_for_child() -> io::Result<()> {
    set_default(libc::SIGHUP)?;
    set_default(libc::SIGXFSZ)?;
    unblock_all()
}

fn set_default(signal: i32) -> io::Result<()> {
    set_action(signal, libc::SIG_DFL)
}

/// Gives `signal` the action `SIG_DFL` or `SIG_IGN`.
fn set_action(signal: i32, what: libc::sighandler_t) -> io::Result<()> {
    // SAFETY: a zeroed action has an empty mask and no flags; no handler is named.
    #[expect(unsafe_code, reason = "no safe interface sets a disposition")]
    let result = unsafe {
        let mut action = std::mem::MaybeUninit::<libc::sigaction>::zeroed().assume_init();
        action.sa_sigaction = what;
        libc::sigaction(signal, &raw const action, ptr::null_mut())
    };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

fn set_of(signals: &[i32]) -> libc::sigset_t {
    // SAFETY: the set is initialised by sigemptyset before anything else is done with it.
    #[expect(unsafe_code, reason = "no safe interface makes a set")]
    unsafe {
        let mut set = std::mem::MaybeUninit::<libc::sigset_t>::zeroed().assume_init();
        libc::sigemptyset(&raw mut set);
        for signal in signals {
            libc::sigaddset(&raw mut set, *signal);
        }
        set
    }
}

fn change_mask(how: i32, signals: &[i32]) -> io::Result<()> {
    let set = set_of(signals);
    // SAFETY: the set is initialised, and the old one is not asked for.
    #[expect(unsafe_code, reason = "no safe interface sets the mask")]
    let result = unsafe { libc::pthread_sigmask(how, &raw const set, ptr::null_mut()) };
    if result == 0 { Ok(()) } else { Err(io::Error::from_raw_os_error(result)) }
}

fn unblock_all() -> io::Result<()> {
    change_mask(libc::SIG_SETMASK, &[])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The rest is tested from outside, by runs that are started with signals ignored and blocked: a test must not
    /// change the dispositions of the process that it shares with others.
    #[test]
    fn what_is_ignored() {
        assert!(is_ignored(libc::SIGPIPE), "Rust ignores it");
        assert!(!is_ignored(libc::SIGSEGV));
        assert!(!is_ignored(0) && !is_ignored(libc::SIGKILL) && !is_ignored(4711));
    }
}
