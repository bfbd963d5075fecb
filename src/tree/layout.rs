//! Where everything of a MariaDB installation is (spec §8.1, §9.1).

use std::path::PathBuf;

/// The places of one installation, found once.
#[derive(Debug, Clone, Default)]
pub struct Layout {
    /// The `mysql-test` directory (`MT`), absolute: current directory of servers and scripts.
    /// Without an installed test tree, the unpacked tree of our own (`bundled` is then true).
    pub test_dir: PathBuf,
    /// `test_dir` is ours, not MariaDB's.
    pub bundled: bool,
    /// Where the suites of our own are unpacked, one directory each; searched for names on the
    /// command line also beside an installed tree.
    pub bundled_suites: Option<PathBuf>,
    /// Basedir.
    pub basedir: PathBuf,
    /// Bindir: `$MTR_BINDIR` or basedir.
    pub bindir: PathBuf,
    /// A source or build tree (`SRC`).
    pub source: bool,
    /// `/<name>` of a multi-config build; empty normally.
    pub multiconfig: String,
    /// Where client programs are.
    pub client_bindir: PathBuf,
    /// `MYSQL_SHAREDIR`: parent of the language directories.
    pub share_dir: PathBuf,
    /// `MYSQL_CHARSETSDIR`.
    pub charsets_dir: PathBuf,
    /// The server program.
    pub mariadbd: PathBuf,
    /// Server plugin directory; in a source tree `vardir/plugins`, filled by the runner.
    pub plugin_dir: PathBuf,
    /// Client plugin directory.
    pub client_plugin_dir: PathBuf,
    /// Every plugin file found: `HA_CONNECT_SO` → `ha_connect.so`.
    pub plugins: Vec<(String, PathBuf)>,
    /// Directory that has `mysql_system_tables.sql`.
    pub sql_dir: PathBuf,
}
