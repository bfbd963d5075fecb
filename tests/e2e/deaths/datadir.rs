//! By what is in the data directory, or is not.

use super::network::FOR_NOBODY;
use super::paths::configuration;
use super::{Death, Diagnosed};
use crate::skip::{root_is_there, skip, skip_part};
use crate::support::server_version;

/// A server that needs InnoDB, after this script in its data directory.
fn innodb_after(script: &str) -> Diagnosed {
    Death::by_options("--innodb=FORCE\n").prepared_by(&in_datadir(script)).dies()
}

/// The same; servers before 10.6 make a new redo log, and go on with part of a damaged system tablespace.
fn innodb_of_10_6_after(script: &str) -> Option<Diagnosed> {
    Death::by_options("--innodb=FORCE\n").prepared_by(&in_datadir(script)).dies_since(100_600)
}

/// The script, run in the data directory.
fn in_datadir(script: &str) -> String {
    format!("cd $MYSQLTEST_VARDIR/mysqld.1/data || exit\n{script}\n")
}

/// Another server on the same data directory, with these options. The runner ends it with the test.
fn other_server(options: &str) -> String {
    let log = "$MYSQLTEST_VARDIR/tmp/other.err";
    format!(
        "data=$MYSQLTEST_VARDIR/mysqld.1/data\n\
         setsid timeout 20 ${{MYSQLD:-mariadbd}} --no-defaults --user=root --datadir=$data --socket=$data/s \
         --skip-networking --pid-file=$data/p {options} </dev/null >/dev/null 2>{log} &\n\
         for i in $(seq 100); do grep -q 'ready for connections' {log} && break; sleep 0.2; done\n"
    )
}

#[test]
fn that_is_missing() {
    let died = Death::by_options("--loose-x\n--datadir=/nonexist\n").dies();
    died.page("MTR-S040")
        .cause("MTR-S040", "the data directory '/nonexist/' (--datadir=/nonexist, ")
        .cause("MTR-S040", "dead.opt:2) does not exist")
        .evidence("Can't change dir to '/nonexist/' (Errcode: 2")
        .fix("remove --datadir=/nonexist");
}

#[test]
fn that_was_removed() {
    let died = Death::by_options("").prepared_by("rm -r $MYSQLTEST_VARDIR/mysqld.1/data\n").dies();
    died.cause("MTR-S040", "my.cnf:").cause("MTR-S040", "does not exist").fix("-master.sh");
}

#[test]
fn that_is_a_file() {
    let script = "rm -r $MYSQLTEST_VARDIR/mysqld.1/data && touch $MYSQLTEST_VARDIR/mysqld.1/data\n";
    let died = Death::by_options("").prepared_by(script).dies();
    died.cause("MTR-S040", "is not a directory").evidence("(Errcode: 20");
}

#[test]
fn where_the_server_may_not_write() {
    if !root_is_there("to give files to another user than the server's") {
        return;
    }
    let script = format!("{FOR_NOBODY}chown root mysqld.1/data && chmod 755 mysqld.1/data\n");
    if server_version() < 100_600 {
        return skip("MariaDB 10.5 has its pid file before it finds something to write there");
    }
    let died = Death::by_options("--user=nobody\n").prepared_by(&script).dies();
    died.page("MTR-S041")
        .cause("MTR-S041", "cannot be used: the server's user (--user=nobody, ")
        .cause("MTR-S041", "may not write to the directory '")
        .cause("MTR-S041", "/mysqld.1/data' (mode 0")
        .evidence("(Errcode: 13")
        .fix("remove --user=nobody (");
}

#[test]
fn with_files_that_the_server_may_not_write() {
    if !root_is_there("to give files to another user than the server's") {
        return;
    }
    for (options, file, words) in [
        ("--user=nobody\n", "aria_log_control", "aria_log_control' not found (Errcode: 13"),
        ("--user=nobody\n--innodb=FORCE\n", "ibdata1", "ibdata1' must be writable"),
    ] {
        let script =
            format!("{FOR_NOBODY}chown root mysqld.1/data/{file} && chmod 600 mysqld.1/data/{file}\n");
        let died = Death::by_options(options).prepared_by(&script).dies();
        died.cause("MTR-S041", &format!("/data/{file}' (mode 0600, owned by user id 0)"))
            .evidence(words)
            .fix("remove --user=nobody (");
    }
}

