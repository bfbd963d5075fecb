//! By options: how they are written, which there are, what they are set to, where they stand.

use super::Death;
use crate::skip::{root_is_there, skip, skip_part};
use crate::support::server_version;

#[test]
fn blanks_around_the_equals_sign() {
    let died = Death::by_options("--loose_handlersocket_port = 9998\n--open_files_limit = 65535\n").dies();
    died.page("MTR-S001")
        .cause("MTR-S001", "'--open_files_limit = 65535'")
        .cause("MTR-S001", "dead.opt:2")
        .evidence("Error while setting value '=' to 'open_files_limit'")
        .fix("write --open_files_limit=65535")
        .fix("write --loose_handlersocket_port=9998");
}

#[test]
fn a_blank_before_the_equals_sign() {
    let died = Death::by_options("--innodb\n--log-bin =x\n").dies();
    died.cause("MTR-S001", "'--log-bin =x' (")
        .cause("MTR-S001", "dead.opt:2")
        .evidence("Too many arguments (first extra is '=x')")
        .fix("write --log-bin=x")
        .also_seen("MTR-S008");
}

#[test]
fn a_blank_behind_the_equals_sign() {
    let died = Death::by_options("--slave-parallel-mode= conservative\n").dies();
    died.cause("MTR-S001", "'--slave-parallel-mode= conservative'")
        .evidence("first extra is 'conservative'")
        .fix("write --slave-parallel-mode=conservative");
}

#[test]
fn blanks_inside_one_word_of_the_command_line() {
    let died = Death::by_options("").arg("--mysqld=--open_files_limit = 65535").dies();
    died.cause("MTR-S001", "'--open_files_limit = 65535' (--mysqld on the command line)")
        .evidence("unknown variable 'open_files_limit = 65535'")
        .fix("write --open_files_limit=65535");
}

#[test]
fn blanks_of_an_option_that_the_runner_drops() {
    let died = Death::by_options("--binlog-format = row\n").dies();
    died.cause("MTR-S001", "'= row' (").cause("MTR-S001", "dead.opt:1").evidence("first extra is '='");
}

#[test]
fn blanks_in_an_option_of_a_configuration_are_none() {
    let death = Death::by_options("--sort_buffer_size=2x\n");
    let died =
        death.configured_by("!include include/default_my.cnf\n[mysqld.1]\nopen_files_limit = 655\n").dies();
    died.page("MTR-S006").cause("MTR-S006", "'2x' for 'sort_buffer_size'");
}

#[test]
fn an_unknown_variable() {
    let died = Death::by_options("--loose-nosuch=1\n--nosuch_thing=7\n").dies();
    died.page("MTR-S002")
        .cause("MTR-S002", "the variable 'nosuch_thing=7' (")
        .cause("MTR-S002", "dead.opt:2")
        .evidence("unknown variable 'nosuch_thing=7'")
        .fix("write --loose-nosuch_thing=7");
}

#[test]
fn a_misspelt_variable() {
    let died = Death::by_options("--tabel_open_cache=100\n").dies();
    died.cause("MTR-S002", "tabel_open_cache").fix("did you mean --table-open-cache?");
}

#[test]
fn an_unknown_variable_of_the_configuration() {
    let death = Death::by_options("");
    let died = death.configured_by("!include include/default_my.cnf\n[mysqld.1]\nnosuch_thing = 7\n").dies();
    died.cause("MTR-S002", "dead.cnf:3")
        .evidence("unknown variable 'nosuch_thing=7'")
        .fix("write loose-nosuch_thing=7");
}

#[test]
fn an_option_that_must_come_first() {
    let died = Death::by_options("--defaults-extra-file=/nonexist.cnf\n").dies();
    died.cause("MTR-S002", "is not the first argument").fix("`!include /nonexist.cnf`");
}

#[test]
fn an_unknown_option() {
    let died = Death::by_options("--skip-nosuch\n").dies();
    died.cause("MTR-S003", "the option '--skip-nosuch' (").evidence("unknown option '--skip-nosuch'");
}

#[test]
fn a_shortened_option() {
    let died = Death::by_options("--innodb-buffer-pool=8M\n").dies();
    died.cause("MTR-S002", "innodb-buffer-pool=8M").fix("write one in full: --innodb-buffer-pool-size");
}

