//! Reports whose files lie in the vardir: that is emptied when the tests of the run are known, and not before.

use std::path::{Path, PathBuf};

use crate::error::Result;
use crate::event::Event;
use crate::report::reporter::Reporter;

/// Makes the reporter.
type Make = Box<dyn FnOnce() -> Result<Box<dyn Reporter>> + Send>;

/// A reporter that is made when the vardir is ready, and then told what it missed. A run that ends before is told as well
/// where a file may be: an older report in its place would be taken for this run's.
pub struct Late {
    make: Option<Make>,
    missed: Vec<Event>,
    reporter: Option<Box<dyn Reporter>>,
    place: PathBuf,
}

impl Late {
    /// A report at `place` that `make` begins.
    pub fn new<R: Reporter + 'static>(
        place: &Path,
        make: impl FnOnce() -> Result<R> + Send + 'static,
    ) -> Late {
        let make: Make = Box::new(move || Ok(Box::new(make()?)));
        Late { make: Some(make), missed: Vec::new(), reporter: None, place: place.to_owned() }
    }

    /// Whether a file may be made there though the vardir is not this run's: not in a directory that is not there, or that is
    /// empty, as it would not be one for a vardir then.
    fn may_begin(&self) -> bool {
        let dir = self.place.parent().unwrap_or(Path::new("/"));
        std::fs::read_dir(dir).is_ok_and(|mut entries| entries.next().is_some())
    }

    fn begin(&mut self) -> Result<()> {
        let Some(make) = self.make.take() else { return Ok(()) };
        let mut reporter = make()?;
        let told = self.missed.drain(..).try_for_each(|event| reporter.event(&event));
        self.reporter = Some(reporter);
        told
    }
}

impl Reporter for Late {
    fn event(&mut self, event: &Event) -> Result<()> {
        if let Some(reporter) = &mut self.reporter {
            return reporter.event(event);
        }
        if self.make.is_none() {
            return Ok(());
        }
        self.missed.push(event.clone());
        match event {
            Event::RunFinished { .. } if self.may_begin() => self.begin(),
            _ => Ok(()),
        }
    }

    fn vardir_is_ready(&mut self, _: &Path) -> Result<()> {
        self.begin()
    }

    fn is_whole(&mut self) -> Result<()> {
        self.reporter.as_mut().map_or(Ok(()), |reporter| reporter.is_whole())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;
    use crate::event::RunEnd;
    use crate::report::testing::sample::{self, Seen};

    fn late(place: &Path) -> (Late, Arc<Mutex<Vec<Event>>>) {
        let seen = Arc::default();
        let copy = Arc::clone(&seen);
        (Late::new(place, move || Ok(Seen(copy))), seen)
    }

    #[test]
    fn nothing_is_missed() {
        let (mut late, seen) = late(Path::new("/nonexistent/x"));
        let events = [Event::message("a"), Event::message("b")];
        late.event(&events[0]).unwrap();
        assert!(seen.lock().unwrap().is_empty());
        late.vardir_is_ready(Path::new("/")).unwrap();
        late.event(&events[1]).unwrap();
        assert_eq!(*seen.lock().unwrap(), events);
    }

    #[test]
    fn a_run_that_did_not_come_about_is_told_where_there_was_one_before() {
        let dir = tempfile::tempdir().unwrap();
        let told = |place: &Path| {
            let (mut late, seen) = late(place);
            late.event(&Event::message("a")).unwrap();
            late.event(&sample::end(RunEnd::Failure, 0, 1)).unwrap();
            seen.lock().unwrap().len()
        };
        assert_eq!(told(&dir.path().join("report")), 0);
        assert_eq!(told(&dir.path().join("log/report")), 0);
        std::fs::write(dir.path().join("my.cnf"), "").unwrap();
        assert_eq!(told(&dir.path().join("report")), 2);
    }
}
