//! Servers in events: which process, why it was started or stopped, how it ended.

use std::path::PathBuf;

use bstr::BString;
use serde::Serialize;

use super::encode::{as_path, as_text};

/// A process of a server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Process {
    /// The server's group: `mysqld.1`.
    pub server: String,
    /// The process; `None`: none was started yet.
    pub pid: Option<u32>,
    /// How it ended; `None`: it runs, or nobody has looked.
    pub exit: Option<ProcessExit>,
}

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ProcessExit {
    /// By itself, with this status.
    Status(i32),
    /// By this signal.
    Signal(i32),
}

/// Why a server was started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum StartReason {
    /// The test needs it.
    Test,
    /// The script asked for it in the server's expect file.
    ExpectFile,
}

/// Why a server that is there cannot serve the next test (spec §3.4).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum RestartReason {
    /// `--force-restart`.
    Forced,
    /// The test has another configuration template.
    Configuration,
    /// The test has a shell script that runs before its servers start.
    ShellScript,
    /// It does not run.
    NotStarted,
    /// The test has another time zone.
    Timezone,
    /// The test has other server options.
    Options {
        /// Those of the test, joined by blanks.
        #[serde(serialize_with = "as_text")]
        wanted: BString,
        /// Those it runs with.
        #[serde(serialize_with = "as_text")]
        running: BString,
    },
}

/// Why a server ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum StopReason {
    /// It could not serve the next test as it ran: see the `server_unfit` before.
    Unfit,
    /// The test wanted new servers after it, or left something behind.
    AfterTest,
    /// A test failed: data directories are kept, the next test gets new servers.
    Failure,
    /// The worker has nothing more to do, or the run is being ended.
    RunEnd,
    /// It ended by itself while its expect file said that it would.
    Expected,
    /// It ended by itself and nothing said that it should.
    Died,
    /// It was told to dump core.
    CoreDump,
}

/// A server that runs for a person (`--start` and its relatives).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct UserServer {
    /// Which.
    #[serde(flatten)]
    pub process: Process,
    /// Its port.
    pub port: u16,
    /// Its socket.
    #[serde(serialize_with = "as_path")]
    pub socket: PathBuf,
}
