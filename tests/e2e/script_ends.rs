//! Scripts whose program is killed, that do not end, or that fail for what is around them, and what is said of it.

use std::fs;

use serde_json::Value;

use crate::deaths::faulty::Faulty;
use crate::skip::root_is_there;
use crate::support::{Finished, Site, sample};

/// A test `own.bad` with this script; its result is empty.
fn bad(script: &str) -> Site {
    let site = Site::real();
    site.test_file("bad.test", script).test_file("bad.result", "").test_file("bad.opt", "");
    site
}

fn run(site: &Site, args: &[&str]) -> Finished {
    // A shell says something else of what it does not find where it may not enter all of the PATH.
    site.run()
        .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
        .args(["--force", "--retry=0"])
        .args(args)
        .args(["bad"])
        .finish()
}

fn outcome(run: &Finished) -> Value {
    run.reports_are_well_formed();
    run.outcomes("own.bad")[0].clone()
}

/// The diagnosis of a run that fails.
#[track_caller]
fn diagnosis(run: &Finished, code: &str) -> Value {
    run.exits(1).verdict("own.bad", "fail");
    let outcome = outcome(run);
    let diagnosis = outcome["diagnoses"][0].clone();
    assert_eq!(diagnosis["code"], code, "{run:?}");
    run.says(diagnosis["cause"].as_str().unwrap());
    diagnosis
}

#[track_caller]
fn has(diagnosis: &Value, field: &str, words: &str) {
    let told = diagnosis[field].as_str().unwrap_or_default();
    assert!(told.contains(words), "{words:?} in {diagnosis:#}");
}

#[track_caller]
fn has_evidence(diagnosis: &Value, words: &str) {
    let quotes = diagnosis["evidence"].as_array().unwrap();
    assert!(
        quotes.iter().any(|quote| quote["text"].as_str().unwrap().contains(words)),
        "{words:?} in {diagnosis:#}"
    );
}

/// Console, JUnit and events say which signal, at which line of which file, at which command.
#[test]
fn a_script_whose_program_is_killed() {
    let site = bad("--echo x\n--source include/kill.inc\n");
    // A shell may stand between.
    site.test_file(
        "include/kill.inc",
        "# who\n--perl\nmy $p = getppid();\nopen(my $f, '<', \"/proc/$p/cmdline\"); my $c = <$f>;\n\
         if ($c !~ /mysqltest/) { open(my $s, '<', \"/proc/$p/status\"); while (<$s>) { $p = $1 if /^PPid:\\s+(\\d+)/ } }\n\
         kill 9, $p; sleep 20;\nEOF\n",
    );
    let run = run(&site, &[]);
    let diagnosis = diagnosis(&run, "MTR-R010");
    sample::is_on_page("MTR-R010", &diagnosis, &site.path(""));
    has(&diagnosis, "cause", "the program that runs the script was ended by signal 9 (SIGKILL) at ");
    has(&diagnosis, "cause", "own/include/kill.inc:2: perl");
    has_evidence(&diagnosis, "(included from ");
    let place = &outcome(&run)["place"];
    assert!(place["file"].as_str().unwrap().ends_with("own/include/kill.inc"), "{place}");
    assert_eq!(place["line"], 2);
    assert!(run.report("junit").contains("was ended by signal 9 (SIGKILL) at "), "{}", run.report("junit"));
    run.does_not_say("mysqltest failed but provided no output");
}

/// A minute is the shortest time that a test can be given. The core files of what is ended then are of no use here.
const SHORT: [&str; 2] = ["--testcase-timeout=1", "--mysqld=--skip-core-file"];

/// The expect file has a word that nobody knows: said at once and at the time-out.
#[test]
fn an_expect_file_with_a_word_that_nobody_knows() {
    let site = bad("--exec echo 'rstart:' > $MYSQLTEST_VARDIR/tmp/mysqld.1.expect\n--shutdown_server\n\
         --source include/wait_until_disconnected.inc\n--enable_reconnect\n\
         --source include/wait_until_connected_again.inc\n");
    let run = run(&site, &SHORT);
    let outcome = outcome(&run);
    run.says("the expect file of mysqld.1 says 'rstart:', which nobody knows: the server stays down")
        .says("own/bad.test:2: ");
    if outcome["failure"] == "timeout" {
        let diagnosis = diagnosis(&run, "MTR-R002");
        has(&diagnosis, "cause", "mysqld.1 is down: the test stopped it at ");
        has(
            &diagnosis,
            "cause",
            "own/bad.test:2: shutdown_server, and its expect file says 'rstart:', which nobody knows",
        );
        has(&diagnosis, "fix", "write restart, restart: OPTIONS or wait to ");
    }
}

