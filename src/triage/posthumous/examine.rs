//! Looks at everything that a run left, and says of each server that died why.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bstr::{BString, ByteSlice};

use crate::env::Env;
use crate::error::{Error, Result};
use crate::sys::deadline::deadline_after;
use crate::tree::probe::ServerFacts;
use crate::triage::collect::log_file;
use crate::triage::diagnosis::Diagnosis;
use crate::triage::evidence::{Evidence, LogPart, Stage};
use crate::triage::posthumous::console;
use crate::triage::posthumous::console::{Console, Seen, Verdicts};
use crate::triage::posthumous::fate;
use crate::triage::posthumous::fate::Fate;
use crate::triage::posthumous::origins::Origins;
use crate::triage::posthumous::rebuild;
use crate::triage::posthumous::rebuild::Beside;
use crate::triage::posthumous::reports;
use crate::triage::posthumous::reports::ReportFile;
use crate::triage::posthumous::starts;
use crate::triage::posthumous::starts::{Followed, Start};
use crate::triage::posthumous::vardir::FinishedRun;
use crate::triage::rules::judge;

/// What a death meant for its test. Whether a script wanted it stood in an expect file, which is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Weight {
    /// It ended the test, or the log.
    Fatal,
    /// The test went on, and failed or its verdict is not known.
    Unclear,
    /// The test passed: it wanted the death.
    Wanted,
}

/// A server that died.
#[derive(Debug, Clone)]
pub struct Death {
    /// What it meant.
    pub weight: Weight,
    /// What the server was doing.
    pub stage: Stage,
    /// The test.
    pub test: Option<BString>,
    /// Its log or report.
    pub log: PathBuf,
    /// The first line of this start in the log.
    pub line: u32,
    /// When, as the log says it; made to be compared.
    pub when: Option<String>,
    /// Why.
    pub diagnosis: Diagnosis,
}

/// What was looked at, and what was found.
#[derive(Debug, Clone, Default)]
pub struct Examination {
    /// Deaths: the weightiest first, then the newest.
    pub deaths: Vec<Death>,
    /// How many starts there are in all logs.
    pub starts: usize,
    /// How many bootstraps there are.
    pub bootstraps: usize,
    /// How many reports of sanitizers there are.
    pub reports: usize,
}

/// What the examine knows beside the finished.
pub struct Knowledge<'a> {
    /// The current directory that servers have.
    pub test_dir: &'a Path,
    /// What the server program of the installation says of itself, and where it is.
    pub facts: Option<(&'a Path, &'a Arc<ServerFacts>)>,
    /// Where the options of tests are.
    pub origins: Origins<'a>,
    /// How long debuggers may look at core files, all together.
    pub patience: Duration,
    /// The environment, which may say where reports of sanitizers go.
    pub env: &'a Env,
}

/// Reads the copy of the run's console, where there is one.
pub fn console(finished: &FinishedRun) -> Console {
    finished.console.as_ref().and_then(|file| console::read(file).ok()).unwrap_or_default()
}

/// Looks at everything.
///
/// # Errors
/// A log cannot be read.
pub fn examination(
    finished: &FinishedRun,
    console: &Console,
    knowledge: &mut Knowledge<'_>,
) -> Result<Examination> {
    let mut examination = Examination::default();
    let mut reports = finished.vardir.as_deref().map(reports::below).unwrap_or_default();
    examination.reports = reports.len();
    reports.extend(reports::by_environment(knowledge.env));
    for path in &finished.bootstraps {
        let starts = starts::split_bootstraps(path).map_err(|error| Error::io("read", path, error))?;
        examination.bootstraps += starts.len();
        for start in &starts {
            examination.deaths.extend(bootstrap(path, start, finished, knowledge));
        }
    }
    for path in &finished.logs {
        let starts = starts::split(path).map_err(|error| Error::io("read", path, error))?;
        examination.starts += starts.len();
        let mut log =
            Log { path, finished, console, knowledge, seen: seen_of(path, console), used: Vec::new() };
        for start in &starts {
            examination.deaths.extend(log.death(start, &mut reports));
        }
    }
    let strays =
        reports.into_iter().filter(|report| report.of_run && finished.only_test.is_none()).map(stray);
    examination.deaths.extend(strays);
    examination.deaths.sort_by(|a, b| a.weight.cmp(&b.weight).then_with(|| b.when.cmp(&a.when)));
    Ok(examination)
}

