//! Why a server did not start: from what is known of it to a diagnosis a person can act on.
//!
//! The reference says `Failed to start mysqld.1` and no more; the cause is one line in the error log (spec §15).

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bstr::{BString, ByteSlice};

use super::rules::{self, Finding, Scene};
use crate::tree::case::{Origin, ServerOption};

/// Lines of the log shown at the end.
const LOG_LINES: usize = 20;

/// How a server process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExitKind {
    /// With this exit status.
    Status(i32),
    /// By this signal.
    Signal(i32),
    /// It has not: it was still running when patience ended.
    Running,
}

/// What is known of a server that wrote no pid file.
#[derive(Debug, Clone)]
pub struct StartEvidence {
    /// `mysqld.1`; for a bootstrap what was to be made.
    pub group: String,
    /// From its spawn to its end, or to the end of patience.
    pub lived: Duration,
    /// How it ended.
    pub exit: ExitKind,
    /// The program.
    pub executable: PathBuf,
    /// Its arguments, expanded, without the program.
    pub argv: Vec<ServerOption>,
    /// What the error log got since this start.
    pub log_since_start: BString,
    /// The start timeout passed.
    pub timeout: bool,
    /// It was a `--bootstrap` run.
    pub bootstrap: bool,
}

/// An argument that is to blame, and where it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Culprit {
    /// The argument.
    pub text: BString,
    /// Where it came from.
    pub origin: Arc<Origin>,
}

/// What we make of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnosis {
    /// Which server, how it ended, after how long.
    pub headline: String,
    /// The name of the rule that found the cause.
    pub rule: &'static str,
    /// The cause in one line.
    pub cause: BString,
    /// Lines of the log that say so.
    pub evidence: Vec<BString>,
    /// The argument to blame.
    pub culprit: Option<Culprit>,
    /// What to do.
    pub hint: Option<String>,
    /// The command line, quoted for a shell.
    pub command: BString,
    /// The last lines of the log of this start.
    pub log: Vec<BString>,
}

/// Finds the cause of a failed start.
pub fn explain_start_failure(evidence: &StartEvidence) -> Diagnosis {
    let lines: Vec<_> = evidence.log_since_start.lines().map(ByteSlice::as_bstr).collect();
    let scene = Scene { evidence, lines: &lines };
    let (rule, finding) = rules::judge(&scene);
    let Finding { cause, lines: found, argument, hint } = finding;
    let culprit = argument
        .and_then(|index| evidence.argv.get(index))
        .map(|option| Culprit { text: option.text.clone(), origin: Arc::clone(&option.origin) });
    let from = lines.len().saturating_sub(LOG_LINES);
    Diagnosis {
        headline: headline(evidence),
        rule,
        cause,
        evidence: found.into_iter().map(|line| line.to_owned()).collect(),
        culprit,
        hint,
        command: command(evidence),
        log: lines[from..].iter().map(|line| (*line).to_owned()).collect(),
    }
}

impl Diagnosis {
    /// The diagnosis as text for the report of a test, each line ended.
    pub fn to_text(&self) -> BString {
        let mut out = BString::default();
        let mut line = |parts: &[&[u8]]| {
            for part in parts {
                out.extend_from_slice(part);
            }
            out.push(b'\n');
        };
        line(&[self.headline.as_bytes()]);
        line(&[b"  cause: ", &self.cause]);
        for said in &self.evidence {
            line(&[b"  log:   ", said]);
        }
        if let Some(culprit) = &self.culprit {
            let origin = culprit.origin.to_string();
            line(&[b"  from:  ", origin.as_bytes(), b": ", &culprit.text]);
        }
        if let Some(hint) = &self.hint {
            line(&[b"  hint:  ", hint.as_bytes()]);
        }
        line(&[b"  command: ", &self.command]);
        if self.log.is_empty() {
            line(&[b"  the error log got nothing from this start"]);
        } else {
            line(&[b"  last lines of the error log of this start:"]);
            for said in &self.log {
                line(&[b"    ", said]);
            }
        }
        out
    }
}

