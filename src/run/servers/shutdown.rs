//! What servers said and did while they shut down (runner §10.6).

use std::collections::BTreeSet;
use std::path::PathBuf;

use bstr::BString;

use crate::check::errorlog;
use crate::error::Result;
use crate::run::servers::set::ServerSet;
use crate::server::process::ServerProcess;
use crate::triage::collect::log_file;
use crate::triage::evidence::LogPart;

/// Error-log lines written since the last scan, and the tests since each server's start
/// (runner §10.6). Only the runner's own suppressions apply. That a server ended by a signal of its own is told even
/// where its log is silent.
///
/// # Errors
/// An error log cannot be read, or its warnings not be written.
pub fn shutdown_warnings(set: &mut ServerSet, patterns: &errorlog::Patterns) -> Result<Shutdown> {
    let mut shutdown = Shutdown { crashed: set.take_crashed(), ..Shutdown::default() };
    let Shutdown { tests, lines: text, parts, crashed } = &mut shutdown;
    let crashes: Vec<(PathBuf, BString)> =
        crashed.iter().map(|i| (set.servers[*i].group.log_error(), crash_line(&set.servers[*i]))).collect();
    for scanner in set.scanners.values_mut() {
        let position = scanner.position();
        let lines = scanner.scan(patterns)?;
        let crash = crashes.iter().find(|(log, _)| log == scanner.path());
        if (lines.is_empty() && crash.is_none()) || scanner.names().is_empty() {
            continue;
        }
        parts.push(log_file::from_offset(scanner.path(), position));
        if !lines.is_empty() {
            errorlog::append_warnings(scanner.path(), &lines)?;
        }
        for line in lines.iter().chain(crash.map(|(_, line)| line)) {
            text.extend_from_slice(line);
        }
        for name in scanner.names() {
            if !tests.contains(name) {
                tests.push(name.clone());
            }
        }
    }
    Ok(shutdown)
}

/// What error logs gained while servers shut down, where some of it is suspicious.
#[derive(Debug, Default)]
pub struct Shutdown {
    /// The tests since the servers' start.
    pub tests: Vec<String>,
    /// The suspicious lines.
    pub lines: BString,
    /// All that the logs gained.
    pub parts: Vec<LogPart>,
    /// Positions of the servers that crashed after a test or while they shut down.
    pub crashed: BTreeSet<usize>,
}

/// What the system says of a server that crashed.
fn crash_line(server: &ServerProcess) -> BString {
    let how = server.last_exit.map(|(exit, _)| exit.to_string()).unwrap_or_default();
    format!("{} crashed while it shut down: {how}\n", server.group.name()).into()
}
