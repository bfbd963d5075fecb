//! What `mtr-rs lint`, `doctor`, `triage` and `times` have in common, and everything else that prints and ends: their command
//! lines, their exit codes, and what becomes of them where nobody reads what they print.

use std::ffi::OsString;
use std::fs::File;
use std::os::unix::ffi::OsStringExt as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use crate::support::{Site, program};

const COMMANDS: [&str; 4] = ["lint", "doctor", "triage", "times"];

fn command(site: &Site, words: &[OsString]) -> Command {
    let mut command = Command::new(program());
    command
        .args(words)
        .current_dir(site.path(""))
        .env_remove("MTR_BINDIR")
        .env_remove("ASAN_OPTIONS")
        .env("MTR_CACHE_DIR", site.path("cache"))
        .stdin(Stdio::null());
    command
}

fn words(line: &str) -> Vec<OsString> {
    line.split(' ').map(OsString::from).collect()
}

fn said(site: &Site, words: &[OsString]) -> Output {
    command(site, words).output().unwrap()
}

/// The writing end of a pipe that nobody reads.
fn unread() -> Stdio {
    std::io::pipe().unwrap().1.into()
}

/// A site with something to tell for each command, and command lines with their exit codes.
fn talkative() -> (Site, Vec<(String, i32)>) {
    let site = Site::fake();
    site.test_file("odd.test", "--no_such_command\n")
        .file("db.err", "2026-01-01  1:02:03 0 [ERROR] Aborting\n")
        .file("events", "{\"event\":\"run_opened\",\"time\":1.5}\n")
        .file("ended", "{\"event\":\"run_finished\",\"time\":1.5,\"wall\":2.0,\"processor\":1.0}\n");
    let lines = [
        ("--help", 1),
        ("--list-options", 1),
        ("--version", 0),
        ("--list --basedir=base", 0),
        ("--explain=main.1st --basedir=base", 0),
        ("lint --help", 0),
        ("lint --basedir=base base/mysql-test/main/odd.test", 1),
        ("lint --basedir=base --json base/mysql-test/main/odd.test", 1),
        ("doctor -h", 0),
        ("doctor --basedir=nosuch", 1),
        ("doctor --basedir nosuch --json", 1),
        ("triage -?", 0),
        ("triage db.err --basedir=base", 1),
        ("triage --json --all db.err", 1),
        ("times --help", 0),
        ("times events", 1),
        ("times --cores=4 ended", 0),
        ("times --json ended", 0),
    ];
    (site, lines.map(|(line, code)| (line.to_owned(), code)).into())
}

#[test]
fn a_reader_that_goes_away_changes_no_exit_code() {
    let (site, lines) = talkative();
    for (line, code) in lines {
        let heard = said(&site, &words(&line));
        assert_eq!(heard.status.code(), Some(code), "{line}: {heard:?}");
        assert!(!heard.stdout.is_empty(), "{line}");
        let unheard = command(&site, &words(&line)).stdout(unread()).output().unwrap();
        assert_eq!(unheard.status.code(), Some(code), "{line}: {unheard:?}");
        assert_eq!(unheard.stderr, heard.stderr, "{line}: {unheard:?}");
    }
}

#[test]
fn a_standard_output_that_is_full_is_an_error() {
    let (site, lines) = talkative();
    for (line, _) in lines {
        let full = File::options().write(true).open("/dev/full").unwrap();
        let output = command(&site, &words(&line)).stdout(full).output().unwrap();
        let is_command = COMMANDS.iter().any(|name| line.starts_with(name));
        assert_eq!(output.status.code(), Some(if is_command { 2 } else { 1 }), "{line}: {output:?}");
        let told = String::from_utf8(output.stderr).unwrap();
        assert!(told.contains("cannot write to standard output"), "{line}: {told}");
    }
}

#[test]
fn wrong_arguments_are_told_alike() {
    let site = Site::fake();
    for name in COMMANDS {
        let valued = if name == "times" { "top" } else { "basedir" };
        for (arguments, words_of_it) in [
            ("--jsno", "there is no option --jsno\nhint: did you mean --json? "),
            ("--force", "there is no option --force\nhint: "),
            ("-x", "there is no option -x\n"),
            ("--json=1", "--json takes no value\n"),
            (&format!("--{valued}"), &format!("--{valued} needs a value\n")),
        ] {
            let output = said(&site, &words(&format!("{name} {arguments}")));
            assert_eq!(output.status.code(), Some(2), "{name} {arguments}: {output:?}");
            assert!(output.stdout.is_empty(), "{name} {arguments}");
            let told = String::from_utf8(output.stderr).unwrap();
            assert!(told.starts_with(&format!("mtr-rs {name}: ")), "{name} {arguments}: {told}");
            assert!(told.contains(words_of_it), "{name} {arguments}: {told}");
            assert!(told.contains(&format!("mtr-rs {name} --help tells the options")), "{told}");
        }
    }
}

#[test]
fn nobody_who_listens_to_errors_changes_no_exit_code() {
    let site = Site::fake();
    for (line, code) in [("lint --x", 2), ("doctor --x", 2), ("triage --x", 2), ("--no-such-option", 1)] {
        let output = command(&site, &words(line)).stderr(unread()).output().unwrap();
        assert_eq!(output.status.code(), Some(code), "{line}: {output:?}");
    }
}

#[test]
fn help_is_for_everybody() {
    let site = Site::fake();
    for name in COMMANDS {
        for word in ["--help", "-h", "-?"] {
            let output = said(&site, &words(&format!("{name} {word}")));
            assert_eq!(
                (output.status.code(), output.stderr.as_slice()),
                (Some(0), &b""[..]),
                "{name} {word}"
            );
            assert!(output.stdout.starts_with(format!("Usage: mtr-rs {name} ").as_bytes()), "{name} {word}");
        }
    }
}

#[test]
fn paths_need_not_be_utf8_nor_be_told_from_options() {
    let site = Site::fake();
    let name = OsString::from_vec(b"\xff\xfe".to_vec());
    std::fs::create_dir(site.path("").join(&name)).unwrap();
    for (file, text) in [("odd.test", "--no_such_command\n"), ("--json", "")] {
        std::fs::write(site.path("").join(&name).join(file), text).unwrap();
    }
    let odd = Path::new(&name).join("odd.test").into_os_string();
    let mut basedir = OsString::from("--basedir=");
    basedir.push(&name);
    let output = said(&site, &["lint".into(), "--basedir=base".into(), odd]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    // The directory is there, and is what it is said to be.
    let output = said(&site, &["triage".into(), name.clone()]);
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(told.contains("there is no error log in "), "{told}");
    let output = said(&site, &["doctor".into(), basedir]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(told.contains("no MariaDB server found"), "{told}");
    for (name, code) in [("lint", 2), ("triage", 3)] {
        let output = said(&site, &words(&format!("{name} -- --json")));
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(code), "{told}");
        assert!(told.contains("--json"), "it is a path: {told}");
    }
}
