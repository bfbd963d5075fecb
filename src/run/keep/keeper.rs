//! The keeper: a thread that sees to what failures leave. It moves saved directories to their place or removes them,
//! moves core files, runs the debugger on them and compresses them, one directory after the other, so that nobody
//! waits for that (runner §6.4, §9.8).

use std::collections::BTreeSet;
use std::fmt;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender};

use crate::component::component;
use crate::env::Env;
use crate::error::{Error, Result};
use crate::event::{Event, TestId, WarningKind};
use crate::run::autopsy::core_dump;
use crate::run::keep::{leftovers, save};
use crate::run::setup::context::Context;
use crate::run::setup::traces::StackTrace;
use crate::sys::poll::Waker;
use crate::sys::removal;

/// How long debuggers may look at all core files of a run together.
const TRACES_PATIENCE: Duration = Duration::from_secs(600);

/// How long the end of a run waits for what is still to be done; then it is cut short.
pub const END_PATIENCE: Duration = Duration::from_secs(300);

/// How long it then waits for what cannot be cut short: moving and removing directories.
pub const LAST_PATIENCE: Duration = Duration::from_secs(60);

/// What the keeper tells.
#[derive(Debug)]
pub enum Told {
    /// One directory was seen to: the events of it, in order.
    Kept(Vec<Event>),
    /// There is nothing more to do, and there will not be.
    Done,
}

/// Reads the stacks in a core file, until it is told to stop; `None` where that fails.
pub type Trace = Box<dyn FnMut(&Path, &Waker) -> Option<StackTrace> + Send>;

/// What the keeper goes by.
pub struct Rules {
    /// Where programs leave core files: their current directory.
    pub test_dir: PathBuf,
    /// Where directories are moved to: `VAR0/log`.
    pub log: PathBuf,
    /// `--max-save-core`.
    pub max_cores: u32,
    /// `--max-save-datadir`.
    pub max_dirs: u32,
    /// Core files are compressed.
    pub compress: bool,
    /// The program that dumped them.
    pub program: PathBuf,
    /// Reads core files.
    pub trace: Trace,
}

impl fmt::Debug for Rules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rules").field("log", &self.log).finish_non_exhaustive()
    }
}

impl Rules {
    /// Those of a run; `env` is the debuggers'.
    pub fn of(ctx: Arc<Context>, env: Env) -> Rules {
        let (settings, log) = (&ctx.settings, ctx.vardir.join("log"));
        let (max_cores, max_dirs) = (settings.max_save_core, settings.max_save_datadir);
        let (test_dir, compress) = (ctx.layout.test_dir.clone(), !ctx.named_tests);
        let scratch = log.clone();
        let program = ctx.layout.mariadbd.clone();
        let mut left = TRACES_PATIENCE;
        let trace = move |core: &Path, abort: &Waker| {
            let begun = Instant::now();
            let program = &ctx.layout.mariadbd;
            let trace = core_dump::stack_trace(&ctx, core, program, &env, &scratch, (left, abort));
            left = left.saturating_sub(begun.elapsed());
            trace
        };
        Rules { test_dir, log, max_cores, max_dirs, compress, program, trace: Box::new(trace) }
    }
}

/// One saved directory.
#[derive(Debug)]
struct Job {
    dir: PathBuf,
    /// Whose failure it was; `None`: a shutdown's.
    id: Option<TestId>,
    /// Core files in the test directory that belong to it.
    cores: Vec<PathBuf>,
}

/// The thread, as the supervisor sees it.
#[derive(Debug)]
pub struct Keeper {
    jobs: Option<Sender<Job>>,
    abort: Waker,
    test_dir: PathBuf,
    /// Core files of the test directory that belong to directories of before, by device and inode.
    claimed: BTreeSet<(u64, u64)>,
}

