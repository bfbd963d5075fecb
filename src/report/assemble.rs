//! Which reporters a run has.

use std::path::Path;

use crate::cli::settings::Settings;
use crate::env::Env;
use crate::error::Result;
use crate::report::clock::Clock;
use crate::report::console::Console;
use crate::report::events_json::{self, EventsJson};
use crate::report::junit::Junit;
use crate::report::late::Late;
use crate::report::reporter::{Reporter, Reporters};
use crate::report::result_file::ResultFileReporter;
use crate::report::snapshot::Snapshot;
use crate::report::xml::LegacyXml;

/// The reporters that `settings` asks for.
///
/// `vardir` (VAR0) is not yet the run's: files in it are made when it is ready ([`Reporters::vardir_is_ready`]), and
/// the console is copied to `log/stdout.log` there from then on.
/// `env` decides about colours. Relative report paths are taken from the current directory.
///
/// # Errors
///
/// A file that cannot be created is an error here, before anything has run.
pub fn reporters(settings: &Settings, env: &Env, vardir: &Path, clock: Clock) -> Result<Reporters> {
    let mut all = Reporters::new(Console::on_process_streams(settings, env, clock));
    if let Some(path) = &settings.events {
        add(&mut all, vardir, path, move |path| match events_json::is_standard_output(path) {
            true => EventsJson::on_standard_output(clock),
            false => EventsJson::create(path, clock),
        })?;
    }
    if let Some(path) = &settings.xml_report {
        add(&mut all, vardir, path, move |path| Snapshot::create(path, LegacyXml::new(clock)))?;
    }
    if let Some(path) = &settings.junit {
        add(&mut all, vardir, path, move |path| Snapshot::create(path, Junit::new(clock)))?;
    }
    if settings.result_file {
        let (path, settings, vardir) = (vardir.join("mtr-results.txt"), settings.clone(), vardir.to_owned());
        all.add(Late::new(move || ResultFileReporter::create(&path, &settings, &vardir, clock), false));
    }
    Ok(all)
}

/// Adds the reporter that `make` begins at `path`: now, or when the vardir is ready if the report lies in it.
fn add<R: Reporter + 'static>(
    all: &mut Reporters,
    vardir: &Path,
    path: &Path,
    make: impl FnOnce(&Path) -> Result<R> + Send + 'static,
) -> Result<()> {
    if is_in(path, vardir) {
        let path = path.to_owned();
        all.add(Late::new(move || make(&path), true));
    } else {
        all.add(make(path)?);
    }
    Ok(())
}

/// Whether the report at `path` would be removed when `vardir` is emptied.
fn is_in(path: &Path, vardir: &Path) -> bool {
    let Ok(path) = std::path::absolute(path) else { return false };
    let there = path.ancestors().skip(1).find_map(|dir| dir.canonicalize().ok());
    there.is_some_and(|dir| dir.starts_with(vardir))
}
