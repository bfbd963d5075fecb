//! `--start` and its relatives: servers for a person, not for a test (runner §12.1).

use std::os::fd::BorrowedFd;

use crate::case::TestCase;
use crate::error::Result;
use crate::event::{Event, StopReason, UserServer};
use crate::run::worker::life::Worker;
use crate::sys::child::Child;
use crate::sys::poll;

/// The servers for `case` run: tells where they are and, unless they are to be left alone, waits for
/// their end.
///
/// # Errors
/// The system refuses to wait for a server.
pub fn started(worker: &mut Worker, case: &TestCase) -> Result<()> {
    let server = |i: usize| {
        let group = &worker.set.servers[i].group;
        UserServer { process: worker.set.process_at(i), port: group.port(), socket: group.socket() }
    };
    let waits = !worker.ctx.settings.start_and_exit;
    worker.events.send(Event::UserServersStarted {
        worker: worker.number,
        test: case.name(),
        servers: (0..worker.set.servers.len()).map(server).collect(),
        waits,
    });
    if !waits {
        return Ok(());
    }
    while !worker.set.running().is_empty() {
        let mut fds: Vec<BorrowedFd<'_>> = vec![worker.abort.fd()];
        fds.extend(worker.set.servers.iter().filter_map(|server| server.process().map(Child::fd)));
        let waited = poll::readable(&fds, None);
        if waited.is_err() || worker.abort.is_awake() {
            return Ok(());
        }
        for i in worker.set.running() {
            if worker.set.servers[i].take_exit().ok().flatten().is_some() {
                worker.set.tell_stopped(i, StopReason::Died);
                let process = worker.set.process_at(i);
                worker.events.send(Event::UserServerDied { worker: worker.number, process });
                if !worker.ctx.settings.wait_all {
                    return Ok(());
                }
            }
        }
    }
    worker.events.send(Event::UserServersExited { worker: worker.number });
    Ok(())
}
