//! Options of other servers: what MariaDB had once, what it got later, what only MySQL has. A small table of those that
//! people bring along in old option files; names with `-`.
//!
//! MariaDB since 10.5 takes many a removed option and says that it does nothing; those are no death and not listed. An
//! option that came with a maintenance release of several series is not listed either: no series has it throughout.

/// Whose option it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Owner {
    /// MariaDB (or MySQL before it) had it until it was removed: in this series (`10.6`; `11` for one of them) where that
    /// is known, else before any series that is maintained.
    Removed(Option<&'static str>),
    /// MariaDB has it since this series.
    Since(&'static str),
    /// MySQL or a server derived from it.
    MySql,
}

/// An option that a server may not know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Foreign {
    /// Its name; one that ends in `-` stands for all that begin so.
    pub name: &'static str,
    /// Who has it.
    pub owner: Owner,
    /// What to write instead; empty where there is nothing.
    pub instead: &'static str,
}

const fn removed(name: &'static str, series: Option<&'static str>, instead: &'static str) -> Foreign {
    Foreign { name, owner: Owner::Removed(series), instead }
}

const fn since(name: &'static str, series: &'static str) -> Foreign {
    Foreign { name, owner: Owner::Since(series), instead: "" }
}

const fn mysql(name: &'static str, instead: &'static str) -> Foreign {
    Foreign { name, owner: Owner::MySql, instead }
}

