//! A test in a run, and how an attempt at it ended.

use std::path::PathBuf;
use std::time::Duration;

use bstr::BString;
use serde::Serialize;

use super::encode::{as_path, as_seconds, as_text};
use crate::triage::diagnosis::Diagnosis;

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

/// What kind of failure it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Default)]
#[serde(rename_all = "snake_case")]
pub enum FailureKind {
    /// Everything not named below: the script gave up itself (`die`), a program that it ran failed.
    #[default]
    Other,
    /// The output of the script differs from its result file.
    Result,
    /// A statement failed, or one that was to fail did not.
    Statement,
    /// The error log has lines that nothing suppresses.
    Warnings,
    /// A check around the test could not be made.
    Check,
    /// The test ran longer than `--testcase-timeout`.
    Timeout,
    /// A server did not start.
    ServerStart,
    /// A server ended while the test ran.
    ServerDeath,
    /// The script is malformed: an unknown command, a missing argument or delimiter, a file that is not there.
    ScriptError,
}

/// Where a failure happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Place {
    /// The file with the command that failed: the test file, or one that it includes.
    #[serde(serialize_with = "as_path")]
    pub file: PathBuf,
    /// Its line, from 1; `None`: the failure has none (a result that differs), or it is not known.
    pub line: Option<u32>,
}

/// The end of one attempt.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Outcome {
    /// How it ended.
    pub verdict: Verdict,
    /// What kind of failure, where it is one.
    pub failure: Option<FailureKind>,
    /// Where it failed: the test file where nothing more is known; `None`: it did not fail.
    pub place: Option<Place>,
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
            place: None,
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
