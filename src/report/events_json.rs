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
    use std::collections::BTreeSet;

    use serde_json::Value;

    use super::*;
    use crate::report::sample;

    const DOCUMENTATION: &str = include_str!("../../docs/events.md");

    fn lines() -> Vec<Value> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("events.jsonl");
        let mut events = EventsJson::create(&path, sample::clock()).unwrap();
        for event in sample::every_kind() {
            events.event(&event).unwrap();
        }
        let text = std::fs::read_to_string(&path).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// Fails to compile when an event is added, so that the sample and the document get it too.
    fn kind(event: &Event) -> &'static str {
        match event {
            Event::RunStarted { .. } => "run_started",
            Event::Planned { .. } => "planned",
            Event::Message { .. } => "message",
            Event::Warning { .. } => "warning",
            Event::WorkerReady { .. } => "worker_ready",
            Event::TestStarted { .. } => "test_started",
            Event::TestFinished { .. } => "test_finished",
            Event::Retry { .. } => "retry",
            Event::PhaseStarted { .. } => "phase_started",
            Event::PhaseFinished { .. } => "phase_finished",
            Event::ScriptOutput { .. } => "script_output",
            Event::ResultRecorded { .. } => "result_recorded",
            Event::ServerUnfit { .. } => "server_unfit",
            Event::ServerStarted { .. } => "server_started",
            Event::ServerReady { .. } => "server_ready",
            Event::ServerStartFailed { .. } => "server_start_failed",
            Event::ServerStopped { .. } => "server_stopped",
            Event::StartByHand { .. } => "start_by_hand",
            Event::UserServersStarted { .. } => "user_servers_started",
            Event::UserServerDied { .. } => "user_server_died",
            Event::UserServersExited { .. } => "user_servers_exited",
            Event::LeftoverKilled { .. } => "leftover_killed",
            Event::CoreRequested { .. } => "core_requested",
            Event::CoreFound { .. } => "core_found",
            Event::CoreMoved { .. } => "core_moved",
            Event::CoreTraced { .. } => "core_traced",
            Event::CoreDeleted { .. } => "core_deleted",
            Event::CoreCompressed { .. } => "core_compressed",
            Event::Saved { .. } => "saved",
            Event::ShutdownWarnings { .. } => "shutdown_warnings",
            Event::ValgrindReport { .. } => "valgrind_report",
            Event::ScriptWarnings { .. } => "script_warnings",
            Event::TestsHeld { .. } => "tests_held",
            Event::PhaseTimes { .. } => "phase_times",
            Event::RunFinished { .. } => "run_finished",
        }
    }

    #[test]
    fn lines_are_numbered_and_timed() {
        for (index, line) in lines().iter().enumerate() {
            assert_eq!(line["seq"], index as u64 + 1);
            assert_eq!(line["time"], 1_795_437_139.0);
        }
    }

    #[test]
    fn every_kind_is_in_the_sample_and_has_a_heading() {
        let kinds: BTreeSet<&str> = sample::every_kind().iter().map(kind).collect();
        assert_eq!(kinds.len(), 35);
        for kind in kinds {
            assert!(DOCUMENTATION.contains(&format!("### `{kind}`")), "{kind}");
        }
    }

    #[test]
    fn every_field_is_documented_under_its_event() {
        for line in lines() {
            let kind = line["event"].as_str().unwrap();
            let section =
                DOCUMENTATION.split("\n### ").find(|s| s.starts_with(&format!("`{kind}`"))).unwrap();
            for field in line.as_object().unwrap().keys() {
                if !["seq", "time", "event"].contains(&field.as_str()) {
                    assert!(section.contains(&format!("`{field}`")), "{kind}.{field}");
                }
            }
            for (object, heading) in [("id", "## The test"), ("outcome", "## The outcome")] {
                let Some(object) = line.get(object).and_then(Value::as_object) else { continue };
                let section =
                    DOCUMENTATION.split("\n## ").find(|s| heading.ends_with(s.lines().next().unwrap()));
                for field in object.keys() {
                    assert!(section.unwrap().contains(&format!("`{field}`")), "{heading} {field}");
                }
            }
        }
    }

    #[test]
    fn every_field_of_a_diagnosis_is_documented() {
        let (_, section) = DOCUMENTATION.split_once("## The diagnosis").unwrap();
        let diagnosis = serde_json::to_value(sample::diagnosis()).unwrap();
        let nested = ["evidence", "also_seen"].map(|field| &diagnosis[field][0]);
        for object in [&diagnosis, nested[0], nested[1], &diagnosis["culprit"]] {
            for field in object.as_object().unwrap().keys() {
                assert!(section.contains(&format!("`{field}`")), "{field}");
            }
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
