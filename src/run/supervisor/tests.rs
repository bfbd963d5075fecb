//! The supervisor with workers that are channels: the test takes their jobs and sends their notices.

use crate::env::Env;
use crate::run::keep::keeper::{Keeper, Rules, Told as KeeperTold};
use std::sync::Mutex;
use std::thread;

use crossbeam_channel::Sender;

use super::*;
use crate::check::errorlog::Patterns;
use crate::error::{Error, Result};
use crate::plan::experimental::Experimental;
use crate::report::reporter::Reporter;
use crate::run::setup::engine::Engine;
use crate::sys::poll::Waker;

/// No notice and no job takes this long.
const SOON: Duration = Duration::from_secs(20);

/// The reporter of these tests.
#[derive(Clone, Default)]
struct Told(Arc<Mutex<Vec<Event>>>);

impl Reporter for Told {
    fn event(&mut self, event: &Event) -> Result<()> {
        self.0.lock().unwrap().push(event.clone());
        Ok(())
    }
}

/// The other side of a worker's channels.
struct Fake {
    jobs: Receiver<Job>,
    abort: Waker,
}

fn fake() -> (WorkerHandle, Fake) {
    let (sender, jobs) = crossbeam_channel::unbounded();
    let abort = Waker::new().unwrap();
    (WorkerHandle { jobs: Some(sender), abort: abort.clone() }, Fake { jobs, abort })
}

/// Makes as many workers as it was allowed to.
struct FakeCrew {
    allowed: usize,
    made: Sender<(usize, Fake)>,
}

impl Crew for FakeCrew {
    fn make(&mut self, number: usize) -> Result<Made> {
        if self.allowed == 0 {
            return Err(Error::new("there are no ports"));
        }
        self.allowed -= 1;
        let (handle, other) = fake();
        let _ = self.made.send((number, other));
        Ok(Made { handle, events: Vec::new() })
    }
}

/// The test's side of a run.
struct Run {
    workers: BTreeMap<usize, Fake>,
    made: Receiver<(usize, Fake)>,
    tell: Sender<Notice>,
}

impl Run {
    fn tell(&self, notice: Notice) {
        self.tell.send(notice).unwrap();
    }

    /// The name of the test that a worker is given; `None`: it is told to go.
    fn job(&self, worker: usize) -> Option<String> {
        match self.workers[&worker].jobs.recv_timeout(SOON) {
            Ok(job) => Some(job.case.short_name.clone()),
            Err(RecvTimeoutError::Disconnected) => None,
            Err(RecvTimeoutError::Timeout) => {
                panic!("worker {worker} is neither given a test nor told to go")
            }
        }
    }

    /// Waits for a worker to be made.
    fn made(&mut self) -> usize {
        let (number, other) = self.made.recv_timeout(SOON).unwrap();
        self.workers.insert(number, other);
        number
    }

    fn idle(&self, worker: usize) {
        self.tell(Notice::Idle { worker });
    }

    fn done(&self, worker: usize, verdict: Verdict) {
        self.done_unfit(worker, verdict, None);
    }

    fn done_unfit(&self, worker: usize, verdict: Verdict, unfit: Option<Error>) {
        let outcome = Box::new(Outcome { verdict, ..Outcome::default() });
        self.tell(Notice::Done { worker, index: 0, outcome, saved: None, unfit });
    }

    fn gone(&self, worker: usize, why: Option<&str>) {
        self.tell(Notice::Gone { worker, error: why.map(Error::new) });
    }
}

/// What a run came to.
struct Ended {
    code: i32,
    events: Vec<Event>,
}

impl Ended {
    /// Names and verdicts in order; `+` where another attempt or round is told to follow.
    fn verdicts(&self) -> Vec<String> {
        let verdict = |event: &Event| match event {
            Event::TestFinished { worker, id, outcome, will_retry, will_repeat } => {
                let more = if *will_retry || *will_repeat { "+" } else { "" };
                Some(format!("{} {:?} w{worker}{more}", id.test, outcome.verdict))
            }
            _ => None,
        };
        self.events.iter().filter_map(verdict).collect()
    }

    fn warns(&self, text: &str) -> bool {
        self.events.iter().any(
            |event| matches!(event, Event::Warning { text: told, .. } if told.to_string().contains(text)),
        )
    }

