//! Input that is too large, of the wrong kind, or made to mislead.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::Command;

use rustix::fs::{CWD, FileType, mknodat};
use rustix::process::Signal;

use crate::skip::skip_part;
use crate::support::{Run, Site, patience, program, wait_for};

/// A fake site with two tests that pass.
fn site() -> Site {
    let site = Site::fake();
    site.test_file("good.test", "exit 0\n").test_file("bad.test", "exit 0\n");
    site
}

/// What stands in the place of a file, and the word that a message has for it.
const KINDS: [(&str, &str); 6] = [
    ("fifo", "FIFO"),
    ("directory", "directory"),
    ("socket", "socket"),
    ("device", "device"),
    ("dangling", "leads nowhere"),
    ("endless", "leads nowhere"),
];

/// Puts something of that kind there; what has to live as long is returned.
fn put(kind: &str, path: &Path) -> Option<UnixListener> {
    match kind {
        "fifo" => mknodat(CWD, path, FileType::Fifo, 0o644.into(), 0).unwrap(),
        "directory" => fs::create_dir(path).unwrap(),
        "socket" => return Some(UnixListener::bind(path).unwrap()),
        "device" => symlink("/dev/zero", path).unwrap(),
        "dangling" => symlink("/nonexistent/file", path).unwrap(),
        // A link to itself.
        "endless" => symlink(path, path).unwrap(),
        other => panic!("{other}"),
    }
    None
}

fn take_away(path: &Path) {
    let _ = fs::remove_file(path).or_else(|_| fs::remove_dir(path));
}

/// The program with no more than 1.5 GB of address space, and 60 s.
fn bounded(run: Run) -> Run {
    run.through(&["timeout", "--signal=KILL", "100", "sh", "-c", "ulimit -v 1500000 && exec \"$@\"", "sh"])
}

#[test]
fn what_is_no_file_fails_its_test_and_is_named() {
    for (kind, word) in KINDS {
        for file in [
            "bad.test",
            "bad.opt",
            "bad-master.opt",
            "bad-slave.opt",
            "bad.cnf",
            "bad.combinations",
            "bad-master.sh",
            "bad.result",
        ] {
            let site = site();
            let path = site.suite().join(file);
            take_away(&path);
            let _alive = put(kind, &path);
            let run = bounded(site.run().args(["--force", "bad", "good"])).finish();
            run.exits(1).verdict("main.good", "pass").verdict("main.bad", "fail").says(file).says(word);
        }
    }
}

#[test]
fn what_is_no_file_among_what_a_suite_shares_fails_its_tests_only() {
    for (kind, word) in KINDS {
        for file in ["disabled.def", "suite.opt", "combinations", "suite.pm"] {
            let site = site();
            site.file("base/mysql-test/suite/other/t/fine.test", "exit 0\n");
            let dir = site.path("base/mysql-test/suite/other");
            let _alive = put(kind, &dir.join(file));
            let run = bounded(site.run().args(["--force", "--suite=main,other"])).finish();
            run.exits(1).verdict("main.good", "pass").verdict("other.fine", "fail").says(file);
            // What perl cannot read is told in the words of the system.
            if file != "suite.pm" {
                run.says(word);
            }
        }
    }
}

#[test]
fn what_is_no_file_among_arguments_is_refused_at_once() {
    for (kind, _) in &KINDS[..4] {
        let site = site();
        let path = site.path("odd");
        let _alive = put(kind, &path);
        for option in ["--skip-test-list=", "--experimental=", "--defaults-file=", "--defaults-extra-file="] {
            let option = format!("{option}{}", path.display());
            let run = bounded(site.run().args([option.as_str(), "good"])).finish();
            assert_ne!(run.code, None, "{kind} as {option}: {run:?}");
            if option.starts_with("--skip") || option.starts_with("--exp") {
                run.exits(1).says("odd");
            }
        }
    }
}

#[test]
fn what_is_no_file_among_scripts_fails_the_interpreter_at_once() {
    for (kind, _) in &KINDS[..4] {
        let site = site();
        let path = site.path("odd");
        let _alive = put(kind, &path);
        let call = |arguments: &[&str]| {
            let mut command = Command::new("timeout");
            command.args(["--signal=KILL", "60"]).arg(program()).arg("mysqltest").args(arguments);
            command.output().unwrap()
        };
        let file = format!("--test-file={}", path.display());
        let output = call(&["--no-defaults", &file]);
        assert_eq!(output.status.code(), Some(1), "{kind}: {output:?}");
        let defaults = format!("--defaults-file={}", path.display());
        let output = call(&[&defaults, "--test-file=/dev/null"]);
        assert!(output.status.code().is_some_and(|code| code == 1), "{kind}: {output:?}");
    }
}

