//! The rules, by what they are about. Each looks for one cause.

pub mod datadir;
pub mod crash;
pub mod fallback;
pub mod option_conflicts;
pub mod option_files;
pub mod option_names;
pub mod option_values;
pub mod options;
pub mod program;
pub mod plugins;
pub mod innodb;
pub mod network;
pub mod paths;
pub mod disk;
pub mod encryption;
pub mod limits;
pub mod memory;
pub mod replication;
pub mod tls;
pub mod wsrep;
pub mod sanitizer;
pub mod waiting;

use super::judge::Rule;

/// All rules. Within one rank, the first that knows is the cause.
pub const RULES: &[&[Rule]] = &[
    options::RULES,
    option_names::RULES,
    option_values::RULES,
    option_files::RULES,
    option_conflicts::RULES,
    program::RULES,
];
pub const RULES: &[&[Rule]] = &[plugins::RULES, options::RULES];
pub const RULES: &[&[Rule]] = &[options::RULES, network::RULES, datadir::RULES, innodb::RULES, paths::RULES];
    disk::RULES,
    memory::RULES,
    limits::RULES,
    options::RULES,
    encryption::RULES,
    tls::RULES,
    wsrep::RULES,
    replication::RULES,
];
pub const RULES: &[&[Rule]] = &[options::RULES, sanitizer::RULES, crash::RULES, waiting::RULES];

/// Asked in turn where no rule knows.
pub const FALLBACKS: &[Rule] = fallback::RULES;
