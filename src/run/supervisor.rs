//! The supervisor: one thread that owns the truth. It workers out tests, takes verdicts, decides on
//! retries and on the end, and emits the events of the run in order (spec §6.2 to §6.6).

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bstr::BString;
use crossbeam_channel::{Receiver, RecvTimeoutError};

use crate::case::TestCase;
use crate::env::Env;
use crate::event::{Event, Outcome, RunEnd, TestId, Verdict};
use crate::plan::experimental::Experimental;
use crate::plan::queue::{Next, Queue};
use crate::report::Reporters;
use crate::run::autopsy::core_dump;
use crate::run::keep::leftovers;
use crate::run::keep::save;
use crate::run::setup::context::Context;
use crate::run::worker::handle::{Job, Notice, WorkerHandle};
use crate::sys::deadline::deadline_after;

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

/// Everything the supervisor decides by.
pub struct Supervisor<'r> {
    ctx: Arc<Context>,
    cases: Vec<Arc<TestCase>>,
    progress: Vec<Progress>,
    experimental: Experimental,
    queue: Queue,
    workers: Vec<WorkerHandle>,
    reports: Receiver<Notice>,
    reporters: &'r mut Reporters,
    begun: Instant,
    suite_deadline: Instant,
    /// The stop file exists: when the next sign of life is due, if any is wanted.
    stopped: Option<Option<Instant>>,
    /// Valgrind found memory lost when a server ended.
    memory_lost: bool,
    env: Env,
    end: Option<RunEnd>,
    failed: bool,
    shutdown_warnings: bool,
    failed_tests: u32,
    completed: usize,
    /// Tests before the one that `--start-from` names.
    passed_over: usize,
    saved_dirs: u32,
    saved_cores: u32,
    /// A signal, where one ends the run.
    cause: Option<String>,
}

/// What the supervisor starts from.
pub struct SupervisorInputs<'r> {
    /// Shared by all.
    pub ctx: Arc<Context>,
    /// All instances in run order, statically skipped ones included.
    pub cases: Vec<Arc<TestCase>>,
    /// Patterns of `--experimental`.
    pub experimental: Experimental,
    /// The workers, in order of their numbers.
    pub workers: Vec<WorkerHandle>,
    /// What workers tell.
    pub reports: Receiver<Notice>,
    /// Who is told.
    pub reporters: &'r mut Reporters,
    /// For debuggers that look at cores.
    pub env: Env,
    /// When the run began.
    pub begun: Instant,
}

impl<'r> Supervisor<'r> {
    /// A supervisor with everything still to do.
    pub fn new(inputs: SupervisorInputs<'r>) -> Self {
        let SupervisorInputs { ctx, cases, experimental, workers, reports, reporters, env, begun } = inputs;
        let from = start_from(&cases, ctx.settings.start_from.as_deref());
        let runnable = cases.iter().enumerate().filter(|(index, case)| *index >= from && case.skip.is_none());
        let in_order = workers.len() == 1 || !ctx.settings.reorder;
        let queue = Queue::new(runnable.map(|(index, case)| (index, case.as_ref())), in_order, |case| {
            crate::plan::claims::fixed_ports(case, &[])
        });
        let suite_deadline = deadline_after(ctx.settings.suite_timeout);
        Supervisor {
            progress: vec![Progress::default(); cases.len()],
            ctx,
            cases,
            experimental,
            queue,
            workers,
            reports,
            reporters,
            begun,
            suite_deadline,
            stopped: None,
            memory_lost: false,
            env,
            end: None,
            failed: false,
            shutdown_warnings: false,
            failed_tests: 0,
            completed: 0,
            passed_over: 0,
            saved_dirs: 0,
            saved_cores: 0,
            cause: None,
        }
    }

