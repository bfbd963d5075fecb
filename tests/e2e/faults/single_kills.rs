//! A server, a script or the guardian is killed, in each phase in which there is one: the run goes on, says what is to be said,
//! and the tests behind have verdicts of their own.

use rustix::process::{Pid, Signal, kill_process};

use crate::support::{Family, Finished, Run, Running, Site, patience, wait_for};

/// A fake site whose test `bad` has this server and this script, with a test behind it that needs another server.
fn site(server: &str, script: &str) -> Site {
    let site = Site::fake();
    site.test_file("bad.opt", format!("--fake={server}\n")).test_file("bad.test", script);
    site.test_file("later.opt", "--later\n").test_file("later.test", "exit 0\n");
    site
}

fn both(site: &Site) -> Run {
    site.run().args(["--noreorder", "--force", "--retry=0", "bad", "later"])
}

/// Kills everything of the site whose command line is one of those.
fn kill(site: &Site, phase: &str, whom: impl Fn(&str) -> bool) {
    let members = site.herd().members();
    let chosen: Vec<i32> = members.iter().filter(|(_, command)| whom(command)).map(|(pid, _)| *pid).collect();
    assert!(!chosen.is_empty(), "{phase}: there is somebody to be killed: {members:#?}");
    for pid in chosen {
        let _ = kill_process(Pid::from_raw(pid).unwrap(), Signal::KILL);
    }
}

const GUARDIAN_KILLED: &str = "the guardian of this run was killed";

/// The fake server, or what it has become.
fn server(command: &str) -> bool {
    command.contains("/bin/mariadbd ") || command.starts_with("sleep 600")
}

/// With and without a guardian: `make` makes the site and `run` its run, `whom` is killed when it has come to its moment.
fn in_phase(
    phase: &str,
    make: impl Fn() -> Site,
    run: impl Fn(&Site) -> Run,
    whom: impl Fn(&str) -> bool,
    look: impl Fn(&Finished),
) {
    for without_guardian in [false, true] {
        let site = make();
        let run: Running = run(&site).start();
        wait_for(&site.path("reached"), |text| !text.is_empty());
        if without_guardian {
            let guardian = Family::of(run.pid()).guardian.expect("there is a guardian");
            kill_process(guardian, Signal::KILL).unwrap();
            // Before the run may come to its end.
            wait_for(&run.file("console"), |text| text.contains(GUARDIAN_KILLED));
        }
        kill(&site, phase, &whom);
        let run = run.finish_leaving_processes();
        site.herd().assert_gone(patience());
        run.reports_are_well_formed();
        let ended = run.events.iter().filter(|event| event["event"] == "run_finished").count();
        assert_eq!(ended, 1, "{phase}: {run:?}");
        if without_guardian {
            run.says(GUARDIAN_KILLED);
        }
        look(&run);
    }
}

/// `bad` has failed, and what is behind it has passed.
fn bad_alone(run: &Finished) {
    run.exits(1).verdict("main.bad", "fail").verdict("main.later", "pass");
}

/// Nothing can be run; the reason is told.
fn nothing(run: &Finished) {
    run.exits(1).says("SIGKILL");
    assert!(run.verdicts("main.later").is_empty(), "{run:?}");
}

#[test]
fn of_a_server_that_is_asked_what_it_is_end_the_run() {
    in_phase("probe", || site("", "exit 0\n"), |site| both(site).env("FAKE_HELP", "hang"), server, nothing);
}

#[test]
fn of_a_bootstrap_end_the_run() {
    let hang = |site: &Site| both(site).env("FAKE_BOOTSTRAP", "hang");
    in_phase("bootstrap", || site("", "exit 0\n"), hang, server, nothing);
}

#[test]
fn of_a_server_that_starts_fail_its_test() {
    in_phase("start", || site("hang-at-start", "exit 0\n"), both, server, bad_alone);
}

#[test]
fn of_a_server_that_is_started_again_fail_its_test() {
    let script =
        "echo restart > \"$MYSQLTEST_VARDIR/tmp/mysqld.1.expect\"\nsignal_server TERM\nexec sleep 601\n";
    in_phase("restart", || site("hang-at-restart", script), both, server, bad_alone);
}

#[test]
fn of_a_server_while_its_script_runs_fail_its_test() {
    in_phase("server of a script", || site("", "reached\nexec sleep 601\n"), both, server, bad_alone);
}

#[test]
fn of_a_server_that_is_stopped_fail_its_test() {
    let script = "signal_server STOP\nreached\nexec sleep 601\n";
    in_phase("stopped server", || site("", script), both, server, bad_alone);
}

#[test]
fn of_a_script_fail_its_test() {
    let script = |command: &str| command.starts_with("sleep 601");
    in_phase("script", || site("", "reached\nexec sleep 601\n"), both, script, bad_alone);
}

#[test]
fn of_a_script_before_the_start_of_a_server_fail_its_test() {
    let make = || {
        let site = site("", "exit 0\n");
        site.test_file("bad-master.sh", "echo 1 > \"$FAKE_REACHED\"\nexec sleep 601\n");
        site
    };
    in_phase("t-master.sh", make, both, |command| command.starts_with("sleep 601"), bad_alone);
}

#[test]
fn of_a_suite_pm_fail_its_suite() {
    let make = || {
        let site = site("", "exit 0\n");
        site.file("base/mysql-test/suite/odd/t/x.test", "exit 0\n");
        let reached = site.path("reached");
        let code = format!(
            "package My::Suite::Odd;\nsystem('echo 1 > {}; exec sleep 601');\n1;\n",
            reached.display()
        );
        site.file("base/mysql-test/suite/odd/suite.pm", code);
        site
    };
    let run = |site: &Site| site.run().args(["--force", "--suite=main,odd", "--do-test=later|x"]);
    in_phase(
        "suite.pm",
        make,
        run,
        |command| command.contains("perl "),
        |run| {
            run.exits(1).verdict("main.later", "pass").verdict("odd.x", "fail");
        },
    );
}

/// It has served its test, and was about to end: that it did not come to its end is told.
#[test]
fn of_a_server_that_ends_cost_no_test_behind_it() {
    let run = |site: &Site| both(site).args(["--shutdown-timeout=60"]);
    in_phase(
        "shutdown",
        || site("hang-at-end", "exit 0\n"),
        run,
        server,
        |run| {
            run.verdict("main.bad", "pass").verdict("main.later", "pass");
            run.says("SIGKILL")
                .says("while it shut down after main.bad, and nothing in the run had ended it");
        },
    );
}
