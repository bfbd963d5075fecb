//! Runs `mtr-rs triage`.

use std::ffi::OsString;
use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bstr::BString;

use super::arguments::{Arguments, HELP, Wanted, read, with_those_of_the_run};
use super::{groups, json, text};
use crate::env::Env;
use crate::error::{Error, Result};
use crate::report::text::guarded;
use crate::tree::layout::{self, Layout};
use crate::tree::probe::{self, ServerFacts};
use crate::triage::posthumous::examine::{self, Knowledge, Weight};
use crate::triage::posthumous::origins::Origins;
use crate::triage::posthumous::vardir::FinishedRun;

/// How long debuggers may look at core files of one path: as long as a run lets one look at one.
const CORES: Duration = Duration::from_secs(300);

/// Nothing died.
const WELL: i32 = 0;

/// Something died.
const DEAD: i32 = 1;

/// The arguments are wrong, or a path cannot be looked at.
const BAD: i32 = 2;

/// Runs the sub-command; its exit codes are its own.
///
/// # Errors
/// The output cannot be written.
pub fn run(args: Vec<OsString>, env: &Env) -> Result<i32> {
    let done = match read(args, env) {
        Ok(Wanted::Help) => Ok((BString::from(HELP), WELL)),
        Ok(Wanted::Look(arguments)) => look(&arguments, env),
        Err(error) => Err(error),
    };
    let (out, code) = match done {
        Ok(done) => done,
        Err(error) => {
            eprintln!("mtr-rs triage: {}", error.explained());
            return Ok(BAD);
        }
    };
    match std::io::stdout().lock().write_all(&out) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(Error::new("cannot write to standard output").caused_by(error))
        }
        _ => Ok(code),
    }
}

fn look(arguments: &Arguments, env: &Env) -> Result<(BString, i32)> {
    let cwd = std::env::current_dir()
        .map_err(|error| Error::new("cannot find the current directory").caused_by(error))?;
    let mut out = BString::default();
    let mut code = WELL;
    for path in &arguments.paths {
        if look_at(path, arguments, env, &cwd, &mut out)? {
            code = DEAD;
        }
    }
    Ok((out, code))
}

/// Looks at one path; whether something died there.
fn look_at(path: &Path, arguments: &Arguments, env: &Env, cwd: &Path, out: &mut BString) -> Result<bool> {
    let finished = FinishedRun::at(path)?;
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
