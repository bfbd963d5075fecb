//! Waiting for several file descriptors at once, and a way to wake a waiting thread.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::time::Instant;

use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec};
use rustix::io::Errno;

/// Waits until at least one of `fds` is readable or `deadline` has passed.
/// Returns the indices of the readable ones; none at the deadline.
///
/// # Errors
/// The system refuses to wait.
pub fn readable(fds: &[BorrowedFd<'_>], deadline: Option<Instant>) -> io::Result<Vec<usize>> {
    ready(fds, PollFlags::IN, deadline)
}

/// Waits until `fd` takes more bytes, or will never again; false where `deadline` passes before.
///
/// # Errors
/// The system refuses to wait.
pub fn writable(fd: BorrowedFd<'_>, deadline: Option<Instant>) -> io::Result<bool> {
    Ok(!ready(&[fd], PollFlags::OUT, deadline)?.is_empty())
}

fn ready(fds: &[BorrowedFd<'_>], what: PollFlags, deadline: Option<Instant>) -> io::Result<Vec<usize>> {
    let mut polled: Vec<PollFd<'_>> = fds.iter().map(|fd| PollFd::from_borrowed_fd(*fd, what)).collect();
    loop {
        let timeout = deadline.map(|at| {
            let left = at.saturating_duration_since(Instant::now());
            Timespec { tv_sec: left.as_secs() as i64, tv_nsec: i64::from(left.subsec_nanos()) }
        });
        match rustix::event::poll(&mut polled, timeout.as_ref()) {
            Ok(_) => break,
            Err(Errno::INTR) => {}
            Err(errno) => return Err(errno.into()),
        }
    }
    Ok(polled.iter().enumerate().filter(|(_, fd)| !fd.revents().is_empty()).map(|(i, _)| i).collect())
}

/// Wakes a thread that waits in [`readable`]; once woken it stays so.
#[derive(Debug, Clone)]
pub struct Waker(Arc<OwnedFd>);

impl Waker {
    /// A waker that nobody has used.
    ///
    /// # Errors
    /// No descriptor is left.
    pub fn new() -> io::Result<Self> {
        Ok(Waker(Arc::new(rustix::event::eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?)))
    }

    /// Wakes whoever waits, now and later.
    pub fn wake(&self) {
        // The counter cannot overflow with a handful of wakes, and a full counter is awake as well.
        let _ = rustix::io::write(self.0.as_fd(), &1u64.to_ne_bytes());
    }

    /// Whether [`Waker::wake`] has been called.
    pub fn is_awake(&self) -> bool {
        readable(&[self.0.as_fd()], Some(Instant::now())).is_ok_and(|ready| !ready.is_empty())
    }

    /// What to wait on.
    pub fn fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_waker_stays_awake() {
        let waker = Waker::new().unwrap();
        assert!(!waker.is_awake());
        waker.clone().wake();
        assert!(waker.is_awake());
        assert_eq!(readable(&[waker.fd()], None).unwrap(), [0]);
    }

    #[test]
    fn the_deadline_ends_the_wait() {
        let waker = Waker::new().unwrap();
        let ready = readable(&[waker.fd()], Some(Instant::now() + Duration::from_millis(5))).unwrap();
        assert!(ready.is_empty());
    }
}
