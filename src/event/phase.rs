//! What the time of a run is spent on.

use serde::Serialize;

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
