//! What the console of a run, which runners keep as `VAR/log/stdout.log`, tells of its servers (runner §11).

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::time::Duration;

use bstr::{BStr, BString, ByteSlice};

use crate::sys::excerpt::Lines;
use crate::triage::diagnosis;
use crate::triage::evidence::ExitKind;
use crate::triage::posthumous::fate::number;

/// What stands on the console before each line of a text that is not the runner's own.
pub const MARK: &str = "  | ";

/// What the runner saw when a server failed.
#[derive(Debug, Clone, PartialEq)]
pub struct Seen {
    /// `mysqld.1`.
    pub server: BString,
    /// The test whose verdict followed; `None` where none did.
    pub test: Option<BString>,
    /// Its process id.
    pub pid: Option<i32>,
    /// How it ended; a signal's number is not told.
    pub exit: ExitKind,
    /// How long it lived, or was waited for.
    pub lived: Option<Duration>,
    /// It was still starting when patience ended.
    pub timed_out: bool,
    /// It ended after it was ready.
    pub served: bool,
}

/// How attempts at a test ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Verdicts {
    /// Attempts that passed.
    pub passed: usize,
    /// Attempts that failed.
    pub failed: usize,
}

/// What a console tells.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Console {
    /// The command line of the run after the program, words joined by blanks.
    pub arguments: Option<BString>,
    /// Verdicts by `suite.test`.
    pub verdicts: BTreeMap<BString, Verdicts>,
    /// Failures of servers, in order.
    pub seen: Vec<Seen>,
}

/// Reads the copy of a console.
///
/// # Errors
/// The file at `path` cannot be read.
pub fn read(path: &Path) -> io::Result<Console> {
    let mut lines = Lines::of(path, 0..u64::MAX)?;
    let mut reading = Reading::default();
    while let Some((_, line)) = lines.read()? {
        reading.line(line.trim_end_with(|c| c == '\n' || c == '\r'));
    }
    reading.console.seen.extend(reading.waiting.into_iter().map(|(_, seen)| seen));
    Ok(reading.console)
}

/// A console, read up to some line.
#[derive(Default)]
struct Reading {
    console: Console,
    /// Failures whose test is not known yet, each with its worker: the verdict comes after them.
    waiting: Vec<(Option<i32>, Seen)>,
    /// The test whose verdict came last.
    told: Option<BString>,
    /// How many failures were told before that verdict.
    in_report: usize,
}

impl Reading {
    fn line(&mut self, line: &[u8]) {
        let Reading { console, waiting, told, in_report } = self;
        if let Some(rest) = line.strip_prefix(b"Logging: ") {
            console.arguments = rest.split_once_str("  ").map(|(_, arguments)| arguments.into());
        } else if let Some(verdict) = Verdict::of(line) {
            let verdicts = console.verdicts.entry(verdict.test.into()).or_default();
            verdicts.passed += usize::from(!verdict.failed);
            verdicts.failed += usize::from(verdict.failed);
            *told = Some(verdict.test.into());
            *in_report = console.seen.len();
            for (worker, mut seen) in std::mem::take(waiting) {
                // A test whose server did not start has not passed.
                let of_another = verdict.worker.is_some() && worker != verdict.worker;
                if of_another || !verdict.failed {
                    waiting.push((worker, seen));
                    continue;
                }
                seen.test = told.clone();
                console.seen.push(seen);
            }
        } else if let Some((server, ending)) = diagnosed(line.strip_prefix(MARK.as_bytes()).unwrap_or(line)) {
            // This program's own report of the failure, which says more.
            let seen = console.seen[*in_report..].iter_mut().find(|seen| seen.server == server);
            if let Some(seen) = seen {
                (seen.exit, seen.lived) = (ending.0, ending.1.or(seen.lived));
            }
        } else if let Some(mut seen) = seen(line.strip_prefix(MARK.as_bytes()).unwrap_or(line)) {
            if seen.served {
                // This one is part of the report under the verdict.
                seen.test = told.clone();
                console.seen.push(seen);
            } else {
                waiting.push((worker(line), seen));
            }
        }
    }
}

/// The line of a diagnosis that says how its server ended.
fn diagnosed(line: &[u8]) -> Option<(&BStr, (ExitKind, Option<Duration>))> {
    let rest = line.strip_prefix(b"  server:")?.trim_start();
    let (server, ending) = rest.split_once_str(" ")?;
    Some((server.as_bstr(), diagnosis::read_ending(ending.to_str().ok()?)?))
}

/// A line `suite.test 'a,b'   w1 [ fail ]`.
struct Verdict<'a> {
    test: &'a BStr,
    worker: Option<i32>,
    failed: bool,
}

