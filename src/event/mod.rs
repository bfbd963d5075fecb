//! The one stream of events: everything a run tells, in the order it happened.
//!
//! Console, XML, JUnit and JSON lines are consumers of it and nothing else (see `report`).
//! The JSON form is versioned by [`SCHEMA`] and documented in `docs/events.md`; `docs/events.schema.json` is its
//! JSON schema.

mod encode;
mod outcome;
mod phase;
mod planned;
mod server;
mod sink;

use std::path::PathBuf;
use std::time::Duration;

use bstr::BString;
use serde::Serialize;

use crate::triage::diagnosis::Diagnosis;
use encode::{as_optional_path, as_optional_seconds, as_path, as_phases, as_seconds, as_text};

pub use outcome::{FailureKind, Outcome, Place, TestId, Verdict};
pub use phase::Phase;
pub use planned::{PlannedInstance, PlannedSkip, SkippedBy};
pub use server::{Process, ProcessExit, RestartReason, StartReason, StopReason, UserServer};
pub use sink::{EventSink, RunningPhase, WorkerEvents};

/// Version of the JSON form; raised when a field changes its meaning or goes away.
pub const SCHEMA: u32 = 2;

/// How the run ended: the prefix of the last lines of the console (runner §11.5).
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

/// Phases of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum AttemptPhase {
    /// Servers that cannot serve the test are stopped, those that it needs started.
    Servers,
    /// The state of the servers before the test is noted.
    CheckBefore,
    /// The script runs.
    Script,
    /// Error logs are looked over.
    CheckWarnings,
    /// The state of the servers is compared with what it was before.
    CheckAfter,
    /// Servers are stopped after a failure, their data kept.
    Keeping,
}

