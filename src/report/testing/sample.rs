//! Events for the tests of the reporters.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, UNIX_EPOCH};

use crate::case::Origin;
use crate::error::{Location, Result};
use crate::event::{
    AttemptPhase, Event, FailureKind, Outcome, Phase, Place, PlannedInstance, PlannedSkip, Process,
    ProcessExit, RestartReason, RunEnd, SCHEMA, SkippedBy, StartReason, StopReason, TestId, UserServer,
    Verdict, WarningKind,
};
use crate::report::Clock;
use crate::report::reporter::Reporter;
use crate::report::standing::Standing;
use crate::triage::catalogue::{CORE_LIMIT, UNKNOWN_VARIABLE};
use crate::triage::diagnosis::{AlsoSeen, Culprit, Diagnosis};
use crate::triage::finding::{Confidence, Quote};

/// A reporter that keeps what it is told.
pub struct Seen(pub Arc<Mutex<Vec<Event>>>);

impl Reporter for Seen {
    fn event(&mut self, event: &Event) -> Result<()> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(event.clone());
        Ok(())
    }
}

/// The first attempt of the first round.
pub fn id(suite: &str, test: &str, combination: &str) -> TestId {
    TestId {
        suite: suite.into(),
        test: test.into(),
        combination: combination.into(),
        repetition: 1,
        attempt: 1,
    }
}

/// An outcome with nothing to say.
pub fn outcome(verdict: Verdict) -> Outcome {
    Outcome { verdict, ended_at: "2026-11-23 12:32:17".into(), ..Outcome::default() }
}

/// Why `mysqld.1` did not start, every field set.
pub fn diagnosis() -> Diagnosis {
    let option = Arc::new(Origin::OptionFile(Location { file: "MT/nostart.opt".into(), line: Some(1) }));
    let said = |line, text: &str| Quote {
        file: Some("/var0/log/mysqld.1.err".into()),
        line: Some(line),
        text: text.into(),
    };
    Diagnosis {
        server: "mysqld.1".into(),
        ending: "exited with status 7 after 0.07 s".into(),
        code: UNKNOWN_VARIABLE.code,
        name: UNKNOWN_VARIABLE.name,
        cause: "the server does not know the variable 'no-such-option=1' (MT/nostart.opt:1)".into(),
        confidence: Confidence::Certain,
        evidence: vec![said(3, "[ERROR] unknown variable 'no-such-option=1'")],
        culprit: Some(Culprit { text: "--no-such-option=1".into(), origin: option }),
        fix: Some("correct the name, or write --loose-no-such-option".into()),
        also_seen: vec![AlsoSeen { code: CORE_LIMIT.code, cause: "no core files".into() }],
        command: "/usr/sbin/mariadbd --defaults-group-suffix=.1 --no-such-option=1".into(),
        log_file: "/var0/log/mysqld.1.err".into(),
        log_is_beside: false,
        log: vec!["[ERROR] unknown variable 'no-such-option=1'".into(), "[ERROR] Aborting".into()],
    }
}

/// `mysqld.1` as `pid`.
pub fn server(pid: u32, exit: Option<ProcessExit>) -> Process {
    Process { server: "mysqld.1".into(), pid: Some(pid), exit }
}

/// A clock that stands still.
pub fn clock() -> Clock {
    Clock {
        now: || UNIX_EPOCH + Duration::from_secs(1_795_437_139),
        local: |_| "2026-11-23 12:32:19".to_owned(),
    }
}

pub fn started(workers: usize, total: usize) -> Event {
    Event::RunStarted {
        schema: SCHEMA,
        version: "0.1.0",
        argv: vec!["mtr-rs".into(), "--force".into()],
        workers,
        total,
        vardir: "/var0".into(),
        server_version: "10.11.19-MariaDB-0+deb12u1".into(),
        timeout_factor: 1,
        slow_because: Vec::new(),
    }
}

