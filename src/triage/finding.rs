//! What a rule found.

use std::path::PathBuf;

use bstr::BString;
use serde::Serialize;

use crate::triage::blame::Blamed;
use crate::triage::catalogue::{Cause, Rank};
use crate::triage::evidence::{Setting, Stage, TestFacts};
use crate::triage::log::Entry;
use crate::triage::scene::Scene;

/// A rule: looks for one way to fail; `None` where it sees nothing of it. It reads what the server's words mean
/// (option, value, path, system error) and not one literal message: wordings change between versions.
pub type Rule = for<'a> fn(&Scene<'a>) -> Option<Finding<'a>>;

/// How sure a rule is that its cause is the cause.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Confidence {
    /// Nobody knows; what is shown is where to begin reading.
    Unknown,
    /// The evidence fits and something else may fit as well.
    Likely,
    /// The server or the system says so.
    Certain,
}

/// A line that says so, and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quote {
    /// The file; `None` for what the runner saw itself (who holds a port, how much room is left).
    pub file: Option<PathBuf>,
    /// 1-based line in the file.
    pub line: Option<u32>,
    /// The line, without newline.
    pub text: BString,
}

/// What a rule found.
#[derive(Debug, Clone)]
pub struct Finding<'a> {
    /// What it is an instance of.
    pub cause: &'static Cause,
    /// Its place among several findings: that of the cause, unless this instance is known to explain more or less.
    pub rank: Rank,
    /// It in one line, in plain words, with the names of what is to blame.
    pub text: BString,
    /// Lines of the log that say so.
    pub entries: Vec<Entry<'a>>,
    /// Lines of other files, and what the runner saw.
    pub quotes: Vec<Quote>,
    /// Index in `argv` of the argument to blame.
    pub argument: Option<usize>,
    /// The line of a configuration to blame, where it is no argument.
    pub setting: Option<&'a Setting>,
    /// What to change.
    pub fix: Option<BString>,
    /// How sure it is.
    pub confidence: Confidence,
}

impl<'a> Finding<'a> {
    /// A certain finding without evidence yet.
    pub fn new(cause: &'static Cause, text: impl Into<BString>) -> Self {
        Finding {
            cause,
            rank: cause.rank,
            text: text.into(),
            entries: Vec::new(),
            quotes: Vec::new(),
            argument: None,
            setting: None,
            fix: None,
            confidence: Confidence::Certain,
        }
    }

    /// Something else is behind it: it is the cause only where nothing else was found.
    pub fn following(mut self) -> Self {
        self.rank = self.rank.max(Rank::Consequence);
        self
    }

    /// Quotes lines of the log.
    pub fn quoting(mut self, entries: impl IntoIterator<Item = Entry<'a>>) -> Self {
        self.entries.extend(entries);
        self
    }

    /// Quotes what the runner saw itself.
    pub fn seen(mut self, text: impl Into<BString>) -> Self {
        self.quotes.push(Quote { file: None, line: None, text: text.into() });
        self
    }

    /// Says which tests it may belong to: those since the server's start, where that is news at this stage.
    pub fn attributed(self, test: &TestFacts, stage: Stage) -> Self {
        match test.served.as_slice() {
            [] => self,
            [only] => self.seen(format!("the one test since the server's start: {only}")),
            all if stage == Stage::Stopped => {
                self.seen(format!("tests since the server's start: {}", all.join(" ")))
            }
            _ => self,
        }
    }

    /// Blames an argument, by its index in `argv`, or a line of a configuration.
    pub fn blaming(mut self, blamed: impl Into<Blamed<'a>>) -> Self {
        let Blamed { argument, setting } = blamed.into();
        (self.argument, self.setting) = (argument, setting);
        self
    }

    /// Says what to change.
    pub fn fix(mut self, fix: impl Into<BString>) -> Self {
        self.fix = Some(fix.into());
        self
    }

    /// It ended the server, other than its like usually do.
    pub fn fatal(mut self) -> Self {
        self.rank = self.rank.min(Rank::Refusal);
        self
    }

    /// It may be something else.
    pub fn likely(mut self) -> Self {
        self.confidence = Confidence::Likely;
        self
    }

    /// In this case it explains more or less than its cause does in general.
    pub fn ranked(mut self, rank: Option<Rank>) -> Self {
        self.rank = rank.unwrap_or(self.rank);
        self
    }
}
