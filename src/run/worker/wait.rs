//! Waiting for a script while its servers may end, be restarted by expect files, or hang (runner §10.3).

use std::collections::BTreeSet;
use std::io;
use std::os::fd::BorrowedFd;
use std::time::{Duration, Instant};

use bstr::ByteSlice;

use crate::error::{Error, Result};
use crate::event::StopReason;
use crate::run::servers::set::ServerSet;
use crate::server::expect::{self, Expect};
use crate::sys::child::{Child, Exit};
use crate::sys::deadline::deadline_after;
use crate::sys::excerpt;
use crate::sys::poll::{self, Waker};

/// How the wait for a script ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ScriptEnd {
    /// The script ended by itself.
    Exited(Exit),
    /// The server at this position ended and nothing said that it should.
    ServerDied(usize),
    /// The deadline passed.
    TimedOut,
    /// The run is being ended.
    Interrupted,
}

/// How long a server's end may trail a failing script's: the script often fails because of it.
const DEATH_GRACE: Duration = Duration::from_millis(100);

/// The same where the script says that it lost its connection: a server that shuts down or dumps core takes its time
/// after it has closed it.
const LOSS_GRACE: Duration = Duration::from_secs(10);

/// Servers that ended as expected and whose expect file does not yet say what follows.
#[derive(Debug, Default)]
pub struct DownOnPurpose(BTreeSet<usize>);

impl DownOnPurpose {
    /// Whether the server at `i` is down because the script wanted it so.
    pub fn contains(&self, i: usize) -> bool {
        self.0.contains(&i)
    }
}

/// Waits for `script` to end, restarting servers as their expect files ask.
/// What is still down on purpose is left in `down`.
///
/// # Errors
/// The system refuses to wait, an expect file cannot be read, or a server that it asks for cannot be started.
pub fn await_script(
    set: &mut ServerSet,
    script: &mut Child,
    abort: &Waker,
    deadline: Instant,
    down: &mut DownOnPurpose,
) -> Result<ScriptEnd> {
    loop {
        set.watch.drain().map_err(waiting)?;
        if let Some(died) = look_after_servers(set, down)? {
            return Ok(ScriptEnd::ServerDied(died));
        }
        if let Some(exit) = script.try_wait().map_err(waiting)? {
            return after_exit(set, exit, down);
        }
        if abort.is_awake() {
            return Ok(ScriptEnd::Interrupted);
        }
        let mut fds: Vec<BorrowedFd<'_>> = vec![script.fd(), set.watch.fd(), abort.fd()];
        fds.extend(set.servers.iter().filter_map(|server| server.process().map(Child::fd)));
        if poll::readable(&fds, Some(deadline)).map_err(waiting)?.is_empty() {
            return Ok(ScriptEnd::TimedOut);
        }
    }
}

/// A script that failed may have failed because a server was about to end.
fn after_exit(set: &mut ServerSet, exit: Exit, down: &mut DownOnPurpose) -> Result<ScriptEnd> {
    if exit.status() == 1 {
        let fds: Vec<BorrowedFd<'_>> =
            set.servers.iter().filter_map(|server| server.process().map(Child::fd)).collect();
        if !fds.is_empty() {
            let grace = if lost_connection(set) { LOSS_GRACE } else { DEATH_GRACE };
            poll::readable(&fds, Some(deadline_after(grace))).map_err(waiting)?;
        }
    }
    Ok(match look_after_servers(set, down)? {
        Some(died) => ScriptEnd::ServerDied(died),
        None => ScriptEnd::Exited(exit),
    })
}

/// Whether the script's last words are that the server closed a connection: `CR_SERVER_GONE_ERROR`, `CR_SERVER_LOST`.
fn lost_connection(set: &ServerSet) -> bool {
    let report = excerpt::end_of(&set.dirs.current_test(), excerpt::MOST).unwrap_or_default();
    let last = report.lines().rfind(|line| line.starts_with(b"mysqltest: ")).unwrap_or_default();
    [": 2006 ", ": 2013 ", " (2006): ", " (2013): "].iter().any(|words| last.contains_str(words))
}

/// Takes the exits of servers and does what expect files ask. Returns a server that ended unexpectedly.
///
/// # Errors
/// An expect file cannot be read, or a server that it asks for cannot be started.
pub fn look_after_servers(set: &mut ServerSet, down: &mut DownOnPurpose) -> Result<Option<usize>> {
    for i in 0..set.servers.len() {
        if set.servers[i].is_awaited() {
            // Its pid file comes when a person has started it (`--manual-gdb` and an expect file).
            let _ = set.servers[i].adopt();
            continue;
        }
        let ended = set.servers[i].take_exit().map_err(waiting)?.is_some();
        if !ended && !down.contains(i) {
            continue;
        }
        let file = set.expect_file(i);
        let wish = expect::read(&file).map_err(|error| Error::io("read", &file, error))?;
        if wish != Expect::Nothing {
            set.tell_stopped(i, StopReason::Expected);
        }
        let (options, bindir) = match wish {
            // A file that was there when the server ended and is gone now was taken back:
            // the script has changed its mind and keeps the server down.
            Expect::Nothing if ended => {
                set.tell_stopped(i, StopReason::Died);
                return Ok(Some(i));
            }
            Expect::Nothing | Expect::Wait => {
                down.0.insert(i);
                continue;
            }
            Expect::Restart => (None, None),
            Expect::RestartWith(options) => (Some(options), None),
            Expect::RestartFrom(bindir) => (None, Some(bindir)),
        };
        std::fs::remove_file(&file).map_err(|error| Error::io("remove", &file, error))?;
        set.restart(i, options, bindir.as_deref())?;
        down.0.remove(&i);
    }
    Ok(None)
}

fn waiting(error: io::Error) -> Error {
    Error::new("waiting for the script failed").caused_by(error)
}
