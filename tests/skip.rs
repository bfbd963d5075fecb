//! How tests say that they were not made, or only in part: the harness knows no such outcome of a test that has begun.
//!
//! Each call appends one line, `TEST⇥whole⇥REASON` or `TEST⇥part⇥REASON`, to the file that `$MTR_TESTS_SKIPPED` names;
//! `tests/elsewhere` and `tests/all` subtract the whole ones from what passed. Without that variable the line goes to
//! standard error, which the harness shows with `--nocapture`.

#![allow(dead_code, reason = "the library's tests and the end-to-end tests each use a part")]

use std::fs::OpenOptions;
use std::io::Write;
use std::panic::Location;

/// How reasons begin of tests that `tests/elsewhere` runs again as root.
const ROOT: &str = "root is needed";

/// The test that calls this returns now, and counts as skipped: `return skip("there is no gdb")`.
#[track_caller]
pub fn skip(reason: &str) {
    note("whole", reason);
}

/// A part of the test that calls this is left out. It counts as what it otherwise is, and the reason is told.
#[track_caller]
pub fn skip_part(reason: &str) {
    note("part", reason);
}

/// Whether the tests run as root. If not, the test that calls this returns now and counts as skipped, because `why`:
/// `if !root_is_there("to change owners") { return; }`.
#[track_caller]
pub fn root_is_there(why: &str) -> bool {
    let root = rustix::process::geteuid().is_root();
    if !root {
        note("whole", &format!("{ROOT} {why}"));
    }
    root
}

#[track_caller]
fn note(extent: &str, reason: &str) {
    let place = Location::caller();
    let thread = std::thread::current();
    // With one thread only, tests run in the harness's own.
    let test = match thread.name() {
        Some(name) if name != "main" => name.to_owned(),
        _ => format!("{}:{}", place.file(), place.line()),
    };
    let line = format!("{test}\t{extent}\t{reason}\n");
    match std::env::var_os("MTR_TESTS_SKIPPED") {
        // One write to a file that is open for appending: tests that run at the same time do not mix their lines.
        Some(file) => {
            let mut file =
                OpenOptions::new().append(true).create(true).open(file).expect("the list of skipped tests");
            file.write_all(line.as_bytes()).expect("the list of skipped tests");
        }
        None => eprint!("skipped: {line}"),
    }
}
