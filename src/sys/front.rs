//! The process that the caller of the program knows: it hands on signals, and ends as the run does.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use rustix::process::{
    Pid, PidfdFlags, Signal, WaitId, WaitIdOptions, pidfd_open, pidfd_send_signal, waitid,
};

use super::deadline::deadline_after;
use super::ending;
use super::guardian::{End, FAREWELL, Inheritance, become_guardian, end_what_is_left, fork};
use super::ledger::Ledger;
use super::poll::{self, Waker};
use super::signals::{self, SignalQueue};
use super::streams::complain_if_heard;
use crate::error::Error;

/// What the front takes for the runner, and hands on: what ends a program, stops it and has it go on.
pub(super) fn handed_on() -> Vec<i32> {
    signals::ending().into_iter().chain([libc::SIGTSTP, libc::SIGCONT]).collect()
}

/// How often a guardian that was killed is made anew.
const GUARDIANS: u32 = 100;

/// How long the runner may take to end when it was told to. It ends itself before; this is for one that does not get
/// to it.
const RUNNER_PATIENCE: Duration = Duration::from_millis(1800);

/// What the guardian and the runner tell the front: a letter and a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Message {
    /// The number of the runner's process.
    Runner(i32),
    /// The runner is about to end with this code.
    Leaves(i32),
    /// The runner has ended, and nothing is left of the run.
    Ended(End),
}

/// The size of a message, in bytes.
const SIZE: usize = 5;

impl Message {
    /// Sends it; where nobody is there to hear it, it is not heard.
    pub(super) fn send(self, to: BorrowedFd<'_>) {
        let (letter, number) = match self {
            Message::Runner(pid) => (b'r', pid),
            Message::Leaves(code) => (b'l', code),
            Message::Ended(End::Code(code)) => (b'e', code),
            Message::Ended(End::Signal(signal)) => (b's', signal),
        };
        let mut record = [letter; SIZE];
        record[1..].copy_from_slice(&number.to_ne_bytes());
        // A few bytes go into a pipe whole or not at all.
        let _ = rustix::io::retry_on_intr(|| rustix::io::write(to, &record));
    }

    /// The next one; `None` when nobody is left to send any.
    fn receive(from: BorrowedFd<'_>) -> Option<Message> {
        let mut record = [0; SIZE];
        let read = rustix::io::retry_on_intr(|| rustix::io::read(from, &mut record));
        let [letter, number @ ..] = record;
        let number = i32::from_ne_bytes(number);
        match (read, letter) {
            (Ok(SIZE), b'r') => Some(Message::Runner(number)),
            (Ok(SIZE), b'l') => Some(Message::Leaves(number)),
            (Ok(SIZE), b'e') => Some(Message::Ended(End::Code(number))),
            (Ok(SIZE), b's') => Some(Message::Ended(End::Signal(number))),
            _ => None,
        }
    }
}

/// A guardian, as its parent sees it.
pub(super) struct Guardian {
    pid: i32,
    held: OwnedFd,
    /// One beside the runner learns of the front's end by the end of this; that above it by the runner's.
    lifeline: Option<OwnedFd>,
}

impl Guardian {
    /// The child `pid`, which has the other end of `lifeline`.
    pub(super) fn of(pid: Pid, lifeline: Option<OwnedFd>) -> io::Result<Self> {
        let held = pidfd_open(pid, PidfdFlags::empty())?;
        Ok(Guardian { pid: pid.as_raw_nonzero().get(), held, lifeline })
    }
}

/// What the front has.
pub(super) struct Front {
    /// `None`: it was killed, and no other one could be made.
    pub(super) guardian: Option<Guardian>,
    /// The runner, and the guardian above it, learn of the front's end by the end of this.
    pub(super) _lifeline: OwnedFd,
    /// Where messages come from.
    pub(super) telling: OwnedFd,
    pub(super) ledger: Ledger,
    pub(super) mark: String,
}

/// What it has learned.
#[derive(Default)]
struct Known {
    runner: Option<OwnedFd>,
    /// The code that the runner said it would end with.
    leaves: Option<i32>,
    ended: Option<End>,
    /// All who send messages are gone.
    silent: bool,
    /// The runner is a child of the front.
    adopted: bool,
}

impl Front {
    /// Waits until the run is over, and ends as it did.
    pub(super) fn live(self) -> ! {
        match self.wait() {
            Ok(End::Code(code)) => std::process::exit(code),
            Ok(End::Signal(signal)) => signals::die_by(signal),
            // The guardian and the runner see that this process has ended, and end as well.
            Err(error) => {
                let error = Error::new("cannot watch over the run").caused_by(error);
                complain_if_heard(&format!("mysql-test-run: *** ERROR: {}", error.explained()));
                std::process::exit(1)
            }
        }
    }