    /// Runs everything; returns the exit code.
    pub fn run(mut self) -> i32 {
        self.tell_static_skips();
        while self.workers.iter().any(|handle| handle.alive) {
            let deadline = match self.stopped {
                Some(sign_of_life) => sign_of_life.unwrap_or_else(far_away),
                None => self.suite_deadline,
            };
            match self.reports.recv_deadline(deadline) {
                Ok(report) => self.take(report),
                Err(RecvTimeoutError::Timeout) if self.stopped.is_some() => {
                    self.message(format!("\n-STOPPED- [pass] {}", self.completed));
                    self.stopped = Some(self.next_sign_of_life());
                }
                Err(RecvTimeoutError::Timeout) if self.end.is_none() => {
                    self.failed = true;
                    self.finish(RunEnd::Timeout, true);
                    self.suite_deadline = far_away();
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        self.finished()
    }

    fn tell(&mut self, event: &Event) {
        self.reporters.event(event);
    }

    fn message(&mut self, text: impl Into<BString>) {
        self.tell(&Event::Message { text: text.into() });
    }

    fn tell_static_skips(&mut self) {
        let start_from = start_from(&self.cases, self.ctx.settings.start_from.as_deref());
        if let Some(wanted) = self.ctx.settings.start_from.clone().filter(|_| start_from == self.cases.len())
        {
            let text = format!("--start-from={wanted} is the name of no test of this run: nothing is run");
            self.tell(&Event::Warning { worker: None, text: text.into() });
        }
        for index in 0..self.cases.len() {
            let case = self.cases[index].clone();
            if index < start_from {
                self.passed_over += 1;
                self.completed += 1;
                continue;
            }
            let Some(skip) = &case.skip else { continue };
            self.completed += 1;
            if self.ctx.settings.start_only() {
                continue;
            }
            let outcome = Outcome {
                verdict: if skip.disabled { Verdict::Disabled } else { Verdict::Skipped },
                comment: skip.comment.as_str().into(),
                ..Outcome::default()
            };
            let id = self.id(index);
            let outcome = Box::new(outcome);
            self.tell(&Event::TestFinished { worker: 0, id, outcome, will_retry: false, will_repeat: false });
        }
    }

    fn id(&self, index: usize) -> TestId {
        let (case, progress) = (&self.cases[index], self.progress[index]);
        TestId {
            suite: case.suite.name.clone(),
            test: case.short_name.clone(),
            combination: case.combination(),
            repetition: progress.repetitions + 1,
            attempt: progress.attempts + 1,
        }
    }

    fn take(&mut self, report: Notice) {
        match report {
            Notice::Event(event) => {
                if let Event::ShutdownWarnings { .. } = event {
                    self.shutdown_warnings = true;
                    self.failed = true;
                    self.tell(&event);
                    if self.ctx.settings.force == 0 && self.end.is_none() {
                        self.finish(RunEnd::WarningsInLog, false);
                    }
                } else {
                    self.tell(&event);
                }
            }
            Notice::Idle { worker } => self.give(worker),
            Notice::Done { worker, index, outcome, saved } => {
                self.workers[worker - 1].holds = None;
                self.queue.done(worker);
                self.judge(worker, index, *outcome, saved);
                self.wake_idle();
            }
            Notice::Gone { worker, error } => {
                let handle = &mut self.workers[worker - 1];
                handle.alive = false;
                handle.jobs = None;
                let held = handle.holds.take();
                self.queue.forget(worker);
                if let Some(error) = error {
                    self.failed = true;
                    let text = format!("worker {worker} ended: {error}");
                    self.tell(&Event::Warning { worker: Some(worker), text: text.clone().into() });
                    if let Some(index) = held {
                        let outcome = Outcome { comment: text.into(), ..Outcome::default() };
                        self.judge(worker, index, outcome, None);
                    }
                }
                self.wake_idle();
            }
            Notice::Saved(dir) => self.keep(&dir),
            Notice::StopFile => self.wake_idle(),
            Notice::MemoryLost => self.memory_lost = true,
            Notice::Signal(number) => self.interrupted(number),
        }
    }

    /// Gives `worker` its next test, or lets it finish.
    fn give(&mut self, worker: usize) {
        self.workers[worker - 1].idle = false;
        if self.end.is_some() {
            self.workers[worker - 1].jobs = None;
            return;
        }
        // With nothing left to hand out there is nothing to hold back.
        if self.is_stopped() && !self.queue.is_empty() {
            self.workers[worker - 1].idle = true;
            return;
        }
        match self.queue.next(worker) {
            Next::Run(index) => self.start(worker, index),
            Next::Wait => self.workers[worker - 1].idle = true,
            Next::Finish => self.workers[worker - 1].jobs = None,
        }
    }

    /// Asks again for everyone who had to wait.
    fn wake_idle(&mut self) {
        for worker in 1..=self.workers.len() {
            if self.workers[worker - 1].idle {
                self.give(worker);
            }
        }
    }

    fn start(&mut self, worker: usize, index: usize) {
        let id = self.id(index);
        self.tell(&Event::TestStarted { worker, id });
        let handle = &mut self.workers[worker - 1];
        handle.holds = Some(index);
        if let Some(jobs) = &handle.jobs {
            // A worker that is gone tells so itself; its job is then without a verdict.
            let _ = jobs.send(Job { index, case: self.cases[index].clone() });
        }
    }

    /// Takes a verdict: tells it, keeps what is to be kept, decides what follows.
    fn judge(&mut self, worker: usize, index: usize, mut outcome: Outcome, saved: Option<PathBuf>) {
        let case = self.cases[index].clone();
        let experimental = self.experimental.contains(&case);
        if outcome.verdict == Verdict::Fail && experimental {
            outcome.verdict = Verdict::ExpFail;
        }
        let failed = matches!(outcome.verdict, Verdict::Fail | Verdict::ExpFail);
        let id = self.id(index);
        let settings = &self.ctx.settings;
        let progress = &mut self.progress[index];
        progress.attempts += 1;
        progress.failures += u32::from(failed);
        let progress = *progress;
        if failed {
            self.failed = true;
            // Retries and experimental failures do not bring the end nearer (spec §6.4).
            if progress.attempts == 1 && !experimental {
                self.failed_tests += 1;
            }
        }
        let ends = failed && settings.force == 0;
        let too_many =
            failed && !ends && settings.max_test_fail > 0 && self.failed_tests >= settings.max_test_fail;
        let may_retry =
            failed && !ends && !too_many && self.end.is_none() && progress.attempts < settings.retry;
        let will_retry = may_retry && progress.failures < settings.retry_failure;
        let will_repeat = !ends
            && !too_many
            && !will_retry
            && self.end.is_none()
            && progress.repetitions + 1 < settings.repeat;
        let (of, can_go_on) = (settings.retry, self.workers[worker - 1].alive);
        let outcome = Box::new(outcome);
        self.tell(&Event::TestFinished { worker, id, outcome, will_retry, will_repeat });
        if let Some(dir) = saved {
            self.keep(&dir);
        }
        if will_retry && can_go_on {
            let id = self.id(index);
            self.tell(&Event::Retry {
                id,
                attempt: Some(progress.attempts + 1),
                of,
                failures: progress.failures,
            });
            return self.start(worker, index);
        }
        if may_retry {
            let id = self.id(index);
            self.tell(&Event::Retry { id, attempt: None, of, failures: progress.failures });
        }
        if will_repeat && can_go_on {
            self.progress[index] = Progress { repetitions: progress.repetitions + 1, ..Progress::default() };
            return self.start(worker, index);
        }
        self.completed += 1;
        if ends && self.end.is_none() {
            self.finish(RunEnd::Failure, false);
        }
        if too_many && self.end.is_none() {
            self.finish(RunEnd::TooManyFailed, false);
        }
        self.give(worker);
    }

    /// Moves a failure's data to `VAR0/log`, or drops them when enough were kept; looks at core files.
    fn keep(&mut self, dir: &Path) {
        leftovers::move_cores(&self.ctx.layout.test_dir, dir, self.reporters);
        let cores = core_dump::cores(dir);
        let program = self.ctx.layout.mariadbd.clone();
        for core in cores {
            let name = core.file_name().unwrap_or_default().display().to_string();
            let limit = self.ctx.settings.max_save_core;
            self.message(format!(" - found '{name}' ({}/{limit})", self.saved_cores));
            let scratch = self.ctx.vardir.join("log");
            let trace = core_dump::stack_trace(&self.ctx, &core, &program, &self.env, &scratch);
            if !trace.is_empty() {
                self.message(trace);
            }
            if self.saved_cores >= limit {
                self.message(format!(" - deleting it, already saved {limit}"));
                let _ = std::fs::remove_file(&core);
            } else {
                self.saved_cores += 1;
                if !self.ctx.named_tests && save::compress(&core).is_ok() {
                    self.message(format!("Compressed file {}", core.display()));
                }
            }
        }
        let limit = self.ctx.settings.max_save_datadir;
        if self.saved_dirs >= limit {
            let _ = crate::run::setup::vardir::remove(dir);
            return self.tell(&Event::Saved { from: dir.into(), to: None });
        }
        self.saved_dirs += 1;
        let log = self.ctx.vardir.join("log");
        let mut to = log.join(dir.file_name().unwrap_or_default());
        if to != dir {
            for n in 2.. {
                if !to.exists() {
                    break;
                }
                to = log.join(format!("{}.{n}", dir.file_name().unwrap_or_default().display()));
            }
            if let Err(error) = std::fs::rename(dir, &to) {
                let text = format!("cannot move {} to {}: {error}", dir.display(), to.display());
                self.tell(&Event::Warning { worker: None, text: text.into() });
            }
        }
        self.tell(&Event::Saved { from: dir.into(), to: Some(to) });
    }

    /// Hands out nothing more. With `at_once` what runs is ended too.
    fn finish(&mut self, end: RunEnd, at_once: bool) {
        self.end = Some(end);
        for handle in &mut self.workers {
            handle.jobs = None;
            if at_once || end == RunEnd::Failure || end == RunEnd::TooManyFailed {
                handle.abort.wake();
            }
        }
    }

    fn interrupted(&mut self, number: i32) {
        self.failed = true;
        self.cause = Some(match number {
            libc::SIGINT => "Got ^C signal".to_owned(),
            libc::SIGHUP => "Hangup detected on controlling terminal".to_owned(),
            other => format!("Got signal {}", crate::sys::child::signal_name(other)),
        });
        self.finish(RunEnd::Interrupted, true);
    }

    /// Whether the stop file keeps tests from being handed out; takes note of its coming and going.
    fn is_stopped(&mut self) -> bool {
        let stopped = self.ctx.settings.stop_file.as_deref().is_some_and(Path::exists);
        if stopped && self.stopped.is_none() {
            self.stopped = Some(self.next_sign_of_life());
        }
        if !stopped && self.stopped.take().is_some() {
            self.suite_deadline = deadline_after(self.ctx.settings.suite_timeout);
        }
        stopped
    }

    fn next_sign_of_life(&self) -> Option<Instant> {
        self.ctx.settings.stop_keep_alive.map(deadline_after)
    }

    /// Valgrind's findings at the end of servers, as a test that failed (spec §10.8).
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

    /// Warnings of the script engine about scripts, which fail the run (spec §3).
    fn tell_script_warnings(&mut self) {
        let files: BTreeSet<PathBuf> =
            self.cases.iter().filter_map(|case| leftovers::warnings_file(case)).collect();
        for file in files {
            self.failed = true;
            self.cause.get_or_insert_with(|| "there were failing test cases".to_owned());
            let text = format!("Check mysqltest warnings in '{}'", file.display());
            self.tell(&Event::Warning { worker: None, text: text.into() });
        }
    }

    /// Last words and the exit code (spec §1.5, §11.5).
    fn finished(mut self) -> i32 {
        let end = self.end.unwrap_or(RunEnd::Completed);
        if self.memory_lost {
            self.tell_memory_lost();
        }
        self.tell_script_warnings();
        let start_only = self.ctx.settings.start_only();
        let missing = self.completed < self.cases.len();
        let exit_code = match () {
            () if self.ctx.settings.start_and_exit && !self.failed => 0,
            () if self.failed || missing || start_only || end != RunEnd::Completed => 1,
            () => 0,
        };
        let total = self.cases.len() - self.passed_over + usize::from(self.memory_lost);
        let wall = self.begun.elapsed();
        let cause = self.cause.take();
        self.tell(&Event::RunFinished { end, wall, total, exit_code, cause, diagnoses: Vec::new() });
        exit_code
    }
}

/// Position of the test that `--start-from` names; everything before it is passed over in silence,
/// which is all tests where none has this name (spec §6.2).
fn start_from(cases: &[Arc<TestCase>], wanted: Option<&str>) -> usize {
    let Some(wanted) = wanted else { return 0 };
    let named = |case: &Arc<TestCase>| case.name() == *wanted || case.short_name == *wanted;
    cases.iter().position(named).unwrap_or(cases.len())
}

/// A deadline for waits that have none.
fn far_away() -> Instant {
    Instant::now() + Duration::from_secs(24 * 3600)
}