/// The server makes its pid file before it opens its system tables: the first check of the test finds it dead, which is
/// told as any death at start.
#[test]
fn without_system_tables_behind_the_pid_file() {
    let died = Death::by_options("").prepared_by(&in_datadir("rm -r mysql")).dies_late();
    died.page("MTR-S042")
        .cause("MTR-S042", "is not initialised: it has no system tables (Table 'mysql.db' doesn't exist)")
        .evidence("Fatal error: Can't open and lock privilege tables")
        .fix("bootstrap.log");
    died.run.says("crashed while running 'check testcase before test'");
    let died = Death::by_options("").prepared_by(&in_datadir("rm mysql/db.*; echo x > mysql/db.frm"));
    died.dies_late().cause("MTR-S044", "are corrupt or were made by another version");
}

/// With a pid file of its own the runner does not take it for ready.
#[test]
fn without_system_tables() {
    let options = "--pid-file=$MYSQLTEST_VARDIR/run/other.pid\n";
    let died = Death::by_options(options).prepared_by(&in_datadir("rm -r mysql")).dies();
    died.cause("MTR-S042", "is not initialised: it has no system tables (Table 'mysql.db' doesn't exist)")
        .evidence("Fatal error: Can't open and lock privilege tables")
        .fix("bootstrap.log");
    let died = Death::by_options(options).prepared_by(&in_datadir("rm mysql/global_priv.*")).dies();
    died.cause("MTR-S042", "lacks system tables: 'mysql.user' is not of type 'TABLE'")
        .evidence("Fatal error: Can't open and lock privilege tables");
}

#[test]
fn that_another_server_has_innodb_of() {
    let died = Death::by_options("--innodb=FORCE\n--aria-log-dir-path=$MYSQLTEST_VARDIR/tmp\n")
        .prepared_by(&other_server("--innodb"))
        .dies();
    died.page("MTR-S043")
        .cause("MTR-S043", "is in use by process ")
        .cause("MTR-S043", "--no-defaults")
        .cause("MTR-S043", "; './ibdata1' is locked")
        .evidence("InnoDB: Unable to lock ./ibdata1 error: 11")
        .evidence("/mysqld.1/data/ibdata1: ")
        .fix("end process ");
}

/// The server waits half a minute for this lock; the runner has less patience.
#[test]
fn that_another_server_has_aria_of() {
    let died = Death::by_options("--skip-innodb\n")
        .prepared_by(&other_server("--skip-innodb --default-storage-engine=MyISAM"))
        .env("MTR_START_TIMEOUT", "2")
        .dies();
    died.cause("MTR-S043", "is in use by process ")
        .cause("MTR-S043", "/aria_log_control' is locked")
        .evidence("Can't lock aria control file")
        .evidence("/mysqld.1/data/aria_log_control: ")
        .fix("end process ");
}

/// A redo log whose header names another format and maker, with a right checksum.
#[test]
fn of_a_newer_version() {
    let script = r#"
perl -e 'open F, "+<", "ib_logfile0" or die; binmode F; read F, $h, 512;
  substr($h, 0, 4) = pack "N", 77; substr($h, 16, 32) = pack "a32", "MariaDB 13.1.2";
  $c = 0xffffffff;
  for $b (unpack "C508", $h) { $c ^= $b; $c = $c & 1 ? ($c >> 1) ^ 0x82f63b78 : $c >> 1 for 1..8 }
  substr($h, 508, 4) = pack "N", $c ^ 0xffffffff; seek F, 0, 0; print F $h'"#;
    innodb_after(script)
        .cause("MTR-S044", "was made by MariaDB 13.1.2; this server (1")
        .evidence("redo log was created with MariaDB 13.1.2")
        .fix("with the server that made it");
}

#[test]
fn with_system_tables_of_another_version() {
    let died = Death::by_options("--pid-file=$MYSQLTEST_VARDIR/run/other.pid\n")
        .prepared_by(&in_datadir(
            "printf '\\377\\377' | dd of=mysql/db.frm bs=1 conv=notrunc 2>/dev/null\n\
             echo 12.3.1-MariaDB > mariadb_upgrade_info; echo 12.3.1-MariaDB > mysql_upgrade_info",
        ))
        .dies();
    died.page("MTR-S044")
        .cause("MTR-S044", "are corrupt or were made by another version by 12.3.1-MariaDB")
        .evidence("Incorrect information in file: './mysql/db.frm'");
}

#[test]
fn with_another_page_size() {
    let died =
        Death::by_options("--innodb=FORCE\n").configured_by(&configuration("innodb-page-size=8k")).dies();
    died.page("MTR-S045")
        .cause("MTR-S045", "the pages of './ibdata1' have 16384 bytes, the server is to use 8192")
        .cause("MTR-S045", "(innodb-page-size=8k, ")
        .evidence("uses page size 16384, but the innodb_page_size start-up parameter is 8192")
        .fix("write --innodb-page-size=… into the test's .opt");
}

