//! What tests on the installed server can rely on.

use std::fs;
use std::path::Path;
use std::process::Command;

use rustix::process::{Pid, PidfdFlags, Signal, kill_process, pidfd_open};

use crate::skip::skip;
use crate::support::{Site, wait_for};

/// A site with a test that passes.
fn site() -> Site {
    let site = Site::real();
    site.test_file("good.test", "select 1;\n").test_file("good.result", "select 1;\n1\n1\n");
    site
}

#[test]
fn a_difference_is_shown_as_a_unified_diff() {
    let site = site();
    site.test_file("bad.test", "select 2;\n").test_file("bad.result", "select 2;\n2\n3\n");
    let run = site.run().args(["--force", "bad", "good"]).finish();
    run.exits(1).verdict("own.bad", "fail").verdict("own.good", "pass");
    run.says("  | @@ -1,3 +1,3 @@\n  |  select 2;\n  |  2\n  | -3\n  | +2\n").says("Result content mismatch");
    let junit = run.report("junit");
    assert!(junit.contains("<failure") && junit.contains("-3"), "{junit}");
    assert!(run.report("xml").contains("name=\"bad\""));
    run.reports_are_well_formed();
}

#[test]
fn a_skip_tells_its_reason() {
    let site = site();
    site.test_file("bad.test", "--skip Needs a quiet night\n");
    let run = site.run().args(["bad", "good"]).finish();
    run.exits(0).verdict("own.bad", "skipped").says("Needs a quiet night").verdict("own.good", "pass");
    assert!(run.report("junit").contains("<skipped"), "{}", run.report("junit"));
}

#[test]
fn combinations_have_results_of_their_own() {
    let site = site();
    site.test_file(
        "t.combinations",
        "[small]\n--sort-buffer-size=65536\n[large]\n--sort-buffer-size=131072\n",
    );
    site.test_file("t.test", "select @@global.sort_buffer_size;\nselect 'same';\n");
    site.test_file(
        "t.result",
        "select @@global.sort_buffer_size;\n@@global.sort_buffer_size\n65536\nselect 'same';\nsame\nsame\n",
    );
    site.test_file("t,large.rdiff", "--- t.result\n+++ t.reject\n@@ -1,5 +1,5 @@\n select @@global.sort_buffer_size;\n @@global.sort_buffer_size\n-65536\n+131072\n select 'same';\n same\n");
    let run = site.run().args(["t"]).finish();
    run.exits(0).says("own.t 'small'").says("own.t 'large'").says("All 2 tests were successful");
    let run = site.run().args(["t,large"]).finish();
    run.exits(0).says("own.t 'large'").does_not_say("own.t 'small'");
    // A diff of something else changes nothing: the difference shows.
    site.test_file("t,large.rdiff", "--- t.result\n+++ t.reject\n@@ -1,2 +1,2 @@\n x\n-y\n+z\n");
    let run = site.run().args(["--force", "t"]).finish();
    run.exits(1).says("  | -65536\n  | +131072\n").says("Failed 1/2 tests");
}

#[test]
fn record_writes_the_result_and_the_next_run_passes() {
    let site = site();
    site.test_file("new.test", "select 42 as answer;\n");
    site.run().args(["--record", "new"]).finish().exits(0).verdict("own.new", "pass");
    let result = fs::read_to_string(site.suite().join("new.result")).unwrap();
    assert_eq!(result, "select 42 as answer;\nanswer\n42\n");
    site.run().args(["new"]).finish().exits(0);
    site.run().args(["--record"]).finish().exits(1).says("ERROR");
}

#[test]
fn force_twice_goes_on_after_a_failed_statement() {
    let site = site();
    site.test_file("bad.test", "select * from nowhere;\n--exec echo after > $FAKE_REACHED\n");
    site.test_file("bad.result", "select * from nowhere;\nx\n");
    site.run().args(["--force", "bad"]).finish().exits(1).verdict("own.bad", "fail");
    assert!(!site.path("reached").exists());
    site.run().args(["--force", "--force", "bad"]).finish().exits(1).verdict("own.bad", "fail");
    assert!(site.path("reached").exists());
}