#[test]
fn an_ambiguous_option() {
    // Without the default configuration, names may be shortened.
    let died = Death::by_options("--innodb\n--innodb-buffer-pool=8M\n")
        .configured_by("[mysqld]\n[mysqld.1]\n")
        .dies();
    died.page("MTR-S004")
        .cause("MTR-S004", "'--innodb-buffer-pool=8M' (")
        .cause("MTR-S004", "is the beginning of several")
        .evidence("ambiguous option '--innodb-buffer-pool=8M'")
        .fix("innodb-buffer-pool-size");
}

#[test]
fn values_that_an_option_does_not_take() {
    for (option, cause, evidence) in [
        ("--sql-mode=ANSI,NOSUCH", "'ANSI,NOSUCH' is no value for 'sql_mode'", "to 'sql_mode'"),
        ("--thread-handling=often", "'often' is no value for 'thread_handling'", "to 'thread_handling'"),
        ("--optimizer-switch=mrr=yes", "'mrr=yes' is no value for", "to 'optimizer_switch'"),
        ("--event-scheduler=maybe", "'maybe' is no value for 'event_scheduler'", "to 'event_scheduler'"),
        ("--port=abc", "'abc' for 'port'", "Unknown suffix 'a'"),
        ("--ft-boolean-syntax=abc", "'abc' is no value for 'ft-boolean-syntax'", "Invalid ft-boolean-syntax"),
        ("--bootstrap=1", "takes no value, and has '1'", "cannot take an argument"),
        (
            "--myisam-recover-options=FOO",
            "'FOO' is no value for",
            "Parsing options for plugin 'MyISAM' failed",
        ),
    ] {
        let died = Death::by_options(option).dies();
        died.cause("MTR-S005", cause).cause("MTR-S005", "dead.opt:1").evidence(evidence);
    }
}

#[test]
fn a_data_file_path_that_is_malformed() {
    let died = Death::by_options("--innodb=FORCE\n--innodb-temp-data-file-path=ibtmp1\n").dies();
    died.page("MTR-S005")
        .cause("MTR-S005", "'ibtmp1' is no value for 'innodb-temp-data-file-path'")
        .evidence("syntax error in file path");
}

#[test]
fn a_number_with_an_unknown_suffix() {
    let died = Death::by_options("--key-buffer-size=12Q\n").dies();
    died.cause("MTR-S006", "'12Q' for 'key_buffer_size'")
        .evidence("Unknown suffix 'Q'")
        .fix("--key-buffer-size=12M");
}

#[test]
fn a_negative_number() {
    if server_version() < 100_600 {
        return skip("MariaDB 10.5 takes a negative number for a large one");
    }
    let died = Death::by_options("--server-id=-1\n").dies();
    died.page("MTR-S007")
        .cause("MTR-S007", "-1 is out of range for 'server_id'")
        .evidence("Incorrect unsigned value: '-1'");
}

#[test]
fn a_number_that_is_too_long() {
    let died = Death::by_options("--tmp-table-size=99999999999999999999\n").dies();
    died.cause("MTR-S007", "out of range for 'tmp_table_size'").evidence("99999999999999999999'");
}

#[test]
fn a_buffer_pool_that_is_too_small_for_its_pages() {
    let options = "--innodb=FORCE\n--innodb-page-size=64k\n--innodb-buffer-pool-size=5M\n";
    let died = Death::by_options(options).dies();
    died.cause("MTR-S007", "dead.opt:3) is too small: innodb_page_size=65536 needs at least 2")
        .evidence("requires innodb_buffer_pool_size >=")
        .fix("write --innodb-buffer-pool-size=2");
}

#[test]
fn a_word_that_is_no_option() {
    let died = Death::by_options("--log-bin 9998\n").dies();
    died.page("MTR-S008")
        .cause("MTR-S008", "the word '9998' (")
        .evidence("first extra is '9998'")
        .fix("write --log-bin=9998");
}

#[test]
fn a_comment_in_an_option_file() {
    let died = Death::by_options("--innodb\n# for purge\n").dies();
    died.cause("MTR-S008", "the word '#' (").cause("MTR-S008", "dead.opt:2").fix("no comments");
}