impl Verdict<'_> {
    fn of(line: &[u8]) -> Option<Verdict<'_>> {
        let (head, rest) = line.split_once_str(" [ ")?;
        let (words, _) = rest.split_once_str(" ]")?;
        // `fail`, `retry-fail`, `2 fail`, `exp-fail`; skipped tests have started nothing.
        let failed = words.ends_with(b"fail");
        if !failed && !words.ends_with(b"pass") {
            return None;
        }
        let test = head.split_str(" ").next()?;
        if !test.contains(&b'.') || head.starts_with(b" ") {
            return None;
        }
        let last = head.trim_end().rsplit_once_str(" ").map(|(_, last)| last);
        let worker =
            last.and_then(|word| word.strip_prefix(b"w")).and_then(|digits| number(digits.as_bstr()));
        Some(Verdict { test: test.as_bstr(), worker, failed })
    }
}

/// The number of `worker[01] …`.
fn worker(line: &[u8]) -> Option<i32> {
    number(line.strip_prefix(b"worker[")?.as_bstr())
}

/// The three ways in which a runner tells that a server failed (runner §9.5, §10.3).
fn seen(line: &[u8]) -> Option<Seen> {
    let (before, after, served, timed_out) = if let Some((before, after)) = line.split_once_str("Process [") {
        (before, after, false, false)
    } else if let Some((before, after)) = line.split_once_str(" for the process [") {
        (before, after, false, true)
    } else {
        (b"".as_slice(), line.strip_prefix(b"Server [")?, true, false)
    };
    let (process, after) = after.split_once_str("]")?;
    let told = match (timed_out, served) {
        (true, _) => before.contains_str("Timeout after "),
        (_, true) => after.contains_str("failed "),
        _ => after.contains_str(" died after "),
    };
    let (server, facts) = process.split_once_str(" - pid: ")?;
    let exit = match facts.split_once_str("exit: ").and_then(|(_, status)| number(status.as_bstr())) {
        _ if timed_out => ExitKind::Running,
        // The status as wait() gives it; for every signal the runners write 256, the same as for a status of 1.
        Some(status) if status > 256 => ExitKind::Status(status >> 8),
        Some(0) => ExitKind::Status(0),
        _ => ExitKind::Unknown,
    };
    let waited = [before, after].into_iter().find_map(|text| text.split_once_str(" waited "));
    let seconds = waited.and_then(|(_, rest)| rest.split_str(" ").next()?.to_str().ok()?.parse::<f64>().ok());
    told.then(|| Seen {
        server: server.into(),
        test: None,
        pid: number(facts.as_bstr()),
        exit,
        lived: seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok()),
        timed_out,
        served,
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const TEXT: &str = "\
Logging: mtr-rs  --force --suite-dir=/s dead
worker[01] mysql-test-run: WARNING: Process [mysqld.1 - pid: 7, winpid: 7, exit: 2304] died after mysql-test-run waited 0.1 seconds for /v/run/mysqld.1.pid to be created.
worker[02] mysql-test-run: WARNING: Timeout after mysql-test-run waited 180 seconds for the process [mysqld.2 - pid: 8, winpid: 8] to create a pid file.
own.dead 'x,y'                 w1 [ fail ]
        Test ended at 2026-01-01 10:00:00
own.fine                       w1 [ pass ]     12
own.late                       w2 [ retry-fail ]
own.crash                      w1 [ fail ]
Server [mysqld.1 - pid: 9, winpid: 9, exit: 256] failed during test run
  server:    mysqld.1 was ended by signal 9 (SIGKILL) after 2.25 s
own.skip                       w1 [ skipped ]  why
own.fine                       w1 [ 2 pass ]     12
worker[01] mysql-test-run: WARNING: Process [mysqld.1 - pid: 10, winpid: 10] died after mysql-test-run waited 0.08 seconds for /v/run/mysqld.1.pid to be created.
";

    fn console() -> Console {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), TEXT).unwrap();
        read(file.path()).unwrap()
    }

    #[test]
    fn failures_are_told_with_their_tests() {
        let console = console();
        assert_eq!(console.arguments.unwrap(), "--force --suite-dir=/s dead");
        let seen: Vec<_> = console
            .seen
            .iter()
            .map(|seen| {
                let test = seen.test.clone().unwrap_or_default().to_string();
                (test, seen.pid.unwrap(), seen.exit, seen.timed_out, seen.served)
            })
            .collect();
        assert_eq!(
            seen,
            [
                ("own.dead".into(), 7, ExitKind::Status(9), false, false),
                ("own.late".into(), 8, ExitKind::Running, true, false),
                ("own.crash".into(), 9, ExitKind::Signal(9), false, true),
                (String::new(), 10, ExitKind::Unknown, false, false),
            ]
        );
        assert_eq!(console.seen[0].lived, Some(Duration::from_millis(100)));
        assert_eq!(console.seen[1].lived, Some(Duration::from_secs(180)));
        assert_eq!(console.seen[2].lived, Some(Duration::from_millis(2250)));
    }

    #[test]
    fn attempts_are_counted() {
        let verdicts = console().verdicts;
        let of = |name: &str| verdicts.get(BStr::new(name)).copied();
        assert_eq!(of("own.fine"), Some(Verdicts { passed: 2, failed: 0 }));
        assert_eq!(of("own.late"), Some(Verdicts { passed: 0, failed: 1 }));
        assert_eq!(of("own.skip"), None);
    }
}
