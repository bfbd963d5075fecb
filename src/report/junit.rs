//! `--junit`: the layout that CI systems read, one `testcase` an instance and round.
//!
//! Attempts that were tried again are `flakyFailure` in a test that passed in the end, and
//! `rerunFailure` in one that did not. What servers said while they shut down is a `testcase` of its own (see
//! [`super::shutdown`]). A test that was selected and has no verdict is an `error`, and so is the run itself until it has come
//! to its end, for ever if it is killed: nothing without a verdict is absent or green (see [`super::standing`]).
//! Written with quick-xml and kept on disk by [`super::snapshot`].

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io;

use bstr::ByteSlice;
use quick_xml::Writer;
use quick_xml::events::{BytesDecl, BytesText, Event as Xml};

use crate::error::{Error, Result};
use crate::event::{Event, FailureKind, Outcome, TestId, Verdict};
use crate::report::clock::Clock;
use crate::report::layout::diagnoses;
use crate::report::shutdown::Shutdowns;
use crate::report::snapshot::Document;
use crate::report::standing::{Fault, RUN, RUNNER, Standing};
use crate::report::text;

/// The document of `--junit`.
pub struct Junit {
    clock: Clock,
    host: String,
    suites: BTreeMap<String, Suite>,
    shutdowns: Shutdowns,
    standing: Standing,
}

#[derive(Default)]
struct Suite {
    cases: Vec<Case>,
    index: BTreeMap<String, usize>,
}

/// An instance in one round.
#[derive(Clone, Default)]
struct Case {
    name: String,
    running: bool,
    seconds: f64,
    failures: Vec<Failure>,
    /// Why the run counts as failed, for the case that stands for it.
    fault: Option<Failure>,
    /// Why there is no verdict, once the document is written.
    no_verdict: String,
    /// The verdict of the last attempt, the reason of a skip, and its texts.
    last: Option<Last>,
}

#[derive(Clone)]
struct Failure {
    kind: &'static str,
    message: String,
    text: String,
}

#[derive(Clone)]
struct Last {
    verdict: Verdict,
    reason: String,
    out: String,
    err: String,
}

/// What a case counts as.
#[derive(PartialEq)]
enum Counts {
    Passed,
    Failed,
    Error,
    Skipped,
}

impl Junit {
    /// An empty document.
    pub fn new(clock: Clock) -> Self {
        let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
        Junit {
            clock,
            host,
            suites: BTreeMap::new(),
            shutdowns: Shutdowns::default(),
            standing: Standing::default(),
        }
    }

    fn case(&mut self, id: &TestId) -> &mut Case {
        let suite = self.suites.entry(visible(&id.suite)).or_default();
        let name = case_name(id);
        let next = suite.cases.len();
        let index = *suite.index.entry(name.clone()).or_insert(next);
        if index == next {
            suite.cases.push(Case { name, ..Case::default() });
        }
        &mut suite.cases[index]
    }

    /// What is written: the cases, those without a verdict with the reason and the rest of them behind the others, and
    /// one for the run as long as it is not completed.
    fn shown(&self) -> BTreeMap<String, Vec<Cow<'_, Case>>> {
        let mut suites: BTreeMap<String, Vec<Cow<'_, Case>>> = BTreeMap::new();
        for (name, suite) in &self.suites {
            let reason = self.standing.why(true);
            let with_reason = |case: &'_ Case| Case { no_verdict: reason.clone(), ..case.clone() };
            let cases = suite.cases.iter().map(|case| match case.running {
                true => Cow::Owned(with_reason(case)),
                false => Cow::Borrowed(case),
            });
            suites.insert(name.clone(), cases.collect());
        }
        for open in self.standing.open() {
            let (suite, name) = (visible(&open.id.suite), case_name(&open.id));
            if self.suites.get(&suite).is_some_and(|suite| suite.index.contains_key(&name)) {
                continue;
            }
            let no_verdict = self.standing.why(open.started);
            let case = Case { name, running: true, no_verdict, ..Case::default() };
            suites.entry(suite).or_default().push(Cow::Owned(case));
        }
        if let Some(Fault { message, text }) = self.standing.fault() {
            let fault = Failure {
                kind: "run_not_completed",
                message: shown(message.as_bytes()),
                text: shown(text.as_bytes()),
            };
            let case = Case { name: RUN.to_owned(), fault: Some(fault), ..Case::default() };
            suites.entry(RUNNER.to_owned()).or_default().push(Cow::Owned(case));
        }
        suites
    }

    fn write(&self, writer: &mut Writer<Vec<u8>>) -> io::Result<()> {
        writer.write_event(Xml::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)))?;
        let suites = self.shown();
        let all = suites.values().flatten().map(Cow::as_ref);
        let root = with_counts(writer.create_element("testsuites"), "mtr", all);
        let timestamp = self.clock.utc();
        root.write_inner_content(|writer| {
            for (name, cases) in &suites {
                with_counts(writer.create_element("testsuite"), name, cases.iter().map(Cow::as_ref))
                    .with_attribute(("timestamp", timestamp.trim_end_matches('Z')))
                    .with_attribute(("hostname", self.host.as_str()))
                    .write_inner_content(|writer| {
                        cases.iter().try_for_each(|case| case.write(name, writer))
                    })?;
            }
            Ok(())
        })?;
        Ok(())
    }
}

