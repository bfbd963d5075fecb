//! Galera nodes: ready only when they are synced with their cluster (runner §9.5).

use std::time::{Duration, Instant};

use crate::check::session::Session;
use crate::error::Result;
use crate::run::setup::context::Context;
use crate::server::process::ServerProcess;
use crate::sys::deadline::deadline_after;
use crate::sys::poll::{self, Waker};
use crate::sys::watch::DirWatch;

const READY: &str = "SET SESSION wsrep_sync_wait=0; SELECT VARIABLE_VALUE FROM INFORMATION_SCHEMA.GLOBAL_STATUS \
                     WHERE VARIABLE_NAME='wsrep_ready'";

/// Waits until the node says that it is ready; false at the deadline, when it ended, or when `abort` is woken.
///
/// A node writes to its error log whenever its state changes, so the log tells when to ask again.
///
/// # Errors
/// The system refuses to wait.
pub fn wait_ready(server: &ServerProcess, ctx: &Context, abort: &Waker, deadline: Instant) -> Result<bool> {
    let log = server.group.log_error();
    let watch = log.parent().and_then(|dir| DirWatch::on(dir).ok());
    while Instant::now() < deadline {
        if is_ready(server, ctx, deadline) {
            return Ok(true);
        }
        let Some(process) = server.process() else { return Ok(false) };
        // A second is the longest a change can go unnoticed, should the log be silent about it.
        let again = deadline.min(deadline_after(Duration::from_secs(1)));
        let mut fds = vec![process.fd(), abort.fd()];
        fds.extend(watch.as_ref().map(DirWatch::fd));
        let ready = poll::readable(&fds, Some(again));
        if ready.is_ok_and(|ready| ready.contains(&0) || ready.contains(&1)) {
            return Ok(false);
        }
        if let Some(watch) = &watch {
            let _ = watch.drain();
        }
    }
    Ok(false)
}

fn is_ready(server: &ServerProcess, ctx: &Context, deadline: Instant) -> bool {
    let Ok(mut session) = Session::open(&server.group.socket(), &ctx.settings.user, deadline) else {
        return false;
    };
    let answer = session.query(READY);
    let _ = session.close();
    answer.is_ok_and(|results| {
        results.iter().flat_map(|result| &result.rows).flatten().flatten().any(|value| value == "ON")
    })
}
