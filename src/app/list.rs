//! `--dry-run`, `--list` and `--explain`: tests are found and told, and nothing is run.

use std::io::Write;
use std::path::Path;

use bstr::BString;

use super::execute::{locate, opening_lines};
use super::explain;
use super::survey::{self, Survey};
use crate::case::TestCase;
use crate::cli::settings::Settings;
use crate::env::Env;
use crate::error::{Error, Result};
use crate::report::text::{self, Guard};
use crate::sys::scratch::Scratch;
use crate::sys::streams::print;
use crate::tree::plugin_dir;

/// A test as `--list` shows it.
fn listed(case: &TestCase) -> BString {
    let name = text::name(&case.name());
    match case.combination() {
        names if names.is_empty() => name.into(),
        names => format!("{name} '{}'", text::combination(&names)).into(),
    }
}

/// `--dry-run` and `--explain`: nothing is written to the vardir and no server started.
///
/// # Errors
/// There is no installation, or its tests cannot be collected.
pub fn list(settings: &Settings, env: &Env, cwd: &Path) -> Result<i32> {
    let mut layout = locate(settings, env, cwd)?;
    let scratch = Scratch::new().map_err(|error| Error::new("cannot create a directory").caused_by(error))?;
    // The suites' own code looks there, and makes files there: it is not to be the vardir's of a run.
    plugin_dir::fill(&mut layout, scratch.path())?;
    let survey = survey::survey(settings, env, cwd, layout, scratch.path())?;
    print(|out| {
        let mut out = Guard::new(out);
        told(&mut out, settings, &survey)?;
        out.flush()
    })?;
    Ok(i32::from(settings.explain.is_some() && survey.collection.cases.is_empty()))
}

/// Writes what was found.
fn told(out: &mut impl Write, settings: &Settings, survey: &Survey) -> std::io::Result<()> {
    match &settings.explain {
        Some(name) => explain::print(out, name, &survey.layout, &survey.collection.cases),
        None => {
            let mut lines: Vec<BString> = opening_lines(settings);
            lines.extend(survey.messages.iter().cloned());
            lines.extend(survey.collection.cases.iter().map(listed));
            lines.iter().try_for_each(|line| {
                out.write_all(line)?;
                out.write_all(b"\n")
            })
        }
    }
}
