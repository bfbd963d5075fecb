//! The ways in which a script ends: verdicts, exit codes, and that nothing of it stays.

use crate::support::Site;

/// A site with a test that passes and one that does what `script` says.
fn site(script: &str) -> Site {
    let site = Site::fake();
    site.test_file("good.test", "exit 0\n").test_file("bad.test", script);
    site
}

#[test]
fn a_failure_shows_the_report_and_the_run_goes_on() {
    let site = site("echo 'query failed: 1146' >&2\nexit 1\n");
    let run = site.run().args(["--force", "--noreorder", "bad", "good"]).finish();
    run.exits(1).verdict("main.bad", "fail").verdict("main.good", "pass").says("query failed: 1146");
    run.says("Failing test(s): main.bad").reports_are_well_formed();
}

#[test]
fn without_force_a_failure_is_the_end() {
    let site = site("echo no >&2; exit 1\n");
    let run = site.run().args(["--noreorder", "bad", "good"]).finish();
    run.exits(1).verdict("main.bad", "fail");
    assert!(run.verdicts("main.good").is_empty());
}

#[test]
fn a_skip_has_its_reason() {
    let site = site("echo 'reason: needs the moon' >&2\nexit 62\n");
    let run = site.run().args(["bad", "good"]).finish();
    run.exits(0).verdict("main.bad", "skipped").says("needs the moon").verdict("main.good", "pass");
}

#[test]
fn a_run_of_skipped_tests_only_is_a_success() {
    let site = site("echo 'reason: needs the moon' >&2\nexit 62\n");
    site.run().args(["bad"]).finish().exits(0).verdict("main.bad", "skipped");
}

#[test]
fn unknown_codes_are_failures_that_name_them() {
    let site = site("exit 3\n");
    site.test_file("crashed.test", "exit 65\n");
    let run = site.run().args(["--force", "bad", "crashed", "good"]).finish();
    run.exits(1).verdict("main.bad", "fail").verdict("main.crashed", "fail").verdict("main.good", "pass");
    run.says("unexpected return code 3").says("testprogram crashed(returned code 65)");
}

#[test]
fn a_killed_script_is_a_failure() {
    let site = site("kill -KILL $$\n");
    let run = site.run().args(["--force", "bad", "good"]).finish();
    run.exits(1).verdict("main.bad", "fail").verdict("main.good", "pass");
}

#[test]
fn what_scripts_leave_running_is_ended() {
    let site = site("sleep 601 &\nsetsid sleep 602 &\n(setsid sleep 603 &)\nexit 0\n");
    let run = site.run().args(["bad", "good"]).finish();
    run.exits(0).verdict("main.bad", "pass").verdict("main.good", "pass");
}

#[test]
fn a_daemon_without_an_environment_is_ended() {
    // It says that it is there only when nothing leads to it any more.
    let daemon = "echo $$ > $1; exec sleep 604";
    let script = format!("(setsid env -i bash -c '{daemon}' - \"$FAKE_REACHED\" &)\n");
    let site = site(&(script + "while ! [ -s \"$FAKE_REACHED\" ]; do sleep 0.02; done\nexit 0\n"));
    site.run().args(["bad"]).finish().exits(0);
    let pid = std::fs::read_to_string(site.path("reached")).unwrap();
    assert!(!std::path::Path::new("/proc").join(pid.trim()).exists(), "the daemon {pid} lives on");
}

/// The shortest time-outs are a minute: both in one test, side by side.
#[test]
fn what_hangs_is_ended_in_time() {
    let hanging = site("echo 'so far so good' > \"$MYSQLTEST_VARDIR/log/bad.log\"\nsleep 600\n");
    let endless = site("sleep 600\n");
    let by_test =
        hanging.run().args(["--force", "--testcase-timeout=1", "--noreorder", "bad", "good"]).start();
    let by_suite = endless.run().args(["--force", "--suite-timeout=1", "--noreorder", "good", "bad"]).start();

    let run = by_test.finish();
    run.exits(1).verdict("main.bad", "fail").verdict("main.good", "pass");
    run.says("Test case timeout after 60 seconds").says("so far so good");
    let outcome = run.outcomes("main.bad")[0];
    assert_eq!((&outcome["failure"], &outcome["timeout_s"]), (&"timeout".into(), &60.into()));

    let run = by_suite.finish();
    run.exits(1).verdict("main.good", "pass").says("Test suite timeout").says("Only  1  of 2 completed.");
    assert_eq!(run.events.last().unwrap()["end"], "timeout");
    run.reports_are_well_formed();
}

