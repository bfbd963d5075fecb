//! What is told of a failure: the cause, what says so, and what to change.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bstr::{BString, ByteSlice};
use serde::{Serialize, Serializer};

use crate::case::Origin;
use crate::triage::catalogue::Cause;
use crate::triage::evidence::{Evidence, ExitKind, Stage};
use crate::triage::finding::{Confidence, Finding, Quote};
use crate::triage::scene::Scene;

/// Lines of the log shown at the end.
const LOG_LINES: usize = 20;

/// An argument, or a line of a configuration, that is to blame, and where it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Culprit {
    /// The argument; of a configuration `name=value` or `name`.
    pub text: BString,
    /// Where it came from.
    pub origin: Arc<Origin>,
}

/// A second finding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AlsoSeen {
    /// `MTR-S020`.
    pub code: &'static str,
    /// In one line.
    #[serde(serialize_with = "as_text")]
    pub cause: BString,
}

/// Why a server failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Diagnosis {
    /// The server: `mysqld.1`.
    #[serde(serialize_with = "as_text")]
    pub server: BString,
    /// How it ended, and after how long, in words.
    pub ending: String,
    /// The code of the cause; `docs/triage/` has a page of this name.
    pub code: &'static str,
    /// The short name of the cause.
    pub name: &'static str,
    /// The cause in one line.
    #[serde(serialize_with = "as_text")]
    pub cause: BString,
    /// How sure it is.
    pub confidence: Confidence,
    /// What says so.
    #[serde(serialize_with = "as_quotes")]
    pub evidence: Vec<Quote>,
    /// The argument, or line of a configuration, to blame.
    #[serde(serialize_with = "as_culprit")]
    pub culprit: Option<Culprit>,
    /// What to change.
    #[serde(serialize_with = "as_optional_text")]
    pub fix: Option<BString>,
    /// Less likely causes, and what else was wrong.
    pub also_seen: Vec<AlsoSeen>,
    /// The command line, quoted for a shell.
    #[serde(serialize_with = "as_text")]
    pub command: BString,
    /// The error log.
    pub log_file: PathBuf,
    /// The report shows the log beside the diagnosis, whose text then leaves it out.
    #[serde(skip)]
    pub log_is_beside: bool,
    /// The last lines of this start in it.
    #[serde(serialize_with = "as_lines")]
    pub log: Vec<BString>,
}

impl Diagnosis {
    /// The diagnosis that findings make, the likeliest first; there is at least one.
    pub fn of(scene: &Scene<'_>, findings: Vec<Finding<'_>>) -> Diagnosis {
        let evidence = scene.evidence;
        let mut findings = findings.into_iter();
        let first = findings.next().unwrap_or_else(|| Finding::new(super::catalogue::SILENT, "not known"));
        let Cause { code, name, .. } = *first.cause;
        let quoted = first.entries.iter().map(|entry| Quote {
            file: Some(evidence.log.path.clone()),
            line: Some(entry.line),
            text: entry.raw.to_owned(),
        });
        let culprit = culprit(scene, &first);
        let from = scene.log.len().saturating_sub(LOG_LINES);
        Diagnosis {
            server: evidence.server.clone(),
            ending: ending(evidence),
            code,
            name,
            cause: first.text,
            confidence: first.confidence,
            evidence: quoted.chain(first.quotes).collect(),
            culprit,
            fix: first.fix,
            also_seen: findings.map(|f| AlsoSeen { code: f.cause.code, cause: f.text }).collect(),
            command: command(evidence),
            log_file: evidence.log.path.clone(),
            log_is_beside: false,
            log: scene.log[from..].iter().map(|entry| entry.raw.to_owned()).collect(),
        }
    }

    /// This diagnosis with another one, of the same server, as what is behind it.
    pub fn because(mut self, other: Diagnosis) -> Diagnosis {
        let symptom = self.cause.split_once_str(": ").map_or(self.cause.as_slice(), |(head, _)| head);
        let cause = format!("{}: {}", symptom.as_bstr(), other.cause);
        self.also_seen.push(AlsoSeen { code: other.code, cause: other.cause });
        self.cause = cause.into();
        self.evidence.extend(other.evidence);
        (self.culprit, self.fix) = (other.culprit, other.fix);
        self
    }

