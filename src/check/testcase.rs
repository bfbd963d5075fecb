//! What a test may not change: the state of a server before and after it (runner §10.4).
//!
//! The text of a [`ServerState`] is, byte for byte, what the script engine records for
//! `include/check-testcase.test`, so a difference reads as it always has.

use std::path::Path;
use std::time::Duration;

use bstr::{BStr, BString, ByteSlice, ByteVec};
use similar::TextDiff;

use super::print;
use super::session::{ResultSet, Session, SessionError};

/// How long it is tried to find a small difference of two states.
const DIFF_PATIENCE: Duration = Duration::from_secs(5);

/// What stands for the replica state of a server that is no replica, and which columns of a real one are hidden.
///
/// A server that was a replica cannot always be made one that never was, so "not a replica" and "a stopped,
/// clean replica" must give the same text. Both its columns and its values depend on the server's version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplicaStatus {
    /// Column and value, in order; `#` hides the column's value in a real status too.
    columns: Vec<(BString, BString)>,
    /// Orphaned `#sql-ib….ibd` files in `test` are no fault (MariaDB before 10.6, whose script says so).
    ignore_orphans: bool,
    /// The file in the data directory that an upgrade leaves.
    upgrade_info: BString,
}

/// Replica status of MariaDB 10.11 as `column=value`; what has no value is empty, `#` is hidden.
const STATUS_10_11: &str = "Slave_IO_State Master_Host=127.0.0.1 Master_User=root Master_Port=# Connect_Retry=# \
    Master_Log_File=# Read_Master_Log_Pos=# Relay_Log_File=# Relay_Log_Pos=# Relay_Master_Log_File=# \
    Slave_IO_Running=No Slave_SQL_Running=No Replicate_Do_DB=# Replicate_Ignore_DB=# Replicate_Do_Table=# \
    Replicate_Ignore_Table=# Replicate_Wild_Do_Table=# Replicate_Wild_Ignore_Table=# Last_Errno=0 Last_Error \
    Skip_Counter=0 Exec_Master_Log_Pos=# Relay_Log_Space=# Until_Condition=# Until_Log_File=# Until_Log_Pos=# \
    Master_SSL_Allowed=No Master_SSL_CA_File Master_SSL_CA_Path Master_SSL_Cert Master_SSL_Cipher \
    Master_SSL_Key Seconds_Behind_Master=NULL Master_SSL_Verify_Server_Cert=No Last_IO_Errno=0 Last_IO_Error \
    Last_SQL_Errno=0 Last_SQL_Error Replicate_Ignore_Server_Ids Master_Server_Id=# Master_SSL_Crl=# \
    Master_SSL_Crlpath=# Using_Gtid=Slave_Pos Gtid_IO_Pos=# Replicate_Do_Domain_Ids \
    Replicate_Ignore_Domain_Ids Parallel_Mode=optimistic SQL_Delay=0 SQL_Remaining_Delay=NULL \
    Slave_SQL_Running_State Slave_DDL_Groups=# Slave_Non_Transactional_Groups=# Slave_Transactional_Groups=# \
    Replicate_Rewrite_DB=#";

/// What an upgrade leaves in the data directory; later releases than 10.11 name it `mariadb_upgrade_info`.
const UPGRADE_INFO: &[u8] = b"mysql_upgrade_info";

impl Default for ReplicaStatus {
    /// That of MariaDB 10.11.
    fn default() -> Self {
        let columns = STATUS_10_11
            .split_ascii_whitespace()
            .map(|entry| entry.split_once('=').unwrap_or((entry, "")))
            .map(|(name, value)| (name.into(), value.into()))
            .collect();
        ReplicaStatus { columns, ignore_orphans: false, upgrade_info: UPGRADE_INFO.into() }
    }
}

