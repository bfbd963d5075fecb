//! By replication and clusters.

use super::Death;
use crate::skip::root_is_there;

/// A node of a cluster; an option file may not set `binlog-format`, which chooses combinations. The port of its address is
/// where it listens for others: 4567 for all without one.
fn node(options: &str) -> Death {
    Death::by_options(&format!("--innodb=FORCE --wsrep-on=1\n{options}\n")).configured_by(
        "!include include/default_my.cnf\n[mysqld]\nbinlog-format=row\n[mysqld.1]\n#galera_port=@OPT.port\n\
         wsrep-node-address='127.0.0.1:@mysqld.1.#galera_port'\n",
    )
}

const GALERA: &str = "--wsrep-provider=/usr/lib/galera/libgalera_smm.so --wsrep-cluster-address=gcomm://\n";

#[test]
fn the_galera_library_is_missing() {
    let died = node("--wsrep-provider=/nosuch.so --wsrep-cluster-address=gcomm://").dies();
    died.page("MTR-S085")
        .cause("MTR-S085", "the Galera library /nosuch.so is not there: --wsrep-provider=/nosuch.so (")
        .cause("MTR-S085", "dead.opt:2")
        .evidence("dlopen(): /nosuch.so: cannot open shared object file")
        .fix("WSREP_PROVIDER");
}

#[test]
fn the_galera_library_is_a_plugin() {
    let died =
        node("--wsrep-provider=/usr/lib/mysql/plugin/ha_archive.so --wsrep-cluster-address=gcomm://").dies();
    died.cause("MTR-S085", "/usr/lib/mysql/plugin/ha_archive.so is no Galera library")
        .evidence("Failed to load wsrep library");
}

#[test]
fn an_address_of_no_cluster() {
    let died = node(GALERA).with("--wsrep-cluster-address=bad://x").dies();
    died.cause(
        "MTR-S086",
        "Galera refuses to start: Backend not supported: bad://x: --wsrep-cluster-address=bad://x (",
    )
    .evidence("Failed to open channel")
    .fix("gcomm://");
}

#[test]
fn an_option_that_galera_does_not_know() {
    let died = node(GALERA).with("--wsrep-provider-options=nosuch=1").dies();
    died.page("MTR-S086")
        .cause("MTR-S086", "Unrecognized parameter 'nosuch': --wsrep-provider-options=nosuch=1 (")
        .evidence("Failed to initialize wsrep provider");
}

#[test]
fn a_cluster_that_nobody_began() {
    let died =
        node(GALERA).with("--wsrep-cluster-address=gcomm://127.0.0.1:1?pc.wait_prim_timeout=PT1S").dies();
    // On a busy machine its own threads end before Galera looks at them, which it then tells instead.
    died.cause("MTR-S086", "Galera refuses to start: failed to ")
        .cause("MTR-S086", "--wsrep-cluster-address=gcomm://127.0.0.1:1?pc.wait_prim_timeout=PT1S (")
        .fix("start the first node before");
}

#[test]
fn a_cluster_without_row_events() {
    let died = Death::by_options("--innodb=FORCE --wsrep-on=1\n").with(GALERA).dies();
    died.cause("MTR-S086", "Only binlog_format= 'ROW' is currently supported").fix("binlog_format=ROW");
}

#[test]
fn the_directory_of_the_binary_log_is_missing() {
    let died = Death::by_options("--log-bin=/nosuch/x\n").dies();
    died.cause("MTR-S087", "the directory of the binary log '/nosuch/x' is not there: --log-bin=/nosuch/x (")
        .evidence("Can't generate a unique log-filename /nosuch/x")
        .fix("mkdir -p /nosuch");
}

#[test]
fn the_index_of_binary_logs_cannot_be_made() {
    let died = Death::by_options("--log-bin=x\n--log-bin-index=/nosuch/i\n").dies();
    died.cause("MTR-S087", "'/nosuch/i.index' is not there: --log-bin-index=/nosuch/i (")
        .cause("MTR-S087", "dead.opt:2")
        .evidence("Errcode: 2");
}

