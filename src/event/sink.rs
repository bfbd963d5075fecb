//! How a room that knows nobody above it tells what happens.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bstr::BString;

use super::{AttemptPhase, Event, TestId, WarningKind};

/// Takes events; nothing is known of who hears them.
#[derive(Clone)]
pub struct EventSink(Arc<dyn Fn(Event) + Send + Sync>);

impl EventSink {
    /// A sink that hands each event to `take`.
    pub fn new(take: impl Fn(Event) + Send + Sync + 'static) -> Self {
        EventSink(Arc::new(take))
    }

    /// Tells `event`.
    pub fn send(&self, event: Event) {
        (self.0)(event);
    }
}

impl fmt::Debug for EventSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EventSink")
    }
}

/// What one worker tells: its events name the worker and the attempt that it makes. Clones are the same teller.
#[derive(Debug, Clone)]
pub struct WorkerEvents {
    worker: usize,
    test: Arc<Mutex<Option<TestId>>>,
    detailed: bool,
    sink: EventSink,
}

impl WorkerEvents {
    /// `worker`: 1-based. `detailed`: somebody wants to know of phases, too.
    pub fn new(worker: usize, detailed: bool, sink: EventSink) -> Self {
        WorkerEvents { worker, test: Arc::default(), detailed, sink }
    }

    /// From now on events belong to this attempt; `None`: to no test.
    pub fn enter(&self, test: Option<TestId>) {
        *self.test.lock().unwrap_or_else(PoisonError::into_inner) = test;
    }

    /// The worker, from 1.
    pub fn worker(&self) -> usize {
        self.worker
    }

    /// The attempt that events belong to.
    pub fn test(&self) -> Option<TestId> {
        self.test.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Tells an event.
    pub fn send(&self, event: Event) {
        self.sink.send(event);
    }

    /// Tells an event that names the worker and the attempt.
    pub fn tell(&self, event: impl FnOnce(usize, Option<TestId>) -> Event) {
        self.sink.send(event(self.worker, self.test()));
    }

    /// Something is wrong but the run goes on.
    pub fn warn(&self, kind: WarningKind, text: impl Into<BString>) {
        let text = text.into();
        self.tell(|worker, id| Event::Warning { worker: Some(worker), id, kind, text });
    }

    /// A phase of the attempt begins; it ends when the value is dropped. Nothing is told outside an attempt, or
    /// where nobody wants to know.
    pub fn phase(&self, phase: AttemptPhase) -> RunningPhase {
        let id = if self.detailed { self.test() } else { None };
        let running = id.map(|id| {
            self.send(Event::PhaseStarted { worker: self.worker, id: id.clone(), phase });
            (self.clone(), id, Instant::now())
        });
        RunningPhase { phase, running, processor: None }
    }
}

/// A phase that has begun: dropped, it has ended.
#[must_use = "a phase ends when this is dropped"]
#[derive(Debug)]
pub struct RunningPhase {
    phase: AttemptPhase,
    running: Option<(WorkerEvents, TestId, Instant)>,
    processor: Option<Duration>,
}

impl RunningPhase {
    /// The phase is over, and the program that ran in it took so much processor time.
    pub fn end_of(mut self, processor: Option<Duration>) {
        self.processor = processor;
    }
}

impl Drop for RunningPhase {
    fn drop(&mut self) {
        if let Some((events, id, begun)) = self.running.take() {
            let (worker, phase, wall) = (events.worker, self.phase, begun.elapsed());
            let processor = self.processor;
            events.send(Event::PhaseFinished { worker, id, phase, wall, processor });
        }
    }
}
