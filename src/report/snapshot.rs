//! A report file that is whole on disk at any moment of a run, also after `kill -9`.
//!
//! Each version is written beside the file, under a random name, and renamed over it, so a reader finds the old or the new
//! one and never a part. Writing takes at most a twentieth of the time: as long as the document is
//! small, it is on disk before [`Reporter::event`] returns; in a run of thousands of tests
//! a thread writes the newest version as soon as twenty times the duration of the last writing have
//! passed, a fraction of a second. So what a kill can lose is that fraction, whether or not
//! more events come.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::error::{Error, Result};
use crate::event::Event;
use crate::report::reporter::Reporter;
use crate::report::target::Target;

/// Something that can be written down at any time.
pub trait Document: Send + 'static {
    /// Takes the next event; whether the text has changed.
    fn apply(&mut self, event: &Event) -> bool;

    /// The whole text.
    ///
    /// # Errors
    ///
    /// It cannot be put together.
    fn render(&self) -> Result<Vec<u8>>;
}

/// For each unit of time of writing, how many have to pass before the next.
const REST: u32 = 20;

/// A [`Document`] kept on disk.
pub struct Snapshot<D: Document> {
    shared: Arc<Shared<D>>,
    thread: Option<JoinHandle<()>>,
}

struct Shared<D> {
    state: Mutex<State<D>>,
    changed: Condvar,
}

struct State<D> {
    document: D,
    target: Target,
    dirty: bool,
    /// Not to be written before.
    due: Instant,
    error: Option<Error>,
    /// Why the last version is not where it was to be.
    broken: Option<String>,
    closed: bool,
}

impl<D: Document> Snapshot<D> {
    /// Writes the empty document to `target`, replacing what was there.
    ///
    /// # Errors
    ///
    /// The file cannot be written.
    pub fn create(target: Target, document: D) -> Result<Self> {
        let mut state = State {
            document,
            target,
            dirty: true,
            due: Instant::now(),
            error: None,
            broken: None,
            closed: false,
        };
        state.write(false)?;
        state.due = Instant::now();
        let shared = Arc::new(Shared { state: Mutex::new(state), changed: Condvar::new() });
        let thread = std::thread::Builder::new()
            .name("report".into())
            .spawn({
                let shared = Arc::clone(&shared);
                move || shared.write_late_versions()
            })
            .map_err(|e| Error::new("cannot start the thread of a report").caused_by(e))?;
        Ok(Snapshot { shared, thread: Some(thread) })
    }
}

impl<D: Document> Reporter for Snapshot<D> {
    fn event(&mut self, event: &Event) -> Result<()> {
        let mut state = self.shared.lock();
        if state.document.apply(event) {
            state.dirty = true;
        }
        let last = matches!(event, Event::RunFinished { .. });
        if last || (state.dirty && Instant::now() >= state.due) {
            state.write(last)?;
        } else if state.dirty {
            self.shared.changed.notify_one();
        }
        state.error.take().map_or(Ok(()), Err)
    }

    fn is_whole(&mut self) -> Result<()> {
        match &self.shared.lock().broken {
            Some(why) => Err(Error::new(why.as_str())),
            None => Ok(()),
        }
    }
}

