//! By the program: who runs it, what it needs, what it is; and while it makes the first data directory.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{Death, Diagnosed};
use crate::skip::{root_is_there, skip, skip_part};
use crate::support::server_version;

/// The installed server.
fn mariadbd() -> PathBuf {
    let dirs = ["/usr/sbin", "/usr/bin", "/usr/local/sbin", "/usr/local/bin", "/usr/libexec"];
    dirs.map(|dir| Path::new(dir).join("mariadbd")).into_iter().find(|path| path.exists()).unwrap()
}

/// A run with another program as the server.
fn with_server(program: &[u8], mode: &str) -> Death {
    let death = Death::by_options("");
    let server = death.site().path("installed/bin/mariadbd");
    let draft = tempfile::NamedTempFile::new().unwrap();
    fs::write(draft.path(), program).unwrap();
    // Another process writes it: see `Site::program`.
    let status = Command::new("install").args(["-D", "-m", mode]).arg(draft.path()).arg(&server).status();
    assert!(status.unwrap().success());
    let mut basedir = std::ffi::OsString::from("--basedir=");
    basedir.push(death.site().path("installed"));
    death.arg(basedir)
}

/// The installed server with every `old` in it replaced.
fn patched(old: &str, new: &str) -> Vec<u8> {
    assert_eq!(old.len(), new.len());
    let mut program = fs::read(mariadbd()).unwrap();
    let found: Vec<usize> = bstr::ByteSlice::find_iter(program.as_slice(), old).collect();
    assert!(!found.is_empty(), "the installed server has no {old:?}");
    for at in found {
        program[at..at + new.len()].copy_from_slice(new.as_bytes());
    }
    program
}

#[test]
fn root_without_user() {
    if !root_is_there("for a server that refuses to run as root") {
        return;
    }
    // The runner, as the reference, takes every option that begins so for a `--user`.
    let died = Death::by_options("--userstat=1\n").dies();
    died.page("MTR-S060")
        .cause("MTR-S060", "takes --userstat=1 (")
        .evidence("as root!")
        .fix("add --user=root");
}

#[test]
fn a_user_that_does_not_exist() {
    if !root_is_there("for a server that changes its user") {
        return;
    }
    let died = Death::by_options("--user=nosuchuser\n").dies();
    died.page("MTR-S061")
        .cause("MTR-S061", "no user 'nosuchuser' (")
        .cause("MTR-S061", "dead.opt:1")
        .evidence("run as user 'nosuchuser'");
}

#[test]
fn messages_that_are_not_there() {
    let died = Death::by_options("--lc-messages-dir=/nonexist --lc-messages=de_DE\n").dies();
    died.page("MTR-S062")
        .cause("MTR-S062", "'/nonexist/errmsg.sys' is not there, and the server is to speak german")
        .evidence("Can't find messagefile")
        .evidence("Could not load error messages for german");
}

#[test]
fn messages_of_another_version() {
    let script = "mkdir -p $MYSQLTEST_VARDIR/tmp/share/german\n\
                  echo 'these are no messages of this version of the server' > $MYSQLTEST_VARDIR/tmp/share/german/errmsg.sys\n";
    let death = Death::by_options("--lc-messages-dir=$MYSQLTEST_VARDIR/tmp/share --lc-messages=de_DE\n");
    let died = death.prepared_by(script).dies();
    died.cause("MTR-S062", "german/errmsg.sys' is of another version")
        .evidence("ncompatible header in messagefile");
}

#[test]
fn character_sets_that_are_not_there() {
    let died = Death::by_options("--character-sets-dir=/nonexist --character-set-server=mine\n").dies();
    died.page("MTR-S063")
        .cause("MTR-S063", "'/nonexist' (")
        .evidence("'/nonexist/Index.xml'")
        .fix("Index.xml");
}

#[test]
fn a_shared_library_that_is_not_there() {
    let died = with_server(&patched("libz.so.1", "libq.so.1"), "755").dies_early();
    died.page("MTR-S064")
        .cause("MTR-S064", "the shared library 'libq.so.1'")
        .evidence("error while loading shared libraries")
        .fix("ldd ");
}

#[test]
fn a_loader_that_is_not_there() {
    let died = with_server(&patched("/ld-linux", "/ld-minux"), "755").dies_early();
    died.cause("MTR-S064", "/ld-minux").evidence("does not exist");
}