#[test]
fn experimental_tests_fail_apart() {
    let site = site();
    site.test_file("bad.test", "select * from nowhere;\n").file("list", "own.bad  # known\n");
    let mut option = std::ffi::OsString::from("--experimental=");
    option.push(site.path("list"));
    let run = site.run().args([option]).args(["--force", "bad", "good"]).finish();
    run.verdict("own.bad", "exp-fail").verdict("own.good", "pass");
    assert_eq!(run.outcomes("own.bad")[0]["verdict"], "exp_fail");
}

#[test]
fn what_a_test_leaves_behind_is_reported_and_cleared() {
    let site = site();
    site.test_file("bad.test", "create table test.left_over (a int);\n");
    site.test_file("good.test", "show tables from test;\n")
        .test_file("good.result", "show tables from test;\nTables_in_test\n");
    let run = site.run().args(["--noreorder", "own.bad", "own.good"]).finish();
    run.says("left_over").says("MTR's internal check of the test case 'own.bad' failed.");
    run.verdict("own.bad", "pass").verdict("own.good", "pass");
}

#[test]
fn a_warning_in_the_error_log_fails_its_test() {
    let site = site();
    let logged = "--echo trouble\n--exec echo \"2026-01-01  0:00:00 5 [ERROR] Our very own trouble\" >> $MYSQLTEST_VARDIR/log/mysqld.1.err\n";
    site.test_file("bad.test", logged);
    let excused =
        "--disable_query_log\ncall mtr.add_suppression('Our very own trouble');\n--enable_query_log\n";
    site.test_file("excused.test", format!("{excused}{logged}"));
    let run = site.run().args(["--force", "bad", "excused", "good"]).finish();
    run.exits(1).verdict("own.bad", "fail").verdict("own.excused", "pass").verdict("own.good", "pass");
    run.says("Found warnings/errors in server log file!").says("Our very own trouble");
    assert_eq!(run.outcomes("own.bad")[0]["failure"], "warnings");
    site.run().args(["--nowarnings", "bad"]).finish().exits(0).verdict("own.bad", "pass");
}

#[test]
fn options_of_a_test_reach_the_server_and_the_next_test_gets_another_one() {
    let site = site();
    site.test_file("special.opt", "--sort-buffer-size=65536\n");
    site.test_file("special.test", "let $size= `select @@global.sort_buffer_size`;\nif ($size != 65536)\n{\n  --die $size\n}\n--echo $size\n");
    site.test_file("plain.test", "let $size= `select @@global.sort_buffer_size`;\nif ($size == 65536)\n{\n  --die $size\n}\n--echo $size\n");
    let run = site.run().args(["--verbose-restart", "own.special", "own.plain"]).finish();
    run.exits(0).says("running with different options").says("The servers were restarted 1 times");
}

#[test]
fn an_expect_file_restarts_the_server() {
    let site = site();
    let script = "create table test.t (a int);\n--exec echo restart > $MYSQLTEST_VARDIR/tmp/mysqld.1.expect\n--shutdown_server 60\n--enable_reconnect\n--source include/wait_until_connected_again.inc\n--disable_reconnect\nshow tables from test;\ndrop table test.t;\n";
    site.test_file("t.test", script);
    site.run().args(["t"]).finish().exits(0).verdict("own.t", "pass").does_not_say("died");
}

#[test]
fn a_path_names_a_test_from_any_directory() {
    let site = site();
    site.file("else/other.test", "select 1;\n");
    let run = site.run().cwd(&site.path("else")).args(["./other.test"]).finish();
    run.exits(0).verdict("else.other", "pass");
    let run = site.run().cwd(Path::new("/")).args([site.path("else/other.test")]).finish();
    run.exits(0).verdict("else.other", "pass");
    let run = site.run().cwd(&site.path("else")).args(["../own/good.test"]).finish();
    run.exits(0).verdict("own.good", "pass");
    let run = site.run_in("else/here", "files").cwd(&site.path("else")).args(["good"]).finish();
    run.exits(0).verdict("own.good", "pass");
}