    /// The cause in one line as people see it: `likely: ` where it is not certain, then the cause and its code.
    pub fn cause_with_code(&self) -> BString {
        let sure = match self.confidence {
            Confidence::Likely => "likely: ",
            Confidence::Certain | Confidence::Unknown => "",
        };
        format!("{sure}{} [{}]", self.cause, self.code).into()
    }

    /// The diagnosis as text for the report of a test, each line ended: cause first, then what says so, then where
    /// to read on.
    pub fn to_text(&self) -> BString {
        let mut out = self.in_brief();
        out.extend_from_slice(&[b"  command:   ", self.command.as_slice(), b"\n"].concat());
        let path = match self.log_file.as_os_str() {
            // It was asked something, and its standard error was read.
            none if none.is_empty() => "standard error".to_owned(),
            path => path.display().to_string(),
        };
        if self.log_is_beside {
            out.extend_from_slice(format!("  log:       {path}\n").as_bytes());
            return out;
        }
        let what = if self.log.is_empty() { " has nothing of this start" } else { ", the last lines:" };
        out.extend_from_slice(format!("  log:       {path}{what}\n").as_bytes());
        for said in &self.log {
            out.extend_from_slice(b"    ");
            out.extend_from_slice(said);
            out.push(b'\n');
        }
        out
    }

    /// The diagnosis without command and log, each line ended: for reports that show the log anyway.
    pub fn in_brief(&self) -> BString {
        let mut out = BString::default();
        let mut line = |label: &str, parts: &[&[u8]]| {
            let _ = write!(Text(&mut out), "  {label:<10} ");
            for part in parts {
                out.extend_from_slice(part);
            }
            out.push(b'\n');
        };
        line("cause:", &[&self.cause_with_code()]);
        if let Some(culprit) = &self.culprit {
            line("from:", &[culprit.origin.to_string().as_bytes(), b": ", &culprit.text]);
        }
        for fix in self.fix.iter().flat_map(|fix| fix.lines()) {
            line("fix:", &[fix]);
        }
        for quote in &self.evidence {
            line("evidence:", &[&quote.text]);
        }
        for other in &self.also_seen {
            line("also seen:", &[&other.cause, b" [", other.code.as_bytes(), b"]"]);
        }
        line("server:", &[&self.server, b" ", self.ending.as_bytes()]);
        out
    }
}

/// The argument or line of a configuration to blame. A line that the runner itself wrote is nobody's to change.
fn culprit(scene: &Scene<'_>, finding: &Finding<'_>) -> Option<Culprit> {
    if let Some(option) = finding.argument.and_then(|index| scene.evidence.argv.get(index)) {
        return Some(Culprit { text: option.text.clone(), origin: Arc::clone(&option.origin) });
    }
    let setting = finding.setting.filter(|setting| !scene.is_made(setting))?;
    let origin = Arc::new(Origin::Configuration(setting.location.clone()));
    Some(Culprit { text: setting.text(), origin })
}

/// Formatted text into bytes.
struct Text<'a>(&'a mut BString);

impl std::fmt::Write for Text<'_> {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        self.0.extend_from_slice(text.as_bytes());
        Ok(())
    }
}

/// `exited with status 9 after 0.14 s`.
fn ending(evidence: &Evidence) -> String {
    let how = match (evidence.exit, evidence.stage) {
        (ExitKind::Status(status), _) => format!("exited with status {status}"),
        (ExitKind::Signal(signal), _) => format!("was ended by {}", signal_name(signal)),
        (ExitKind::NotRun(number), _) => {
            format!("could not be run: {}", std::io::Error::from_raw_os_error(number))
        }
        (ExitKind::Running, Stage::Start | Stage::Bootstrap) if evidence.timed_out => {
            "was still starting".to_owned()
        }
        // Of a server that lives, what it said at its start was looked at.
        (ExitKind::Running, Stage::Start | Stage::Bootstrap) => "was running".to_owned(),
        (ExitKind::Running, _) => "was still running".to_owned(),
        (ExitKind::Unknown, _) => "ended (its exit status was not kept)".to_owned(),
    };
    let what = if evidence.stage == Stage::Bootstrap { "(bootstrap) " } else { "" };
    let lived = evidence.lived.map(|lived: Duration| format!(" after {:.2} s", lived.as_secs_f64()));
    let late = match (evidence.timed_out, evidence.stage) {
        (false, _) => "",
        (true, Stage::Start | Stage::Bootstrap) => " (start timeout)",
        (true, _) => " (test timeout)",
    };
    format!("{what}{how}{}{late}", lived.unwrap_or_default())
}