impl Keeper {
    /// Starts the thread; `tell` is called from it.
    ///
    /// # Errors
    /// There are no descriptors or no threads to be had.
    pub fn start(rules: Rules, tell: impl Fn(Told) + Send + 'static) -> Result<Keeper> {
        let failed = |cause: io::Error| {
            Error::new("cannot start the thread that keeps what failures leave").caused_by(cause)
        };
        let abort = Waker::new().map_err(failed)?;
        let (jobs, inbox) = crossbeam_channel::unbounded();
        let (test_dir, woken) = (rules.test_dir.clone(), abort.clone());
        let work = move || {
            // Also where the thread panics, nobody waits for it.
            let tell = TellsDone(tell);
            Work { rules, abort: woken, saved_cores: 0, saved_dirs: 0 }.run(&inbox, |told| (tell.0)(told));
        };
        std::thread::Builder::new().name("keeper".into()).spawn(work).map_err(failed)?;
        Ok(Keeper { jobs: Some(jobs), abort, test_dir, claimed: BTreeSet::new() })
    }

    /// Hands over the directory of a failure, and the core files that are in the test directory now. Does not wait.
    pub fn keep(&mut self, dir: PathBuf, id: Option<TestId>) {
        let mut cores = leftovers::cores_in(&self.test_dir);
        cores.retain(|core| {
            let id = core.symlink_metadata().map(|meta| (meta.dev(), meta.ino()));
            id.is_ok_and(|id| self.claimed.insert(id))
        });
        if let Some(jobs) = &self.jobs {
            // A thread that is gone has told that it is done; the directory stays where it is.
            let _ = jobs.send(Job { dir, id, cores });
        }
    }

    /// There will be nothing more: [`Told::Done`] follows what was handed over.
    pub fn close(&mut self) {
        self.jobs = None;
    }

    /// Ends the debugger that runs, and runs none any more; nothing is compressed any more.
    pub fn abort(&self) {
        self.abort.wake();
    }
}

/// Tells that all is done when it goes away.
struct TellsDone<F: Fn(Told)>(F);

impl<F: Fn(Told)> Drop for TellsDone<F> {
    fn drop(&mut self) {
        (self.0)(Told::Done);
    }
}

/// What the thread owns.
struct Work {
    rules: Rules,
    abort: Waker,
    saved_cores: u32,
    saved_dirs: u32,
}

impl Work {
    fn run(&mut self, jobs: &Receiver<Job>, tell: impl Fn(Told)) {
        for job in jobs {
            let mut events = Vec::new();
            for core in &job.cores {
                leftovers::move_core(core, &job.dir, job.id.as_ref(), &mut events);
            }
            let place = self.place_of(&job.dir);
            for core in core_dump::cores(&job.dir) {
                self.see_to_core(&job, core, place.as_deref(), &mut events);
            }
            self.see_to_dir(&job.dir, place, job.id.as_ref(), &mut events);
            tell(Told::Kept(events));
        }
    }

    /// Where the directory of a failure is going to be; `None` where enough were kept.
    fn place_of(&self, dir: &Path) -> Option<PathBuf> {
        let name = dir.file_name().unwrap_or_default();
        let place = self.rules.log.join(name);
        match self.saved_dirs < self.rules.max_dirs {
            true if place == dir => Some(place),
            true => Some(save::fresh(&self.rules.log, &name.display().to_string())),
            false => None,
        }
    }

    /// Writes the stacks of a core file into the directory of its failure, which is going to be at `place`; where that
    /// is not kept, beside it. Returns where they are going to be.
    fn keep_stacks(&self, dir: &Path, place: Option<&Path>, core: &Path, trace: &[u8]) -> Result<PathBuf> {
        let core = component(&core.file_name().unwrap_or_default().display().to_string());
        let (here, there) = match place {
            Some(place) => {
                let here = save::fresh(dir, &format!("stacks-{core}.txt"));
                let there = place.join(here.file_name().unwrap_or_default());
                (here, there)
            }
            None => {
                let name = dir.file_name().unwrap_or_default().display();
                let here = save::fresh(&self.rules.log, &format!("{name}-stacks-{core}.txt"));
                (here.clone(), here)
            }
        };
        std::fs::write(&here, trace).map_err(|error| Error::io("write", &here, error))?;
        Ok(there)
    }

