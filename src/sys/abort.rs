//! The end of the whole program that a signal asked for, as something that every wait can wait for.
//!
//! Most waits are for a child of this process; [`super::orphans::end_owned`] ends those. The others wait for
//! [`fd`] as well.

use std::os::fd::BorrowedFd;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicI32, Ordering};

use super::poll::Waker;

/// The signal; 0 as long as there was none.
static SIGNAL: AtomicI32 = AtomicI32::new(0);

/// Without a descriptor for it, waits end when what they wait for does.
static WAKER: LazyLock<Option<Waker>> = LazyLock::new(|| Waker::new().ok());

/// Everything is to end, because `signal` came. Nothing is started from now on.
pub fn begin(signal: i32) {
    SIGNAL.store(signal, Ordering::SeqCst);
    if let Some(waker) = &*WAKER {
        waker.wake();
    }
}

/// The signal that ends the program; `None` as long as there was none.
pub fn signal() -> Option<i32> {
    Some(SIGNAL.load(Ordering::SeqCst)).filter(|number| *number != 0)
}

/// Readable once [`begin`] was called.
pub fn fd() -> Option<BorrowedFd<'static>> {
    WAKER.as_ref().map(Waker::fd)
}
