//! Tests that print without end: what is kept, shown and told of it has a bound.

use std::fs;
use std::path::Path;

use crate::support::{Finished, Site};

/// What a test prints, in bytes: more than anything of it that may stay.
const MUCH: u64 = 64 << 20;

/// More than any file of a run of two tests may have, in bytes: a few texts of 128 KiB, each byte of which takes six in JSON.
const MOST: u64 = 4 << 20;

/// The bytes of all files below `dir`.
fn size(dir: &Path) -> u64 {
    walkdir::WalkDir::new(dir)
        .into_iter()
        .flatten()
        .map(|entry| entry.metadata().map_or(0, |meta| meta.len()))
        .sum()
}

/// A run of a test that does this, and of one after it; nothing that it leaves is large but what `kept` names in the vardir.
fn run(script: &str) -> (Site, Finished) {
    let site = Site::fake();
    site.test_file("b.test", script).test_file("good.test", "exit 0\n");
    let run = site.run().args(["--force", "--noreorder", "--result-file", "b", "good"]).finish();
    run.verdict("main.good", "pass").reports_are_well_formed();
    for name in ["events", "junit", "xml", "console"] {
        let size = fs::metadata(site.path("files").join(name)).unwrap().len();
        assert!(size < MOST, "{name} has {size} bytes");
    }
    let size = size(&site.path("var"));
    assert!(size < 2 * MOST, "the vardir has {size} bytes");
    (site, run)
}

/// Prints `bytes` bytes of control characters, each of which is shown by several others.
fn flood(bytes: u64) -> String {
    format!("echo first; head -c {bytes} /dev/zero; echo; echo last")
}

fn prints_and_passes(bytes: u64) {
    let (_site, run) = run(&format!("{{ {}; }}\nexit 0\n", flood(bytes)));
    run.exits(0).verdict("main.b", "pass").says("  | first").says("bytes left out ...]").says("  | last");
    run.says(&format!("main.b has no result file: the {} bytes that it printed", bytes + 12));
}

#[test]
fn of_a_test_that_passes_fills_nothing() {
    prints_and_passes(MUCH);
}

#[test]
#[ignore = "takes long"]
fn of_a_gigabyte_fills_nothing() {
    prints_and_passes(1 << 30);
}

#[test]
fn in_the_report_of_a_test_that_passes_fills_nothing() {
    let (_site, run) = run(&format!("{{ {}; }} >&2\nexit 0\n", flood(MUCH)));
    run.exits(0).verdict("main.b", "pass");
}

#[test]
fn of_a_test_that_fails_is_told_by_its_beginning_and_end() {
    let (site, run) = run(&format!("{{ {}; }} >&2\nexit 1\n", flood(MUCH)));
    run.exits(1).verdict("main.b", "fail").says("bytes left out ...]").says("  | last");
    let events = fs::read_to_string(site.path("files/events")).unwrap();
    let line =
        events.lines().find(|line| line.contains("\"test_finished\"") && line.contains("\"b\"")).unwrap();
    assert!(line.contains("\"left_out\":") && line.contains("last"), "{}", &line[line.len() - 300..]);
    for name in ["junit", "xml"] {
        assert!(run.report(name).contains("bytes left out ...]"), "{name}");
    }
}

#[test]
fn in_one_line_is_told_by_its_beginning_and_end() {
    let line = format!("printf 'reason: '; head -c {MUCH} /dev/zero | tr '\\0' '#'; echo ' at last'");
    let (_site, skipped) = run(&format!("{{ {line}; }} >&2\nexit 62\n"));
    skipped.exits(0).verdict("main.b", "skipped").says("bytes left out ...]");
    let (_site, failed) = run(&format!("{{ {line}; }} >&2\nexit 1\n"));
    failed.exits(1).verdict("main.b", "fail").says("at last");
}
