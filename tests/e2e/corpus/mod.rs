//! The scripts of `tests/corpus`: our interpreter does with each what MariaDB's does, to the byte.
//! `tests/corpus/README.md` tells how they are written and what is compared.

pub mod script;
pub mod server;

use std::ffi::OsString;
use std::fs;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use bstr::ByteSlice;
use mtr::script::command::{COMMANDS, Origin};
use script::{Interpreter, Script};
use server::{Installation, Server};
use similar::TextDiff;

use crate::support::Site;

/// Servers, each with a thread that compares.
const WORKERS: usize = 2;

/// How much of a difference is shown.
const LINES: usize = 60;

/// Where the scripts are.
fn corpus() -> PathBuf {
    concat!(env!("CARGO_MANIFEST_DIR"), "/tests/corpus").into()
}

/// The interpreter to test: ours, or what `$CORPUS_PROGRAM` says.
pub fn ours() -> Interpreter {
    match std::env::var("CORPUS_PROGRAM") {
        Ok(words) => words.split_whitespace().map(OsString::from).collect(),
        Err(_) => vec![env!("CARGO_BIN_EXE_mtr-rs").into(), "mysqltest".into()],
    }
}

#[test]
fn every_script_does_what_it_does_in_mariadb_test() {
    let site = Site::real();
    let installation = Installation::find();
    let (theirs, ours) = (installation.interpreter(), ours());
    let scripts = Script::all();
    let (next, failures) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    thread::scope(|scope| {
        for worker in 0..WORKERS {
            let place = site.path(&format!("corpus{worker}"));
            let (installation, scripts, theirs, ours) = (&installation, &scripts, &theirs, &ours);
            let (next, failures) = (&next, &failures);
            scope.spawn(move || {
                let mut server = Server::start(installation, &place.join("server"));
                while let Some(script) = scripts.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let mut run =
                        |interpreter| script.run(interpreter, installation, &mut server, &place).text();
                    let (expected, actual) = (run(theirs), run(ours));
                    if let Some(difference) = difference(&expected, &actual) {
                        failures.lock().unwrap().push((script.name.clone(), difference));
                    }
                }
            });
        }
    });
    let mut failures = failures.into_inner().unwrap();
    failures.sort();
    let shown: String = failures.iter().map(|(name, text)| format!("{name}\n{text}\n")).collect();
    assert!(failures.is_empty(), "{} of {} scripts differ:\n{shown}", failures.len(), scripts.len());
}

/// How our outcome differs from the expected one, if it does.
fn difference(expected: &[u8], actual: &[u8]) -> Option<String> {
    if expected == actual {
        return None;
    }
    let (expected, actual) = (without_noise(expected), without_noise(actual));
    if expected == actual {
        return None;
    }
    let mut text = Vec::new();
    TextDiff::from_lines(&expected[..], &actual[..]).unified_diff().to_writer(&mut text).unwrap();
    let lines = text.lines_with_terminator().take(LINES);
    Some(lines.map(|line| line.to_str_lossy().into_owned()).collect())
}

/// An outcome without what differs between two runs of the same program.
fn without_noise(outcome: &[u8]) -> Vec<u8> {
    let mut sed = Command::new("sed")
        .args(["-E", "-f"])
        .arg(corpus().join("noise.sed"))
        .env("LC_ALL", "C")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = sed.stdin.take().unwrap();
    let output = thread::scope(|scope| {
        scope.spawn(move || input.write_all(outcome).unwrap());
        sed.wait_with_output().unwrap()
    });
    assert!(output.status.success());
    output.stdout
}

/// Words that start commands anywhere in the corpus, in lower case.
fn first_words() -> Vec<Vec<u8>> {
    let texts = Script::all().iter().flat_map(Script::texts).collect::<Vec<_>>();
    let starts = texts.iter().flat_map(|text| text.split_str("\n").flat_map(|line| line.split_str(";")));
    starts
        .map(|start| {
            let start = start.trim_start();
            let start = start.strip_prefix(b"--").unwrap_or(start).trim_start();
            let end = start.find_byteset(b" \t(").unwrap_or(start.len());
            start[..end].to_ascii_lowercase()
        })
        .collect()
}

#[test]
fn every_command_occurs() {
    let words = first_words();
    // The reference does not know the others; tests/e2e/extensions.rs has their scripts.
    let common = COMMANDS.iter().filter(|spec| !matches!(spec.origin, Origin::MySql | Origin::Newer));
    let names = common.map(|spec| spec.name);
    let missing: Vec<_> = names.filter(|name| !words.iter().any(|word| word == name.as_bytes())).collect();
    assert!(missing.is_empty(), "no script has {missing:?}");
}

#[test]
fn no_file_is_left_without_its_script() {
    let scripts: Vec<String> = Script::all().into_iter().map(|script| script.name).collect();
    assert!(scripts.len() >= 330, "only {} scripts", scripts.len());
    for area in
        fs::read_dir(corpus()).unwrap().map(|entry| entry.unwrap()).filter(|area| area.path().is_dir())
    {
        for file in fs::read_dir(area.path()).unwrap() {
            let path = file.unwrap().path();
            let name = path.strip_prefix(corpus()).unwrap().with_extension("");
            assert!(scripts.contains(&name.display().to_string()), "{} has no script", path.display());
        }
    }
}
