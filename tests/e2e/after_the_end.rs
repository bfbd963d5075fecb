//! What servers do in the moment after a script's end belongs to that script's test.

use rustix::process::Signal;

use crate::support::{Site, wait_for};

/// A test that changes a variable, which is set back a moment after the script's end: so many seconds, and what the start
/// of a client takes.
fn returns(after: &str) -> String {
    let back = behind(&format!("sleep {after}; $MYSQL -e 'set global max_connections= 151'"));
    format!("--echo a\n--disable_query_log\nset global max_connections= 77;\n{back}")
}

/// Lets a process that is not the runner's to end do `what`. The script goes on when it is in a session of its own.
fn behind(what: &str) -> String {
    let begun = "$MYSQLTEST_VARDIR/tmp/behind";
    format!(
        "--exec env -i PATH=$PATH setsid sh -c \"touch {begun}; {what}\" < /dev/null > /dev/null 2>&1 & \
         until [ -e {begun} ]; do sleep 0.01; done; rm {begun}\n"
    )
}

const SAY: &str = "echo '2026-01-01  0:00:00 0 [ERROR] a late line' >> $MYSQLTEST_VARDIR/log/mysqld.1.err";

fn site() -> Site {
    let site = Site::real();
    site.test_file("b.test", "select 1;\n").test_file("b.result", "select 1;\n1\n1\n");
    site
}

#[test]
fn a_state_that_returns_by_itself_is_no_side_effect() {
    let site = site();
    site.test_file("a.test", returns("0.05"));
    let run = site.run().args(["--noreorder", "a", "b"]).finish();
    run.exits(0).verdict("own.a", "pass").verdict("own.b", "pass");
    run.does_not_say("does not preserve");
}

#[test]
fn a_state_that_stays_is_reported() {
    let site = site();
    site.test_file("a.test", "--echo a\n--disable_query_log\nset global max_connections= 77;\n");
    let run = site.run().args(["--noreorder", "a", "b"]).finish();
    run.exits(0).verdict("own.a", "pass").says("MTR's internal check of the test case 'own.a' failed.");
    run.says("+MAX_CONNECTIONS\t77");
}

#[test]
fn a_line_while_the_states_are_looked_at_fails_that_test() {
    let site = site();
    site.test_file("a.test", format!("{}{}", returns("0.2"), behind(&format!("sleep 0.05; {SAY}"))));
    let run = site.run().args(["--noreorder", "--force", "a", "b"]).finish();
    run.exits(1).verdict("own.a", "fail").verdict("own.b", "pass").says("a late line");
    assert_eq!(run.outcomes("own.a")[0]["failure"], "warnings");
}

#[test]
fn a_line_that_comes_late_is_allowed_as_one_in_time() {
    let site = site();
    let text = "--disable_query_log\ncall mtr.add_suppression(\"a late line\");\n";
    site.test_file("a.test", format!("{text}{}{}", returns("0.2"), behind(&format!("sleep 0.05; {SAY}"))));
    let run = site.run().args(["--noreorder", "--force", "a", "b"]).finish();
    run.exits(0).verdict("own.a", "pass").verdict("own.b", "pass");
}

#[test]
fn a_line_between_two_tests_is_the_first_ones() {
    let site = site();
    let stop = site.path("stop");
    let stop = stop.display();
    let later = behind(&format!("sleep 1.5; {SAY}; rm {stop}"));
    site.test_file("a.test", format!("--echo a\n--exec touch {stop}\n{later}"));
    let run = site.run().args(["--noreorder", "--force", &format!("--stop-file={stop}"), "a", "b"]).finish();
    run.exits(1).verdict("own.a", "pass").verdict("own.b", "pass").says("a late line");
    run.says("after running tests: own.a\n");
}

#[test]
fn a_debugger_that_hangs_holds_up_no_other_test() {
    let site = Site::fake();
    site.program("bin/gdb", "#!/bin/sh\nexec sleep 600\n");
    // What a server that dumped its core leaves.
    site.test_file("bad.test", "printf '\\177ELF............\\004\\000' > core.4711\nexit 1\n")
        .test_file("good.test", "exit 0\n");
    let path = format!("{}:{}", site.path("bin").display(), std::env::var("PATH").unwrap());
    let run = site.run().env("PATH", path).args(["--noreorder", "--force", "bad", "good"]).start();
    let told = |text: &str| text.matches("test_finished").count() == 2;
    wait_for(&run.file("events"), told);
    run.signal(Signal::INT);
    let run = run.finish();
    run.exits(1).verdict("main.bad", "fail").verdict("main.good", "pass");
    run.says(" - found 'core.4711', moving it to ").says(" - found 'main.bad/core.4711' (0/5)");
    assert!(site.path("var/log/main.bad/core.4711").exists());
}