impl Document for Junit {
    fn apply(&mut self, event: &Event) -> bool {
        self.standing.note(event);
        match event {
            Event::RunOpened { .. } | Event::Planned { .. } => {}
            Event::TestStarted { id, .. } => self.case(id).running = true,
            Event::TestFinished { id, outcome, will_retry, .. } => {
                self.shutdowns.note(id, outcome, *will_retry);
                let case = self.case(id);
                case.finish(outcome);
                // The attempt that follows decides.
                case.running = *will_retry;
            }
            Event::ShutdownWarnings { tests, lines, diagnoses, .. } => {
                let Some((id, outcome)) = self.shutdowns.test(tests, lines, diagnoses) else { return false };
                self.case(&id).finish(&outcome);
            }
            Event::RunFinished { missing, .. } => {
                if *missing == 0 {
                    // Servers for a person were started for a test, and no verdict is owed.
                    self.suites.values_mut().for_each(|suite| suite.cases.retain(|case| !case.running));
                }
            }
            _ => return false,
        }
        true
    }

    fn render(&self) -> Result<Vec<u8>> {
        let mut writer = Writer::new_with_indent(Vec::new(), b' ', 2);
        self.write(&mut writer).map_err(|e| Error::new("cannot write XML").caused_by(e))?;
        let mut text = writer.into_inner();
        text.push(b'\n');
        Ok(text)
    }
}

impl Case {
    fn finish(&mut self, outcome: &Outcome) {
        self.running = false;
        self.seconds += outcome.wall.as_secs_f64();
        if matches!(outcome.verdict, Verdict::Fail | Verdict::ExpFail) {
            self.failures.push(Failure {
                kind: kind(outcome.failure),
                message: message(outcome),
                text: joined(&[&diagnoses(outcome), &outcome.comment, &outcome.report, &outcome.warnings]),
            });
        }
        self.last = Some(Last {
            verdict: outcome.verdict,
            reason: shown(outcome.comment.trim()),
            out: joined(&[&outcome.check_report, &outcome.log_tail]),
            err: joined(&[without_diagnoses(outcome)]),
        });
    }

    fn counts(&self) -> Counts {
        match &self.last {
            _ if self.running || self.fault.is_some() => Counts::Error,
            None => Counts::Error,
            Some(last) => match last.verdict {
                Verdict::Pass => Counts::Passed,
                Verdict::Fail | Verdict::ExpFail => Counts::Failed,
                Verdict::Skipped | Verdict::Disabled => Counts::Skipped,
            },
        }
    }

    fn write(&self, suite: &str, writer: &mut Writer<Vec<u8>>) -> io::Result<()> {
        let seconds = format!("{:.3}", self.seconds);
        let element = writer
            .create_element("testcase")
            .with_attribute(("classname", suite))
            .with_attribute(("name", self.name.as_str()))
            .with_attribute(("time", seconds.as_str()));
        let counts = self.counts();
        if counts == Counts::Passed && self.failures.is_empty() && self.texts().is_empty() {
            element.write_empty()?;
            return Ok(());
        }
        element.write_inner_content(|writer| self.write_content(&counts, writer))?;
        Ok(())
    }

    fn write_content(&self, counts: &Counts, writer: &mut Writer<Vec<u8>>) -> io::Result<()> {
        let mut failures = self.failures.iter();
        let rest = match counts {
            Counts::Error => {
                let missing = || Failure {
                    kind: "no_verdict",
                    message: "no verdict".to_owned(),
                    text: shown(self.no_verdict.as_bytes()),
                };
                self.fault.clone().unwrap_or_else(missing).write("error", writer)?;
                "rerunFailure"
            }
            Counts::Failed => {
                if let Some(first) = failures.next() {
                    first.write("failure", writer)?;
                }
                "rerunFailure"
            }
            Counts::Skipped => {
                let reason = self.last.as_ref().map_or("", |last| last.reason.as_str());
                writer.create_element("skipped").with_attribute(("message", reason)).write_empty()?;
                "flakyFailure"
            }
            Counts::Passed => "flakyFailure",
        };
        for failure in failures {
            failure.write(rest, writer)?;
        }
        for (name, text) in self.texts() {
            writer.create_element(name).write_text_content(BytesText::new(text))?;
        }
        Ok(())
    }

