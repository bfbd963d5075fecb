//! Which reporters a run has.

use std::path::Path;

use crate::cli::settings::Settings;
use crate::env::Env;
use crate::error::Result;
use crate::report::clock::Clock;
use crate::report::console::Console;
use crate::report::events_json::{self, EventsJson};
use crate::report::junit::Junit;
use crate::report::late::{Late, Make};
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
    let mut add = |path: &Path, make: Make| match is_in(path, vardir) {
        true => {
            all.add(Late::new(make, true));
            Ok(())
        }
        false => make().map(|reporter| all.add_boxed(reporter)),
    };
    if let Some(path) = settings.events.clone() {
        let make = move || -> Result<Box<dyn Reporter>> {
            Ok(Box::new(match events_json::is_standard_output(&path) {
                true => EventsJson::on_standard_output(clock)?,
                false => EventsJson::create(&path, clock)?,
            }))
        };
        add(&settings.events.clone().unwrap_or_default(), Box::new(make))?;
    }
    if let Some(path) = settings.xml_report.clone() {
        let target = path.clone();
        add(&target, Box::new(move || Ok(Box::new(Snapshot::create(&path, LegacyXml::new(clock))?))))?;
    }
    if let Some(path) = settings.junit.clone() {
        let target = path.clone();
        add(&target, Box::new(move || Ok(Box::new(Snapshot::create(&path, Junit::new(clock))?))))?;
    }
    if settings.result_file {
        let (path, settings, vardir) = (vardir.join("mtr-results.txt"), settings.clone(), vardir.to_owned());
        let make = move || -> Result<Box<dyn Reporter>> {
            Ok(Box::new(ResultFileReporter::create(&path, &settings, &vardir, clock)?))
        };
        all.add(Late::new(Box::new(make), false));
    }
    Ok(all)
}

/// Whether the report at `path` would be removed when `vardir` is emptied.
fn is_in(path: &Path, vardir: &Path) -> bool {
    let Ok(path) = std::path::absolute(path) else { return false };
    let there = path.ancestors().skip(1).find_map(|dir| dir.canonicalize().ok());
    there.is_some_and(|dir| dir.starts_with(vardir))
}
