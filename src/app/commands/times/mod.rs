//! Where the time of a run went: `mtr-rs times`.

mod read;
mod report;

use std::io::Write as _;

use crate::cli::sub_command::{CommandLine, Syntax};
use crate::env::Env;
use crate::error::{Error, Result};
use crate::report::text::Guard;
use crate::sys::files;
use crate::sys::streams::print;

use read::Times;

const HELP: &str = "\
Usage: mtr-rs times [--json] [--top=N] [--cores=N] EVENTS

Says where the time of a run went, and how fast it could have been, from the stream of events that
--events=EVENTS wrote.

  --json         all sums as one JSON object, times in seconds
  --top=N        so many of the longest tests (10)
  --cores=N      the processors to reckon with; those that this program may use if it is left out
  --help         this text

Exit code: 0 told, 1 told of a run that did not complete, 2 wrong arguments or a file that cannot be
read.
";

/// What the sub-command takes.
pub const SYNTAX: Syntax =
    Syntax { command: "times", help: HELP, flags: &["json"], valued: &["top", "cores"], paths: true };

/// How many tests are shown where nobody says it.
const TOP: usize = 10;

/// Runs the sub-command; whether the run was complete.
///
/// # Errors
/// Wrong arguments, a file that cannot be read or is none of events, or standard output cannot be written.
pub fn run(given: CommandLine, _env: &Env) -> Result<bool> {
    let [path] = given.paths.as_slice() else {
        return Err(Error::new("times takes one file of events")
            .hint("--events=FILE writes it; mtr-rs times --help tells the options"));
    };
    let number = |option: &str, usual: usize| match given.value(option) {
        None => Ok(usual),
        Some(text) => {
            text.to_str().and_then(|text| text.parse().ok()).filter(|n| *n > 0).ok_or_else(|| {
                Error::new(format!("--{option}={} is no whole number above 0", text.display()))
            })
        }
    };
    let top = number("top", TOP)?;
    let cores = number("cores", std::thread::available_parallelism().map_or(1, usize::from))?;
    let text = files::read(path, files::MOST_OF_TEXT).map_err(|error| Error::io("read", path, error))?;
    let times = Times::of(&text, path)?;
    print(|out| match given.has("json") {
        true => {
            serde_json::to_writer(&mut *out, &times)?;
            writeln!(out)
        }
        false => {
            let mut out = Guard::new(out);
            report::write(&mut out, &times, top, cores)?;
            out.flush()
        }
    })?;
    Ok(times.is_complete())
}