#[test]
fn options_of_an_expect_file_that_are_dropped() {
    let site = bad(
        "--disable_query_log\n--exec echo 'restart_abort: --max-connections=7' > $MYSQLTEST_VARDIR/tmp/mysqld.1.expect\n\
         --shutdown_server\n--source include/wait_until_disconnected.inc\n--enable_reconnect\n\
         --source include/wait_until_connected_again.inc\n",
    );
    let run = run(&site, &[]);
    run.verdict("own.bad", "pass")
        .says("own/bad.test:3: the expect file of mysqld.1 says 'restart_abort: --max-connections=7': the server is started again without");
}

/// A server that the test stopped and that nobody starts again, while the script waits for it.
#[test]
fn a_server_that_stays_down() {
    let site = bad("--exec echo wait > $MYSQLTEST_VARDIR/tmp/mysqld.1.expect\n--shutdown_server\n\
         --source include/wait_until_disconnected.inc\n--exec sleep 100\n");
    let run = run(&site, &SHORT);
    let diagnosis = diagnosis(&run, "MTR-R002");
    has(&diagnosis, "cause", "mysqld.1 is down: the test stopped it at ");
    has(&diagnosis, "cause", "own/bad.test:2: shutdown_server, and its expect file says 'wait'");
    has_evidence(&diagnosis, "own/bad.test:4: exec sleep 100");
    has(&diagnosis, "fix", "write restart to ");
}

#[test]
fn a_script_that_sleeps() {
    let site = bad("--sleep 100\n");
    let run = run(&site, &SHORT);
    let diagnosis = diagnosis(&run, "MTR-R002");
    has(&diagnosis, "cause", "the script sleeps at ");
    has(&diagnosis, "cause", "own/bad.test:1: sleep 100");
    // Neither our own interpreter's threads, nor those of servers that wait for something to do.
    let evidence = diagnosis["evidence"].as_array().unwrap();
    let told = |words: &str| evidence.iter().any(|quote| quote["text"].as_str().unwrap().contains(words));
    assert!(!told("script (process") && !told("handle_connections_sockets"), "{run:?}");
}

#[test]
fn a_script_that_waits_for_a_program() {
    let site = bad("--echo x\n--exec sleep 100\n");
    let run = run(&site, &SHORT);
    let diagnosis = diagnosis(&run, "MTR-R002");
    has(&diagnosis, "cause", "own/bad.test:2: exec sleep 100");
    has(&diagnosis, "cause", "it waits for a program, sleep 100");
}

/// A server that is slow to shut down is killed, and recovers; the test passes, and it is said.
#[test]
fn a_server_that_is_killed_as_it_shuts_down() {
    let site = bad(
        "--disable_query_log\n--exec echo restart > $MYSQLTEST_VARDIR/tmp/mysqld.1.expect\n--shutdown_server 1\n\
         --source include/wait_until_disconnected.inc\n--enable_reconnect\n\
         --source include/wait_until_connected_again.inc\n",
    );
    let plugin = Faulty::plain();
    let options = plugin.install(&site) + "--plugin-load-add=faulty.so\n";
    site.test_file("bad.opt", options);
    // It stops itself as it ends, until it is killed.
    let run = run(&site, &["--nowarnings", "--mysqld-env=FAULT_AT_END=-19", "--shutdown-timeout=1"]);
    run.verdict("own.bad", "pass").says("mysqld.1 did not shut down in time, and was killed by ");
    run.says("own/bad.test:3: shutdown_server 1");
    let warned = run.events.iter().any(|event| {
        event["event"] == "warning"
            && event["text"].as_str().unwrap_or_default().contains("did not shut down in time")
    });
    assert!(warned, "{run:?}");
}

/// What ran before, with its place; nothing that did not run; the message once.
#[test]
fn the_explanation_of_a_failure() {
    let site = bad(
        "# a comment\nlet $x = 1;\nif (!$x) {\n  --echo never\n}\nselect 'told';\n--remove_file $MYSQLTEST_VARDIR/tmp/nosuch\n",
    );
    let run = run(&site, &[]);
    run.exits(1);
    let report = outcome(&run)["report"].as_str().unwrap().to_owned();
    assert_eq!(report.matches("command \"remove_file\" failed").count(), 1, "{report}");
    let explained = &report[report.find("mtr-rs: ").unwrap()..];
    assert!(explained.lines().next().unwrap().ends_with("own/bad.test:7"), "{explained}");
    assert!(
        !explained.contains("query:") && !explained.contains("never") && !explained.contains("a comment"),
        "{explained}"
    );
    assert!(
        explained.contains("bad.test:6: select 'told'") && explained.contains("bad.test:2: let $x = 1\n"),
        "{explained}"
    );
}

