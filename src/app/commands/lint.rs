//! What is wrong in test files, found without a server: `mtr-rs lint`.

use std::ffi::OsString;
use std::io::{self, BufWriter, Write};
use std::path::PathBuf;

use bstr::ByteSlice as _;

use crate::env::Env;
use crate::error::{Error, Result};
use crate::lint::files::{Files, Kind};
use crate::lint::report::{self, Looked};
use crate::lint::rules::check::check;
use crate::lint::view::View;
use crate::report::text::Guard;

const USAGE: &str = "\
Usage: mtr-rs lint [--json] [--basedir=DIR] [PATH...]

Looks for what is wrong in test files, without running them.

PATH is a test tree, the directory of a suite, or a .test, .inc, .opt, .cnf, .combinations, .result, .rdiff or
disabled.def file; without PATH, it is the test tree of the installation.

  --json         findings as one JSON object
  --basedir=DIR  the installation whose server says which options there are
  --help         this text

Exit code: 0 nothing found, 1 something found, 2 wrong arguments.
";

/// The exit code for arguments that make no sense.
const WRONG_ARGUMENTS: i32 = 2;

/// What was asked for.
#[derive(Debug, Default, PartialEq, Eq)]
struct Request {
    json: bool,
    help: bool,
    basedir: Option<PathBuf>,
    paths: Vec<PathBuf>,
}

/// Runs the sub-command.
///
/// # Errors
/// Standard output cannot be written. Wrong arguments are told here, as their exit code is not that of other errors.
pub fn run(args: Vec<OsString>, env: &Env) -> Result<i32> {
    match prepare(args, env) {
        Ok(None) => print(|out| out.write_all(USAGE.as_bytes()), 0),
        Ok(Some(prepared)) => prepared.report(),
        Err(error) => {
            eprintln!("mtr-rs lint: {}", error.explained());
            Ok(WRONG_ARGUMENTS)
        }
    }
}

/// Everything that can be wrong with the arguments was looked at.
struct Prepared {
    json: bool,
    cwd: PathBuf,
    files: Files,
    view: View,
}

/// `None`: only help was asked for.
fn prepare(args: Vec<OsString>, env: &Env) -> Result<Option<Prepared>> {
    let Request { json, help, basedir, paths } = parse(args)?;
    if help {
        return Ok(None);
    }
    let cwd = std::env::current_dir()
        .map_err(|error| Error::new("cannot find the current directory").caused_by(error))?;
    let mut paths = paths
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
    Ok(Some(Prepared { json, cwd, files, view }))
}

fn parse(args: Vec<OsString>) -> Result<Request> {
    let mut request = Request::default();
    let mut args = args.into_iter();
    let mut only_paths = false;
    while let Some(arg) = args.next() {
        let text = arg.as_encoded_bytes();
        match text {
            _ if only_paths => request.paths.push(arg.into()),
            b"--" => only_paths = true,
            b"--json" => request.json = true,
            b"--help" | b"-h" | b"-?" => request.help = true,
            b"--basedir" => {
                let dir = args.next().ok_or_else(|| Error::new("--basedir needs a directory"))?;
                request.basedir = Some(dir.into());
            }
            _ if text.starts_with(b"--basedir=") => {
                let dir = text[b"--basedir=".len()..].to_os_str_lossy().into_owned();
                request.basedir = Some(dir.into());
            }
            _ if text.starts_with(b"-") => {
                let message = format!("there is no option {}", arg.display());
                return Err(Error::new(message).hint("mtr-rs lint --help tells the options"));
            }
            _ => request.paths.push(arg.into()),
        }
    }
    Ok(request)
}

impl Prepared {
    fn report(self) -> Result<i32> {
        let Prepared { json, cwd, files, view } = self;
        let findings = check(&view, &files);
        let looked = Looked { files: files.all.len(), tests: files.of(Kind::Test).count() };
        let code = i32::from(!findings.is_empty());
        print(
            |out| match json {
                true => report::json(out, &findings, &view, looked),
                false => {
                    let mut out = Guard::new(out);
                    report::text(&mut out, &findings, &view, looked, &cwd)?;
                    out.flush()
                }
            },
            code,
        )
    }
}

/// Writes to standard output; a reader that went away is no error.
fn print(write: impl FnOnce(&mut BufWriter<io::StdoutLock>) -> io::Result<()>, code: i32) -> Result<i32> {
    let mut out = BufWriter::new(io::stdout().lock());
    match write(&mut out).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Error::new("cannot write to standard output").caused_by(error))
        }
        _ => Ok(code),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn arguments() {
        let parsed = |line: &str| parse(line.split_whitespace().map(OsString::from).collect());
        assert_eq!(parsed("").unwrap(), Request::default());
        let request = parsed("a --json --basedir=/x -- --b").unwrap();
        assert_eq!((request.json, request.basedir), (true, Some("/x".into())));
        assert_eq!(request.paths, [PathBuf::from("a"), PathBuf::from("--b")]);
        assert!(parsed("--basedir").is_err());
        assert!(parsed("--jsno").is_err());
    }
}
