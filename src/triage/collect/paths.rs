//! What the paths are that the server was given.

use super::Subject;
use crate::triage::evidence::Evidence;

/// Looks at each path that an option or a setting names.
pub fn add(_evidence: &mut Evidence, _subject: &Subject<'_>) {}
