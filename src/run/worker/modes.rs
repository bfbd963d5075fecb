//! `--start` and its relatives: servers for a person, not for a test (spec §12.1).

use std::os::fd::BorrowedFd;

use crate::case::TestCase;
use crate::error::Result;
use crate::report::start_mode::{self, Started};
use crate::run::worker::life::Worker;
use crate::sys::child::Child;
use crate::sys::poll;

/// The servers for `case` run: tells where they are and, unless they are to be left alone, waits for
/// their end.
pub fn started(worker: &mut Worker, case: &TestCase) -> Result<()> {
    let sockets: Vec<_> = worker.set.servers.iter().map(|server| server.group.socket()).collect();
    let names: Vec<String> =
        worker.set.servers.iter().map(|server| server.group.name().to_string()).collect();
    let servers: Vec<Started<'_>> = worker
        .set
        .servers
        .iter()
        .zip(names.iter().zip(&sockets))
        .map(|(server, (name, socket))| Started {
            name,
            pid: server.last_pid.unwrap_or(0).unsigned_abs(),
            port: server.group.port(),
            socket,
        })
        .collect();
    for event in start_mode::started(worker.number, &case.name(), &servers) {
        worker.send(event);
    }
    if worker.ctx.settings.start_and_exit {
        worker.send(start_mode::not_waiting(worker.number));
        return Ok(());
    }
    worker.send(start_mode::waiting(worker.number));
    while !worker.set.running().is_empty() {
        let mut fds: Vec<BorrowedFd<'_>> = vec![worker.abort.fd()];
        fds.extend(worker.set.servers.iter().filter_map(|server| server.process().map(Child::fd)));
        let waited = poll::readable(&fds, None);
        if waited.is_err() || worker.abort.is_awake() {
            return Ok(());
        }
        for i in worker.set.running() {
            if worker.set.servers[i].take_exit().ok().flatten().is_some() {
                let process = worker.set.servers[i].describe();
                worker.send(start_mode::died(worker.number, &process));
                if !worker.ctx.settings.wait_all {
                    return Ok(());
                }
            }
        }
    }
    worker.send(start_mode::all_exited(worker.number));
    Ok(())
}