#[test]
fn options_of_other_servers() {
    for (option, why, fix) in [
        ("--innodb-support-xa=1", "MariaDB 10.3 removed it", "write --loose-innodb-support-xa=1"),
        ("--gtid_mode=ON", "it is an option of MySQL", "in its place: MariaDB's GTIDs"),
        ("--max_execution_time=100", "it is an option of MySQL", "--max-statement-time"),
        ("--log-slow-queries", "it was removed long ago", "--slow-query-log"),
        ("--max-open-cursors=1", "MariaDB has it since 12.0", "older servers start without it"),
    ] {
        if server_version() >= 120_000 && option.contains("cursors") {
            skip_part(&format!("this release of MariaDB has {option}"));
            continue;
        }
        let died = Death::by_options(option).dies();
        if option.contains("support-xa") {
            died.page("MTR-S009");
        }
        died.cause("MTR-S009", why).cause("MTR-S009", "dead.opt:1").evidence("unknown ").fix(fix);
    }
}

#[test]
fn an_option_without_its_value() {
    let died = Death::by_options("")
        .configured_by("!include include/default_my.cnf\n[mysqld.1]\ninit-connect\n")
        .dies();
    died.page("MTR-S010")
        .cause("MTR-S010", "'--init_connect' (")
        .cause("MTR-S010", "dead.cnf:3")
        .evidence("requires an argument")
        .fix("write init_connect=VALUE");
}

#[test]
fn an_option_file_that_is_not_there() {
    let died = Death::by_options("--defaults-file=/nonexist/my.cnf\n").dies();
    died.page("MTR-S011")
        .cause("MTR-S011", "'/nonexist/my.cnf' (")
        .cause("MTR-S011", "is not there")
        .evidence("Could not open required defaults file");
}

/// A server whose option file is made by `dead-master.sh`.
fn with_option_file(script: &str) -> Death {
    Death::by_options("--defaults-file=$MYSQLTEST_VARDIR/tmp/other.cnf\n")
        .prepared_by(&format!("F=$MYSQLTEST_VARDIR/tmp/other.cnf\n{script}\n"))
}

#[test]
fn an_option_file_that_everybody_may_write() {
    // Without its file the server would use the system's data directory.
    let died =
        with_option_file("echo '[mysqld.1]' > $F; chmod 666 $F").arg("--mysqld=--datadir=/nonexist").dies();
    died.cause("MTR-S011", "everybody may write to it")
        .evidence("World-writable config file")
        .fix("chmod o-w");
}

#[test]
fn an_include_directory_that_is_not_there() {
    let died = with_option_file("echo '!includedir /nonexist' > $F").dies();
    died.cause("MTR-S011", "'/nonexist' is not there").evidence("Can't read dir of '/nonexist'");
}

#[test]
fn an_included_file_that_is_not_there() {
    // Without `datadir` it would be the system's.
    let script = "printf '[mysqld.1]\\ndatadir=%s\\n!include /nonexist.cnf\\nnosuch=1\\n' \
                  $MYSQLTEST_VARDIR/mysqld.1/data > $F";
    let died = with_option_file(script).dies();
    // The server goes on without it, and dies of something else here.
    died.cause("MTR-S002", "other.cnf:4").also_seen("MTR-S011");
}

#[test]
fn option_files_with_syntax_errors() {
    for (text, cause) in [
        ("port=1", "other.cnf:1: an option stands before the first group"),
        ("[mysqld.1]\\n[mysqld", "other.cnf:2: a group has no closing bracket"),
        ("[mysqld.1]\\n!include\\n", "other.cnf:2: a directive is malformed"),
    ] {
        let died = with_option_file(&format!("printf '{text}' > $F")).dies();
        if text == "port=1" {
            died.page("MTR-S012");
        }
        died.cause("MTR-S012", cause).evidence("in config file");
    }
}

#[test]
fn an_option_file_without_the_server_s_group() {
    let died = with_option_file("printf '[mysqld]\\ndatadir=/nonexist\\n' > $F").dies();
    died.page("MTR-S013").cause("MTR-S013", "has no group [mysqld.1]").evidence("other.cnf has [mysqld]");
}

#[test]
fn a_collation_of_another_character_set() {
    let died =
        Death::by_options("--character-set-server=utf8mb4\n--collation-server=latin1_swedish_ci\n").dies();
    died.page("MTR-S015")
        .cause("MTR-S015", "'latin1_swedish_ci' (")
        .evidence("is not valid for CHARACTER SET 'utf8mb4'")
        .fix("write --character-set-server=latin1");
}

