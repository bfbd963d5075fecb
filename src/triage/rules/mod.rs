//! The rules, by what they are about. Each looks for one cause.

pub mod fallback;
pub mod options;
pub mod plugins;

use super::judge::Rule;

/// All rules. Within one rank, the first that knows is the cause.
pub const RULES: &[&[Rule]] = &[plugins::RULES, options::RULES];

/// Asked in turn where no rule knows.
pub const FALLBACKS: &[Rule] = fallback::RULES;
