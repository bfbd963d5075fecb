//! What of a run has no verdict, and whether the run came to its end. A report is red for it until it is known better, so that
//! one that a killed run left is never green.

use std::collections::HashMap;

use crate::event::{Event, RunEnd, TestId, Verdict};

/// The suite of [`RUN`].
pub const RUNNER: &str = "mtr-rs";

/// The failed test that stands for a run that did not complete, in files that know failures of tests only.
pub const RUN: &str = "run";

/// What is known of a run so far.
#[derive(Debug, Default)]
pub struct Standing {
    /// In the order of the run; what has its verdict is gone.
    open: Vec<Option<Open>>,
    at: HashMap<[String; 4], usize>,
    ended: Option<Ended>,
    total: usize,
    /// Something in the reports is red already.
    red: bool,
}

/// A test that was selected and has no verdict, or not the last one that it is to have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Open {
    /// Which.
    pub id: TestId,
    /// It was handed to a worker.
    pub started: bool,
}

/// Why a run counts as failed, whatever its tests say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// In one line.
    pub message: String,
    /// The whole story.
    pub text: String,
}

#[derive(Debug)]
struct Ended {
    end: RunEnd,
    missing: usize,
    exit_code: i32,
    cause: Option<String>,
}

impl Standing {
    /// Takes one event into account.
    pub fn note(&mut self, event: &Event) {
        match event {
            Event::Planned { instances } => {
                for instance in instances.iter().filter(|instance| !instance.is_passed_over()) {
                    let (suite, test) = (instance.suite.clone(), instance.test.clone());
                    let combination = instance.combination.clone();
                    self.add(TestId { suite, test, combination, repetition: 1, attempt: 1 }, false);
                }
            }
            Event::TestStarted { id, .. } => self.add(id.clone(), true),
            Event::TestFinished { id, outcome, will_retry, will_repeat, .. } => {
                self.red |= matches!(outcome.verdict, Verdict::Fail | Verdict::ExpFail);
                if *will_retry {
                    return;
                }
                if let Some(open) = self.at.remove(&key(id)).and_then(|at| self.open.get_mut(at)) {
                    *open = None;
                }
                if *will_repeat {
                    self.add(TestId { repetition: id.repetition + 1, attempt: 1, ..id.clone() }, false);
                }
            }
            Event::ShutdownWarnings { .. } => self.red = true,
            Event::RunStarted { total, .. } => self.total = *total,
            Event::RunFinished { end, missing, exit_code, cause, .. } => {
                let (end, missing, exit_code) = (*end, *missing, *exit_code);
                self.ended = Some(Ended { end, missing, exit_code, cause: cause.clone() });
            }
            _ => {}
        }
    }

    fn add(&mut self, id: TestId, started: bool) {
        let next = self.open.len();
        let at = *self.at.entry(key(&id)).or_insert(next);
        if at == next {
            self.open.push(None);
        }
        self.open[at] = Some(Open { id, started });
    }

    /// Instances of the run, as far as that is known.
    pub fn total(&self) -> usize {
        self.total
    }

    /// What has no verdict, in the order of the run. A run that starts servers for a person owes none.
    pub fn open(&self) -> impl Iterator<Item = &Open> {
        let owes = self.ended.as_ref().is_none_or(|ended| ended.missing > 0);
        self.open.iter().flatten().filter(move |_| owes)
    }

    /// Whether this test has no verdict.
    pub fn is_open(&self, id: &TestId) -> bool {
        self.at.contains_key(&key(id))
    }

    /// Why a test has no verdict.
    pub fn why(&self, started: bool) -> String {
        match (&self.ended, started) {
            (None, true) => {
                "no verdict: the test was started, and the run has not told how it ended".to_owned()
            }
            (None, false) => "no verdict: the run has not come to this test".to_owned(),
            (Some(ended), true) => format!("no verdict: the test was started, but {}", ended.because()),
            (Some(ended), false) => format!("no verdict: the test was not run, as {}", ended.because()),
        }
    }

    /// Why the run itself counts as failed; `None` where it completed, or failed for what is red already.
    pub fn fault(&self) -> Option<Fault> {
        let without = self.open().count();
        let Some(ended) = &self.ended else {
            let text = "This report was written while the run went on. If there is no such run any more, it was ended from \
                        outside, and what has no verdict here has failed.";
            return Some(Fault { message: "run not completed".to_owned(), text: text.to_owned() });
        };
        if ended.exit_code == 0 {
            return None;
        }
        let message = match ended.end {
            RunEnd::Completed if without == 0 && self.red => return None,
            RunEnd::Completed if without == 0 => format!("the run failed: {}", ended.because()),
            _ => format!("run not completed: {}", ended.because()),
        };
        let text = match without {
            0 => message.clone(),
            1 => format!("{message}\n1 test has no verdict."),
            n => format!("{message}\n{n} tests have no verdict."),
        };
        Some(Fault { message: message.lines().next().unwrap_or_default().to_owned(), text })
    }
}

