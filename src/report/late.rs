//! Reports whose files lie in the vardir: that is emptied when the tests of the run are known, and not before.

use std::path::Path;

use crate::error::Result;
use crate::event::Event;
use crate::report::reporter::Reporter;

/// Makes the reporter.
type Make = Box<dyn FnOnce() -> Result<Box<dyn Reporter>> + Send>;

/// A reporter that is made when the vardir is ready, and then told what it missed.
pub struct Late {
    make: Option<Make>,
    missed: Vec<Event>,
    reporter: Option<Box<dyn Reporter>>,
    /// Also a run that did not come about is told there: an older report in its place would be taken for this run's.
    always: bool,
}

impl Late {
    /// A report that `make` begins; with `always`, also of a run that ends before the vardir is ready.
    pub fn new<R: Reporter + 'static>(
        make: impl FnOnce() -> Result<R> + Send + 'static,
        always: bool,
    ) -> Late {
        let make: Make = Box::new(move || Ok(Box::new(make()?)));
        Late { make: Some(make), missed: Vec::new(), reporter: None, always }
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
            Event::RunFinished { .. } if self.always => self.begin(),
            _ => Ok(()),
        }
    }

    fn vardir_is_ready(&mut self, _: &Path) -> Result<()> {
        self.begin()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;
    use crate::event::RunEnd;
    use crate::report::testing::sample::{self, Seen};

    fn late(always: bool) -> (Late, Arc<Mutex<Vec<Event>>>) {
        let seen = Arc::default();
        let copy = Arc::clone(&seen);
        (Late::new(move || Ok(Seen(copy)), always), seen)
    }

    #[test]
    fn nothing_is_missed() {
        let (mut late, seen) = late(false);
        let events = [Event::message("a"), Event::message("b")];
        late.event(&events[0]).unwrap();
        assert!(seen.lock().unwrap().is_empty());
        late.vardir_is_ready(Path::new("/")).unwrap();
        late.event(&events[1]).unwrap();
        assert_eq!(*seen.lock().unwrap(), events);
    }

    #[test]
    fn a_run_that_did_not_come_about_is_told_where_one_asked_for_it() {
        for (always, told) in [(true, 2), (false, 0)] {
            let (mut late, seen) = late(always);
            late.event(&Event::message("a")).unwrap();
            late.event(&sample::end(RunEnd::Failure, 0, 1)).unwrap();
            assert_eq!(seen.lock().unwrap().len(), told);
        }
    }
}
