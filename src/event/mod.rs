//! The one stream of events: everything a run tells, in the order it happened.
//!
//! Console, XML, JUnit and JSON lines are consumers of it and nothing else (see `report`).
//! The JSON form is versioned by [`SCHEMA`] and documented in `docs/events.md`.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bstr::BString;
use serde::Serialize;

use crate::triage::diagnosis::Diagnosis;

/// Version of the JSON form; raised when a field changes its meaning or goes away.
pub const SCHEMA: u32 = 1;

/// Which instance, in which attempt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TestId {
    /// Suite name, with the overlay's name where it is one.
    pub suite: String,
    /// Short name.
    pub test: String,
    /// Sorted combination names joined by `,`; empty without combinations.
    pub combination: String,
    /// 1 for the first run, more for later rounds of `--repeat`.
    pub repetition: u32,
    /// 1 for the first attempt, more for retries.
    pub attempt: u32,
}

/// How an attempt ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The script ended well and its result is as expected.
    Pass,
    /// Anything else.
    Fail,
    /// Failed, and listed in an `--experimental` file: shown apart, counted as failed.
    ExpFail,
    /// Not run, or ended by `skip`.
    Skipped,
    /// Not run because a list says so.
    Disabled,
}

/// What kind of failure it was: decides the layout of the console report (spec §11.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Default)]
#[serde(rename_all = "snake_case")]
pub enum FailureKind {
    /// Everything not named below.
    #[default]
    Other,
    /// The error log has lines that nothing suppresses.
    Warnings,
    /// The test ran longer than `--testcase-timeout`.
    Timeout,
    /// A server did not start.
    ServerStart,
    /// A server ended while the test ran.
    ServerDeath,
}

/// The end of one attempt.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Outcome {
    /// How it ended.
    pub verdict: Verdict,
    /// What kind of failure, where it is one.
    pub failure: Option<FailureKind>,
    /// Milliseconds as the script engine's timer file gives them; `None`: no timer file.
    pub timer_ms: Option<u64>,
    /// Wall time of the whole attempt, restarts and checks included.
    #[serde(serialize_with = "as_seconds")]
    pub wall: Duration,
    /// Skip reason, or what the runner has to say of a failure.
    #[serde(serialize_with = "as_text")]
    pub comment: BString,
    /// What the script engine wrote to its report (`current_test`): diffs and its own errors.
    #[serde(serialize_with = "as_text")]
    pub report: BString,
    /// Error-log lines that failed the test, as check-warnings prints them.
    #[serde(serialize_with = "as_text")]
    pub warnings: BString,
    /// What check-testcase found to be left behind; does not change the verdict.
    #[serde(serialize_with = "as_text")]
    pub check_report: BString,
    /// Why servers failed, the first one to fail first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub diagnoses: Vec<Diagnosis>,
    /// Server-log excerpt, and the diagnoses as text, for failures of servers.
    #[serde(serialize_with = "as_text")]
    pub server_log: BString,
    /// Seconds after which the test was ended, for [`FailureKind::Timeout`].
    pub timeout_s: Option<u64>,
    /// Local time of the end, `YYYY-MM-DD HH:MM:SS`.
    pub ended_at: String,
    /// A running server was stopped or replaced for this attempt; a worker's first start does
    /// not count (the `servers were restarted` line, spec §11.5).
    pub restarted: bool,
    /// The skip came from the script itself, not from collecting.
    pub skipped_by_test: bool,
    /// Tail of the script's output of this attempt, kept when it is tried again.
    #[serde(serialize_with = "as_text")]
    pub log_tail: BString,
}

impl Default for Outcome {
    fn default() -> Self {
        Outcome {
            verdict: Verdict::Fail,
            failure: None,
            timer_ms: None,
            wall: Duration::ZERO,
            comment: BString::default(),
            report: BString::default(),
            warnings: BString::default(),
            check_report: BString::default(),
            diagnoses: Vec::new(),
            server_log: BString::default(),
            timeout_s: None,
            ended_at: String::new(),
            restarted: false,
            skipped_by_test: false,
            log_tail: BString::default(),
        }
    }
}

/// How the run ended: the prefix of the last lines of the console (spec §11.5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RunEnd {
    /// Everything that was to run has run.
    Completed,
    /// A test failed and `--force` was not given.
    Failure,
    /// `--max-test-fail` was reached.
    TooManyFailed,
    /// Warnings at shutdown without `--force`.
    WarningsInLog,
    /// `--suite-timeout` was reached.
    Timeout,
    /// A signal ended it.
    Interrupted,
}

