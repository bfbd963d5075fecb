//! A worker: a thread that owns servers and runs one test after the other on them.

use std::any::Any;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bstr::{BString, ByteSlice};
use crossbeam_channel::{Receiver, Sender};

use crate::case::TestCase;
use crate::check::testcase::Snapshot;
use crate::config::ports::PortLease;
use crate::env::Env;
use crate::error::{Error, Result};
use crate::event::{Event, EventSink, Phase, StopReason, WarningKind, WorkerEvents};
use crate::run::autopsy::valgrind::{self, Report};
use crate::run::keep::save;
use crate::run::servers::set::ServerSet;
use crate::run::servers::shutdown::{self, Shutdown};
use crate::run::setup::context::Context;
use crate::run::setup::debugger;
use crate::run::setup::vardir::WorkerDirs;
use crate::run::worker::checks::Sessions;
use crate::run::worker::handle::{Job, Notice};
use crate::sys::guardian;
use crate::sys::orphans::{self, Orphan};
use crate::sys::poll::Waker;

/// What a worker is made of.
#[derive(Debug)]
pub struct WorkerInputs {
    /// Shared by all.
    pub ctx: Arc<Context>,
    /// 1-based.
    pub number: usize,
    /// Its directories, existing.
    pub dirs: WorkerDirs,
    /// The environment of its processes.
    pub env: Env,
    /// Its ports.
    pub lease: PortLease,
    /// Wakes it when the run is ended.
    pub abort: Waker,
    /// Where it tells.
    pub reports: Sender<Notice>,
}

/// The state of one worker.
pub struct Worker {
    /// Shared by all.
    pub ctx: Arc<Context>,
    /// 1-based.
    pub number: usize,
    /// Its servers.
    pub set: ServerSet,
    /// Woken when the run is ended.
    pub abort: Waker,
    /// What it tells, in the name of the attempt that it makes.
    pub events: WorkerEvents,
    reports: Sender<Notice>,
    /// What each server's state was after the last test, by group name: the next test's "before",
    /// as long as nothing touched the server in between.
    pub states: BTreeMap<BString, Snapshot>,
    /// Sessions of the checks, open between the checks after a test only.
    pub sessions: Sessions,
    /// The current attempt (re)started a server.
    pub restarted: bool,
    /// Where the data of the attempt's failure were put.
    pub saved: Option<PathBuf>,
    phases: BTreeMap<Phase, Duration>,
}

impl Worker {
    /// The whole life of a worker: asks for jobs until the channel closes.
    pub fn run(inputs: WorkerInputs, jobs: &Receiver<Job>) {
        let (number, reports) = (inputs.number, inputs.reports.clone());
        let life = || Worker::new(inputs).and_then(|mut worker| worker.serve(jobs));
        // Nothing of the worker is used after a panic; its servers are ended while it unwinds.
        let error = match catch_unwind(AssertUnwindSafe(life)) {
            Ok(ended) => ended.err(),
            Err(panic) => Some(Error::new(format!("the runner itself failed: {}", panic_text(&*panic)))),
        };
        let _ = reports.send(Notice::Gone { worker: number, error });
    }

    fn new(inputs: WorkerInputs) -> Result<Worker> {
        let WorkerInputs { ctx, number, dirs, env, lease, abort, reports } = inputs;
        let told = reports.clone();
        // A supervisor that is gone has nobody to tell any more.
        let sink = EventSink::new(move |event| drop(told.send(Notice::Event(event))));
        let events = WorkerEvents::new(number, ctx.settings.events.is_some(), sink);
        let set = ServerSet::new(ctx.clone(), dirs, env, lease, abort.clone(), events.clone())
            .map_err(|error| Error::new("cannot watch the worker's directories").caused_by(error))?;
        Ok(Worker {
            ctx,
            number,
            set,
            abort,
            events,
            reports,
            states: BTreeMap::new(),
            sessions: Sessions::new(),
            restarted: false,
            saved: None,
            phases: BTreeMap::new(),
        })
    }

    fn serve(&mut self, jobs: &Receiver<Job>) -> Result<()> {
        self.report(Notice::Idle { worker: self.number });
        while let Ok(job) = jobs.recv() {
            self.events.enter(Some(job.id.clone()));
            let Some(outcome) = self.attempt(&job) else { break };
            self.events.enter(None);
            let (worker, index, saved) = (self.number, job.index, self.saved.take());
            self.report(Notice::Done { worker, index, outcome: Box::new(outcome), saved });
        }
        self.finish()
    }

    /// The end: servers shut down gracefully, their last words told.
    fn finish(&mut self) -> Result<()> {
        let begun = Instant::now();
        self.events.enter(None);
        if self.ctx.settings.start_and_exit {
            for server in &mut self.set.servers {
                server.detach();
            }
            return Ok(());
        }
        if self.abort.is_awake() {
            // Nobody will look at these servers again, and whoever ended the run does not want to wait.
            self.set.kill_all()?;
        } else {
            self.set.stop_all(self.set.grace(), StopReason::RunEnd)?;
            self.tell_shutdown_warnings()?;
        }
        self.end_script_leftovers();
        self.tell_memory_lost()?;
        self.spent(Phase::Init, begun);
        if self.ctx.settings.report_times {
            let phases = std::mem::take(&mut self.phases).into_iter().collect();
            self.events.send(Event::PhaseTimes { worker: self.number, phases });
        }
        Ok(())
    }

