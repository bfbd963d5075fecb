//! The end of a child, with the processor time that it took.
#![allow(unsafe_code, reason = "the wrapper that tells of both is none of rustix's")]

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::time::Duration;

use super::child::Exit;

/// Reaps the child that `pidfd` refers to, if it has ended: how, and the processor time that it took with those of its own
/// children that it waited for.
///
/// # Errors
/// It is no child of this process.
pub(super) fn reap(pidfd: BorrowedFd<'_>) -> io::Result<Option<(Exit, Duration)>> {
    let mut info = MaybeUninit::<libc::siginfo_t>::zeroed();
    let mut used = MaybeUninit::<libc::rusage>::zeroed();
    let options = libc::WEXITED | libc::WNOHANG;
    loop {
        // SAFETY: both structures outlive the call.
        let done = unsafe {
            libc::syscall(
                libc::SYS_waitid,
                libc::P_PIDFD,
                pidfd.as_raw_fd(),
                info.as_mut_ptr(),
                options,
                used.as_mut_ptr(),
            )
        };
        match done {
            0 => break,
            _ => match io::Error::last_os_error() {
                error if error.kind() == io::ErrorKind::Interrupted => {}
                error => return Err(error),
            },
        }
    }
    // SAFETY: zeros are values of both, and the call wrote what it knows.
    let (info, used) = unsafe { (info.assume_init(), used.assume_init()) };
    // SAFETY: these are fields of what `waitid` writes, and zero where it wrote nothing.
    let (pid, status) = unsafe { (info.si_pid(), info.si_status()) };
    if pid == 0 {
        return Ok(None);
    }
    let exit = match info.si_code {
        libc::CLD_EXITED => Exit::Code(status),
        code => Exit::Signal { number: status, core: code == libc::CLD_DUMPED },
    };
    Ok(Some((exit, time(&used))))
}

/// The processor time of this process and of all the processes below it that have ended and were waited for.
pub fn processor_time() -> Duration {
    [libc::RUSAGE_SELF, libc::RUSAGE_CHILDREN]
        .into_iter()
        .filter_map(|who| {
            let mut used = MaybeUninit::<libc::rusage>::zeroed();
            // SAFETY: the structure outlives the call, which writes it.
            (unsafe { libc::getrusage(who, used.as_mut_ptr()) } == 0)
                .then(|| time(&unsafe { used.assume_init() }))
        })
        .sum()
}

fn time(used: &libc::rusage) -> Duration {
    let of = |time: libc::timeval| {
        let whole = Duration::from_secs(u64::try_from(time.tv_sec).unwrap_or(0));
        whole + Duration::from_micros(u64::try_from(time.tv_usec).unwrap_or(0))
    };
    of(used.ru_utime) + of(used.ru_stime)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use std::os::fd::AsFd;
    use std::process::Command;

    /// What the system says of `sh -c script`.
    #[allow(clippy::zombie_processes, reason = "what is tested reaps it")]
    fn end_of(script: &str) -> (Exit, Duration) {
        let child = Command::new("sh").args(["-c", script]).spawn().unwrap();
        let pid = rustix::process::Pid::from_child(&child);
        let pidfd = rustix::process::pidfd_open(pid, rustix::process::PidfdFlags::empty()).unwrap();
        loop {
            super::super::poll::readable(&[pidfd.as_fd()], None).unwrap();
            if let Some(end) = reap(pidfd.as_fd()).unwrap() {
                assert!(reap(pidfd.as_fd()).is_err(), "it was reaped");
                return end;
            }
        }
    }

    #[test]
    fn an_end_has_its_processor_time() {
        assert_eq!(end_of("exit 7").0, Exit::Code(7));
        assert_eq!(end_of("kill -9 $$").0, Exit::Signal { number: 9, core: false });
        let before = processor_time();
        let (exit, used) = end_of("i=0; while [ $i -lt 200000 ]; do i=$((i + 1)); done; exit 0");
        assert_eq!(exit, Exit::Code(0));
        assert!(used > Duration::from_millis(10), "{used:?}");
        assert!(processor_time() >= before + used);
    }
}
