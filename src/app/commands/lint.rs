//! What is wrong in test files, found without a server: `mtr-rs lint`.

use std::io::Write as _;
use std::path::PathBuf;

use crate::cli::sub_command::{CommandLine, Syntax};
use crate::env::Env;
use crate::error::{Error, Result};
use crate::lint::files::{Files, Kind};
use crate::lint::report::{self, Looked};
use crate::lint::rules::check::check;
use crate::lint::view::View;
use crate::report::text::Guard;
use crate::sys::files::current_dir;
use crate::sys::streams::print;

const HELP: &str = "\
Usage: mtr-rs lint [--json] [--basedir=DIR] [PATH...]

Looks for what is wrong in test files, without running them.

PATH is a test tree, the directory of a suite, or a .test, .inc, .opt, .cnf, .combinations, .result, .rdiff or
disabled.def file; without PATH, it is the test tree of the installation.

  --json         findings as one JSON object
  --basedir=DIR  the installation whose server says which options there are
  --help         this text

Exit code: 0 nothing found, 1 something found, 2 wrong arguments or a path that cannot be looked at.
";

/// What the sub-command takes.
pub const SYNTAX: Syntax =
    Syntax { command: "lint", help: HELP, flags: &["json"], valued: &["basedir"], paths: true };

/// Runs the sub-command; whether nothing was found.
///
/// # Errors
/// A path or the installation cannot be looked at, or standard output not be written.
pub fn run(given: CommandLine, env: &Env) -> Result<bool> {
    prepare(given, env)?.report()
}

/// Everything that can be wrong with the arguments was looked at.
struct Prepared {
    json: bool,
    cwd: PathBuf,
    files: Files,
    view: View,
}

fn prepare(given: CommandLine, env: &Env) -> Result<Prepared> {
    let (json, basedir) = (given.has("json"), given.value("basedir").map(PathBuf::from));
    let cwd = current_dir()?;
    let mut paths = given
        .paths
        .into_iter()
        .map(|path| {
            let path = cwd.join(path);
            path.canonicalize().map_err(|error| Error::io("open", &path, error))
        })
        .collect::<Result<Vec<_>>>()?;
    // Before a server is asked: these errors are the user's.
    Files::find(&paths)?;
    let view = View::of(&mut paths, basedir, env, &cwd)?;
    let files = Files::find(&paths)?;
    Ok(Prepared { json, cwd, files, view })
}

impl Prepared {
    fn report(self) -> Result<bool> {
        let Prepared { json, cwd, files, view } = self;
        let findings = check(&view, &files);
        let looked = Looked { files: files.all.len(), tests: files.of(Kind::Test).count() };
        print(|out| match json {
            true => report::json(out, &findings, &view, looked),
            false => {
                let mut out = Guard::new(out);
                report::text(&mut out, &findings, &view, looked, &cwd)?;
                out.flush()
            }
        })?;
        Ok(findings.is_empty())
    }
}
