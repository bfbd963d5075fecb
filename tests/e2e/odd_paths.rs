//! Vardirs whose paths have characters that mean something to option files, scripts, shells or servers.

use crate::support::Site;

/// Ends in a name with such a character. Jenkins calls the second workspace of a job `job@2`.
const ODD: [&str; 9] = ["job@2", "c#1", "a b", "it's", "\"q\"", "ärger", "@ENV.HOME", "a;b&c", "$HOME (1)"];

/// Tests that meet the path: one with a client program, one whose error log is judged, replication.
fn site() -> Site {
    let site = Site::real();
    site.test_file("client.test", "--exec $MYSQL -N -e \"select 1+1\"\nselect 1;\n");
    site.test_file("client.result", "2\nselect 1;\n1\n1\n");
    site.test_file("other.test", "--source include/have_innodb.inc\nselect 2;\n")
        .test_file("other.opt", "--max-connections=77\n");
    site.test_file("other.result", "select 2;\n2\n2\n");
    let late =
        "--exec echo '2026-01-01  0:00:00 0 [ERROR] an odd line' >> \"$MYSQLTEST_VARDIR/log/mysqld.1.err\"\n";
    site.test_file(
        "noisy.test",
        format!("{}\n{late}select 3;\n", "call mtr.add_suppression(\"an odd line\");"),
    );
    site.test_file("noisy.result", "call mtr.add_suppression(\"an odd line\");\nselect 3;\n3\n3\n");
    site.test_file(
        "repl.test",
        "--source include/master-slave.inc\n--disable_query_log\ncreate table t1 (a int);\ninsert into t1 values (5);\n\
         --sync_slave_with_master\n--enable_query_log\nselect * from t1;\n--connection master\n--disable_query_log\ndrop table t1;\n\
         --source include/rpl_end.inc\n",
    );
    site.test_file("repl.cnf", "!include suite/rpl/my.cnf\n");
    site
}

#[test]
fn tests_pass_whatever_the_vardir_is_called() {
    let site = site();
    for name in ODD {
        let workers =
            if *name == *"job@2" { &["--parallel=1", "--parallel=2"][..] } else { &["--parallel=2"] };
        for workers in workers {
            let run = site.run_in(&format!("{name}/var"), "files").args(["--force", workers]);
            let run = run.args(["client", "other", "repl"]).finish();
            eprintln!("{name} {workers}");
            run.verdict("own.client", "pass").verdict("own.other", "pass").exits(0);
            let replicated = run.verdicts("own.repl");
            assert!(!replicated.is_empty() && replicated.iter().all(|status| *status == "pass"), "{run:?}");
        }
    }
}

#[test]
fn error_logs_are_judged_whatever_the_vardir_is_called() {
    let site = site();
    for name in ["job@2", "c#1", "a b", "ärger"] {
        let run = site.run_in(&format!("{name}/var"), "files").args(["noisy"]).finish();
        eprintln!("{name}");
        run.verdict("own.noisy", "pass").exits(0);
    }
}

#[test]
fn what_no_server_gets_along_with_is_refused_at_once() {
    let site = Site::fake();
    site.test_file("good.test", "exit 0\n");
    let long = "x".repeat(120);
    for (name, why) in [
        ("a\\b".to_owned(), "a character that option files of servers do not keep: \\\\"),
        ("a\nb".to_owned(), "a character that option files of servers do not keep: \\n"),
        (format!("{long}/{long}/{long}/{long}"), "too long"),
    ] {
        let run = site.run_in(&name, "files").args(["good"]).finish();
        run.exits(1).says(why).says("hint: give another one: --vardir=DIR");
        assert!(!site.path(&name).exists());
    }
    // Too long for sockets alone is no reason: they are elsewhere.
    let run = site.run_in(&long, "files").args(["good"]).finish();
    run.exits(0).verdict("main.good", "pass").says("using tmpdir: ");
    // Also where `$TMPDIR` is no better.
    let run = site.run_in(&long, "files").env("TMPDIR", site.path(&long)).args(["good"]).finish();
    run.exits(0).verdict("main.good", "pass");
}
