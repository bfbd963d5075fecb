//! The rules, by what they are about. Each looks for one cause.

pub mod datadir;
pub mod fallback;
pub mod innodb;
pub mod network;
pub mod options;
pub mod paths;

use super::judge::Rule;

/// All rules. Within one rank, the first that knows is the cause.
pub const RULES: &[&[Rule]] = &[options::RULES, network::RULES, datadir::RULES, innodb::RULES, paths::RULES];

/// Asked in turn where no rule knows.
pub const FALLBACKS: &[Rule] = fallback::RULES;
