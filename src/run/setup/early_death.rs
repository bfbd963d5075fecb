//! Collects what is known of a server that died before there was a test: when it was asked about itself, or when it
//! was to make a data directory. The same rules explain it as explain a server that does not start.

use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::ExitStatus;
use std::sync::Arc;

use bstr::{BString, ByteSlice};

use crate::case::{Origin, ServerOption};
use crate::env::Env;
use crate::error::Error;
use crate::server::bootstrap::BootstrapFailed;
use crate::tree::probe::ServerFacts;
use crate::tree::probe_failed::ProbeFailed;
use crate::triage::collect::{self, Subject, log_file};
use crate::triage::diagnosis::Diagnosis;
use crate::triage::evidence::{Evidence, ExitKind, LogPart, Stage};
use crate::triage::rules::judge;

/// What is known beside the failure itself.
#[derive(Debug, Clone, Copy)]
pub struct Early<'a> {
    /// What the server says of itself, where it did.
    pub facts: Option<&'a Arc<ServerFacts>>,
    /// Its environment.
    pub env: &'a Env,
    /// Its current directory.
    pub cwd: &'a Path,
    /// The vardir it was to work for.
    pub vardir: &'a Path,
}

/// A server that died early, as the cause of an error.
#[derive(Debug)]
struct Died(Box<Diagnosis>);

impl std::fmt::Display for Died {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} died\n{}", self.0.server, self.0.to_text().trim_end().as_bstr())
    }
}

impl std::error::Error for Died {}

/// The error with the diagnosis in place of the failure underneath; any other error as it is.
pub fn explain(error: Error, early: &Early<'_>) -> Error {
    let Some(mut evidence) = bootstrap(&error, early).or_else(|| probe(&error)) else { return error };
    evidence.facts = early.facts.cloned();
    let subject = Subject {
        pid: None,
        env: Some(early.env),
        cwd: early.cwd,
        vardir: early.vardir,
        oom_kills_before: None,
    };
    collect::complete(&mut evidence, &subject);
    error.caused_by(Died(Box::new(judge::diagnose(&evidence))))
}

/// The diagnosis that [`explain`] gave this error.
pub fn diagnosis_of(error: &Error) -> Option<&Diagnosis> {
    underneath::<Died>(error).map(|died| &*died.0)
}

fn underneath<T: std::error::Error + 'static>(error: &Error) -> Option<&T> {
    let first: Option<&(dyn std::error::Error + 'static)> = std::error::Error::source(error);
    std::iter::successors(first, |cause| cause.source()).find_map(|cause| cause.downcast_ref())
}

fn bootstrap(error: &Error, early: &Early<'_>) -> Option<Evidence> {
    let failed = underneath::<BootstrapFailed>(error)?;
    let datadir = failed.datadir.strip_prefix(early.vardir).unwrap_or(&failed.datadir);
    Some(Evidence {
        server: BString::from(datadir.as_os_str().as_encoded_bytes()),
        stage: Stage::Bootstrap,
        lived: Some(failed.lived),
        exit: exit(failed.end),
        program: failed.program.clone(),
        argv: failed.arguments.clone(),
        log: log_file::from_offset(&failed.log, failed.log_offset),
        ..Evidence::default()
    })
}

fn probe(error: &Error) -> Option<Evidence> {
    let failed = underneath::<ProbeFailed>(error)?;
    let origin = Arc::new(Origin::Runner);
    let argument = |text: &std::ffi::OsString| ServerOption {
        text: text.as_encoded_bytes().into(),
        origin: Arc::clone(&origin),
    };
    Some(Evidence {
        server: "the server (asked with --verbose --help)".into(),
        stage: Stage::Start,
        lived: Some(failed.lived),
        exit: exit(failed.end),
        program: failed.program.clone(),
        argv: failed.arguments.iter().map(argument).collect(),
        log: LogPart { first_line: 1, text: failed.said.clone(), ..LogPart::default() },
        ..Evidence::default()
    })
}

fn exit(end: Result<ExitStatus, Option<i32>>) -> ExitKind {
    match end {
        Ok(status) => match (status.code(), status.signal()) {
            (Some(code), _) => ExitKind::Status(code),
            (None, Some(signal)) => ExitKind::Signal(signal),
            (None, None) => ExitKind::Unknown,
        },
        Err(Some(number)) => ExitKind::NotRun(number),
        Err(None) => ExitKind::Unknown,
    }
}
