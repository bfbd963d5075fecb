//! Runs that are ended from outside, in every phase: nothing stays, reports are whole.

use std::os::fd::AsFd;
use std::time::Duration;

use mtr::sys::poll::readable;
use rustix::process::{PidfdFlags, Signal, kill_process, pidfd_open};

use crate::support::{Family, Finished, Site, wait_for};

/// How long processes may outlive a runner that was killed.
const AFTER_KILL: Duration = Duration::from_secs(2);

/// Starts a run in which `good` is the first test, and `bad` one whose server and script come to the
/// moment that is waited for; then sends `signal` and waits for the end of everything.
fn end_with(signal: Signal, site: &Site) -> Finished {
    site.test_file("good.test", "exit 0\n");
    let run = site.run().args(["--noreorder", "--shutdown-timeout=1", "good", "bad"]).start();
    wait_for(&site.path("reached"), |text| !text.is_empty());
    let herd = site.herd().and_guardian_of(run.pid());
    assert!(herd.members().len() > 2, "there is something to be ended");
    run.signal(signal);
    let run = run.finish_leaving_processes();
    if signal != Signal::KILL {
        // The guardian ends when it sees that its runner did.
        site.herd().assert_gone(Duration::ZERO);
    }
    herd.assert_gone(AFTER_KILL);
    run.reports_are_well_formed();
    run
}

/// A site with a test in which server and script behave as told.
fn site(server: &str, script: &str) -> Site {
    let site = Site::fake();
    site.test_file("bad.opt", format!("--fake={server}\n")).test_file("bad.test", script);
    site
}

/// Processes that try to stay.
const CLINGING: &str =
    "sleep 601 & setsid sleep 602 & (setsid sleep 603 &)\ntrap '' TERM INT\nreached\nsleep 600\n";

#[test]
fn while_a_server_starts() {
    for signal in [Signal::KILL, Signal::INT, Signal::TERM] {
        let run = end_with(signal, &site("hang-at-start", "exit 0\n"));
        run.verdict("main.good", "pass");
    }
}

#[test]
fn while_a_test_runs() {
    let run = end_with(Signal::KILL, &site("leave-children", CLINGING));
    assert_eq!(run.code, None);
    run.verdict("main.good", "pass");
    let started = run.events.iter().filter(|event| event["event"] == "test_started").count();
    assert_eq!(started, 2, "the test without a verdict can be found");
}

#[test]
fn while_several_workers_run_tests() {
    let site = site("leave-children", CLINGING);
    site.test_file("worse.opt", "--fake=leave-children\n--loose-other\n").test_file("worse.test", CLINGING);
    site.test_file(
        "bad.test",
        format!(
            "while ! [ -s \"$FAKE_REACHED\" ]; do sleep 0.02; done\n{}",
            CLINGING.replace("reached", "echo 2 >> \"$FAKE_REACHED\"")
        ),
    );
    let run = site.run().args(["--parallel=2", "worse", "bad"]).start();
    wait_for(&site.path("reached"), |text| text.contains('2'));
    let herd = site.herd().and_guardian_of(run.pid());
    run.signal(Signal::KILL);
    run.finish_leaving_processes();
    herd.assert_gone(AFTER_KILL);
}

#[test]
fn by_a_signal_while_a_test_runs_tells_what_was_done() {
    for (signal, says) in [(Signal::INT, "Got ^C signal"), (Signal::TERM, "Got signal SIGTERM")] {
        let run = end_with(signal, &site("leave-children", CLINGING));
        run.exits(1).verdict("main.good", "pass").says(says).says("Only  1  of 2 completed.");
        let last = run.events.last().unwrap();
        assert_eq!((&last["event"], &last["end"]), (&"run_finished".into(), &"interrupted".into()));
    }
}

#[test]
fn while_a_server_is_started_again() {
    let script = "echo restart > \"$MYSQLTEST_VARDIR/tmp/mysqld.1.expect\"\nsignal_server TERM\nsleep 600\n";
    for signal in [Signal::KILL, Signal::INT] {
        end_with(signal, &site("hang-at-restart", script));
    }
}

#[test]
fn while_a_server_ends() {
    for signal in [Signal::KILL, Signal::TERM] {
        end_with(signal, &site("hang-at-end", "exit 0\n"));
    }
}

