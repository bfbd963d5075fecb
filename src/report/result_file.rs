//! `--result-file`: `VAR0/mtr-results.txt`, lines of `tag : value` (runner §11.8).
//!
//! The reference writes the tags of a test in the order of a Perl hash, anew in each run; here they
//! have one order. Blocks are appended as tests end, so a killed run leaves the tests so far.

use std::collections::HashMap;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

use bstr::{BString, ByteSlice, ByteVec};

use crate::cli::settings::Settings;
use crate::error::{Error, Result};
use crate::event::{Event, Outcome, TestId, Verdict};
use crate::report::clock::Clock;
use crate::report::reporter::Reporter;
use crate::report::shutdown::Shutdowns;
use crate::report::text;

/// The most of an output that is kept, in characters.
const MOST: usize = 5000;

/// The reporter of `--result-file`.
pub struct ResultFileReporter {
    file: Option<File>,
    path: PathBuf,
    clock: Clock,
    /// Tags of the command line; written when the number of workers is known.
    settings: Vec<(&'static str, BString)>,
    /// When the tests that run were started, by worker.
    started: HashMap<usize, String>,
    run_started: String,
    shutdowns: Shutdowns,
}

impl ResultFileReporter {
    /// Creates or empties the file at `path`. `vardir` (VAR0) is one of the values that it tells.
    ///
    /// # Errors
    ///
    /// The file cannot be created.
    pub fn create(path: &Path, settings: &Settings, vardir: &Path, clock: Clock) -> Result<Self> {
        let file = File::create(path).map_err(|e| Error::io("create", path, e))?;
        Ok(ResultFileReporter {
            file: Some(file),
            path: path.to_owned(),
            clock,
            settings: tags(settings, vardir),
            started: HashMap::new(),
            run_started: clock.utc(),
            shutdowns: Shutdowns::default(),
        })
    }

    fn header(&self, workers: usize, version: &str) -> BString {
        let mut text = BString::default();
        tag(&mut text, "start_time", self.run_started.as_bytes());
        tag(&mut text, "user_id", rustix::process::getuid().as_raw().to_string().as_bytes());
        for (name, value) in &self.settings {
            if *name == "check-testcases" {
                tag(&mut text, "parallel", workers.to_string().as_bytes());
            }
            tag(&mut text, name, value);
        }
        let number = version.split(|c: char| c != '.' && !c.is_ascii_digit()).next().unwrap_or_default();
        tag(&mut text, "version", number.as_bytes());
        text
    }

    fn block(&mut self, worker: usize, id: &TestId, outcome: &Outcome) -> BString {
        let now = self.clock.utc();
        let start = self.started.remove(&worker).unwrap_or_else(|| now.clone());
        let mut text = BString::from("{\n");
        tag(&mut text, "name", &text::visible(format!("{}.{}", id.suite, id.test).as_bytes()));
        if !id.combination.is_empty() {
            tag(&mut text, "variation", &text::visible(id.combination.as_bytes()));
        }
        tag(&mut text, "start_time", start.as_bytes());
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
            tag(&mut text, "comment", &text::guarded(&comment));
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

impl Reporter for ResultFileReporter {
    fn event(&mut self, event: &Event) -> Result<()> {
        let text = match event {
            Event::RunStarted { workers, server_version, .. } => self.header(*workers, server_version),
            Event::TestStarted { worker, .. } => {
                self.started.insert(*worker, self.clock.utc());
                return Ok(());
            }
            Event::TestFinished { worker, id, outcome, will_retry, .. } => {
                self.shutdowns.note(id, outcome, *will_retry);
                self.block(*worker, id, outcome)
            }
            Event::ShutdownWarnings { tests, lines, diagnoses, .. } => {
                let Some((id, outcome)) = self.shutdowns.test(tests, lines, diagnoses) else { return Ok(()) };
                self.block(0, &id, &outcome)
            }
            Event::RunFinished { wall, .. } => BString::from(format!("duration : {}\n", wall.as_secs())),
            _ => return Ok(()),
        };
        let Some(file) = &mut self.file else { return Ok(()) };
        file.write_all(&text).map_err(|e| {
            self.file = None;
            Error::io("write", &self.path, e)
        })
    }
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
        let path = dir.path().join("mtr-results.txt");
        let mut file = ResultFileReporter::create(&path, &settings, dir.path(), sample::clock()).unwrap();
        for event in sample::script() {
            file.event(&event).unwrap();
        }
        let text = std::fs::read(&path).unwrap();
        let text = text.to_str_lossy();
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
