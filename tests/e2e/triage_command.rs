//! `mtr-rs triage PATH`: what a run left behind tells the same as the run itself did.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

use crate::deaths::faulty::Faulty;
use crate::deaths::{Death, Diagnosed};
use crate::skip::skip_part;
use crate::support::{Site, program};

/// Runs the command in `cwd`, with the cache that runs of real servers share.
fn triage(cwd: &Path, args: &[&str]) -> Output {
    Command::new(program())
        .arg("triage")
        .args(args)
        .current_dir(cwd)
        .env("MTR_CACHE_DIR", crate::support::shared_cache())
        .env_remove("MTR_BINDIR")
        .output()
        .unwrap()
}

/// What it prints as JSON about `path`, and its exit code.
fn looked(cwd: &Path, path: &Path, more: &[&str]) -> (Value, Option<i32>) {
    let mut args = vec!["--json", path.to_str().unwrap()];
    args.extend(more);
    let output = triage(cwd, &args);
    let text = String::from_utf8(output.stdout).unwrap();
    let told = serde_json::from_str(&text)
        .unwrap_or_else(|error| panic!("{error}: {text:?}, {}", String::from_utf8_lossy(&output.stderr)));
    (told, output.status.code())
}

/// What it prints for people, and its exit code.
fn said(cwd: &Path, args: &[&str]) -> (String, Option<i32>) {
    let output = triage(cwd, args);
    let text = [output.stdout, output.stderr].concat();
    (String::from_utf8(text).unwrap(), output.status.code())
}

/// The one diagnosis is the one of the run.
#[track_caller]
fn same_as_live(death: Death) -> Diagnosed {
    let died = death.dies();
    let live = &died.run.outcomes("own.dead")[0]["diagnoses"][0];
    let var = died.site.path("var");
    let mut kept = fs::read_dir(var.join("log")).unwrap().map(|entry| entry.unwrap().path());
    let kept = kept
        .find(|path| path.is_dir() && path.file_name().unwrap().as_encoded_bytes().starts_with(b"own.dead"));
    for part in [var.clone(), kept.unwrap(), var.join("log/mysqld.1.err")] {
        let (told, code) = looked(&died.site.path("own"), &part, &[]);
        assert_eq!(code, Some(1), "{told:#}");
        let deaths = told["deaths"].as_array().unwrap();
        assert_eq!(deaths.len(), 1, "{told:#}");
        let later = &deaths[0]["diagnosis"];
        for field in ["code", "cause", "culprit", "fix", "evidence", "confidence", "command", "log"] {
            assert_eq!(later[field], live[field], "{field} of {}\n{told:#}\n{:?}", part.display(), died.run);
        }
        assert_eq!(deaths[0]["weight"], "fatal");
        assert_eq!(deaths[0]["tests"][0], "own.dead");
    }
    died
}

#[test]
fn blanks_around_an_equals_sign() {
    same_as_live(Death::by_options("--open_files_limit = 65535"));
}

/// The server wrote no stack: a debugger reads its core file, as in the run, also where that was compressed.
#[test]
fn a_core_file() {
    let live = same_as_live(Faulty::plain().does("-11"));
    let stack = &live.diagnosis["evidence"];
    let quoted = |words: &str| {
        let lines = stack.as_array().unwrap();
        lines.iter().any(|quote| quote["text"].as_str().unwrap().contains(words))
    };
    assert_eq!(live.diagnosis["code"], "MTR-S090", "{stack:#}");
    if which::which("gdb").is_err() {
        return skip_part("there is no gdb: stacks of core files are not looked for");
    }
    assert!(quoted("fall (") && quoted("a core file was written"), "{stack:#}");
    let kept = live.site.path("var/log/own.dead");
    let core = Command::new("find").arg(&kept).args(["-name", "core*"]).output().unwrap().stdout;
    let core = String::from_utf8(core).unwrap();
    assert!(Command::new("gzip").arg("-1").arg(core.trim()).status().unwrap().success());
    let (told, _) = looked(&live.site.path("own"), &kept, &[]);
    let later = told["deaths"][0]["diagnosis"]["evidence"].as_array().unwrap();
    assert!(later.iter().any(|quote| quote["text"].as_str().unwrap().contains("fall (")), "{told:#}");
}

#[test]
fn words_with_blanks_and_variables() {
    same_as_live(Death::by_options("--init-connect='set @a=1' --nosuch=$MYSQLTEST_VARDIR/x --log-bin"));
}