    fn comment(&self, test: &str) -> String {
        let comment = |event: &Event| match event {
            Event::TestFinished { id, outcome, .. } if id.test == test => Some(outcome.comment.to_string()),
            _ => None,
        };
        self.events.iter().find_map(comment).unwrap()
    }

    fn end(&self) -> (RunEnd, Option<String>) {
        match self.events.last() {
            Some(Event::RunFinished { end, cause, .. }) => (*end, cause.clone()),
            other => panic!("the last event is {other:?}"),
        }
    }
}

/// Runs the supervisor over tests of these names, with so many workers and so many that can be made later, while
/// `script` plays the workers.
fn supervise(
    settings: Settings,
    cases: Vec<TestCase>,
    workers: usize,
    allowed: usize,
    script: impl FnOnce(&mut Run) + Send + 'static,
) -> Ended {
    let ctx = Arc::new(Context {
        settings,
        layout: Default::default(),
        facts: Arc::default(),
        vardir: PathBuf::from("/nowhere"),
        bootstrap_cache: None,
        bootstrap_program: PathBuf::new(),
        patterns: Patterns::new(&[]).unwrap(),
        replica_status: Default::default(),
        engine: Engine::default(),
        run_mark: "test".into(),
        named_tests: true,
        traces: Default::default(),
        said: crate::run::setup::said::Said::default(),
        memory: Default::default(),
    });
    let (tell, reports) = crossbeam_channel::unbounded();
    let told_by_keeper = tell.clone();
    let keeper = Keeper::start(Rules::of(ctx.clone(), Env::default()), move |told| {
        drop(told_by_keeper.send(Notice::Keeper(told)));
    })
    .unwrap();
    let (made, newly_made) = crossbeam_channel::unbounded();
    let mut crew = FakeCrew { allowed, made };
    let (handles, others): (Vec<_>, Vec<_>) = (0..workers).map(|_| fake()).unzip();
    let mut run = Run { workers: (1..).zip(others).collect(), made: newly_made, tell };
    let player = thread::spawn(move || {
        script(&mut run);
        // Who is still there does as it is told.
        for (number, fake) in std::mem::take(&mut run.workers) {
            while fake.jobs.recv_timeout(SOON).is_ok() {}
            run.gone(number, None);
        }
    });
    let told = Told::default();
    let mut reporters = Reporters::new(told.clone());
    let entries = entry::entries(&cases, &Experimental::default(), |_| Vec::new());
    let code = Supervisor::new(SupervisorInputs {
        ctx,
        cases: cases.into_iter().map(Arc::new).collect(),
        entries,
        workers: handles,
        crew: &mut crew,
        reports,
        reporters: &mut reporters,
        keeper,
        begun: Instant::now(),
    })
    .run();
    player.join().unwrap();
    let events = told.0.lock().unwrap().clone();
    Ended { code, events }
}

fn settings(change: impl FnOnce(&mut Settings)) -> Settings {
    let mut settings = Settings { force: 1, ..Settings::default() };
    change(&mut settings);
    settings
}

fn cases(names: &[&str]) -> Vec<TestCase> {
    names.iter().map(|name| TestCase::for_tests("s", name)).collect()
}

#[test]
fn tests_are_handed_out_in_order_and_told() {
    let ended = supervise(settings(|_| {}), cases(&["a", "b"]), 1, 0, |run| {
        run.idle(1);
        assert_eq!(run.job(1).as_deref(), Some("a"));
        run.done(1, Verdict::Pass);
        assert_eq!(run.job(1).as_deref(), Some("b"));
        run.done(1, Verdict::Skipped);
        assert_eq!(run.job(1), None);
    });
    assert_eq!((ended.code, ended.verdicts()), (0, vec!["a Pass w1".into(), "b Skipped w1".into()]));
}

#[test]
fn a_dead_workers_test_fails_and_the_others_run_where_there_is_a_worker() {
    let ended = supervise(settings(|_| {}), cases(&["a", "b", "c"]), 1, 1, |run| {
        run.idle(1);
        assert_eq!(run.job(1).as_deref(), Some("a"));
        run.gone(1, Some("it stumbled"));
        assert_eq!(run.made(), 1);
        run.idle(1);
        for test in ["b", "c"] {
            assert_eq!(run.job(1).as_deref(), Some(test));
            run.done(1, Verdict::Pass);
        }
    });
    assert_eq!(ended.verdicts(), ["a Fail w1", "b Pass w1", "c Pass w1"]);
    assert!(ended.comment("a").contains("worker 1 ended: it stumbled"), "{}", ended.comment("a"));
    assert_eq!((ended.code, ended.end()), (1, (RunEnd::Completed, None)));
}