#[test]
fn what_is_no_file_among_artefacts_does_not_hold_triage() {
    for (kind, _) in KINDS {
        let site = site();
        site.file("var/log/mysqld.1.err", "CURRENT_TEST: main.a\n[ERROR] unknown option '--x'\n");
        let mut alive = Vec::new();
        for file in
            ["log/mysqltest.log", "log/bootstrap.log", "log/mysqld.2.err", "my.cnf", "log/mysqld.3.err.core"]
        {
            alive.push(put(kind, &site.path("var").join(file)));
        }
        let mut command = Command::new("timeout");
        command.args(["--signal=KILL", "100"]).arg(program()).arg("triage").arg(site.path("var"));
        let output = command.env("MTR_CACHE_DIR", site.path("cache")).output().unwrap();
        assert!(output.status.code().is_some(), "{kind}: {output:?}");
    }
}

#[test]
fn a_log_that_a_test_made_a_pipe_does_not_hold_the_worker() {
    let site = site();
    let replace = "log=$MYSQLTEST_VARDIR/log/mysqld.1.err\nrm -f \"$log\"; mkfifo \"$log\"\nexit 1\n";
    site.test_file("bad.test", replace).test_file("good.opt", "--loose-other\n");
    let run = site.run().args(["--force", "--noreorder", "bad", "good"]).finish();
    run.exits(1).verdict("main.bad", "fail").says("mysqld.1.err");
    assert!(run.verdicts("main.good").len() == 1, "{run:?}");
}

#[test]
fn names_that_are_no_text_are_told() {
    let site = site();
    let odd = site.suite().join(OsStr::from_bytes(b"odd\xff.test"));
    if fs::write(&odd, "exit 0\n").is_err() {
        return skip_part("the file system has only names that are UTF-8");
    }
    let run = site.run().args(["--suite=main", "--force"]).finish();
    run.verdict("main.good", "pass").says("odd\\xFF.test is not run");
}

#[test]
fn a_suite_that_cannot_be_listed_is_told() {
    let site = site();
    site.file("base/mysql-test/suite/other/suite.opt", "");
    symlink("t", site.path("base/mysql-test/suite/other/t")).unwrap();
    let run = site.run().args(["--suite=main,other", "--force"]).finish();
    run.verdict("main.good", "pass");
    run.says("other");
}

/// Not a test of this suite can be trusted to be one that may run, or that has its options.
#[test]
fn a_malformed_file_of_a_suite_fails_its_tests_only() {
    for (file, text, says) in [
        ("disabled.def", "fine : why\nno colon\n", "disabled.def:2: "),
        ("combinations", "# nothing yet\n--loose-a\n", "combinations:2: "),
        ("suite.pm", "package My::Suite::Other;\nmy $x = ;\nbless { };\n", "suite.pm:2: "),
        ("suite.pm", "package My::Suite::Other;\nexit 7;\n", "suite.pm"),
    ] {
        let site = site();
        site.file("base/mysql-test/suite/other/t/fine.test", "exit 0\n");
        site.file(&format!("base/mysql-test/suite/other/{file}"), text);
        site.file("base/mysql-test/suite/third/t/sound.test", "exit 0\n");
        site.file(
            "base/mysql-test/suite/third/suite.pm",
            "package My::Suite::Third;\n@ISA = qw(My::Suite);\nbless { };\n",
        );
        let run = site.run().args(["--force", "--suite=main,other,third"]).finish();
        run.exits(1).verdict("main.good", "pass").verdict("other.fine", "fail").says(says);
        run.verdict("third.sound", "pass");
    }
}

#[test]
fn a_nul_in_options_fails_its_test_and_no_other() {
    for (file, text) in [
        ("bad.opt", &b"--loose-x=a\0b\n"[..]),
        ("bad.combinations", b"[one]\n--loose-x=a\0b\n"),
        ("bad.cnf", b"!include include/default_my.cnf\n[ENV]\nMTR_ODD=a\0b\n"),
        ("bad-master.opt", b"\0\n"),
    ] {
        let site = site();
        site.test_file(file, text);
        let run = site.run().args(["--force", "--noreorder", "bad", "good"]).finish();
        run.exits(1).verdict("main.bad", "fail").verdict("main.good", "pass").says("NUL byte");
    }
}

#[test]
fn files_without_measure_are_refused_by_name() {
    let site = site();
    for file in ["bad.opt", "bad.combinations", "bad.cnf", "bad.test", "bad-slave.opt"] {
        let path = site.suite().join(file);
        let before = fs::read(&path).ok();
        if fs::File::create(&path).unwrap().set_len(64 << 30).is_err() {
            return skip_part("the file system has no files of 64 GiB");
        }
        let run = bounded(site.run().args(["--force", "bad", "good"])).finish();
        run.exits(1).verdict("main.bad", "fail").verdict("main.good", "pass").says(file).says("more than ");
        match before {
            Some(text) => fs::write(&path, text).unwrap(),
            None => fs::remove_file(&path).unwrap(),
        }
    }
}