pub fn finished(worker: usize, id: TestId, outcome: Outcome) -> Event {
    Event::TestFinished { worker, id, outcome: Box::new(outcome), will_retry: false, will_repeat: false }
}

pub fn end(end: RunEnd, total: usize, exit_code: i32) -> Event {
    finished_run(end, total, 0, exit_code)
}

/// The end of a run that failed, with so many tests without a verdict.
pub fn end_without(end: RunEnd, total: usize, missing: usize) -> Event {
    finished_run(end, total, missing, 1)
}

fn finished_run(end: RunEnd, total: usize, missing: usize, exit_code: i32) -> Event {
    let wall = Duration::from_millis(3900);
    Event::RunFinished {
        end,
        wall,
        processor: wall * 2,
        total,
        missing,
        exit_code,
        cause: None,
        warnings_file: None,
        diagnoses: Vec::new(),
    }
}

const DIFF: &str = "--- MT/bad.result\t2026-11-23 12:32:16.018666411 +0000\n\
    +++ MT/bad.reject\t2026-11-23 12:32:17.488901991 +0000\n\
    @@ -3,4 +3,4 @@\n 1\n select 2;\n 2\n-3\n+2\n\nResult content mismatch\n";

/// The run of the reference on a suite of failing tests, as events.
///
/// Names, texts and order are those the reference printed for it.
pub fn script() -> Vec<Event> {
    let fail = |failure| Outcome { failure: Some(failure), ..outcome(Verdict::Fail) };
    let save = |name: &str| Event::Saved {
        id: None,
        from: format!("/var0/log/S.{name}").into(),
        to: Some(format!("/var0/log/S.{name}").into()),
    };
    let start =
        |test: &str, combination: &str| Event::TestStarted { worker: 1, id: id("S", test, combination) };
    vec![
        Event::message("Collecting tests..."),
        started(1, 13),
        Event::WorkerReady { worker: 1, build_thread: 300, first_port: 19000, last_port: 19029 },
        finished(
            0,
            id("S", "dis", ""),
            Outcome { comment: "MDEV-1 & more \"x\" <y>".into(), ..outcome(Verdict::Disabled) },
        ),
        finished(
            0,
            id("S", "dbg", ""),
            Outcome { comment: "Requires debug build".into(), ..outcome(Verdict::Skipped) },
        ),
        start("combi", "one"),
        finished(1, id("S", "combi", "one"), outcome(Verdict::Pass)),
        start("combi", "two"),
        finished(
            1,
            id("S", "combi", "two"),
            Outcome {
                report: "CURRENT_TEST: S.combi\ndiff\n\nResult content mismatch\n".into(),
                restarted: true,
                ..fail(FailureKind::Other)
            },
        ),
        save("combi-two"),
        start("nostart", ""),
        Event::ServerStartFailed {
            worker: 1,
            id: Some(id("S", "nostart", "")),
            process: server(7, None),
            waited: Duration::from_millis(70),
            timed_out: false,
            pid_file: "/var0/run/mysqld.1.pid".into(),
        },
        finished(
            1,
            id("S", "nostart", ""),
            Outcome {
                report: "CURRENT_TEST: S.nostart\n".into(),
                comment: "Failed to start mysqld.1\nmysqltest failed but provided no output\n".into(),
                server_log: diagnosis().to_text(),
                diagnoses: vec![diagnosis()],
                restarted: true,
                ..fail(FailureKind::ServerStart)
            },
        ),
        save("nostart"),
        Event::ShutdownWarnings {
            worker: 1,
            tests: vec!["S.nostart".into()],
            lines: "[ERROR] unknown variable 'no-such-option=1'\n[ERROR] Aborting\n".into(),
            diagnoses: Vec::new(),
        },
        start("bad", ""),
        finished(
            1,
            id("S", "bad", ""),
            Outcome {
                report: format!("CURRENT_TEST: S.bad\n{DIFF}").into(),
                restarted: true,
                ..fail(FailureKind::Other)
            },
        ),
        save("bad"),
        start("bytes", ""),
        finished(
            1,
            id("S", "bytes", ""),
            Outcome {
                report: b"CURRENT_TEST: S.bytes\n+caf\xe9 \x01 ]]> x\n\nResult length mismatch\n"[..].into(),
                restarted: true,
                ..fail(FailureKind::Other)
            },
        ),
        save("bytes"),
        start("check", ""),
        finished(
            1,
            id("S", "check", ""),
            Outcome {
                check_report: "\nMTR's internal check of the test case 'S.check' failed.\nnot ok\n".into(),
                restarted: true,
                ..outcome(Verdict::Pass)
            },
        ),
        start("crash", ""),
        finished(
            1,
            id("S", "crash", ""),
            Outcome {
                report: "CURRENT_TEST: S.crash\n".into(),
                comment: "Server [mysqld.1 - pid: 9, winpid: 9, exit: 256] failed during test run\n".into(),
                server_log: "Server log from this test:\n----------SERVER LOG START-----------\n$ mariadbd\n\
                    ----------SERVER LOG END-------------\nmysqltest failed but provided no output\n"
                    .into(),
                restarted: true,
                ..fail(FailureKind::ServerDeath)
            },
        ),
        save("crash"),
        start("pass1", ""),
        finished(
            1,
            id("S", "pass1", ""),
            Outcome { timer_ms: Some(1), restarted: true, ..outcome(Verdict::Pass) },
        ),
        start("skp", ""),
        finished(
            1,
            id("S", "skp", ""),
            Outcome {
                comment: "Because <I> say \"so\"".into(),
                skipped_by_test: true,
                ..outcome(Verdict::Skipped)
            },
        ),
        start("sqlerr", ""),
        finished(
            1,
            id("S", "sqlerr", ""),
            Outcome {
                report: "CURRENT_TEST: S.sqlerr\nmysqltest: At line 2: query 'select * from nosuch' failed: \
                         ER_NO_SUCH_TABLE (1146): Table 'test.nosuch' doesn't exist\n"
                    .into(),
                ..fail(FailureKind::Other)
            },
        ),
        save("sqlerr"),
        start("warns", ""),
        finished(
            1,
            id("S", "warns", ""),
            Outcome {
                report: "CURRENT_TEST: S.warns\n".into(),
                comment: "mysqltest failed but provided no output\n".into(),
                warnings:
                    "line\n2026-01-01 [ERROR] strange thing\n^ Found warnings in /var0/log/mysqld.1.err\nok\n"
                        .into(),
                restarted: true,
                ..fail(FailureKind::Warnings)
            },
        ),
        save("warns"),
        end(RunEnd::Completed, 13, 1),
    ]
}

