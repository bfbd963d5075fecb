//! `--dry-run`, `--list` and `--explain`: tests are found and told, and nothing is run.

use std::io::Write as _;
use std::path::Path;

use bstr::BString;

use super::execute::{locate, opening_lines};
use super::{explain, survey};
use crate::case::TestCase;
use crate::cli::settings::Settings;
use crate::env::Env;
use crate::error::{Error, Result};
use crate::report::text::{self, Guard};

/// A test as `--list` shows it.
fn listed(case: &TestCase) -> BString {
    let name = text::name(&case.name());
    match case.combination() {
        names if names.is_empty() => name.into(),
        names => format!("{name} '{}'", text::combination(&names)).into(),
    }
}

/// `--dry-run` and `--explain`: nothing is written to the vardir and no server started.
pub fn list(settings: &Settings, env: &Env, cwd: &Path) -> Result<i32> {
    let layout = locate(settings, env, cwd)?;
    let scratch =
        tempfile::tempdir().map_err(|error| Error::new("cannot create a directory").caused_by(error))?;
    let survey = survey::survey(settings, env, cwd, layout, scratch.path())?;
    let mut out = Guard::new(std::io::stdout().lock());
    let printed = match &settings.explain {
        Some(name) => explain::print(&mut out, name, &survey.layout, &survey.collection.cases),
        None => {
            let mut lines: Vec<BString> = opening_lines(settings);
            lines.extend(survey.messages);
            lines.extend(survey.collection.cases.iter().map(listed));
            lines.iter().try_for_each(|line| {
                out.write_all(line)?;
                out.write_all(b"\n")
            })
        }
    };
    match printed.and_then(|()| out.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(Error::new("cannot write to standard output").caused_by(error))
        }
        _ => Ok(i32::from(settings.explain.is_some() && survey.collection.cases.is_empty())),
    }
}
