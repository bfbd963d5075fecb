//! Runs `mtr-rs triage`.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bstr::{BString, ByteSlice};

use super::arguments::{Arguments, read, with_those_of_the_run};
use super::{groups, json, text};
use crate::cli::sub_command::{CommandLine, Found};
use crate::env::Env;
use crate::error::{Error, Result};
use crate::report::text::guarded;
use crate::sys::files::current_dir;
use crate::sys::streams::{complain, print};
use crate::tree::layout::{self, Layout};
use crate::tree::probe::{self, ServerFacts};
use crate::triage::posthumous::examine::{self, Knowledge, Weight};
use crate::triage::posthumous::origins::Origins;
use crate::triage::posthumous::unpack::{self, Opened};
use crate::triage::posthumous::vardir::FinishedRun;

/// How long debuggers may look at core files of one path: as long as a run lets one look at one.
const CORES: Duration = Duration::from_secs(300);

/// Runs the sub-command; whether something died, or a path is nothing that can be read: that is told on standard error, and the
/// others are looked at all the same.
///
/// # Errors
/// There is no path, or the output cannot be written.
pub fn run(given: CommandLine, env: &Env) -> Result<Found> {
    let arguments = read(given, env)?;
    let cwd = current_dir()?;
    let mut out = BString::default();
    let mut found = Found::Good;
    for path in &arguments.paths {
        match look_at(path, &arguments, env, &cwd, &mut out) {
            Ok(died) if found == Found::Good => found = Found::from(!died),
            Ok(_) => {}
            Err(error) => {
                complain(&format!("mtr-rs triage: {}", error.explained()));
                found = Found::Unreadable;
            }
        }
    }
    print(|to| to.write_all(&out))?;
    Ok(found)
}

/// Looks at one path; whether something died there.
fn look_at(path: &Path, arguments: &Arguments, env: &Env, cwd: &Path, out: &mut BString) -> Result<bool> {
    let opened = unpack::open(path)?;
    let mut told = BString::default();
    let died = look_at_opened(path, &opened, arguments, env, cwd, &mut told)?;
    // Where it was unpacked means nothing to anybody.
    match opened.unpacked() {
        Some(dir) => {
            let dir = dir.canonicalize().unwrap_or_else(|_| dir.to_owned());
            let named = [path.as_os_str().as_encoded_bytes(), b":"].concat();
            let dir = [dir.as_os_str().as_encoded_bytes(), b"/"].concat();
            out.extend_from_slice(&told.replace(dir, named));
        }
        None => out.extend_from_slice(&told),
    }
    Ok(died)
}

fn look_at_opened(
    path: &Path,
    opened: &Opened,
    arguments: &Arguments,
    env: &Env,
    cwd: &Path,
    out: &mut BString,
) -> Result<bool> {
    let finished = FinishedRun { path: path.to_owned(), ..FinishedRun::at(opened.path())? };
    let console = examine::console(&finished);
    let its_installation = arguments.installation_of_run;
    let settings =
        with_those_of_the_run(&arguments.settings, console.arguments.as_ref(), its_installation, env);
    // Without an installation there is still the log; without the run's, there may be another one.
    let layout =
        layout::locate(&settings, env, None).or_else(|_| layout::locate(&arguments.settings, env, None)).ok();
    let trusted = layout.as_ref().filter(|layout| arguments.chose_installation() || !lies_in(layout, path));
    let facts = trusted.and_then(|layout| facts(layout, &finished, arguments, env));
    let mut knowledge = Knowledge {
        test_dir: layout.as_ref().map_or(cwd, |layout| &layout.test_dir),
        facts: layout.as_ref().zip(facts.as_ref()).map(|(layout, facts)| (layout.mariadbd.as_path(), facts)),
        origins: Origins::new(layout.as_ref(), &settings, cwd),
        patience: CORES,
        env,
    };
    let examination = examine::examination(&finished, &console, &mut knowledge)?;
    let groups = groups::group(&examination.deaths, arguments.all);
    let wanted = examination.deaths.iter().filter(|death| death.weight == Weight::Wanted).count();
    let passed_over = if arguments.all { 0 } else { wanted };
    if arguments.json {
        let looked = json::looked(&finished, &examination, &groups, passed_over);
        let line =
            serde_json::to_vec(&looked).map_err(|error| Error::new("cannot write JSON").caused_by(error))?;
        out.extend_from_slice(&line);
        out.push(b'\n');
    } else {
        let text = text::text(&finished, &examination, &groups, passed_over);
        out.extend_from_slice(&guarded(&text));
    }
    Ok(examination.deaths.len() > wanted)
}

/// Whether the server of an installation, which nobody named, is part of what is looked at: with the artefact as the
/// current directory, its own is the nearest one.
fn lies_in(layout: &Layout, path: &Path) -> bool {
    match (layout.mariadbd.canonicalize(), path.canonicalize()) {
        (Ok(server), Ok(path)) => server.starts_with(path),
        _ => true,
    }
}

/// What the installed server says of itself; the cache has it where a run of ours asked.
fn facts(
    layout: &Layout,
    finished: &FinishedRun,
    arguments: &Arguments,
    env: &Env,
) -> Option<Arc<ServerFacts>> {
    let datadir = finished.vardir.as_deref()?;
    probe::probe(layout, &arguments.settings, env, datadir).ok().map(Arc::new)
}
