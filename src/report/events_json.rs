//! `--events`: one JSON object a line, each written as it happens (`docs/events.md`).

use std::fs::File;
use std::io::Write;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::error::{Error, Result};
use crate::event::Event;
use crate::report::clock::Clock;
use crate::report::reporter::Reporter;

/// The stream of events as a file.
///
/// Each line is one `write`, so a kill leaves whole lines; after a failed write the file
/// gets no more of them, so that no line is a piece of one.
pub struct EventsJson {
    file: Option<File>,
    path: PathBuf,
    clock: Clock,
    sequence: u64,
}

/// Whether the value of `--events` means the standard output: `-`.
pub fn is_standard_output(path: &Path) -> bool {
    path == Path::new("-")
}

#[derive(Serialize)]
struct Line<'a> {
    seq: u64,
    time: f64,
    #[serde(flatten)]
    event: &'a Event,
}

impl EventsJson {
    /// Creates or empties `path`.
    ///
    /// # Errors
    ///
    /// The file cannot be created.
    pub fn create(path: &Path, clock: Clock) -> Result<Self> {
        let file = File::create(path).map_err(|e| Error::io("create", path, e))?;
        Ok(EventsJson { file: Some(file), path: path.to_owned(), clock, sequence: 0 })
    }

    /// The stream on the standard output of this process, past every buffer.
    ///
    /// # Errors
    ///
    /// There is no standard output.
    pub fn on_standard_output(clock: Clock) -> Result<Self> {
        let path = PathBuf::from("standard output");
        let file = std::io::stdout().as_fd().try_clone_to_owned().map_err(|e| Error::io("open", &path, e))?;
        Ok(EventsJson { file: Some(file.into()), path, clock, sequence: 0 })
    }
}

impl Reporter for EventsJson {
    fn event(&mut self, event: &Event) -> Result<()> {
        let Some(file) = &mut self.file else { return Ok(()) };
        self.sequence += 1;
        let line = Line { seq: self.sequence, time: self.clock.unix_seconds(), event };
        let written = serde_json::to_vec(&line).map_err(std::io::Error::from).and_then(|mut line| {
            line.push(b'\n');
            file.write_all(&line)
        });
        written.map_err(|e| {
            self.file = None;
            Error::io("write", &self.path, e)
        })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::report::testing::sample;

    #[test]
    fn lines_are_numbered_and_timed() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("events.jsonl");
        let mut events = EventsJson::create(&path, sample::clock()).unwrap();
        for event in sample::script() {
            events.event(&event).unwrap();
        }
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(text.lines().count(), sample::script().len());
        for (index, line) in text.lines().enumerate() {
            let line: serde_json::Value = serde_json::from_str(line).unwrap();
            assert_eq!(line["seq"], index as u64 + 1);
            assert_eq!(line["time"], 1_795_437_139.0);
        }
    }

    #[test]
    fn names_that_are_not_utf8_do_not_stop_the_stream() {
        use std::os::unix::ffi::OsStrExt;
        let path = Path::new(std::ffi::OsStr::from_bytes(b"/v\xe9"));
        let event = Event::Saved { id: None, from: path.to_owned(), to: None };
        assert_eq!(serde_json::to_value(&event).unwrap()["from"], "/v\u{FFFD}");
    }
}
