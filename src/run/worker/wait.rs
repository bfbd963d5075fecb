//! Waiting for a script while its servers may end, be restarted by expect files, or hang (runner §10.3).

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::os::fd::BorrowedFd;
use std::time::{Duration, Instant};

use bstr::ByteSlice;

use crate::error::{Error, Result};
use crate::event::{StopReason, WarningKind};
use crate::run::servers::set::ServerSet;
use crate::run::worker::whereabouts;
use crate::server::expect::{self, Expect, Oddity};
use crate::sys::child::{Child, Exit};
use crate::sys::deadline::deadline_after;
use crate::sys::excerpt;
use crate::sys::poll::{self, Waker};
use crate::triage::evidence::{DownServer, ScriptPlace};

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
pub struct DownOnPurpose {
    /// By position, where the script was when the server ended.
    down: BTreeMap<usize, Option<ScriptPlace>>,
    /// The number of the script's command that ended the server which ended last.
    last_stop: u32,
    /// Positions of those of which it was said that nobody knows what their expect file says.
    told: BTreeSet<usize>,
    /// Servers that `shutdown_server` killed because they took too long to shut down: position, and where the script was.
    pub killed: Vec<(usize, ScriptPlace)>,
}

impl DownOnPurpose {
    /// Whether the server at `i` is down because the script wanted it so.
    pub fn contains(&self, i: usize) -> bool {
        self.down.contains_key(&i)
    }

    /// The servers that are down.
    pub fn servers(&self, set: &ServerSet) -> Vec<DownServer> {
        let server = |(i, ended_at): (&usize, &Option<ScriptPlace>)| DownServer {
            server: set.name(*i).to_owned(),
            ended_at: ended_at.clone(),
            expect: expect::last_line(&set.expect_file(*i)),
            expect_file: set.expect_file(*i),
        };
        self.down.iter().map(server).collect()
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

impl DownOnPurpose {
    /// Where the script told a server to end that has just ended; where it is, if it told none to since the one before ended.
    fn place_of_end(&mut self, set: &ServerSet) -> Option<ScriptPlace> {
        match whereabouts::last_stop(&set.dirs).filter(|(number, _)| *number > self.last_stop) {
            Some((number, place)) => {
                self.last_stop = number;
                Some(place)
            }
            None => whereabouts::read(&set.dirs),
        }
    }

    /// Notes a server that did not shut down in time and that `shutdown_server` killed then: with a limit of its own or the
    /// usual one. A limit of 0 means to kill it.
    fn note_end(&mut self, i: usize, exit: Exit, place: Option<&ScriptPlace>) {
        let Exit::Signal { number: libc::SIGABRT | libc::SIGKILL, .. } = exit else { return };
        let Some(place) = place else { return };
        let words: Vec<&[u8]> = place.command.fields().collect();
        if words.first().is_some_and(|word| *word == b"shutdown_server") && words.get(1) != Some(&&b"0"[..]) {
            self.killed.push((i, place.clone()));
        }
    }

    /// Says at once what nobody will do that an expect file asks for.
    fn tell_oddity(&mut self, set: &ServerSet, i: usize, oddity: Oddity, ended_at: Option<&ScriptPlace>) {
        if !self.told.insert(i) {
            return;
        }
        let server = set.name(i);
        let place = ended_at.cloned().or_else(|| whereabouts::read(&set.dirs));
        let at = place.as_ref().and_then(|place| place.places.first());
        let at = at.map(|place| format!("{place}: ")).unwrap_or_default();
        let text = match oddity {
            Oddity::Unknown(line) => format!(
                "{at}the expect file of {server} says '{line}', which nobody knows: the server stays down; write \
                 restart, restart: OPTIONS or wait"
            ),
            Oddity::Dropped(line) => format!(
                "{at}the expect file of {server} says '{line}': the server is started again without the options in it; \
                 write restart: OPTIONS"
            ),
        };
        set.warn(WarningKind::Files, text);
    }
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
        let exit = set.servers[i].take_exit().map_err(waiting)?;
        let ended = exit.is_some();
        if !ended && !down.contains(i) {
            continue;
        }
        let mut ended_at = None;
        if let Some(exit) = exit {
            ended_at = down.place_of_end(set);
            down.note_end(i, exit, ended_at.as_ref());
        }
        let file = set.expect_file(i);
        let read = expect::read_with_oddity(&file);
        let (wish, oddity) = read.map_err(|error| Error::io("read", &file, error))?;
        if wish != Expect::Nothing {
            set.tell_stopped(i, StopReason::Expected);
        }
        if let Some(oddity) = oddity {
            down.tell_oddity(set, i, oddity, ended_at.as_ref());
        }
        let (options, bindir) = match wish {
            // A file that was there when the server ended and is gone now was taken back:
            // the script has changed its mind and keeps the server down.
            Expect::Nothing if ended => {
                set.tell_stopped(i, StopReason::Died);
                return Ok(Some(i));
            }
            Expect::Nothing | Expect::Wait => {
                down.down.entry(i).or_insert(ended_at);
                continue;
            }
            Expect::Restart => (None, None),
            Expect::RestartWith(options) => (Some(options), None),
            Expect::RestartFrom(bindir) => (None, Some(bindir)),
        };
        std::fs::remove_file(&file).map_err(|error| Error::io("remove", &file, error))?;
        set.restart(i, options, bindir.as_deref())?;
        down.down.remove(&i);
        down.told.remove(&i);
    }
    Ok(None)
}

fn waiting(error: io::Error) -> Error {
    Error::new("waiting for the script failed").caused_by(error)
}