#[test]
fn any_bytes_and_characters_may_be_reported() {
    let site = site("printf 'caf\\351 \\001 \\033[1m <&\"> ]]> \\376\\377 end\\n' >&2\nexit 1\n");
    let run = site.run().args(["--force", "bad"]).finish();
    run.exits(1).says(" ]]> ").reports_are_well_formed();
    assert!(
        run.outcomes("main.bad")[0]["report"]
            .as_str()
            .unwrap()
            .contains("caf\u{fffd} \u{1} \u{1b}[1m <&\"> ]]>")
    );
}

#[test]
fn junit_has_every_verdict() {
    let site = site("echo 'wrong <answer>' >&2; exit 1\n");
    site.test_file("none.test", "echo 'reason: no moon' >&2\nexit 62\n");
    site.test_file("off.test", "exit 0\n").test_file("disabled.def", "off : MDEV-1 & more\n");
    let run = site.run().args(["--force", "bad", "good", "none", "off"]).finish();
    run.exits(1).verdict("main.off", "disabled").reports_are_well_formed();
    let junit = run.report("junit");
    for text in
        ["tests=\"4\"", "failures=\"1\"", "name=\"bad\"", "name=\"good\"", "wrong &lt;answer&gt;", "no moon"]
    {
        assert!(junit.contains(text), "{text} is not in\n{junit}");
    }
    assert_eq!(junit.matches("<skipped").count(), 2, "{junit}");
}

#[test]
fn a_test_that_passes_when_retried_stays_a_failure_of_the_run() {
    let site = site("test -e \"$FAKE_REACHED\" && exit 0\necho 1 > \"$FAKE_REACHED\"\necho no >&2\nexit 1\n");
    let run = site.run().args(["--force", "--retry=3", "bad", "good"]).finish();
    assert_eq!(run.verdicts("main.bad"), ["fail", "retry-pass"], "{run:?}");
    run.exits(1).verdict("main.good", "pass").says("Failing test(s): main.bad");
}

#[test]
fn repeat_runs_each_test_so_often() {
    let site = site("exit 0\n");
    let run = site.run().args(["--repeat=3", "bad", "good"]).finish();
    run.exits(0);
    assert_eq!((run.outcomes("main.bad").len(), run.outcomes("main.good").len()), (3, 3));
}

#[test]
fn enough_failures_end_a_run() {
    let site = site("echo no >&2; exit 1\n");
    for n in 1..=4 {
        site.test_file(&format!("worse{n}.test"), "echo no >&2; exit 1\n");
    }
    let tests = ["worse1", "worse2", "worse3", "worse4"];
    let run = site.run().args(["--force", "--max-test-fail=2"]).args(tests).finish();
    run.exits(1).says("Too many");
    assert_eq!(run.events.iter().filter(|event| event["event"] == "test_finished").count(), 2);
    let run = site.run().args(["--force", "--max-test-fail=0"]).args(tests).finish();
    assert_eq!(run.events.iter().filter(|event| event["event"] == "test_finished").count(), 4);
}

#[test]
fn parallel_workers_run_everything_once() {
    let site = site("exit 0\n");
    for n in 1..=9 {
        site.test_file(&format!("t{n}.test"), "exit 0\n");
    }
    let run = site.run().args(["--parallel=3", "--suite=main"]).finish();
    run.exits(0).says("Completed: All 12 tests were successful.");
    assert_eq!(run.events.iter().filter(|event| event["event"] == "test_finished").count(), 12);
}
