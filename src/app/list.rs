//! `--dry-run`, `--list` and `--explain`: tests are found and told, and nothing is run.

use std::path::Path;

use bstr::BString;

use super::execute::{locate, opening_lines};
use super::{explain, survey};
use crate::cli::settings::Settings;
use crate::env::Env;
use crate::error::{Error, Result};
use crate::sys::streams::print;

/// `--dry-run` and `--explain`: nothing is written to the vardir and no server started.
///
/// # Errors
/// There is no installation, or its tests cannot be collected.
pub fn list(settings: &Settings, env: &Env, cwd: &Path) -> Result<i32> {
    let layout = locate(settings, env, cwd)?;
    let scratch =
        tempfile::tempdir().map_err(|error| Error::new("cannot create a directory").caused_by(error))?;
    let survey = survey::survey(settings, env, cwd, layout, scratch.path())?;
    print(|out| match &settings.explain {
        Some(name) => explain::print(out, name, &survey.layout, &survey.collection.cases),
        None => {
            let mut lines: Vec<BString> = opening_lines(settings);
            lines.extend(survey.messages);
            lines.extend(survey.collection.cases.iter().map(|case| BString::from(case.full_name())));
            lines.iter().try_for_each(|line| {
                out.write_all(line)?;
                out.write_all(b"\n")
            })
        }
    })?;
    Ok(i32::from(settings.explain.is_some() && survey.collection.cases.is_empty()))
}
