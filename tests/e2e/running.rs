//! Servers that die, hang or complain while a test runs and when they stop, and what is said of it.

use std::net::TcpListener;
use std::path::PathBuf;

use serde_json::Value;

use crate::deaths::faulty::Faulty;
use crate::skip::skip;
use crate::support::{Finished, Site, sample};

/// A test `own.bad`, in which `fault('…')` may be called.
struct Bad {
    site: Site,
    args: Vec<String>,
    env: Vec<(&'static str, String)>,
}

impl Bad {
    fn new(plugin: &Faulty, script: &str) -> Bad {
        let site = Site::real();
        let options = plugin.install(&site);
        site.test_file("bad.opt", options).test_file("bad.result", "");
        let head = "--disable_query_log\n--disable_result_log\ncreate function fault returns integer soname 'faulty.so';\n";
        site.test_file("bad.test", format!("{head}{script}"));
        let args = ["--force", "--retry=0", "--print-core=no", "--result-file"].map(String::from);
        Bad { site, args: args.into_iter().chain(plugin.arguments()).collect(), env: Vec::new() }
    }

    /// Without plugin and function.
    fn plain(options: &str, script: &str) -> Bad {
        let site = Site::real();
        site.test_file("bad.opt", options).test_file("bad.result", "").test_file("bad.test", script);
        Bad { site, args: ["--force", "--retry=0"].map(String::from).into(), env: Vec::new() }
    }

    fn arg(mut self, arg: &str) -> Bad {
        self.args.push(arg.into());
        self
    }

    fn env(mut self, name: &'static str, value: impl Into<String>) -> Bad {
        self.env.push((name, value.into()));
        self
    }

    fn runs(&self) -> Finished {
        let mut run = self.site.run().args(&self.args).args(["bad"]);
        for (name, value) in &self.env {
            run = run.env(name, value);
        }
        let run = run.finish();
        run.exits(1).reports_are_well_formed();
        run
    }

    /// The run, and what was said of the test.
    #[track_caller]
    fn fails(&self, failure: impl Into<Option<&'static str>>) -> Told {
        let run = self.runs();
        run.verdict("own.bad", "fail");
        let outcome = run.outcomes("own.bad")[0].clone();
        assert_eq!(outcome["failure"].as_str(), failure.into(), "{run:?}");
        Told { diagnosis: outcome["diagnoses"][0].clone(), run, root: self.site.path("") }
    }

    /// The test passes; what was said when its server had stopped. Reports of all kinds have it as a failed test.
    #[track_caller]
    fn fails_at_the_end(&self) -> Told {
        let run = self.runs();
        run.verdict("own.bad", "pass")
            .says("***Warnings generated in error logs during shutdown after running tests: own.bad");
        let told = run.events.iter().find(|event| event["event"] == "shutdown_warnings").unwrap();
        let diagnosis = told["diagnoses"][0].clone();
        let (cause, code) = (diagnosis["cause"].as_str().unwrap(), diagnosis["code"].as_str().unwrap());
        let said = format!("{cause} [{code}]").replace('\'', "&apos;");
        let junit = run.report("junit");
        assert!(
            junit.contains("<testsuites name=\"mtr\" tests=\"2\" failures=\"1\" errors=\"0\""),
            "{junit}"
        );
        assert!(junit.contains("<testcase classname=\"own\" name=\"bad\""), "{junit}");
        let failed =
            junit.split("<testcase classname=\"own\" name=\"bad (server shutdown)\"").nth(1).unwrap();
        assert!(failed.contains(&format!("<failure type=\"warnings\" message=\"{said}\">")), "{junit}");
        let xml = run.report("xml");
        assert!(xml.contains("failures=\"1\" name=\"\" tests=\"2\""), "{xml}");
        assert!(xml.contains("name=\"bad (server shutdown)\" status=\"MTR_RES_FAILED\""), "{xml}");
        assert!(xml.contains(&format!("  cause:     {cause} [{code}]")), "{xml}");
        let results = std::fs::read_to_string(self.site.path("var/mtr-results.txt")).unwrap();
        assert!(results.contains("name : own.bad (server shutdown)\n"), "{results}");
        Told { diagnosis, run, root: self.site.path("") }
    }
}

/// What was said.
struct Told {
    diagnosis: Value,
    run: Finished,
    /// The directory of the test.
    root: PathBuf,
}

impl Told {
    /// It is the sample on the page of this code.
    #[track_caller]
    fn page(&self, code: &str) -> &Self {
        sample::is_on_page(code, &self.diagnosis, &self.root);
        self
    }

