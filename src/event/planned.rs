//! What a run is going to do, before it does it.

use std::path::PathBuf;

use serde::Serialize;

use super::encode::as_path;

/// One instance of the run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PlannedInstance {
    /// Suite name, with the overlay's name where it is one.
    pub suite: String,
    /// Short name.
    pub test: String,
    /// Sorted combination names joined by `,`; empty without combinations.
    pub combination: String,
    /// The test file; for a test that is a program, a path that need not exist.
    #[serde(serialize_with = "as_path")]
    pub file: PathBuf,
    /// Why it will not run.
    pub skip: Option<PlannedSkip>,
}

impl PlannedInstance {
    /// Whether nothing more is told of it.
    pub fn is_passed_over(&self) -> bool {
        self.skip.as_ref().is_some_and(|skip| skip.by == SkippedBy::StartFrom)
    }
}

/// Why an instance will not run, known before any server starts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PlannedSkip {
    /// What decided it.
    pub by: SkippedBy,
    /// In words; empty where nothing gives any.
    pub reason: String,
}

/// What decides that an instance does not run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SkippedBy {
    /// A list disables it: it ends as `disabled`.
    List,
    /// What it needs is not there, or was not asked for: it ends as `skipped`.
    Requirement,
    /// It stands before the test that `--start-from` names: nothing more is told of it.
    StartFrom,
}
