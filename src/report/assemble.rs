//! Which reporters a run has.

use std::path::Path;

use crate::cli::settings::Settings;
use crate::env::Env;
use crate::error::Result;
use crate::report::clock::Clock;
use crate::report::console::Console;
use crate::report::events_json::{self, EventsJson};
use crate::report::junit::Junit;
use crate::report::reporter::Reporters;
use crate::report::result_file::ResultFileReporter;
use crate::report::snapshot::Snapshot;
use crate::report::xml::LegacyXml;

/// The reporters that `settings` asks for.
///
/// `vardir` (VAR0) exists already; from now on the console is copied to `log/stdout.log` there.
/// `env` decides about colours. Relative report paths are taken from the current directory.
///
/// # Errors
///
/// A file that cannot be created is an error here, before anything has run.
pub fn reporters(settings: &Settings, env: &Env, vardir: &Path, clock: Clock) -> Result<Reporters> {
    let mut all =
        Reporters::new(Console::on_process_streams(settings, env, &vardir.join("log/stdout.log"), clock)?);
    if let Some(path) = &settings.events {
        all.add(match events_json::is_standard_output(path) {
            true => EventsJson::on_standard_output(clock)?,
            false => EventsJson::create(path, clock)?,
        });
    }
    if let Some(path) = &settings.xml_report {
        all.add(Snapshot::create(path, LegacyXml::new(clock))?);
    }
    if let Some(path) = &settings.junit {
        all.add(Snapshot::create(path, Junit::new(clock))?);
    }
    if settings.result_file {
        all.add(ResultFileReporter::create(&vardir.join("mtr-results.txt"), settings, vardir, clock)?);
    }
    Ok(all)
}
