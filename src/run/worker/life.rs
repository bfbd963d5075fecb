//! A worker: a thread that owns servers and runs one test after the other on them.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::File;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bstr::{BString, ByteSlice};
use crossbeam_channel::{Receiver, Sender};

use crate::case::TestCase;
use crate::check::testcase::ServerState;
use crate::config::ports::PortLease;
use crate::env::Env;
use crate::error::{Error, Result};
use crate::event::{Event, EventSink, FailureKind, Outcome, Phase, StopReason, WarningKind, WorkerEvents};
use crate::run::autopsy::valgrind::{self, ValgrindReport};
use crate::run::keep::save;
use crate::run::servers::set::{Lost, ServerSet, When};
use crate::run::servers::shutdown::{self, Shutdown};
use crate::run::setup::context::Context;
use crate::run::setup::debugger;
use crate::run::setup::vardir::WorkerDirs;
use crate::run::worker::checks::{self, Late, Sessions};
use crate::run::worker::handle::{Job, Notice};
use crate::run::worker::script;
use crate::sys::deadline::deadline_after;
use crate::sys::excerpt;
use crate::sys::files;
use crate::sys::guardian;
use crate::sys::orphans::{self, Orphan};
use crate::sys::panics::caught;
use crate::sys::poll::Waker;

/// How long a server may take to say whether a line that came late is allowed.
const LATE_PATIENCE: Duration = Duration::from_secs(10);

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
    pub lease: Arc<PortLease>,
    /// Wakes it when the run is ended.
    pub abort: Waker,
    /// Where it tells.
    pub reports: Sender<Notice>,
    /// It takes the place of a worker that could not go on: what is in its directories is no news.
    pub anew: bool,
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
    pub states: BTreeMap<BString, ServerState>,
    /// Sessions of the checks, open between the checks after a test only.
    pub sessions: Sessions,
    /// What tests said their servers may log, by position, for lines that come after the last look.
    pub suppressions: BTreeMap<usize, Vec<BString>>,
    /// The current attempt (re)started a server.
    pub restarted: bool,
    /// Where the data of the attempt's failure were put.
    pub saved: Option<PathBuf>,
    /// Why the attempt, which has no outcome, is to be made again by this worker made anew: what kept it from beginning
    /// is no affair of the test.
    pub given_back: Option<Error>,
    /// Why the attempt, which has no outcome, is to be made by another worker, of which there are so many.
    pub no_room: Option<(Error, usize)>,
    phases: BTreeMap<Phase, Duration>,
    /// Its directories as they were made. They are kept open: the inode of one that was removed cannot be that of
    /// another one then.
    places: Vec<(PathBuf, File)>,
}

impl Worker {
    /// The whole life of a worker: asks for jobs until the channel closes or it cannot go on.
    pub fn run(inputs: WorkerInputs, jobs: &Receiver<Job>) {
        Worker::live(inputs, jobs, Worker::attempt);
    }

    /// [`run`](Worker::run), with `attempt` as the way to make an attempt.
    fn live(
        inputs: WorkerInputs,
        jobs: &Receiver<Job>,
        attempt: impl Fn(&mut Worker, &Job) -> Option<Outcome>,
    ) {
        let (number, reports, ctx) = (inputs.number, inputs.reports.clone(), inputs.ctx.clone());
        let life = || Worker::new(inputs).and_then(|mut worker| worker.serve(jobs, attempt));
        // Nothing of the worker is used after a panic; its servers are ended while it unwinds.
        let error = caught(life).and_then(|ended| ended).err();
        ctx.memory.all_ended(number);
        if error.is_some() {
            let mark = worker_mark(&ctx.run_mark, number);
            // That they cannot be looked for either is told when the run ends.
            let _ = orphans::end_orphans(&[], |environment| guardian::carries(environment, &mark));
        }
        let _ = reports.send(Notice::Gone { worker: number, error });
    }

    fn new(inputs: WorkerInputs) -> Result<Worker> {
        let WorkerInputs { ctx, number, dirs, env, lease, abort, reports, anew } = inputs;
        let told = reports.clone();
        // A supervisor that is gone has nobody to tell any more.
        let sink = EventSink::new(move |event| drop(told.send(Notice::Event(event))));
        let events = WorkerEvents::new(number, ctx.settings.events.is_some(), sink);
        let places = places(&dirs)?;
        let mut set = ServerSet::new(ctx.clone(), dirs, env, lease, abort.clone(), events.clone())
            .map_err(|error| Error::new("cannot watch the worker's directories").caused_by(error))?;
        if anew {
            for log in error_logs(&set.dirs) {
                set.scanner(&log).skip_to_end();
            }
        }
        Ok(Worker {
            ctx,
            number,
            set,
            abort,
            events,
            reports,
            states: BTreeMap::new(),
            sessions: Sessions::new(),
            suppressions: BTreeMap::new(),
            restarted: false,
            saved: None,
            given_back: None,
            no_room: None,
            phases: BTreeMap::new(),
            places,
        })
    }

