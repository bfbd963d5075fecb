//! By the disk.

use std::process::Command;

use super::Death;

/// InnoDB at its defaults, without which the server ends.
const INNODB: &str = "--innodb=FORCE";

#[test]
fn the_directory_for_temporary_files_is_missing() {
    let died = Death::by_options(&format!("{INNODB}\n--tmpdir=/nosuch/dir\n")).dies();
    died.cause("MTR-S055", "/nosuch/dir does not exist: --tmpdir=/nosuch/dir")
        .cause("MTR-S055", "dead.opt:2")
        .evidence("Can't create/write to file '/nosuch/dir/")
        .fix("--tmpdir=$MYSQLTEST_VARDIR/tmp");
}

#[test]
fn the_second_directory_for_temporary_files_is_a_file() {
    let died = Death::by_options(&format!("{INNODB} --tmpdir=/dev/shm:/etc/passwd\n")).dies();
    died.cause("MTR-S055", "/etc/passwd is not a directory").evidence("Not a directory");
}

#[test]
fn the_directory_for_temporary_files_is_not_writable() {
    let died = Death::by_options(&format!("{INNODB} --user=nobody --tmpdir=/root\n"))
        .prepared_by("chown -R nobody $MYSQLTEST_VARDIR\n")
        .dies();
    died.cause("MTR-S055", "/root is not writable for the server: --tmpdir=/root")
        .evidence("Permission denied")
        .fix("--user");
}

/// More than any disk has: the redo log is allocated when it is made.
#[test]
fn the_redo_log_does_not_fit_on_the_disk() {
    let died = Death::by_options(&format!("{INNODB}\n--innodb-log-file-size=500G\n"))
        .arg("--mysqld=--innodb-log-file-size=500G")
        .dies();
    died.cause("MTR-S057", "no space is left on the disk for './ib_logfile101': 500 GiB wanted")
        .evidence("failed with error 28")
        .evidence("free now")
        .fix("--vardir");
}

#[test]
fn the_system_tablespace_does_not_fit_on_the_disk() {
    let died = Death::by_options(&format!("{INNODB} --innodb-data-file-path=ibdata1:12M;ibdata2:900G\n"))
        .prepared_by("rm -f $MYSQLTEST_VARDIR/mysqld.1/data/ib*\n")
        .dies();
    died.cause("MTR-S057", "'./ibdata2': 900 GiB wanted, --innodb-data-file-path=")
        .evidence("Probably out of disk space");
}

/// The limit is set on the runner, from which servers inherit it.
#[test]
fn a_file_grows_over_the_limit_of_file_sizes() {
    let died = Death::by_options(INNODB).prepared_by("prlimit --pid $PPID --fsize=100000\n").dies();
    died.cause("MTR-S059", "over the limit of file sizes of 97.7 KiB").evidence("ulimit -f").fix("ulimit -f");
}

/// Whether this machine lets us mount; a container may not.
fn mounted(dir: &std::path::Path, options: &str) -> bool {
    std::fs::create_dir_all(dir).unwrap();
    let mount = Command::new("mount").args(["-t", "tmpfs", "-o", options, "none"]).arg(dir).output();
    mount.is_ok_and(|output| output.status.success())
}