#[test]
fn the_binary_log_may_not_be_written() {
    if !root_is_there("to give files to another user than the server's") {
        return;
    }
    let died = Death::by_options("--user=nobody --log-bin=$MYSQLTEST_VARDIR/tmp/x\n")
        .prepared_by(
            "cd $MYSQLTEST_VARDIR; chown -R nobody mysqld.1 log; chown root tmp; chmod 755 . tmp; : > tmp/x.index; \
             chown nobody tmp/x.index\n",
        )
        .dies();
    died.cause("MTR-S087", "the server may not write the binary log")
        .evidence("Permission denied")
        .fix("--user");
}

#[test]
fn the_binary_log_is_a_directory() {
    let died = Death::by_options("--log-bin=x.y/z/\n").dies();
    died.cause("MTR-S087", "the binary log 'x.y/z/' is a directory: --log-bin=x.y/z/ (");
}

#[test]
fn the_numbers_of_binary_logs_are_used_up() {
    let died = Death::by_options("--log-bin=x\n")
        .prepared_by("cd $MYSQLTEST_VARDIR/mysqld.1/data; : > x.2147483647; echo ./x.2147483647 > x.index\n")
        .dies();
    died.cause("MTR-S087", "the numbers of binary logs are used up").evidence("number exhausted: 2147483647");
}

/// Nobody can open a symbolic link to itself, whatever the file system is and whoever tries.
#[test]
fn the_state_of_the_binary_log_is_unreadable() {
    let died = Death::by_options("--log-bin=x\n")
        .prepared_by("ln -s x.state $MYSQLTEST_VARDIR/mysqld.1/data/x.state\n")
        .dies();
    died.cause("MTR-S087", "the state file of the binary log './x.state' cannot be read");
}

/// Servers of 10.11 that cannot open their relay log go on without replication.
#[test]
fn the_relay_log_does_not_fit() {
    let died = Death::by_words(
        "2026-11-23 19:00:00 0 [ERROR] Failed to open the relay log './r.000005' (relay_log_pos 4)\n\
         2026-11-23 19:00:00 0 [ERROR] Could not find target log during relay log initialization\n\
         2026-11-23 19:00:00 0 [ERROR] Failed to initialize the master info structure\n\
         2026-11-23 19:00:00 0 [ERROR] Aborting",
    )
    .with("--relay-log=r")
    .dies();
    died.cause(
        "MTR-S088",
        "the relay log './r.000005' that the replica was at cannot be opened: --relay-log=r (",
    )
    .evidence("Could not find target log");
}

/// One server id for two is told while they replicate, which a server that starts does not do yet.
#[test]
fn two_servers_with_one_id() {
    let died = Death::by_words(
        "2026-11-23 19:00:00 7 [ERROR] Slave I/O: Fatal error: The slave I/O thread stops because master and slave have \
         equal MariaDB server ids; these ids must be different for replication to work (or the \
         --replicate-same-server-id option must be used on slave but this does not always make sense; please check the \
         manual before using it). Internal MariaDB error code: 1593",
    )
    .with("--server-id=7")
    .dies();
    died.page("MTR-S089")
        .cause("MTR-S089", "mysqld.1 shares its server id: --server-id=7 (")
        .fix("a server-id of its own");
}

/// The list of replicas is read after the pid file is written.
#[test]
fn the_list_of_replicas_is_none() {
    let list = "$MYSQLTEST_VARDIR/mysqld.1/data/multi-master.info";
    let died =
        Death::by_options("--log-bin --server-id=1\n").prepared_by(&format!("mkdir {list}\n")).dies_late();
    died.page("MTR-S088")
        .cause("MTR-S088", "Creation of Master_info index file './multi-master.info' failed")
        .evidence("Failed to initialize multi master structures")
        .fix("loses where the replica was");
    let script = format!("printf 'a\\n\\n\\n' > {list}\n");
    let died = Death::by_options("--log-bin --server-id=1\n").prepared_by(&script).dies_late();
    died.cause("MTR-S088", "Adding new entry '' to master_info failed");
}
