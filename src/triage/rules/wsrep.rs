//! Placeholder.

use crate::triage::judge::Rule;

/// The rules of this file.
pub const RULES: &[Rule] = &[];