#[test]
fn a_thousand_servers_are_refused_by_name() {
    let site = site();
    let crowd: String = (2..900).map(|number| format!("[mysqld.{number}]\nport=1{number}\n")).collect();
    site.test_file("bad.cnf", format!("!include include/default_my.cnf\n{crowd}"));
    let run = bounded(site.run().args(["--force", "bad", "good"])).finish();
    run.exits(1).verdict("main.bad", "fail").verdict("main.good", "pass");
    run.says("bad.cnf: 899 servers are more than the 100 that a test may have");
}

#[test]
fn workers_without_measure_are_refused_or_reduced() {
    let site = site();
    for number in ["4294967297", "18446744073709551617", "99999999"] {
        let run = bounded(site.run().args([&format!("--parallel={number}"), "good"])).finish();
        run.exits(1).says("--parallel").says(number);
    }
    let run = bounded(site.run().args(["--parallel=27000", "good"])).finish();
    run.exits(0).verdict("main.good", "pass").says("--parallel=27000: 64 workers are enough for 1 test");
}

/// What is in the range is taken, and what is not is refused by name; nothing is made for each of so many.
#[test]
fn numbers_without_measure_are_taken_or_refused() {
    let site = site();
    let options = [
        "retry",
        "retry-failure",
        "max-test-fail",
        "testcase-timeout",
        "suite-timeout",
        "shutdown-timeout",
        "stop-keep-alive",
        "build-thread",
        "port-base",
        "port-group-size",
        "open-files-limit",
        "max-connections",
        "tail-lines",
        "debug-sync-timeout",
        "max-save-core",
        "max-save-datadir",
        "keep-runs",
    ];
    for option in options {
        for number in ["4294967295", "99999999999999999999999"] {
            let option = format!("--{option}={number}");
            let run = bounded(site.run().args([option.as_str(), "good"])).finish();
            match run.code {
                Some(0) => run.verdict("main.good", "pass"),
                // By the name of the option, or of the variable that stands for it.
                Some(1) => run.says(number).reports_are_well_formed(),
                other => panic!("{option}: {other:?} {run:?}"),
            };
        }
    }
    for number in ["4294967296", "99999999999999999999999", "-1"] {
        let run = bounded(site.run().args([&format!("--repeat={number}"), "good"])).finish();
        run.exits(1).says("repeat").says(number);
    }
}

/// Rounds are made when their turn comes.
#[test]
fn rounds_without_measure_go_on_until_they_are_ended() {
    let site = site();
    let run = site.run().args(["--repeat=4294967295", "good", "bad"]);
    let run = run.through(&["sh", "-c", "ulimit -v 1500000 && exec \"$@\"", "sh"]).start();
    wait_for(&run.file("events"), |text| text.matches("\"event\":\"test_finished\"").count() > 6);
    run.signal(Signal::TERM);
    let run = run.finish_leaving_processes();
    run.exits(1).says("SIGTERM").reports_are_well_formed();
    site.herd().assert_gone(patience());
}

/// Each doubles what is there; together they would fill any memory.
#[test]
fn scripts_whose_texts_double_end_with_a_reason() {
    let site = site();
    let doubled =
        |line: &str| format!("let $a= xxxxxxxxxxxxxxxx;\nlet $n= 40;\nwhile ($n)\n{{\n{line}\ndec $n;\n}}\n");
    let many = "let $b= $a$a$a$a$a$a$a$a$a$a$a$a$a$a$a$a;\n".repeat(2);
    let names: String = (0..200).map(|number| format!("let $v{number}= $a;\n")).collect();
    for (script, says) in [
        (doubled("let $a= $a$a;"), "Variables make a text of more than 256 MiB"),
        (doubled("let $a= $a$a;\nlet B= $a;"), "MiB"),
        // The words of the reference.
        (doubled("let $a= $(concat('$a','$a'));"), "Out of memory"),
        (format!("let $a= $(repeat('x', 60000000));\n{many}"), "256 MiB"),
        (
            format!("let $a= $(repeat('x', 20000000));\n{names}"),
            "The variables of the script have more than 512 MiB",
        ),
        ("--source self.test\n".to_owned(), "self.test"),
    ] {
        site.file("self.test", &script);
        let output = without_server(&site, "self.test");
        assert!(output.contains(says), "{says}: {output}");
    }
}

/// What the interpreter says of a script that needs no server but for the beginning.
fn without_server(site: &Site, file: &str) -> String {
    let server = crate::faults::lying_server::serve(site, |peer| peer.log_in_and_answer());
    let mut command = Command::new("timeout");
    command.args(["--signal=KILL", "100", "sh", "-c", "ulimit -v 2500000 && exec \"$@\"", "sh"]);
    command.arg(program()).args(["mysqltest", "--no-defaults", "--user=root"]);
    command.arg(format!("--socket={}", server.socket().display()));
    command.arg(format!("--test-file={}", site.path(file).display()));
    let output = command.current_dir(site.path("")).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let mut text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.push_str(&String::from_utf8_lossy(&output.stderr));
    text
}
