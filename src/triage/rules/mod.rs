//! The rules, by what they are about. Each looks for one cause.

pub mod disk;
pub mod encryption;
pub mod fallback;
pub mod limits;
pub mod memory;
pub mod options;
pub mod replication;
pub mod tls;
pub mod wsrep;

use super::judge::Rule;

/// All rules. Within one rank, the first that knows is the cause.
pub const RULES: &[&[Rule]] = &[
    disk::RULES,
    memory::RULES,
    limits::RULES,
    options::RULES,
    encryption::RULES,
    tls::RULES,
    wsrep::RULES,
    replication::RULES,
];

/// Asked in turn where no rule knows.
pub const FALLBACKS: &[Rule] = fallback::RULES;
