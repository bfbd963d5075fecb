//! Collects what is known of a server that did not start, for `triage` to explain.

use std::time::Duration;

use bstr::BString;

use crate::server::instance::Instance;
use crate::server::readiness::Readiness;
use crate::sys::child::Exit;
use crate::triage::start::{ExitKind, StartEvidence, explain_start_failure};

/// The text for the report: which server, how it ended, why, and what says so.
pub fn diagnose(server: &Instance, how: Readiness, start_timeout: Duration) -> BString {
    let exit = match how {
        Readiness::Died(Exit::Code(status)) => ExitKind::Status(status),
        Readiness::Died(Exit::Signal { number, .. }) => ExitKind::Signal(number),
        _ => ExitKind::Running,
    };
    let with = server.started.clone().unwrap_or_default();
    let evidence = StartEvidence {
        group: server.group.name().to_string(),
        lived: server.last_exit.map_or(start_timeout, |(_, lived)| lived),
        exit,
        executable: with.program,
        argv: with.args,
        log_since_start: server.log_since_start(),
        timeout: how == Readiness::TimedOut,
        bootstrap: false,
    };
    explain_start_failure(&evidence).to_text()
}