/// At least one event of each kind, with every optional field set.
pub fn every_kind() -> Vec<Event> {
    let full = Outcome {
        failure: Some(FailureKind::Timeout),
        place: Some(Place { file: "MT/slow.test".into(), line: Some(3) }),
        timer_ms: Some(3),
        timeout_s: Some(60),
        log_tail: "tail".into(),
        ..outcome(Verdict::Fail)
    };
    let mut events = script();
    let last = events.pop();
    events.insert(0, Event::opened(&["mtr-rs".into()]));
    events.extend(asides());
    events.push(Event::Retry { id: id("S", "bad", ""), attempt: Some(2), of: 3, failures: 1 });
    events.push(finished(1, id("S", "slow", ""), full));
    let mut standing = Standing::default();
    events.iter().for_each(|event| standing.note(event));
    events.extend(last.map(|event| match event {
        Event::RunFinished { end, wall, processor, total, exit_code, .. } => Event::RunFinished {
            end,
            wall,
            processor,
            total,
            missing: standing.open().count(),
            exit_code,
            cause: Some("why".into()),
            warnings_file: Some("/var0/log/warnings".into()),
            diagnoses: vec![diagnosis()],
        },
        other => other,
    }));
    events
}

/// What stands between the results: an event of each kind.
pub fn asides() -> Vec<Event> {
    let (worker, test) = (1, || id("S", "bad", ""));
    let id = || Some(test());
    let core = || "/var0/log/S.bad/mysqld.1/data/core.7".into();
    let skip = |by| Some(PlannedSkip { by, reason: "why".into() });
    let planned = |test: &str, skip| PlannedInstance {
        suite: "S".into(),
        test: test.into(),
        combination: "a,b".into(),
        file: format!("MT/{test}.test").into(),
        skip,
    };
    vec![
        Event::Planned {
            instances: vec![
                planned("first", skip(SkippedBy::StartFrom)),
                planned("dis", skip(SkippedBy::List)),
                planned("dbg", skip(SkippedBy::Requirement)),
                planned("bad", None),
            ],
        },
        Event::Warning { worker: None, id: None, kind: WarningKind::Option, text: "no effect".into() },
        Event::Warning { worker: Some(1), id: id(), kind: WarningKind::CheckBefore, text: "late".into() },
        Event::PhaseStarted { worker, id: test(), phase: AttemptPhase::Servers },
        Event::ServerUnfit {
            worker,
            id: id(),
            process: server(6, None),
            reason: RestartReason::Options { wanted: "--a".into(), running: "--b".into() },
        },
        Event::ServerStopped {
            worker,
            id: id(),
            process: server(6, Some(ProcessExit::Status(0))),
            why: StopReason::Unfit,
            lived: Some(Duration::from_millis(1500)),
            processor: Some(Duration::from_millis(250)),
        },
        Event::ServerStarted { worker, id: id(), process: server(7, None), why: StartReason::Test },
        Event::ServerReady { worker, id: id(), process: server(7, None), after: Duration::from_millis(90) },
        Event::PhaseFinished {
            worker,
            id: test(),
            phase: AttemptPhase::Servers,
            wall: Duration::from_millis(100),
            processor: None,
        },
        Event::StartByHand {
            worker,
            server: "mysqld.1".into(),
            debugger: "gdb".into(),
            command: "gdb -x /var0/gdbinit mariadbd".into(),
        },
        Event::CoreRequested { worker, id: id(), process: server(7, None) },
        Event::ServerStopped {
            worker,
            id: id(),
            process: server(7, Some(ProcessExit::Signal(6))),
            why: StopReason::CoreDump,
            lived: Some(Duration::from_secs(60)),
            processor: Some(Duration::from_secs(1)),
        },
        Event::LeftoverKilled { worker: Some(1), id: id(), pid: 77, command: "sleep 100".into() },
        Event::ScriptOutput { worker, id: id(), text: "hello".into() },
        Event::ResultRecorded {
            worker,
            id: id(),
            result: "/var0/results/bad.result".into(),
            base: "MT/bad.result".into(),
            rdiff: "MT/bad,a.rdiff".into(),
        },
        Event::CoreMoved { id: id(), core: "MT/core.9".into(), to: "/var0/log/S.bad".into() },
        Event::CoreFound { id: id(), core: core(), dir: "/var0/log/S.bad".into(), kept: 0, limit: 5 },
        Event::CoreTraced {
            id: id(),
            core: core(),
            program: "/usr/sbin/mariadbd".into(),
            debugger: "gdb".into(),
            file: Some("/var0/log/S.bad/stacks-core.txt".into()),
            trace: "#0  raise ()".into(),
        },
        Event::CoreCompressed { id: id(), core: core() },
        Event::CoreDeleted { id: id(), core: core(), limit: 5 },
        Event::Saved { id: id(), from: "/var0/1/log/S.bad".into(), to: None },
        Event::UserServersStarted {
            worker,
            test: "S.bad".into(),
            servers: vec![UserServer {
                process: server(8, None),
                port: 19000,
                socket: "/var0/tmp/mysqld.1.sock".into(),
            }],
            waits: true,
        },
        Event::UserServerDied { worker, process: server(8, Some(ProcessExit::Status(1))) },
        Event::UserServersExited { worker },
        Event::ValgrindReport {
            worker,
            log: "/var0/log/mysqld.1.err".into(),
            tests: vec!["S.bad".into()],
            text: "LEAK SUMMARY:\n".into(),
        },
        Event::ScriptWarnings { file: "MT/bad.warnings".into() },
        Event::TestsHeld { completed: 3 },
        Event::PhaseTimes { worker: 1, phases: vec![(Phase::Execution, Duration::from_millis(730))] },
    ]
}

