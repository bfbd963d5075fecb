//! The consumers of one run: what a reporter is, and how events get to all of them.

use std::path::Path;

use bstr::BString;

use crate::error::Result;
use crate::event::{Event, WarningKind};
use crate::report::standing::Standing;

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

    /// Whether everything that it was told is where it was to be.
    ///
    /// # Errors
    /// It is not, and why.
    fn is_whole(&mut self) -> Result<()> {
        Ok(())
    }
}

impl<R: Reporter + ?Sized> Reporter for Box<R> {
    fn event(&mut self, event: &Event) -> Result<()> {
        (**self).event(event)
    }

    fn vardir_is_ready(&mut self, vardir: &Path) -> Result<()> {
        (**self).vardir_is_ready(vardir)
    }

    fn is_whole(&mut self) -> Result<()> {
        (**self).is_whole()
    }
}

/// All reporters of a run.
///
/// Files come before the console, so that a file is up to date when its test is seen on the console. The first error of each is
/// a warning, and the run goes on; a report that is not whole at the end is exit code 1.
pub struct Reporters {
    /// Files that are written anew with each version, then those that grow: these cannot take back what they said of the end.
    documents: Vec<Watched>,
    streams: Vec<Watched>,
    console: Watched,
    standing: Standing,
}

struct Watched {
    reporter: Box<dyn Reporter>,
    warned: bool,
    /// The error at the last look.
    broken: Option<String>,
}

impl Watched {
    fn new(reporter: impl Reporter + 'static) -> Watched {
        Watched { reporter: Box::new(reporter), warned: false, broken: None }
    }

    /// Tells it `event`; the warning about its first error.
    fn tell(&mut self, event: &Event) -> Option<Event> {
        let error = self.reporter.event(event).err()?;
        let warned = std::mem::replace(&mut self.warned, true);
        (!warned).then(|| Event::warning(WarningKind::Report, error.chain()))
    }

    /// Tells all of `files` the end of the run, and looks whether they are whole; the warnings about first errors.
    fn conclude(files: &mut [Watched], end: &Event) -> Vec<Event> {
        let tell = |file: &mut Watched| {
            let warning = file.tell(end);
            file.look();
            warning
        };
        files.iter_mut().filter_map(tell).collect()
    }

