//! The rules, by what they are about. Each looks for one cause.

pub mod crash;
pub mod fallback;
pub mod options;
pub mod plugins;
pub mod running;
pub mod sanitizer;
pub mod waiting;

use super::judge::Rule;

/// All rules. Within one rank, the first that knows is the cause.
pub const RULES: &[&[Rule]] =
    &[running::RULES, plugins::RULES, options::RULES, sanitizer::RULES, crash::RULES, waiting::RULES];

/// Asked in turn where no rule knows.
pub const FALLBACKS: &[Rule] = fallback::RULES;
