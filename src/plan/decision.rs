//! What the scheduler is told and what it decides.

use std::time::Duration;

use crate::event::{RunEnd, Verdict};

/// What the command line says about order, repetition and the end of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// The run goes on when a test has failed (`--force`).
    pub force: bool,
    /// Attempts at most for an instance that fails (`--retry`).
    pub retry: u32,
    /// Failures after which an instance is not tried again (`--retry-failure`).
    pub retry_failure: u32,
    /// How often each instance runs (`--repeat`).
    pub repeat: u32,
    /// Failures that end the run; 0: none do (`--max-test-fail`).
    pub max_test_fail: u32,
    /// Several workers may leave the order of the list (`--reorder`).
    pub reorder: bool,
    /// How long the run may take (`--suite-timeout`).
    pub suite_timeout: Duration,
    /// Time between two signs of life while the stop file is there; `None`: none are given (`--stop-keep-alive`).
    pub keep_alive: Option<Duration>,
}

/// Something that happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Input {
    /// A worker asks for its first test.
    Idle {
        /// Which, from 1.
        worker: usize,
    },
    /// The attempt that a worker had in hand has ended.
    Ended {
        /// Which, from 1.
        worker: usize,
        /// How, whatever is expected of the instance.
        verdict: Verdict,
        /// The worker can make another attempt. Otherwise it ends by itself now, and is made anew.
        fit: bool,
    },
    /// The attempt that a worker had in hand was not begun, for a reason that is no affair of the instance: it is not
    /// counted. The worker ends by itself now, and is made anew.
    GivenBack {
        /// Which, from 1.
        worker: usize,
    },
    /// The servers of the attempt that a worker had in hand have no room in memory beside those of others: it was not begun,
    /// and there are to be no more workers than these. The worker ends by itself now.
    NoRoom {
        /// Which, from 1.
        worker: usize,
        /// Workers that have servers.
        others: usize,
    },
    /// A worker is gone, and its servers with it.
    Left {
        /// Which, from 1.
        worker: usize,
        /// It could not go on. What it had in hand is a failed attempt then.
        failed: bool,
    },
    /// A worker could not be made, as [`Decision::Make`] asked.
    NotMade {
        /// Which, from 1.
        worker: usize,
    },
    /// There are to be so many workers from now on.
    Wanted(usize),
    /// The stop file is there, or it is not. May be told again without a change.
    StopFile(bool),
    /// Servers wrote warnings while they shut down.
    ShutdownWarnings,
    /// A signal ends the run.
    Signal,
    /// The time of [`Scheduler::wake_at`](super::scheduler::Scheduler::wake_at) has come.
    Time,
}

/// One attempt at one instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attempt {
    /// Position of the instance in the list of the run.
    pub index: usize,
    /// Which round of `--repeat`, from 1.
    pub repetition: u32,
    /// Which attempt in this round, from 1.
    pub attempt: u32,
}

/// What is to be done, in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// The verdict of an attempt.
    Verdict {
        /// Who made it, from 1.
        worker: usize,
        /// Which.
        attempt: Attempt,
        /// The verdict that counts: an expected failure is told apart.
        verdict: Verdict,
        /// Another attempt follows.
        will_retry: bool,
        /// Another round follows.
        will_repeat: bool,
    },
    /// An instance is tried again now.
    Retry {
        /// The attempt that follows.
        attempt: Attempt,
        /// Failures so far.
        failures: u32,
    },
    /// An instance has failed too often to be tried again.
    NoMoreRetries {
        /// The attempt that would follow.
        attempt: Attempt,
        /// Failures so far.
        failures: u32,
    },
    /// The worker is to make this attempt.
    Run {
        /// Which, from 1.
        worker: usize,
        /// What.
        attempt: Attempt,
    },
    /// The worker is to end when it has done what it has in hand.
    LetGo {
        /// Which, from 1.
        worker: usize,
    },
    /// The worker is to drop what it has in hand; no verdict is wanted.
    Abort {
        /// Which, from 1.
        worker: usize,
    },
    /// A worker of this number is to be made; it asks for a test when it is ready.
    Make {
        /// Which, from 1.
        worker: usize,
    },
    /// The worker could not be made so often that nobody tries again.
    GivenUp {
        /// Which, from 1.
        worker: usize,
    },
    /// The run still waits for the stop file to go.
    StillStopped {
        /// Instances that are done.
        completed: usize,
    },
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Summary {
    /// Why.
    pub end: RunEnd,
    /// Instances that were to run or are told as skipped.
    pub total: usize,
    /// Instances without a last verdict.
    pub missing: usize,
    /// Something failed.
    pub failed: bool,
    /// Tests are left because there was no worker to run them.
    pub no_workers: bool,
}