    fn see_to_core(&mut self, job: &Job, core: PathBuf, place: Option<&Path>, events: &mut Vec<Event>) {
        let (limit, kept) = (self.rules.max_cores, self.saved_cores);
        let (dir, id) = (job.dir.clone(), || job.id.clone());
        events.push(Event::CoreFound { id: id(), dir, core: core.clone(), kept, limit });
        if !self.abort.is_awake()
            && let Some(StackTrace { debugger, text: trace }) = (self.rules.trace)(&core, &self.abort)
        {
            let program = self.rules.program.clone();
            let kept = self.keep_stacks(&job.dir, place, &core, &trace);
            if let Err(error) = &kept {
                let (kind, text) = (WarningKind::Keeping, error.chain().into());
                events.push(Event::Warning { worker: None, id: id(), kind, text });
            }
            let (file, core) = (kept.ok(), core.clone());
            events.push(Event::CoreTraced { id: id(), core, program, debugger, file, trace });
        }
        if self.saved_cores >= limit {
            let _ = std::fs::remove_file(&core);
            events.push(Event::CoreDeleted { id: id(), core, limit });
        } else {
            self.saved_cores += 1;
            if self.rules.compress && save::compress(&core, &self.abort).is_ok_and(|done| done) {
                events.push(Event::CoreCompressed { id: id(), core });
            }
        }
    }