#[test]
fn a_variable_for_a_library_that_is_not_set() {
    let site = bad("--disable_query_log\neval install plugin h soname '$NOSUCH_THING_SO';\n");
    let run = run(&site, &[]);
    let diagnosis = diagnosis(&run, "MTR-R008");
    has(&diagnosis, "cause", "the variable NOSUCH_THING_SO is not set, as ");
    has(&diagnosis, "fix", "mariadb-plugin-nosuch-thing");
    has(&diagnosis, "fix", "-DPLUGIN_NOSUCH_THING=DYNAMIC");
}

/// A server that the script starts itself.
#[test]
fn a_program_that_fails_with_words_that_a_rule_knows() {
    let site = bad("--exec $MYSQLD --no-defaults --user=root --datadir=/nonexist 2>&1\n");
    let run = run(&site, &[]);
    let diagnosis = diagnosis(&run, "MTR-S040");
    has(&diagnosis, "cause", "the data directory '/nonexist/'");
}

/// What a client writes to its standard error is read as well.
#[test]
fn clients_that_fail_with_words_that_a_rule_knows() {
    let site = bad("--exec $MYSQL --nosuch-option -e 'select 1'\n");
    let said = diagnosis(&run(&site, &[]), "MTR-S003");
    has(&said, "cause", "mariadb does not know the option '--nosuch-option'");
    let site = bad("--exec $MYSQL --socket=/nosuch.sock -e 'select 1' 2>&1\n");
    let said = diagnosis(&run(&site, &[]), "MTR-S106");
    has(&said, "cause", "mariadb reaches no server: ERROR 2002 (HY000): Can't connect to local server");
}

#[test]
fn programs_that_are_not_there() {
    let site = bad("--exec $NOSUCH_PROGRAM --x 2>&1\n");
    let said = diagnosis(&run(&site, &[]), "MTR-R011");
    sample::is_on_page("MTR-R011", &said, &site.path(""));
    has(&said, "cause", "own/bad.test:1, and the variable NOSUCH_PROGRAM is not set");
    let site = bad("--echo x\n--exec /nosuch/program 2>&1\n");
    let said = diagnosis(&run(&site, &[]), "MTR-R011");
    has(&said, "cause", "the script runs '/nosuch/program' at ");
    has(&said, "cause", "own/bad.test:2, which is not there");
}

/// The source refuses the replica, for which the script waits; the reason stands in the replica's log.
#[test]
fn a_replica_that_its_source_refuses() {
    let site = bad(
        "connect (server_2,localhost,root,,test,$SERVER_MYPORT_2,$SERVER_MYSOCK_2);\n--replace_result $SERVER_MYPORT_1 PORT\n\
         eval change master to master_host='127.0.0.1', master_port=$SERVER_MYPORT_1, master_user='nosuch', master_password='x';\n\
         start slave;\nlet $i = 100;\nwhile ($i)\n{\n  let $error = query_get_value(show slave status, Last_IO_Errno, 1);\n\
         if ($error) { let $i = 1; }\n  dec $i;\n  sleep 0.1;\n}\n--die the slave has not started\n",
    );
    site.test_file(
        "bad.cnf",
        "!include include/default_mysqld.cnf\n[mysqld.1]\nlog-bin\nserver-id=1\n[mysqld.2]\nserver-id=2\n[ENV]\n\
         SERVER_MYPORT_1=@mysqld.1.port\nSERVER_MYPORT_2=@mysqld.2.port\nSERVER_MYSOCK_2=@mysqld.2.socket\n",
    );
    let said = diagnosis(&run(&site, &["--nocheck-testcases"]), "MTR-R012");
    sample::is_on_page("MTR-R012", &said, &site.path(""));
    has(
        &said,
        "cause",
        "the replica mysqld.2 stopped, which the script needs: Slave I/O: error connecting to master 'nosuch@",
    );
    has(&said, "fix", "give the replica an account");
}

/// Nobody sees in a statement that it begins with a mark.
#[test]
fn scripts_with_a_byte_order_mark() {
    let site = bad("--source mark.inc\n");
    site.test_file("mark.inc", "\u{feff}select 1;\n");
    run(&site, &[])
        .exits(1)
        .says("own/mark.inc begins with a byte order mark (EF BB BF): save it without one");
}

