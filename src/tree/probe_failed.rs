//! What is known of a server that did not answer.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitStatus;
use std::time::Duration;

use bstr::BString;

/// A server that did not answer: what is needed to find out why.
#[derive(Debug, Clone)]
pub struct ProbeFailed {
    /// The program.
    pub program: PathBuf,
    /// What it was asked with.
    pub arguments: Vec<OsString>,
    /// How it ended; `Err`: the system did not run it, with this error number where there is one.
    pub end: std::result::Result<ExitStatus, Option<i32>>,
    /// From its start to its end.
    pub lived: Duration,
    /// What it wrote to standard error.
    pub said: BString,
}

impl std::fmt::Display for ProbeFailed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} --verbose --help", self.program.display())?;
        match &self.end {
            Ok(status) => write!(f, ": {status}; {}", self.said),
            Err(_) => Ok(()),
        }
    }
}

impl std::error::Error for ProbeFailed {}
