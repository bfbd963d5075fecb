//! `--result-file`: `VAR0/mtr-results.txt`, lines of `tag : value` (runner §11.8).
//!
//! The reference writes the tags of a test in the order of a Perl hash, anew in each run; here they
//! have one order. Unlike the reference's, the file is whole at any moment (see [`super::snapshot`]); what has no verdict
//! is in it as failed, and so is the run until it has come to its end (see [`super::standing`]).

use std::collections::HashMap;
use std::path::Path;

use bstr::{BString, ByteSlice, ByteVec};

use crate::cli::settings::Settings;
use crate::error::Result;
use crate::event::{Event, Outcome, TestId, Verdict};
use crate::report::clock::Clock;
use crate::report::shutdown::Shutdowns;
use crate::report::snapshot::Document;
use crate::report::standing::{RUN, RUNNER, Standing};
use crate::report::text;

/// The most of an output that is kept, in characters.
const MOST: usize = 5000;

/// The document of `--result-file`.
pub struct ResultFile {
    clock: Clock,
    /// Tags of the command line; the number of workers is known later.
    settings: Vec<(&'static str, BString)>,
    /// The number of workers and the server's version, when they are known.
    known: Option<(usize, String)>,
    /// The tests that are over.
    blocks: BString,
    /// When the tests that run were started, by worker.
    started: HashMap<usize, String>,
    run_started: String,
    duration: Option<u64>,
    shutdowns: Shutdowns,
    standing: Standing,
}

impl ResultFile {
    /// A document without tests. `vardir` (VAR0) is one of the values that it tells.
    pub fn new(settings: &Settings, vardir: &Path, clock: Clock) -> Self {
        ResultFile {
            clock,
            settings: tags(settings, vardir),
            known: None,
            blocks: BString::default(),
            started: HashMap::new(),
            run_started: clock.utc(),
            duration: None,
            shutdowns: Shutdowns::default(),
            standing: Standing::default(),
        }
    }

    fn header(&self) -> BString {
        let mut text = BString::default();
        tag(&mut text, "start_time", self.run_started.as_bytes());
        tag(&mut text, "user_id", rustix::process::getuid().as_raw().to_string().as_bytes());
        for (name, value) in &self.settings {
            if let Some((workers, _)) = self.known.as_ref().filter(|_| *name == "check-testcases") {
                tag(&mut text, "parallel", workers.to_string().as_bytes());
            }
            tag(&mut text, name, value);
        }
        if let Some((_, version)) = &self.known {
            let number = version.split(|c: char| c != '.' && !c.is_ascii_digit()).next().unwrap_or_default();
            tag(&mut text, "version", number.as_bytes());
        }
        text
    }

    /// A failed test that has no verdict of its own.
    fn without_verdict(&self, text: &mut BString, id: &TestId, why: &str) {
        text.push_str("{\n");
        head(text, id, &self.run_started);
        tag(text, "result", b"fail");
        tag(text, "comment", &text::guarded(&text::shortened(why.as_bytes())));
        text.push_str("}\n");
    }