/// The reverse of what a diagnosis says of an ending: how it was, and after how long.
pub fn read_ending(text: &str) -> Option<(ExitKind, Option<Duration>)> {
    let text = text.strip_prefix("(bootstrap) ").unwrap_or(text);
    let (how, lived) = text.split_once(" after ").map_or((text, None), |(how, lived)| (how, Some(lived)));
    let number = |text: &str| text.split(' ').next()?.parse().ok();
    let exit = match (how.strip_prefix("exited with status "), how.strip_prefix("was ended by signal ")) {
        (Some(status), _) => ExitKind::Status(number(status)?),
        (_, Some(signal)) => ExitKind::Signal(number(signal)?),
        _ if how.starts_with("was still ") || how.starts_with("was running") => ExitKind::Running,
        _ => return None,
    };
    let seconds = lived.and_then(|lived| lived.split(' ').next()?.parse().ok());
    Some((exit, seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())))
}

/// `signal 11 (SIGSEGV)`.
pub fn signal_name(signal: i32) -> String {
    format!("signal {signal} ({})", crate::sys::child::signal_name(signal))
}

fn command(evidence: &Evidence) -> BString {
    let mut out = BString::default();
    quote(&mut out, evidence.program.as_os_str().as_encoded_bytes());
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

fn as_text<S: Serializer>(text: &BString, s: S) -> Result<S::Ok, S::Error> {
    s.serialize_str(&text.to_string())
}

fn as_optional_text<S: Serializer>(text: &Option<BString>, s: S) -> Result<S::Ok, S::Error> {
    text.as_ref().map(BString::to_string).serialize(s)
}

fn as_lines<S: Serializer>(lines: &[BString], s: S) -> Result<S::Ok, S::Error> {
    s.collect_seq(lines.iter().map(BString::to_string))
}

#[derive(Serialize)]
struct QuoteJson {
    file: Option<String>,
    line: Option<u32>,
    text: String,
}

fn as_quotes<S: Serializer>(quotes: &[Quote], s: S) -> Result<S::Ok, S::Error> {
    s.collect_seq(quotes.iter().map(|quote| QuoteJson {
        file: quote.file.as_ref().map(|file| file.display().to_string()),
        line: quote.line,
        text: quote.text.to_string(),
    }))
}

#[derive(Serialize)]
struct CulpritJson {
    text: String,
    origin: String,
}

fn as_culprit<S: Serializer>(culprit: &Option<Culprit>, s: S) -> Result<S::Ok, S::Error> {
    culprit
        .as_ref()
        .map(|culprit| CulpritJson { text: culprit.text.to_string(), origin: culprit.origin.to_string() })
        .serialize(s)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::triage::rules::judge::diagnose;
    use crate::triage::testing::failed;

    #[test]
    fn the_text_says_why_where_and_what_was_run() {
        let mut evidence = failed(
            2,
            &["--defaults-file=my.cnf", "--fo_o", "--init-connect=set @a='x'"],
            "t 0 [Note] Starting\nt 0 [ERROR] mariadbd: unknown option '--fo_o'\nt 0 [ERROR] Aborting\n",
        );
        evidence.lived = Some(Duration::from_millis(143));
        let text = diagnose(&evidence).to_text();
        insta::assert_snapshot!(text.to_string());
    }

    #[test]
    fn endings() {
        let mut evidence = Evidence {
            exit: ExitKind::Running,
            lived: Some(Duration::from_secs(180)),
            timed_out: true,
            ..Evidence::default()
        };
        assert_eq!(ending(&evidence), "was still starting after 180.00 s (start timeout)");
        evidence.exit = ExitKind::Signal(11);
        evidence.timed_out = false;
        evidence.stage = Stage::Bootstrap;
        assert_eq!(ending(&evidence), "(bootstrap) was ended by signal 11 (SIGSEGV) after 180.00 s");
        for exit in [ExitKind::Status(7), ExitKind::Signal(9), ExitKind::Running] {
            for stage in [Stage::Bootstrap, Stage::Start, Stage::Running] {
                evidence = Evidence { exit, stage, ..evidence };
                assert_eq!(read_ending(&ending(&evidence)), Some((exit, evidence.lived)));
            }
        }
        assert_eq!(read_ending(&ending(&Evidence::default())), None);
    }
}
