//! Faults of the installed server.

use std::path::Path;

use crate::support::Site;

/// A site with a test that passes.
fn site() -> Site {
    let site = Site::real();
    site.test_file("good.test", "select 1;\n").test_file("good.result", "select 1;\n1\n1\n");
    site
}

#[test]
fn that_dies_at_start_names_the_option_and_its_file() {
    let site = site();
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/blanks_in_opt/blanks.test");
    let run = site.run().args(["--force", "good"]).args([&example]).finish();
    run.exits(1).verdict("own.good", "pass").verdict("blanks_in_opt.blanks", "fail");
    run.says("mysqld.1")
        .says("Error while setting value '=' to 'open_files_limit'")
        .reports_are_well_formed();
    run.says("has blanks around its '='").says("blanks.opt:3");
    run.says("--loose_handlersocket_port = 9998 --open_files_limit = 65535");
    assert_eq!(run.outcomes("blanks_in_opt.blanks")[0]["failure"], "server_start");
}

#[test]
fn that_crashes_during_a_test() {
    let site = site();
    site.test_file(
        "bad.test",
        "--exec cat $MYSQLTEST_VARDIR/run/mysqld.1.pid | xargs kill -SEGV\n--sleep 600\n",
    );
    let run = site.run().args(["--force", "bad", "good"]).finish();
    run.exits(1).verdict("own.bad", "fail").verdict("own.good", "pass");
    run.says("Server log from this test:").says("got signal 11").reports_are_well_formed();
    assert_eq!(run.outcomes("own.bad")[0]["failure"], "server_death");
}

#[test]
fn that_is_shut_down_behind_the_runner() {
    let site = site();
    site.test_file("bad.test", "shutdown;\n--sleep 600\n");
    let run = site.run().args(["--force", "bad", "good"]).finish();
    run.exits(1).verdict("own.bad", "fail").verdict("own.good", "pass").says("failed during test run");
}