#[test]
fn before_the_first_test() {
    for moment in ["FAKE_HELP", "FAKE_BOOTSTRAP"] {
        for signal in [Signal::KILL, Signal::INT, Signal::TERM] {
            let site = site("", "exit 0\n");
            let run = site.run().env(moment, "hang").args(["bad"]).start();
            wait_for(&site.path("reached"), |text| !text.is_empty());
            let herd = site.herd().and_guardian_of(run.pid());
            run.signal(signal);
            run.finish_leaving_processes();
            herd.assert_gone(AFTER_KILL);
        }
    }
}

#[test]
fn while_a_script_before_the_start_of_a_server_hangs() {
    for signal in [Signal::KILL, Signal::INT] {
        let site = site("", "exit 0\n");
        site.test_file("bad-master.sh", "echo 1 > \"$FAKE_REACHED\"\nsleep 600\n");
        end_with(signal, &site);
    }
}

#[test]
fn twice_ends_at_once() {
    let site = site("hang-at-end", CLINGING);
    let run = site.run().args(["bad"]).start();
    wait_for(&site.path("reached"), |text| !text.is_empty());
    run.signal(Signal::INT);
    wait_for(&run.file("events"), |_| true);
    run.signal(Signal::INT);
    run.finish_leaving_processes();
    site.herd().assert_gone(AFTER_KILL);
}

#[test]
fn and_the_next_run_takes_the_same_vardir() {
    let site = site("leave-children", CLINGING);
    end_with(Signal::KILL, &site);
    let run = site.run().args(["good"]).finish();
    run.exits(0).verdict("main.good", "pass");
}

#[test]
fn together_with_all_who_guard_them_leaves_servers_that_the_next_run_ends() {
    let site = site("", "exit 0\n");
    let run = site.run().args(["--start", "bad"]).start();
    wait_for(&run.file("console"), |text| text.contains("Waiting for server(s) to exit..."));
    let Family { front, guardian, runner } = Family::of(run.pid());
    let all = [Some(front), guardian, runner];
    let held = all.map(|pid| pid.map(|pid| pidfd_open(pid, PidfdFlags::empty()).unwrap()));
    // In one moment: none of them sees that another one has ended.
    for signal in [Signal::STOP, Signal::KILL] {
        for pid in all.into_iter().flatten() {
            kill_process(pid, signal).unwrap();
        }
    }
    run.finish_leaving_processes();
    // The lock of the vardir is the runner's.
    for fd in held.iter().flatten() {
        readable(&[fd.as_fd()], None).unwrap();
    }
    assert!(!site.herd().members().is_empty(), "nobody is there to end them");
    let run = site.run().args(["bad"]).start().finish_leaving_processes();
    run.exits(0).verdict("main.bad", "pass").says(" - found old pid ").says("killing it...");
    site.herd().assert_gone(Duration::ZERO);
}

#[test]
fn while_servers_wait_for_a_person() {
    let site = site("leave-children", "exit 0\n");
    for signal in [Signal::INT, Signal::KILL] {
        let run = site.run().args(["--start", "bad"]).start();
        wait_for(&run.file("console"), |text| text.contains("Waiting for server(s) to exit..."));
        let herd = site.herd().and_guardian_of(run.pid());
        run.signal(signal);
        run.finish_leaving_processes();
        herd.assert_gone(AFTER_KILL);
    }
}

/// The same with servers that have something to lose.
#[test]
fn with_a_real_server() {
    let site = Site::real();
    site.test_file("good.test", "select 1;\n").test_file("good.result", "select 1;\n1\n1\n");
    site.test_file("bad.test", "--exec echo 1 > $FAKE_REACHED\n--sleep 600\n");
    let run = |site: &Site| site.run();
    for signal in [Signal::KILL, Signal::INT] {
        let run = run(&site).args(["--noreorder", "good", "bad"]).start();
        wait_for(&site.path("reached"), |text| !text.is_empty());
        std::fs::remove_file(site.path("reached")).unwrap();
        run.signal(signal);
        let run = run.finish_leaving_processes();
        site.herd().assert_gone(if signal == Signal::KILL { AFTER_KILL } else { Duration::ZERO });
        run.reports_are_well_formed().verdict("own.good", "pass");
    }
    let run = run(&site).args(["good"]).start();
    run.wait_for_event("test_finished");
    run.signal(Signal::KILL);
    run.finish_leaving_processes().reports_are_well_formed();
    site.herd().assert_gone(AFTER_KILL);
}