    fn block(&mut self, worker: usize, id: &TestId, outcome: &Outcome) -> BString {
        let now = self.clock.utc();
        let start = self.started.remove(&worker).unwrap_or_else(|| now.clone());
        let mut text = BString::from("{\n");
        head(&mut text, id, &start);
        let result = match outcome.verdict {
            Verdict::Pass if !outcome.check_report.is_empty() => "warning",
            Verdict::Pass => "pass",
            Verdict::Fail | Verdict::ExpFail => "fail",
            Verdict::Skipped | Verdict::Disabled => "skipped",
        };
        if outcome.verdict == Verdict::Pass {
            tag(&mut text, "duration", outcome.timer_ms.unwrap_or(0).to_string().as_bytes());
        }
        tag(&mut text, "result", result.as_bytes());
        let comment = [outcome.comment.as_bytes(), &outcome.server_log].concat();
        if !comment.is_empty() {
            tag(&mut text, "comment", &text::guarded(&text::shortened(&comment)));
        }
        let output =
            [outcome.warnings.as_bytes(), outcome.check_report.trim_end(), outcome.report.trim()].concat();
        if !output.is_empty() {
            text.push_str("  output : ");
            text.push_str(text::continued(&shortened(&output)));
            text.push_str("\"\n");
        }
        text.push_str("}\n");
        if outcome.verdict == Verdict::Pass {
            text.push_str(format!("endtime  : {now}\n"));
        }
        text
    }
}

impl Document for ResultFile {
    fn apply(&mut self, event: &Event) -> bool {
        self.standing.note(event);
        match event {
            Event::RunOpened { .. } | Event::Planned { .. } => {}
            Event::RunStarted { workers, server_version, .. } => {
                self.known = Some((*workers, server_version.clone()));
            }
            Event::TestStarted { worker, .. } => {
                self.started.insert(*worker, self.clock.utc());
            }
            Event::TestFinished { worker, id, outcome, will_retry, .. } => {
                self.shutdowns.note(id, outcome, *will_retry);
                let block = self.block(*worker, id, outcome);
                self.blocks.push_str(block);
            }
            Event::ShutdownWarnings { tests, lines, diagnoses, .. } => {
                let Some((id, outcome)) = self.shutdowns.test(tests, lines, diagnoses) else { return false };
                let block = self.block(0, &id, &outcome);
                self.blocks.push_str(block);
            }
            Event::RunFinished { wall, .. } => self.duration = Some(wall.as_secs()),
            _ => return false,
        }
        true
    }