#[test]
fn a_dry_run_and_an_explanation_start_nothing() {
    let site = site();
    site.test_file("good.opt", "--sort-buffer-size=65536\n");
    let run = site.run().args(["--dry-run", "good"]).finish();
    run.exits(0).says("own.good");
    assert!(!site.path("var").exists(), "nothing is written");
    let run = site.run().args(["--explain=own.good"]).finish();
    run.exits(0).says("good.test").says("--sort-buffer-size=65536").says("good.opt:1").says("good.result");
    assert!(!site.path("var").exists(), "nothing is written");
    site.run().args(["--explain=own.nosuch"]).finish().exits(1);
}

#[test]
fn a_stop_file_holds_the_run_until_it_goes() {
    let site = site();
    site.file("stop", "");
    let mut option = std::ffi::OsString::from("--stop-file=");
    option.push(site.path("stop"));
    let run = site.run().args([option]).args(["--stop-keep-alive=1", "good"]).start();
    wait_for(&run.file("console"), |text| text.contains("-STOPPED-"));
    let held = fs::read_to_string(run.file("console")).unwrap();
    assert!(!held.contains("own.good "), "{held}");
    fs::remove_file(site.path("stop")).unwrap();
    run.finish().exits(0).verdict("own.good", "pass");
}

#[test]
fn two_runs_at_once_do_not_clash() {
    let site = site();
    site.test_file("slow.test", "--exec echo 1 > $FAKE_REACHED\n--sleep 2\nselect 1;\n");
    let first = site.run_in("one", "first").args(["--parallel=2", "slow", "good"]).start();
    wait_for(&site.path("reached"), |text| !text.is_empty());
    let second = site.run_in("two", "second").args(["--parallel=2", "good", "slow"]).finish();
    second.exits(0).says("All 2 tests were successful");
    first.finish().exits(0).says("All 2 tests were successful");
}

#[test]
fn started_servers_live_on_and_tests_can_use_them() {
    let site = site();
    let run = site.run().args(["--start-and-exit"]).start().finish_leaving_processes();
    run.exits(0);
    let pid = fs::read_to_string(site.path("var/run/mysqld.1.pid")).unwrap();
    let pid = Pid::from_raw(pid.trim().parse().unwrap()).unwrap();
    let fd = pidfd_open(pid, PidfdFlags::empty()).unwrap();
    let mut socket = std::ffi::OsString::from("--extern=socket=");
    socket.push(site.path("var/tmp/mysqld.1.sock"));
    site.test_file("leaves.test", "create table test.there (a int);\n");
    let tested = site.run_in("second", "second-files").args([socket]).args(["own.leaves"]).start();
    let tested = tested.finish_leaving_processes();
    let tables = Command::new("mariadb")
        .arg("--no-defaults")
        .args(["--user=root", "--silent", "-e", "show tables from test"])
        .arg(format!("--socket={}", site.path("var/tmp/mysqld.1.sock").display()))
        .output()
        .unwrap();
    kill_process(pid, Signal::KILL).unwrap();
    mtr::sys::poll::readable(&[std::os::fd::AsFd::as_fd(&fd)], None).unwrap();
    tested.exits(0).verdict("own.leaves", "pass");
    assert_eq!(String::from_utf8_lossy(&tables.stdout), "there\n", "{tables:?}");
    site.herd().assert_gone(std::time::Duration::ZERO);
}

#[test]
fn suites_of_the_installed_tree_run_from_anywhere() {
    let run = site().run().cwd(Path::new("/")).args(["main.1st"]).finish();
    if run.text.contains("could not find suite 'main'") {
        return skip("the installed server has no test tree");
    }
    run.exits(0).verdict("main.1st", "pass");
}