    fn texts(&self) -> Vec<(&'static str, &str)> {
        let Some(last) = &self.last else { return Vec::new() };
        let mut texts = vec![("system-out", last.out.as_str()), ("system-err", last.err.as_str())];
        texts.retain(|(_, text)| !text.is_empty());
        texts
    }
}

impl Failure {
    fn write(&self, element: &str, writer: &mut Writer<Vec<u8>>) -> io::Result<()> {
        writer
            .create_element(element)
            .with_attribute(("type", self.kind))
            .with_attribute(("message", self.message.as_str()))
            .write_text_content(BytesText::new(&self.text))?;
        Ok(())
    }
}

fn with_counts<'w, 'a>(
    element: quick_xml::writer::ElementWriter<'w, Vec<u8>>,
    name: &str,
    cases: impl Iterator<Item = &'a Case>,
) -> quick_xml::writer::ElementWriter<'w, Vec<u8>> {
    let (mut tests, mut failures, mut errors, mut skipped, mut seconds) = (0, 0, 0, 0, 0.0);
    for case in cases {
        tests += 1;
        seconds += case.seconds;
        match case.counts() {
            Counts::Passed => {}
            Counts::Failed => failures += 1,
            Counts::Error => errors += 1,
            Counts::Skipped => skipped += 1,
        }
    }
    element
        .with_attribute(("name", name))
        .with_attribute(("tests", tests.to_string().as_str()))
        .with_attribute(("failures", failures.to_string().as_str()))
        .with_attribute(("errors", errors.to_string().as_str()))
        .with_attribute(("skipped", skipped.to_string().as_str()))
        .with_attribute(("time", format!("{seconds:.3}").as_str()))
}

fn visible(name: &str) -> String {
    text::visible(name.as_bytes()).to_string()
}

/// The name of an instance in one round.
fn case_name(id: &TestId) -> String {
    let mut name = match id.combination.as_str() {
        "" => visible(&id.test),
        names => format!("{} '{}'", visible(&id.test), visible(names)),
    };
    if id.repetition > 1 {
        name.push_str(&format!(" #{}", id.repetition));
    }
    name
}

fn kind(failure: Option<FailureKind>) -> &'static str {
    match failure.unwrap_or_default() {
        FailureKind::Other => "failure",
        FailureKind::Result => "result",
        FailureKind::Statement => "statement",
        FailureKind::Check => "check",
        FailureKind::ScriptError => "script_error",
        FailureKind::Warnings => "warnings",
        FailureKind::Timeout => "timeout",
        FailureKind::ServerStart => "server_start",
        FailureKind::ServerDeath => "server_death",
    }
}

/// The cause in one line: why a server failed, or what the runner says, or else the last line of the engine's report.
fn message(outcome: &Outcome) -> String {
    if let Some(diagnosis) = outcome.diagnoses.first() {
        return shown(&diagnosis.cause_with_code());
    }
    if !outcome.warnings.is_empty() {
        return "Found warnings/errors in server log file!".to_owned();
    }
    if let (Some(FailureKind::Timeout), Some(seconds)) = (outcome.failure, outcome.timeout_s) {
        return format!("timeout after {seconds} seconds");
    }
    let first = outcome.comment.lines().find(|line| !line.trim().is_empty());
    let last = outcome.report.trim().lines().next_back();
    shown(first.or(last).unwrap_or_default().trim())
}

/// The excerpt of the server's log: the diagnoses above it are in the failure's own text.
fn without_diagnoses(outcome: &Outcome) -> &[u8] {
    outcome.server_log.strip_prefix(diagnoses(outcome).as_slice()).unwrap_or(&outcome.server_log)
}

/// The parts that are not empty, with an empty line between.
fn joined(parts: &[&[u8]]) -> String {
    let whole_lines = |part: &&[u8]| {
        let blank = part.len() - part.trim_start().len();
        let start = part[..blank].rfind_byte(b'\n').map_or(0, |newline| newline + 1);
        shown(part[start..].trim_end())
    };
    let parts: Vec<String> = parts.iter().map(whole_lines).filter(|part| !part.is_empty()).collect();
    parts.join("\n\n")
}

/// Text that XML can hold: other bytes as `\xNN`, the middle of a very long text left out.
fn shown(bytes: &[u8]) -> String {
    clean(&text::shortened(bytes))
}

fn clean(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    let chunks = bytes.utf8_chunks();
    for chunk in chunks {
        for c in chunk.valid().chars() {
            match c {
                '\t' | '\n' | '\r' | ' '..='\u{D7FF}' | '\u{E000}'..='\u{FFFD}' | '\u{10000}'.. => {
                    text.push(c)
                }
                other => text.push_str(&format!("\\x{:02X}", u32::from(other))),
            }
        }
        for byte in chunk.invalid() {
            text.push_str(&format!("\\x{byte:02X}"));
        }
    }
    text
}