#[test]
fn an_unfit_worker_is_made_anew_when_it_is_gone_and_not_before() {
    let ended = supervise(settings(|s| s.retry = 2), cases(&["a", "b"]), 1, 1, |run| {
        run.idle(1);
        assert_eq!(run.job(1).as_deref(), Some("a"));
        run.done_unfit(1, Verdict::Fail, Some(Error::new("the runner itself failed: oh")));
        run.gone(1, None);
        assert!(run.workers[&1].jobs.is_empty(), "it is given a test, and gone");
        assert_eq!(run.made(), 1);
        run.idle(1);
        for test in ["a", "b"] {
            assert_eq!(run.job(1).as_deref(), Some(test));
            run.done(1, Verdict::Pass);
        }
    });
    assert_eq!(ended.verdicts(), ["a Fail w1+", "a Pass w1", "b Pass w1"]);
    assert!(ended.warns("worker 1 is made anew: the runner itself failed: oh"));
    let retried = |event: &Event| matches!(event, Event::Retry { attempt: Some(2), of: 2, .. });
    assert!(ended.events.iter().any(retried));
}

#[test]
fn a_worker_that_cannot_be_made_is_given_up_and_the_others_go_on() {
    let ended = supervise(settings(|_| {}), cases(&["a", "b"]), 2, 0, |run| {
        run.gone(1, Some("it stumbled"));
        run.idle(2);
        for test in ["a", "b"] {
            assert_eq!(run.job(2).as_deref(), Some(test));
            run.done(2, Verdict::Pass);
        }
        run.workers.remove(&1);
    });
    assert_eq!((ended.code, ended.verdicts()), (1, vec!["a Pass w2".into(), "b Pass w2".into()]));
    assert!(
        ended.warns("worker 1 cannot be made: there are no ports") && ended.warns("worker 1 is given up")
    );
}

#[test]
fn a_run_without_workers_ends_and_says_what_was_not_run() {
    let ended = supervise(settings(|_| {}), cases(&["a", "b", "c"]), 1, 0, |run| {
        run.idle(1);
        assert_eq!(run.job(1).as_deref(), Some("a"));
        run.gone(1, Some("it stumbled"));
        run.workers.clear();
    });
    let why = "no worker is left: 2 of the tests were not run";
    assert_eq!((ended.code, ended.verdicts()), (1, vec!["a Fail w1".into()]));
    assert_eq!(ended.end(), (RunEnd::Completed, Some(why.into())));
    assert!(ended.warns(why));
}

#[test]
fn an_error_while_a_worker_ends_is_told_and_makes_the_run_red() {
    let ended = supervise(settings(|_| {}), cases(&["a"]), 1, 0, |run| {
        run.idle(1);
        assert_eq!(run.job(1).as_deref(), Some("a"));
        run.done(1, Verdict::Pass);
        assert_eq!(run.job(1), None);
        run.gone(1, Some("cannot stop mysqld.1"));
        run.workers.clear();
    });
    assert_eq!((ended.code, ended.verdicts()), (1, vec!["a Pass w1".into()]));
    assert!(ended.warns("worker 1 ended: cannot stop mysqld.1"));
}

#[test]
fn a_failure_without_force_ends_the_run_at_once() {
    let ended = supervise(settings(|s| s.force = 0), cases(&["a", "b", "c"]), 2, 0, |run| {
        run.idle(1);
        run.idle(2);
        assert_eq!(run.job(1).as_deref(), Some("a"));
        assert_eq!(run.job(2).as_deref(), Some("b"));
        run.done(1, Verdict::Fail);
        assert_eq!((run.job(1), run.job(2)), (None, None));
        assert!(run.workers[&2].abort.is_awake());
    });
    assert_eq!((ended.code, ended.verdicts()), (1, vec!["a Fail w1".into()]));
    assert_eq!(ended.end().0, RunEnd::Failure);
}

