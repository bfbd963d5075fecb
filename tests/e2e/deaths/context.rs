//! Words and signals in their context: several options in one argument, names with the words of errors, closed directories,
//! and servers that went on without something.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use super::network::FOR_NOBODY;
use super::paths::configuration;
use super::{Death, EXIT_TIMEOUT};
use crate::skip::root_is_there;
use crate::support::{Finished, Site, std_data};

#[test]
fn several_options_in_one_argument_of_the_command_line() {
    let died = Death::by_options("").arg("--mysqld=--skip-name-resolve --default-storage-engine=Aria").dies();
    died.page("MTR-S018")
        .cause("MTR-S018", "(--mysqld on the command line) is one argument with 2 options in it")
        .fix("write --mysqld=--skip-name-resolve --mysqld=--default-storage-engine=Aria")
        .evidence("skip-name-resolve --default-storage-engine");
}

#[test]
fn an_engine_and_another_option_in_one_argument() {
    let died = Death::by_options("").arg("--mysqld=--default-storage-engine=Aria --skip-name-resolve").dies();
    died.cause("MTR-S018", "a part of the value of --default-storage-engine")
        .fix("write --mysqld=--default-storage-engine=Aria --mysqld=--skip-name-resolve");
}

#[test]
fn several_options_between_quotes_of_an_option_file() {
    let died = Death::by_options("--log-bin\n\"--sql-mode=ANSI --max-connections=5\"\n").dies();
    died.cause("MTR-S018", "dead.opt:2) is one argument with 2 options in it")
        .fix("write --sql-mode=ANSI --max-connections=5");
}

#[test]
fn several_options_in_one_line_of_a_configuration() {
    let died =
        Death::by_options("").configured_by(&configuration("sql-mode=ANSI --max-connections=5")).dies();
    died.cause("MTR-S018", "'sql-mode=ANSI --max-connections=5' (")
        .cause("MTR-S018", "dead.cnf:3)")
        .fix("write sql-mode=ANSI\nwrite max-connections=5");
}

fn well(options: &str, args: &[&str]) -> (Site, Finished) {
    let site = Site::real();
    site.test_file("well.test", "select 1;\n").test_file("well.result", "select 1;\n1\n1\n");
    site.test_file("well.opt", options);
    let run = site.run().args(["--force", "--retry=0"]).args(args).args(["well"]).finish();
    (site, run)
}

/// The server takes what is behind the blank for a part of the number, and lives.
#[test]
fn several_options_in_one_argument_of_a_server_that_lives() {
    let (_site, run) = well("", &["--mysqld=--innodb-page-size=4k --innodb-log-file-size=8M"]);
    run.exits(0)
        .verdict("own.well", "pass")
        .says("'--innodb-page-size=4k --innodb-log-file-size=8M' (--mysqld on the command line) is one argument with 2 options")
        .says("write --mysqld=--innodb-page-size=4k --mysqld=--innodb-log-file-size=8M");
    let told = run.text.matches("is one argument with 2 options").count();
    assert_eq!(told, 1, "{run:?}");
    let (_site, run) = well("\"--max-connections=50 --log-bin\"\n", &[]);
    if run.code == Some(0) {
        run.says("well.opt:1) is one argument with 2 options");
    }
}

/// A directory of the site, outside of the var directory, that only its owner may enter, with a file that all may read.
fn closed(site: &Site) -> String {
    let dir = site.path("closed");
    fs::create_dir_all(dir.join("inner")).unwrap();
    fs::write(dir.join("inner/file"), "select 1;\n").unwrap();
    fs::set_permissions(&dir, PermissionsExt::from_mode(0o700)).unwrap();
    dir.display().to_string()
}

