//! The perl child that evaluates `suite.pm` files (runner §2.7).
//!
//! `bridge.pl` runs the files against stand-ins for the modules they expect. Requests go to it as
//! lines of fields, answers come back as lines of JSON in which a character stands for a byte.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use bstr::{BString, ByteSlice as _};
use serde::Deserialize;

use crate::env::Env;
use crate::error::{Error, Result};
use crate::sys::orphans;

/// The perl side, handed over with `-e`.
const BRIDGE: &str = include_str!("bridge.pl");

/// How much of what perl said last is told, in bytes.
const MOST_SAID: u64 = 2000;

/// Appends one request line: fields separated by tabs, what could be mistaken for structure escaped.
pub(super) fn request(text: &mut Vec<u8>, fields: &[&[u8]]) {
    for (i, field) in fields.iter().enumerate() {
        if i > 0 {
            text.push(b'\t');
        }
        for &byte in *field {
            match byte {
                b'%' | b'\t' | b'\n' | b'\r' => text.extend(format!("%{byte:02X}").bytes()),
                _ => text.push(byte),
            }
        }
    }
    text.push(b'\n');
}

/// The running perl.
#[derive(Debug)]
pub(super) struct Bridge {
    child: Child,
    requests: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
    /// Standard error of perl and of what it calls; a file, so that nobody has to read it meanwhile.
    errors: File,
}

impl Bridge {
    pub(super) fn start(perl: &Path, test_dir: &Path, env: &Env, greeting: &[u8]) -> Result<Bridge> {
        let failed = |error| Error::io("start", perl, error);
        let errors = tempfile::tempfile().map_err(failed)?;
        let mut command = Command::new(perl);
        command.args(["-e", BRIDGE]).current_dir(test_dir).env_clear().envs(env.iter()).process_group(0);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(errors.try_clone().map_err(failed)?);
        let mut child = orphans::spawn_registered(&mut command, true).map_err(failed)?;
        let requests = child.stdin.take();
        let Some(answers) = child.stdout.take().map(BufReader::new) else {
            return Err(Error::new("perl has no standard output"));
        };
        let mut bridge = Bridge { child, requests, answers, errors };
        // A perl that ends at once has said why: better than "broken pipe".
        if bridge.send(greeting).is_err() {
            return Err(bridge.died("its start"));
        }
        Ok(bridge)
    }

    fn send(&mut self, text: &[u8]) -> std::io::Result<()> {
        match &mut self.requests {
            Some(requests) => requests.write_all(text),
            None => Err(std::io::ErrorKind::BrokenPipe.into()),
        }
    }

    /// Evaluates one file.
    pub(super) fn load(&mut self, name: &str, file: &Path) -> Result<Answer> {
        let dir = file.parent().unwrap_or(file);
        let tests = Some(dir.join("t")).filter(|tests| tests.is_dir()).unwrap_or_else(|| dir.to_owned());
        let mut text = Vec::new();
        let (path, tests) = (file.as_os_str().as_bytes(), tests.as_os_str().as_bytes());
        request(&mut text, &[b"suite", name.as_bytes(), path, tests]);
        let mut line = String::new();
        let sent = self.send(&text).and_then(|()| self.answers.read_line(&mut line));
        match sent {
            Ok(read) if read > 0 => serde_json::from_str(&line).map_err(|error| {
                Error::new("cannot understand perl's answer").at(file, None).caused_by(error)
            }),
            _ => Err(self.died(&file.display().to_string()).at(file, None)),
        }
    }

    /// Perl ended early: says so with what it said last.
    fn died(&mut self, during: &str) -> Error {
        drop(self.requests.take());
        let status = self.child.wait().map_or_else(|error| error.to_string(), |status| status.to_string());
        let mut said = Vec::new();
        let length = self.errors.metadata().map_or(0, |errors| errors.len());
        // An unreadable file leaves the exit status, which is enough.
        let _ = self
            .errors
            .seek(SeekFrom::Start(length.saturating_sub(MOST_SAID)))
            .and_then(|_| (&mut self.errors).take(MOST_SAID).read_to_end(&mut said));
        Error::new(format!("perl ended while evaluating {during}: {status}"))
            .caused_by(said.trim().to_str_lossy())
    }
}

impl Drop for Bridge {
    fn drop(&mut self) {
        // End of file ends perl by itself, unless something it called hangs.
        drop(self.requests.take());
        let _ = self.child.kill();
        let _ = self.child.wait();
        orphans::unregister(self.child.id().cast_signed());
    }
}

/// One line of the child's. Characters up to U+00FF stand for bytes.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Answer {
    pub error: Option<String>,
    pub skip: Option<String>,
    pub default: bool,
    pub skips: Vec<(String, Rule)>,
    pub cases: Option<Vec<String>>,
    pub commands: Vec<Vec<Option<String>>>,
    pub extras: Vec<String>,
    pub env: Vec<(String, Option<String>)>,
    pub suppressions: Vec<String>,
    pub messages: Vec<String>,
}

/// The value of a `skip_combinations` entry.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum Rule {
    Sections(Vec<String>),
    Reason(Option<String>),
}

/// The bytes that `text` stands for.
pub(super) fn bytes(text: &str) -> BString {
    text.chars().map(|c| u8::try_from(u32::from(c)).unwrap_or(b'?')).collect::<Vec<u8>>().into()
}
