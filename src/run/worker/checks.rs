//! The checks around a test, over sessions of the runner's own (runner §10.4 to §10.6).

use std::collections::BTreeMap;
use std::io::Write as _;
use std::time::{Duration, Instant};

use bstr::{BString, ByteSlice};

use crate::case::TestCase;
use crate::check::session::{Endpoint, Session, SessionError};
use crate::check::testcase::{self, ServerState};
use crate::check::warnings as server_side;
use crate::error::{Error, Result};
use crate::event::{FailureKind, StopReason};
use crate::run::autopsy::test_failure::Begun;
use crate::run::servers::set::ServerSet;
use crate::run::worker::life::Worker;
use crate::run::worker::wait::DownOnPurpose;
use crate::server::process::append_to;
use crate::sys::child::Child;
use crate::sys::deadline::deadline_after;
use crate::sys::poll;
use crate::triage::diagnosis::Diagnosis;

/// A check that could not be made: the test fails for it.
#[derive(Debug)]
pub struct CheckFailure {
    /// What kind of failure.
    pub kind: FailureKind,
    /// The reference's text.
    pub comment: BString,
    /// Error log of a server that ended during the check.
    pub server_log: BString,
    /// Why it ended.
    pub diagnoses: Vec<Diagnosis>,
}

/// How long a server may refuse connections before a check gives up: 500 attempts, 100 ms apart, in
/// the reference's script engine.
const CONNECT_PATIENCE: Duration = Duration::from_secs(50);

/// How often a check that waits for a connection looks whether the server is still there.
const LOOK: Duration = Duration::from_millis(500);

/// How long a state that differs may take to be what it was: the distances between further looks. What a script
/// leaves to the server, the end of its connections and what they held among it, goes on for a moment after its end.
/// The reference looks later, as it starts a program for each look: after 20 to 50 ms with one server and nothing
/// else to do, after 300 to 700 ms with four workers on two processors.
const FURTHER_LOOKS: [Duration; 6] = [
    Duration::from_millis(10),
    Duration::from_millis(20),
    Duration::from_millis(40),
    Duration::from_millis(80),
    Duration::from_millis(160),
    Duration::from_millis(320),
];

/// How long a server that has closed a connection may take to end, and one that has said anything else.
const END_PATIENCE: Duration = Duration::from_secs(10);
const END_GRACE: Duration = Duration::from_millis(100);

/// `ER_SERVER_SHUTDOWN`.
const SHUTTING_DOWN: u16 = 1053;

/// Open sessions by position of the server. None may be open while a script runs: it would show in
/// the process list.
pub type Sessions = BTreeMap<usize, Session>;

/// Which check a failure belongs to.
#[derive(Clone, Copy)]
enum Check {
    Before,
    After,
    Warnings,
}

impl Check {
    fn title(self) -> &'static str {
        match self {
            Check::Before | Check::After => "'check-testcase'",
            Check::Warnings => "'check warnings'",
        }
    }
}

/// The state of every server before the test, where the last test's "after" is not still valid.
///
/// # Errors
/// A server's session cannot be opened or answers with an error, or the deadline is over.
pub fn before(worker: &mut Worker, case: &TestCase, deadline: Instant) -> Result<(), CheckFailure> {
    let mut sessions = Sessions::new();
    for i in worker.set.running() {
        let key: BString = worker.set.name(i).into();
        if worker.states.contains_key(&key) || restarted_with_options(&worker.set, i) {
            continue;
        }
        let state = snapshot(worker, &mut sessions, i, deadline);
        let state = state.map_err(|error| failure(worker, case, i, Check::Before, deadline, &error))?;
        worker.states.insert(key, state);
    }
    close(sessions);
    Ok(())
}

