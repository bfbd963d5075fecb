//! A script from its first connection to the final word (mysqltest §1.1, §12.3).

use std::io::{Read, Write};

use bstr::{BString, ByteSlice};

use crate::client::{ClientError, Connection};
use crate::env::Env;
use crate::interp::connections;
use crate::interp::state::Interp;
use crate::interp::state::options::Options;
use crate::interp::state::output::Output;
use crate::interp::state::source;
use crate::interp::state::stop::Stop;
use crate::interp::state::whereabouts::Whereabouts;
use crate::interp::tool::finish;
use crate::interp::tool::finish::Ran;
use crate::interp::tool::main::FAILED;
use crate::interp::tool::report;
use crate::interp::tool::report::{Failure, Place};
use crate::script::input::Input;
use crate::script::reader::Reader;
use crate::sys::files;
use crate::sys::position::Position;

/// The name of standard input in messages (mysqltest §2.2).
const STDIN: &str = "<stdin>";

/// Exit status of a script that was skipped (mysqltest §12.4).
const SKIPPED: u8 = 62;

/// Runs the script that `options` name; returns the exit status.
pub fn run(options: Options) -> u8 {
    let (output, base) = match Output::open(&options).and_then(|output| Ok((output, base(&options)?))) {
        Ok(opened) => opened,
        Err(message) => {
            to_stderr(&[b"mysqltest: ", message.as_slice(), b"\n"].concat());
            return FAILED;
        }
    };
    let name = BString::from(base.name());
    let trace = Trace { on: options.verbose };
    trace.say(&[b"Logging to '", output.name().map_or(b"", |name| name.as_slice()), b"'."]);
    trace.say(&[b"Results saved in '", options.result_file.as_deref().map_or(b"", |name| name), b"'."]);
    trace.connecting(&options);
    remove_timer_file(&options);
    // Without it nothing is told of where the script is.
    let position =
        options.position_file.as_ref().and_then(|file| Position::create(&file.to_path_lossy()).ok());
    let mut interp = Interp::new(options, Env::of_process(), base, output);
    interp.whereabouts = position.map(Whereabouts::new);
    let ended = start(&mut interp).and_then(|()| {
        trace.say(&[b"... Connected."]);
        trace.say(&[b"Start processing test commands from '", &name, b"' ..."]);
        interp.run()
    });
    let status = match ended.or_else(|stop| if stop == Stop::Exit { Ok(()) } else { Err(stop) }) {
        Ok(()) => {
            trace.say(&[b"... Done processing test commands."]);
            end(&mut interp)
        }
        Err(stop) => stopped(&mut interp, stop, &name),
    };
    if status == 0 {
        trace.say(&[b"Test has succeeded!"]);
    }
    interp.pool.close();
    status
}

/// The lines of `--verbose`.
#[derive(Clone, Copy)]
struct Trace {
    on: bool,
}

impl Trace {
    fn say(self, parts: &[&[u8]]) {
        if self.on {
            to_stderr(&[b"mysqltest: ", parts.concat().as_slice(), b"\n"].concat());
        }
    }

    fn connecting(self, options: &Options) {
        let shown = |text: &Option<BString>| text.clone().unwrap_or_else(|| "(null)".into());
        self.say(&[
            b"Connecting to server ",
            &shown(&options.host),
            b":",
            options.port.to_string().as_bytes(),
            b" (socket ",
            &shown(&options.socket),
            b") as '",
            &shown(&options.user),
            b"', connection 'default', attempt 0 ...",
        ]);
    }
}

/// The script's text.
fn base(options: &Options) -> Result<Input, BString> {
    // Standard input is read when there is a connection: the server may ask for a password there.
    let Some(name) = &options.test_file else { return Ok(Input::new(STDIN, "")) };
    match files::read(&name.to_path_lossy(), files::MOST_OF_TEXT) {
        Ok(text) => Ok(Input::new(name.clone(), text)),
        Err(error) => Err(source::unreadable(name, &error)),
    }
}

/// The file of an earlier run would be taken for this one's.
fn remove_timer_file(options: &Options) {
    if let Some(file) = &options.timer_file {
        let _ = std::fs::remove_file(file.to_os_str_lossy());
    }
}