    /// Sets the variables that name the test (spec §5.4, §9.3).
    ///
    /// # Errors
    /// When a combination's name has characters that no variable's name may have.
    pub fn enter_test(&mut self, case: &TestCase) -> Result<()> {
        let env = &mut self.set.env;
        let old: Vec<OsString> = env
            .iter()
            .map(|(name, _)| name.to_os_string())
            .filter(|name| name.as_encoded_bytes().starts_with(b"MTR_COMBINATION"))
            .collect();
        for name in old {
            env.remove(name);
        }
        for name in &case.combinations {
            if !legal_combination(name) {
                return Err(Error::new(format!("Combination '{name}' contains illegal characters")));
            }
            env.set(format!("MTR_COMBINATION_{}", name.to_uppercase()), "1");
        }
        if !case.combinations.is_empty() {
            env.set("MTR_COMBINATIONS", case.combinations.join(","));
        }
        env.set("MTR_TEST_NAME", case.name());
        env.set("MTR_SUITE_DIR", case.suite.dir.clone());
        match case.timezone.as_ref().map(|zone| crate::server::options::expand(zone.as_bstr(), env)) {
            Some(zone) => env.set("TZ", zone.to_os_str_lossy().into_owned()),
            None => env.remove("TZ"),
        };
        Ok(())
    }

    /// Kills what the script left running: its orphans, wherever they hid, but no server's.
    pub fn end_script_leftovers(&self) {
        let mark = format!("{}={}.{}.", guardian::MARK, self.ctx.run_mark, self.number);
        let servers: Vec<i32> =
            self.set.servers.iter().filter_map(|server| server.process().map(|child| child.pid())).collect();
        let ours = |environment: &[u8]| guardian::carries(environment, &mark);
        match orphans::end_orphans(&servers, ours) {
            Ok(ended) => {
                for Orphan { pid, command } in ended {
                    let command = words(&command);
                    self.events.tell(|worker, id| Event::LeftoverKilled {
                        worker: Some(worker),
                        id,
                        pid,
                        command,
                    });
                }
            }
            Err(error) => {
                let text = format!("cannot look for processes that the test left: {error}");
                self.events.warn(WarningKind::Keeping, text);
            }
        }
    }

    /// Tells error-log lines written since the last look, with the tests they may belong to (spec §10.6).
    pub fn tell_shutdown_warnings(&mut self) -> Result<()> {
        if !self.ctx.settings.warnings {
            return Ok(());
        }
        let mut shutdown = shutdown::shutdown_warnings(&mut self.set, &self.ctx.patterns)?;
        let Shutdown { tests, lines, .. } = &mut shutdown;
        let reports = self.set.sanitizer_reports();
        for (i, files) in &reports {
            let log = self.set.servers[*i].group.log_error();
            for name in self.set.scanner(&log).names() {
                if !tests.contains(name) {
                    tests.push(name.clone());
                }
            }
            for file in files {
                let told = format!("reports of a sanitizer in {}\n", file.path.display());
                lines.extend_from_slice(told.as_bytes());
            }
        }
        if !lines.is_empty() && !tests.is_empty() {
            let diagnoses = self.set.diagnose_shutdown(&shutdown, reports);
            let Shutdown { tests, lines, crashed, .. } = shutdown;
            let saved = tests.last().map(|test| save::save_crashed(&self.set, &crashed, test));
            self.events.send(Event::ShutdownWarnings { worker: self.number, tests, lines, diagnoses });
            if let Some(dir) = saved.transpose()?.flatten() {
                self.report(Notice::Saved(dir));
            }
        }
        Ok(())
    }

    /// Tells what valgrind found when this worker's servers ended (spec §10.8).
    fn tell_memory_lost(&self) -> Result<()> {
        if !debugger::valgrind(&self.ctx.settings) {
            return Ok(());
        }
        for path in self.set.scanners.keys() {
            let log = std::fs::read(path).map_err(|error| Error::io("read", path, error))?;
            let reports = valgrind::reports(&log);
            if !reports.is_empty() {
                self.report(Notice::MemoryLost);
            }
            for Report { tests, text } in reports {
                let (worker, log) = (self.number, path.clone());
                self.events.send(Event::ValgrindReport { worker, log, tests, text });
            }
        }
        Ok(())
    }

    /// Adds the time since `begun` to a phase.
    pub fn spent(&mut self, phase: Phase, begun: Instant) {
        *self.phases.entry(phase).or_default() += begun.elapsed();
    }

    fn report(&self, report: Notice) {
        // A supervisor that is gone has nobody to tell any more.
        let _ = self.reports.send(report);
    }
}

/// The arguments of a process, each with a NUL behind it, as a line.
fn words(command: &[u8]) -> BString {
    command.strip_suffix(b"\0").unwrap_or(command).replace(b"\0", b" ").into()
}

/// What a panic said.
fn panic_text(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("it does not say how")
}

/// `^\w[-\w.+]*$`, or a whole option (`--combination=--x`).
fn legal_combination(name: &str) -> bool {
    let word = |c: char| c.is_alphanumeric() || c == '_';
    name.starts_with("--")
        || (name.starts_with(word) && name.chars().all(|c| word(c) || matches!(c, '-' | '.' | '+')))
}

#[cfg(test)]
mod tests {
    use super::legal_combination;

    #[test]
    fn combination_names() {
        for name in ["row", "1st", "a-b.c+d", "--x=1 2"] {
            assert!(legal_combination(name), "{name}");
        }
        for name in ["", "-x", "a b", "a/b"] {
            assert!(!legal_combination(name), "{name}");
        }
    }
}