/// Compares the state of every server with what it was before; `Some` is the report of what differs. What differs is
/// looked at again before it is reported (`FURTHER_LOOKS`); where nothing does, no time passes. Nothing is reported
/// when the run is ended meanwhile.
///
/// The sessions stay open.
///
/// # Errors
/// A server's session cannot be opened or answers with an error, or the deadline is over.
pub fn after(
    worker: &mut Worker,
    case: &TestCase,
    deadline: Instant,
    down: &DownOnPurpose,
) -> Result<Option<BString>, CheckFailure> {
    let mut looked_at = Vec::new();
    for i in 0..worker.set.servers.len() {
        if restarted_with_options(&worker.set, i) {
            let key: BString = worker.set.name(i).into();
            worker.states.remove(&key);
        } else if worker.set.servers[i].is_running() || down.contains(i) {
            looked_at.push(i);
        }
    }
    let mut sessions = std::mem::take(&mut worker.sessions);
    let mut differing = compare(worker, &mut sessions, case, looked_at, deadline)?;
    let mut further = FURTHER_LOOKS.iter();
    while !differing.is_empty()
        && let Some(distance) = further.next()
    {
        let until = deadline.min(deadline_after(*distance));
        if poll::readable(&[worker.abort.fd()], Some(until)).is_ok_and(|woken| !woken.is_empty()) {
            differing.clear();
            break;
        }
        let again = differing.into_iter().map(|(i, _)| i).collect();
        differing = compare(worker, &mut sessions, case, again, deadline)?;
    }
    worker.sessions = sessions;
    let details: Vec<BString> = differing.into_iter().map(|(_, details)| details).collect();
    Ok((!details.is_empty()).then(|| testcase::report(&case.name(), &details.concat())))
}

/// Takes the state of the servers at the positions `which`; returns those that differ from before, and in what.
fn compare(
    worker: &mut Worker,
    sessions: &mut Sessions,
    case: &TestCase,
    which: Vec<usize>,
    deadline: Instant,
) -> Result<Vec<(usize, BString)>, CheckFailure> {
    let mut differing = Vec::new();
    for i in which {
        let key: BString = worker.set.name(i).into();
        let state = match snapshot(worker, sessions, i, deadline) {
            Ok(state) => state,
            // What was there before and is not any more (database `test`, say) is a side effect as well.
            Err(error @ (SessionError::Server { .. } | SessionError::File { .. })) => {
                differing.push((i, format!("{error}\n").into()));
                continue;
            }
            Err(error) => return Err(failure(worker, case, i, Check::After, deadline, &error)),
        };
        let name = format!("check-{}", key.to_string().replace('.', "_"));
        let file = |extension: &str| {
            worker.set.dirs.var_tmp().join(format!("{name}.{extension}")).display().to_string()
        };
        match worker.states.get(&key) {
            None => drop(worker.states.insert(key, state)),
            Some(before) => {
                let diff = before.diff(&state, (&file("result"), &file("reject")));
                differing.extend(diff.map(|diff| (i, diff)));
            }
        }
    }
    Ok(differing)
}

/// Scans the error logs and lets each server forget what its suppressions allow.
/// `Some` are the lines that remain.
///
/// # Errors
/// A server's session cannot be opened or answers with an error, or the deadline is over.
pub fn warnings(
    worker: &mut Worker,
    case: &TestCase,
    deadline: Instant,
    down: &DownOnPurpose,
) -> Result<Option<BString>, CheckFailure> {
    let mut found = BString::default();
    let mut sessions = Sessions::new();
    for i in 0..worker.set.servers.len() {
        if !worker.set.servers[i].is_running() && !down.contains(i) {
            continue;
        }
        let log = worker.set.servers[i].group.log_error();
        let ctx = worker.ctx.clone();
        let lines = match worker.set.scanner(&log).scan(&ctx.patterns) {
            Ok(lines) => lines,
            Err(error) => return Err(other(error.chain())),
        };
        let mut suppressions = Vec::new();
        let checked = session(worker, &mut sessions, i, deadline)
            .and_then(|session| server_side::check(session, &log, &lines, &mut suppressions));
        worker.suppressions.insert(i, suppressions);
        match checked {
            Ok(Some(text)) => found.extend_from_slice(&text),
            Ok(None) => {}
            Err(error) => return Err(failure(worker, case, i, Check::Warnings, deadline, &error)),
        }
    }
    worker.sessions = sessions;
    remember_warnings(worker, &case.name(), found)
}