#[test]
fn an_option_of_the_command_line() {
    same_as_live(Death::by_options("").arg("--mysqld=--sql-mode=NOSUCH"));
}

#[test]
fn an_option_of_a_combination() {
    let death = Death::by_options("--log-bin");
    death.site().test_file("combinations", "[bad]\nsql-mode=NOSUCH\n");
    same_as_live(death);
}

#[test]
fn a_setting_of_the_configuration() {
    same_as_live(
        Death::by_options("").configured_by("!include include/default_my.cnf\n[mysqld.1]\nnosuch=1\n"),
    );
}

#[test]
fn several_workers_and_tests_that_are_well() {
    let site = Site::real();
    for (name, options) in [("a", "--nosuch=1"), ("b", "--nosuch=1"), ("c", "--sql-mode=NOSUCH"), ("d", "")] {
        site.test_file(&format!("{name}.test"), "select 1;\n")
            .test_file(&format!("{name}.result"), "select 1;\n1\n1\n")
            .test_file(&format!("{name}.opt"), options);
    }
    site.run().args(["--force", "--retry=0", "--parallel=2", "--suite=own"]).finish().exits(1);
    let var = site.path("var");
    let (told, code) = looked(&site.path("own"), &var, &[]);
    assert_eq!(code, Some(1));
    let deaths = told["deaths"].as_array().unwrap();
    let mut causes: Vec<(&str, u64, usize)> = deaths
        .iter()
        .map(|death| {
            let code = death["diagnosis"]["code"].as_str().unwrap();
            (code, death["times"].as_u64().unwrap(), death["tests"].as_array().unwrap().len())
        })
        .collect();
    causes.sort();
    // Two tests have the option at different places, so there are two causes of one code.
    assert_eq!(causes, [("MTR-S002", 1, 1), ("MTR-S002", 1, 1), ("MTR-S005", 1, 1)], "{told:#}");
    assert_eq!(
        told["logs"].as_array().unwrap().iter().filter(|log| log.as_str().unwrap().ends_with(".err")).count(),
        2
    );
    let (one, _) = looked(&site.path("own"), &var.join("log/own.c"), &[]);
    assert_eq!(one["deaths"].as_array().unwrap().len(), 1);
    assert_eq!(one["deaths"][0]["diagnosis"]["code"], "MTR-S005");
}

#[test]
fn a_death_that_the_test_wanted_is_left_out() {
    let site = Site::real();
    site.test_file("wanted.test", "select 1;\n").test_file("wanted.opt", "--log-bin\n");
    let var = site.path("var");
    let command = format!(
        "$ /usr/sbin/mariadbd --defaults-group-suffix=.1 --defaults-file={}/my.cnf --log-output=file --log-bin",
        var.display()
    );
    site.file(
        "var/log/mysqld.1.err",
        format!(
            "CURRENT_TEST: own.wanted\n{command} --core-file\n\
             2026-11-23 19:05:51 0 [Note] /usr/sbin/mariadbd: ready for connections.\n\
             2026-11-23 19:05:51 0 [Note] /usr/sbin/mariadbd: Shutdown complete\n\
             {command} --nosuch=1 --core-file\n\
             2026-11-23 19:05:52 0 [ERROR] /usr/sbin/mariadbd: unknown variable 'nosuch=1'\n\
             2026-11-23 19:05:52 0 [ERROR] Aborting\n\
             {command} --core-file\n\
             2026-11-23 19:05:53 0 [Note] /usr/sbin/mariadbd: ready for connections.\n\
             2026-11-23 19:05:54 0 [Note] /usr/sbin/mariadbd: Shutdown complete\n"
        ),
    );
    let verdict = |word: &str| format!("own.wanted                               [ {word} ]     12\n");
    site.file("var/log/stdout.log", verdict("pass"));
    let (text, code) = said(&site.path("own"), &[var.to_str().unwrap()]);
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("nothing died") && text.contains("--all names them"), "{text}");
    let (told, _) = looked(&site.path("own"), &var, &["--all"]);
    let death = &told["deaths"][0];
    assert_eq!((&death["weight"], &death["stage"]), (&"wanted".into(), &"start".into()), "{told:#}");
    let culprit = &death["diagnosis"]["culprit"];
    assert_eq!(culprit["text"], "--nosuch=1");
    let origin = format!("restart line of {}/tmp/mysqld.1.expect", var.display());
    assert_eq!(culprit["origin"], origin, "{told:#}");

    site.file("var/log/stdout.log", verdict("fail"));
    let (text, code) = said(&site.path("own"), &[var.to_str().unwrap()]);
    assert_eq!(code, Some(1), "{text}");
    assert!(
        text.starts_with("mysqld.1 died at start during own.wanted, perhaps as the test wanted it: "),
        "{text}"
    );
}

