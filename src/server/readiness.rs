//! Waiting until a server serves: its pid file appears once it listens (runner §9.5).

use std::io;
use std::path::Path;
use std::time::Instant;

use super::expect::{self, Expect};
use super::process::ServerProcess;
use crate::sys::child::{Child, Exit};
use crate::sys::poll::{self, Waker};
use crate::sys::watch::DirWatch;

/// How the wait ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Readiness {
    /// The pid file is there.
    Ready,
    /// It ended before its pid file, and its expect file says that this is wanted.
    EndedAsExpected,
    /// It ended before its pid file.
    Died(Exit),
    /// Neither happened in time.
    TimedOut,
    /// The run is being ended.
    Interrupted,
}

/// Waits for `server`'s pid file or its end. `watch` must watch the pid file's directory.
///
/// # Errors
/// The system refuses to wait, or to read the events of the directory.
pub fn wait(
    server: &mut ServerProcess,
    watch: &DirWatch,
    expect_file: &Path,
    abort: &Waker,
    deadline: Instant,
) -> io::Result<Readiness> {
    let pid_file = server.group.pid_file();
    loop {
        watch.drain()?;
        if std::fs::metadata(&pid_file).is_ok_and(|meta| meta.len() > 0) {
            if !server.is_awaited() {
                return Ok(Readiness::Ready);
            }
            // The file exists before it is whole, and again when the server has ended.
            if server.adopt().is_ok() {
                return Ok(Readiness::Ready);
            }
        }
        if let Some(exit) = server.take_exit()? {
            return Ok(match expect::read(expect_file)? {
                Expect::Nothing => Readiness::Died(exit),
                _ => Readiness::EndedAsExpected,
            });
        }
        if server.process().is_none() && !server.is_awaited() {
            return Ok(Readiness::Died(Exit::Code(0)));
        }
        if abort.is_awake() {
            return Ok(Readiness::Interrupted);
        }
        let mut fds = vec![watch.fd(), abort.fd()];
        fds.extend(server.process().map(Child::fd));
        let ready = poll::readable(&fds, Some(deadline))?;
        if ready.is_empty() {
            return Ok(Readiness::TimedOut);
        }
    }
}