/// Appends what was `found` in the error logs to `VAR/log/warnings`; `None` where that is nothing.
fn remember_warnings(worker: &Worker, test: &str, found: BString) -> Result<Option<BString>, CheckFailure> {
    if found.is_empty() {
        return Ok(None);
    }
    let log = worker.set.dirs.log().join("warnings");
    append_to(&log)
        .and_then(|mut file| {
            let text = [test.as_bytes(), b"\n", &found].concat();
            file.write_all(&text).map_err(|error| Error::io("write", &log, error))
        })
        .map_err(|error| other(error.chain()))?;
    Ok(Some(found))
}

/// Which lines of an error log are late ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Late {
    /// All since the last scan: no further test has been marked.
    All,
    /// Those before the marker of the next test.
    BeforeMarker,
}

/// Scans the logs of the servers that run for lines that came after [`warnings`], which belong to the same `test`;
/// `Some` are those that its suppressions do not cover. Where no log has grown, nothing is done.
///
/// # Errors
/// A server's session cannot be opened or answers with an error, or the deadline is over.
pub fn late_warnings(
    worker: &mut Worker,
    test: &str,
    deadline: Instant,
    which: Late,
) -> Result<Option<BString>, CheckFailure> {
    let mut found = BString::default();
    let mut sessions = std::mem::take(&mut worker.sessions);
    let ctx = worker.ctx.clone();
    for i in worker.set.running() {
        let log = worker.set.servers[i].group.log_error();
        let scanner = worker.set.scanner(&log);
        let position = scanner.position();
        let lines = match which {
            Late::All if !scanner.has_grown() => continue,
            Late::All => scanner.scan(&ctx.patterns),
            // A server that was started for the marked test has nothing of another one.
            Late::BeforeMarker if scanner.names().len() < 2 => continue,
            Late::BeforeMarker => scanner.scan_before_marker(&ctx.patterns),
        }
        .map_err(|error| other(error.chain()))?;
        if lines.is_empty() {
            continue;
        }
        let suppressions = worker.suppressions.get(&i).cloned().unwrap_or_default();
        let checked = session(worker, &mut sessions, i, deadline)
            .and_then(|session| server_side::check_late(session, &log, &lines, &suppressions));
        match checked {
            Ok(text) => found.extend_from_slice(&text.unwrap_or_default()),
            // It is about to end: what it says then is told with its end.
            Err(_) => worker.set.scanner(&log).go_back(position),
        }
    }
    worker.sessions = sessions;
    remember_warnings(worker, test, found)
}

/// Closes sessions, waiting until the servers have ended them.
pub fn close(sessions: Sessions) {
    for session in sessions.into_values() {
        // A session that the server has already ended is as closed as can be.
        let _ = session.close();
    }
}

fn restarted_with_options(set: &ServerSet, i: usize) -> bool {
    set.servers[i].started.as_ref().is_some_and(|with| !with.restart_options.is_empty())
}

fn snapshot(
    worker: &Worker,
    sessions: &mut Sessions,
    i: usize,
    deadline: Instant,
) -> Result<ServerState, SessionError> {
    let own = worker.set.servers[i].group.datadir();
    testcase::snapshot(session(worker, sessions, i, deadline)?, &worker.ctx.replica_status, &own)
}

fn session<'s>(
    worker: &Worker,
    sessions: &'s mut Sessions,
    i: usize,
    deadline: Instant,
) -> Result<&'s mut Session, SessionError> {
    use std::collections::btree_map::Entry;
    match sessions.entry(i) {
        Entry::Occupied(open) => Ok(open.into_mut()),
        Entry::Vacant(place) => {
            let server = &worker.set.servers[i];
            // A server that is down on purpose, or was told to listen elsewhere, will not answer: one attempt says so.
            let may_answer = server.is_running() && !listens_elsewhere(worker, i);
            let patience = if may_answer { CONNECT_PATIENCE } else { Duration::ZERO };
            let patience = deadline.min(deadline_after(patience));
            let endpoint = Endpoint::Socket(server.group.socket());
            // One that has ended will not answer either, however long one waits.
            let ended = || {
                let fd = server.process().map(Child::fd);
                fd.is_some_and(|fd| {
                    poll::readable(&[fd], Some(Instant::now())).is_ok_and(|it| !it.is_empty())
                })
            };
            loop {
                let until = patience.min(deadline_after(LOOK));
                match Session::open_at(&endpoint, &worker.ctx.settings.user, until, deadline) {
                    Err(SessionError::Unreachable { .. }) if Instant::now() < patience && !ended() => {}
                    opened => return Ok(place.insert(opened?)),
                }
            }
        }
    }
}