    fn render(&self) -> Result<Vec<u8>> {
        let mut text = self.header();
        text.push_str(&self.blocks);
        for open in self.standing.open() {
            self.without_verdict(&mut text, &open.id, &self.standing.why(open.started));
        }
        if let Some(fault) = self.standing.fault() {
            let (suite, test, combination) = (RUNNER.to_owned(), RUN.to_owned(), String::new());
            let id = TestId { suite, test, combination, repetition: 1, attempt: 1 };
            self.without_verdict(&mut text, &id, &fault.text);
        }
        if let Some(seconds) = self.duration {
            text.push_str(format!("duration : {seconds}\n"));
        }
        Ok(text.into())
    }
}

/// The first tags of a test.
fn head(text: &mut BString, id: &TestId, start: &str) {
    tag(text, "name", &text::visible(format!("{}.{}", id.suite, id.test).as_bytes()));
    if !id.combination.is_empty() {
        tag(text, "variation", &text::visible(id.combination.as_bytes()));
    }
    tag(text, "start_time", start.as_bytes());
}

/// The command line as tags, in the reference's order.
fn tags(settings: &Settings, vardir: &Path) -> Vec<(&'static str, BString)> {
    let flag = |on: bool| BString::from(if on { "1" } else { "0" });
    let number = |n: Option<u64>| BString::from(n.map(|n| n.to_string()).unwrap_or_default());
    let path = |path: Option<&Path>| {
        BString::from(path.map(|path| path.as_os_str().as_encoded_bytes()).unwrap_or_default())
    };
    let own_tmp = vardir.join("tmp");
    let mem = match &settings.mem {
        None => BString::default(),
        Some(None) => BString::from("1"),
        Some(Some(dir)) => path(Some(dir)),
    };
    vec![
        ("embedded-server", flag(settings.embedded_server)),
        ("ps-protocol", flag(settings.ps_protocol)),
        ("sp-protocol", flag(settings.sp_protocol)),
        ("view-protocol", flag(settings.view_protocol)),
        ("cursor-protocol", flag(settings.cursor_protocol)),
        ("ssl", flag(settings.ssl)),
        ("compress", flag(settings.compress)),
        ("check-testcases", flag(settings.check_testcases)),
        ("mariadbd", BString::from(bstr::join(" ", &settings.mysqld))),
        ("debug", flag(settings.debug)),
        ("gcov", flag(settings.gcov)),
        ("gprof", flag(settings.gprof)),
        ("mem", mem),
        ("tmpdir", path(Some(settings.tmpdir.as_deref().unwrap_or(&own_tmp)))),
        ("vardir", path(Some(vardir))),
        ("fast", flag(settings.fast)),
        ("force-restart", flag(settings.force_restart)),
        ("reorder", flag(settings.reorder)),
        ("sleep", number(settings.sleep.map(|sleep| sleep.as_secs()))),
        ("repeat", number(Some(settings.repeat.into()))),
        ("user", BString::from(settings.user.as_str())),
        ("testcase-timeout", number(Some(settings.testcase_timeout.as_secs() / 60))),
        ("suite-timeout", number(Some(settings.suite_timeout.as_secs() / 60))),
        ("shutdown-timeout", flag(!settings.shutdown_timeout.is_zero())),
        ("warnings", flag(settings.warnings)),
        ("max-connections", number(settings.max_connections)),
        ("product", BString::from("MariaDB")),
        ("xml-report", path(settings.xml_report.as_deref())),
    ]
}

/// One line, or more where the value has some: such a value is quoted, and so is one that starts
/// with white space or a quote.
fn tag(text: &mut BString, name: &str, value: &[u8]) {
    text.push_str(format!("{name} : "));
    let first = value.first().copied().unwrap_or(b'x');
    if first.is_ascii_whitespace() || first == b'"' || value.contains(&b'\n') {
        text.push(b'"');
        text.push_str(value.replace(b"\\", b"\\\\").replace(b"\"", b"\\\""));
        text.push(b'"');
    } else {
        text.push_str(value);
    }
    text.push(b'\n');
}

fn shortened(output: &[u8]) -> BString {
    if output.len() <= MOST {
        return output.into();
    }
    let (kept, cut) = output.split_at(MOST);
    let mut text = BString::from(kept);
    text.push_str(format!("\n[TRUNCATED {} chars removed]", cut.len()));
    text
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::report::testing::sample;

    #[test]
    fn values_are_quoted_where_a_reader_needs_it() {
        let line = |value: &[u8]| {
            let mut text = BString::default();
            tag(&mut text, "comment", value);
            text
        };
        assert_eq!(line(b"Because <I> say \"so\""), "comment : Because <I> say \"so\"\n");
        assert_eq!(line(b"a\nb\\\"c\n"), "comment : \"a\nb\\\\\\\"c\n\"\n");
        assert_eq!(line(b" a"), "comment : \" a\"\n");
        assert_eq!(line(b"\"a"), "comment : \"\\\"a\"\n");
        assert_eq!(line(b""), "comment : \n");
    }

    #[test]
    fn long_output_is_cut() {
        let text = shortened(&[b'x'; 5007]);
        assert!(text.ends_with(b"x\n[TRUNCATED 7 chars removed]"));
        assert_eq!(text.len(), 5000 + 28);
    }

    #[test]
    fn the_file_has_a_head_a_block_for_each_test_and_a_duration() {
        let dir = tempfile::tempdir().unwrap();
        let settings = Settings {
            mysqld: vec!["--a=1".into(), "--b".into()],
            vardir: Some("/v".into()),
            ..Settings::default()
        };
        let mut file = ResultFile::new(&settings, dir.path(), sample::clock());
        let begun = file.render().unwrap();
        assert!(begun.contains_str("name : mtr-rs.run\nstart_time : 2026-11-23T12:32:19Z\nresult : fail\n"));
        for event in sample::script() {
            file.apply(&event);
        }
        let text = file.render().unwrap();
        let text = text.to_str_lossy();
        assert!(!text.contains("name : mtr-rs.run"), "{text}");
        for expected in [
            "start_time : 2026-11-23T12:32:19Z\nuser_id : ",
            "\ncompress : 0\nparallel : 1\ncheck-testcases : 1\nmariadbd : --a=1 --b\n",
            "\nshutdown-timeout : 1\nwarnings : 1\nmax-connections : \nproduct : MariaDB\nxml-report : \nversion : 10.11.19\n{\n",
            "{\nname : S.pass1\nstart_time : 2026-11-23T12:32:19Z\nduration : 1\nresult : pass\n}\nendtime  : ",
            "\nvariation : one\n",
            "result : skipped\ncomment : Because <I> say \"so\"\n}\n",
            "result : warning\n  output : \n  | MTR's internal check of the test case 'S.check' failed.\n  | not ok\"\n}\n",
            "  | ok\n  | CURRENT_TEST: S.warns\"\n}\nduration : 3\n",
        ] {
            assert!(text.contains(expected), "{expected}\nnot in\n{text}");
        }
    }
}
