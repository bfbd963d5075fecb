//! `--events`: one JSON object a line, each written as it happens (`docs/events.md`).

use std::fs::File;
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;

use serde::Serialize;

use crate::error::{Error, Result};
use crate::event::Event;
use crate::report::bounded_json::Bounded;
use crate::report::clock::Clock;
use crate::report::reporter::Reporter;
use crate::report::target::Target;
use crate::sys::guardian;

/// The stream of events as a file.
///
/// Each line is one `write` to the end of the file; what a kill leaves of a long one is taken off by those who guard the
/// run. Of a line for which there was no room nothing stays; the next one that finds room has a sequence number that tells
/// of the gap.
pub struct EventsJson {
    /// `None`: a line was cut in what cannot be cut back, such as a pipe, and another one would go on with it.
    out: Option<File>,
    path: PathBuf,
    is_file: bool,
    clock: Clock,
    sequence: u64,
    /// Why the stream is not whole.
    broken: Option<String>,
}

/// How each line begins.
const BEGINNING: &[u8] = b"{\"seq\":";

#[derive(Serialize)]
struct Line<'a> {
    seq: u64,
    time: f64,
    #[serde(flatten)]
    event: &'a Event,
}

impl EventsJson {
    /// Creates or empties a file, or begins on what is none.
    ///
    /// # Errors
    ///
    /// The file cannot be created.
    pub fn create(target: Target, clock: Clock) -> Result<Self> {
        let path = target.name().to_owned();
        let (out, is_file) = match target {
            Target::File(path) => {
                let opened = File::options().create(true).append(true).open(&path);
                let emptied = opened.and_then(|file| file.set_len(0).map(|()| file));
                (emptied.map_err(|error| Error::io("write", &path, error))?, true)
            }
            Target::Stream(_, file) => (file, false),
            Target::StandardOutput(file) => {
                let is_file = file.metadata().is_ok_and(|meta| meta.is_file());
                (file, is_file)
            }
        };
        if is_file {
            // Where that fails, a kill may leave the beginning of a line.
            let _ = guardian::note_lines(&out, BEGINNING);
        }
        Ok(EventsJson { out: Some(out), path, is_file, clock, sequence: 0, broken: None })
    }

    fn line(&mut self, event: &Event) -> io::Result<Vec<u8>> {
        self.sequence += 1;
        let line = Line { seq: self.sequence, time: self.clock.unix_seconds(), event };
        let mut text = Vec::new();
        let mut bounded = Bounded::default();
        line.serialize(&mut serde_json::Serializer::with_formatter(&mut text, &mut bounded))?;
        if bounded.left_out() > 0 {
            text.pop();
            text.extend_from_slice(format!(",\"left_out\":{}}}", bounded.left_out()).as_bytes());
        }
        text.push(b'\n');
        Ok(text)
    }
}

impl Reporter for EventsJson {
    fn event(&mut self, event: &Event) -> Result<()> {
        let written = self.line(event).and_then(|line| {
            let Some(out) = &mut self.out else { return Ok(()) };
            match append(out, &line) {
                Err((error, 0)) => Err(error),
                Err((error, written)) => {
                    if !self.is_file || cut_back(out, written).is_err() {
                        self.out = None;
                    }
                    Err(error)
                }
                Ok(()) => Ok(()),
            }
        });
        written.map_err(|error| {
            let error = Error::io("write", &self.path, error);
            self.broken.get_or_insert_with(|| error.chain());
            error
        })
    }

    fn is_whole(&mut self) -> Result<()> {
        if let Some(why) = &self.broken {
            return Err(Error::new(why.as_str()));
        }
        let Some(out) = self.out.as_ref().filter(|_| self.is_file) else { return Ok(()) };
        let ours = out.metadata().map_err(|error| Error::io("look at", &self.path, error))?;
        match self.path.metadata() {
            Ok(there) if (there.dev(), there.ino()) == (ours.dev(), ours.ino()) => Ok(()),
            // The standard output has no name.
            _ if !self.path.is_absolute() => Ok(()),
            _ => Err(Error::new(format!(
                "{} was removed or replaced while the run wrote to it",
                self.path.display()
            ))),
        }
    }
}