#[test]
fn without_a_redo_log() {
    if let Some(died) = innodb_of_10_6_after("rm ib_logfile0") {
        died.page("MTR-S046")
            .cause("MTR-S046", "InnoDB's redo log './ib_logfile0' is missing")
            .evidence("File ./ib_logfile0 was not found")
            .fix("fresh data directory");
    }
}

#[test]
fn with_a_redo_log_that_was_cut() {
    if let Some(died) = innodb_of_10_6_after(": > ib_logfile0") {
        died.cause("MTR-S046", "InnoDB's redo log 'ib_logfile0' is empty").evidence("ib_logfile0 is empty");
    }
    let died = innodb_after("truncate -s 4096 ib_logfile0");
    if server_version() < 100_600 {
        died.cause("MTR-S046", "InnoDB's redo log is corrupt: Missing FILE_CHECKPOINT");
    } else {
        died.cause("MTR-S046", "InnoDB's redo log './ib_logfile0' has been cut")
            .evidence("File ./ib_logfile0 is too small");
    }
}

#[test]
fn with_a_redo_log_that_was_overwritten() {
    for (script, cause, words) in [
        ("dd if=/dev/urandom of=ib_logfile0 bs=1k count=20", "is corrupt: Invalid ", "checksum"),
        (
            "dd if=/dev/zero of=ib_logfile0 bs=1k count=20",
            "has no valid header: it was overwritten",
            "10.2.2",
        ),
        ("dd if=/dev/urandom of=ib_logfile0 bs=1k seek=12 count=200", "is corrupt: ", "FILE_CHECKPOINT"),
    ] {
        if let Some(died) = innodb_of_10_6_after(&format!("{script} conv=notrunc 2>/dev/null")) {
            died.cause("MTR-S046", cause).evidence(words);
        }
    }
}

#[test]
fn without_its_undo_tablespaces() {
    for (script, words) in [
        ("rm undo001", "the undo tablespace undo00"),
        (": > undo001", "Unable to read first page of file .//undo001"),
        ("dd if=/dev/urandom of=undo002 bs=16k count=1 conv=notrunc 2>/dev/null", ".//undo002"),
    ] {
        let words = match script {
            // 10.5 says how many it wanted.
            "rm undo001" if server_version() < 100_600 => "innodb_undo_tablespaces=3",
            ": > undo001" if server_version() < 100_600 => {
                skip_part("MariaDB 10.5 ends itself when it cannot read an undo tablespace at all");
                continue;
            }
            _ => words,
        };
        let died = Death::by_options("--innodb=FORCE\n--innodb-undo-tablespaces=3\n")
            .prepared_by(&in_datadir(script))
            .dies();
        if script == "rm undo001" {
            died.page("MTR-S047");
        }
        died.cause("MTR-S047", words).cause("MTR-S047", "(--innodb-undo-tablespaces=3, ").evidence(words);
    }
}

/// The server reads such a log for ever and says nothing.
#[test]
fn with_a_log_of_aria_that_is_cut() {
    // The server fills up the page that it is at.
    for bytes in [0, 10_000] {
        let script = in_datadir(&format!("truncate -s {bytes} aria_log.00000001"));
        let died = Death::by_options("").prepared_by(&script).env("MTR_START_TIMEOUT", "2").dies();
        died.cause("MTR-S048", "/mysqld.1/data/aria_log.00000001' is cut")
            .evidence(" bytes, and a log has 16384 at least")
            .fix("fresh data directory")
            .also_seen("MTR-S100");
    }
}

#[test]
fn with_files_of_aria_that_are_none() {
    let script = in_datadir("rm aria_log_control; mkdir aria_log_control");
    let died = Death::by_options("").prepared_by(&script).dies();
    died.page("MTR-S048")
        .cause("MTR-S048", "Aria's control file '")
        .cause("MTR-S048", "' is no file")
        .evidence("Errcode: 21");
    // This server crashes over it.
    let script = in_datadir("rm aria_log.00000001; mkdir aria_log.00000001");
    let died = Death::by_options("").prepared_by(&script).arg("--print-core=no").dies();
    died.cause("MTR-S090", "SIGSEGV").also_seen("MTR-S048");
}

#[test]
fn with_a_corrupt_control_file_of_aria() {
    for (script, words) in [
        (": > aria_log_control", "Size of control file is smaller than expected"),
        (
            "dd if=/dev/urandom of=aria_log_control bs=52 count=1 2>/dev/null",
            "Missing valid id at start of file",
        ),
    ] {
        let died = Death::by_options("").prepared_by(&in_datadir(script)).dies();
        died.cause("MTR-S048", "Aria's control file '")
            .cause("MTR-S048", &format!("/aria_log_control' is corrupt: {words}"))
            .evidence(words)
            .fix("aria_chk");
    }
}