/// A server that runs as `nobody`, with an option that names something in a closed directory.
fn by_closed(option: &str, more: &str) -> Option<(Death, String)> {
    if !root_is_there("to run a server as another user") {
        return None;
    }
    let death =
        Death::by_options("--user=nobody\n").prepared_by(FOR_NOBODY).env("MTR_START_TIMEOUT", EXIT_TIMEOUT);
    let dir = closed(death.site());
    let death = death.with(&option.replace("DIR", &format!("{dir}/inner"))).with(more);
    Some((death, dir))
}

#[track_caller]
fn blames_the_closed_directory(option: &str, more: &str, code: &str) {
    let Some((death, dir)) = by_closed(option, more) else { return };
    let died = death.dies();
    died.cause(code, &format!("may not enter the directory '{dir}' (mode 0700, owned by user id 0)"))
        .fix(&format!("chmod a+x {dir}"));
}

#[test]
fn an_init_file_in_a_closed_directory() {
    // The server has its pid file already.
    let Some((death, dir)) = by_closed("--init-file=DIR/file", "") else { return };
    let died = death.dies_late();
    died.cause("MTR-S014", &format!("may not enter the directory '{dir}' (mode 0700, owned by user id 0)"))
        .fix(&format!("chmod a+x {dir}"));
}

#[test]
fn a_key_of_tls_in_a_closed_directory() {
    let closed = by_closed("--ssl-key=DIR/server-key.pem", "--ssl-cert=DIR/server-cert.pem");
    let Some((death, dir)) = closed else { return };
    let inner = format!("{dir}/inner");
    for name in ["server-key.pem", "server-cert.pem"] {
        fs::copy(std_data().join(name), format!("{inner}/{name}")).unwrap();
        fs::set_permissions(format!("{inner}/{name}"), PermissionsExt::from_mode(0o644)).unwrap();
    }
    let death = death.with(&format!("--ssl-cert={inner}/server-cert.pem"));
    let died = death.dies();
    died.cause("MTR-S080", &format!("may not enter the directory '{dir}'")).fix(&format!("chmod a+x {dir}"));
}

#[test]
fn a_file_of_keys_in_a_closed_directory() {
    blames_the_closed_directory(
        "--file-key-management-filename=DIR/file",
        "--plugin-load-add=file_key_management\n--file-key-management=FORCE",
        "MTR-S082",
    );
}

#[test]
fn a_directory_for_temporary_files_in_a_closed_directory() {
    // The server starts, and the first check of the test cannot be made.
    let Some((death, dir)) = by_closed("--tmpdir=DIR", "") else { return };
    let died = death.fails_by("check");
    died.cause("MTR-S055", &format!("may not enter the directory '{dir}' (mode 0700, owned by user id 0)"))
        .fix(&format!("chmod a+x {dir}"));
    died.run.does_not_say("mysqltest failed but provided no output");
}

#[test]
fn plugins_in_a_closed_directory() {
    blames_the_closed_directory(
        "--plugin-dir=DIR",
        "--plugin-load-add=archive=ha_archive.so\n--archive=FORCE",
        "MTR-S020",
    );
}

#[test]
fn character_sets_and_messages_in_a_closed_directory() {
    blames_the_closed_directory("--character-sets-dir=DIR", "--character-set-server=mine", "MTR-S063");
    blames_the_closed_directory("--lc-messages-dir=DIR", "--lc-messages=de_DE", "MTR-S062");
}

/// With several workers, the directories for temporary files lie beside those of the workers: they are made anew all the same.
#[test]
fn a_directory_that_a_worker_among_several_makes_anew() {
    if !root_is_there("to run a server as another user") {
        return;
    }
    let death = Death::by_options("--user=nobody\n").prepared_by(
        "cd $MYSQLTEST_VARDIR && chown -R nobody mysqld.1/data run && chmod 1777 log mysqld.1\n",
    );
    death.site().test_file("other.test", "let $x = 1;\n").test_file("other.result", "");
    let died = death.arg("--parallel=2").arg("--force").arg("other").dies();
    died.fix("remove --user=nobody (");
    assert!(!died.diagnosis["fix"].as_str().unwrap().contains("chown"), "{:?}", died.run);
}