    #[track_caller]
    fn cause(&self, code: &str, words: &str) -> &Self {
        let cause = self.diagnosis["cause"].as_str().unwrap_or_default();
        assert_eq!(self.diagnosis["code"], code, "{cause}\n{:?}", self.run);
        assert!(cause.contains(words), "{words:?} in {cause:?}\n{:?}", self.run);
        self.run.says(&format!("{cause} [{code}]"));
        self
    }

    #[track_caller]
    fn evidence(&self, words: &str) -> &Self {
        let quotes = self.diagnosis["evidence"].as_array().unwrap();
        let found = quotes.iter().any(|quote| quote["text"].as_str().unwrap().contains(words));
        assert!(found, "{words:?}\n{:?}", self.run);
        self
    }
}

/// What the preloaded runtime needs.
const ASAN: &str = "verify_asan_link_order=0";

fn asan() -> Faulty {
    Faulty::with("address").preloaded()
}

#[test]
fn crash_with_its_statement() {
    let told = Bad::new(&Faulty::plain(), "select fault('null');\n").fails("server_death");
    told.page("MTR-R001")
        .cause("MTR-R001", "the server crashed with signal 11 (SIGSEGV) in commit (deaths/faulty_plugin.c:");
    told.evidence("statement of connection ").evidence(": select fault('null')");
    told.run.says("Server log from this test:");
    // The lines come again when the servers stop, and that is all that is told then.
    let again = told.run.events.iter().find(|event| event["event"] == "shutdown_warnings").unwrap();
    assert!(again.get("diagnoses").is_none(), "{:?}", told.run);
}

#[test]
fn assertion() {
    let told = Bad::new(&Faulty::plain(), "select fault('assertion');\n").fails("server_death");
    told.cause("MTR-R001", "the assertion 'buffer == NULL' failed in commit (");
}

#[test]
fn killed() {
    let script = "--exec kill -KILL `cat $MYSQLTEST_VARDIR/run/mysqld.1.pid`\n--sleep 5\n";
    let told = Bad::plain("", script).fails("server_death");
    told.page("MTR-R004").cause("MTR-R004", "the server was killed from outside with signal 9 (SIGKILL)");
}

#[test]
fn told_to_end() {
    let script = "--exec kill -TERM `cat $MYSQLTEST_VARDIR/run/mysqld.1.pid`\n--sleep 5\n";
    let told = Bad::plain("", script).fails("server_death");
    told.page("MTR-R003").cause("MTR-R003", "told to shut down by SIGTERM").evidence("Normal shutdown");
}

#[test]
fn shut_down_by_the_test() {
    let told = Bad::plain("", "shutdown;\n--sleep 5\n").fails("server_death");
    told.cause("MTR-R003", "root[root] @ localhost [] shut the server down with SHUTDOWN");
}

#[test]
fn address_sanitizer() {
    let told = Bad::new(&asan(), "select fault('use-after-free');\n")
        .env("ASAN_OPTIONS", ASAN)
        .fails("server_death");
    told.page("MTR-R005")
        .cause("MTR-R005", "AddressSanitizer: heap-use-after-free: READ of size 1 in commit (");
    told.evidence("freed by thread T");
}

#[test]
fn undefined_behaviour_that_goes_on() {
    let bad = Bad::new(&Faulty::with("undefined"), "select fault('sum');\n");
    let told = bad.fails("warnings");
    told.cause("MTR-R005", "signed integer overflow: ");
}

/// With `log_path=` nothing is in the error log.
#[test]
fn undefined_behaviour_into_a_file() {
    let bad = Bad::new(&Faulty::with("undefined"), "select fault('sum');\n");
    let path = bad.site.path("ubsan");
    let told = bad.env("UBSAN_OPTIONS", format!("log_path={}", path.display())).fails("warnings");
    told.cause("MTR-R005", "signed integer overflow: ");
    told.run.says("^ Found reports of a sanitizer in ").says("/ubsan.");
}

#[test]
fn leak_at_shutdown() {
    let told = Bad::new(&asan(), "select fault('leak');\n").env("ASAN_OPTIONS", ASAN).fails_at_the_end();
    told.cause("MTR-R005", "LeakSanitizer: 32 byte(s) leaked in 1 allocation(s)");
    told.evidence("the one test since the server's start: own.bad");
}

#[test]
fn crash_at_shutdown() {
    let bad = Bad::new(&Faulty::plain(), "");
    let options = Faulty::plain().install(&bad.site) + "--plugin-load-add=faulty.so\n";
    bad.site.test_file("bad.opt", options);
    let told = bad.arg("--mysqld-env=FAULT_AT_END=11").fails_at_the_end();
    told.cause("MTR-R001", "the server crashed with signal 11 (SIGSEGV) in fall (");
    told.evidence("the one test since the server's start: own.bad").evidence("got signal 11");
}

/// A log without a word of it does not hide it.
#[test]
fn silent_crash_at_shutdown() {
    for (number, name) in [(11, "SIGSEGV"), (6, "SIGABRT"), (7, "SIGBUS")] {
        let site = Site::real();
        let options = Faulty::plain().install(&site) + "--plugin-load-add=faulty.so\n";
        site.test_file("bad.opt", options).test_file("bad.test", "").test_file("bad.result", "");
        site.test_file("good.test", "").test_file("good.result", "");
        let run = site.run().args(["--force", "--retry=0", "--print-core=no"]);
        let run = run.args([&format!("--mysqld-env=FAULT_AT_END=-{number}"), "good", "bad"]).finish();
        run.exits(1).verdict("own.bad", "pass").verdict("own.good", "pass").reports_are_well_formed();
        let told: Vec<&Value> =
            run.events.iter().filter(|event| event["event"] == "shutdown_warnings").collect();
        let [told] = told.as_slice() else { panic!("{run:?}") };
        assert_eq!(told["tests"], serde_json::json!(["own.bad"]), "{run:?}");
        let told = Told { diagnosis: told["diagnoses"][0].clone(), run, root: PathBuf::new() };
        let cause = format!("the server crashed with signal {number} ({name}) while it shut down");
        told.cause("MTR-R001", &cause).evidence("the one test since the server's start: own.bad");
        told.run.says(&format!("mysqld.1 crashed while it shut down: signal {number} ({name})"));
        let kept = site.path("var/log/own.bad-shutdown/mysqld.1/data");
        assert!(kept.is_dir(), "{kept:?}\n{:?}", told.run);
    }
}

/// As users write it: the options are kept, and the reports are found where they send them.
#[test]
fn leak_into_a_file_at_shutdown() {
    let bad = Bad::new(&asan(), "select fault('leak');\n");
    let path = bad.site.path("asan");
    let options = format!("abort_on_error=1:log_path={}:fast_unwind_on_malloc=0:{ASAN}", path.display());
    let told = bad.env("ASAN_OPTIONS", options).fails_at_the_end();
    told.cause("MTR-R005", "LeakSanitizer: 32 byte(s) leaked in 1 allocation(s)");
    told.run.says("reports of a sanitizer in ").says("/asan.");
}

#[test]
fn asked_for_with_an_option() {
    let bad = Bad::new(&asan(), "select fault('leak');\n").arg("--sanitizer=asan").env("ASAN_OPTIONS", ASAN);
    bad.fails_at_the_end().cause("MTR-R005", "LeakSanitizer: 32 byte(s) leaked in 1 allocation(s)");
    let bad = Bad::plain("", "").arg("--sanitizer=tsan");
    let run = bad.site.run().args(&bad.args).args(["bad"]).finish();
    run.exits(1)
        .says("--sanitizer=tsan: the server was built without ThreadSanitizer")
        .says("-DWITH_TSAN=ON");
}

/// Of the threads of a server, the console has the one that failed; where all of them are is told.
#[test]
fn stacks_of_a_core_file_are_kept_in_a_file() {
    if which::which("gdb").is_err() {
        return skip("there is no gdb: stacks of core files are not looked for");
    }
    let bad = Bad::new(&Faulty::plain(), "select fault('null');\n").arg("--print-core=medium");
    let told = bad.fails("server_death");
    let traced = told.run.events.iter().find(|event| event["event"] == "core_traced").unwrap();
    let (file, trace) = (traced["file"].as_str().unwrap(), traced["trace"].as_str().unwrap());
    assert!(file.contains("/var/log/own.bad/stacks-core"), "{file}");
    assert_eq!(std::fs::read_to_string(file).unwrap().trim_end(), trace.trim_end());
    assert!(trace.matches("\nThread ").count() > 1, "{trace}");
    told.run.says(&format!("Output from gdb: the failing thread; all of it is in '{file}'\n"));
    told.run.says("\n  | commit (").does_not_say("\n  | Thread 2 ");
}

#[test]
fn lines_that_nothing_suppresses() {
    let line = "2026-11-23 12:00:00 0 [ERROR] Odd (thing)";
    let script = format!("--exec echo '{line}' >> $MYSQLTEST_VARDIR/log/mysqld.1.err\n");
    let told = Bad::plain("", &script).fails("warnings");
    told.page("MTR-R007").cause("MTR-R007", "Odd (thing)");
    told.run.says("call mtr.add_suppression(\"Odd .thing.\");");
}

/// A line of the server's start is one that the rules for deaths know.
#[test]
fn a_plugin_that_was_not_loaded_though_no_test_needs_it() {
    let told = Bad::plain("--plugin-load-add=nosuch\n", "let $nothing = 1;\n").fails("warnings");
    told.cause("MTR-S020", "the plugin library 'nosuch.so', which --plugin-load-add=nosuch (")
        .cause("MTR-S020", "; the server went on without nosuch.so");
}

#[test]
fn plugin_that_was_not_loaded() {
    let bad = Bad::plain("--plugin-load-add=ha_nosuch\n", "create table t (a int) engine=nosuch;\n");
    let told = bad.fails("statement");
    told.page("MTR-R008")
        .cause("MTR-R008", "'nosuch' is missing: the plugin library 'ha_nosuch.so', which ")
        .evidence("ha_nosuch.so");
}

#[test]
fn crash_behind_an_expected_restart() {
    let script = "--exec echo restart > $MYSQLTEST_VARDIR/tmp/mysqld.1.expect\n--enable_reconnect\n--error 2013\nselect fault('null');\n\
                  --source include/wait_until_connected_again.inc\n--echo too much\n";
    let told = Bad::new(&Faulty::plain(), script).fails("result");
    told.page("MTR-R009").cause(
        "MTR-R009",
        "the server crashed during the test and was started again, as its expect file said: signal 11",
    );
}

/// Of real servers in a real Valgrind, one after the other: each takes the time of many.
#[test]
fn valgrind() {
    if which::which("valgrind").is_err() {
        return skip("there is no valgrind");
    }
    let bad =
        |fault: &str| Bad::new(&Faulty::plain(), &format!("select fault('{fault}');\n")).arg("--valgrind");
    let told = bad("use-after-free").fails("warnings");
    told.page("MTR-R006").cause("MTR-R006", "Valgrind: Invalid read of size 1 in commit (faulty_plugin.c:");
    told.evidence("the one test since the server's start: own.bad");
    assert_eq!(told.diagnosis["also_seen"].as_array().map(Vec::len), Some(0), "{:?}", told.run);
    let told = bad("leak").fails_at_the_end();
    told.cause("MTR-R006", "Valgrind: 32 bytes in 1 blocks are definitely lost");
    let told = bad("null").fails("server_death");
    told.cause("MTR-R001", "the server crashed with signal 11 (SIGSEGV) in commit (faulty_plugin.c:");
    let others = told.diagnosis["also_seen"].as_array().unwrap();
    assert!(others.iter().any(|other| other["code"] == "MTR-R006"), "{:?}", told.run);
}

#[test]
fn restart_that_fails_after_another_test() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let bad = Bad::plain(
        "",
        &format!(
            "--exec echo \"restart: --port={port} --port-open-timeout=0\" > $MYSQLTEST_VARDIR/tmp/mysqld.1.expect\n\
             --shutdown_server\n--source include/wait_until_disconnected.inc\n--enable_reconnect\n\
             --source include/wait_until_connected_again.inc\n"
        ),
    );
    bad.site.test_file("again.test", "select 1;\n").test_file("again.result", "select 1;\n1\n1\n");
    bad.site.test_file("again.opt", "").test_file("bad.opt", "");
    let run = bad.site.run().args(&bad.args).args(["--network=host", "again", "bad"]).finish();
    run.exits(1).verdict("own.again", "pass").verdict("own.bad", "fail");
    let told = &run.outcomes("own.bad")[0]["diagnoses"][0];
    let cause = told["cause"].as_str().unwrap();
    assert!(cause.starts_with(&format!("the TCP port {port} (--port={port}")), "{cause}");
    assert_eq!(told["code"], "MTR-S030");
}

