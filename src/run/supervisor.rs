//! The supervisor: what happens is told to the scheduler, what the scheduler decides is done and told to the reporters.
//!
//! It alone emits, and the order in which it takes notices is the order of the run's events.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError};

use crate::case::TestCase;
use crate::cli::settings::Settings;
use crate::event::{Event, Outcome, RunEnd, TestId, Verdict, WarningKind};
use crate::plan::decision::{Attempt, Decision, Input, Limits};
use crate::plan::entry::{self, Entry};
use crate::plan::scheduler::Scheduler;
use crate::report::Reporters;
use crate::run::keep::keeper::{self, Keeper, Told};
use crate::run::keep::leftovers;
use crate::run::setup::context::Context;
use crate::run::worker::handle::{Crew, Job, Made, Notice, WorkerHandle};
use crate::sys::deadline::deadline_after;
use crate::sys::reaping::processor_time;

/// What runs the scheduler and does what it decides.
pub struct Supervisor<'r> {
    ctx: Arc<Context>,
    cases: Vec<Arc<TestCase>>,
    start_from: usize,
    plan: Scheduler,
    /// Times of the scheduler are those since here.
    started: Instant,
    crew: &'r mut dyn Crew,
    workers: BTreeMap<usize, WorkerHandle>,
    /// What is not yet told to the scheduler.
    inputs: VecDeque<Input>,
    /// The outcome whose verdict the scheduler is asked about, and where its data were put.
    judged: Option<(Outcome, Option<PathBuf>)>,
    reports: Receiver<Notice>,
    reporters: &'r mut Reporters,
    begun: Instant,
    /// Valgrind found memory lost when a server ended.
    memory_lost: bool,
    keeper: Keeper,
    /// The keeper has nothing more to tell.
    keeper_done: bool,
    /// Something failed that is no verdict of a test.
    failed: bool,
    /// How many workers there may be for want of memory, as was told last.
    told_workers: usize,
    /// Why the run could not go on, where the counts do not tell it.
    cause: Option<String>,
}

/// What the supervisor starts from.
pub struct SupervisorInputs<'r> {
    /// Shared by all.
    pub ctx: Arc<Context>,
    /// All instances in run order, statically skipped ones included.
    pub cases: Vec<Arc<TestCase>>,
    /// What the scheduler knows of each of them.
    pub entries: Vec<Entry>,
    /// The workers, in order of their numbers.
    pub workers: Vec<WorkerHandle>,
    /// Who makes new ones.
    pub crew: &'r mut dyn Crew,
    /// What workers tell.
    pub reports: Receiver<Notice>,
    /// Who is told.
    pub reporters: &'r mut Reporters,
    /// Sees to what failures leave.
    pub keeper: Keeper,
    /// When the run began.
    pub begun: Instant,
}

/// Why a run ended that a signal ended.
pub fn ended_by(signal: i32) -> String {
    match signal {
        libc::SIGINT => "Got ^C signal".to_owned(),
        libc::SIGHUP => "Hangup detected on controlling terminal".to_owned(),
        other => format!("Got signal {}", crate::sys::child::signal_name(other)),
    }
}

/// What the command line says to the scheduler.
fn limits(settings: &Settings) -> Limits {
    Limits {
        force: settings.force > 0,
        retry: settings.retry,
        retry_failure: settings.retry_failure,
        repeat: settings.repeat,
        max_test_fail: settings.max_test_fail,
        reorder: settings.reorder,
        suite_timeout: settings.suite_timeout,
        keep_alive: settings.stop_keep_alive,
    }
}

