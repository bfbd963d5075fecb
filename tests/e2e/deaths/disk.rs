//! By the disk.

use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use super::Death;

/// InnoDB, without which the server ends; it makes temporary files when it starts.
const INNODB: &str = "--innodb=FORCE";

#[test]
fn the_directory_for_temporary_files_is_missing() {
    let died = Death::by_options(INNODB).with("\n--tmpdir=/nosuch/dir").dies();
    died.page("MTR-S055")
        .cause("MTR-S055", "/nosuch/dir does not exist: --tmpdir=/nosuch/dir (")
        .cause("MTR-S055", "dead.opt:2")
        .evidence("Can't create/write to file '/nosuch/dir/")
        .evidence("InnoDB: Unable to create temporary file; errno: 2")
        .fix("--tmpdir=$MYSQLTEST_VARDIR/tmp");
}

#[test]
fn the_directory_for_temporary_files_is_a_file() {
    let died = Death::by_options(INNODB).with(" --tmpdir=/etc/passwd:/etc/passwd").dies();
    died.cause("MTR-S055", "/etc/passwd is not a directory").evidence("Not a directory");
}

#[test]
fn the_directory_for_temporary_files_is_not_writable() {
    let died = Death::by_options(INNODB)
        .with(" --user=nobody --tmpdir=/root")
        .prepared_by("chown -R nobody $MYSQLTEST_VARDIR\n")
        .dies();
    died.cause("MTR-S055", "/root cannot be used: ")
        .evidence("Permission denied")
        .fix("name another directory: --tmpdir=$MYSQLTEST_VARDIR/tmp; or ");
}

/// More than the disks of test machines have. The file is allocated when it is made.
#[test]
fn the_redo_log_does_not_fit_on_the_disk() {
    let died = Death::by_options(INNODB).with(" --innodb-log-file-size=500G").dies();
    died.page("MTR-S057")
        .cause("MTR-S057", "no space is left on the disk for './ib_logfile101': 500 GiB wanted")
        .cause("MTR-S057", "--innodb-log-file-size=500G (")
        .evidence("failed with error 28")
        .evidence("free now")
        .fix("--vardir");
}

#[test]
fn the_system_tablespace_does_not_fit_on_the_disk() {
    let died = Death::by_options(INNODB)
        .with(" --innodb-data-file-path=ibdata1:12M;ibdata2:900G")
        .prepared_by("rm -f $MYSQLTEST_VARDIR/mysqld.1/data/ib*\n")
        .dies();
    died.cause("MTR-S057", "'./ibdata2': 900 GiB wanted, --innodb-data-file-path=")
        .evidence("Probably out of disk space");
}

/// A server that meets a full disk in a log waits for room, for minutes.
#[test]
fn a_server_that_waits_for_room() {
    let died = Death::by_words(
        "2026-11-23 19:53:03 0 [Warning] mariadbd: Disk is full writing './x.000001' (Errcode: 28 \"No space left on \
         device\"). Waiting for someone to free space... (Expect up to 60 secs delay for server to continue after \
         freeing disk space)\n2026-11-23 19:53:03 0 [Warning] mariadbd: Retry in 60 secs. Message reprinted in 600 secs",
    )
    .env("FAKE_END", "hang")
    .env("MTR_START_TIMEOUT", "1")
    .dies();
    died.cause("MTR-S057", "no space is left on the disk for './x.000001'").evidence("Waiting for someone");
}

/// At its start the server makes temporary files and writes nothing into them: only a statement of `--init-file` or
/// an upgrade fills the directory.
#[test]
fn the_directory_for_temporary_files_is_full() {
    let died = Death::by_words(
        "2026-11-23 19:00:00 0 [ERROR] mariadbd: Error writing file '/small/MLfd=31' (Errcode: 28 \"No space left on \
         device\")\n2026-11-23 19:00:00 0 [ERROR] Aborting",
    )
    .with("--tmpdir=/small")
    .dies();
    died.page("MTR-S056")
        .cause("MTR-S056", "no space is left for temporary files for '/small/MLfd=31': --tmpdir=/small (")
        .evidence("Error writing file")
        .fix("--tmpdir");
}

#[test]
fn the_quota_is_used_up() {
    let died = Death::by_words(
        "2026-11-23 19:00:00 0 [ERROR] mariadbd: Error writing file './aria_log.00000001' (Errcode: 122 \"Disk quota \
         exceeded\")\n2026-11-23 19:00:00 0 [ERROR] Aborting",
    )
    .dies();
    died.page("MTR-S059")
        .cause("MTR-S059", "the disk quota of the server's user")
        .evidence("Errcode: 122")
        .fix("quota");
}

/// The limit is put on the runner, from which servers inherit it.
#[test]
fn a_file_grows_over_the_limit_of_file_sizes() {
    let died = Death::by_options(INNODB).prepared_by("prlimit --pid $PPID --fsize=100000\n").dies();
    died.cause("MTR-S059", "over the limit of file sizes of 97.7 KiB").evidence("ulimit -f").fix("ulimit -f");
}

/// A small file system of its own, where the machine lets us mount one.
struct Mounted {
    dir: TempDir,
}

impl Mounted {
    fn new(options: &str) -> Option<Mounted> {
        let dir = tempfile::tempdir().unwrap();
        let mount =
            Command::new("mount").args(["-t", "tmpfs", "-o", options, "none"]).arg(dir.path()).output();
        mount.is_ok_and(|output| output.status.success()).then_some(Mounted { dir })
    }

    fn path(&self) -> &Path {
        self.dir.path()
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(self.path()).status();
    }
}

/// A machine that forbids mounting has no file system without inodes: there the same words are a full disk.
#[test]
fn no_inodes_are_left() {
    let mounted = Mounted::new("size=100m,nr_inodes=1");
    let dir =
        mounted.as_ref().map_or_else(|| PathBuf::from("/nosuch/small"), |mounted| mounted.path().into());
    let log = format!(
        "2026-11-23 19:53:03 0 [ERROR] mariadbd: Can't create/write to file '{0}/ibMZUnOy' (Errcode: 28 \"No space left \
         on device\")\n2026-11-23 19:53:03 0 [ERROR] InnoDB: Unable to create temporary file; errno: 28",
        dir.display()
    );
    let tmpdir = format!(" --tmpdir={}", dir.display());
    if mounted.is_some() {
        let died = Death::by_options(INNODB).with(&tmpdir).dies();
        died.page("MTR-S058")
            .cause("MTR-S058", "no inodes are left to make a file for '")
            .evidence("Errcode: 28")
            .evidence(" and 0 inodes free now")
            .fix("df -i");
        let log_bin = format!("--log-bin={}/x", dir.display());
        Death::by_options(&log_bin).dies().cause("MTR-S057", "x.000001'").evidence("Errcode: 28");
    } else {
        Death::by_words(&log).with(&tmpdir).dies().cause("MTR-S056", "no space is left for temporary files");
    }
}
