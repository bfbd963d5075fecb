//! Two runs at once, and files that change while they are used.

use std::fs;

use crate::support::{Site, wait_for};

/// A fake site with two tests that pass.
fn site() -> Site {
    let site = Site::fake();
    site.test_file("good.test", "exit 0\n").test_file("bad.test", "exit 0\n");
    site
}

#[test]
fn two_runs_fill_one_cache() {
    for _ in 0..3 {
        let site = site();
        let runs: Vec<_> = (0..4)
            .map(|number| {
                site.run_in(&format!("var{number}"), &format!("files{number}")).args(["good", "bad"]).start()
            })
            .collect();
        for run in runs {
            run.finish().exits(0).verdict("main.good", "pass").verdict("main.bad", "pass");
        }
    }
}

#[test]
fn a_cache_that_vanishes_meanwhile_is_made_again() {
    let site = site();
    site.test_file("bad.test", "reached\nwhile [ ! -e gone ]; do sleep 0.1; done\n");
    site.test_file("good.opt", "--innodb-page-size=4k\n");
    let run = site.run().cwd(&site.path("")).args(["--noreorder", "--force", "bad", "good"]);
    let run = run.start();
    wait_for(&site.path("reached"), |text| !text.is_empty());
    fs::remove_dir_all(site.path("cache")).unwrap();
    fs::write(site.path("base/mysql-test/gone"), "").unwrap();
    run.finish().exits(0).verdict("main.good", "pass").verdict("main.bad", "pass");
}

/// What was collected may be gone when its turn comes.
#[test]
fn files_that_vanish_after_they_were_found_fail_their_tests_only() {
    for vanishes in ["bad.test", "bad.cnf", "bad.result", "bad-master.sh", "include.inc"] {
        let site = site();
        site.test_file("first.test", "reached\nwhile [ ! -e gone ]; do sleep 0.1; done\n");
        site.test_file("bad.test", ". \"$MTR_SUITE_DIR/include.inc\"\n").test_file("include.inc", "exit 0\n");
        site.test_file("bad.cnf", "!include include/default_my.cnf\n").test_file("bad.result", "");
        site.test_file("bad-master.sh", "exit 0\n");
        let run = site.run().args(["--noreorder", "--force", "first", "bad", "good"]).start();
        wait_for(&site.path("reached"), |text| !text.is_empty());
        fs::remove_file(site.suite().join(vanishes)).unwrap();
        fs::write(site.path("base/mysql-test/gone"), "").unwrap();
        let run = run.finish();
        run.verdict("main.first", "pass").verdict("main.good", "pass");
        if vanishes != "bad.result" {
            run.exits(1).verdict("main.bad", "fail");
        }
    }
}

/// A server program that is replaced, as by a build that goes on.
#[test]
fn a_server_that_vanishes_meanwhile_fails_what_needs_it() {
    let site = site();
    site.test_file("bad.test", "reached\nwhile [ ! -e gone ]; do sleep 0.1; done\n");
    site.test_file("good.opt", "--other\n");
    let run = site.run().args(["--noreorder", "--force", "bad", "good"]).start();
    wait_for(&site.path("reached"), |text| !text.is_empty());
    fs::remove_file(site.path("base/bin/mariadbd")).unwrap();
    fs::write(site.path("base/mysql-test/gone"), "").unwrap();
    let run = run.finish();
    run.exits(1).verdict("main.bad", "pass").verdict("main.good", "fail").says("mariadbd");
}
