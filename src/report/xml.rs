//! `--xml-report`: the reference's own layout, to the byte (runner §11.7).
//!
//! Attribute order, empty attributes, white space and the numeric entities are read by others
//! (MariaDB's log collector and the cross-reference site), which is why this is written by hand and
//! not by an XML writer. Unlike the reference's, which is written once at the end, the file is there
//! all the time (see [`super::snapshot`]); a test that was selected and has no verdict is in it as failed, and so is the run
//! itself until it has come to its end (see [`super::standing`]): a run that was killed, or ended early, is not green.
//! What servers said while they shut down, for which the run fails, is in it as a failed test, which the
//! reference's does not have (see [`super::shutdown`]).

use std::collections::BTreeMap;
use std::fmt::Write;

use bstr::ByteSlice;

use crate::error::Result;
use crate::event::{Event, Outcome, TestId, Verdict};
use crate::report::clock::Clock;
use crate::report::layout::diagnoses;
use crate::report::shutdown::Shutdowns;
use crate::report::snapshot::Document;
use crate::report::standing::{RUN, RUNNER, Standing};
use crate::report::tally::Tally;
use crate::report::text;

/// The document of `--xml-report`.
pub struct LegacyXml {
    clock: Clock,
    host: String,
    tally: Tally,
    /// Completed entries by `suite.test`; those of one name in order of completion.
    entries: BTreeMap<String, Vec<Entry>>,
    standing: Standing,
    shutdowns: Shutdowns,
    /// Failed tests that stand for shutdowns: no attempts, which [`Tally`] counts.
    shutdown_failures: usize,
}

#[derive(Debug, Clone)]
struct Entry {
    suite: String,
    verdict: Verdict,
    timer_ms: u64,
    xml: String,
}

#[derive(Default)]
struct Sums {
    tests: usize,
    failures: usize,
    skipped: usize,
    disabled: usize,
    timer_ms: u64,
}

impl LegacyXml {
    /// An empty document.
    pub fn new(clock: Clock) -> Self {
        let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
        LegacyXml {
            clock,
            host,
            tally: Tally::default(),
            entries: BTreeMap::new(),
            standing: Standing::default(),
            shutdowns: Shutdowns::default(),
            shutdown_failures: 0,
        }
    }

    /// Entries in the order of the file, by name, those without a verdict after finished ones of that name; and how many have
    /// none.
    fn sorted(&self) -> (Vec<Entry>, usize) {
        let mut all = self.entries.clone();
        let mut without = 0;
        let failed = |report: String| Outcome { report: report.into(), ..Outcome::default() };
        for open in self.standing.open() {
            let entry = Entry::new(&open.id, &failed(self.standing.why(open.started)));
            all.entry(name(&open.id)).or_default().push(entry);
            without += 1;
        }
        if let Some(fault) = self.standing.fault() {
            let (suite, test, combination) = (RUNNER.to_owned(), RUN.to_owned(), String::new());
            let id = TestId { suite, test, combination, repetition: 1, attempt: 1 };
            all.entry(name(&id)).or_default().push(Entry::new(&id, &failed(fault.text)));
            without += 1;
        }
        (all.into_values().flatten().collect(), without)
    }
}

impl Document for LegacyXml {
    fn apply(&mut self, event: &Event) -> bool {
        self.tally.event(event);
        self.standing.note(event);
        match event {
            Event::RunOpened { .. }
            | Event::Planned { .. }
            | Event::TestStarted { .. }
            | Event::RunFinished { .. } => true,
            Event::TestFinished { id, outcome, will_retry, will_repeat, .. } => {
                self.shutdowns.note(id, outcome, *will_retry);
                if *will_retry || !will_repeat {
                    self.entries.entry(name(id)).or_default().push(Entry::new(id, outcome));
                }
                true
            }
            Event::ShutdownWarnings { tests, lines, diagnoses, .. } => {
                let Some((id, outcome)) = self.shutdowns.test(tests, lines, diagnoses) else { return false };
                self.entries.entry(name(&id)).or_default().push(Entry::new(&id, &outcome));
                self.shutdown_failures += 1;
                true
            }
            _ => false,
        }
    }

    fn render(&self) -> Result<Vec<u8>> {
        let (entries, without) = self.sorted();
        let total = Sums::of(&entries);
        let more = without + self.shutdown_failures;
        let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
        push(
            &mut out,
            format_args!(
                "<testsuites disabled=\"{}\" errors=\"\" failures=\"{}\" name=\"\" tests=\"{}\" time=\"{}\">\n",
                total.disabled,
                self.tally.failed + more,
                self.tally.tests() + more,
                seconds(total.timer_ms)
            ),
        );
        let timestamp = self.clock.utc();
        for (index, suite) in entries.chunk_by(|a, b| a.suite == b.suite).enumerate() {
            let sums = Sums::of(suite);
            let name = suite.first().map(|entry| escaped(entry.suite.as_bytes())).unwrap_or_default();
            push(
                &mut out,
                format_args!(
                    "\t<testsuite disabled=\"{}\" errors=\"\" failures=\"{}\" hostname=\"{}\" id=\"{index}\" \
                     name=\"{name}\" package=\"\" skipped=\"{}\" tests=\"{}\" time=\"{}\" timestamp=\"{timestamp}\">\n",
                    number_or_empty(sums.disabled),
                    number_or_empty(sums.failures),
                    escaped(self.host.as_bytes()),
                    number_or_empty(sums.skipped),
                    sums.tests,
                    seconds(sums.timer_ms)
                ),
            );
            for entry in suite {
                out.push_str(&entry.xml);
            }
            out.push_str("\t</testsuite>\n");
        }
        out.push_str("</testsuites>\n");
        Ok(out.into_bytes())
    }
}

