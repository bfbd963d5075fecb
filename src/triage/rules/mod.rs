//! The rules, by what they are about. Each looks for one cause.

pub mod crash;
pub mod datadir;
pub mod disk;
pub mod encryption;
pub mod fallback;
pub mod innodb;
pub mod judge;
pub mod limits;
pub mod memory;
pub mod network;
pub mod option_conflicts;
pub mod option_files;
pub mod option_names;
pub mod option_values;
pub mod options;
pub mod paths;
mod plugin_failure;
pub mod plugins;
pub mod program;
pub mod replication;
pub mod running;
pub mod sanitizer;
pub mod script;
pub mod several_options;
pub mod state_transfer;
pub mod tls;
pub mod waiting;
pub mod wsrep;

use crate::triage::finding::Rule;

/// All rules. Within one rank, the first that knows is the cause: what tears a process down, then what the server was
/// told, then what it found.
pub const RULES: &[&[Rule]] = &[
    script::RULES,
    running::RULES,
    sanitizer::RULES,
    crash::RULES,
    program::RULES,
    several_options::RULES,
    plugins::RULES,
    options::RULES,
    option_names::RULES,
    option_values::RULES,
    option_files::RULES,
    option_conflicts::RULES,
    network::RULES,
    disk::RULES,
    memory::RULES,
    limits::RULES,
    encryption::RULES,
    tls::RULES,
    state_transfer::RULES,
    wsrep::RULES,
    replication::RULES,
    datadir::RULES,
    innodb::RULES,
    paths::RULES,
    waiting::RULES,
];

/// Asked in turn where no rule knows.
pub const FALLBACKS: &[Rule] = fallback::RULES;