#[test]
fn ordinary_difference_has_no_cause_but_itself() {
    let bad = Bad::plain("", "--echo other\n");
    let run = bad.runs();
    run.verdict("own.bad", "fail");
    assert!(run.outcomes("own.bad")[0].get("diagnoses").is_none(), "{run:?}");
}

#[test]
fn time_out() {
    let script = "select get_lock('a', 1);\nconnect (c, localhost, root);\nselect get_lock('a', 600);\n";
    let told = Bad::plain("", script).arg("--testcase-timeout=1").fails("timeout");
    told.page("MTR-R002").cause("MTR-R002", "(User lock): select get_lock('a', 600)");
    told.evidence("last line of the script's output: select get_lock('a', 600);");
    // That the server then died of the runner's signal is no news.
    assert!(!told.run.events.iter().any(|event| event["event"] == "shutdown_warnings"), "{:?}", told.run);
}

/// An engine whose library is misspelt, or whose options the server did not take: the statement that wants it fails.
#[test]
fn an_engine_that_a_statement_wants_and_the_start_lost() {
    let told = Bad::plain("--plugin-load-add=ha_arkive\n", "create table t (a int) engine=archive;\n")
        .fails("statement");
    told.cause("MTR-R008", "the server went on without ha_arkive.so");
    assert!(
        told.diagnosis["fix"].as_str().unwrap().contains("Write --plugin-load-add=ha_archive"),
        "{:?}",
        told.run
    );
    let options = "--innodb\n--innodb-flush-method=foo\n";
    let told = Bad::plain(options, "create table t (a int) engine=innodb;\n").fails("statement");
    told.cause("MTR-R008", "'foo' is no value for 'innodb-flush-method'")
        .cause("MTR-R008", "went on without InnoDB");
}

/// A log that cannot be opened is one that the server lives without, as it says itself; and it lives.
#[test]
fn a_log_that_a_server_lives_without() {
    let told = Bad::plain("--general-log\n--general-log-file=/nosuch/g.log\n", "let $nothing = 1;\n")
        .fails("warnings");
    told.cause("MTR-S037", "does not exist; the server went on without this log");
    assert_eq!(told.diagnosis["confidence"], "certain");
    assert!(told.diagnosis["ending"].as_str().unwrap().starts_with("was running"), "{:?}", told.run);
    let options = "--plugin-load-add=server_audit\n--server-audit-output-type=nosuch\n";
    Bad::plain(options, "let $nothing = 1;\n")
        .fails("warnings")
        .cause("MTR-S005", "; the server went on without SERVER_AUDIT");
}