/// Phases of `--report-times`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Collecting test cases.
    Collect,
    /// Server stop/start.
    Servers,
    /// Check-testcase.
    CheckTestcase,
    /// Check for warnings.
    CheckWarnings,
    /// Test execution.
    Execution,
    /// Initialization/cleanup.
    Init,
    /// Test administration.
    Administration,
}

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// The runner is about to start workers.
    RunStarted {
        /// Version of the JSON form.
        schema: u32,
        /// Version of this program.
        version: &'static str,
        /// The command line.
        argv: Vec<String>,
        /// Workers.
        workers: usize,
        /// Instances collected, skipped ones included.
        total: usize,
        /// The vardir.
        #[serde(serialize_with = "as_path")]
        vardir: PathBuf,
        /// Version of the server, as `10.11.19-MariaDB-…`.
        server_version: String,
    },
    /// A line for the console that belongs to no test (`Checking supported features...`).
    Message {
        /// Without the final newline.
        #[serde(serialize_with = "as_text")]
        text: BString,
    },
    /// Something is wrong but the run goes on (stderr).
    Warning {
        /// The worker it comes from; `None`: the supervisor.
        worker: Option<usize>,
        /// Without prefix and final newline.
        #[serde(serialize_with = "as_text")]
        text: BString,
    },
    /// A worker has its ports.
    WorkerReady {
        /// 1-based.
        worker: usize,
        /// `MTR_BUILD_THREAD`.
        build_thread: u32,
        /// First reserved port.
        first_port: u16,
        /// Last reserved port.
        last_port: u16,
    },
    /// A test was handed to a worker.
    TestStarted {
        /// 1-based; 0 for tests skipped without a worker.
        worker: usize,
        /// Which.
        id: TestId,
    },
    /// An attempt ended, or a test was skipped.
    TestFinished {
        /// 1-based; 0 for tests skipped without a worker.
        worker: usize,
        /// Which.
        id: TestId,
        /// How.
        outcome: Box<Outcome>,
        /// Another attempt follows.
        will_retry: bool,
        /// Another round of `--repeat` follows.
        will_repeat: bool,
    },
    /// `Retrying test …` or `Test … has failed … times`.
    Retry {
        /// Which.
        id: TestId,
        /// The attempt that comes now; `None`: no more retries.
        attempt: Option<u32>,
        /// `--retry`.
        of: u32,
        /// Failures so far.
        failures: u32,
    },
    /// Data of a failed test was kept or dropped.
    Saved {
        /// Where it was.
        #[serde(serialize_with = "as_path")]
        from: PathBuf,
        /// Where it is now; `None`: deleted because enough were kept.
        #[serde(serialize_with = "as_optional_path")]
        to: Option<PathBuf>,
    },
    /// Error-log lines written at a shutdown, with the tests since that server's start.
    ShutdownWarnings {
        /// `suite.test` names.
        tests: Vec<String>,
        /// The lines.
        #[serde(serialize_with = "as_text")]
        lines: BString,
        /// What they mean, where that is known: crashes, reports of sanitizers.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        diagnoses: Vec<Diagnosis>,
    },
    /// Time spent in the phases by one worker.
    PhaseTimes {
        /// 1-based; 0: the supervisor.
        worker: usize,
        /// Seconds each.
        #[serde(serialize_with = "as_phases")]
        phases: Vec<(Phase, Duration)>,
    },
    /// The end. Nothing follows.
    RunFinished {
        /// How.
        end: RunEnd,
        /// Wall time.
        #[serde(serialize_with = "as_seconds")]
        wall: Duration,
        /// Instances that were to run.
        total: usize,
        /// The exit code of the program.
        exit_code: i32,
        /// Why the run could not go on where the counts do not tell it (`Got ^C signal`,
        /// `Hangup detected on controlling terminal`, a failed set-up): the final error line.
        cause: Option<String>,
        /// Why a server died before there was a test: asked about itself, or making the first data
        /// directory. `cause` has it as text.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        diagnoses: Vec<Diagnosis>,
    },
}

/// Where a room that knows nobody above it sends its events.
#[derive(Clone)]
pub struct EventSink(Arc<dyn Fn(Event) + Send + Sync>);

impl EventSink {
    /// A sink that hands each event to `take`.
    pub fn new(take: impl Fn(Event) + Send + Sync + 'static) -> Self {
        EventSink(Arc::new(take))
    }

    /// Tells `event`; nothing is known of who hears it.
    pub fn send(&self, event: Event) {
        (self.0)(event);
    }
}

impl fmt::Debug for EventSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EventSink")
    }
}

fn as_seconds<S: serde::Serializer>(d: &Duration, s: S) -> Result<S::Ok, S::Error> {
    s.serialize_f64(d.as_secs_f64())
}

fn as_text<S: serde::Serializer>(b: &BString, s: S) -> Result<S::Ok, S::Error> {
    s.serialize_str(&b.to_string())
}

fn as_path<S: serde::Serializer>(p: &Path, s: S) -> Result<S::Ok, S::Error> {
    s.collect_str(&p.display())
}

fn as_optional_path<S: serde::Serializer>(p: &Option<PathBuf>, s: S) -> Result<S::Ok, S::Error> {
    match p {
        Some(path) => as_path(path, s),
        None => s.serialize_none(),
    }
}

fn as_phases<S: serde::Serializer>(p: &[(Phase, Duration)], s: S) -> Result<S::Ok, S::Error> {
    s.collect_seq(p.iter().map(|(phase, d)| (phase, d.as_secs_f64())))
}