#[test]
fn a_run_that_went_well_has_nothing() {
    let site = Site::real();
    site.test_file("well.test", "select 1;\n").test_file("well.result", "select 1;\n1\n1\n");
    let run = site.run().args(["--force-restart", "--repeat=3", "well"]).finish();
    run.exits(0);
    assert!(run.outcomes("own.well").iter().all(|outcome| outcome.get("diagnoses").is_none()));
    let (told, code) = looked(&site.path("own"), &site.path("var"), &[]);
    assert_eq!(code, Some(0));
    assert_eq!((&told["starts"], told["deaths"].as_array().unwrap().len()), (&3.into(), 0));
    let (text, _) = said(&site.path("own"), &[site.path("var").to_str().unwrap()]);
    assert!(text.contains("nothing died. Looked at 3 starts in "), "{text}");
}

#[test]
fn a_bootstrap_that_failed() {
    let site = Site::real();
    site.test_file("any.test", "select 1;\n");
    let run = site.run().args(["--mysqld=--innodb-nosuch=1", "any"]).finish();
    assert_ne!(run.code, Some(0));
    let (text, code) = said(&site.path("own"), &[site.path("var").to_str().unwrap()]);
    assert_eq!(code, Some(1), "{text}\n{run:?}");
    assert!(text.contains("the bootstrap failed: ") && text.contains("log/bootstrap.log:1\n"), "{text}");
    assert!(text.contains("the server does not know the variable 'innodb-nosuch=1'"), "{text}");
}

/// The var directory of a run of `mysql-test-run.pl` on a suite that was named by its path: its console has no
/// command line, and its process lines no status.
fn left_by_perl(site: &Site) {
    let suite = site.path("own");
    let (suite, var) = (suite.display(), site.path("var"));
    let var = var.display();
    site.test_file("dead.test", "select 1;\n").test_file("dead.opt", "\n--open_files_limit = 65535\n");
    site.file(
        "var/log/mysqld.1.err",
        format!(
            "CURRENT_TEST: {suite}.well\n\
             $ /usr/sbin/mariadbd --defaults-group-suffix=.1 --defaults-file={var}/my.cnf --log-output=file --core-file\n\
             2026-11-23 19:05:50 0 [Note] Starting MariaDB 10.11.19 source revision 5 as process 2040\n\
             2026-11-23 19:05:51 0 [Note] /usr/sbin/mariadbd: ready for connections.\n\
             2026-11-23 19:05:51 0 [Note] /usr/sbin/mariadbd: Shutdown complete\n\
             CURRENT_TEST: {suite}.dead\n\
             $ /usr/sbin/mariadbd --defaults-group-suffix=.1 --defaults-file={var}/my.cnf --log-output=file \
             --open_files_limit = 65535 --core-file --loose-debug-sync-timeout=300\n\
             2026-11-23 19:05:52 0 [ERROR] Unknown suffix '=' used for variable 'open_files_limit' (value '='). Legal suffix \
             characters are: K, M, G, T, P, E\n\
             2026-11-23 19:05:52 0 [ERROR] /usr/sbin/mariadbd: Error while setting value '=' to 'open_files_limit'\n"
        ),
    );
    site.file(
        "var/log/stdout.log",
        format!(
            "Checking supported features...\nCollecting tests...\n - from '{suite}'\n\
             {suite}.well                      [ pass ]     12\n\
             worker[01] mysql-test-run: WARNING: Process [mysqld.1 - pid: 2047, winpid: 2047] died after \
             mysql-test-run waited 0.08 seconds for {var}/run/mysqld.1.pid to be created.\n\
             {suite}.dead                      [ fail ]\n        Test ended at 2026-11-23 19:05:52\n\n\
             CURRENT_TEST: {suite}.dead\n\n\nFailed to start mysqld.1\n"
        ),
    );
    site.file("var/log/own.dead/my.cnf", "[mysqld]\n\n[mysqld.1]\nport=19000\n");
    site.file("var/my.cnf", "[mysqld]\n\n[mysqld.1]\nport=19000\n");
}