/// The table.
pub const FOREIGN: &[Foreign] = &[
    removed("innodb-additional-mem-pool-size", Some("10.2"), ""),
    removed("innodb-use-sys-malloc", Some("10.2"), ""),
    removed("innodb-file-format-check", Some("10.3"), ""),
    removed("innodb-file-format-max", Some("10.3"), ""),
    removed("innodb-support-xa", Some("10.3"), ""),
    removed("innodb-use-fallocate", Some("10.3"), ""),
    removed("innodb-use-mtflush", Some("10.3"), ""),
    removed("innodb-mtflush-threads", Some("10.3"), ""),
    removed("innodb-instrument-semaphores", Some("10.3"), ""),
    removed("innodb-change-buffer-max-size", Some("11.0"), ""),
    removed("innodb-mutexes", Some("10.6"), ""),
    removed("innodb-sys-datafiles", Some("10.6"), ""),
    removed("innodb-sys-semaphore-waits", Some("10.6"), ""),
    removed("old-alter-table", Some("11"), ""),
    removed("max-tmp-tables", Some("11"), ""),
    removed("innodb-checksums", None, "--innodb-checksum-algorithm"),
    removed("innodb-file-io-threads", None, "--innodb-read-io-threads and --innodb-write-io-threads"),
    removed("innodb-fake-changes", None, ""),
    removed("innodb-log-block-size", None, "--innodb-log-write-ahead-size"),
    removed("innodb-safe-truncate", None, ""),
    removed("innodb-disallow-writes", None, ""),
    removed("log-slow-queries", None, "--slow-query-log and --slow-query-log-file"),
    removed("default-character-set", None, "--character-set-server"),
    removed("default-collation", None, "--collation-server"),
    removed("default-table-type", None, "--default-storage-engine"),
    removed("storage-engine", None, "--default-storage-engine"),
    removed("log-bin-trust-routine-creators", None, "--log-bin-trust-function-creators"),
    removed("one-thread", None, "--thread-handling=no-threads"),
    removed("skip-locking", None, "--skip-external-locking"),
    removed("skip-symlink", None, "--skip-symbolic-links"),
    removed("enable-locking", None, "--external-locking"),
    removed("skip-thread-priority", None, ""),
    removed("bdb-", None, ""),
    removed("pbxt", None, ""),
    removed("pbxt-", None, ""),
    removed("maria-", None, "the same name with aria- in place of maria-"),
    removed("engine-condition-pushdown", None, ""),
    removed("rpl-recovery-rank", None, ""),
    removed("sql-bin-update-same", None, ""),
    removed("log-update", None, "--log-bin"),
    removed("old-protocol", None, ""),
    removed("myisam-max-extra-sort-file-size", None, "--myisam-max-sort-file-size"),
    removed("master-host", None, "the statement CHANGE MASTER TO"),
    removed("master-user", None, "the statement CHANGE MASTER TO"),
    removed("master-password", None, "the statement CHANGE MASTER TO"),
    removed("master-port", None, "the statement CHANGE MASTER TO"),
    removed("master-connect-retry", None, "the statement CHANGE MASTER TO"),
    removed("wsrep-replicate-myisam", Some("10.7"), "--wsrep-mode=REPLICATE_MYISAM"),
    removed("wsrep-strict-ddl", Some("10.7"), "--wsrep-mode=STRICT_REPLICATION"),
    removed("tokudb", None, "--rocksdb"),
    removed("tokudb-", None, ""),
    since("tmp-memory-table-size", "10.2"),
    since("alter-algorithm", "10.3"),
    since("secure-timestamp", "10.3"),
    since("tls-version", "10.4"),
    since("optimizer-trace", "10.4"),
    since("binlog-expire-logs-seconds", "10.6"),
    since("innodb-deadlock-report", "10.6"),
    since("innodb-read-only-compressed", "10.6"),
    since("wsrep-mode", "10.6"),
    since("binlog-alter-two-phase", "10.8"),
    since("innodb-log-file-buffering", "10.8"),
    since("slave-max-statement-time", "10.10"),
    since("log-slow-query", "10.11"),
    since("log-slow-query-", "10.11"),
    since("system-versioning-insert-history", "10.11"),
    since("innodb-data-file-buffering", "11.0"),
    since("innodb-data-file-write-through", "11.0"),
    since("innodb-log-file-write-through", "11.0"),
    since("optimizer-disk-read-cost", "11.0"),
    since("optimizer-disk-read-ratio", "11.0"),
    since("optimizer-where-cost", "11.0"),
    since("optimizer-scan-setup-cost", "11.0"),
    since("block-encryption-mode", "11.2"),
    since("character-set-collations", "11.2"),
    since("innodb-truncate-temporary-tablespace-now", "11.3"),
    since("redirect-url", "11.3"),
    since("binlog-gtid-index", "11.4"),
    since("binlog-gtid-index-", "11.4"),
    since("binlog-space-limit", "11.4"),
    since("max-binlog-total-size", "11.4"),
    since("slave-connections-needed-for-purge", "11.4"),
    since("max-tmp-session-space-usage", "11.5"),
    since("max-tmp-total-space-usage", "11.5"),
    since("binlog-large-commit-threshold", "11.7"),
    since("mhnsw-", "11.7"),
    since("slave-abort-blocking-timeout", "11.7"),
    since("create-tmp-table-binlog-formats", "12.0"),
    since("max-open-cursors", "12.0"),
    mysql("admin-address", "--extra-port"),
    mysql("admin-port", "--extra-port"),
    mysql("caching-sha2-password-", ""),
    mysql("cte-max-recursion-depth", "--max-recursive-iterations"),
    mysql("daemon-memcached-", ""),
    mysql("default-collation-for-utf8mb4", "--character-set-collations, which MariaDB has since 11.2"),
    mysql("enforce-gtid-consistency", "MariaDB's GTIDs, which need no option"),
    mysql("gtid-mode", "MariaDB's GTIDs, which are always on"),
    mysql("histogram-generation-max-mem-size", ""),
    mysql("information-schema-stats-expiry", ""),
    mysql("innodb-dedicated-server", "--innodb-buffer-pool-size"),
    mysql("innodb-redo-log-capacity", "--innodb-log-file-size"),
    mysql("internal-tmp-disk-storage-engine", ""),
    mysql("internal-tmp-mem-storage-engine", ""),
    mysql("log-error-verbosity", "--log-warnings"),
    mysql("log-replica-updates", "--log-slave-updates"),
    mysql("max-execution-time", "--max-statement-time, in seconds"),
    mysql("mysqlx", ""),
    mysql("mysqlx-", ""),
    mysql("ndbcluster", ""),
    mysql("ndb-", ""),
    mysql("partial-revokes", ""),
    mysql("replica-parallel-workers", "--slave-parallel-threads"),
    mysql("require-row-format", ""),
    mysql("sha256-password-", ""),
    mysql("skip-replica-start", "--skip-slave-start"),
    mysql("source-verify-checksum", "--master-verify-checksum"),
    mysql("super-read-only", "--read-only"),
    mysql("tls-ciphersuites", "--ssl-cipher"),
    mysql("transaction-write-set-extraction", ""),
    mysql("tx-isolation", "--transaction-isolation"),
    mysql("tx-read-only", "--transaction-read-only"),
    mysql("validate-password", "the plugin simple_password_check"),
    mysql("validate-password-", "the plugin simple_password_check"),
    mysql("wsrep-applier-threads", "--wsrep-slave-threads"),
];