/// An option gives the server at `i` another socket than the configuration has, to which all connections are made.
fn listens_elsewhere(worker: &Worker, i: usize) -> bool {
    let server = &worker.set.servers[i];
    let args = server.started.iter().flat_map(|with| &with.args);
    let socket = args.rev().find_map(|option| option.text.strip_prefix(b"--socket="));
    socket.is_some_and(|path| path.starts_with(b"/") && path.to_path_lossy() != server.group.socket())
}

fn other(comment: String) -> CheckFailure {
    CheckFailure {
        kind: FailureKind::Check,
        comment: comment.into(),
        server_log: BString::default(),
        diagnoses: Vec::new(),
    }
}

/// The failure of a check on the server at `i`: it crashed, it was too slow, or it said no.
fn failure(
    worker: &mut Worker,
    case: &TestCase,
    i: usize,
    check: Check,
    deadline: Instant,
    error: &SessionError,
) -> CheckFailure {
    let leaves = matches!(error, SessionError::Lost(_)) || error.code() == Some(SHUTTING_DOWN);
    let patience = if leaves { END_PATIENCE } else { END_GRACE };
    let patience = patience.min(deadline.saturating_duration_since(Instant::now()));
    let ended = worker.set.servers[i].is_running()
        && worker.set.servers[i].await_exit(patience).ok().flatten().is_some();
    if ended {
        worker.set.tell_stopped(i, StopReason::Died);
        let begun = if matches!(check, Check::Before) { Begun::No } else { Begun::Yes };
        let when = match check {
            Check::Before => "crashed while running 'check testcase before test'",
            Check::After => "crashed while running 'check testcase after test'",
            Check::Warnings => "crashed while running 'check warnings'",
        };
        let died = worker.server_died(i, when, begun);
        return CheckFailure {
            kind: FailureKind::ServerDeath,
            comment: died.comment.replacen("Server ", "The server ", 1).into(),
            server_log: died.server_log,
            diagnoses: died.diagnoses,
        };
    }
    if Instant::now() >= deadline {
        let seconds = worker.ctx.settings.testcase_timeout.as_secs();
        return other(format!("Timeout for {} expired after {seconds} seconds", check.title()));
    }
    let diagnosis = worker.set.diagnose_check(i, &error.to_string());
    let refused = other(refusal(check, &case.name(), &worker.set.name(i).to_string(), error));
    CheckFailure { diagnoses: diagnosis.into_iter().collect(), ..refused }
}

/// The reference's text for a check that the `server` did not let be made.
fn refusal(check: Check, test: &str, server: &str, error: &SessionError) -> String {
    match check {
        Check::Before => {
            format!("Could not execute 'check-testcase' before testcase '{test}' (res: 1):\n{error}\n")
        }
        Check::After => {
            format!("Could not execute 'check-testcase' after testcase '{test}' (res: 1):\n{error}\n")
        }
        Check::Warnings => format!(
            "Could not execute 'check-warnings' for testcase '{test}' (res: 1) server: '{server}':\n{error}\n"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::ClientError;

    #[test]
    fn a_refusal_names_the_check_the_test_and_the_server() {
        let lost = || SessionError::Unreachable {
            place: "/s".into(),
            cause: ClientError { code: 2002, sqlstate: "HY000".into(), message: "no socket".into() },
        };
        assert_eq!(
            refusal(Check::Warnings, "main.a", "mysqld.1", &lost()),
            "Could not execute 'check-warnings' for testcase 'main.a' (res: 1) server: 'mysqld.1':\n\
             could not open connection to /s: 2002 (HY000): no socket\n"
        );
        assert_eq!(
            refusal(Check::Before, "main.a", "mysqld.1", &SessionError::Timeout),
            "Could not execute 'check-testcase' before testcase 'main.a' (res: 1):\nno answer before the deadline\n"
        );
    }
}
