//! What servers said while they shut down, as a failed test of its own: no test has it in its verdict, as all of them
//! were over, yet the run fails for it. Files that tools read know failures of tests only. Where all tests that it may
//! belong to have failed already, it is no second failure.

use std::collections::{HashMap, HashSet};

use bstr::BString;

use crate::event::{FailureKind, Outcome, TestId, Verdict};
use crate::report::layout;
use crate::triage::diagnosis::Diagnosis;

/// The suite of what no one suite is to blame for.
const SEVERAL: &str = "several suites";

/// Makes tests of shutdowns and numbers those of one name.
#[derive(Debug, Default)]
pub struct Shutdowns {
    /// `suite.test` of the tests that have failed for good.
    failed: HashSet<String>,
    seen: HashMap<(String, String), u32>,
}

impl Shutdowns {
    /// Takes note of a verdict; `will_retry`: it is not the last one.
    pub fn note(&mut self, id: &TestId, outcome: &Outcome, will_retry: bool) {
        if outcome.verdict == Verdict::Fail && !will_retry {
            self.failed.insert(format!("{}.{}", id.suite, id.test));
        }
    }

    /// The test that stands for an [`Event::ShutdownWarnings`](crate::event::Event::ShutdownWarnings): named
    /// after the one test since the server's start where there was only one, else after the suite of all of them.
    /// The second one of a name has repetition 2, and so on. `None` where all of them have failed.
    pub fn test(
        &mut self,
        tests: &[String],
        lines: &BString,
        diagnoses: &[Diagnosis],
    ) -> Option<(TestId, Outcome)> {
        if !tests.is_empty() && tests.iter().all(|name| self.failed.contains(name)) {
            return None;
        }
        let mut warnings = BString::from(format!("After running tests: {}\n", tests.join(" ")));
        warnings.extend_from_slice(lines);
        let mut outcome = Outcome {
            verdict: Verdict::Fail,
            failure: Some(FailureKind::Warnings),
            warnings,
            diagnoses: diagnoses.to_vec(),
            ..Outcome::default()
        };
        outcome.server_log = layout::diagnoses(&outcome);
        Some((self.id(tests), outcome))
    }

    fn id(&mut self, tests: &[String]) -> TestId {
        let mut suites: Vec<&str> =
            tests.iter().map(|name| name.split_once('.').map_or("", |(suite, _)| suite)).collect();
        suites.dedup();
        let suite = match suites.as_slice() {
            [one] => *one,
            _ => SEVERAL,
        };
        let test = match tests {
            [only] => {
                let name = only.strip_prefix(suite).and_then(|name| name.strip_prefix('.')).unwrap_or(only);
                format!("{name} (server shutdown)")
            }
            _ => "(server shutdown)".to_owned(),
        };
        let count = self.seen.entry((suite.to_owned(), test.clone())).or_default();
        *count += 1;
        TestId { suite: suite.to_owned(), test, combination: String::new(), repetition: *count, attempt: 1 }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn tests_that_have_failed_fail_once() {
        let mut shutdowns = Shutdowns::default();
        let mut ended = |test: &str, verdict, will_retry| {
            let (suite, test, combination) = ("own".into(), test.into(), String::new());
            let id = TestId { suite, test, combination, repetition: 1, attempt: 1 };
            shutdowns.note(&id, &Outcome { verdict, ..Outcome::default() }, will_retry);
        };
        ended("bad", Verdict::Fail, false);
        ended("flaky", Verdict::Fail, true);
        ended("good", Verdict::Pass, false);
        let mut is_test = |names: &[&str]| {
            let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
            shutdowns.test(&names, &"line\n".into(), &[]).is_some()
        };
        assert!(!is_test(&["own.bad"]));
        assert!(is_test(&["own.flaky"]));
        assert!(is_test(&["own.good"]));
        assert!(is_test(&["own.bad", "own.good"]));
    }

    #[test]
    fn it_is_named_after_whom_it_may_belong_to() {
        let mut shutdowns = Shutdowns::default();
        let mut name = |tests: &[&str]| {
            let tests: Vec<String> = tests.iter().map(|name| (*name).to_owned()).collect();
            let (id, _) = shutdowns.test(&tests, &"line\n".into(), &[]).unwrap();
            (id.suite, id.test, id.repetition)
        };
        let is = |suite: &str, test: &str, repetition| (suite.to_owned(), test.to_owned(), repetition);
        assert_eq!(name(&["own.bad"]), is("own", "bad (server shutdown)", 1));
        assert_eq!(name(&["own.bad"]), is("own", "bad (server shutdown)", 2));
        assert_eq!(name(&["own.bad", "own.good"]), is("own", "(server shutdown)", 1));
        assert_eq!(name(&["own.bad", "main.a"]), is(SEVERAL, "(server shutdown)", 1));
        assert_eq!(name(&["own.a", "main.a", "own.b"]), is(SEVERAL, "(server shutdown)", 2));
    }
}