    fn serve(
        &mut self,
        jobs: &Receiver<Job>,
        attempt: impl Fn(&mut Worker, &Job) -> Option<Outcome>,
    ) -> Result<()> {
        self.report(Notice::Idle { worker: self.number });
        while let Ok(job) = jobs.recv() {
            self.saved = None;
            self.events.enter(Some(job.id.clone()));
            let (outcome, unfit) = match caught(|| attempt(self, &job)) {
                Ok(None) => {
                    if let Some(why) = self.given_back.take() {
                        self.report(Notice::GivenBack { worker: self.number, why });
                    }
                    if let Some((why, others)) = self.no_room.take() {
                        self.report(Notice::NoRoom { worker: self.number, others, why });
                    }
                    break;
                }
                Ok(Some(outcome)) => (outcome, self.displaced()),
                Err(panic) => (self.outcome_of_panic(&job, &panic), Some(panic)),
            };
            self.events.enter(None);
            let (worker, index, saved) = (self.number, job.index, self.saved.take());
            let ends = unfit.is_some();
            self.report(Notice::Done { worker, index, outcome: Box::new(outcome), saved, unfit });
            if ends {
                break;
            }
        }
        self.finish()
    }

    /// The report of an attempt in which the runner itself failed. What its servers leave is kept as after any failure.
    fn outcome_of_panic(&mut self, job: &Job, panic: &Error) -> Outcome {
        let mut comment = BString::from(format!("{}\n", panic.explained()));
        if let Err(error) = caught(|| self.keep_failure(&job.case, None)).and_then(|kept| kept) {
            comment.extend_from_slice(error.explained().as_bytes());
            comment.push(b'\n');
        }
        let ended_at = crate::sys::local_time::format(std::time::SystemTime::now());
        Outcome { failure: Some(FailureKind::Other), comment, ended_at, ..Outcome::default() }
    }

    /// Why no server can be started here any more: a directory that is watched or written to is not the one that was
    /// made.
    fn displaced(&self) -> Option<Error> {
        let identity = |meta: std::fs::Metadata| (meta.dev(), meta.ino());
        let same = |path: &Path, made: &File| {
            made.metadata().ok().map(identity) == std::fs::metadata(path).ok().map(identity)
        };
        let (path, _) = self.places.iter().find(|(path, made)| !same(path, made))?;
        Some(
            Error::new(format!("a test removed or replaced {}", path.display()))
                .hint("this directory is the runner's: a test may remove what is in it, not itself"),
        )
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
            self.tell_late_warnings(Late::All);
            let stopped = self.set.stop_all(self.set.grace(), StopReason::RunEnd);
            self.tell_lost_servers(None);
            stopped?;
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

    /// Sets the variables that name the test (runner §5.4, §9.3).
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
        env.set("MYSQL_TEST", script::mysql_test_variable(&self.ctx, &self.set.dirs));
        env.set("MTR_SUITE_DIR", case.suite.dir.clone());
        match case.timezone.as_ref().map(|zone| crate::server::options::expand(zone.as_bstr(), env)) {
            Some(zone) => env.set("TZ", zone.to_os_str_lossy().into_owned()),
            None => env.remove("TZ"),
        };
        Ok(())
    }