#[test]
fn a_binary_log_in_a_closed_directory() {
    blames_the_closed_directory("--log-bin=DIR/x", "", "MTR-S087");
}

#[test]
fn files_of_innodb_in_a_closed_directory() {
    if !root_is_there("to run a server as another user") {
        return;
    }
    let death = Death::by_options("--user=nobody\n--innodb=FORCE\n").prepared_by(FOR_NOBODY);
    let dir = closed(death.site());
    let died = death.configured_by(&configuration(&format!("innodb-data-home-dir={dir}/inner"))).dies();
    died.cause("MTR-S038", &format!("may not enter the directory '{dir}'")).fix(&format!("chmod a+x {dir}"));
}

/// Words of errors in the name of the var directory are no errors; and what every run makes anew cannot be given away.
#[test]
fn a_var_directory_with_the_name_of_a_lock() {
    if !root_is_there("to run a server as another user") {
        return;
    }
    let death = Death::by_options("");
    let vardir = death.site().path("block chain/lock");
    let mut argument = std::ffi::OsString::from("--vardir=");
    argument.push(&vardir);
    let died = death.arg(argument).arg("--mysqld=--user=nobody").dies();
    died.cause("MTR-S041", "the server's user (--user=nobody, --mysqld on the command line) may not")
        .fix("remove --user=nobody (--mysqld on the command line)");
    assert!(!died.run.text.contains("in use by another"), "{:?}", died.run);
}

/// A test whose server went on without InnoDB.
fn without_innodb(script: &str) -> (Site, Finished) {
    let site = Site::real();
    site.test_file("bad.test", script).test_file("bad.result", "");
    site.test_file("bad.opt", "--innodb\n--innodb-page-size=12345\n");
    let run = site.run().args(["--force", "--retry=0", "bad"]).finish();
    (site, run)
}

const WENT_ON: &str = "the server went on without InnoDB";

#[test]
fn a_test_that_passes_on_a_server_without_its_engine() {
    let (_site, run) = without_innodb("--disable_query_log\n--disable_result_log\nselect 1;\n");
    run.exits(1).verdict("own.bad", "fail").says(WENT_ON).says("bad.opt:2: --innodb-page-size=12345");
    run.says("write one of 4k, 8k, 16k, 32k, 64k").does_not_say("add_suppression(");
    assert_eq!(run.outcomes("own.bad")[0]["failure"], "warnings", "{run:?}");
}

#[test]
fn a_test_that_fails_for_want_of_an_engine() {
    let (_site, run) = without_innodb("create table t (a int) engine=InnoDB;\n");
    run.exits(1).verdict("own.bad", "fail").says(WENT_ON).says("bad.opt:2: --innodb-page-size=12345");
}

/// Suites that are skipped because an engine did not start are not well: it is said once, in the summary.
#[test]
fn tests_that_are_skipped_for_want_of_an_engine() {
    let site = Site::real();
    for name in ["one", "two"] {
        site.test_file(&format!("{name}.test"), "--skip Test requires InnoDB\n");
        site.test_file(&format!("{name}.opt"), "--innodb\n--innodb-page-size=12345\n");
    }
    let run = site.run().args(["--force", "--retry=0", "--suite=own"]).finish();
    run.verdict("own.one", "skipped")
        .verdict("own.two", "skipped")
        .says("Tests were skipped because:")
        .says("; the server went on without InnoDB [MTR-S007]: own.one and 1 more");
    assert_eq!(run.text.matches("the server went on without InnoDB").count(), 1, "{run:?}");
}

/// A skip that has nothing to do with it.
#[test]
fn a_test_that_is_skipped_for_another_reason() {
    let (_site, run) = without_innodb("--skip Test requires a full moon\n");
    run.verdict("own.bad", "skipped").does_not_say("went on without");
}