/// What a warning is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Default)]
#[serde(rename_all = "snake_case")]
pub enum WarningKind {
    /// Everything not named below.
    #[default]
    Other,
    /// An option has no effect, or not the one that one may think.
    Option,
    /// Test files: suites that are not there, option files with odd lines.
    Files,
    /// The configuration of a test's servers.
    Configuration,
    /// The check before a test could not be made, perhaps because of the test before.
    CheckBefore,
    /// A test skipped itself and did not say why.
    SkipReason,
    /// Data of a failure, or leftovers of a test, could not be looked after.
    Keeping,
    /// A worker ended before its time.
    Worker,
    /// A report could not be written.
    Report,
    /// A server ended between tests and nothing in the run had ended it.
    Server,
    /// A test without result file printed something, which is compared with nothing.
    UncheckedOutput,
}

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// The first of all: the options are known. Until [`Event::RunFinished`] follows the run has not completed, and counts
    /// as failed.
    RunOpened {
        /// Version of the JSON form.
        schema: u32,
        /// Version of this program.
        version: &'static str,
        /// The command line.
        argv: Vec<String>,
        /// Always false: what holds until the run has ended.
        completed: bool,
    },
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
        /// What time-outs that nobody gave were multiplied by, as the server is slow; 1: they are the usual ones.
        timeout_factor: u32,
        /// Why the server is slow: `a Debug build`, names of sanitizers.
        slow_because: Vec<String>,
    },
    /// What is going to run, in the order of the run.
    Planned {
        /// All instances, those that will not run included.
        instances: Vec<PlannedInstance>,
    },
    /// A line for the console that has no fields (`Checking supported features...`).
    Message {
        /// The worker it comes from; `None`: the supervisor.
        worker: Option<usize>,
        /// Without the final newline.
        #[serde(serialize_with = "as_text")]
        text: BString,
    },
    /// Something is wrong but the run goes on (stderr).
    Warning {
        /// The worker it comes from; `None`: the supervisor.
        worker: Option<usize>,
        /// The attempt it belongs to.
        id: Option<TestId>,
        /// What it is about.
        kind: WarningKind,
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
    /// A phase of an attempt begins.
    PhaseStarted {
        /// 1-based.
        worker: usize,
        /// Which attempt.
        id: TestId,
        /// Which phase.
        phase: AttemptPhase,
    },
    /// A phase of an attempt is over.
    PhaseFinished {
        /// 1-based.
        worker: usize,
        /// Which attempt.
        id: TestId,
        /// Which phase.
        phase: AttemptPhase,
        /// How long it took.
        #[serde(serialize_with = "as_seconds")]
        wall: Duration,
        /// The processor time of the script's program and of what that waited for.
        #[serde(serialize_with = "as_optional_seconds")]
        processor: Option<Duration>,
    },
    /// A script without result file printed to its standard output.
    ScriptOutput {
        /// 1-based.
        worker: usize,
        /// The attempt.
        id: Option<TestId>,
        /// All of it, without white space at the end.
        #[serde(serialize_with = "as_text")]
        text: BString,
    },
    /// `--record` wrote a whole result where the test has a `.rdiff`, which is to be made from it.
    ResultRecorded {
        /// 1-based.
        worker: usize,
        /// The attempt.
        id: Option<TestId>,
        /// What was written.
        #[serde(serialize_with = "as_path")]
        result: PathBuf,
        /// The result file that the difference applies to.
        #[serde(serialize_with = "as_path")]
        base: PathBuf,
        /// The difference.
        #[serde(serialize_with = "as_path")]
        rdiff: PathBuf,
    },
    /// A server cannot serve the next test as it is: it is stopped, and started anew for it.
    ServerUnfit {
        /// 1-based.
        worker: usize,
        /// The attempt that it cannot serve.
        id: Option<TestId>,
        /// Which.
        #[serde(flatten)]
        process: Process,
        /// Why.
        reason: RestartReason,
    },
    /// The process of a server was started.
    ServerStarted {
        /// 1-based.
        worker: usize,
        /// The attempt it was started in.
        id: Option<TestId>,
        /// Which.
        #[serde(flatten)]
        process: Process,
        /// Why.
        why: StartReason,
    },
    /// A server that a test needs serves.
    ServerReady {
        /// 1-based.
        worker: usize,
        /// The attempt it was started in.
        id: Option<TestId>,
        /// Which.
        #[serde(flatten)]
        process: Process,
        /// How long after its start.
        #[serde(serialize_with = "as_seconds")]
        after: Duration,
    },
    /// A server that a test needs did not start: it ended, or it was waited for too long.
    ServerStartFailed {
        /// 1-based.
        worker: usize,
        /// The attempt it was started in.
        id: Option<TestId>,
        /// Which.
        #[serde(flatten)]
        process: Process,
        /// How long it was waited for; where it ended, how long it lived.
        #[serde(serialize_with = "as_seconds")]
        waited: Duration,
        /// It did not end, but `--start-timeout` was over.
        timed_out: bool,
        /// The file that it was to write.
        #[serde(serialize_with = "as_path")]
        pid_file: PathBuf,
    },
    /// The process of a server is gone.
    ServerStopped {
        /// 1-based.
        worker: usize,
        /// The attempt in which it ended; for an unfit server, that which it could not serve.
        id: Option<TestId>,
        /// Which, and how it ended.
        #[serde(flatten)]
        process: Process,
        /// Why.
        why: StopReason,
        /// How long it lived.
        #[serde(serialize_with = "as_optional_seconds")]
        lived: Option<Duration>,
        /// The processor time that it took.
        #[serde(serialize_with = "as_optional_seconds")]
        processor: Option<Duration>,
    },
    /// A server is to be started by hand, in a debugger.
    StartByHand {
        /// 1-based.
        worker: usize,
        /// The server's group: `mysqld.1`.
        server: String,
        /// The debugger.
        debugger: String,
        /// What is to be typed.
        #[serde(serialize_with = "as_text")]
        command: BString,
    },
    /// `--start`, `--start-and-exit`, `--start-dirty`: the servers run (runner §12.1).
    UserServersStarted {
        /// 1-based.
        worker: usize,
        /// `suite.test` of the test whose configuration they have.
        test: String,
        /// The servers.
        servers: Vec<UserServer>,
        /// The run waits for their end; otherwise they survive it.
        waits: bool,
    },
    /// One of them ended while it was waited for.
    UserServerDied {
        /// 1-based.
        worker: usize,
        /// Which, and how it ended.
        #[serde(flatten)]
        process: Process,
    },
    /// `--wait-all`: there is none left to wait for.
    UserServersExited {
        /// 1-based.
        worker: usize,
    },
    /// A process that a test left running was killed.
    LeftoverKilled {
        /// The worker whose test left it; `None`: not known, it was found at the end of the run.
        worker: Option<usize>,
        /// The attempt.
        id: Option<TestId>,
        /// The process.
        pid: i32,
        /// Its command line, words joined by blanks; empty where it was not to be read.
        #[serde(serialize_with = "as_text")]
        command: BString,
    },
    /// A process is told to dump core, as its test took too long.
    CoreRequested {
        /// 1-based.
        worker: usize,
        /// The attempt.
        id: Option<TestId>,
        /// A server's group, or `mysqltest` for the script.
        #[serde(flatten)]
        process: Process,
    },
    /// A core file was found in what is kept of a failure.
    CoreFound {
        /// The attempt.
        id: Option<TestId>,
        /// The core file.
        #[serde(serialize_with = "as_path")]
        core: PathBuf,
        /// What is kept of the failure: a directory above it.
        #[serde(serialize_with = "as_path")]
        dir: PathBuf,
        /// How many were kept before it.
        kept: u32,
        /// `--max-save-core`.
        limit: u32,
    },
    /// A core file that a client program left in the test directory is moved to what is kept of the failure.
    CoreMoved {
        /// The attempt.
        id: Option<TestId>,
        /// The core file.
        #[serde(serialize_with = "as_path")]
        core: PathBuf,
        /// The directory that it is moved to.
        #[serde(serialize_with = "as_path")]
        to: PathBuf,
    },
    /// A debugger read a core file.
    CoreTraced {
        /// The attempt.
        id: Option<TestId>,
        /// The core file.
        #[serde(serialize_with = "as_path")]
        core: PathBuf,
        /// The program that dumped it.
        #[serde(serialize_with = "as_path")]
        program: PathBuf,
        /// The debugger.
        debugger: String,
        /// Where the stack traces are kept; `None` where they could not be written.
        #[serde(serialize_with = "as_optional_path")]
        file: Option<PathBuf>,
        /// The stack traces, as it wrote them.
        #[serde(serialize_with = "as_text")]
        trace: BString,
    },
    /// A core file was deleted because enough were kept.
    CoreDeleted {
        /// The attempt.
        id: Option<TestId>,
        /// The core file.
        #[serde(serialize_with = "as_path")]
        core: PathBuf,
        /// `--max-save-core`.
        limit: u32,
    },
    /// A core file was compressed, as `CORE.gz`.
    CoreCompressed {
        /// The attempt.
        id: Option<TestId>,
        /// The core file as it was called before.
        #[serde(serialize_with = "as_path")]
        core: PathBuf,
    },
    /// Data of a failed test was kept or dropped.
    Saved {
        /// The attempt; `None`: servers crashed after their test.
        id: Option<TestId>,
        /// Where it was.
        #[serde(serialize_with = "as_path")]
        from: PathBuf,
        /// Where it is now; `None`: deleted because enough were kept.
        #[serde(serialize_with = "as_optional_path")]
        to: Option<PathBuf>,
    },
    /// Error-log lines written at a shutdown, with the tests since that server's start.
    ShutdownWarnings {
        /// 1-based.
        worker: usize,
        /// `suite.test` names.
        tests: Vec<String>,
        /// The lines.
        #[serde(serialize_with = "as_text")]
        lines: BString,
        /// What they mean, where that is known: crashes, reports of sanitizers.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        diagnoses: Vec<Diagnosis>,
    },
    /// Valgrind found errors or lost memory when a server ended (runner §10.8).
    ValgrindReport {
        /// 1-based.
        worker: usize,
        /// The error log with the report.
        #[serde(serialize_with = "as_path")]
        log: PathBuf,
        /// `suite.test` of what ran since the server's start.
        tests: Vec<String>,
        /// The report.
        #[serde(serialize_with = "as_text")]
        text: BString,
    },
    /// The script engine left warnings about a script beside its result file, which fail the run (runner §3).
    ScriptWarnings {
        /// The file with them.
        #[serde(serialize_with = "as_path")]
        file: PathBuf,
    },
    /// The stop file still keeps tests from being handed out (`--stop-keep-alive`).
    TestsHeld {
        /// Instances that are over.
        completed: usize,
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
        /// The processor time of the runner and of all that it waited for.
        #[serde(serialize_with = "as_seconds")]
        processor: Duration,
        /// Instances that were to run.
        total: usize,
        /// Those of them that have no verdict, or not the last one that they were to have: they count as failed.
        missing: usize,
        /// The exit code of the program.
        exit_code: i32,
        /// Why the run could not go on where the counts do not tell it (`Got ^C signal`,
        /// `Hangup detected on controlling terminal`, a failed set-up): the final error line.
        cause: Option<String>,
        /// The file that gathers the lines of error logs for which tests failed, where there are any.
        #[serde(serialize_with = "as_optional_path")]
        warnings_file: Option<PathBuf>,
        /// Why a server died before there was a test: asked about itself, or making the first data
        /// directory. `cause` has it as text.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        diagnoses: Vec<Diagnosis>,
    },
}

impl Event {
    /// A line of the supervisor's that has no fields.
    pub fn message(text: impl Into<BString>) -> Self {
        Event::Message { worker: None, text: text.into() }
    }

    /// The first event of a run with this command line.
    pub fn opened(argv: &[BString]) -> Self {
        let argv = argv.iter().map(BString::to_string).collect();
        Event::RunOpened { schema: SCHEMA, version: env!("CARGO_PKG_VERSION"), argv, completed: false }
    }

    /// A warning of the supervisor's that belongs to no test.
    pub fn warning(kind: WarningKind, text: impl Into<BString>) -> Self {
        Event::Warning { worker: None, id: None, kind, text: text.into() }
    }
}