impl<D: Document> Drop for Snapshot<D> {
    /// Writes what is not yet written.
    fn drop(&mut self) {
        {
            let mut state = self.shared.lock();
            state.closed = true;
            if state.dirty {
                // Nobody is left to be told.
                let _ = state.write(true);
            }
        }
        self.shared.changed.notify_one();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl<D: Document> Shared<D> {
    fn lock(&self) -> MutexGuard<'_, State<D>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write_late_versions(&self) {
        let mut state = self.lock();
        while !state.closed {
            let wait = match state.dirty {
                true => state.due.saturating_duration_since(Instant::now()),
                false => Duration::MAX,
            };
            if wait.is_zero() {
                if let Err(error) = state.write(false) {
                    state.error = Some(error);
                }
                continue;
            }
            state = match wait {
                Duration::MAX => self.changed.wait(state).unwrap_or_else(PoisonError::into_inner),
                wait => self.changed.wait_timeout(state, wait).unwrap_or_else(PoisonError::into_inner).0,
            };
        }
    }
}

impl<D: Document> State<D> {
    /// A failed version counts as written: the next change tries again.
    fn write(&mut self, last: bool) -> Result<()> {
        let start = Instant::now();
        self.dirty = false;
        let written = self.document.render().and_then(|text| self.target.put(&text, last));
        let end = Instant::now();
        self.due = end + (end - start) * REST;
        self.broken = written.as_ref().err().map(Error::chain);
        written
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::event::RunEnd;
    use crate::report::testing::sample;

    #[derive(Default)]
    struct Count(usize);

    impl Document for Count {
        fn apply(&mut self, _: &Event) -> bool {
            self.0 += 1;
            true
        }

        fn render(&self) -> Result<Vec<u8>> {
            Ok(format!("{}\n", self.0).into_bytes())
        }
    }

    fn target(path: &Path) -> Target {
        Target::of(path).unwrap()
    }

    #[test]
    fn a_version_that_came_too_early_is_written_without_another_event() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("r.xml");
        let mut snapshot = Snapshot::create(target(&path), Count::default()).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "0\n");
        snapshot.shared.lock().due = Instant::now() + Duration::from_millis(50);
        snapshot.event(&Event::message("")).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "0\n");
        let deadline = Instant::now() + Duration::from_secs(10);
        while std::fs::read_to_string(&path).unwrap() != "1\n" {
            assert!(Instant::now() < deadline);
            std::thread::yield_now();
        }
    }

    #[test]
    fn the_end_is_written_at_once_and_leaves_one_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("r.xml");
        let mut snapshot = Snapshot::create(target(&path), Count::default()).unwrap();
        snapshot.shared.lock().due = Instant::now() + Duration::from_secs(3600);
        snapshot.event(&Event::message("")).unwrap();
        snapshot.event(&sample::end(RunEnd::Completed, 0, 0)).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "2\n");
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn dropping_writes_what_is_left() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("r.xml");
        let mut snapshot = Snapshot::create(target(&path), Count::default()).unwrap();
        snapshot.shared.lock().due = Instant::now() + Duration::from_secs(3600);
        snapshot.event(&Event::message("")).unwrap();
        drop(snapshot);
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "1\n");
    }

    #[test]
    fn a_link_stays_a_link() {
        let dir = tempfile::tempdir().unwrap();
        let (file, link) = (dir.path().join("r.xml"), dir.path().join("link"));
        std::fs::write(&file, "old").unwrap();
        std::os::unix::fs::symlink(&file, &link).unwrap();
        drop(Snapshot::create(target(&link), Count::default()).unwrap());
        assert!(link.is_symlink());
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "0\n");
    }

    #[test]
    fn what_somebody_put_beside_the_report_is_not_written_to() {
        let dir = tempfile::tempdir().unwrap();
        let (path, other) = (dir.path().join("r.xml"), dir.path().join("other"));
        std::fs::write(&other, "kept").unwrap();
        std::os::unix::fs::symlink(&other, dir.path().join("r.xml.new")).unwrap();
        drop(Snapshot::create(target(&path), Count::default()).unwrap());
        assert_eq!(std::fs::read_to_string(&other).unwrap(), "kept");
        assert!(dir.path().join("r.xml.new").is_symlink());
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "0\n");
    }

    #[test]
    fn a_pipe_gets_the_last_version() {
        let (mut reader, writer) = std::io::pipe().unwrap();
        let dir = tempfile::tempdir().unwrap();
        let link = dir.path().join("link");
        let descriptor = std::os::fd::AsRawFd::as_raw_fd(&writer);
        std::os::unix::fs::symlink(format!("/proc/self/fd/{descriptor}"), &link).unwrap();
        let mut snapshot = Snapshot::create(target(&link), Count::default()).unwrap();
        snapshot.event(&Event::message("")).unwrap();
        snapshot.event(&sample::end(RunEnd::Completed, 0, 0)).unwrap();
        drop((snapshot, writer));
        let mut text = String::new();
        std::io::Read::read_to_string(&mut reader, &mut text).unwrap();
        assert_eq!(text, "2\n");
        assert!(link.is_symlink());
    }

    #[test]
    fn a_link_to_nothing_yet_leads_to_the_report() {
        let dir = tempfile::tempdir().unwrap();
        let (file, link) = (dir.path().join("r.xml"), dir.path().join("link"));
        std::os::unix::fs::symlink("r.xml", &link).unwrap();
        drop(Snapshot::create(target(&link), Count::default()).unwrap());
        assert!(link.is_symlink());
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "0\n");
    }

    #[test]
    fn a_directory_that_is_not_there_is_an_error_before_the_run() {
        let error =
            Snapshot::create(target(Path::new("/nonexistent/r.xml")), Count::default()).err().unwrap();
        assert_eq!(error.message(), "cannot write /nonexistent/r.xml");
    }

    #[test]
    fn a_report_whose_directory_is_gone_is_not_whole_until_it_is_back() {
        let dir = tempfile::tempdir().unwrap();
        let inner = dir.path().join("inner");
        std::fs::create_dir(&inner).unwrap();
        let mut snapshot = Snapshot::create(target(&inner.join("r.xml")), Count::default()).unwrap();
        snapshot.is_whole().unwrap();
        std::fs::remove_dir_all(&inner).unwrap();
        let last = sample::end(RunEnd::Completed, 0, 0);
        snapshot.event(&last).unwrap_err();
        let error = snapshot.is_whole().unwrap_err();
        assert!(error.message().starts_with("cannot write ") && error.message().contains("inner/r.xml: "));
        std::fs::create_dir(&inner).unwrap();
        snapshot.event(&last).unwrap();
        snapshot.is_whole().unwrap();
    }
}