#[test]
fn a_signal_ends_the_run_and_says_so() {
    let ended = supervise(settings(|_| {}), cases(&["a", "b"]), 1, 0, |run| {
        run.idle(1);
        assert_eq!(run.job(1).as_deref(), Some("a"));
        run.tell(Notice::Signal(libc::SIGINT));
        assert_eq!(run.job(1), None);
        assert!(run.workers[&1].abort.is_awake());
    });
    assert_eq!(ended.end(), (RunEnd::Interrupted, Some("Got ^C signal".into())));
    assert_eq!((ended.code, ended.verdicts().len()), (1, 0));
}

#[test]
fn the_time_of_the_suite_ends_the_run() {
    let ended = supervise(settings(|s| s.suite_timeout = Duration::ZERO), cases(&["a"]), 1, 0, |run| {
        assert_eq!(run.job(1), None);
    });
    assert_eq!((ended.code, ended.end().0), (1, RunEnd::Timeout));
}

#[test]
fn a_time_out_of_any_size_is_one_that_does_not_come() {
    let ended = supervise(settings(|s| s.suite_timeout = Duration::MAX), cases(&["a"]), 1, 0, |run| {
        run.idle(1);
        assert_eq!(run.job(1).as_deref(), Some("a"));
        run.done(1, Verdict::Pass);
    });
    assert_eq!((ended.code, ended.end().0), (0, RunEnd::Completed));
}

#[test]
fn shutdown_warnings_end_a_run_without_force_after_what_runs() {
    let ended = supervise(settings(|s| s.force = 0), cases(&["a", "b"]), 1, 0, |run| {
        run.idle(1);
        assert_eq!(run.job(1).as_deref(), Some("a"));
        let (tests, lines) = (vec!["s.z".to_owned()], "[ERROR] x\n".into());
        run.tell(Notice::Event(Event::ShutdownWarnings { worker: 1, tests, lines, diagnoses: Vec::new() }));
        assert_eq!(run.job(1), None);
        assert!(!run.workers[&1].abort.is_awake(), "what runs may end");
        run.done(1, Verdict::Pass);
    });
    assert_eq!((ended.code, ended.end().0), (1, RunEnd::WarningsInLog));
    assert_eq!(ended.verdicts(), ["a Pass w1"]);
}

#[test]
fn workers_come_and_go_while_the_run_lasts() {
    let ended = supervise(settings(|_| {}), cases(&["a", "b", "c", "d"]), 1, 1, |run| {
        run.idle(1);
        assert_eq!(run.job(1).as_deref(), Some("a"));
        run.tell(Notice::Wanted(2));
        assert_eq!(run.made(), 2);
        run.idle(2);
        assert_eq!(run.job(2).as_deref(), Some("b"));
        run.tell(Notice::Wanted(1));
        run.done(2, Verdict::Pass);
        assert_eq!(run.job(2), None);
        run.done(1, Verdict::Pass);
        for test in ["c", "d"] {
            assert_eq!(run.job(1).as_deref(), Some(test));
            run.done(1, Verdict::Pass);
        }
    });
    assert_eq!(ended.code, 0);
    assert_eq!(ended.verdicts(), ["b Pass w2", "a Pass w1", "c Pass w1", "d Pass w1"]);
}

#[test]
fn a_stop_file_holds_the_tests_and_the_suite_time() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("stop");
    std::fs::write(&file, "").unwrap();
    let settings = settings(|s| (s.stop_file, s.stop_keep_alive) = (Some(file.clone()), None));
    let ended = supervise(settings, cases(&["a"]), 1, 0, move |run| {
        run.idle(1);
        std::fs::remove_file(&file).unwrap();
        run.tell(Notice::StopFile);
        assert_eq!(run.job(1).as_deref(), Some("a"));
        run.done(1, Verdict::Pass);
    });
    assert_eq!((ended.code, ended.verdicts()), (0, vec!["a Pass w1".into()]));
}

#[test]
fn a_keeper_that_failed_is_told_and_not_waited_for() {
    let ended = supervise(settings(|_| {}), cases(&["a"]), 1, 0, |run| {
        run.idle(1);
        assert_eq!(run.job(1).as_deref(), Some("a"));
        // As its thread does when it panics. The run would wait for another word of it.
        run.tell(Notice::Keeper(KeeperTold::Done));
        run.done(1, Verdict::Pass);
        assert_eq!(run.job(1), None);
    });
    assert_eq!((ended.code, ended.verdicts()), (0, vec!["a Pass w1".into()]));
    assert!(ended.warns("the thread that keeps what failures leave failed"));
}