    /// Kills what the script left running: its orphans, wherever they hid, but no server's.
    pub fn end_script_leftovers(&self) {
        let mark = worker_mark(&self.ctx.run_mark, self.number);
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

    /// Tells error-log lines written since the last look, with the tests they may belong to (runner §10.6).
    ///
    /// # Errors
    /// An error log cannot be read, or its warnings not be written.
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

    /// Tells of servers that ended between tests though nothing in the run had ended them: the system that was short of memory, or
    /// somebody. `next`: the test that would have had them; `None`: the servers were to be stopped.
    pub fn tell_lost_servers(&mut self, next: Option<&TestCase>) {
        for Lost { log, server, when } in self.set.take_lost() {
            // The last name is that of the test the server served last.
            let before = self.set.scanner(&log).names().last().cloned();
            let between = match (before, next) {
                (Some(before), _) if when == When::Stopping => format!("while it shut down after {before}"),
                (None, _) if when == When::Stopping => "while it shut down".to_owned(),
                (Some(before), Some(next)) => format!("between {before} and {}", next.name()),
                (None, Some(next)) => format!("before {}", next.name()),
                (Some(before), None) => format!("after {before}, before it was stopped"),
                (None, None) => "before it was stopped".to_owned(),
            };
            self.events.warn(
                WarningKind::Server,
                format!("{server} {between}, and nothing in the run had ended it"),
            );
        }
    }

    /// Tells error-log lines that came between the last look after a test and now, as what that test left.
    pub fn tell_late_warnings(&mut self, which: Late) {
        if !self.ctx.settings.warnings || self.ctx.settings.using_extern() {
            return;
        }
        let before = usize::from(which == Late::BeforeMarker);
        let named: Option<String> = self.set.running().into_iter().find_map(|i| {
            let names = self.set.scanners.get(&self.set.servers[i].group.log_error())?.names();
            names.len().checked_sub(1 + before).map(|last| names[last].clone())
        });
        let Some(test) = named else { return };
        let deadline = deadline_after(LATE_PATIENCE);
        let found = checks::late_warnings(self, &test, deadline, which);
        checks::close(std::mem::take(&mut self.sessions));
        match found {
            Ok(None) => {}
            Ok(Some(lines)) => {
                let diagnoses = match which {
                    Late::All => self.set.diagnose_warnings(&lines, Vec::new(), None),
                    // The log of that test has ended with the marker.
                    Late::BeforeMarker => Vec::new(),
                };
                self.events.send(Event::ShutdownWarnings {
                    worker: self.number,
                    tests: vec![test],
                    lines,
                    diagnoses,
                });
            }
            Err(failure) => self.events.warn(
                WarningKind::Other,
                format!("cannot look for late warnings of {test}: {}", failure.comment),
            ),
        }
    }

    /// Tells what valgrind found when this worker's servers ended (runner §10.8).
    fn tell_memory_lost(&self) -> Result<()> {
        if !debugger::valgrind(&self.ctx.settings) {
            return Ok(());
        }
        for path in self.set.scanners.keys() {
            // What was lost stands at the end.
            let log = excerpt::end_of(path, excerpt::MOST).map_err(|error| Error::io("read", path, error))?;
            let reports = valgrind::reports(&log);
            if !reports.is_empty() {
                self.report(Notice::MemoryLost);
            }
            for ValgrindReport { tests, text } in reports {
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

/// How the mark of a worker's processes begins.
fn worker_mark(run_mark: &str, number: usize) -> String {
    format!("{}={run_mark}.{number}.", guardian::MARK)
}

/// The directories that a worker cannot do without.
fn places(dirs: &WorkerDirs) -> Result<Vec<(PathBuf, File)>> {
    let mut paths = vec![dirs.var.clone(), dirs.log(), dirs.run(), dirs.var_tmp(), dirs.tmp.clone()];
    paths.dedup();
    let open = |path: PathBuf| match files::open_directory(&path) {
        Ok(dir) => Ok((path, dir)),
        Err(error) => Err(Error::io("open", &path, error)),
    };
    paths.into_iter().map(open).collect()
}

/// The error logs that servers of this worker have written.
fn error_logs(dirs: &WorkerDirs) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(dirs.log()).into_iter().flatten().flatten();
    entries
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|end| end == "err"))
        .collect()
}

/// The arguments of a process, each with a NUL behind it, as a line.
fn words(command: &[u8]) -> BString {
    command.strip_suffix(b"\0").unwrap_or(command).replace(b"\0", b" ").into()
}

/// `^\w[-\w.+]*$`, or a whole option (`--combination=--x`).
fn legal_combination(name: &str) -> bool {
    let word = |c: char| c.is_alphanumeric() || c == '_';
    name.starts_with("--")
        || (name.starts_with(word) && name.chars().all(|c| word(c) || matches!(c, '-' | '.' | '+')))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::check::errorlog::Patterns;
    use crate::config::ports::{self, PortChoice, PortRequest};
    use crate::event::{TestId, Verdict};
    use crate::run::setup::engine::Engine;

    /// A worker in `root` that takes the given jobs, and what it tells.
    fn live(
        root: &Path,
        anew: bool,
        jobs: &[&str],
        attempt: impl Fn(&mut Worker, &Job) -> Option<Outcome>,
    ) -> Vec<Notice> {
        let ctx = Arc::new(Context {
            settings: crate::cli::settings::Settings::default(),
            layout: Default::default(),
            facts: Arc::default(),
            vardir: root.into(),
            bootstrap_cache: None,
            bootstrap_program: PathBuf::new(),
            patterns: Patterns::new(&[]).unwrap(),
            replica_status: Default::default(),
            engine: Engine::default(),
            run_mark: format!("unit-test-{}", std::process::id()),
            named_tests: true,
            traces: Default::default(),
            said: crate::run::setup::said::Said::default(),
            memory: Default::default(),
        });
        let dirs = WorkerDirs { var: root.join("var"), tmp: root.join("var/tmp") };
        dirs.create().unwrap();
        let ids = root.join("ids");
        let request = PortRequest { choice: PortChoice::Auto, worker: 1, workers: 1, size: 2, ids: &ids };
        let (reports, told) = crossbeam_channel::unbounded();
        let (sender, inbox) = crossbeam_channel::unbounded();
        for (index, name) in jobs.iter().enumerate() {
            let id = TestId {
                suite: "s".into(),
                test: (*name).into(),
                combination: String::new(),
                repetition: 1,
                attempt: 1,
            };
            sender.send(Job { index, case: Arc::new(TestCase::for_tests("s", name)), id }).unwrap();
        }
        drop(sender);
        let lease = Arc::new(ports::lease(&request).unwrap().lease);
        let abort = Waker::new().unwrap();
        let env = Env::default();
        Worker::live(
            WorkerInputs { ctx, number: 1, dirs, env, lease, abort, reports, anew },
            &inbox,
            attempt,
        );
        told.try_iter().collect()
    }

    fn passes() -> Option<Outcome> {
        Some(Outcome { verdict: Verdict::Pass, ..Outcome::default() })
    }

    #[test]
    fn a_panic_fails_its_attempt_and_ends_the_worker() {
        let root = tempfile::tempdir().unwrap();
        let notices = live(root.path(), false, &["a", "b", "c"], |worker, job| {
            std::fs::write(worker.set.dirs.var_tmp().join("trace"), "x").unwrap();
            assert!(job.index != 1, "the second one is too much");
            passes()
        });
        let [Notice::Idle { .. }, Notice::Done { unfit: None, .. }, done, Notice::Gone { error: None, .. }] =
            notices.as_slice()
        else {
            panic!("{notices:?}")
        };
        let Notice::Done { index: 1, outcome, saved, unfit: Some(why), .. } = done else {
            panic!("{done:?}")
        };
        let text = "the runner itself failed: the second one is too much";
        assert_eq!((outcome.verdict, why.message()), (Verdict::Fail, text));
        assert_eq!(outcome.comment, format!("{text}\n"));
        assert!(saved.as_ref().unwrap().join("tmp/trace").exists(), "what the attempt left is kept");
    }

    #[test]
    fn a_removed_directory_ends_the_worker_with_its_verdict() {
        let root = tempfile::tempdir().unwrap();
        let notices = live(root.path(), false, &["a", "b"], |worker, _| {
            std::fs::remove_dir(worker.set.dirs.run()).unwrap();
            // One of the same name is another one: nobody watches it.
            std::fs::create_dir(worker.set.dirs.run()).unwrap();
            passes()
        });
        let [
            Notice::Idle { .. },
            Notice::Done { outcome, unfit: Some(why), .. },
            Notice::Gone { error: None, .. },
        ] = notices.as_slice()
        else {
            panic!("{notices:?}")
        };
        assert_eq!(outcome.verdict, Verdict::Pass);
        assert!(why.message().starts_with("a test removed or replaced "), "{why}");
    }

    #[test]
    fn a_worker_made_anew_has_no_news_of_old_logs() {
        let root = tempfile::tempdir().unwrap();
        for anew in [false, true] {
            std::fs::create_dir_all(root.path().join("var/log")).unwrap();
            let log = root.path().join("var/log/mysqld.1.err");
            std::fs::write(&log, "[ERROR] long ago\n").unwrap();
            let notices = live(root.path(), anew, &["a"], |worker, _| {
                let log = worker.set.dirs.log().join("mysqld.1.err");
                let patterns = Patterns::new(&[]).unwrap();
                let lines = worker.set.scanner(&log).scan(&patterns).unwrap();
                Some(Outcome { comment: lines.concat().into(), ..passes().unwrap() })
            });
            let Some(Notice::Done { outcome, .. }) = notices.get(1) else { panic!("{notices:?}") };
            assert_eq!(outcome.comment, if anew { "" } else { "[ERROR] long ago\n" });
        }
    }

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