/// Writes `line`, in one piece where the system takes it; on an error also how much of it was written.
fn append(out: &mut File, line: &[u8]) -> std::result::Result<(), (io::Error, u64)> {
    let mut at = 0;
    while at < line.len() {
        match out.write(&line[at..]) {
            Ok(0) => return Err((ErrorKind::WriteZero.into(), at as u64)),
            Ok(length) => at += length,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err((error, at as u64)),
        }
    }
    Ok(())
}

/// Takes the last `bytes` bytes off the file.
fn cut_back(out: &File, bytes: u64) -> io::Result<()> {
    out.set_len(out.metadata()?.len().saturating_sub(bytes))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::report::testing::sample;
    use crate::report::text::MOST;

    fn lines(events: &[Event]) -> Vec<serde_json::Value> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("events.jsonl");
        let mut stream = EventsJson::create(Target::of(&path).unwrap(), sample::clock()).unwrap();
        for event in events {
            stream.event(event).unwrap();
        }
        stream.is_whole().unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    #[test]
    fn lines_are_numbered_and_timed() {
        let lines = lines(&sample::script());
        assert_eq!(lines.len(), sample::script().len());
        for (index, line) in lines.iter().enumerate() {
            assert_eq!(line["seq"], index as u64 + 1);
            assert_eq!(line["time"], 1_795_437_139.0);
        }
    }

    #[test]
    fn all_lines_begin_alike() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("events.jsonl");
        let mut stream = EventsJson::create(Target::of(&path).unwrap(), sample::clock()).unwrap();
        sample::script().iter().for_each(|event| stream.event(event).unwrap());
        let text = std::fs::read(&path).unwrap();
        assert!(text.trim_ascii_end().split(|byte| *byte == b'\n').all(|line| line.starts_with(BEGINNING)));
    }

    #[test]
    fn names_that_are_not_utf8_do_not_stop_the_stream() {
        use std::os::unix::ffi::OsStrExt;
        let path = Path::new(std::ffi::OsStr::from_bytes(b"/v\xe9"));
        let event = Event::Saved { id: None, from: path.to_owned(), to: None };
        assert_eq!(serde_json::to_value(&event).unwrap()["from"], "/v\u{FFFD}");
    }

    #[test]
    fn long_texts_are_cut_and_the_rest_is_counted() {
        let lines = lines(&[Event::message(vec![0; MOST]), Event::message(vec![0; MOST + 7])]);
        assert_eq!(lines[0]["text"].as_str().unwrap().len(), MOST);
        assert_eq!(lines[0].get("left_out"), None);
        let text = lines[1]["text"].as_str().unwrap();
        assert!(text.contains("\n[... 7 bytes left out ...]\n\0"));
        assert_eq!(lines[1]["left_out"], 7);
    }

    #[test]
    fn a_line_without_room_leaves_nothing_and_is_a_gap() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("events.jsonl");
        let mut stream = EventsJson::create(Target::of(&path).unwrap(), sample::clock()).unwrap();
        stream.event(&Event::message("a")).unwrap();
        // What a full disk leaves of a line.
        let whole = std::fs::read(&path).unwrap();
        let mut out = File::options().append(true).open(&path).unwrap();
        out.write_all(b"{\"seq\":2,").unwrap();
        cut_back(&out, 9).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), whole);
        let mut full =
            EventsJson::create(Target::of(Path::new("/dev/full")).unwrap(), sample::clock()).unwrap();
        full.event(&Event::message("a")).unwrap_err();
        full.event(&Event::message("a")).unwrap_err();
        assert!(full.is_whole().unwrap_err().message().starts_with("cannot write /dev/full: "));
    }

    #[test]
    fn a_file_that_was_moved_away_is_not_whole() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("events.jsonl");
        let mut stream = EventsJson::create(Target::of(&path).unwrap(), sample::clock()).unwrap();
        std::fs::rename(&path, dir.path().join("other")).unwrap();
        let error = stream.is_whole().unwrap_err();
        assert!(error.message().ends_with("events.jsonl was removed or replaced while the run wrote to it"));
    }
}