fn headline(evidence: &StartEvidence) -> String {
    let how = match evidence.exit {
        ExitKind::Status(status) => format!("exited with status {status}"),
        ExitKind::Signal(signal) => format!("was ended by {}", signal_name(signal)),
        ExitKind::Running => "was still starting".to_owned(),
    };
    let what = match evidence.bootstrap {
        true => "the bootstrap",
        false => "the server",
    };
    let seconds = evidence.lived.as_secs_f64();
    let late = match evidence.timeout {
        true => " (start timeout)",
        false => "",
    };
    format!("{} did not start: {what} {how} after {seconds:.2} s{late}", evidence.group)
}

/// `signal 11 (SIGSEGV)`.
pub(super) fn signal_name(signal: i32) -> String {
    format!("signal {signal} ({})", crate::sys::child::signal_name(signal))
}

fn command(evidence: &StartEvidence) -> BString {
    let mut out = BString::default();
    quote(&mut out, evidence.executable.as_os_str().as_encoded_bytes());
    for option in &evidence.argv {
        out.push(b' ');
        quote(&mut out, &option.text);
    }
    out
}

fn quote(out: &mut BString, word: &[u8]) {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_=./,:+@%^".contains(byte);
    if !word.is_empty() && word.iter().all(plain) {
        out.extend_from_slice(word);
    } else {
        out.push(b'\'');
        out.extend_from_slice(&word.replace("'", "'\\''"));
        out.push(b'\'');
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::triage::argument::tests::argv;

    #[test]
    fn the_text_says_who_how_long_why_where_and_what_was_run() {
        let evidence = StartEvidence {
            group: "mysqld.1".into(),
            lived: Duration::from_millis(143),
            exit: ExitKind::Status(2),
            executable: "/usr/sbin/mariadbd".into(),
            argv: argv(&["--defaults-file=my.cnf", "--fo_o", "--init-connect=set @a='x'"]),
            log_since_start:
                "t 0 [Note] Starting\nt 0 [ERROR] mariadbd: unknown option '--fo_o'\nt 0 [ERROR] Aborting\n"
                    .into(),
            timeout: false,
            bootstrap: false,
        };
        let diagnosis = explain_start_failure(&evidence);
        assert_eq!(diagnosis.rule, "unknown-option");
        let expected = r"mysqld.1 did not start: the server exited with status 2 after 0.14 s
  cause: the server does not know the option '--fo_o'
  log:   t 0 [ERROR] mariadbd: unknown option '--fo_o'
  from:  x.opt:2: --fo_o
  hint:  correct the name, or write --loose-fo_o if servers without it are to start all the same
  command: /usr/sbin/mariadbd --defaults-file=my.cnf --fo_o '--init-connect=set @a='\''x'\'''
  last lines of the error log of this start:
    t 0 [Note] Starting
    t 0 [ERROR] mariadbd: unknown option '--fo_o'
    t 0 [ERROR] Aborting
";
        assert_eq!(diagnosis.to_text(), expected);
    }

    #[test]
    fn headlines() {
        let mut evidence = StartEvidence {
            group: "mysqld.2".into(),
            lived: Duration::from_secs(180),
            exit: ExitKind::Running,
            executable: "m".into(),
            argv: Vec::new(),
            log_since_start: BString::default(),
            timeout: true,
            bootstrap: false,
        };
        let expected = "mysqld.2 did not start: the server was still starting after 180.00 s (start timeout)";
        assert_eq!(headline(&evidence), expected);
        evidence.exit = ExitKind::Signal(11);
        evidence.timeout = false;
        evidence.bootstrap = true;
        let expected =
            "mysqld.2 did not start: the bootstrap was ended by signal 11 (SIGSEGV) after 180.00 s";
        assert_eq!(headline(&evidence), expected);
    }
}
