//! What servers said while they shut down, as a failed test of its own: no test has it in its verdict, as all of them
//! were over, yet the run fails for it. Files that tools read know failures of tests only.

use std::collections::HashMap;

use bstr::BString;

use crate::report::layout;
use crate::run::event::{FailureKind, Outcome, TestId, Verdict};
use crate::triage::diagnosis::Diagnosis;

/// The suite of what no one suite is to blame for.
const SEVERAL: &str = "several suites";

/// Makes tests of shutdowns and numbers those of one name.
#[derive(Debug, Default)]
pub struct Shutdowns {
    seen: HashMap<(String, String), u32>,
}

impl Shutdowns {
    /// The test that stands for an [`Event::ShutdownWarnings`](crate::run::event::Event::ShutdownWarnings): named
    /// after the one test since the server's start where there was only one, else after the suite of all of them.
    /// The second one of a name has repetition 2, and so on.
    pub fn test(&mut self, tests: &[String], lines: &BString, diagnoses: &[Diagnosis]) -> (TestId, Outcome) {
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
        (self.id(tests), outcome)
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
mod tests {
    use super::*;

    #[test]
    fn it_is_named_after_whom_it_may_belong_to() {
        let mut shutdowns = Shutdowns::default();
        let mut name = |tests: &[&str]| {
            let tests: Vec<String> = tests.iter().map(|name| (*name).to_owned()).collect();
            let (id, _) = shutdowns.test(&tests, &"line\n".into(), &[]);
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
