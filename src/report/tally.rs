//! What the events add up to: the counts, names and sums of the end of a run (runner §11.5).

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use crate::event::{Event, Outcome, Phase, RunEnd, TestId, Verdict};
use crate::report::text;

/// Counts over a run. Attempts count, as in the reference: a test that fails and passes when tried
/// again is one failed and one passed (runner §6.5).
#[derive(Debug, Clone, Default)]
pub struct Tally {
    /// Workers of the run.
    pub workers: usize,
    /// Instances collected.
    pub total: usize,
    /// What time-outs were multiplied by, and why the server is slow; `None`: they are the usual ones.
    pub longer: Option<(u32, Vec<String>)>,
    /// Those of them that have no verdict when the run has ended.
    pub missing: usize,
    /// Attempts that passed, rounds of `--repeat` included.
    pub passed: usize,
    /// Attempts that failed, rounds of `--repeat` and experimental ones included.
    pub failed: usize,
    /// Failures that count towards `--max-test-fail`: no retries and no experimental tests (runner §6.4).
    pub counted_failures: usize,
    /// Instances skipped, without disabled ones.
    pub skipped: usize,
    /// Of [`Tally::skipped`], those where the script decided it.
    pub skipped_by_test: usize,
    /// Instances that a list disables.
    pub disabled: usize,
    /// Entries of the reference's list of completed tests: each attempt that is tried again, and
    /// the last round of each instance.
    pub completed: usize,
    /// Completed entries that caused a restart of a server.
    pub restarts: usize,
    /// Sum of the test times of all attempts, in milliseconds.
    pub timer_ms: u64,
    /// `suite.test` names of failed tests in order of their first failure, each once.
    pub failing: Vec<String>,
    /// Why servers failed, in order of the first failure, each cause once.
    pub causes: Vec<FailureCause>,
    /// `suite.test` names of tests that left something behind.
    pub check_failed: BTreeSet<String>,
    /// For each report of shutdown warnings, the names joined by blanks.
    pub shutdown_warnings: Vec<String>,
    /// Sums of `--report-times` over workers.
    pub phases: BTreeMap<Phase, Duration>,
    pub(super) phase_workers: BTreeSet<usize>,
    pub(super) restarted: HashMap<[String; 3], bool>,
}

/// A cause that made servers fail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailureCause {
    /// It in one line, with its code.
    pub text: String,
    /// `suite.test` names of the tests it made fail, each once.
    pub tests: Vec<String>,
    /// `suite.test` names of the tests that were skipped for it, each once.
    pub skipped: Vec<String>,
}

impl Tally {
    /// Takes one event into account.
    pub fn event(&mut self, event: &Event) {
        match event {
            Event::RunStarted { workers, total, timeout_factor, slow_because, .. } => {
                self.workers = *workers;
                self.total = *total;
                self.longer = (*timeout_factor > 1).then(|| (*timeout_factor, slow_because.clone()));
            }
            Event::TestFinished { id, outcome, will_retry, will_repeat, .. } => {
                self.finished(id, outcome, *will_retry, *will_repeat);
            }
            Event::ShutdownWarnings { tests, diagnoses, .. } => {
                let names: Vec<String> = tests.iter().map(|name| text::name(name)).collect();
                self.shutdown_warnings.push(names.join(" "));
                for diagnosis in diagnoses {
                    for test in &names {
                        self.caused(text::visible(&diagnosis.cause_with_code()).to_string(), test, false);
                    }
                }
            }
            Event::PhaseTimes { worker, phases } => {
                self.phase_workers.insert(*worker);
                for (phase, time) in phases {
                    *self.phases.entry(*phase).or_default() += *time;
                }
            }
            Event::RunFinished { total, missing, .. } => {
                self.total = *total;
                self.missing = *missing;
            }
            _ => {}
        }
    }

    fn finished(&mut self, id: &TestId, outcome: &Outcome, will_retry: bool, will_repeat: bool) {
        let name = text::name(&format!("{}.{}", id.suite, id.test));
        let key = [id.suite.clone(), id.test.clone(), id.combination.clone()];
        let restarted = self.restarted.entry(key.clone()).or_default();
        *restarted |= outcome.restarted;
        let restarted = *restarted;
        let is_entry = will_retry || !will_repeat;
        if is_entry {
            self.completed += 1;
            self.restarts += usize::from(restarted);
        }
        if !will_retry && !will_repeat {
            self.restarted.remove(&key);
        }
        self.timer_ms += outcome.timer_ms.unwrap_or(0);
        let skipped = outcome.verdict == Verdict::Skipped;
        for diagnosis in &outcome.diagnoses {
            self.caused(text::visible(&diagnosis.cause_with_code()).to_string(), &name, skipped);
        }
        match outcome.verdict {
            Verdict::Pass => self.passed += 1,
            Verdict::Fail | Verdict::ExpFail => {
                self.failed += 1;
                if outcome.verdict == Verdict::Fail && id.attempt <= 1 {
                    self.counted_failures += 1;
                }
                if !self.failing.contains(&name) {
                    self.failing.push(name.clone());
                }
            }
            Verdict::Skipped => {
                if is_entry {
                    self.skipped += 1;
                    self.skipped_by_test += usize::from(outcome.skipped_by_test);
                }
            }
            Verdict::Disabled => self.disabled += usize::from(is_entry),
        }
        if !outcome.check_report.is_empty() {
            self.check_failed.insert(name);
        }
    }

