//! What goes between the supervisor and a worker.

use std::path::PathBuf;
use std::sync::Arc;

use crossbeam_channel::Sender;

use crate::case::TestCase;
use crate::error::Error;
use crate::event::{Event, Outcome, TestId};
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
    },
    /// The data of servers that crashed after a test were put here.
    Saved(PathBuf),
    /// Valgrind found memory lost when a server ended; the details were told as messages.
    MemoryLost,
    /// The stop file has come or gone.
    StopFile,
    /// A signal for the whole program.
    Signal(i32),
    /// The worker is gone. With an error it could not go on; what it had in hand has no verdict.
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
    /// The instance it has in hand.
    pub holds: Option<usize>,
    /// The thread is there.
    pub alive: bool,
    /// It waits for a job.
    pub idle: bool,
}
