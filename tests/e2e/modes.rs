//! Options that change how a run goes about its tests: debuggers, stop file, start-from, leftovers.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::support::{Run, Site, wait_for};

/// Instead of a tracer: says what it was asked for, becomes the traced program.
const TRACER: &str =
    "#!/bin/bash\n[ \"$1 $2\" = '-f -o' ] || exit 9\necho \"$0 $*\" > \"$3\"\nshift 3\nexec \"$@\"\n";

/// A site with a test that passes and one that does what `script` says.
fn site(script: &str) -> Site {
    let site = Site::fake();
    site.test_file("good.test", "exit 0\n").test_file("bad.test", script);
    site.program("bin/strace", TRACER);
    site
}

/// Programs of the site before those of the system.
fn path(site: &Site) -> String {
    format!("{}:{}", site.path("bin").display(), std::env::var("PATH").unwrap())
}

fn traced(site: &Site) -> Run {
    site.run().env("PATH", path(site))
}

#[test]
fn servers_scripts_and_the_bootstrap_run_in_a_tracer() {
    let site = site("exit 0\n");
    let run = traced(&site).args(["--strace", "--client-strace", "--boot-strace", "good"]).finish();
    run.exits(0).verdict("main.good", "pass");
    let log = |name: &str| fs::read_to_string(site.path("var/log").join(name)).unwrap();
    assert!(log("mysqld.1.strace").contains("/bin/mariadbd --defaults-group-suffix=.1"));
    assert!(log("mysqld.1.strace").contains("--loose-debug-gdb --loose-skip-stack-trace"));
    assert!(log("client.strace").contains("--test-file="));
    assert!(log("bootstrap.strace").contains("--bootstrap"));
}

#[test]
fn a_server_that_does_not_start_in_a_tracer_is_told_with_its_command() {
    let site = site("exit 0\n");
    site.test_file("bad.opt", "--fake=die-at-start\n");
    let run = traced(&site).args(["--strace", "bad"]).finish();
    run.exits(1).verdict("main.bad", "fail");
    run.says("Failed to start mysqld mysqld.1 with command ").says("--fake=die-at-start");
}

#[test]
fn a_person_starts_the_server() {
    let site = site("exit 0\n");
    let run = traced(&site).args(["--manual-strace", "good"]).start();
    let console = run.file("console");
    let command = |text: &str| text.lines().find(|line| line.starts_with("strace -f")).map(str::to_owned);
    wait_for(&console, |text| command(text).is_some_and(|_| text.contains("type in another window:\n")));
    let typed = command(&fs::read_to_string(&console).unwrap()).unwrap();
    let mut server = Command::new("sh")
        .arg("-c")
        .arg(format!("exec {typed}"))
        .env("PATH", path(&site))
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let run = run.finish_leaving_processes();
    run.exits(0).verdict("main.good", "pass");
    assert!(server.wait().unwrap().success(), "the run shuts the server down");
}

#[test]
fn a_debugger_that_is_not_installed_is_named() {
    let site = site("exit 0\n");
    let run = site.run().env("PATH", "/nonexistent").args(["--dbx", "good"]).finish();
    run.exits(1).says("xterm is not installed");
}

#[test]
fn nothing_starts_while_the_stop_file_is_there() {
    let site = site("exit 0\n");
    site.file("stop", "");
    let option = format!("--stop-file={}", site.path("stop").display());
    let run = site.run().args([&option, "--stop-keep-alive=1", "--noreorder", "good", "bad"]).start();
    wait_for(&run.file("console"), |text| text.contains("-STOPPED- [pass] 0\n"));
    fs::remove_file(site.path("stop")).unwrap();
    run.finish().exits(0).verdict("main.good", "pass").verdict("main.bad", "pass");
}

#[test]
fn a_test_can_make_the_stop_file() {
    let site = site("exit 0\n");
    let stop = site.path("stop");
    site.test_file("good.test", format!("touch '{}'; exit 0\n", stop.display()));
    let option = format!("--stop-file={}", stop.display());
    let run = site.run().args([&option, "--stop-keep-alive=1", "--noreorder", "good", "bad"]).start();
    wait_for(&run.file("console"), |text| text.contains("-STOPPED- [pass] 1\n"));
    fs::remove_file(&stop).unwrap();
    run.finish().exits(0).verdict("main.good", "pass").verdict("main.bad", "pass");
}

#[test]
fn tests_before_the_first_are_passed_over() {
    let site = site("exit 1\n");
    let run = site.run().args(["--noreorder", "--start-from=good", "bad", "good"]).finish();
    run.exits(0).verdict("main.good", "pass");
    assert!(run.verdicts("main.bad").is_empty());
    let run = site.run().args(["--start-from=nothing", "good"]).finish();
    run.says("--start-from=nothing is the name of no test");
    assert!(run.verdicts("main.good").is_empty());
}

#[test]
fn a_core_file_among_the_tests_goes_to_the_failure() {
    let site = site("printf '\\177ELF............\\004\\000' > core.4711\nexit 1\n");
    let run = site.run().args(["--print-core=no", "bad"]).finish();
    run.exits(1).says(" - found 'core.4711', moving it to ");
    assert!(site.path("var/log/main.bad/core.4711").exists());
    assert!(!site.path("base/mysql-test/core.4711").exists());
}

#[test]
fn warnings_about_a_script_fail_the_run() {
    let site = site("exit 0\n");
    let file = site.suite().join("good.warnings");
    site.test_file("good.result", "").test_file("good.test", format!("echo x > '{}'\n", file.display()));
    let run = site.run().args(["good"]).finish();
    run.exits(1).verdict("main.good", "pass").says("Check mysqltest warnings in");
    run.says("there were failing test cases");
}

#[test]
fn options_without_effect_are_named() {
    let site = site("exit 0\n");
    let run = site.run().args(["--print-testcases", "--defaults-file=x", "good"]).finish();
    run.exits(0).says("option --print-testcases has no effect").says("option --defaults-file has no effect");
}

#[test]
fn servers_stay_after_start_and_exit_and_one_worker_starts_them() {
    let site = site("exit 0\n");
    let run = site.run().args(["--start-and-exit", "--parallel=3", "good"]).start();
    let run = run.finish_leaving_processes();
    run.exits(0).says("Setting parallel to 1").says("not waiting for them to finish");
    let pid = fs::read_to_string(site.path("var/run/mysqld.1.pid")).unwrap();
    assert!(Path::new("/proc").join(pid.trim()).exists());
    // The next run with this vardir ends it.
    site.run().args(["good"]).finish().exits(0).says(" - found old pid ").says("   ok!");
}
