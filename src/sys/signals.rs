//! Signal dispositions and the signal mask that this process inherits from its caller, and what it hands on.
//!
//! `exec` keeps which signals are ignored and which are blocked. A shell without job control starts what stands before
//! `&` with SIGINT and SIGQUIT ignored, `nohup` with SIGHUP, and some supervisors block signals or ignore SIGCHLD; a
//! run that took that over could not be ended, or not learn how its servers ended. `docs/decisions.md` has the reasons.

use std::io;
use std::ptr;

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
    let mut action = std::mem::MaybeUninit::<libc::sigaction>::zeroed();
    // SAFETY: the new action is null, so nothing changes; the old one is written where there is room for it, and a
    // zeroed one is valid where the call fails.
    #[expect(unsafe_code, reason = "no safe interface tells a disposition")]
    let (result, action) =
        unsafe { (libc::sigaction(signal, ptr::null(), action.as_mut_ptr()), action.assume_init()) };
    result == 0 && action.sa_sigaction == libc::SIG_IGN
}

/// Gives back the default action to what this process ignores knowingly and its children are not to: SIGHUP. It is
/// async-signal-safe: what runs between `fork` and `exec` may call it. (The standard library does the same for SIGPIPE
/// and empties the mask.)
///
/// # Errors
/// What `sigaction` says.
pub(super) fn reset_for_child() -> io::Result<()> {
    set_default(libc::SIGHUP)
}

fn set_default(signal: i32) -> io::Result<()> {
    // SAFETY: a zeroed action is the default one with an empty mask and no flags; no handler is named.
    #[expect(unsafe_code, reason = "no safe interface sets a disposition")]
    let result = unsafe {
        let action = std::mem::MaybeUninit::<libc::sigaction>::zeroed().assume_init();
        libc::sigaction(signal, &raw const action, ptr::null_mut())
    };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

fn unblock_all() -> io::Result<()> {
    // SAFETY: the set is initialised by sigemptyset before it is read.
    #[expect(unsafe_code, reason = "no safe interface sets the mask")]
    let result = unsafe {
        let mut none = std::mem::MaybeUninit::<libc::sigset_t>::zeroed();
        libc::sigemptyset(none.as_mut_ptr());
        libc::pthread_sigmask(libc::SIG_SETMASK, none.as_ptr(), ptr::null_mut())
    };
    if result == 0 { Ok(()) } else { Err(io::Error::from_raw_os_error(result)) }
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