impl ReplicaStatus {
    /// Takes the columns from the lines `--echo NAME<tab>VALUE` of the tree's own `include/check-testcase.test`,
    /// which match the version of its server; `None` where there are no such lines.
    pub fn from_script(script: &[u8]) -> Option<Self> {
        let columns: Vec<_> = script
            .lines()
            .filter_map(|line| line.trim_start().strip_prefix(b"--echo "))
            .filter_map(|text| text.split_once_str("\t"))
            .map(|(name, value)| (name.into(), value.into()))
            .collect();
        let ignore_orphans = script.contains_str("/#sql-ib");
        let upgrade_info = script
            .lines()
            .filter_map(|line| line.strip_prefix(b"list_files $datadir "))
            .find_map(|rest| rest.trim_ascii().strip_suffix(b";"))
            .unwrap_or(UPGRADE_INFO)
            .into();
        (!columns.is_empty()).then_some(ReplicaStatus { columns, ignore_orphans, upgrade_info })
    }

    fn is_hidden(&self, column: &BStr) -> bool {
        self.columns.iter().any(|(name, value)| name == column && value == "#")
    }

    fn print(&self, out: &mut BString, status: &ResultSet) {
        if status.rows.is_empty() {
            for (name, value) in &self.columns {
                print::pair(out, name, value);
            }
        }
        for row in &status.rows {
            for (name, value) in status.columns.iter().zip(row) {
                let hidden = self.is_hidden(name.as_bstr());
                print::pair(out, name, if hidden { b"#" } else { print::text_of(value) });
            }
        }
    }
}

/// The state of one server at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerState {
    text: BString,
    /// A replicated server had transactions open, which is a fault at any moment.
    busy: bool,
}

/// Takes a snapshot: some 6 ms, nearly all of them spent in `mtr.check_testcase()`.
///
/// # Errors
/// Whatever the session or the listing of the data directory says. Before a test that fails the test; after it,
/// a [`SessionError::Server`] or [`SessionError::File`] is a side effect of the test (a dropped database `test`, say).
/// `own` is the data directory as the configuration has it: the answer of the server went through a character set.
pub fn snapshot(
    session: &mut Session,
    replica: &ReplicaStatus,
    own: &Path,
) -> Result<ServerState, SessionError> {
    let mut text = BString::new(Vec::with_capacity(64 * 1024));
    if let Some(status) = session.query("SHOW SLAVE STATUS")?.first() {
        replica.print(&mut text, status);
    }
    // Counting the rows of mysql.proc takes the warnings of a table that was marked as crashed, so that they
    // do not come out of the procedure call.
    session.query("select count(*) from mysql.proc")?;
    let state = session.query("call mtr.check_testcase()")?;
    text.push_str("call mtr.check_testcase();\n");
    for result in &state {
        print::table(&mut text, result);
    }
    print::warnings(&mut text, session, &state)?;

    if let Some(datadir) = variable(&state, b"DATADIR") {
        let datadir = if datadir.is_ascii() { datadir.to_path_lossy() } else { own.into() };
        print_files(&mut text, &datadir, |name| name == replica.upgrade_info)?;
        print_files(&mut text, &datadir.join("test"), |name| {
            name.starts_with(b"#sql") && !(replica.ignore_orphans && is_orphan(name))
        })?;
        print_files(&mut text, &datadir.join("mysql"), |name| name.starts_with(b"#sql"))?;
    }

    let mut busy = false;
    if variable(&state, b"WSREP_ON").is_some_and(|value| value == "ON") {
        busy = print_transactions(&mut text, session)?;
    }
    Ok(ServerState { text, busy })
}

impl ServerState {
    /// The text that the script engine would have recorded.
    pub fn text(&self) -> &BStr {
        self.text.as_bstr()
    }