#[test]
fn a_var_directory_of_the_perl_runner() {
    let site = Site::real();
    left_by_perl(&site);
    for part in ["var", "var/log", "var/log/own.dead", "var/log/mysqld.1.err"] {
        let (told, code) = looked(&site.path("own"), &site.path(part), &[]);
        assert_eq!(code, Some(1), "{part}: {told:#}");
        assert_eq!(told["deaths"].as_array().unwrap().len(), 1, "{part}: {told:#}");
        let diagnosis = &told["deaths"][0]["diagnosis"];
        let opt = site.path("own/dead.opt");
        let cause = format!(
            "'--open_files_limit = 65535' ({}:2) has blanks around its '=': the server got each word by itself",
            opt.display()
        );
        assert_eq!(diagnosis["cause"], cause, "{part}: {told:#}");
        assert_eq!(diagnosis["code"], "MTR-S001");
        assert_eq!(diagnosis["ending"], "ended (its exit status was not kept) after 0.08 s");
        assert_eq!(diagnosis["evidence"][0]["line"], 8);
    }
}

#[test]
fn a_var_directory_that_was_moved_and_whose_tests_are_gone() {
    let site = Site::real();
    left_by_perl(&site);
    fs::rename(site.path("var"), site.path("elsewhere")).unwrap();
    fs::remove_dir_all(site.path("own")).unwrap();
    let (told, code) = looked(&site.path("elsewhere"), &site.path("elsewhere"), &[]);
    assert_eq!(code, Some(1));
    let diagnosis = &told["deaths"][0]["diagnosis"];
    assert_eq!(diagnosis["code"], "MTR-S001", "{told:#}");
    let noted = format!("command line in {}:7", site.path("elsewhere/log/mysqld.1.err").display());
    assert_eq!(diagnosis["culprit"]["origin"], noted);
}

#[test]
fn the_log_of_a_server_that_no_runner_started() {
    let site = Site::real();
    site.file(
        "db.err",
        "2026-11-23 18:00:00 0 [Note] Starting MariaDB 10.6.18 source revision 5 as process 7\n\
         2026-11-23 18:00:01 0 [Note] mariadbd: ready for connections.\n\
         2026-11-23 18:00:02 0 [Note] mariadbd: Shutdown complete\n\
         \n\
         2026-11-23 18:00:03 0 [ERROR] /usr/sbin/mariadbd: unknown variable 'nosuch=1'\n\
         2026-11-23 18:00:03 0 [ERROR] Aborting\n",
    );
    let (told, code) = looked(&site.path("own"), &site.path("db.err"), &[]);
    assert_eq!((code, &told["starts"]), (Some(1), &2.into()), "{told:#}");
    let death = &told["deaths"][0];
    assert_eq!(death["places"][0]["line"], 5);
    assert_eq!(death["places"][0]["time"], "2026-11-23 18:00:03");
    assert_eq!(death["diagnosis"]["code"], "MTR-S002");
    assert_eq!(death["diagnosis"]["server"], "db");
}

#[test]
fn a_report_of_a_sanitizer_that_no_log_names() {
    let site = Site::real();
    left_by_perl(&site);
    site.file("var/log/asan.99", "==99==ERROR: AddressSanitizer: heap-use-after-free on address 0x1\n");
    let (told, _) = looked(&site.path("own"), &site.path("var"), &[]);
    let servers: Vec<&Value> =
        told["deaths"].as_array().unwrap().iter().map(|death| &death["diagnosis"]["server"]).collect();
    assert_eq!((servers.len(), &told["sanitizer_reports"]), (2, &1.into()), "{told:#}");
    assert!(servers.contains(&&"process 99".into()), "{told:#}");
}

#[test]
fn paths_that_cannot_be_looked_at() {
    let site = Site::real();
    let empty = site.path("own");
    let random = site.path("random.err");
    fs::write(
        &random,
        (0..4096u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 11) as u8).collect::<Vec<u8>>(),
    )
    .unwrap();
    fs::write(site.path("cut.gz"), [0x1f, 0x8b, 8, 0, 1, 2, 3]).unwrap();
    for (args, words, expected) in [
        (vec!["/no/such/place"], "cannot look at /no/such/place", 3),
        (vec![empty.to_str().unwrap()], "there is no error log in ", 3),
        (vec![random.to_str().unwrap()], "is no error log", 3),
        (vec![site.path("cut.gz").to_str().unwrap()], "cannot unpack ", 3),
        (vec![], "nothing to look at", 2),
        (vec!["--force", "."], "there is no option --force", 2),
    ] {
        let (text, code) = said(&empty, &args);
        assert_eq!(code, Some(expected), "{text}");
        assert!(text.contains(words), "{text}");
    }
    let (text, code) = said(&empty, &["--help"]);
    assert_eq!(code, Some(0));
    assert!(text.starts_with("Usage: mtr-rs triage "), "{text}");
}

