//! Nodes of a cluster that do not get the state of another one. The reason stands in the other one's log, or in a program's.

use serde_json::Value;

use crate::skip::skip;
use crate::support::{Finished, Site, sample};

/// Two nodes, the second of which gets its state from the first by this method.
fn cluster(method: &str) -> Option<(Site, Finished)> {
    let library = "/usr/lib/galera/libgalera_smm.so";
    let scripts = ["wsrep_sst_common", "rsync", "mariadb-backup"];
    if !std::path::Path::new(library).is_file() {
        skip("the package galera-4 is not installed");
        return None;
    }
    if let Some(missing) = scripts.iter().find(|script| which::which(script).is_err()) {
        skip(&format!("there is no {missing}, with which states are transferred"));
        return None;
    }
    let site = Site::real();
    let node = |number: u32, address: &str| {
        format!(
            "[mysqld.{number}]\n#galera_port=@OPT.port\n#ist_port=@OPT.port\n#sst_port=@OPT.port\n\
             wsrep_cluster_address='{address}'\n\
             wsrep_provider_options='base_port=@mysqld.{number}.#galera_port;gcache.size=10M'\n\
             wsrep_node_address='127.0.0.1:@mysqld.{number}.#galera_port'\n\
             wsrep_sst_receive_address='127.0.0.1:@mysqld.{number}.#sst_port'\n"
        )
    };
    site.test_file("dead.test", "select 1;\n").test_file("dead.result", "select 1;\n1\n1\n");
    site.test_file("dead.opt", "--innodb\n").test_file(
        "dead.cnf",
        format!(
            "!include include/default_mysqld.cnf\n[mysqld]\nbinlog-format=row\ninnodb-autoinc-lock-mode=2\nwsrep-on=1\n\
             wsrep-provider={library}\n{method}\n{}{}[sst]\nssl-mode=DISABLED\n",
            node(1, "gcomm://"),
            node(2, "gcomm://127.0.0.1:@mysqld.1.#galera_port"),
        ),
    );
    // A shell says something else of what it does not find where it may not enter all of the PATH.
    let run = site
        .run()
        .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
        .args(["--force", "--retry=0", "dead"])
        .finish();
    Some((site, run))
}

fn diagnosis(run: &Finished) -> Value {
    run.exits(1).verdict("own.dead", "fail").reports_are_well_formed();
    let diagnosis = run.outcomes("own.dead")[0]["diagnoses"][0].clone();
    assert_eq!(diagnosis["code"], "MTR-S105", "{run:?}");
    assert_eq!(diagnosis["server"], "mysqld.2", "{run:?}");
    diagnosis
}

#[track_caller]
fn has(diagnosis: &Value, field: &str, words: &str) {
    let told = diagnosis[field].as_str().unwrap_or_default();
    assert!(told.contains(words), "{words:?} in {diagnosis:#}");
}

#[test]
fn a_method_that_is_not_there() {
    let Some((site, run)) = cluster("wsrep_sst_method=nosuch") else { return };
    let diagnosis = diagnosis(&run);
    sample::is_on_page("MTR-S105", &diagnosis, &site.path(""));
    has(&diagnosis, "cause", "wsrep_sst_nosuch: not found: wsrep_sst_method=nosuch (");
    has(&diagnosis, "fix", "there is no wsrep_sst_nosuch");
}

/// The reason stands in a log of the program that copies, in the data directory of the donor.
#[test]
fn an_account_that_may_not_make_backups() {
    let method = "wsrep_sst_method=mariabackup\nwsrep_sst_auth=nobody_known:wrong";
    let Some((_site, run)) = cluster(method) else { return };
    let diagnosis = diagnosis(&run);
    has(&diagnosis, "cause", "failed on mysqld.1: ");
    has(&diagnosis, "cause", "Access denied for user 'nobody_known'@'localhost'");
    has(&diagnosis, "fix", "wsrep_sst_auth=USER:PASSWORD");
}

/// The rsync that receives becomes the user nobody where root runs it, and then cannot write; where another user runs the tests they
/// pass.
#[test]
fn an_rsync_of_root() {
    let Some((_site, run)) = cluster("wsrep_sst_method=rsync") else { return };
    if rustix::process::geteuid().is_root() {
        let diagnosis = diagnosis(&run);
        has(&diagnosis, "cause", "failed on mysqld.1: rsync: ");
        has(&diagnosis, "fix", "another user than root");
    } else {
        run.exits(0).verdict("own.dead", "pass");
    }
}