/// What a check needs was taken away: said at once, and no riddle stands before it.
#[test]
fn checks_that_cannot_be_made() {
    for (statement, words) in [
        (
            "set password for root@localhost = password('x');",
            "does not let the runner in: Access denied for user",
        ),
        (
            "drop procedure mtr.check_testcase;",
            "lacks what the runner's checks need: PROCEDURE mtr.check_testcase does not exist",
        ),
    ] {
        let site = bad("let $x = 1;\n");
        site.test_file("bad.opt", "--init-file=$MYSQLTEST_VARDIR/tmp/i.sql\n");
        site.test_file("bad-master.sh", format!("echo \"{statement}\" > $MYSQLTEST_VARDIR/tmp/i.sql\n"));
        let run = run(&site, &[]);
        let said = diagnosis(&run, "MTR-S106");
        has(&said, "cause", words);
        has(&said, "fix", "or remove --init-file=");
        run.does_not_say("mysqltest failed but provided no output");
    }
}

/// Brackets and operators as they stand in the line mean something else in a pattern.
#[test]
fn a_suppression_that_is_written_as_the_line_is() {
    let site = bad("--disable_query_log\ncall mtr.add_suppression('Odd [thing]');\n\
         --exec echo '2026-11-23 12:00:00 0 [ERROR] Odd [thing]' >> $MYSQLTEST_VARDIR/log/mysqld.1.err\n");
    let diagnosis = diagnosis(&run(&site, &[]), "MTR-R007");
    has(
        &diagnosis,
        "cause",
        "own/bad.test:2) does not match the line it is meant for, as [ means something else in a pattern",
    );
    has(&diagnosis, "fix", "write call mtr.add_suppression(\"Odd .thing.\");");
}

/// In a string of SQL a backslash goes.
#[test]
fn a_suppression_that_does_not_match() {
    let line = "2026-11-23 12:00:00 0 [ERROR] Odd (thing)";
    let site = bad(&format!(
        "--disable_query_log\ncall mtr.add_suppression(\"Odd \\(thing\\)\");\n\
         --exec echo '{line}' >> $MYSQLTEST_VARDIR/log/mysqld.1.err\n"
    ));
    let run = run(&site, &[]);
    let diagnosis = diagnosis(&run, "MTR-R007");
    has(&diagnosis, "cause", "own/bad.test:2) does not match the line it is meant for");
    has(&diagnosis, "fix", "write call mtr.add_suppression(\"Odd \\\\(thing\\\\)\");");
}

/// A template with a byte order mark fails its test, and no other.
#[test]
fn a_configuration_with_a_byte_order_mark() {
    let site = bad("let $x = 1;\n");
    site.test_file("bad.cnf", "\u{feff}!include include/default_my.cnf\n");
    site.test_file("good.test", "let $x = 1;\n").test_file("good.result", "");
    let run = site.run().args(["--force", "--retry=0", "good", "bad"]).finish();
    run.exits(1).verdict("own.good", "pass").verdict("own.bad", "fail").says("byte order mark");
    run.does_not_say("Could not open test tool report").does_not_say("provided no output");
}

/// What nobody sees in the lines of a difference.
#[test]
fn results_that_differ_as_bytes() {
    for (result, words) in [
        ("a\r\n", "the result file has lines that end with a carriage return (CR LF)"),
        ("\u{feff}a\n", "the result file begins with a byte order mark"),
    ] {
        let site = bad("--echo a\n");
        site.test_file("bad.result", result);
        run(&site, &[]).exits(1).verdict("own.bad", "fail").says(words);
    }
}

/// Ignored where nobody is root.
#[test]
fn the_owner_of_a_log_is_the_server_s_user() {
    if !root_is_there("to give a log to another user") {
        return;
    }
    let site = Site::real();
    let closed = site.path("closed");
    fs::create_dir(&closed).unwrap();
    fs::set_permissions(&closed, std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
    let file = closed.join("x.sql");
    fs::write(&file, "").unwrap();
    let log = site.path("var/log/mysqld.1.err");
    site.file(
        "var/log/mysqld.1.err",
        format!(
            "$ /usr/sbin/mariadbd --defaults-file={0}/my.cnf --init-file={1}\n2026-11-23 12:00:00 0 [ERROR] mariadbd: File '{1}' not \
             found (Errcode: 13 \"Permission denied\")\n2026-11-23 12:00:00 0 [ERROR] Aborting\n",
            site.path("var").display(),
            file.display()
        ),
    );
    std::os::unix::fs::chown(&log, Some(65534), Some(65534)).unwrap();
    let output = std::process::Command::new(crate::support::program())
        .args(["triage", log.to_str().unwrap()])
        .env("MTR_CACHE_DIR", crate::support::shared_cache())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(text.contains(&format!("may not enter the directory '{}'", closed.display())), "{text}");
}
