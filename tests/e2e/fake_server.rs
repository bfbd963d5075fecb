//! Faults of servers: what the verdict says, that the run goes on and ends, and that nothing stays.

use rustix::process::{Pid, Signal, kill_process};

use crate::support::{Site, wait_for};

/// A site with a test that passes and one whose server behaves as `how` says.
fn site(how: &str) -> Site {
    let site = Site::fake();
    site.test_file("good.test", "exit 0\n");
    site.test_file("bad.test", "exit 0\n").test_file("bad.opt", format!("--fake={how}\n"));
    site
}

#[test]
fn that_serves_passes() {
    let site = site("");
    let run = site.run().args(["good", "bad"]).finish();
    run.exits(0).verdict("main.good", "pass").verdict("main.bad", "pass");
    run.says("Completed: All 2 tests were successful.").reports_are_well_formed();
}

#[test]
fn that_dies_at_start_fails_its_test_only() {
    let site = site("die-at-start");
    let run = site.run().args(["--force", "bad", "good"]).finish();
    run.exits(1).verdict("main.bad", "fail").verdict("main.good", "pass");
    run.says("Failed to start mysqld.1").says("[ERROR] Fake: cannot find the plugin directory");
    assert_eq!(run.outcomes("main.bad")[0]["failure"], "server_start");
    run.reports_are_well_formed();
}

#[test]
fn that_dies_at_start_ends_a_run_without_force() {
    let site = site("die-at-start");
    let run = site.run().args(["--noreorder", "bad", "good"]).finish();
    run.exits(1).verdict("main.bad", "fail");
    assert!(run.verdicts("main.good").is_empty(), "{run:?}");
}

#[test]
fn that_is_killed_by_a_signal_at_start() {
    let site = site("segfault-at-start");
    let run = site.run().args(["--force", "bad", "good"]).finish();
    run.exits(1).verdict("main.bad", "fail").verdict("main.good", "pass").says("Failed to start mysqld.1");
}

#[test]
fn that_never_gets_ready_is_given_up() {
    let site = site("hang-at-start");
    let run = site.run().env("MTR_START_TIMEOUT", "1").args(["--force", "bad", "good"]).finish();
    run.exits(1).verdict("main.bad", "fail").verdict("main.good", "pass");
    run.says("Timeout after mysql-test-run waited 1 seconds");
    assert_eq!(run.outcomes("main.bad")[0]["failure"], "server_start");
}

#[test]
fn that_dies_during_a_test() {
    let site = site("die-soon");
    site.test_file("bad.test", "sleep 600\n");
    let run = site.run().args(["--force", "bad", "good"]).finish();
    run.exits(1).verdict("main.bad", "fail").verdict("main.good", "pass");
    run.says("failed during test run").says("Server log from this test:").says("[ERROR] Fake: out of ideas");
    assert_eq!(run.outcomes("main.bad")[0]["failure"], "server_death");
}

#[test]
fn that_the_script_crashes() {
    let site = site("");
    site.test_file("bad.test", "signal_server SEGV\nsleep 600\n");
    let run = site.run().args(["--force", "bad", "good"]).finish();
    run.exits(1).verdict("main.bad", "fail").verdict("main.good", "pass").says("failed during test run");
}

#[test]
fn that_is_a_debug_build_has_more_time() {
    let site = site("hang-at-start");
    let run = site.run().args(["good"]).env("FAKE_HELP", "debug").finish();
    run.exits(0).says("\nTime-outs are 2 times as long as usual: the server is slow (a Debug build)\n");
    run.says(
        "executing testcases\nTime-outs were 2 times as long as usual: the server is slow (a Debug build)\n",
    );
    assert_eq!(run.events.iter().find(|event| event["event"] == "run_started").unwrap()["timeout_factor"], 2);
    // What was given stays as it is.
    let given = ["--testcase-timeout=15", "--suite-timeout=60", "--shutdown-timeout=10", "--force", "bad"];
    let run = site.run().args(given).env("FAKE_HELP", "debug").env("MTR_START_TIMEOUT", "1").finish();
    run.exits(1).says("waited 1 seconds for the process").does_not_say("Time-outs are");
    let run = site.run().args(["good"]).finish();
    run.exits(0).does_not_say("Time-outs");
}

