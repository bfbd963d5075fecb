//! Signals of the whole program.
//!
//! The first one ends everything that is under way: the supervisor is told, then what is still waited for is killed, and
//! what has not ended by itself after [`PATIENCE`] is cut off. The second one does so at once. What is left then, the
//! guardian ends (`sys/guardian.rs`).

use std::os::fd::BorrowedFd;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crossbeam_channel::Sender;

use crate::error::{Error, Result};
use crate::run::worker::handle::Notice;
use crate::sys::deadline::deadline_after;
use crate::sys::guardian::Guards;
use crate::sys::poll::{self, Waker};
use crate::sys::signals::{self, Received, SignalQueue};
use crate::sys::{abort, orphans, streams};

/// How long a run may take to end and to write its reports.
const PATIENCE: Duration = Duration::from_millis(1500);

/// How long workers may take to end what they do before it is ended for them.
const WORKERS_PATIENCE: Duration = Duration::from_millis(300);

/// Signals that come closer together are one: `timeout` and others send theirs to the process and to its group.
const ONE: Duration = Duration::from_millis(250);

/// The supervisor, as soon as there is one.
static SUPERVISOR: Mutex<Option<Sender<Notice>>> = Mutex::new(None);

/// Told to the supervisor, or on the standard error where there is none yet.
const GUARDIAN_KILLED: &str = "the guardian of this run was killed: another one looks for its processes, should the run be killed as well";

fn supervisor() -> MutexGuard<'static, Option<Sender<Notice>>> {
    SUPERVISOR.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What is to be done when a signal comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// There is nothing to be told about the end.
    AtOnce,
    /// There are reports.
    Orderly,
}

/// From now on signals are taken care of, by a thread.
///
/// # Errors
/// The system refuses the descriptors or the thread.
pub fn watch(guards: Guards, ending: Ending) -> Result<()> {
    let failed = |error| Error::new("cannot handle signals").caused_by(error);
    let queue = SignalQueue::new(&signals::ending()).map_err(failed)?;
    let never = Waker::new().map_err(failed)?;
    std::thread::Builder::new()
        .name("signals".into())
        .spawn(move || {
            // Where it cannot wait, what a signal does by itself is better than nothing.
            if (Watch { queue, guards, ending, never }).live().is_err() {
                let _ = signals::unblock(&signals::ending());
            }
        })
        .map(drop)
        .map_err(|error| Error::new("cannot start a thread").caused_by(error))
}

/// The supervisor listens from now on, also to a signal that has come already.
pub fn attach(notices: Sender<Notice>) {
    let mut supervisor = supervisor();
    if let Some(number) = abort::signal() {
        let _ = notices.send(Notice::Signal(number));
    }
    *supervisor = Some(notices);
}

/// How often signals have come.
#[derive(Debug, Default)]
struct Count {
    direct: u32,
    handed_on: u32,
    first: Option<Instant>,
}

impl Count {
    /// Takes one that came `now`; whether it is the first or another one, `None` for one that was counted. What is
    /// sent to a group comes twice: once from the front.
    fn take(&mut self, handed_on: bool, now: Instant) -> Option<bool> {
        *if handed_on { &mut self.handed_on } else { &mut self.direct } += 1;
        let Some(first) = self.first else {
            self.first = Some(now);
            return Some(true);
        };
        let another = self.direct.max(self.handed_on) > 1 && now.saturating_duration_since(first) > ONE;
        another.then_some(false)
    }
}

struct Watch {
    queue: SignalQueue,
    guards: Guards,
    ending: Ending,
    never: Waker,
}

impl Watch {
    fn live(mut self) -> std::io::Result<()> {
        let mut count = Count::default();
        let mut steps: Vec<Instant> = Vec::new();
        loop {
            let guardian: BorrowedFd<'_> = self.guards.guardian().unwrap_or(self.never.fd());
            let fds = [self.queue.fd(), self.guards.front(), guardian];
            let ready = poll::readable(&fds, steps.last().copied())?;
            if ready.contains(&1) {
                self.guards.end_all();
            }
            if ready.contains(&2) {
                self.guards.forget_guardian();
                warn(GUARDIAN_KILLED);
            }
            while let Some(Received { number, sender }) = self.queue.next() {
                match count.take(sender == self.guards.front_pid(), Instant::now()) {
                    Some(true) if self.ending == Ending::Orderly => {
                        // The last step first.
                        steps = vec![deadline_after(PATIENCE), self.begin(number)];
                    }
                    Some(_) => signals::die_by(number),
                    None => {}
                }
            }
            if ready.is_empty() {
                steps.pop();
                if steps.is_empty() {
                    streams::complain_if_heard("mysql-test-run: the run did not end in time: it is cut off");
                    signals::die_by(abort::signal().unwrap_or(libc::SIGTERM));
                }
                orphans::end_owned();
            }
        }
    }

    /// The first signal; when what is waited for is to be ended.
    fn begin(&self, number: i32) -> Instant {
        let supervisor = supervisor();
        abort::begin(number);
        match tell(&supervisor, Notice::Signal(number)) {
            true => deadline_after(WORKERS_PATIENCE),
            // Nobody but whoever waits for it sees to what was started.
            false => Instant::now(),
        }
    }
}

/// Whether the supervisor, if there is one, will hear it.
fn tell(supervisor: &Option<Sender<Notice>>, notice: Notice) -> bool {
    supervisor.as_ref().is_some_and(|notices| notices.send(notice).is_ok())
}

fn warn(text: &str) {
    if !tell(&supervisor(), Notice::Warning(text.to_owned())) {
        streams::complain_if_heard(&format!("mysql-test-run: WARNING: {text}"));
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_to_the_group_is_one_signal() {
        let begun = Instant::now();
        let later = begun + Duration::from_secs(1);
        // A terminal; a late front.
        let mut count = Count::default();
        assert_eq!(count.take(false, begun), Some(true));
        assert_eq!(count.take(true, later), None);
        assert_eq!(count.take(true, later), Some(false), "the second time that somebody told the front");
        // `timeout`: to the process, then to the group.
        let mut count = Count::default();
        let all = [true, true, false].map(|handed_on| count.take(handed_on, begun));
        assert_eq!(all, [Some(true), None, None]);
        // Twice by a person.
        let mut count = Count::default();
        assert_eq!(count.take(true, begun), Some(true));
        assert_eq!(count.take(true, later), Some(false));
    }
}