/// Two workers, a retry, a round of `--repeat`, an experimental test, a time-out, restarts of servers.
pub fn busy_run() -> Vec<Event> {
    let flaky = |attempt| TestId { attempt, ..id("S", "flaky", "") };
    let again = |repetition| TestId { repetition, ..id("S", "good", "a,b") };
    let failed = || Outcome {
        report: "CURRENT_TEST: S.flaky\n-y\n+n\n\nResult content mismatch\n".into(),
        failure: Some(FailureKind::Other),
        log_tail: "last lines of the log\n".into(),
        ..outcome(Verdict::Fail)
    };
    let passed =
        || Outcome { timer_ms: Some(201), wall: Duration::from_millis(350), ..outcome(Verdict::Pass) };
    vec![
        started(2, 5),
        Event::TestStarted { worker: 2, id: flaky(1) },
        Event::TestStarted { worker: 1, id: again(1) },
        Event::TestFinished {
            worker: 2,
            id: flaky(1),
            outcome: Box::new(failed()),
            will_retry: true,
            will_repeat: false,
        },
        Event::Saved { id: None, from: "/var0/2/log/S.flaky".into(), to: Some("/var0/log/S.flaky/".into()) },
        Event::Retry { id: flaky(1), attempt: Some(2), of: 3, failures: 1 },
        Event::TestStarted { worker: 2, id: flaky(2) },
        Event::TestFinished {
            worker: 1,
            id: again(1),
            outcome: Box::new(passed()),
            will_retry: false,
            will_repeat: true,
        },
        Event::TestStarted { worker: 1, id: again(2) },
        Event::TestFinished {
            worker: 2,
            id: flaky(2),
            outcome: Box::new(Outcome { restarted: true, ..failed() }),
            will_retry: false,
            will_repeat: false,
        },
        Event::Saved { id: None, from: "/var0/2/log/S.flaky".into(), to: None },
        Event::Retry { id: flaky(2), attempt: None, of: 3, failures: 2 },
        finished(1, again(2), passed()),
        Event::TestStarted { worker: 1, id: id("S", "skp", "") },
        finished(
            1,
            id("S", "skp", ""),
            Outcome {
                comment: "Because [ a ] and [ b ] too".into(),
                skipped_by_test: true,
                ..outcome(Verdict::Skipped)
            },
        ),
        finished(0, id("S", "none", ""), outcome(Verdict::Skipped)),
        Event::TestStarted { worker: 2, id: id("S", "slow", "") },
        finished(
            2,
            id("S", "slow", ""),
            Outcome {
                failure: Some(FailureKind::Timeout),
                timeout_s: Some(60),
                comment: "Test case timeout after 60 seconds\n\n == /var0/2/tmp/a.err ==\nno connection\n\n"
                    .into(),
                ..outcome(Verdict::ExpFail)
            },
        ),
        Event::PhaseTimes { worker: 0, phases: vec![(Phase::Collect, Duration::from_millis(192))] },
        Event::PhaseTimes { worker: 1, phases: vec![(Phase::Execution, Duration::from_millis(0))] },
        Event::PhaseTimes { worker: 2, phases: vec![(Phase::Servers, Duration::from_millis(730))] },
        end(RunEnd::Completed, 5, 1),
    ]
}
