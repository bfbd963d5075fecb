//! Several workers: what must not run together, and a worker that a test leaves without its directories.

use std::net::TcpListener;

use crate::support::{Finished, Site, wait_for};

/// Two tests that use one port, the first of which fails; each leaves while it runs a directory that the other one
/// must not find.
fn claimants() -> Site {
    let site = Site::fake();
    for (name, status) in [("one", 1), ("two", 0)] {
        let script = format!(
            "mkdir \"$FAKE_REACHED.port\" || {{ echo the port is in use >&2; exit 65; }}\n\
             sleep 0.5\nrmdir \"$FAKE_REACHED.port\"\necho done with it >&2\nexit {status}\n"
        );
        site.test_file(&format!("{name}.test"), script);
    }
    site
}

#[track_caller]
fn nobody_found(run: &Finished, text: &str) {
    let found = run.events.iter().filter(|event| event["event"] == "test_finished");
    let reports: Vec<String> =
        found.map(|event| format!("{} {}", event["id"]["test"], event["outcome"]["report"])).collect();
    assert!(!reports.iter().any(|report| report.contains(text)), "{reports:#?}\n{run:?}");
}

#[test]
fn that_claim_one_port_keep_it_when_a_test_is_tried_again() {
    let site = claimants();
    // Of different options, so that they are no neighbours; the first one is the one that fails.
    site.test_file("one.opt", "--loose_fake_port=9998 --a\n");
    site.test_file("two.opt", "--loose_fake_port=9998 --b\n");
    let run = site.run().args(["--parallel=2", "--force", "--retry=2", "one", "two"]).finish();
    nobody_found(&run, "in use");
    run.exits(1).verdict("main.two", "pass").reports_are_well_formed();
    assert_eq!(run.verdicts("main.one").len(), 2, "{run:?}");
}

#[test]
fn that_have_one_port_in_their_templates_wait_for_each_other() {
    let site = claimants();
    for name in ["one", "two"] {
        let template = format!("!include include/default_my.cnf\n[mysqld.1]\nextra-port=9998\n#{name}=1\n");
        site.test_file(&format!("{name}.cnf"), template);
    }
    let run = site.run().args(["--parallel=2", "--force", "--retry=1", "one", "two"]).finish();
    nobody_found(&run, "in use");
    run.exits(1).verdict("main.one", "fail").verdict("main.two", "pass");
}

#[test]
fn leave_an_exclusive_test_alone_in_each_round() {
    let site = Site::fake();
    let alone = ": <<'END'\n--source include/not_parallel.inc\nEND\n\
                 for moment in begin end; do\n\
                 ls \"$FAKE_REACHED\".* >&2 && { echo beside another one >&2; exit 65; }\n\
                 sleep 0.2\ndone\n";
    site.test_file("alone.test", alone);
    for (name, seconds) in [("x", "0.1"), ("y", "1")] {
        let other =
            format!("mkdir \"$FAKE_REACHED.{name}\"\nsleep {seconds}\nrmdir \"$FAKE_REACHED.{name}\"\n");
        site.test_file(&format!("{name}.test"), other);
        site.test_file(&format!("{name}.opt"), format!("--{name}\n"));
    }
    let run =
        site.run().args(["--parallel=2", "--force", "--retry=0", "--repeat=3", "alone", "x", "y"]).finish();
    nobody_found(&run, "beside");
    run.exits(0).reports_are_well_formed();
    assert_eq!(run.outcomes("main.alone").len(), 3, "{run:?}");
}

#[test]
fn without_its_run_directory_is_made_anew() {
    let site = Site::fake();
    site.test_file("bad.test", "rm -rf \"$MYSQLTEST_VARDIR/run\"\nexit 0\n");
    site.test_file("good.test", "exit 0\n").test_file("good.opt", "--other\n");
    let run = site.run().env("MTR_START_TIMEOUT", "3");
    let run = run.args(["--noreorder", "--force", "--retry=0", "bad", "good"]).finish();
    run.exits(0).verdict("main.bad", "pass").verdict("main.good", "pass").reports_are_well_formed();
    run.says("worker 1 is made anew: a test removed or replaced ");
}

#[test]
fn without_any_directory_fails_its_test_only() {
    let site = Site::fake();
    site.test_file("bad.test", "rm -rf \"$MYSQLTEST_VARDIR\"\necho gone >&2\nexit 1\n");
    let names = ["good1", "good2", "good3"];
    for name in names {
        site.test_file(&format!("{name}.test"), "exit 0\n")
            .test_file(&format!("{name}.opt"), format!("--{name}\n"));
    }
    let run = site.run().env("MTR_START_TIMEOUT", "3");
    let run = run.args(["--parallel=2", "--force", "--retry=0", "bad"]).args(names).finish();
    run.exits(1).verdict("main.bad", "fail").says(" is made anew: a test removed or replaced ");
    for name in names {
        run.verdict(&format!("main.{name}"), "pass");
    }
    run.reports_are_well_formed();
}

#[test]
fn whose_port_somebody_else_takes_have_another_range() {
    let site = Site::real();
    let hold = "--exec echo 1 > $FAKE_REACHED\n\
                --exec while ! test -e $FAKE_REACHED.go; do sleep 0.1; done\n--echo done\n";
    for (name, script) in [("one", hold), ("two", "--echo done\n")] {
        site.test_file(&format!("{name}.test"), script).test_file(&format!("{name}.result"), "done\n");
    }
    let template = "!include include/default_my.cnf\n[mysqld.1]\n[mysqld.2]\n";
    site.test_file("two.cnf", template);
    // Those ports are ones that others of this machine can take.
    let run =
        site.run().args(["--network=host", "--noreorder", "--force", "--retry=0", "one", "two"]).start();
    wait_for(&site.path("reached"), |text| text.starts_with('1'));
    let first = |text: &str| {
        let ready = text.lines().filter(|line| line.contains("\"event\":\"worker_ready\""));
        let ready = ready.map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
        ready.map(|ready| ready["first_port"].as_u64().unwrap()).collect::<Vec<_>>()
    };
    let port = first(&std::fs::read_to_string(run.file("events")).unwrap())[0];
    // That of the second server, which only the second test has.
    let taken = TcpListener::bind(("127.0.0.1", u16::try_from(port + 1).unwrap_or_default()));
    site.file("reached.go", "");
    let run = run.finish();
    drop(taken.unwrap());
    run.exits(0).verdict("own.one", "pass").verdict("own.two", "pass").reports_are_well_formed();
    run.says(&format!("port {} of mysqld.2 was taken by a process outside of this run", port + 1));
    let ranges = first(&run.report("events"));
    assert!(ranges.len() == 2 && ranges[1] != ranges[0], "{ranges:?}\n{run:?}");
}