#[test]
fn that_ignores_sigterm_is_killed() {
    let site = site("ignore-sigterm");
    let run = site.run().args(["--shutdown-timeout=1", "bad", "good"]).finish();
    run.exits(0).verdict("main.bad", "pass").verdict("main.good", "pass");
}

#[test]
fn that_leaves_children_leaves_none() {
    let site = site("leave-children");
    let run = site.run().args(["bad", "good"]).finish();
    run.exits(0).verdict("main.bad", "pass").verdict("main.good", "pass");
}

#[test]
fn that_cannot_bootstrap_is_told_with_its_log() {
    let site = site("");
    let run = site.run().env("FAKE_BOOTSTRAP", "die").args(["good"]).finish();
    run.exits(1).says("Error executing mariadbd --bootstrap").says("the fake cannot bootstrap");
    run.says("install.db (bootstrap) exited with status 1").says("  command:   ");
}

#[test]
fn that_cannot_be_run_is_told_with_its_words() {
    let site = site("");
    let run = site.run().env("FAKE_HELP", "die").args(["good"]).finish();
    run.exits(1).says("mysql-test-run: *** ERROR: ").says("'libfake.so'").says("[MTR-S064]");
}

#[test]
fn that_a_person_started_and_stopped_ends_the_run() {
    let site = site("");
    let run = site.run().args(["--start", "good"]).start();
    wait_for(&run.file("console"), |text| text.contains("Waiting for server(s) to exit..."));
    let pid = std::fs::read_to_string(site.path("var/run/mysqld.1.pid")).unwrap();
    kill_process(Pid::from_raw(pid.trim().parse().unwrap()).unwrap(), Signal::TERM).unwrap();
    let run = run.finish();
    run.exits(1).says("Server [mysqld.1 - pid: ").says("] died");
}

/// A server that says this and then behaves as `how` says: what the packaged one cannot be brought to say.
fn diagnosis_of(how: &str, says: &str) -> (String, String) {
    let site = site(how);
    site.file("says", says);
    let run = site.run().env("MTR_START_TIMEOUT", "1").env("FAKE_SAYS", site.path("says"));
    let run = run.args(["--force", "--retry=0", "bad"]).finish();
    run.exits(1).verdict("main.bad", "fail").reports_are_well_formed();
    let diagnosis = run.outcomes("main.bad")[0]["diagnoses"][0].clone();
    let text = |field: &str| diagnosis[field].as_str().unwrap_or_default().to_owned();
    run.says(&format!("{} [{}]", text("cause"), text("code")));
    (text("code"), text("cause"))
}

/// MemorySanitizer comes with clang only.
#[test]
fn that_uses_uninitialised_memory() {
    let says = "==PID==WARNING: MemorySanitizer: use-of-uninitialized-value\n    #0 0x4 in init_server /b/sql/mysqld.cc:3\n\
                    #1 0x5 in main /b/sql/main.cc:34\n\nSUMMARY: MemorySanitizer: use-of-uninitialized-value /b/sql/mysqld.cc:3\n";
    let (code, cause) = diagnosis_of("say-and-die", says);
    assert_eq!(code, "MTR-S096");
    assert!(cause.contains("use-of-uninitialized-value in init_server (sql/mysqld.cc:3)"), "{cause}");
}

/// A recovery that takes longer than the patience needs a large redo log.
#[test]
fn that_recovers_for_too_long() {
    let says = "2026-11-23 19:06:00 0 [Note] InnoDB: Starting crash recovery from checkpoint LSN=46996\n\
                2026-11-23 19:06:15 0 [Note] InnoDB: To recover: LSN 123456789/987654321; 4711 pages\n";
    let (code, cause) = diagnosis_of("say-and-hang", says);
    assert_eq!(code, "MTR-S101");
    assert!(cause.contains("InnoDB was still recovering data after 1 s: To recover: LSN"), "{cause}");
}