impl Entry {
    fn new(id: &TestId, outcome: &Outcome) -> Self {
        let timer_ms = outcome.timer_ms.unwrap_or(0);
        let status = match outcome.verdict {
            Verdict::Pass => "MTR_RES_PASSED",
            Verdict::Fail | Verdict::ExpFail => "MTR_RES_FAILED",
            Verdict::Skipped | Verdict::Disabled => "MTR_RES_SKIPPED",
        };
        let mut xml = String::new();
        push(
            &mut xml,
            format_args!(
                "\t\t<testcase assertions=\"\" classname=\"{}\" name=\"{}\" status=\"{status}\" time=\"{}\" \
                 combinations=\"{}\"",
                escaped(id.suite.as_bytes()),
                escaped(id.test.as_bytes()),
                seconds(timer_ms),
                escaped(id.combination.as_bytes())
            ),
        );
        let reason = match outcome.verdict {
            Verdict::Pass => {
                xml.push_str(" />\n");
                return Entry { suite: id.suite.clone(), verdict: outcome.verdict, timer_ms, xml };
            }
            Verdict::Fail | Verdict::ExpFail => format!(
                "<failure message=\"\" type=\"{status}\">\n<![CDATA[{}\n]]>\n\t\t\t</failure>",
                character_data(&failure_text(outcome))
            ),
            Verdict::Skipped => {
                format!(
                    "<skipped message=\"{}\" type=\"{status}\"/>",
                    escaped(&text::shortened(outcome.comment.trim_end()))
                )
            }
            Verdict::Disabled => {
                format!(
                    "<disabled message=\"{}\" type=\"{status}\"/>",
                    escaped(&text::shortened(outcome.comment.trim_end()))
                )
            }
        };
        push(&mut xml, format_args!(">\n\t\t\t{reason}\n\t\t</testcase>\n"));
        Entry { suite: id.suite.clone(), verdict: outcome.verdict, timer_ms, xml }
    }
}

impl Sums {
    fn of(entries: &[Entry]) -> Self {
        let mut sums = Sums { tests: entries.len(), ..Sums::default() };
        for entry in entries {
            sums.timer_ms += entry.timer_ms;
            match entry.verdict {
                Verdict::Pass => {}
                Verdict::Fail | Verdict::ExpFail => sums.failures += 1,
                Verdict::Skipped => sums.skipped += 1,
                Verdict::Disabled => sums.disabled += 1,
            }
        }
        sums
    }
}

fn name(id: &TestId) -> String {
    format!("{}.{}", id.suite, id.test)
}

/// Why servers failed, which the reference does not know; then what it writes: the log's tail kept from an attempt
/// that is tried again, or else the report, and the warnings. The runner's comment is not in the reference's file.
fn failure_text(outcome: &Outcome) -> Vec<u8> {
    let report = if outcome.log_tail.is_empty() { outcome.report.trim() } else { outcome.log_tail.trim() };
    let mut all: Vec<u8> = diagnoses(outcome).into();
    if !all.is_empty() {
        all.push(b'\n');
    }
    all.extend_from_slice(&text::shortened(report));
    all.extend_from_slice(&text::shortened(&outcome.warnings));
    all
}

/// Bytes are taken as Latin-1, as the reference does; what XML or the section cannot hold is replaced.
fn character_data(text: &[u8]) -> String {
    latin1(text).replace("]]", "\u{FFFD}")
}

/// The reference's numeric forms of `&`, `'` and `"`.
fn escaped(text: &[u8]) -> String {
    let mut out = String::with_capacity(text.len());
    for c in latin1(text).chars() {
        match c {
            '&' => out.push_str("&#38;"),
            '\'' => out.push_str("&#39;"),
            '"' => out.push_str("&#34;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            c => out.push(c),
        }
    }
    out
}

fn latin1(text: &[u8]) -> String {
    let allowed = |byte: u8| byte >= b' ' || matches!(byte, b'\t' | b'\n' | b'\r');
    text.iter().map(|byte| if allowed(*byte) { char::from(*byte) } else { '\u{FFFD}' }).collect()
}

fn number_or_empty(n: usize) -> String {
    if n == 0 { String::new() } else { n.to_string() }
}

fn seconds(ms: u64) -> String {
    format!("{}.{:03}", ms / 1000, ms % 1000)
}

/// Writing to a string cannot fail.
fn push(out: &mut String, text: std::fmt::Arguments<'_>) {
    let _ = out.write_fmt(text);
}
