//! The scheduler: which worker runs which attempt, what is tried again, and when the run is over (runner §6.2 to §6.7).
//!
//! A state machine: each [`Input`] gives a list of [`Decision`]s. It reads no clock, so the time comes with the input.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::event::{RunEnd, Verdict};
use crate::plan::decision::{Attempt, Decision, Input, Limits, Summary};
use crate::plan::entry::Entry;
use crate::plan::queue::{Next, Queue};

/// A worker that was to be made so often in a row, and made no attempt, is given up.
pub const MAX_FAILURES: u32 = 3;

/// What is known of one instance.
#[derive(Debug, Clone, Copy, Default)]
struct Progress {
    /// Attempts made in this repetition.
    attempts: u32,
    /// Failed ones of them.
    failures: u32,
    /// Repetitions completed.
    repetitions: u32,
}

impl Progress {
    /// The attempt that comes next.
    fn next(self, index: usize) -> Attempt {
        Attempt { index, repetition: self.repetitions + 1, attempt: self.attempts + 1 }
    }
}

/// What is known of a worker that is there, or that was to be made.
#[derive(Debug, Clone, Copy, Default)]
struct Worker {
    /// The instance it has in hand.
    holds: Option<usize>,
    /// It waits for a test.
    waits: bool,
    /// It was told to go.
    let_go: bool,
    /// It ends by itself, to be made anew.
    unfit: bool,
}

/// `--stop-file`: nothing is handed out.
#[derive(Debug, Clone, Copy)]
struct Stopped {
    sign_of_life: Option<Duration>,
}

/// The state of a run. See the module's description.
#[derive(Debug)]
pub struct Scheduler {
    limits: Limits,
    queue: Queue,
    progress: Vec<Progress>,
    /// Those that are there or being made, by number.
    workers: BTreeMap<usize, Worker>,
    /// Times in a row that the worker of a number ended without an attempt.
    failures: BTreeMap<usize, u32>,
    /// Numbers of workers that are not made again.
    retired: BTreeSet<usize>,
    /// How many workers there are to be.
    wanted: usize,
    stopped: Option<Stopped>,
    deadline: Duration,
    end: Option<RunEnd>,
    failed: bool,
    /// Failures that count towards `--max-test-fail`.
    failed_tests: u32,
    completed: usize,
    passed_over: usize,
    decisions: Vec<Decision>,
}

impl Scheduler {
    /// A run of `entries` from the one at `start_from` on, by workers 1 to `workers`, which are there. Times are
    /// those since any moment, and it is `now`.
    pub fn new(
        entries: Vec<Entry>,
        start_from: usize,
        limits: Limits,
        workers: usize,
        now: Duration,
    ) -> Scheduler {
        let runs = |index: &usize| *index >= start_from && !entries[*index].skipped;
        let runnable: BTreeSet<usize> = (0..entries.len()).filter(runs).collect();
        Scheduler {
            progress: vec![Progress::default(); entries.len()],
            completed: entries.len() - runnable.len(),
            passed_over: start_from.min(entries.len()),
            queue: Queue::new(entries, runnable),
            workers: (1..=workers).map(|number| (number, Worker::default())).collect(),
            failures: BTreeMap::new(),
            retired: BTreeSet::new(),
            wanted: workers.max(1),
            stopped: None,
            deadline: now.saturating_add(limits.suite_timeout),
            limits,
            end: None,
            failed: false,
            failed_tests: 0,
            decisions: Vec::new(),
        }
    }

    /// Takes what has happened at the time `now`; returns what is to be done.
    pub fn take(&mut self, input: Input, now: Duration) -> Vec<Decision> {
        match input {
            Input::Idle { worker } => {
                if self.workers.contains_key(&worker) {
                    self.serve(worker);
                }
            }
            Input::Ended { worker, verdict, fit } => self.ended(worker, verdict, fit),
            Input::GivenBack { worker } => self.given_back(worker),
            Input::NoRoom { worker, others } => self.no_room(worker, others),
            Input::Left { worker, failed } => self.left(worker, failed),
            Input::NotMade { worker } => {
                self.workers.remove(&worker);
                self.count_failure(worker);
            }
            Input::Wanted(wanted) => self.wanted = wanted.max(1),
            Input::StopFile(there) => self.stop(there, now),
            Input::ShutdownWarnings => {
                self.failed = true;
                if !self.limits.force && self.end.is_none() {
                    self.finish(RunEnd::WarningsInLog, false);
                }
            }
            Input::Signal => {
                self.failed = true;
                self.finish(RunEnd::Interrupted, true);
            }
            Input::Time => self.time_has_come(now),
        }
        self.serve_waiting();
        self.make_workers();
        std::mem::take(&mut self.decisions)
    }

    /// When [`Input::Time`] is due, if nothing else happens.
    pub fn wake_at(&self) -> Option<Duration> {
        match self.stopped {
            _ if self.end.is_some() => None,
            Some(stopped) => stopped.sign_of_life,
            None => Some(self.deadline),
        }
    }