fn part(path: &Path, start: &Start) -> LogPart {
    log_file::part(path, start.bytes.clone(), start.line)
}

/// What the runner saw of the server with this log.
fn seen_of<'a>(log: &Path, console: &'a Console) -> Vec<&'a Seen> {
    let server = rebuild::server_of(log);
    console.seen.iter().filter(|seen| seen.server == server).collect()
}

/// One error log.
struct Log<'a, 'k> {
    path: &'a Path,
    finished: &'a FinishedRun,
    console: &'a Console,
    knowledge: &'a mut Knowledge<'k>,
    seen: Vec<&'a Seen>,
    /// Indexes in `seen` of what belongs to earlier starts.
    used: Vec<usize>,
}

impl<'a> Log<'a, '_> {
    fn death(&mut self, start: &Start, reports: &mut Vec<ReportFile>) -> Option<Death> {
        let fate = fate::read(self.path, start.bytes.clone()).ok()?;
        let log = part(self.path, start);
        let seen = self.seen(start, fate);
        let pid = fate.pid.or(seen.and_then(|seen| seen.pid));
        let own: Vec<ReportFile> = take_own(reports, pid, when(&log.text).as_deref());
        let test = if fate.ready { start.last_test() } else { start.test.as_ref() }.cloned();
        if !self.finished.wants(test.as_ref()) {
            return None;
        }
        let verdicts = test.as_ref().and_then(|test| self.console.verdicts.get(test)).copied();
        let saved = test.as_ref().and_then(|test| self.finished.saved_of(test).last());
        let failed = saved.is_some() || verdicts.is_some_and(|verdicts| verdicts.failed > 0);
        let started = fate.ready || !start.more_tests.is_empty();
        let silent = failed && start.followed != Followed::Restart && !redirected(start);
        let failed_to_start = !started && (fate.complained || silent);
        if !(failed_to_start || fate.violent || seen.is_some() || !own.is_empty()) {
            return None;
        }
        let instances = test.as_ref().map(|test| self.knowledge.origins.instances(test.as_bstr()));
        let vardir = self.path.parent().filter(|dir| dir.ends_with("log")).and_then(Path::parent);
        let begun = Instant::now();
        let evidence = rebuild::evidence(
            start,
            log,
            &Beside {
                server: rebuild::server_of(self.path),
                fate: Fate { ready: started, ..fate },
                seen,
                instances: instances.as_deref().unwrap_or_default(),
                vardir,
                saved,
                last: start.followed == Followed::Nothing,
                reports: own.into_iter().map(|report| report.file).collect(),
                kept: test.iter().flat_map(|test| self.finished.saved_of(test)).collect(),
                cores_until: deadline_after(self.knowledge.patience),
                test_dir: self.knowledge.test_dir,
                facts: self.knowledge.facts,
            },
        );
        self.knowledge.patience = self.knowledge.patience.saturating_sub(begun.elapsed());
        Some(death(&evidence, weight(start, failed, verdicts), test, start.line))
    }

    /// What the runner saw of this start: by process id, or in the order of the failures of the same test.
    fn seen(&mut self, start: &Start, fate: Fate) -> Option<&'a Seen> {
        let fits = |seen: &Seen| match fate.pid {
            Some(_) => seen.pid == fate.pid,
            None => {
                let same_test = seen.test.is_none() || seen.test == start.test;
                !seen.served && same_test && start.followed != Followed::Restart
            }
        };
        let at = (0..self.seen.len()).find(|at| !self.used.contains(at) && fits(self.seen[*at]))?;
        self.used.push(at);
        Some(self.seen[at])
    }
}

fn death(evidence: &Evidence, weight: Weight, test: Option<BString>, line: u32) -> Death {
    Death {
        weight,
        stage: evidence.stage,
        test,
        log: evidence.log.path.clone(),
        line,
        when: when(&evidence.log.text),
        diagnosis: judge::diagnose(evidence),
    }
}