impl Ended {
    /// As the end of a sentence.
    fn because(&self) -> String {
        if let Some(cause) = &self.cause {
            return cause.clone();
        }
        match self.end {
            RunEnd::Completed => format!("the run ended with exit code {}", self.exit_code),
            RunEnd::Failure => "a test had failed and --force was not given".to_owned(),
            RunEnd::TooManyFailed => "as many tests had failed as --max-test-fail allows".to_owned(),
            RunEnd::WarningsInLog => {
                "servers had logged warnings while they shut down and --force was not given".to_owned()
            }
            RunEnd::Timeout => "the time of --suite-timeout was over".to_owned(),
            RunEnd::Interrupted => "a signal ended the run".to_owned(),
        }
    }
}

/// What attempts at one instance in one round have in common.
fn key(id: &TestId) -> [String; 4] {
    [id.suite.clone(), id.test.clone(), id.combination.clone(), id.repetition.to_string()]
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::event::{Outcome, PlannedInstance, PlannedSkip, SkippedBy};
    use crate::report::testing::sample::{end, end_without, finished, id, outcome};

    fn planned(names: &[(&str, Option<SkippedBy>)]) -> Event {
        let instance = |(name, by): &(&str, Option<SkippedBy>)| PlannedInstance {
            suite: "S".into(),
            test: (*name).into(),
            combination: String::new(),
            file: "x".into(),
            skip: by.map(|by| PlannedSkip { by, reason: String::new() }),
        };
        Event::Planned { instances: names.iter().map(instance).collect() }
    }

    fn after(events: &[Event]) -> Standing {
        let mut standing = Standing::default();
        events.iter().for_each(|event| standing.note(event));
        standing
    }

    fn names(standing: &Standing) -> Vec<(String, u32)> {
        standing.open().map(|open| (open.id.test.clone(), open.id.repetition)).collect()
    }

    #[test]
    fn what_was_selected_is_open_until_its_last_verdict() {
        let mut events = vec![planned(&[("zz", Some(SkippedBy::StartFrom)), ("a", None), ("b", None)])];
        assert_eq!(names(&after(&events)), [("a".into(), 1), ("b".into(), 1)]);
        events.push(Event::TestStarted { worker: 1, id: id("S", "a", "") });
        let finish = |will_retry, will_repeat| Event::TestFinished {
            worker: 1,
            id: id("S", "a", ""),
            outcome: Box::new(Outcome { ..outcome(Verdict::Fail) }),
            will_retry,
            will_repeat,
        };
        events.push(finish(true, false));
        assert_eq!(names(&after(&events)), [("a".into(), 1), ("b".into(), 1)]);
        events.push(finish(false, true));
        assert_eq!(names(&after(&events)), [("b".into(), 1), ("a".into(), 2)]);
    }

    #[test]
    fn a_run_is_at_fault_until_it_ended() {
        let mut events = vec![];
        assert_eq!(after(&events).fault().unwrap().message, "run not completed");
        events.push(planned(&[("a", None)]));
        let ended = |how, code| after(&[events.as_slice(), &[end(how, 1, code)]].concat());
        let timeout = after(&[events.as_slice(), &[end_without(RunEnd::Timeout, 1, 1)]].concat());
        let fault = timeout.fault().unwrap();
        assert_eq!(fault.message, "run not completed: the time of --suite-timeout was over");
        assert!(fault.text.ends_with("\n1 test has no verdict."), "{}", fault.text);
        // Servers for a person: nothing was to be tested.
        assert_eq!(
            (ended(RunEnd::Completed, 0).fault(), ended(RunEnd::Completed, 0).open().count()),
            (None, 0)
        );
        events.push(finished(1, id("S", "a", ""), outcome(Verdict::Pass)));
        let ended = |how, code| after(&[events.as_slice(), &[end(how, 1, code)]].concat());
        assert_eq!(ended(RunEnd::Completed, 0).fault(), None);
        assert!(ended(RunEnd::Completed, 1).fault().unwrap().message.starts_with("the run failed: "));
        events.push(finished(1, id("S", "b", ""), outcome(Verdict::Fail)));
        assert_eq!(after(&[events.as_slice(), &[end(RunEnd::Completed, 1, 1)]].concat()).fault(), None);
    }
}