#[test]
fn a_program_for_another_machine() {
    if std::env::consts::ARCH == "s390x" {
        return skip("this machine is the other machine");
    }
    let mut program = fs::read("/bin/sh").unwrap();
    // The machine's number in the ELF header.
    program[18..20].copy_from_slice(&22u16.to_le_bytes());
    let died = with_server(&program, "755").dies_early();
    died.page("MTR-S065")
        .cause("MTR-S065", "is a program for s390x, and this machine is ")
        .evidence("ELF machine 22 (s390x)");
}

#[test]
fn a_program_that_may_not_be_executed() {
    let program = fs::read("/bin/sh").unwrap();
    let run = with_server(&program, "644").run().0;
    // There is no report yet to say it in.
    run.exits(1)
        .says("installed/bin/mariadbd may not be executed [MTR-S066]")
        .says("has mode 0644")
        .says("chmod a+x ");
}

#[test]
fn files_that_are_no_program() {
    for (text, cause, evidence) in [
        ("hello\n", "is no program", "it begins with 'hello'"),
        ("", "is an empty file", "has 0 bytes"),
        ("#!/nonexist/sh\n", "is a script whose interpreter is not there", "'#!/nonexist/sh'"),
    ] {
        let died = with_server(text.as_bytes(), "755").dies_early();
        if text == "hello\n" {
            died.page("MTR-S067");
        }
        died.cause("MTR-S067", cause).evidence(evidence);
    }
}

/// A run whose server dies while it makes the first data directory.
fn bootstrap_with(options: &[&str]) -> Diagnosed {
    let death =
        options.iter().fold(Death::by_options(""), |death, option| death.arg(format!("--mysqld={option}")));
    let died = death.dies_early();
    died.run.says("Error executing mariadbd --bootstrap").says("install.db (bootstrap) exited with status");
    died
}

#[test]
fn bootstraps_die_of_the_same_causes_as_servers() {
    for (options, code, cause, evidence) in [
        (&["--innodb-nosuch=1"][..], "MTR-S002", "'innodb-nosuch=1' (--mysqld on the", "unknown variable"),
        (&["--innodb-page-size = 4k"], "MTR-S001", "'--innodb-page-size = 4k' (--mysqld", "unknown variable"),
        (&["--innodb-support-xa=1"], "MTR-S009", "MariaDB 10.3 removed it", "unknown variable"),
        (
            &["--innodb=FORCE", "--innodb-page-size=5000"],
            "MTR-S007",
            "5000 is out of range",
            "Invalid page size",
        ),
        (
            &["--innodb=FORCE", "--innodb-flush-method=foo"],
            "MTR-S005",
            "'foo' is no value",
            "Parsing options",
        ),
        (&["--innodb=FORCE", "--innodb-buffer-pool-size=9x"], "MTR-S006", "'9x' for", "Unknown suffix 'x'"),
        (
            &["--innodb=FORCE", "--innodb-temp-data-file-path=ibdata1:12M"],
            "MTR-S015",
            "name the same file",
            "names seem to be the same",
        ),
    ] {
        if ["MTR-S005", "MTR-S006"].contains(&code) && server_version() < 100_600 {
            skip_part("MariaDB 10.5 goes on without InnoDB where it cannot parse its options");
            continue;
        }
        bootstrap_with(options).cause(code, cause).evidence(evidence);
    }
}

#[test]
fn a_bootstrap_for_one_test_dies_with_its_option() {
    let died = Death::by_options("--innodb=FORCE\n--innodb-page-size=5000\n").dies();
    died.cause("MTR-S007", "dead.opt:2").evidence("Invalid page size=5000");
    if server_version() < 100_600 {
        return skip_part("MariaDB 10.5 goes on without InnoDB where it cannot parse its options");
    }
    let died =
        Death::by_options("--innodb-undo-directory=.\n--innodb-undo-tablespaces=2x --innodb=FORCE\n").dies();
    died.cause("MTR-S006", "'2x' for 'innodb-undo-tablespaces'");
}

#[test]
fn a_bootstrap_program_that_cannot_be_run() {
    for (text, mode, code, cause) in [
        ("hello\n", "755", "MTR-S067", "is no program"),
        ("hello\n", "644", "MTR-S066", "may not be executed"),
    ] {
        let death = Death::by_options("");
        let program = death.site().path("bootstrap");
        let draft = tempfile::NamedTempFile::new().unwrap();
        fs::write(draft.path(), text).unwrap();
        let status = Command::new("install").args(["-m", mode]).arg(draft.path()).arg(&program).status();
        assert!(status.unwrap().success());
        death.env("MYSQLD_BOOTSTRAP", &program).dies_early().cause(code, cause);
    }
}