fn weight(start: &Start, failed: bool, verdicts: Option<Verdicts>) -> Weight {
    match (failed, verdicts, start.followed) {
        (false, Some(Verdicts { passed: 1.., .. }), _) => Weight::Wanted,
        (_, _, Followed::Restart) => Weight::Unclear,
        _ => Weight::Fatal,
    }
}

/// The server writes its errors elsewhere, so silence means nothing.
fn redirected(start: &Start) -> bool {
    start.command.as_ref().is_some_and(|command| command.contains_str(" --log-error="))
}

/// A bootstrap that failed: it gave up, died, or complained or said nothing and was the last thing that the run did.
fn bootstrap(path: &Path, start: &Start, finished: &FinishedRun, knowledge: &Knowledge<'_>) -> Option<Death> {
    let fate = fate::read(path, start.bytes.clone()).ok()?;
    let log = part(path, start);
    let gave_up = log.text.lines().any(|line| line.ends_with(b"[ERROR] Aborting"));
    let silent = log.text.lines().count() == 1;
    let ended_the_run =
        start.followed == Followed::Nothing && finished.vardir.is_some() && finished.logs.is_empty();
    let dead = gave_up || fate.violent || ((fate.complained || silent) && ended_the_run);
    if !dead || finished.only_test.is_some() {
        return None;
    }
    let options = knowledge.origins.of_every_server();
    let evidence = rebuild::bootstrap(start, log, &options, knowledge.facts);
    Some(death(&evidence, Weight::Fatal, None, start.line))
}

/// Takes the reports about process `pid`, which began at `when`. Process ids are used again: outside of the var
/// directory, what was written before is about another one.
fn take_own(reports: &mut Vec<ReportFile>, pid: Option<i32>, when: Option<&str>) -> Vec<ReportFile> {
    let own = |report: &mut ReportFile| {
        Some(report.pid) == pid && (report.of_run || when.is_none_or(|when| report.written.as_str() >= when))
    };
    reports.extract_if(.., own).collect()
}

/// A report about a process that no log names.
fn stray(report: ReportFile) -> Death {
    let log = LogPart { path: report.file.path.clone(), first_line: 1, text: report.file.text.clone() };
    let evidence = Evidence {
        server: format!("process {}", report.pid).into(),
        stage: Stage::Running,
        log,
        sanitizer_files: vec![report.file],
        ..Evidence::default()
    };
    death(&evidence, Weight::Fatal, None, 1)
}

/// The time of the first line that has one, as `YYYY-MM-DD HH:MM:SS`.
fn when(log: &[u8]) -> Option<String> {
    log.lines().find_map(time_of)
}

fn time_of(line: &[u8]) -> Option<String> {
    let text = line.get(..19).and_then(|head| head.to_str().ok());
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit() || b"-: T".contains(&byte));
    if let Some(text) = text.filter(|text| digits(text) && text.as_bytes()[4] == b'-') {
        return Some(text.replace('T', " "));
    }
    // `181123 18:00:00`, the hour with a blank in place of its first zero.
    let text = line.get(..15).and_then(|head| head.to_str().ok()).filter(|text| digits(text))?;
    let (date, time) = text.split_at_checked(6)?;
    let date_only = date.bytes().all(|byte| byte.is_ascii_digit());
    let time = time.strip_prefix(' ').filter(|time| date_only && time.as_bytes()[2] == b':')?;
    Some(format!("20{}-{}-{} {}", &date[..2], &date[2..4], &date[4..], time.replace(' ', "0")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_all_versions_can_be_compared() {
        for (line, time) in [
            ("2026-11-23 18:00:01 0 [Note] x", Some("2026-11-23 18:00:01")),
            ("2026-11-23T18:00:01.123456Z 0 [Note] x", Some("2026-11-23 18:00:01")),
            ("261123 18:00:01 [Note] x", Some("2026-11-23 18:00:01")),
            ("261123  8:00:01 [Note] x", Some("2026-11-23 08:00:01")),
            ("mariadbd: Too many arguments (first extra", None),
            ("$ /usr/sbin/mariadbd", None),
            ("", None),
        ] {
            assert_eq!(time_of(line.as_bytes()).as_deref(), time, "{line}");
        }
    }
}