    /// Moves the directory to its place, or removes it where it has none.
    fn see_to_dir(
        &mut self,
        dir: &Path,
        place: Option<PathBuf>,
        id: Option<&TestId>,
        events: &mut Vec<Event>,
    ) {
        let id = || id.cloned();
        let kind = WarningKind::Keeping;
        let warning = |text: String| Event::Warning { worker: None, id: id(), kind, text: text.into() };
        let Some(mut to) = place else {
            if let Err(error) = removal::remove(dir) {
                events.push(warning(error.chain()));
            }
            return events.push(Event::Saved { id: id(), from: dir.into(), to: None });
        };
        self.saved_dirs += 1;
        if to != dir
            && let Err(error) = std::fs::rename(dir, &to)
        {
            events.push(warning(format!("cannot move {} to {}: {error}", dir.display(), to.display())));
            to = dir.into();
        }
        events.push(Event::Saved { id: id(), from: dir.into(), to: Some(to) });
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::sys::poll;

    /// The first attempt of `suite.test`.
    fn id(name: &str) -> TestId {
        let (suite, test) = name.split_once('.').unwrap();
        let (suite, test, combination) = (suite.to_owned(), test.to_owned(), String::new());
        TestId { suite, test, combination, repetition: 1, attempt: 1 }
    }

    struct Site {
        dir: tempfile::TempDir,
        told: Receiver<Told>,
        keeper: Keeper,
    }

    impl Site {
        fn new(
            limits: (u32, u32),
            trace: impl FnMut(&Path, &Waker) -> Option<StackTrace> + Send + 'static,
        ) -> Site {
            let dir = tempfile::tempdir().unwrap();
            for name in ["tests", "log", "1"] {
                std::fs::create_dir(dir.path().join(name)).unwrap();
            }
            let rules = Rules {
                test_dir: dir.path().join("tests"),
                log: dir.path().join("log"),
                max_cores: limits.0,
                max_dirs: limits.1,
                compress: true,
                program: "/sbin/mariadbd".into(),
                trace: Box::new(trace),
            };
            let (tell, told) = crossbeam_channel::unbounded();
            let keeper = Keeper::start(rules, move |what| drop(tell.send(what))).unwrap();
            Site { dir, told, keeper }
        }

        /// Hands over the directory of a test, with a core file.
        fn fail(&mut self, test: &str) {
            let dir = self.dir.path().join("1").join(test);
            std::fs::create_dir(&dir).unwrap();
            std::fs::write(dir.join("core"), test).unwrap();
            self.keeper.keep(dir, Some(id(test)));
        }

        /// The texts that the keeper tells until its end.
        fn texts(mut self) -> (Vec<String>, tempfile::TempDir) {
            self.keeper.close();
            let mut texts = Vec::new();
            loop {
                match self.told.recv_timeout(Duration::from_secs(60)).unwrap() {
                    Told::Done => return (texts, self.dir),
                    Told::Kept(events) => texts.extend(events.into_iter().map(|event| match event {
                        Event::CoreFound { id, kept, limit, .. } => {
                            format!("{} found ({kept}/{limit})", id.unwrap().test)
                        }
                        Event::CoreTraced { file, trace, .. } => {
                            let file = file.unwrap();
                            let kept = file.strip_prefix(self.dir.path()).unwrap().display();
                            format!("{trace} in {kept}")
                        }
                        Event::CoreDeleted { id, limit, .. } => {
                            format!("{} deleted, {limit} saved", id.unwrap().test)
                        }
                        Event::CoreCompressed { core, .. } => format!("compressed {}", core.display()),
                        Event::Saved { from, to, .. } => {
                            let name = from.file_name().unwrap().display().to_string();
                            format!("{name} {}", if to.is_some() { "saved" } else { "removed" })
                        }
                        other => format!("{other:?}"),
                    })),
                }
            }
        }
    }

    #[test]
    fn limits_count_in_the_order_of_failures() {
        let mut site =
            Site::new((1, 1), |_, _| Some(StackTrace { debugger: "gdb".into(), text: "a trace".into() }));
        site.fail("main.a");
        site.fail("main.b");
        let (texts, dir) = site.texts();
        let compressed = format!("compressed {}", dir.path().join("1/main.a/core").display());
        let told = [
            "a found (0/1)",
            "a trace in log/main.a/stacks-core.txt",
            &compressed,
            "main.a saved",
            "b found (1/1)",
            "a trace in log/main.b-stacks-core.txt",
            "b deleted, 1 saved",
            "main.b removed",
        ];
        assert_eq!(texts, told);
        let read = |name: &str| std::fs::read_to_string(dir.path().join("log").join(name)).unwrap();
        assert!(dir.path().join("log/main.a/core.gz").is_file());
        assert_eq!(read("main.a/stacks-core.txt"), "a trace");
        assert!(!dir.path().join("1/main.b").exists());
        // What is small is kept also where the data are not.
        assert_eq!(read("main.b-stacks-core.txt"), "a trace");
    }

    #[test]
    fn a_debugger_that_hangs_holds_nobody_and_can_be_ended() {
        let (reached, begun) = crossbeam_channel::bounded(1);
        let hang = move |_: &Path, abort: &Waker| {
            reached.send(()).unwrap();
            // Until it is woken: there is no deadline.
            poll::readable(&[abort.fd()], None).unwrap();
            None
        };
        let mut site = Site::new((9, 9), hang);
        site.fail("main.a");
        site.fail("main.b");
        begun.recv_timeout(Duration::from_secs(60)).unwrap();
        site.keeper.abort();
        let (texts, dir) = site.texts();
        let told = ["a found (0/9)", "main.a saved", "b found (1/9)", "main.b saved"];
        assert_eq!(texts, told);
        for test in ["main.a", "main.b"] {
            assert_eq!(
                std::fs::read_to_string(dir.path().join("log").join(test).join("core")).unwrap(),
                test
            );
        }
    }

    #[test]
    fn a_core_among_the_tests_belongs_to_the_failure_that_was_told_next() {
        let mut site = Site::new((9, 9), |_, _| None);
        let tests = site.dir.path().join("tests");
        let core = b"\x7fELF............\x04\x00";
        std::fs::write(tests.join("core.1"), core).unwrap();
        site.fail("main.a");
        std::fs::write(tests.join("core.2"), core).unwrap();
        site.fail("main.b");
        let (_, dir) = site.texts();
        assert!(dir.path().join("log/main.a/core.1.gz").is_file());
        assert!(dir.path().join("log/main.b/core.2.gz").is_file());
    }

    #[test]
    fn a_panic_is_an_end_as_well() {
        let mut site = Site::new((9, 9), |_, _| panic!("a fault of the runner"));
        site.fail("main.a");
        assert_eq!(site.texts().0, Vec::<String>::new());
    }
}
