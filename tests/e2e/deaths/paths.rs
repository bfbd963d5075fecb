//! By paths that options name.

use super::network::FOR_NOBODY;
use super::{Death, EXIT_TIMEOUT};
use crate::skip::root_is_there;

/// A configuration with this line for the server: the data directory is made without it.
pub fn configuration(line: &str) -> String {
    format!("!include include/default_my.cnf\n[mysqld.1]\n{line}\n")
}

#[test]
fn a_pid_file_in_a_directory_that_is_missing() {
    let died =
        Death::by_options("--pid-file=/nonexist/x.pid\n").env("MTR_START_TIMEOUT", EXIT_TIMEOUT).dies();
    died.page("MTR-S036")
        .cause("MTR-S036", "the pid file '/nonexist/x.pid' (")
        .cause("MTR-S036", "dead.opt:1) cannot be written: the directory '/nonexist' does not exist")
        .evidence("can't create PID file: No such file or directory")
        .fix("remove --pid-file=/nonexist/x.pid");
}

#[test]
fn a_pid_file_where_the_server_may_not_write() {
    if !root_is_there("to give files to another user than the server's") {
        return;
    }
    let died = Death::by_options("--user=nobody\n--pid-file=$MYSQLTEST_VARDIR/nowrite/x.pid\n")
        .prepared_by(FOR_NOBODY)
        .env("MTR_START_TIMEOUT", EXIT_TIMEOUT)
        .dies();
    died.cause("MTR-S036", "/nowrite/x.pid' (")
        .cause("MTR-S036", "may not write to the directory '")
        .cause("MTR-S036", "/nowrite' (mode 0755, owned by user id 0)")
        .evidence("can't create PID file: Permission denied")
        .fix("remove --pid-file=");
}

#[test]
fn a_pid_file_that_is_a_directory() {
    let options = "--pid-file=$MYSQLTEST_VARDIR/tmp\n";
    let died = Death::by_options(options).env("MTR_START_TIMEOUT", EXIT_TIMEOUT).dies();
    died.cause("MTR-S036", "cannot be written: Is a directory")
        .evidence("can't create PID file: Is a directory");
}

/// The server dies of its binary log; it would have gone on without its general log.
#[test]
fn a_binary_log_in_a_directory_that_is_missing() {
    let died = Death::by_options(
        "--general-log\n--general-log-file=/nonexist2/g.log\n--log-bin=/nonexist/master-bin\n",
    )
    .dies();
    died.page("MTR-S087")
        .cause("MTR-S087", "the directory of the binary log '/nonexist/master-bin' is not there")
        .cause("MTR-S087", "dead.opt:3")
        .evidence("Could not use /nonexist/master-bin for logging (error 2)")
        .fix("mkdir -p /nonexist")
        .also_seen("MTR-S037");
}

#[test]
fn an_index_of_binary_logs_in_a_directory_that_is_missing() {
    let died = Death::by_options("--log-bin\n--log-bin-index=/nonexist/y.index\n").dies();
    died.cause("MTR-S087", "'/nonexist/y.index' is not there")
        .evidence("File '/nonexist/y.index' not found (Errcode: 2")
        .also_seen("MTR-S037");
}

#[test]
fn a_directory_of_aria_that_is_missing() {
    let died = Death::by_options("--aria-log-dir-path=/nonexist\n").dies();
    died.page("MTR-S037")
        .cause("MTR-S037", "(--aria-log-dir-path=/nonexist, ")
        .cause("MTR-S037", "the directory '/nonexist' does not exist")
        .evidence("Can't create/write to file '/nonexist/aria_log_control' (Errcode: 2");
}

#[test]
fn a_directory_of_innodb_that_is_missing() {
    for (option, file) in [("innodb-data-home-dir", "ibdata1"), ("innodb-log-group-home-dir", "ib_logfile")] {
        let died = Death::by_options("--innodb=FORCE\n")
            .configured_by(&configuration(&format!("{option}=/nonexist")))
            .dies();
        died.cause("MTR-S037", &format!("'/nonexist/{file}"))
            .cause("MTR-S037", &format!("' ({option}=/nonexist, "))
            .cause("MTR-S037", "the directory '/nonexist' does not exist")
            .evidence(file);
    }
}

#[test]
fn a_directory_that_the_server_cannot_resolve() {
    let died = Death::by_options("--secure-file-priv=/nonexist\n").dies();
    died.cause("MTR-S037", "the directory of --secure-file-priv (--secure-file-priv=/nonexist, ")
        .evidence("Failed to normalize the argument for --secure-file-priv")
        .fix("mkdir -p /nonexist");
}

#[test]
fn a_binary_log_where_the_server_may_not_write() {
    if !root_is_there("to give files to another user than the server's") {
        return;
    }
    let died = Death::by_options("--user=nobody\n--log-bin=$MYSQLTEST_VARDIR/nowrite/y\n")
        .prepared_by(FOR_NOBODY)
        .dies();
    died.cause("MTR-S087", "may not write the binary log '")
        .evidence("Errcode: 13")
        .fix("--user")
        .also_seen("MTR-S038");
}

#[test]
fn a_directory_of_aria_where_the_server_may_not_write() {
    if !root_is_there("to give files to another user than the server's") {
        return;
    }
    let died = Death::by_options("--user=nobody\n--aria-log-dir-path=$MYSQLTEST_VARDIR/nowrite\n")
        .prepared_by(FOR_NOBODY)
        .dies();
    died.page("MTR-S038")
        .cause("MTR-S038", "/nowrite/aria_log_control' (--aria-log-dir-path=")
        .evidence("Errcode: 13")
        .fix("remove --user=nobody (");
}
