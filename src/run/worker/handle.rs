//! What goes between the supervisor and a worker.

use std::path::PathBuf;
use std::sync::Arc;

use crossbeam_channel::Sender;

use crate::case::TestCase;
use crate::error::{Error, Result};
use crate::event::{Event, Outcome, TestId};
use crate::run::keep::keeper::Told;
use crate::sys::poll::Waker;

/// One attempt to make.
#[derive(Debug, Clone)]
pub struct Job {
    /// Position in the run's list of instances.
    pub index: usize,
    /// The instance.
    pub case: Arc<TestCase>,
    /// Which attempt at it, for events.
    pub id: TestId,
}

/// What a worker tells the supervisor.
#[derive(Debug)]
pub enum Notice {
    /// For the reporters.
    Event(Event),
    /// It wants a job.
    Idle {
        /// 1-based.
        worker: usize,
    },
    /// A job is done.
    Done {
        /// 1-based.
        worker: usize,
        /// Which.
        index: usize,
        /// How.
        outcome: Box<Outcome>,
        /// Where a failure's data were put.
        saved: Option<PathBuf>,
        /// Why the worker cannot make another attempt: it ends now, to be made anew.
        unfit: Option<Error>,
    },
    /// A job could not be begun for a reason that is no affair of its test: it is to be made again. The worker ends now,
    /// to be made anew.
    GivenBack {
        /// 1-based.
        worker: usize,
        /// Why.
        why: Error,
    },
    /// The servers of a job have no room in memory beside those of `others` workers. The job is to be made again by one of
    /// these; the worker ends now.
    NoRoom {
        /// 1-based.
        worker: usize,
        /// Workers that have servers.
        others: usize,
        /// Why.
        why: Error,
    },
    /// The data of servers that crashed after a test were put here.
    Saved(PathBuf),
    /// From the keeper.
    Keeper(Told),
    /// Valgrind found memory lost when a server ended; the details were told as messages.
    MemoryLost,
    /// The stop file has come or gone.
    StopFile,
    /// A signal for the whole program.
    Signal(i32),
    /// Something went wrong that is no worker's affair.
    Warning(String),
    /// There are to be so many workers from now on.
    Wanted(usize),
    /// The worker is gone, and its servers with it. With an error it could not go on; what it had in hand has no
    /// verdict.
    Gone {
        /// 1-based.
        worker: usize,
        /// Why, if it did not end because it was told to.
        error: Option<Error>,
    },
}

/// A worker as the supervisor sees it.
#[derive(Debug)]
pub struct WorkerHandle {
    /// Where its jobs go; dropped when it is to finish.
    pub jobs: Option<Sender<Job>>,
    /// Ends what it does.
    pub abort: Waker,
}

/// A worker that has just been made.
#[derive(Debug)]
pub struct Made {
    /// The way to it.
    pub handle: WorkerHandle,
    /// What is to be told of it: its ports, and how they were found.
    pub events: Vec<Event>,
}

/// Who makes workers.
pub trait Crew {
    /// Makes the worker of that number, from 1. An earlier one of the same number is gone.
    ///
    /// # Errors
    /// There are no ports for it, its directories cannot be made, or no thread can be started.
    fn make(&mut self, number: usize) -> Result<Made>;
}