    /// Looks whether it is whole.
    fn look(&mut self) {
        self.broken = self.reporter.is_whole().err().map(|error| error.chain());
    }
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
        Reporters {
            documents: Vec::new(),
            streams: Vec::new(),
            console: Watched::new(console),
            standing: Standing::default(),
        }
    }

    /// What has a verdict so far and what has none.
    pub fn standing(&self) -> &Standing {
        &self.standing
    }

    /// Tells all reporters that the vardir is this run's.
    ///
    /// # Errors
    /// A file in it cannot be created.
    pub fn vardir_is_ready(&mut self, vardir: &Path) -> Result<()> {
        self.console.reporter.vardir_is_ready(vardir)?;
        self.files().try_for_each(|file| file.reporter.vardir_is_ready(vardir))
    }

    /// Adds a reporter that writes a file, as a whole each time.
    pub fn add_document(&mut self, reporter: impl Reporter + 'static) {
        self.documents.push(Watched::new(reporter));
    }

    /// Adds a reporter whose file grows with each event.
    pub fn add_stream(&mut self, reporter: impl Reporter + 'static) {
        self.streams.push(Watched::new(reporter));
    }

    fn files(&mut self) -> impl Iterator<Item = &mut Watched> {
        self.documents.iter_mut().chain(&mut self.streams)
    }

    /// Hands `event` to every reporter.
    pub fn event(&mut self, event: &Event) {
        self.standing.note(event);
        let warnings: Vec<Event> = self.files().filter_map(|file| file.tell(event)).collect();
        // Each reporter warns once: this comes to an end.
        warnings.iter().for_each(|warning| self.event(warning));
        // A console that cannot be written to leaves nobody to tell.
        let _ = self.console.reporter.event(event);
    }

    /// Hands the last event to every reporter; returns the exit code of the program. That is 1 if a report is not whole, and
    /// then those that are say so.
    pub fn finish(&mut self, mut end: Event) -> i32 {
        self.streams.iter_mut().for_each(Watched::look);
        self.console.look();
        self.give_up_on_broken(&mut end);
        let mut warnings = Watched::conclude(&mut self.documents, &end);
        let mut changed = self.give_up_on_broken(&mut end);
        warnings.extend(Watched::conclude(&mut self.streams, &end));
        changed |= self.give_up_on_broken(&mut end);
        if changed {
            warnings.extend(Watched::conclude(&mut self.documents, &end));
        }
        for warning in &warnings {
            let _ = self.console.reporter.event(warning);
        }
        let broken: Vec<String> = self.broken().map(str::to_owned).collect();
        for why in broken {
            let text = format!("a report is not whole: {why}");
            let _ = self.console.reporter.event(&Event::warning(WarningKind::Report, text));
        }
        let _ = self.console.reporter.event(&end);
        self.console.look();
        if self.give_up_on_broken(&mut end) {
            self.documents.iter_mut().for_each(|file| drop(file.tell(&end)));
        }
        match end {
            Event::RunFinished { exit_code, .. } => exit_code,
            _ => 1,
        }
    }

    /// Makes the end of the run one that failed if a report is broken; whether it was not one before.
    fn give_up_on_broken(&self, end: &mut Event) -> bool {
        let Some(why) = self.broken().next() else { return false };
        let Event::RunFinished { exit_code, cause, .. } = end else { return false };
        if *exit_code != 0 {
            return false;
        }
        *exit_code = 1;
        cause.get_or_insert_with(|| format!("a report is not whole: {why}"));
        true
    }

    fn broken(&self) -> impl Iterator<Item = &str> {
        let all = self.documents.iter().chain(&self.streams).chain([&self.console]);
        all.filter_map(|file| file.broken.as_deref())
    }

    /// Whether all files are whole at this moment, after what was told behind the end.
    pub fn are_whole(&mut self) -> bool {
        self.files().for_each(Watched::look);
        self.console.look();
        self.broken().next().is_none()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::error::Error;
    use crate::event::RunEnd;
    use crate::report::testing::sample::{self, Seen};

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
        all.add_document(Broken);
        let message = Event::message("hello");
        all.event(&message);
        all.event(&message);
        let seen = seen.lock().unwrap();
        let text = "cannot write /x/y.xml: no storage space";
        assert_eq!(*seen, [Event::warning(WarningKind::Report, text), message.clone(), message]);
    }

    /// Cannot take the end, as on a disk that became full.
    #[derive(Default)]
    struct Short(bool);

    impl Reporter for Short {
        fn event(&mut self, event: &Event) -> Result<()> {
            self.0 |= matches!(event, Event::RunFinished { .. });
            self.is_whole()
        }

        fn is_whole(&mut self) -> Result<()> {
            match self.0 {
                true => Err(Error::io("write", Path::new("/x/y"), std::io::ErrorKind::StorageFull.into())),
                false => Ok(()),
            }
        }
    }

    #[test]
    fn a_report_that_is_not_whole_fails_the_run_in_all_others() {
        for is_stream in [false, true] {
            let [seen, document] = [(); 2].map(|()| Arc::default());
            let mut all = Reporters::new(Seen(Arc::clone(&seen)));
            all.add_document(Seen(Arc::clone(&document)));
            match is_stream {
                true => all.add_stream(Short::default()),
                false => all.add_document(Short::default()),
            }
            assert_eq!(all.finish(sample::end(RunEnd::Completed, 1, 0)), 1);
            assert!(!all.are_whole());
            for told in [seen.lock().unwrap(), document.lock().unwrap()] {
                let Some(Event::RunFinished { exit_code: 1, cause: Some(cause), .. }) = told.last() else {
                    panic!("{told:?}")
                };
                assert_eq!(cause, "a report is not whole: cannot write /x/y: no storage space");
            }
        }
    }

    #[test]
    fn whole_reports_change_nothing() {
        let seen = Arc::default();
        let mut all = Reporters::new(Seen(Arc::clone(&seen)));
        all.add_stream(Seen(Arc::default()));
        let end = sample::end(RunEnd::Completed, 1, 0);
        assert_eq!(all.finish(end.clone()), 0);
        assert_eq!(*seen.lock().unwrap(), [end]);
        assert!(all.are_whole());
    }
}