    /// What is different `after`: a unified diff and the closing words of the script engine, `None` if nothing.
    ///
    /// `labels` name the two states in the heads of the diff (the reference prints its `.result` and `.reject` paths).
    pub fn diff(&self, after: &ServerState, labels: (&str, &str)) -> Option<BString> {
        if self.text == after.text && !self.busy && !after.busy {
            return None;
        }
        // Texts that have nothing in common are shown as that, before the search for what they share takes all day.
        let diff = TextDiff::configure()
            .timeout(DIFF_PATIENCE)
            .diff_lines(self.text.as_slice(), after.text.as_slice());
        let mut out = Vec::new();
        // Writing to memory cannot fail.
        let _ = diff.unified_diff().context_radius(3).header(labels.0, labels.1).to_writer(&mut out);
        let verdict = match self.text.len() == after.text.len() {
            true => "\nResult content mismatch\nnot ok\n",
            false => "\nResult length mismatch\nnot ok\n",
        };
        out.push_str(verdict);
        Some(out.into())
    }
}

/// The report of a test that changed something (runner §10.4): `details` is one [`ServerState::diff`] or error for each
/// server that differs.
pub fn report(test: &str, details: &[u8]) -> BString {
    let mut out = BString::from(format!(
        "\nMTR's internal check of the test case '{test}' failed.\n\
         This means that the test case does not preserve the state that existed\n\
         before the test case was executed.  Most likely the test case did not\n\
         do a proper clean-up. It could also be caused by the previous test run\n\
         by this thread, if the server wasn't restarted.\n\
         This is the diff of the states of the servers before and after the\n\
         test case was executed:\n"
    ));
    out.push_str(details);
    out
}

/// The value of a global variable, from the table of them that `mtr.check_testcase()` prints first.
fn variable<'a>(state: &'a [ResultSet], name: &[u8]) -> Option<&'a BString> {
    let row = state
        .first()?
        .rows
        .iter()
        .find(|row| row.first().is_some_and(|cell| print::text_of(cell) == name))?;
    row.get(1)?.as_ref()
}

fn print_files(out: &mut BString, dir: &Path, wanted: impl Fn(&[u8]) -> bool) -> Result<(), SessionError> {
    let failed = |cause| SessionError::File { verb: "list", path: dir.to_owned(), cause };
    let mut names = Vec::new();
    for entry in std::fs::read_dir(dir).map_err(failed)? {
        let name = Vec::from_os_string(entry.map_err(failed)?.file_name()).unwrap_or_default();
        if wanted(&name) {
            names.push(name);
        }
    }
    names.sort_unstable();
    print::rows(
        out,
        &ResultSet {
            rows: names.into_iter().map(|name| vec![Some(name.into())]).collect(),
            ..ResultSet::default()
        },
    );
    Ok(())
}

/// `#sql-ib<hex>.ibd`, what InnoDB leaves of a table that was dropped while in use.
fn is_orphan(name: &[u8]) -> bool {
    name.strip_prefix(b"#sql-ib")
        .and_then(|rest| rest.strip_suffix(b".ibd"))
        .is_some_and(|hex| !hex.is_empty() && hex.iter().all(u8::is_ascii_hexdigit))
}

