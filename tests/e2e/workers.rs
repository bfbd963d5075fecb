//! Several workers: what must not run together, and a worker that a test leaves without its directories.

use crate::support::{Finished, Site};

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
    // Of different options, so that they are no neighbours.
    site.test_file("one.opt", "--loose_fake_port=9998\n");
    site.test_file("two.opt", "--loose_fake_port=9998 --other\n");
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
                 mkdir \"$FAKE_REACHED.alone\"\nsleep 0.5\nrmdir \"$FAKE_REACHED.alone\"\n";
    site.test_file("alone.test", alone);
    let other = "for moment in begin end; do\n\
                 test -e \"$FAKE_REACHED.alone\" && { echo beside the exclusive one >&2; exit 65; }\n\
                 sleep 0.3\ndone\n";
    for name in ["x", "y"] {
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