impl<'r> Supervisor<'r> {
    /// A supervisor with everything still to do.
    pub fn new(inputs: SupervisorInputs<'r>) -> Self {
        let SupervisorInputs { ctx, cases, entries, workers, crew, reports, reporters, keeper, begun } =
            inputs;
        let start_from = entry::start_from(cases.iter().map(Arc::as_ref), ctx.settings.start_from.as_deref());
        let limits = limits(&ctx.settings);
        let plan = Scheduler::new(entries, start_from, limits, workers.len(), Duration::ZERO);
        Supervisor {
            ctx,
            cases,
            start_from,
            plan,
            started: Instant::now(),
            crew,
            workers: (1..).zip(workers).collect(),
            inputs: VecDeque::new(),
            judged: None,
            reports,
            reporters,
            begun,
            memory_lost: false,
            keeper,
            keeper_done: false,
            failed: false,
            told_workers: usize::MAX,
            cause: None,
        }
    }

    /// Runs everything; returns the exit code.
    pub fn run(mut self) -> i32 {
        self.tell_static_skips();
        while !self.plan.is_over() {
            self.look_for_stop_file();
            let wake_at = self.plan.wake_at().and_then(|at| self.started.checked_add(at));
            let notice = match wake_at {
                Some(at) => self.reports.recv_deadline(at),
                None => self.reports.recv().map_err(|_| RecvTimeoutError::Disconnected),
            };
            match notice {
                Ok(notice) => {
                    self.look_for_stop_file();
                    self.take(notice);
                }
                Err(RecvTimeoutError::Timeout) => self.decide(Input::Time),
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        self.finished()
    }

    fn tell(&mut self, event: &Event) {
        self.reporters.event(event);
    }

    fn worker_warning(&mut self, worker: usize, text: String) {
        let (worker, kind) = (Some(worker), WarningKind::Worker);
        self.tell(&Event::Warning { worker, id: None, kind, text: text.into() });
    }

    fn tell_static_skips(&mut self) {
        if let Some(wanted) = self.ctx.settings.start_from.clone()
            && self.start_from == self.cases.len()
        {
            let text = format!("--start-from={wanted} is the name of no test of this run: nothing is run");
            self.tell(&Event::warning(WarningKind::Option, text));
        }
        if self.ctx.settings.start_only() {
            return;
        }
        for index in self.start_from..self.cases.len() {
            let Some(skip) = &self.cases[index].skip else { continue };
            let outcome = Outcome {
                verdict: if skip.disabled { Verdict::Disabled } else { Verdict::Skipped },
                comment: skip.comment.as_str().into(),
                ..Outcome::default()
            };
            let id = self.id(Attempt { index, repetition: 1, attempt: 1 });
            let outcome = Box::new(outcome);
            self.tell(&Event::TestFinished { worker: 0, id, outcome, will_retry: false, will_repeat: false });
        }
    }

    fn id(&self, attempt: Attempt) -> TestId {
        let case = &self.cases[attempt.index];
        TestId {
            suite: case.suite.name.clone(),
            test: case.short_name.clone(),
            combination: case.combination(),
            repetition: attempt.repetition,
            attempt: attempt.attempt,
        }
    }

    fn take(&mut self, notice: Notice) {
        match notice {
            Notice::Event(event) => {
                self.tell(&event);
                if let Event::ShutdownWarnings { .. } = event {
                    self.decide(Input::ShutdownWarnings);
                }
            }
            Notice::Idle { worker } => self.decide(Input::Idle { worker }),
            Notice::Done { worker, outcome, saved, unfit, .. } => {
                let (verdict, fit) = (outcome.verdict, unfit.is_none());
                if let Some(why) = unfit {
                    self.worker_warning(worker, format!("worker {worker} is made anew: {}", why.explained()));
                }
                self.judged = Some((*outcome, saved));
                self.decide(Input::Ended { worker, verdict, fit });
            }
            Notice::GivenBack { worker, why } => {
                let text =
                    format!("worker {worker} is made anew, and its test begun again: {}", why.explained());
                self.worker_warning(worker, text);
                self.decide(Input::GivenBack { worker });
            }
            Notice::NoRoom { worker, others, why } => {
                if others < self.told_workers {
                    self.told_workers = others;
                    let plural = if others == 1 { "1 worker goes" } else { &format!("{others} workers go") };
                    let text = format!("{plural} on, without worker {worker}: {}", why.explained());
                    self.worker_warning(worker, text);
                }
                self.decide(Input::NoRoom { worker, others });
            }
            Notice::Gone { worker, error } => {
                self.workers.remove(&worker);
                let failed = error.is_some();
                if let Some(error) = error {
                    let text = format!("worker {worker} ended: {}", error.explained());
                    self.worker_warning(worker, text.clone());
                    self.judged = Some((Outcome { comment: text.into(), ..Outcome::default() }, None));
                }
                self.decide(Input::Left { worker, failed });
            }
            Notice::Saved(dir) => self.keeper.keep(dir, None),
            // It is looked for before each notice.
            Notice::Keeper(Told::Kept(events)) => events.iter().for_each(|event| self.tell(event)),
            Notice::Keeper(Told::Done) => self.keeper_done = true,
            Notice::StopFile => {}
            Notice::MemoryLost => self.memory_lost = true,
            Notice::Signal(number) => {
                self.cause = Some(ended_by(number));
                self.decide(Input::Signal);
            }
            Notice::Warning(text) => self.tell(&Event::warning(WarningKind::Other, text)),
            Notice::Wanted(workers) => self.decide(Input::Wanted(workers)),
        }
    }

    /// Tells the scheduler, and does what it decides.
    fn decide(&mut self, input: Input) {
        self.inputs.push_back(input);
        while let Some(input) = self.inputs.pop_front() {
            for decision in self.plan.take(input, self.started.elapsed()) {
                self.carry_out(decision);
            }
        }
        self.judged = None;
    }

    fn carry_out(&mut self, decision: Decision) {
        let of = self.ctx.settings.retry;
        match decision {
            Decision::Verdict { worker, attempt, verdict, will_retry, will_repeat } => {
                let (outcome, saved) = self.judged.take().unwrap_or_default();
                let outcome = Box::new(Outcome { verdict, ..outcome });
                let id = self.id(attempt);
                self.tell(&Event::TestFinished { worker, id: id.clone(), outcome, will_retry, will_repeat });
                if let Some(dir) = saved {
                    self.keeper.keep(dir, Some(id));
                }
            }
            Decision::Retry { attempt, failures } => {
                let id = self.id(attempt);
                self.tell(&Event::Retry { id, attempt: Some(attempt.attempt), of, failures });
            }
            Decision::NoMoreRetries { attempt, failures } => {
                let id = self.id(attempt);
                self.tell(&Event::Retry { id, attempt: None, of, failures });
            }
            Decision::Run { worker, attempt } => {
                let id = self.id(attempt);
                self.tell(&Event::TestStarted { worker, id: id.clone() });
                let job = Job { index: attempt.index, case: self.cases[attempt.index].clone(), id };
                if let Some(jobs) = self.workers.get(&worker).and_then(|handle| handle.jobs.as_ref()) {
                    // A worker that is gone tells so itself; its job is then without a verdict.
                    let _ = jobs.send(job);
                }
            }
            Decision::LetGo { worker } => {
                if let Some(handle) = self.workers.get_mut(&worker) {
                    handle.jobs = None;
                }
            }
            Decision::Abort { worker } => {
                if let Some(handle) = self.workers.get(&worker) {
                    handle.abort.wake();
                }
            }
            Decision::Make { worker } => match self.crew.make(worker) {
                Ok(Made { handle, events }) => {
                    for event in events {
                        self.tell(&event);
                    }
                    self.workers.insert(worker, handle);
                }
                Err(error) => {
                    let text = format!("worker {worker} cannot be made: {}", error.explained());
                    self.worker_warning(worker, text);
                    self.inputs.push_back(Input::NotMade { worker });
                }
            },
            Decision::GivenUp { worker } => {
                let text =
                    format!("worker {worker} is given up; what it would have run is left to the others");
                self.worker_warning(worker, text);
            }
            Decision::StillStopped { completed } => self.tell(&Event::TestsHeld { completed }),
        }
    }

    /// Tells the scheduler whether the stop file is there.
    fn look_for_stop_file(&mut self) {
        if let Some(file) = &self.ctx.settings.stop_file {
            let there = file.exists();
            self.decide(Input::StopFile(there));
        }
    }

    /// Tells what the keeper still has to tell, and waits for it within bounds.
    fn await_keeper(&mut self) {
        self.keeper.close();
        if self.cause.is_some() {
            self.keeper.abort();
        }
        let mut deadline = deadline_after(keeper::END_PATIENCE);
        let mut cut_short = false;
        if self.keeper_done {
            // Before it was told that there is nothing more: its thread panicked.
            let text = "the thread that keeps what failures leave failed: some of it stays where it was";
            self.tell(&Event::warning(WarningKind::Keeping, text));
        }
        while !self.keeper_done {
            match self.reports.recv_deadline(deadline) {
                Err(RecvTimeoutError::Disconnected) => return,
                Ok(notice) => {
                    let signal = matches!(notice, Notice::Signal(_));
                    self.take(notice);
                    if signal {
                        self.keeper.abort();
                    }
                }
                Err(RecvTimeoutError::Timeout) if cut_short => return,
                Err(RecvTimeoutError::Timeout) => {
                    self.keeper.abort();
                    cut_short = true;
                    deadline = deadline_after(keeper::LAST_PATIENCE);
                }
            }
        }
    }

    /// Valgrind's findings at the end of servers, as a test that failed (runner §10.8).
    fn tell_memory_lost(&mut self) {
        self.failed = true;
        let id = TestId {
            suite: "valgrind".into(),
            test: "valgrind_report".into(),
            combination: String::new(),
            repetition: 1,
            attempt: 1,
        };
        let comment = "Valgrind reported failures at shutdown, see above".into();
        let outcome = Box::new(Outcome { comment, ..Outcome::default() });
        self.tell(&Event::TestFinished { worker: 0, id, outcome, will_retry: false, will_repeat: false });
    }

    /// Warnings of the script engine about scripts, which fail the run (runner §3).
    fn tell_script_warnings(&mut self) {
        let files: BTreeSet<PathBuf> =
            self.cases.iter().filter_map(|case| leftovers::warnings_file(case)).collect();
        for file in files {
            self.failed = true;
            self.cause.get_or_insert_with(|| "there were failing test cases".to_owned());
            self.tell(&Event::ScriptWarnings { file });
        }
    }

    /// Last words and the exit code (runner §1.5, §11.5).
    fn finished(mut self) -> i32 {
        self.await_keeper();
        let summary = self.plan.summary();
        if summary.no_workers {
            let text = format!("no worker is left: {} of the tests were not run", summary.missing);
            self.tell(&Event::warning(WarningKind::Worker, text.as_str()));
            self.cause.get_or_insert(text);
        }
        if self.memory_lost {
            self.tell_memory_lost();
        }
        self.tell_script_warnings();
        let failed = self.failed || summary.failed;
        let start_only = self.ctx.settings.start_only();
        let exit_code = match () {
            () if self.ctx.settings.start_and_exit && !failed => 0,
            () if failed || summary.missing > 0 || start_only || summary.end != RunEnd::Completed => 1,
            // Nothing was run and nothing was skipped.
            () if summary.total == 0 => 1,
            () => 0,
        };
        let total = summary.total + usize::from(self.memory_lost);
        let (end, wall) = (summary.end, self.begun.elapsed());
        let cause = self.cause.take();
        let warnings_file = Some(self.ctx.vardir.join("log/warnings")).filter(|file| file.exists());
        let diagnoses = Vec::new();
        let missing = if start_only { 0 } else { summary.missing };
        self.reporters.finish(Event::RunFinished {
            end,
            wall,
            processor: processor_time(),
            total,
            missing,
            exit_code,
            cause,
            warnings_file,
            diagnoses,
        })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