    fn wait(mut self) -> io::Result<End> {
        let queue = SignalQueue::new(&handed_on())?;
        let never = Waker::new()?;
        let mut guardians = 0;
        let mut known = Known::default();
        let mut pending = Vec::new();
        let mut deadline: Option<Instant> = None;
        loop {
            let fds = [
                queue.fd(),
                or(self.guardian.as_ref().map(|guardian| &guardian.held), &never),
                or(Some(&self.telling).filter(|_| !known.silent), &never),
                or(known.runner.as_ref().filter(|_| known.adopted), &never),
            ];
            let ready = poll::readable(&fds, deadline)?;
            if ready.is_empty() {
                deadline = None;
                if let Some(runner) = &known.runner {
                    let _ = pidfd_send_signal(runner, Signal::KILL);
                }
            }
            let (guardian_ended, runner_ended) = (ready.contains(&1), ready.contains(&3));
            // Messages are older than the end of those who sent them.
            self.hear(&mut known);
            while let Some(received) = queue.next() {
                pending.push(received.number);
            }
            if let Some(runner) = &known.runner {
                for number in pending.drain(..) {
                    hand_on(runner.as_fd(), number);
                    if signals::ending().contains(&number) && deadline.is_none() {
                        deadline = Some(deadline_after(RUNNER_PATIENCE));
                    }
                }
            }
            if guardian_ended && let Some(guardian) = self.guardian.take() {
                let _ = waitid(WaitId::PidFd(guardian.held.as_fd()), WaitIdOptions::EXITED);
                match (known.ended, &known.runner) {
                    (Some(end), _) => return Ok(end),
                    (None, Some(runner)) => {
                        // It was killed. Without another one the run goes on all the same.
                        known.adopted = true;
                        guardians += 1;
                        if guardians < GUARDIANS {
                            self.guardian = self.another_guardian(runner).ok();
                        }
                    }
                    (None, None) => return Err(io::Error::other("the guardian did not come to its work")),
                }
            }
            if runner_ended && let Some(runner) = &known.runner {
                let status = waitid(WaitId::PidFd(runner.as_fd()), WaitIdOptions::EXITED);
                let end = match (status, known.ended, known.leaves) {
                    (Ok(Some(status)), ..) => End::of(&status),
                    // The guardian saw it, and was killed then.
                    (_, Some(end), _) => end,
                    (_, None, Some(code)) => End::Code(code),
                    (_, None, None) => End::Signal(libc::SIGKILL),
                };
                let guardian: Vec<i32> = self.guardian.iter().map(|guardian| guardian.pid).collect();
                end_what_is_left(Some(end), &self.ledger, &self.mark, &guardian)?;
                self.dismiss_guardian();
                return Ok(end);
            }
        }
    }

    /// Takes the messages that are there.
    fn hear(&self, known: &mut Known) {
        while !known.silent && ending::has_ended(self.telling.as_fd()) {
            match Message::receive(self.telling.as_fd()) {
                Some(Message::Runner(pid)) => {
                    known.runner =
                        Pid::from_raw(pid).and_then(|pid| pidfd_open(pid, PidfdFlags::empty()).ok());
                }
                Some(Message::Leaves(code)) => known.leaves = Some(code),
                Some(Message::Ended(end)) => known.ended = Some(end),
                None => known.silent = true,
            }
        }
    }

    /// Makes a guardian beside the runner, where that above it is gone.
    fn another_guardian(&self, runner: &OwnedFd) -> io::Result<Guardian> {
        let (lifeline, front_end) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC)?;
        let inheritance = Inheritance {
            mark: self.mark.clone(),
            ledger: self.ledger.try_clone()?,
            lifeline,
            told: None,
            runner: runner.try_clone()?,
        };
        match fork()? {
            Some(pid) => Guardian::of(pid, Some(front_end)),
            None => {
                drop(front_end);
                become_guardian(&inheritance)
            }
        }
    }

    /// The run is over: the guardian goes, and is seen to go.
    fn dismiss_guardian(&self) {
        let Some(guardian) = &self.guardian else { return };
        if let Some(lifeline) = &guardian.lifeline {
            let _ = rustix::io::write(lifeline, &[FAREWELL]);
        }
        let soon = Some(deadline_after(Duration::from_secs(1)));
        let _ = poll::readable(&[guardian.held.as_fd()], soon);
    }
}

/// What stands for something that is not there never ends.
fn or<'a>(fd: Option<&'a OwnedFd>, never: &'a Waker) -> BorrowedFd<'a> {
    fd.map_or_else(|| never.fd(), AsFd::as_fd)
}

/// Gives the runner a signal of the front's. A terminal gives its signals to both; the runner knows by the sender.
fn hand_on(runner: BorrowedFd<'_>, number: i32) {
    let Some(signal) = Signal::from_named_raw(number) else { return };
    let _ = pidfd_send_signal(runner, signal);
    match number {
        // What has stopped the runner stops what the caller sees.
        libc::SIGTSTP => {
            let _ = rustix::process::kill_process(rustix::process::getpid(), Signal::STOP);
        }
        libc::SIGCONT => {}
        // One that is stopped cannot end.
        _ => {
            let _ = pidfd_send_signal(runner, Signal::CONT);
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_what_was_sent() {
        let (from, to) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC).unwrap();
        let all = [
            Message::Runner(4711),
            Message::Leaves(-1),
            Message::Ended(End::Code(62)),
            Message::Ended(End::Signal(9)),
        ];
        all.into_iter().for_each(|message| message.send(to.as_fd()));
        drop(to);
        for message in all {
            assert_eq!(Message::receive(from.as_fd()), Some(message));
        }
        assert_eq!(Message::receive(from.as_fd()), None);
    }
}
