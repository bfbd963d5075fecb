//! Which reports a run is asked for, and how they begin.
//!
//! A report is red as soon as the options are known ([`Requests::mark`]), begins when the vardir is found ([`Requests::begin`]),
//! and is red until the run has come to its end: see [`super::standing`].

use std::path::Path;

use crate::cli::settings::Settings;
use crate::env::Env;
use crate::error::{Error, Result};
use crate::event::Event;
use crate::report::clock::Clock;
use crate::report::console::{COPY, Console};
use crate::report::events_json::EventsJson;
use crate::report::junit::Junit;
use crate::report::late::Late;
use crate::report::reporter::{Reporter, Reporters};
use crate::report::result_file::ResultFile;
use crate::report::snapshot::Snapshot;
use crate::report::target::Target;
use crate::report::xml::LegacyXml;
use crate::sys::files;

/// The name of `--result-file` in the vardir.
const RESULTS: &str = "mtr-results.txt";

/// The reports that a command line asks for.
pub struct Requests {
    wanted: Vec<Wanted>,
    /// What is wrong with the first that cannot be.
    error: Option<Error>,
    clock: Clock,
}

struct Wanted {
    kind: Kind,
    target: Target,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Events,
    Xml,
    Junit,
}

impl Kind {
    fn option(self) -> &'static str {
        match self {
            Kind::Events => "--events",
            Kind::Xml => "--xml-report",
            Kind::Junit => "--junit",
        }
    }

    fn begin(self, target: Target, clock: Clock) -> Result<Box<dyn Reporter>> {
        Ok(match self {
            Kind::Events => Box::new(EventsJson::create(target, clock)?),
            Kind::Xml => Box::new(Snapshot::create(target, LegacyXml::new(clock))?),
            Kind::Junit => Box::new(Snapshot::create(target, Junit::new(clock))?),
        })
    }
}

/// Where reports may be.
pub struct Places<'a> {
    /// VAR0, which is this run's; `None`: there is none, and the run is not to be.
    pub vardir: Option<&'a Path>,
    /// Whether a path lies in the vardir of another run that is at work.
    pub is_others: &'a dyn Fn(&Path) -> bool,
}

impl Requests {
    /// Those of `settings`. Relative paths are taken from the current directory.
    pub fn of(settings: &Settings, clock: Clock) -> Requests {
        let mut requests = Requests { wanted: Vec::new(), error: None, clock };
        let asked = [
            (Kind::Events, &settings.events),
            (Kind::Xml, &settings.xml_report),
            (Kind::Junit, &settings.junit),
        ];
        for (kind, path) in asked {
            let Some(path) = path else { continue };
            let added = Target::of(path).and_then(|target| requests.add(Wanted { kind, target }));
            if let Err(error) = added {
                requests.error.get_or_insert(error);
            }
        }
        requests
    }

    fn add(&mut self, new: Wanted) -> Result<()> {
        if let Some(old) = self.wanted.iter().find(|old| old.target.is_that_of(&new.target)) {
            let (name, other) = (new.target.name().display(), old.kind.option());
            return Err(Error::new(format!("{} and {other} both write to {name}", new.kind.option()))
                .hint("give each report a file of its own"));
        }
        self.wanted.push(new);
        Ok(())
    }

    /// Makes reports of an earlier run in the place of the new ones say that this run did not complete: whatever ends it from
    /// now on, no old report is taken for this run's. Where there is no file yet, none is made.
    ///
    /// Nothing is told of what cannot be written, as [`begin`](Requests::begin) does.
    pub fn mark(&self, opened: &Event, settings: &Settings, is_others: &dyn Fn(&Path) -> bool) {
        for wanted in &self.wanted {
            let Target::File(path) = &wanted.target else { continue };
            // With `--keep-runs` a report in the vardir is kept with it, as that of the run before.
            let kept =
                settings.keep_runs > 0 && settings.vardir.as_ref().is_none_or(|vardir| is_in(path, vardir));
            if kept || !path.is_file() || is_others(path) {
                continue;
            }
            if let Ok(mut report) = wanted.kind.begin(Target::File(path.clone()), self.clock) {
                let _ = report.event(opened);
            }
        }
        if let Some(vardir) =
            settings.vardir.as_ref().filter(|_| settings.result_file && settings.keep_runs == 0)
        {
            let path = vardir.join(RESULTS);
            if path.is_file() && !is_others(&path) {
                let _ = Snapshot::create(Target::File(path), ResultFile::new(settings, vardir, self.clock));
            }
        }
    }

    /// The reporters of the run, and what keeps one of them from being. Files in the vardir are made when that is ready
    /// ([`Reporters::vardir_is_ready`]), and the console is copied to `log/stdout.log` there from then on.
    ///
    /// `env` decides about colours.
    pub fn begin(self, settings: &Settings, env: &Env, places: &Places<'_>) -> (Reporters, Option<Error>) {
        let Requests { wanted, mut error, clock } = self;
        let on_stdout = wanted.iter().any(|wanted| matches!(wanted.target, Target::StandardOutput(_)));
        let mut all = Reporters::new(Console::on_process_streams(settings, env, clock, on_stdout));
        for Wanted { kind, target } in wanted {
            if let Err(failed) = begin(&mut all, kind, target, settings, places, clock) {
                error.get_or_insert(failed);
            }
        }
        if let (true, Some(vardir)) = (settings.result_file, places.vardir) {
            let (place, settings, root) = (vardir.join(RESULTS), settings.clone(), vardir.to_owned());
            let path = place.clone();
            all.add_document(Late::new(&place, move || {
                Snapshot::create(Target::File(path), ResultFile::new(&settings, &root, clock))
            }));
        }
        (all, error)
    }
}

/// Begins one report: now, or when the vardir is ready if it lies in it.
fn begin(
    all: &mut Reporters,
    kind: Kind,
    target: Target,
    settings: &Settings,
    places: &Places<'_>,
    clock: Clock,
) -> Result<()> {
    let reporter: Box<dyn Reporter> = match (&target, places.vardir) {
        (Target::File(path), Some(vardir)) if is_in(path, vardir) => {
            let own = [(vardir.join(COPY), true), (vardir.join(RESULTS), settings.result_file)];
            if own.iter().any(|(own, is_there)| *is_there && own == path) {
                let text = format!("{} names {}, which the run itself writes", kind.option(), path.display());
                return Err(Error::new(text).hint("give the report a file of its own"));
            }
            let place = path.clone();
            // Links are followed when the directory is there.
            Box::new(Late::new(&place.clone(), move || kind.begin(Target::of(&place)?, clock)))
        }
        // The run is not to be. Whose vardir it would have been is not known, or it is another run's.
        (Target::File(path), None) if (places.is_others)(path) || would_fill(path, settings) => return Ok(()),
        _ => kind.begin(target, clock)?,
    };
    match kind {
        Kind::Events => all.add_stream(reporter),
        Kind::Xml | Kind::Junit => all.add_document(reporter),
    }
    Ok(())
}

/// Whether a file at `path` would be the first one in what is to be the vardir, which is to be empty.
fn would_fill(path: &Path, settings: &Settings) -> bool {
    let Some(vardir) = &settings.vardir else { return false };
    let is_empty = std::fs::read_dir(vardir).is_ok_and(|mut entries| entries.next().is_none());
    is_empty && is_in(path, vardir)
}

/// Whether the report at `path` would be removed when `vardir` is emptied.
fn is_in(path: &Path, vardir: &Path) -> bool {
    let Ok(vardir) = vardir.canonicalize() else { return false };
    files::real_directory_around(path).is_some_and(|dir| dir.starts_with(vardir))
}