    fn caused(&mut self, text: String, test: &str, skipped: bool) {
        let at = self.causes.iter().position(|cause| cause.text == text).unwrap_or_else(|| {
            self.causes.push(FailureCause { text, tests: Vec::new(), skipped: Vec::new() });
            self.causes.len() - 1
        });
        let cause = &mut self.causes[at];
        let tests = if skipped { &mut cause.skipped } else { &mut cause.tests };
        if !tests.iter().any(|known| known == test) {
            tests.push(test.to_owned());
        }
    }

    /// Passed and failed attempts: what the summary calls tests.
    pub fn tests(&self) -> usize {
        self.passed + self.failed
    }

    /// Whether every worker told its times, so that the sums mean something.
    pub fn phases_complete(&self) -> bool {
        !self.phase_workers.is_empty()
            && self.phase_workers.iter().filter(|worker| **worker > 0).count() >= self.workers
    }

    /// The text of the last error line, the first that applies (runner §11.5); `None`: all is well.
    ///
    /// A run in which nothing completed is aborted, whatever its other signs.
    pub fn final_error(&self, end: RunEnd, exit_code: i32, cause: Option<&str>) -> Option<String> {
        if let Some(cause) = cause {
            return Some(cause.to_owned());
        }
        if end == RunEnd::Interrupted {
            return Some("Got ^C signal".to_owned());
        }
        if self.completed == 0 {
            return Some("Test suite aborted".to_owned());
        }
        if self.failed > 0 {
            return Some("there were failing test cases".to_owned());
        }
        if !self.shutdown_warnings.is_empty() {
            return Some("There where errors/warnings in server logs after running test cases.".to_owned());
        }
        if end != RunEnd::Completed {
            return Some("Test suite failure, see messages above for possible cause(s).".to_owned());
        }
        if self.completed != self.total {
            return Some(format!("Not all tests completed (only {} of {})", self.completed, self.total));
        }
        (exit_code != 0).then(|| "Test suite failure, see messages above for possible cause(s).".to_owned())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::report::testing::sample::{id, outcome};

    fn finish(tally: &mut Tally, id: TestId, outcome: Outcome, will_retry: bool, will_repeat: bool) {
        tally.event(&Event::TestFinished {
            worker: 1,
            id,
            outcome: Box::new(outcome),
            will_retry,
            will_repeat,
        });
    }

    #[test]
    fn attempts_count_and_the_last_round_completes() {
        // Two rounds of three failing attempts and a skipped test: the reference says `Only  6  of 2`.
        let mut tally = Tally::default();
        for repetition in 1..=2 {
            for attempt in 1..=3 {
                let id = TestId { repetition, attempt, ..id("main", "flaky", "") };
                let fail = outcome(Verdict::ExpFail);
                finish(&mut tally, id, fail, attempt < 3, attempt == 3 && repetition == 1);
            }
        }
        finish(&mut tally, id("main", "skp", ""), outcome(Verdict::Skipped), false, true);
        finish(&mut tally, id("main", "skp", ""), outcome(Verdict::Skipped), false, false);
        assert_eq!((tally.completed, tally.skipped, tally.failed, tally.counted_failures), (6, 1, 6, 0));
        assert_eq!(tally.failing, ["main.flaky"]);
    }

    #[test]
    fn a_restart_is_counted_with_the_entries_that_follow_it() {
        let mut tally = Tally::default();
        let restarting = Outcome { restarted: true, ..outcome(Verdict::Pass) };
        finish(&mut tally, id("main", "a", ""), restarting.clone(), false, true);
        assert_eq!(tally.restarts, 0);
        finish(&mut tally, id("main", "a", ""), outcome(Verdict::Pass), false, false);
        assert_eq!(tally.restarts, 1);
        finish(&mut tally, id("main", "a", "x"), outcome(Verdict::Pass), false, false);
        assert_eq!(tally.restarts, 1);
    }

    #[test]
    fn the_first_applicable_error_is_told() {
        let mut tally = Tally { total: 2, ..Tally::default() };
        let error = |tally: &Tally, end| tally.final_error(end, 1, None).unwrap();
        assert_eq!(error(&tally, RunEnd::Completed), "Test suite aborted");
        finish(&mut tally, id("main", "a", ""), outcome(Verdict::Pass), false, false);
        assert_eq!(error(&tally, RunEnd::Completed), "Not all tests completed (only 1 of 2)");
        assert!(error(&tally, RunEnd::Timeout).starts_with("Test suite failure, see"));
        tally.event(&Event::ShutdownWarnings {
            worker: 1,
            tests: vec!["main.a".into()],
            lines: "x".into(),
            diagnoses: vec![],
        });
        assert!(error(&tally, RunEnd::Completed).starts_with("There where errors"));
        finish(&mut tally, id("main", "b", ""), outcome(Verdict::Fail), false, false);
        assert_eq!(error(&tally, RunEnd::Completed), "there were failing test cases");
        assert_eq!(error(&tally, RunEnd::Interrupted), "Got ^C signal");
    }
}
