//! What the reporters write for whole runs, beside what the reference printed for the same tests,
//! and what MariaDB's log collector makes of it.

#![allow(clippy::unwrap_used)]

use std::io::Write;
use std::sync::{Arc, Mutex};

use bstr::{BString, ByteSlice};
use pcre2::bytes::Regex;

use crate::event::{Event, Outcome, RestartReason, RunEnd, Verdict};
use crate::report::console::{Console, Options, Streams};
use crate::report::reporter::Reporter;
use crate::report::testing::sample::{self, busy_run, end, finished, id, outcome, started};

#[derive(Clone, Default)]
struct Buffer(Arc<Mutex<Vec<u8>>>);

impl Buffer {
    fn text(&self) -> BString {
        self.0.lock().unwrap().clone().into()
    }
}

impl Write for Buffer {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// stdout, stderr and the copy of both.
fn console(events: &[Event], options: Options) -> [BString; 3] {
    let [out, err, copy] = [Buffer::default(), Buffer::default(), Buffer::default()];
    let streams = Streams {
        out: Box::new(out.clone()),
        err: Box::new(err.clone()),
        copy: Some(("/v/log/stdout.log".into(), Box::new(copy.clone()))),
    };
    let mut console = Console::new(streams, options, sample::clock());
    for event in events {
        console.event(event).unwrap();
    }
    [out.text(), err.text(), copy.text()]
}

fn plain() -> Options {
    Options { timer: true, ..Options::default() }
}

fn stdout(events: &[Event]) -> String {
    console(events, plain())[0].to_string()
}

#[test]
fn console_of_failures() {
    let [out, err, copy] = console(&sample::script(), plain());
    insta::assert_snapshot!(out.to_string().replace("\x01", "<01>"), @r#"
Collecting tests...

==============================================================================

TEST                                      RESULT   TIME (ms) or COMMENT
--------------------------------------------------------------------------

worker[01] Using MTR_BUILD_THREAD 300, with reserved ports 19000..19029
S.dis                                    [ disabled ]  MDEV-1 & more "x" <y>
S.dbg                                    [ skipped ]  Requires debug build
S.combi 'one'                            [ pass ]       
S.combi 'two'                            [ fail ]
        Test ended at 2026-11-23 12:32:17

  | CURRENT_TEST: S.combi
  | diff
  |
  | Result content mismatch

 - saving '/var0/log/S.combi-two/' to '/var0/log/S.combi-two/'
S.nostart                                [ fail ]
        Test ended at 2026-11-23 12:32:17

  | CURRENT_TEST: S.nostart


Failed to start mysqld.1
  | mysqltest failed but provided no output
  cause:     the server does not know the variable 'no-such-option=1' (MT/nostart.opt:1) [MTR-S002]
  from:      MT/nostart.opt:1: --no-such-option=1
  fix:       correct the name, or write --loose-no-such-option
  evidence:  [ERROR] unknown variable 'no-such-option=1'
  also seen: no core files [MTR-S070]
  server:    mysqld.1 exited with status 7 after 0.07 s
  command:   /usr/sbin/mariadbd --defaults-group-suffix=.1 --no-such-option=1
  log:       /var0/log/mysqld.1.err, the last lines:
    [ERROR] unknown variable 'no-such-option=1'
    [ERROR] Aborting

 - saving '/var0/log/S.nostart/' to '/var0/log/S.nostart/'
***Warnings generated in error logs during shutdown after running tests: S.nostart

  | [ERROR] unknown variable 'no-such-option=1'
  | [ERROR] Aborting

S.bad                                    [ fail ]
        Test ended at 2026-11-23 12:32:17

  | CURRENT_TEST: S.bad
  | --- MT/bad.result	2026-11-23 12:32:16.018666411 +0000
  | +++ MT/bad.reject	2026-11-23 12:32:17.488901991 +0000
  | @@ -3,4 +3,4 @@
  |  1
  |  select 2;
  |  2
  | -3
  | +2
  |
  | Result content mismatch

 - saving '/var0/log/S.bad/' to '/var0/log/S.bad/'
S.bytes                                  [ fail ]
        Test ended at 2026-11-23 12:32:17

  | CURRENT_TEST: S.bytes
  | +caf\xE9 \x01 ]]> x
  |
  | Result length mismatch

 - saving '/var0/log/S.bytes/' to '/var0/log/S.bytes/'
S.check                                  [ pass ]       
  |
  | MTR's internal check of the test case 'S.check' failed.
  | not ok

S.crash                                  [ fail ]
        Test ended at 2026-11-23 12:32:17