/// Prints the open transactions of a server with write-set replication; returns whether there are any.
fn print_transactions(out: &mut BString, session: &mut Session) -> Result<bool, SessionError> {
    let open = session.query("SELECT * FROM information_schema.innodb_trx WHERE trx_mysql_thread_id != 0")?;
    if open.iter().all(|result| result.rows.is_empty()) {
        return Ok(false);
    }
    out.push_str(
        "There is one or more active InnoDB transaction(s) when there should be none. Dumping some diagnostics.\n",
    );
    for table in ["processlist", "innodb_trx", "innodb_locks", "innodb_lock_waits"] {
        let query = format!("SELECT * FROM information_schema.{table}");
        out.push_str(&query);
        out.push_str(";\n");
        for result in session.query(query)? {
            print::vertical(out, &result);
        }
    }
    Ok(true)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn snapshot_of(text: &str) -> ServerState {
        ServerState { text: text.into(), busy: false }
    }

    fn status(values: &[(&str, &str)]) -> ResultSet {
        ResultSet {
            columns: values.iter().map(|(name, _)| (*name).into()).collect(),
            rows: vec![values.iter().map(|(_, value)| Some((*value).into())).collect()],
            warnings: 0,
        }
    }

    #[test]
    fn no_replica_and_a_clean_replica_look_alike() {
        let replica = ReplicaStatus::from_script(
            b"--echo Master_Host\t127.0.0.1\n  --echo Master_Port\t#\n  --echo Last_Error\t\n--echo note\n",
        )
        .unwrap();
        let (mut none, mut clean) = (BString::default(), BString::default());
        replica.print(&mut none, &ResultSet::default());
        let real = [("Master_Host", "127.0.0.1"), ("Master_Port", "19000"), ("Last_Error", "")];
        replica.print(&mut clean, &status(&real));
        assert_eq!(none, "Master_Host\t127.0.0.1\nMaster_Port\t#\nLast_Error\t\n");
        assert_eq!(none, clean);
    }

    #[test]
    fn the_script_names_the_file_of_an_upgrade() {
        let name = |line: &str| {
            let script = format!("  --echo A\t1\n{line}\nlist_files $datadir/test #sql*;\n");
            ReplicaStatus::from_script(script.as_bytes()).unwrap().upgrade_info
        };
        assert_eq!(name("list_files $datadir mariadb_upgrade_info;"), "mariadb_upgrade_info");
        assert_eq!(name("list_files $datadir mysql_upgrade_info;"), "mysql_upgrade_info");
        assert_eq!(name(""), "mysql_upgrade_info");
    }

    #[test]
    fn the_status_of_10_11_has_its_54_columns() {
        let replica = ReplicaStatus::default();
        assert_eq!(replica.columns.len(), 54);
        let hidden = |n: usize| replica.columns[n - 1].1 == "#";
        let numbers: Vec<_> = (1..=54).filter(|n| hidden(*n)).collect();
        let masked = [
            4, 5, 6, 7, 8, 9, 10, 13, 14, 15, 16, 17, 18, 22, 23, 24, 25, 26, 40, 41, 42, 44, 51, 52, 53, 54,
        ];
        assert_eq!(numbers, masked);
    }

    #[test]
    fn a_difference_is_a_unified_diff_with_the_engines_verdict() {
        let before = snapshot_of("A\t1\nB\t2\n");
        assert_eq!(before.diff(&before.clone(), ("a", "b")), None);
        let after = snapshot_of("A\t1\nB\t22\n");
        assert_eq!(
            before.diff(&after, ("x.result", "x.reject")).unwrap(),
            "--- x.result\n+++ x.reject\n@@ -1,2 +1,2 @@\n A\t1\n-B\t2\n+B\t22\n\nResult length mismatch\nnot ok\n"
        );
        let same_length = snapshot_of("A\t1\nC\t2\n");
        assert!(before.diff(&same_length, ("", "")).unwrap().contains_str("Result content mismatch"));
    }

    #[test]
    fn open_transactions_are_a_difference_even_if_they_stay() {
        let busy = ServerState { text: "x\n".into(), busy: true };
        assert!(busy.diff(&busy.clone(), ("a", "b")).is_some());
    }

    #[test]
    fn files_are_listed_sorted_and_a_missing_directory_is_an_error() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["#sql-b.frm", "#sql-a.frm", "t1.frm"] {
            std::fs::write(dir.path().join(name), "").unwrap();
        }
        let mut out = BString::default();
        print_files(&mut out, dir.path(), |name| name.starts_with(b"#sql")).unwrap();
        assert_eq!(out, "#sql-a.frm\n#sql-b.frm\n");
        assert!(print_files(&mut out, &dir.path().join("none"), |_| true).is_err());
    }

    #[test]
    fn only_innodb_orphans_are_orphans() {
        assert!(is_orphan(b"#sql-ib1f.ibd"));
        assert!(!is_orphan(b"#sql-alter-1.ibd"));
        assert!(!is_orphan(b"#sql-ib.ibd"));
    }
}