/// Connects, and puts the prologue before the script.
fn start(interp: &mut Interp) -> Result<(), Stop> {
    connections::connect_default(interp)?;
    if interp.options.test_file.is_none() {
        let mut text = Vec::new();
        // What cannot be read is the end.
        let _ = std::io::stdin().lock().take(files::MOST_OF_TEXT).read_to_end(&mut text);
        interp.reader = Reader::new(Input::new(STDIN, text));
    }
    interp.export_version();
    interp.started = std::time::Instant::now();
    match interp.options.prologue.clone() {
        Some(prologue) => crate::interp::state::source::push(interp, prologue.as_bstr()),
        None => Ok(()),
    }
}

/// What follows the last command.
fn end(interp: &mut Interp) -> u8 {
    match complete(interp) {
        Ok(true) => 0,
        Ok(false) => FAILED,
        Err(stop) => stopped(interp, stop, b""),
    }
}

fn complete(interp: &mut Interp) -> Result<bool, Stop> {
    interp.line = 0;
    if interp.parsing_disabled {
        return Err(Stop::die("Test ended with parsing disabled"));
    }
    interp.flush()?;
    let ran = Ran { executed: interp.executed > 0, reported: interp.reported };
    let passed =
        finish::finish(&interp.options, &interp.log, ran, &mut std::io::stderr()).map_err(Stop::Die)?;
    interp.write_timer()?;
    Ok(passed)
}

/// Tells why the script stopped; `base` is the test file's name.
fn stopped(interp: &mut Interp, stop: Stop, base: &[u8]) -> u8 {
    match stop {
        Stop::Exit => 0,
        Stop::Skip(reason) => {
            to_stderr(&report::skip_text(base, &places(interp), &reason));
            SKIPPED
        }
        Stop::Die(message) | Stop::Report(message) => {
            let placed = interp.placed(&message);
            to_stderr(&report::die_text(placed.as_bstr(), &interp.options, &interp.log));
            let warnings = warnings(interp);
            to_stderr(&report::warnings_text(&warnings));
            if interp.options.explain {
                to_stderr(&report::explain(&failure(interp, message)));
            }
            FAILED
        }
    }
}

/// Where the reader is, innermost first.
fn places(interp: &Interp) -> Vec<Place> {
    interp.reader.stack().map(|(file, line)| Place { file: file.into(), line }).collect()
}

fn failure(interp: &Interp, message: BString) -> Failure {
    let mut stack = places(interp);
    let mut source = None;
    if let Some(place) = stack.first_mut()
        && interp.line > 0
    {
        place.line = interp.line;
        source = line_of(&place.file, place.line);
    }
    // The last of them is the one that failed, unless the script ended before it began with one.
    let failed = interp.recent.back().is_some_and(|last| {
        stack.first().is_some_and(|place| place.line == last.line && place.file == *last.file)
    });
    let ran = interp.recent.len() - usize::from(failed);
    let recent = interp.recent.iter().take(ran).map(|stored| {
        let place = Place { file: BString::clone(&stored.file), line: stored.line };
        (place, stored.text.borrow().trim().into())
    });
    let recent = recent.filter(|(_, text): &(Place, BString)| !text.is_empty()).collect();
    let query = Some(interp.last_statement.clone()).filter(|query| !query.is_empty());
    Failure { message, stack, source, query, recent }
}

/// A line of a script, read again: only a failure needs it.
fn line_of(file: &BString, line: u32) -> Option<BString> {
    let text = files::read(&file.to_path_lossy(), files::MOST_OF_TEXT).ok()?;
    let index = usize::try_from(line).ok()?.checked_sub(1)?;
    text.lines().nth(index).map(BString::from)
}

/// What the server warns of after the last statement; nothing if it cannot be asked. The reference does not ask
/// after a statement that failed in the text protocol, so neither do we where scripts may see what is printed.
fn warnings(interp: &mut Interp) -> Vec<Vec<BString>> {
    let explain = interp.options.explain;
    let slot = interp.pool.current_mut();
    match &mut slot.connection {
        Some(connection) if !slot.pending && (explain || !slot.failed) => {
            ask_warnings(connection).unwrap_or_default()
        }
        _ => Vec::new(),
    }
}

fn ask_warnings(connection: &mut Connection) -> Result<Vec<Vec<BString>>, ClientError> {
    connection.send_query(b"SHOW WARNINGS")?;
    connection.read_result()?;
    let mut rows = Vec::new();
    while let Some(row) = connection.next_row()? {
        rows.push(row.iter().map(|cell| BString::from(cell.unwrap_or_default())).collect());
    }
    Ok(rows)
}

fn to_stderr(text: &[u8]) {
    // Whoever closed standard error does not want to know.
    let _ = std::io::stderr().write_all(text);
}