    /// Whether nobody is there any more, and nobody is to come.
    pub fn is_over(&self) -> bool {
        self.workers.is_empty()
    }

    /// How it ended, once [`is_over`](Scheduler::is_over).
    pub fn summary(&self) -> Summary {
        Summary {
            end: self.end.unwrap_or(RunEnd::Completed),
            total: self.progress.len() - self.passed_over,
            missing: self.progress.len() - self.completed,
            failed: self.failed,
            no_workers: self.end.is_none() && self.given_up() && !self.queue.is_empty(),
        }
    }

    /// A worker was given up.
    fn given_up(&self) -> bool {
        self.failures.values().any(|failures| *failures >= MAX_FAILURES)
    }

    /// What the worker has in hand.
    pub fn attempt_of(&self, worker: usize) -> Option<Attempt> {
        let index = self.workers.get(&worker)?.holds?;
        Some(self.progress[index].next(index))
    }

    /// Gives `worker`, which has nothing in hand, its next test, or lets it go.
    fn serve(&mut self, worker: usize) {
        self.set(worker, |state| state.waits = false);
        if self.end.is_some() || self.is_surplus(worker) {
            return self.let_go(worker);
        }
        // With nothing left to hand out there is nothing to hold back.
        if self.stopped.is_some() && !self.queue.is_empty() {
            return self.set(worker, |state| state.waits = true);
        }
        let in_order = self.wanted == 1 || !self.limits.reorder;
        match self.queue.next(worker, in_order) {
            Next::Run(index) => self.start(worker, index),
            Next::Wait => self.set(worker, |state| state.waits = true),
            Next::Finish => self.let_go(worker),
        }
    }

    /// Asks again for everyone who had to wait.
    fn serve_waiting(&mut self) {
        let waiting: Vec<usize> = self.workers.iter().filter(|(_, w)| w.waits).map(|(n, _)| *n).collect();
        for worker in waiting {
            self.serve(worker);
        }
    }

    /// Starts an attempt of what the worker was given by the queue.
    fn start(&mut self, worker: usize, index: usize) {
        let progress = self.progress[index];
        let attempt = progress.next(index);
        if attempt.attempt > 1 {
            self.decisions.push(Decision::Retry { attempt, failures: progress.failures });
        }
        self.set(worker, |state| state.holds = Some(index));
        self.decisions.push(Decision::Run { worker, attempt });
    }

    fn ended(&mut self, worker: usize, verdict: Verdict, fit: bool) {
        let Some(index) = self.workers.get_mut(&worker).and_then(|state| state.holds.take()) else { return };
        self.failures.remove(&worker);
        self.set(worker, |state| state.unfit = !fit);
        let again = self.judge(worker, index, verdict);
        match (again, fit) {
            // What it claims stays claimed: the servers of the last attempt may still be there.
            (true, true) => self.start(worker, index),
            (true, false) => self.queue.put_back(index),
            (false, true) => {
                self.queue.done(worker);
                self.serve(worker);
            }
            // Until it is gone its servers hold what the attempt claimed.
            (false, false) => {}
        }
    }

    /// What was not begun goes back to its place. That counts as a worker's end without an attempt, so that it does not go
    /// on for ever.
    fn given_back(&mut self, worker: usize) {
        let Some(index) = self.workers.get_mut(&worker).and_then(|state| state.holds.take()) else { return };
        self.set(worker, |state| state.unfit = true);
        self.queue.put_back(index);
        if self.end.is_none() {
            self.count_failure(worker);
        }
    }

    /// What was not begun goes back to its place, and is run by one of those who have room.
    fn no_room(&mut self, worker: usize, others: usize) {
        let Some(index) = self.workers.get_mut(&worker).and_then(|state| state.holds.take()) else { return };
        self.set(worker, |state| state.unfit = true);
        self.queue.put_back(index);
        self.wanted = self.wanted.min(others.max(1));
    }