/// What is known of an option that a server does not know; `name` with `-` and without `loose-`, `skip-`.
pub fn foreign(name: &str) -> Option<&'static Foreign> {
    let name = name.to_ascii_lowercase();
    let exact = FOREIGN.iter().find(|foreign| foreign.name == name);
    exact.or_else(|| FOREIGN.iter().find(|f| f.name.ends_with('-') && name.starts_with(f.name)))
}

/// Beginnings of options that a loadable plugin of MariaDB brings, and the plugin's library.
const PLUGINS: &[(&str, &str)] = &[
    ("archive", "ha_archive.so"),
    ("aws-key-management", "aws_key_management.so"),
    ("blackhole", "ha_blackhole.so"),
    ("connect", "ha_connect.so"),
    ("cracklib-password-check", "cracklib_password_check.so"),
    ("disks", "disks.so"),
    ("example", "ha_example.so"),
    ("federated", "ha_federatedx.so"),
    ("file-key-management", "file_key_management.so"),
    ("gssapi", "auth_gssapi.so"),
    ("handlersocket", "handlersocket.so"),
    ("hashicorp-key-management", "hashicorp_key_management.so"),
    ("locales", "locales.so"),
    ("metadata-lock-info", "metadata_lock_info.so"),
    ("mroonga", "ha_mroonga.so"),
    ("oqgraph", "ha_oqgraph.so"),
    ("pam", "auth_pam.so"),
    ("password-reuse-check", "password_reuse_check.so"),
    ("query-cache-info", "query_cache_info.so"),
    ("query-response-time", "query_response_time.so"),
    ("rocksdb", "ha_rocksdb.so"),
    ("s3", "ha_s3.so"),
    ("server-audit", "server_audit.so"),
    ("simple-password-check", "simple_password_check.so"),
    ("sphinx", "ha_sphinx.so"),
    ("spider", "ha_spider.so"),
    ("sql-error-log", "sql_errlog.so"),
    ("wsrep-info", "wsrep_info.so"),
];

/// The library of the plugin whose option this is by its name.
pub fn plugin_of(name: &str) -> Option<&'static str> {
    let of = |(plugin, _): &&(&str, &str)| {
        name.strip_prefix(plugin).is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
    };
    PLUGINS.iter().find(of).map(|(_, library)| *library)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_by_themselves_and_by_their_beginning() {
        let owner = |name: &str| foreign(name).map(|foreign| foreign.owner);
        assert_eq!(owner("innodb-support-xa"), Some(Owner::Removed(Some("10.3"))));
        assert_eq!(owner("Mysqlx-port"), Some(Owner::MySql));
        assert_eq!(owner("mhnsw-max-cache-size"), Some(Owner::Since("11.7")));
        assert_eq!(owner("innodb-support"), None);
        assert_eq!(plugin_of("handlersocket-port"), Some("handlersocket.so"));
        assert_eq!(plugin_of("s3"), Some("ha_s3.so"));
        assert_eq!(plugin_of("s3x"), None);
    }

    #[test]
    fn no_name_is_there_twice_or_spelt_otherwise() {
        for (i, one) in FOREIGN.iter().enumerate() {
            assert!(FOREIGN[..i].iter().all(|other| other.name != one.name), "{}", one.name);
            assert!(!one.name.contains('_') && one.name == one.name.to_ascii_lowercase(), "{}", one.name);
        }
    }
}
