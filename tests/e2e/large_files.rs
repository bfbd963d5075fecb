//! Files that grew without measure, and files that say that much is to be made of them: the program runs in an address
//! space that has no room for it.

use std::fs;
use std::io::{Seek, SeekFrom, Write};
use std::process::Command;

use crate::skip::skip;
use crate::support::{Run, Site};

/// The address space of the program and of what it starts, in KiB.
const SPACE: &str = "1200000";

/// The size of a file that is nearly all a hole, in bytes: more than the address space.
const HUGE: u64 = 3 << 30;

/// A fake site with a test that passes.
fn site() -> Site {
    let site = Site::fake();
    site.test_file("good.test", "exit 0\n");
    site
}

/// The run with no more than [`SPACE`].
fn bounded(run: Run) -> Run {
    run.through(&["sh", "-c", "ulimit -v \"$0\" && exec \"$@\"", SPACE])
}

/// Whether files of [`HUGE`] bytes can be made in the site.
fn has_room(site: &Site) -> bool {
    let probe = site.path("probe");
    let made = fs::File::create(&probe).and_then(|file| file.set_len(HUGE)).is_ok();
    let _ = fs::remove_file(probe);
    made
}

#[test]
fn an_error_log_of_which_the_end_is_told() {
    let site = site();
    if !has_room(&site) {
        return skip("the file system has no files of 3 GiB");
    }
    let grow =
        format!("truncate -s {HUGE} \"$log\"; printf '\\n[ERROR] Fake: the last words\\n' >> \"$log\"\n");
    site.test_file(
        "bad.test",
        format!("log=$MYSQLTEST_VARDIR/log/mysqld.1.err\n{grow}signal_server SEGV\nsleep 600\n"),
    );
    let run = bounded(site.run().args(["--force", "bad", "good"])).finish();
    run.exits(1).verdict("main.bad", "fail").verdict("main.good", "pass");
    run.says("failed during test run").says("[ERROR] Fake: the last words");
}

#[test]
fn the_output_of_a_script_of_which_the_last_lines_are_told() {
    let site = site();
    if !has_room(&site) {
        return skip("the file system has no files of 3 GiB");
    }
    let grow =
        format!("truncate -s {HUGE} \"$log\"; printf '\\nthe last but one\\nthe last\\n' >> \"$log\"\n");
    site.test_file("bad.test", format!("log=$MYSQLTEST_VARDIR/log/bad.log\n{grow}exit 1\n"));
    let run = bounded(site.run().args(["--force", "--tail-lines=2", "bad", "good"])).finish();
    run.exits(1).verdict("main.bad", "fail").verdict("main.good", "pass");
    run.says("< snip >\n  | the last but one\n  | the last\n");
}

#[test]
fn a_report_of_a_script_that_ends_with_its_reason() {
    let site = site();
    if !has_room(&site) {
        return skip("the file system has no files of 3 GiB");
    }
    // The script's standard error is its report.
    let grow = format!("truncate -s {HUGE} /proc/self/fd/2; printf '\\nreason: too much\\n' >&2\n");
    site.test_file("bad.test", format!("{grow}exit 62\n"));
    let run = bounded(site.run().args(["--force", "bad", "good"])).finish();
    run.exits(0).verdict("main.bad", "skipped").verdict("main.good", "pass").says("too much");
}

#[test]
fn logs_of_a_run_that_is_over() {
    let site = site();
    if !has_room(&site) {
        return skip("the file system has no files of 3 GiB");
    }
    let log = site.path("var/log/mysqld.1.err");
    site.file("var/log/mysqld.1.err", "CURRENT_TEST: main.a\n$ /x/mariadbd --defaults-file=/x\n");
    let mut file = fs::File::options().write(true).open(&log).unwrap();
    file.set_len(HUGE).unwrap();
    file.seek(SeekFrom::End(0)).unwrap();
    file.write_all(
        b"\nCURRENT_TEST: main.b\n$ /x/mariadbd --x\n2026-01-01 10:00:00 0 [ERROR] unknown option '--x'\n",
    )
    .unwrap();
    let output = Command::new("sh")
        .args(["-c", "ulimit -v \"$0\" && exec \"$@\"", SPACE, env!("CARGO_BIN_EXE_mtr-rs"), "triage"])
        .arg(&log)
        .env("MTR_CACHE_DIR", site.path("cache"))
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.contains("--x") && text.contains("mysqld.1.err:5"), "{text}");
}

/// Each file of combinations is small, and so is each template.
#[test]
fn files_that_multiply_fail_their_tests_only() {
    let site = site();
    let sections: String = (0..20).map(|number| format!("[s{number}]\n--loose-X={number}\n")).collect();
    for name in ["a", "b", "c", "d", "e"] {
        site.test_file(&format!("{name}.inc"), "");
        site.test_file(&format!("{name}.combinations"), sections.replace('X', name));
    }
    let sources = ["a", "b", "c", "d", "e"].map(|name| format!("if false; then\n--source {name}.inc\nfi\n"));
    site.test_file("multiplies.test", sources.concat());
    let chain: String = (1..30).map(|n| format!("v{n}=@x.v{0}@x.v{0}\n", n - 1)).collect();
    site.test_file("doubles.test", "exit 0\n");
    site.test_file("doubles.cnf", format!("!include include/default_my.cnf\n[x]\nv0=x\n{chain}"));
    let crowd: String = (2..700).map(|number| format!("[mysqld.{number}]\n")).collect();
    site.test_file("crowd.test", "exit 0\n");
    site.test_file("crowd.cnf", format!("!include include/default_my.cnf\n{crowd}"));
    for number in 0..30 {
        site.test_file(&format!("i{number}.inc"), format!("--source i{}.inc\n", number + 1).repeat(2));
    }
    site.test_file("i30.inc", "").test_file("i30.combinations", "[x]\n--loose-x\n");
    site.test_file("sources.test", "if false; then\n--source i0.inc\nfi\n");
    let run =
        bounded(site.run().args(["--force", "multiplies", "doubles", "sources", "crowd", "good"])).finish();
    run.exits(1).verdict("main.good", "pass");
    for test in ["main.multiplies", "main.doubles", "main.sources", "main.crowd"] {
        run.verdict(test, "fail");
    }
    run.says("multiplies.test: main.multiplies has more than 1000 combinations");
    run.says("20 × 20 × 20 × 20 × 20 sections").says("doubles.cnf:20: ").says("longer than 65536 bytes");
    run.says("crowd.cnf: 699 servers are more than the 100 that a test may have");
    run.says(": it sources more than 100000 combinations files");
}
