//! The consumers of one run: what a reporter is, and how events get to all of them.

use std::path::Path;

use bstr::BString;

use crate::error::{Error, Result};
use crate::event::{Event, WarningKind};

/// Something that tells a run to somebody.
pub trait Reporter: Send {
    /// Takes the next event.
    ///
    /// # Errors
    /// A file cannot be written. That does not end the run: see [`Reporters`].
    fn event(&mut self, event: &Event) -> Result<()>;

    /// The vardir is this run's from now on: files in it can be made. What was told before is not lost.
    ///
    /// # Errors
    /// A file cannot be created.
    fn vardir_is_ready(&mut self, _vardir: &Path) -> Result<()> {
        Ok(())
    }
}

/// All reporters of a run.
///
/// Files come before the console, so that a file is up to date when its test is seen on the
/// console. The first error of each file reporter is shown as a warning; the run goes on.
pub struct Reporters {
    files: Vec<Watched>,
    console: Box<dyn Reporter>,
}

struct Watched {
    reporter: Box<dyn Reporter>,
    warned: bool,
}

impl Reporters {
    /// A line for the console.
    pub fn message(&mut self, text: impl Into<BString>) {
        self.event(&Event::message(text));
    }

    /// A warning of the supervisor's.
    pub fn warning(&mut self, kind: WarningKind, text: impl Into<BString>) {
        self.event(&Event::warning(kind, text));
    }

    /// A console, and nothing else yet.
    pub fn new(console: impl Reporter + 'static) -> Self {
        Reporters { files: Vec::new(), console: Box::new(console) }
    }

    /// Tells all reporters that the vardir is this run's.
    ///
    /// # Errors
    /// A file in it cannot be created.
    pub fn vardir_is_ready(&mut self, vardir: &Path) -> Result<()> {
        self.console.vardir_is_ready(vardir)?;
        self.files.iter_mut().try_for_each(|file| file.reporter.vardir_is_ready(vardir))
    }

    /// Adds a reporter that writes a file.
    pub fn add(&mut self, reporter: impl Reporter + 'static) {
        self.files.push(Watched { reporter: Box::new(reporter), warned: false });
    }

    /// Hands `event` to every reporter.
    pub fn event(&mut self, event: &Event) {
        for file in &mut self.files {
            let Err(error) = file.reporter.event(event) else { continue };
            if !std::mem::replace(&mut file.warned, true) {
                let warning = Event::warning(WarningKind::Report, chain(&error));
                let _ = self.console.event(&warning);
            }
        }
        // A console that cannot be written to leaves nobody to tell.
        let _ = self.console.event(event);
    }
}

/// The error and what is underneath, on one line.
fn chain(error: &Error) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        text.push_str(&format!(": {inner}"));
        cause = inner.source();
    }
    text
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::report::testing::sample::Seen;

    struct Broken;

    impl Reporter for Broken {
        fn event(&mut self, _: &Event) -> Result<()> {
            Err(Error::io("write", Path::new("/x/y.xml"), std::io::ErrorKind::StorageFull.into()))
        }
    }

    #[test]
    fn a_broken_file_is_told_once_and_events_go_on() {
        let seen = Arc::default();
        let mut all = Reporters::new(Seen(Arc::clone(&seen)));
        all.add(Broken);
        let message = Event::message("hello");
        all.event(&message);
        all.event(&message);
        let seen = seen.lock().unwrap();
        let text = "cannot write /x/y.xml: no storage space";
        assert_eq!(*seen, [Event::warning(WarningKind::Report, text), message.clone(), message]);
    }
}
