//! Fixes that a program applies, of causes whose page shows another example: the server starts then.

use std::fs;

use super::Death;
use super::paths::configuration;
use crate::skip::skip;
use crate::support::server_version;

/// A server whose data directory is one outside of the var directory, a copy of the runner's in which this was done.
fn own_datadir(options: &str, script: &str) -> Death {
    let death = Death::by_options(options);
    let dir = death.site().path("data");
    let prepare = format!(
        "test -d {0} || cp -r $MYSQLTEST_VARDIR/mysqld.1/data {0}\ncd {0} || exit\n{script}\n",
        dir.display()
    );
    death.with(&format!("--datadir={}", dir.display())).prepared_by(&prepare)
}

/// What is wrong with a data directory of somebody's own is no loss: the runner makes one for each server.
#[test]
fn a_data_directory_of_ones_own_that_is_of_no_use() {
    if server_version() < 100_600 {
        return skip(
            "MariaDB 10.5 makes a new redo log, and goes on with part of a damaged system tablespace",
        );
    }
    for (code, options, script) in [
        ("MTR-S042", "--pid-file=$MYSQLTEST_VARDIR/run/other.pid\n", "rm -rf mysql"),
        ("MTR-S046", "--innodb=FORCE\n", ": > ib_logfile0"),
        ("MTR-S048", "", ": > aria_log_control"),
        ("MTR-S050", "--innodb=FORCE\n", "rm -f ibdata1"),
    ] {
        let died = own_datadir(options, script).dies();
        died.fix("remove --datadir=");
        if code != "MTR-S042" {
            died.mends(code);
        }
    }
}

/// The server makes its pid file before it opens its system tables.
#[test]
fn a_data_directory_of_ones_own_without_system_tables() {
    own_datadir("", "rm -rf mysql").dies_late().mends("MTR-S042");
    let script = "printf '\\377\\377' | dd of=mysql/db.frm bs=1 conv=notrunc 2>/dev/null";
    own_datadir("", script).dies_late().mends("MTR-S044");
}

/// Directories that are to be made, with those above them.
#[test]
fn directories_that_are_not_there_are_made() {
    for (code, option) in [
        ("MTR-S037", "--aria-log-dir-path=DIR/a/b"),
        ("MTR-S037", "--secure-file-priv=DIR/a/b"),
        ("MTR-S087", "--log-bin=DIR/a/b/x"),
    ] {
        let death = Death::by_options("");
        let dir = death.site().path("made").display().to_string();
        let died = death.with(&option.replace("DIR", &dir)).dies();
        died.fix(&format!("mkdir -p {dir}/a/b")).mends(code);
        assert!(fs::metadata(format!("{dir}/a/b")).is_ok(), "{option}");
    }
}

#[test]
fn a_library_of_a_name_that_is_nearly_right() {
    let died = Death::by_options("--plugin-load-add=ha_arkive.so\n--archive=FORCE\n").dies();
    died.fix("Write --plugin-load-add=ha_archive.so").mends("MTR-S020");
}

/// The server's option file is outside of the var directory.
#[test]
fn an_option_before_the_first_group() {
    let death = Death::by_options("");
    let file = death.site().path("other.cnf");
    let text = format!("max-connections=77\n!include {}\n", death.site().path("var/my.cnf").display());
    fs::write(&file, text).unwrap();
    let died = death.with(&format!("--defaults-file={}", file.display())).dies();
    died.mends("MTR-S012");
}

#[test]
fn options_in_a_configuration() {
    let died = Death::by_options("").configured_by(&configuration("aria-block-size=16384")).dies();
    died.fix("remove aria-block-size=16384").mends("MTR-S048");
    let died =
        Death::by_options("").configured_by(&configuration("bind-address=no.such.host.invalid")).dies();
    died.fix("remove bind-address=no.such.host.invalid").mends("MTR-S032");
    for (code, line) in [
        ("MTR-S006", "key-buffer-size = 12Q"),
        ("MTR-S018", "sql-mode=ANSI --max-connections=5"),
        ("MTR-S084", "ssl-cipher=NOSUCH"),
    ] {
        let died = Death::by_options("").configured_by(&configuration(line)).dies();
        let place = died.diagnosis["culprit"]["origin"].as_str().unwrap_or_default();
        assert!(place.ends_with("own/dead.cnf:3"), "{code}: {place:?}\n{:?}", died.run);
        if code == "MTR-S084" {
            died.mends(code);
        }
    }
}

/// A socket of one's own is where the runner does not look.
#[test]
fn a_server_that_listens_elsewhere() {
    let death = Death::by_options("--socket=$MYSQLTEST_VARDIR/tmp/own.sock\n");
    let died = death.fails_by("check");
    died.page("MTR-S106")
        .cause(
            "MTR-S106",
            "mysqld.1 is ready and listens on another socket than the runner connects to: --socket=",
        )
        .fix("remove --socket=")
        .mends("MTR-S106");
}

/// Enough causes have a fix that a program applies: the list of `page`, and those above all and elsewhere.
#[test]
fn most_causes_have_a_fix_that_works() {
    let mut codes: std::collections::BTreeSet<&str> = super::MENDED.iter().copied().collect();
    let texts = [include_str!("mended.rs"), include_str!("context.rs"), include_str!("waiting.rs")];
    for text in texts {
        codes.extend(text.split(".mends(\"").skip(1).filter_map(|rest| rest.split('"').next()));
    }
    assert!(codes.len() >= 60, "{}: {codes:?}", codes.len());
}
