//! What the server can do, read from its own `--verbose --help` (spec §0.2).

use std::collections::BTreeMap;

/// Facts about one server binary.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ServerFacts {
    /// major*10000 + minor*100 + patch.
    pub version_id: u32,
    /// `10.11.19`.
    pub version: String,
    /// What follows the version: `-MariaDB-0+deb12u1`.
    pub suffix: String,
    /// Names of plugins that `--loose-skip-plugin-X` switches off, in the server's order.
    pub optional_plugins: Vec<String>,
    /// Variables and their defaults, names with `-`.
    pub variables: BTreeMap<String, String>,
}