#[test]
fn with_another_block_size_of_aria() {
    let died = Death::by_options("--aria-block-size=16384\n").dies();
    died.cause("MTR-S048", "another block size than the server is to use (--aria-block-size=16384, ")
        .evidence("Block size in control file (8192) is different")
        .fix("remove --aria-block-size");
}

#[test]
fn with_other_data_files_than_configured() {
    for (line, cause, words) in [
        (
            "ibdata1:99M",
            "'./ibdata1' has 768 pages, and innodb_data_file_path asks for 6336",
            "different size",
        ),
        ("other1:12M", "other1' is not there", "did not exist"),
    ] {
        let died = Death::by_options("--innodb=FORCE\n")
            .configured_by(&configuration(&format!("innodb-data-file-path={line}")))
            .dies();
        died.cause("MTR-S049", cause)
            .cause("MTR-S049", &format!("(innodb-data-file-path={line}, "))
            .evidence(words)
            .fix("into the test's .opt");
    }
}

#[test]
fn with_a_part_of_its_data_files() {
    let options = "--innodb=FORCE\n--innodb-data-file-path=ibdata1:12M;ibdata2:12M:autoextend\n";
    let died = Death::by_options(options).prepared_by(&in_datadir("rm ibdata2")).dies();
    died.page("MTR-S049")
        .cause("MTR-S049", "the system tablespace has lost its end")
        .evidence("sum of data file sizes");
    let died = Death::by_options(options).prepared_by(&in_datadir("rm ibdata1")).dies();
    died.cause("MTR-S049", "data files of the system tablespace are missing")
        .evidence("was not found but one");
    innodb_after(": > ibdata1")
        .cause("MTR-S049", "the data file './ibdata1' has 0 pages")
        .evidence("different size 0 pages")
        .fix("fresh data directory");
}

#[test]
fn without_a_system_tablespace() {
    innodb_after("rm ibdata1")
        .cause("MTR-S050", "InnoDB's system tablespace '")
        .cause("MTR-S050", "ibdata1' is missing")
        .evidence("ibdata1' did not exist")
        // Files of the redo log, or from 11.0 on of undo tablespaces.
        .evidence("exists. Creating system tablespace with existing");
    let died = Death::by_options("--innodb=FORCE\n--innodb-force-recovery=6\n")
        .prepared_by(&in_datadir("rm ibdata1"))
        .dies();
    died.page("MTR-S050")
        .cause("MTR-S050", "ibdata1' is missing")
        .evidence("Can't create file './ibdata1' when --innodb-force-recovery is set");
}

#[test]
fn with_a_corrupt_system_tablespace() {
    for (script, words) in [
        ("dd if=/dev/urandom of=ibdata1 bs=16k count=8 conv=notrunc 2>/dev/null", "ablespace ID"),
        ("dd if=/dev/zero of=ibdata1 bs=16k count=1 conv=notrunc 2>/dev/null", "zero bytes"),
        ("dd if=/dev/urandom of=ibdata1 bs=16k seek=5 count=3 conv=notrunc 2>/dev/null", "page no stored"),
        ("printf '\\377\\377' | dd of=ibdata1 bs=1 seek=54 conv=notrunc 2>/dev/null", "flags are invalid"),
    ] {
        if let Some(died) = innodb_of_10_6_after(script) {
            died.cause("MTR-S050", "InnoDB's file './ibdata1' is corrupt: ")
                .cause("MTR-S050", words)
                .evidence(words);
        }
    }
}

/// A server that was killed leaves a redo log to be applied, which needs writing.
#[test]
fn that_may_not_be_recovered() {
    let killed = "echo 'create table test.r (i int) engine=innodb;' > $MYSQLTEST_VARDIR/tmp/i.sql\n"
        .to_owned()
        + &other_server("--innodb --init-file=$MYSQLTEST_VARDIR/tmp/i.sql")
        + "kill -9 $(cat $data/p)\nwhile kill -0 $(cat $data/p) 2>/dev/null; do sleep 0.1; done\n";
    let died = Death::by_options("--innodb=FORCE\n--innodb-read-only\n").prepared_by(&killed).dies();
    died.cause("MTR-S050", "innodb_read_only prevents crash recovery (--innodb-read-only, ")
        .evidence("innodb_read_only prevents crash recovery")
        .fix("remove --innodb-read-only for one start");
}