  | CURRENT_TEST: S.crash


Server [mysqld.1 - pid: 9, winpid: 9, exit: 256] failed during test run
  | Server log from this test:
  | ----------SERVER LOG START-----------
  | $ mariadbd
  | ----------SERVER LOG END-------------
  | mysqltest failed but provided no output

 - saving '/var0/log/S.crash/' to '/var0/log/S.crash/'
S.pass1                                  [ pass ]      1
S.skp                                    [ skipped ]  Because <I> say "so"
S.sqlerr                                 [ fail ]
        Test ended at 2026-11-23 12:32:17

  | CURRENT_TEST: S.sqlerr
  | mysqltest: At line 2: query 'select * from nosuch' failed: ER_NO_SUCH_TABLE (1146): Table 'test.nosuch' doesn't exist

 - saving '/var0/log/S.sqlerr/' to '/var0/log/S.sqlerr/'
S.warns                                  [ fail ]  Found warnings/errors in server log file!
        Test ended at 2026-11-23 12:32:17
  | line
  | 2026-01-01 [ERROR] strange thing
  | ^ Found warnings in /var0/log/mysqld.1.err
  | ok

 - saving '/var0/log/S.warns/' to '/var0/log/S.warns/'
--------------------------------------------------------------------------
The servers were restarted 8 times
Spent 0.001 of 3 seconds executing testcases

Check of testcase failed for: S.check

Servers failed because:
  the server does not know the variable 'no-such-option=1' (MT/nostart.opt:1) [MTR-S002]: S.nostart

Completed: Failed 7/10 tests, 30.00% were successful.

Failing test(s): S.combi S.nostart S.bad S.bytes S.crash S.sqlerr S.warns

The log files in var/log may give you some hint of what went wrong.

If you want to report this error, MariaDB's bug tracker is found at
https://jira.mariadb.org

Errors/warnings were found in logfiles during server shutdown after running the
following sequence(s) of tests:
    S.nostart
2 tests were skipped, 1 by the test itself.
"#);
    insta::assert_snapshot!(err.to_string(), @r#"
worker[01] mysql-test-run: WARNING: Process [mysqld.1 - pid: 7, winpid: 7] died after mysql-test-run waited 0.1 seconds for /var0/run/mysqld.1.pid to be created.
mysql-test-run: *** ERROR: there were failing test cases
"#);
    assert_eq!(copy.len(), out.len() + err.len());
    let warning = copy.find("died after").unwrap();
    assert!(copy.find("S.combi 'two'").unwrap() < warning && warning < copy.find("S.bad").unwrap());
}

#[test]
fn console_of_workers_retries_and_rounds() {
    let options = Options { report_times: true, ..plain() };
    insta::assert_snapshot!(console(&busy_run(), options)[0].to_string(), @r#"

==============================================================================

TEST                                  WORKER RESULT   TIME (ms) or COMMENT
--------------------------------------------------------------------------

S.flaky                                  w2 [ fail ]
        Test ended at 2026-11-23 12:32:17

  | CURRENT_TEST: S.flaky
  | -y
  | +n
  |
  | Result content mismatch

 - saving '/var0/2/log/S.flaky/' to '/var0/log/S.flaky/'

Retrying test S.flaky, attempt(2/3)...

S.good 'a,b'                             w1 [ pass ]    201
S.flaky                                  w2 [ retry-fail ]
        Test ended at 2026-11-23 12:32:17

  | CURRENT_TEST: S.flaky
  | -y
  | +n
  |
  | Result content mismatch

 - skipping '/var0/2/log/S.flaky/'

Test S.flaky has failed 2 times, no more retries!

S.good 'a,b'                             w1 [ 2 pass ]    201
S.skp                                    w1 [ skipped ]  Because [ a ] and [ b ] too
S.none                                   [ skipped ]
S.slow                                   w2 [ exp-fail ]  timeout after 60 seconds
        Test ended at 2026-11-23 12:32:17

Test case timeout after 60 seconds

 == /var0/2/tmp/a.err ==
  | no connection


Only  6  of 5 completed.
--------------------------------------------------------------------------
Spent 0.192 seconds on Collecting test cases
Spent 0.73 seconds on Server stop/start
Spent 0 seconds on Test execution
The servers were restarted 1 times
Spent 0.402 of 3 seconds executing testcases

Completed: Failed 3/5 tests, 40.00% were successful.

Failing test(s): S.flaky S.slow

The log files in var/log may give you some hint of what went wrong.

If you want to report this error, MariaDB's bug tracker is found at
https://jira.mariadb.org

2 tests were skipped, 1 by the test itself.
"#);
}

#[test]
fn stamps_come_before_results_and_diagnostics() {
    let events = [
        started(1, 1),
        Event::ServerUnfit {
            worker: 1,
            id: Some(id("S", "good", "")),
            process: sample::server(7, None),
            reason: RestartReason::NotStarted,
        },
        finished(1, id("S", "good", ""), Outcome { timer_ms: Some(201), ..outcome(Verdict::Pass) }),
        end(RunEnd::Failure, 2, 1),
    ];
    let options = Options { restarts: true, timestamp: true, timediff: true, ..Options::default() };
    let [out, err, _] = console(&events, options);
    assert!(
        out.contains_str(
            "\n261123 12:32:19 +0.000 S.good                                   [ pass ]       \n"
        )
    );
    assert!(!out.contains_str("seconds executing"));
    assert_eq!(
        err,
        "worker[01] 261123 12:32:19 +0.000 > Restart [mysqld.1 - pid: 7, winpid: 7] - not started\n\
         261123 12:32:19 +0.000 mysql-test-run: *** ERROR: Test suite failure, see messages above for possible cause(s).\n"
    );
}

#[test]
fn runs_that_end_early_say_why() {
    let fail = || finished(1, id("S", "bad", ""), Outcome { comment: "x".into(), ..outcome(Verdict::Fail) });
    let run = |ended, cause: Option<&str>| {
        let mut last = end(ended, 5, 1);
        if let Event::RunFinished { cause: c, .. } = &mut last {
            *c = cause.map(str::to_owned);
        }
        console(&[started(1, 5), fail(), last], plain())
    };
    let [out, ..] = run(RunEnd::TooManyFailed, None);
    assert!(
        out.contains_str("\nToo many tests(1) failed! Terminating...\n\nOnly  1  of 5 completed.\n-----")
    );
    assert!(out.contains_str(
        "\nToo many failed: Failed 1/1 tests, 0.00% were successful.\n\nFailing test(s): S.bad\n"
    ));
    let [out, ..] = run(RunEnd::Timeout, None);
    assert!(out.contains_str("\nTest suite timeout! Terminating...\n\nOnly  1  of 5 completed.\n"));
    let [out, err, _] = run(RunEnd::Interrupted, Some("Hangup detected on controlling terminal"));
    assert!(out.contains_str("\nInterrupted: Failed 1/1 tests"));
    assert_eq!(err, "mysql-test-run: *** ERROR: Hangup detected on controlling terminal\n");
    let [out, err, _] = console(&[started(1, 5), end(RunEnd::Completed, 5, 1)], plain());
    assert!(out.ends_with(b"----\n\n"));
    assert_eq!(err, "mysql-test-run: *** ERROR: Test suite aborted\n");
}

struct Full;

impl Write for Full {
    fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
        Err(std::io::ErrorKind::StorageFull.into())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_closed_stdout_and_a_full_disk_do_not_hide_the_rest() {
    let [out, err, copy] = [Buffer::default(), Buffer::default(), Buffer::default()];
    let closed = Streams {
        out: Box::new(Full),
        err: Box::new(err.clone()),
        copy: Some(("/v/log/stdout.log".into(), Box::new(copy.clone()))),
    };
    let full = Streams {
        out: Box::new(out.clone()),
        err: Box::new(err.clone()),
        copy: Some(("/v/log/stdout.log".into(), Box::new(Full))),
    };
    for streams in [closed, full] {
        let mut console = Console::new(streams, plain(), sample::clock());
        for event in sample::script() {
            console.event(&event).unwrap();
        }
    }
    assert!(copy.text().ends_with(b"*** ERROR: there were failing test cases\n"));
    assert_eq!(out.text().to_string(), stdout(&sample::script()));
    assert_eq!(err.text().find_iter("WARNING: cannot write /v/log/stdout.log: no storage space").count(), 1);
}

#[test]
fn a_good_run_with_skips_only() {
    let events = [
        started(1, 2),
        finished(0, id("S", "dis", ""), Outcome { comment: "why".into(), ..outcome(Verdict::Disabled) }),
        finished(1, id("S", "skp", ""), Outcome { skipped_by_test: true, ..outcome(Verdict::Skipped) }),
        end(RunEnd::Completed, 2, 0),
    ];
    let [out, err, _] = console(&events, plain());
    let tail = out.split_str("RESULT").nth(1).unwrap();
    insta::assert_snapshot!(tail.to_str_lossy(), @r#"
   TIME (ms) or COMMENT
--------------------------------------------------------------------------

S.dis                                    [ disabled ]  why
S.skp                                    [ skipped ]
--------------------------------------------------------------------------
The servers were restarted 0 times
Spent 0.000 of 3 seconds executing testcases

Completed: All 0 tests were successful.

1 tests were skipped, 1 by the test itself.
"#);
    assert_eq!(err, "");
}

#[test]
fn only_statuses_are_coloured_and_never_in_the_copy() {
    let options = Options { colours: true, ..plain() };
    let [out, _, copy] = console(&busy_run(), options);
    assert!(out.contains_str("w2 \x1b[31m[ fail ]\x1b[0m\n"));
    assert!(out.contains_str("w2 \x1b[31m[ retry-fail ]\x1b[0m\n"));
    assert!(out.contains_str("w1 \x1b[33m[ skipped ]\x1b[0m  Because [ a ] and [ b ] too\n"));
    assert!(out.contains_str("w1 [ 2 pass ]    201\n"));
    assert!(!copy.contains(&0x1b));
}

/// A failure as the collector stores it.
#[derive(Debug, PartialEq)]
struct Collected {
    name: String,
    variant: String,
    info: String,
    text: String,
}

/// MariaDB's mtr-log-collector, as far as it reads stdout: its regular expressions and its order of rules.
fn collect(log: &str) -> Vec<Collected> {
    let regex = |text| Regex::new(text).unwrap();
    let start = regex(r"^([-._/0-9a-zA-z]+)( '[-_ ,0-9a-zA-Z]+')?\s+(w[0-9]+\s+)?\[ (fail|pass) \]\s*(.*)$");
    let ends = [
        regex(r"^\*\*\*Warnings generated in error logs during shutdown after running tests: (.*)"),
        regex(r"^[-._/0-9a-zA-z]+( '[-_ ,0-9a-zA-Z]+')?\s+(w[0-9]+\s+)?\[ [-a-z]+ \]"),
        regex(r"^The servers were restarted [0-9]+ times$"),
        regex(r"^Only\s+[0-9]+\s+of\s+[0-9]+\s+completed.$"),
        regex(
            r"^Test suite timeout! Terminating...$|^-{60}|^mysql-test-run: \*\*\* ERROR: Not all tests completed",
        ),
    ];
    let mut all = Vec::new();
    let mut current: Option<Collected> = None;
    for line in log.lines() {
        if let Some(found) = start.captures(line.as_bytes()).unwrap() {
            all.extend(current.take());
            let group =
                |n| found.get(n).map(|m| m.as_bytes().to_str().unwrap().to_owned()).unwrap_or_default();
            if group(4) == "fail" {
                let variant = group(2).trim_matches([' ', '\'']).to_owned();
                current =
                    Some(Collected { name: group(1), variant, info: group(5), text: format!("{line}\n") });
            }
        } else if ends.iter().any(|regex| regex.is_match(line.as_bytes()).unwrap()) {
            all.extend(current.take());
        } else if let Some(current) = &mut current {
            current.text.push_str(line);
            current.text.push('\n');
        }
    }
    all.extend(current);
    all
}

#[test]
fn the_log_collector_finds_each_failure_and_its_text() {
    let found = collect(&stdout(&sample::script()));
    let names: Vec<_> = found.iter().map(|f| (f.name.as_str(), f.variant.as_str())).collect();
    let alone = ["S.nostart", "S.bad", "S.bytes", "S.crash", "S.sqlerr", "S.warns"].map(|name| (name, ""));
    assert_eq!(names, [&[("S.combi", "two")], &alone[..]].concat());
    assert!(found[0].text.ends_with(
        "Result content mismatch\n\n - saving '/var0/log/S.combi-two/' to '/var0/log/S.combi-two/'\n"
    ));
    assert!(found[1].text.contains("nostart.opt:1) [MTR-S002]"), "the cause is in the block");
    assert!(
        found[1].text.ends_with(" - saving '/var0/log/S.nostart/' to '/var0/log/S.nostart/'\n"),
        "shutdown warnings end the block"
    );
    assert_eq!(found[6].info, "Found warnings/errors in server log file!");
    assert!(!found[6].text.contains("The servers were restarted"));

    let found = collect(&stdout(&busy_run()));
    assert_eq!(found.len(), 1, "retry and experimental failures are not failures to it: {found:?}");
    assert_eq!(found[0].name, "S.flaky");
}