/// What a run left behind may be anybody's: the server that it names is not run, unless that is asked for.
#[test]
fn runs_no_server_that_the_run_names() {
    let site = Site::fake();
    let trap = format!("#!/bin/sh\ntouch '{}'\nexit 1\n", site.path("was-run").display());
    for dir in ["theirs/bin", "theirs/sbin"] {
        site.program(&format!("{dir}/mariadbd"), &trap);
    }
    for file in ["1st.test", "include/default_my.cnf"] {
        site.file(&format!("theirs/mysql-test/{file}"), "");
        site.file(&format!("theirs/mysql-test/main/{file}"), "");
    }
    site.file("var/log/mysqld.1.err", "2026-01-01 00:00:00 0 [ERROR] Aborting\n");
    let theirs = site.path("theirs");
    for option in
        [format!("--basedir={}", theirs.display()), format!("--testdir={}/mysql-test", theirs.display())]
    {
        site.file("var/log/stdout.log", format!("Logging: mtr  {option} a\n"));
        let var = site.path("var");
        let var = var.to_str().unwrap();
        said(&site.path(""), &[var]);
        assert!(!site.path("was-run").exists(), "{option}");
        said(&site.path(""), &[var, "--installation-of-run"]);
        assert!(site.path("was-run").exists(), "{option} is not what a run was given");
        fs::remove_file(site.path("was-run")).unwrap();
    }
    // Nor one that lies in what is looked at, as the nearest one.
    site.file("theirs/mysql-test/var/log/mysqld.1.err", "2026-01-01 00:00:00 0 [ERROR] Aborting\n");
    said(&theirs.join("mysql-test"), &[theirs.to_str().unwrap()]);
    assert!(!site.path("was-run").exists(), "one that lies in the artefact");
    said(&theirs.join("mysql-test"), &["var"]);
    assert!(site.path("was-run").exists(), "the installation around a vardir is the user's");
}

/// What people attach to tickets: compressed logs, archives, a copy of what was kept of one test, and standard input.
#[test]
fn what_is_attached_to_tickets() {
    let died = Death::by_options("--nosuch=1").dies();
    let (site, var) = (&died.site, died.site.path("var"));
    let log = var.join("log/mysqld.1.err");
    let shell = |command: &str| {
        let done = Command::new("sh").args(["-ec", command]).current_dir(site.path("")).status().unwrap();
        assert!(done.success(), "{command}");
    };
    shell(
        "cp var/log/mysqld.1.err . && gzip mysqld.1.err && cp -r var/log/own.dead alone && tar czf run.tar.gz var/log",
    );
    shell("tar cf kept.tar -C var/log own.dead && gzip -k kept.tar");
    let mut attached = vec!["mysqld.1.err.gz", "alone", "run.tar.gz", "kept.tar", "kept.tar.gz"];
    if which::which("zstd").is_ok() {
        shell("zstd -q var/log/mysqld.1.err -o mysqld.1.err.zst && zstd -q kept.tar");
        attached.extend(["mysqld.1.err.zst", "kept.tar.zst"]);
    } else {
        skip_part("there is no zstd");
    }
    for name in attached {
        let (told, code) = looked(&site.path("own"), &site.path(name), &[]);
        assert_eq!(code, Some(1), "{name}: {told:#}");
        let deaths = told["deaths"].as_array().unwrap();
        assert_eq!(deaths.len(), 1, "{name}: {told:#}");
        assert_eq!(deaths[0]["diagnosis"]["code"], "MTR-S002", "{name}: {told:#}");
        assert_eq!(deaths[0]["times"], 1, "{name}: {told:#}");
        let shown = told["path"].as_str().unwrap();
        assert!(shown.ends_with(name), "{name}: {told:#}");
        let place = deaths[0]["places"][0]["file"].as_str().unwrap();
        assert!(place.contains(name), "{place} is not in {name}");
    }
    let output = Command::new(program())
        .args(["triage", "-"])
        .stdin(fs::File::open(&log).unwrap())
        .current_dir(site.path("own"))
        .env("MTR_CACHE_DIR", crate::support::shared_cache())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.contains("[MTR-S002]"), "{text}");
}