#[test]
fn two_tablespaces_in_one_file() {
    let died =
        Death::by_options("--innodb=FORCE --innodb-temp-data-file-path=ibdata1:12M:autoextend\n").dies();
    died.cause("MTR-S015", "name the same file").evidence("names seem to be the same");
}

#[test]
fn engines_that_are_not_there() {
    let died = Death::by_options("--default-storage-engine=nosuch\n").dies();
    died.page("MTR-S016")
        .cause("MTR-S016", "'nosuch' (")
        .evidence("Unknown/unsupported storage engine: nosuch");
    let died = Death::by_options("--default-storage-engine=innodb\n").dies();
    died.cause("MTR-S016", "it is switched off")
        .evidence("Plugin 'InnoDB' is disabled")
        .fix("write --innodb");
}

#[test]
fn character_sets_collations_and_locales() {
    for (option, cause, evidence) in [
        ("--character-set-server=klingon", "no character set 'klingon'", "is not a compiled character set"),
        ("--collation-server=klingon_ci", "no collation 'klingon_ci'", "Unknown collation"),
        ("--lc-messages=xx_XX", "no locale 'xx_XX'", "Unknown locale"),
        ("--lc-time-names=xx_XX", "no locale 'xx_XX'", "Unknown locale"),
    ] {
        let died = Death::by_options(option).dies();
        died.cause("MTR-S017", cause).cause("MTR-S017", "dead.opt:1").evidence(evidence);
    }
}

#[test]
fn a_time_zone_that_is_not_there() {
    let died = Death::by_options("--default-time-zone=Mars/Olympus\n").dies_late();
    died.page("MTR-S017")
        .cause("MTR-S017", "no time zone 'Mars/Olympus' (")
        .evidence("unknown default time zone")
        .fix("+02:00");
}

#[test]
fn an_init_file_that_is_not_there() {
    let died = Death::by_options("--init-file=/nonexist.sql\n").dies_late();
    died.page("MTR-S014")
        .cause("MTR-S014", "'/nonexist.sql' (")
        .cause("MTR-S014", "is not there")
        .evidence("Can't create/write to file '/nonexist.sql'");
}

/// The server has its pid file then, and closes what connects to it.
#[test]
fn an_init_file_that_shuts_the_server_down() {
    for argument in ["--check-testcases", "--nocheck-testcases"] {
        let died = Death::by_options("--init-file=$MYSQLTEST_VARDIR/tmp/i.sql\n")
            .prepared_by("echo 'shutdown;' > $MYSQLTEST_VARDIR/tmp/i.sql\n")
            .arg(argument)
            .dies_late();
        died.cause("MTR-S014", "tmp/i.sql' (").cause("MTR-S014", "shuts the server down");
        died.evidence("shutdown;").evidence("Normal shutdown").fix("remove the statement SHUTDOWN");
        died.run.says("own/dead.opt:1: --init-file=");
    }
}

#[test]
fn an_init_file_that_the_server_may_not_read() {
    if !root_is_there("to give files to the server's user") {
        return;
    }
    let script = "echo 'select 1;' > $MYSQLTEST_VARDIR/tmp/i.sql; chmod 600 $MYSQLTEST_VARDIR/tmp/i.sql\n\
                  chown -R nobody $MYSQLTEST_VARDIR/mysqld.1 $MYSQLTEST_VARDIR/run; chmod 777 $MYSQLTEST_VARDIR/tmp\n";
    let options = "--user=nobody --init-file=$MYSQLTEST_VARDIR/tmp/i.sql\n";
    let died = Death::by_options(options).prepared_by(script).dies_late();
    died.cause("MTR-S014", "may not be read by the server")
        .evidence("Permission denied")
        .fix("remove --user=nobody (");
}

#[test]
fn encryption_without_a_plugin_that_has_keys() {
    for (options, option) in [
        ("--encrypt-tmp-files\n", "encrypt-tmp-files"),
        ("--innodb=FORCE\n--innodb-encrypt-tables\n", "innodb-encrypt-tables"),
    ] {
        let died = Death::by_options(options).dies();
        died.cause("MTR-S015", &format!("'{option}' ("))
            .cause("MTR-S015", "needs a plugin for encryption keys")
            .evidence("encryption")
            .fix("--plugin-load-add=file_key_management");
    }
}
