//! The perl child that evaluates `suite.pm` files (runner §2.7).
//!
//! `bridge.pl` runs the files against stand-ins for the modules they expect. Requests go to it as
//! lines of fields, answers come back as lines of JSON in which a character stands for a byte.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::fd::AsFd as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use bstr::{BString, ByteSlice as _};
use rustix::process::{Pid, Signal, kill_process_group};
use serde::Deserialize;

use crate::env::Env;
use crate::error::{Error, Result};
use crate::sys::deadline::deadline_after;
use crate::sys::{orphans, poll};

/// The perl side, handed over with `-e`.
const BRIDGE: &str = include_str!("bridge.pl");

/// How much of what perl said last is told, in bytes.
const MOST_SAID: u64 = 2000;

/// The most bytes of one answer: 16 MiB. The longest of MariaDB's tree has 10 KB.
const MOST_OF_ANSWER: usize = 16 << 20;

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
    answers: ChildStdout,
    /// What was read of the next answer.
    begun: Vec<u8>,
    /// How long one file may take.
    patience: Duration,
    /// Standard error of perl and of what it calls; a file, so that nobody has to read it meanwhile.
    errors: File,
}

impl Bridge {
    pub(super) fn start(
        perl: &Path,
        test_dir: &Path,
        env: &Env,
        greeting: &[u8],
        patience: Duration,
    ) -> Result<Bridge> {
        let failed = |error| Error::io("start", perl, error);
        let errors = tempfile::tempfile()
            .map_err(|error| Error::io("make a file in", &std::env::temp_dir(), error))?;
        let mut command = Command::new(perl);
        command.args(["-e", BRIDGE]).current_dir(test_dir).env_clear().envs(env.iter()).process_group(0);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(errors.try_clone().map_err(failed)?);
        let mut child = orphans::spawn_registered(&mut command, true).map_err(failed)?;
        let (requests, answers) = (child.stdin.take(), child.stdout.take());
        let (Some(requests), Some(answers)) = (requests, answers) else {
            return Err(Error::new("perl has no standard input or output"));
        };
        let unblocked = rustix::io::ioctl_fionbio(&requests, true)
            .and_then(|()| rustix::io::ioctl_fionbio(&answers, true));
        let requests = Some(requests);
        let mut bridge = Bridge { child, requests, answers, begun: Vec::new(), patience, errors };
        unblocked.map_err(|errno| failed(errno.into()))?;
        // A perl that ends at once has said why: better than "broken pipe".
        match bridge.send(greeting, deadline_after(patience)) {
            Ok(()) => Ok(bridge),
            Err(error) => Err(bridge.failed(&error, "its start")),
        }
    }

    fn send(&mut self, mut text: &[u8], deadline: Instant) -> io::Result<()> {
        let Some(requests) = &mut self.requests else { return Err(io::ErrorKind::BrokenPipe.into()) };
        while !text.is_empty() {
            match requests.write(text) {
                Ok(length) => text = &text[length..],
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    if !poll::writable(requests.as_fd(), Some(deadline))? {
                        return Err(io::ErrorKind::TimedOut.into());
                    }
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// The next answer, without its newline.
    fn answer(&mut self, deadline: Instant) -> io::Result<Vec<u8>> {
        let mut piece = [0; 64 << 10];
        let mut seen = 0;
        loop {
            if let Some(end) = self.begun[seen..].find_byte(b'\n') {
                let rest = self.begun.split_off(seen + end + 1);
                let mut line = std::mem::replace(&mut self.begun, rest);
                line.pop();
                return Ok(line);
            }
            seen = self.begun.len();
            if seen > MOST_OF_ANSWER {
                let text = format!("its answer has more than {} MiB", MOST_OF_ANSWER >> 20);
                return Err(io::Error::new(io::ErrorKind::InvalidData, text));
            }
            match self.answers.read(&mut piece) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(length) => self.begun.extend_from_slice(&piece[..length]),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    if poll::readable(&[self.answers.as_fd()], Some(deadline))?.is_empty() {
                        return Err(io::ErrorKind::TimedOut.into());
                    }
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Evaluates one file.
    pub(super) fn load(&mut self, name: &str, file: &Path) -> Result<Answer> {
        let dir = file.parent().unwrap_or(file);
        let tests = Some(dir.join("t")).filter(|tests| tests.is_dir()).unwrap_or_else(|| dir.to_owned());
        let mut text = Vec::new();
        let (path, tests) = (file.as_os_str().as_bytes(), tests.as_os_str().as_bytes());
        request(&mut text, &[b"suite", name.as_bytes(), path, tests]);
        let deadline = deadline_after(self.patience);
        match self.send(&text, deadline).and_then(|()| self.answer(deadline)) {
            Ok(line) => serde_json::from_slice(&line).map_err(|error| {
                Error::new("cannot understand perl's answer").at(file, None).caused_by(error)
            }),
            Err(error) => Err(self.failed(&error, &file.display().to_string()).at(file, None)),
        }
    }

    /// Perl ended early, hangs, or says too much: says so with what it said last. It is of no use any more.
    fn failed(&mut self, why: &io::Error, during: &str) -> Error {
        drop(self.requests.take());
        let what = match why.kind() {
            io::ErrorKind::TimedOut => {
                let seconds = self.patience.as_secs();
                Some(format!("perl did not come to an end within {seconds} s while evaluating {during}"))
            }
            io::ErrorKind::InvalidData => Some(format!("perl failed while evaluating {during}: {why}")),
            _ => None,
        };
        if what.is_some() {
            self.kill();
        }
        let status = self.child.wait().map_or_else(|error| error.to_string(), |status| status.to_string());
        let mut said = Vec::new();
        let length = self.errors.metadata().map_or(0, |errors| errors.len());
        // An unreadable file leaves the exit status, which is enough.
        let _ = self
            .errors
            .seek(SeekFrom::Start(length.saturating_sub(MOST_SAID)))
            .and_then(|_| (&mut self.errors).take(MOST_SAID).read_to_end(&mut said));
        let told = what.unwrap_or_else(|| format!("perl ended while evaluating {during}: {status}"));
        match said.trim() {
            [] => Error::new(told),
            said => Error::new(told).caused_by(said.to_str_lossy()),
        }
    }

    /// Ends it with what it started; nothing happens where it has been waited for.
    fn kill(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            let _ = kill_process_group(Pid::from_child(&self.child), Signal::KILL);
        }
    }
}

impl Drop for Bridge {
    fn drop(&mut self) {
        // End of file ends perl by itself, unless something it called hangs.
        drop(self.requests.take());
        self.kill();
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