    /// Decides on a verdict and what follows from it; whether another attempt or round does.
    fn judge(&mut self, worker: usize, index: usize, verdict: Verdict) -> bool {
        let limits = &self.limits;
        let experimental = self.queue.entry(index).experimental;
        let failed = matches!(verdict, Verdict::Fail | Verdict::ExpFail);
        let verdict = if failed && experimental { Verdict::ExpFail } else { verdict };
        let attempt = self.progress[index].next(index);
        let progress = &mut self.progress[index];
        progress.attempts += 1;
        progress.failures += u32::from(failed);
        let progress = *progress;
        if failed {
            self.failed = true;
            // Retries and experimental failures do not bring the end nearer (runner §6.4).
            if progress.attempts == 1 && !experimental {
                self.failed_tests += 1;
            }
        }
        let ends = failed && !limits.force;
        let too_many =
            failed && !ends && limits.max_test_fail > 0 && self.failed_tests >= limits.max_test_fail;
        let goes_on = !ends && !too_many && self.end.is_none();
        let may_retry = failed && goes_on && progress.attempts < limits.retry;
        let will_retry = may_retry && progress.failures < limits.retry_failure;
        let will_repeat = goes_on && !will_retry && progress.repetitions + 1 < limits.repeat;
        self.decisions.push(Decision::Verdict { worker, attempt, verdict, will_retry, will_repeat });
        if may_retry && !will_retry {
            let attempt = progress.next(index);
            self.decisions.push(Decision::NoMoreRetries { attempt, failures: progress.failures });
        }
        if will_repeat {
            self.progress[index] = Progress { repetitions: progress.repetitions + 1, ..Progress::default() };
        }
        if will_retry || will_repeat {
            return true;
        }
        self.completed += 1;
        if self.end.is_none() && ends {
            self.finish(RunEnd::Failure, true);
        }
        if self.end.is_none() && too_many {
            self.finish(RunEnd::TooManyFailed, true);
        }
        false
    }

    fn left(&mut self, worker: usize, failed: bool) {
        let Some(state) = self.workers.remove(&worker) else { return };
        self.queue.forget(worker);
        if failed {
            self.failed = true;
            if let Some(index) = state.holds
                && self.judge(worker, index, Verdict::Fail)
            {
                self.queue.put_back(index);
            }
            if self.end.is_none() {
                self.count_failure(worker);
            }
        } else if !state.let_go && !state.unfit {
            // It has done what it was for, as `--start` does, and nobody takes its place.
            self.retired.insert(worker);
        }
    }

    fn count_failure(&mut self, worker: usize) {
        let failures = self.failures.entry(worker).or_default();
        *failures += 1;
        if *failures >= MAX_FAILURES && self.retired.insert(worker) {
            self.failed = true;
            self.decisions.push(Decision::GivenUp { worker });
        }
    }

    /// Hands out nothing more. With `at_once` what runs is ended, too.
    fn finish(&mut self, end: RunEnd, at_once: bool) {
        self.end = Some(end);
        let numbers: Vec<usize> = self.workers.keys().copied().collect();
        for worker in numbers {
            self.let_go(worker);
            if at_once {
                self.decisions.push(Decision::Abort { worker });
            }
        }
    }

    fn let_go(&mut self, worker: usize) {
        if let Some(state) = self.workers.get_mut(&worker) {
            state.waits = false;
            if !std::mem::replace(&mut state.let_go, true) {
                self.decisions.push(Decision::LetGo { worker });
            }
        }
    }

    fn set(&mut self, worker: usize, change: impl FnOnce(&mut Worker)) {
        if let Some(state) = self.workers.get_mut(&worker) {
            change(state);
        }
    }

    /// There are more workers than wanted, and this one is of the highest numbers.
    fn is_surplus(&self, worker: usize) -> bool {
        let lower = self.workers.range(..worker).filter(|(_, state)| !state.let_go && !state.unfit).count();
        let given_up = self.retired.range(..=self.wanted).count();
        lower >= self.wanted.saturating_sub(given_up).max(1)
    }

    /// As many workers as are wanted and can find something to do.
    fn make_workers(&mut self) {
        if self.end.is_some() {
            return;
        }
        let busy = self.workers.values().filter(|state| state.holds.is_some()).count();
        let useful = busy + self.queue.len();
        let mut there = self.workers.values().filter(|state| !state.let_go && !state.unfit).count();
        // Those of higher numbers count too, where there are to be fewer than before.
        let given_up = self.retired.range(..=self.wanted).count();
        let useful = useful.min(self.wanted.saturating_sub(given_up));
        for worker in 1..=self.wanted {
            if there >= useful || self.queue.is_empty() {
                return;
            }
            if !self.retired.contains(&worker) && !self.workers.contains_key(&worker) {
                self.workers.insert(worker, Worker::default());
                self.decisions.push(Decision::Make { worker });
                there += 1;
            }
        }
    }

    fn stop(&mut self, there: bool, now: Duration) {
        match (there, self.stopped) {
            (true, None) => self.stopped = Some(self.stopped_at(now)),
            (false, Some(_)) => {
                self.stopped = None;
                self.deadline = now.saturating_add(self.limits.suite_timeout);
            }
            _ => {}
        }
    }

    fn stopped_at(&self, now: Duration) -> Stopped {
        Stopped { sign_of_life: self.limits.keep_alive.map(|time| now.saturating_add(time)) }
    }

    fn time_has_come(&mut self, now: Duration) {
        if self.wake_at().is_none_or(|at| at > now) {
            return;
        }
        if self.stopped.is_some() {
            self.decisions.push(Decision::StillStopped { completed: self.completed });
            self.stopped = Some(self.stopped_at(now));
        } else {
            self.failed = true;
            self.finish(RunEnd::Timeout, true);
        }
    }
}
