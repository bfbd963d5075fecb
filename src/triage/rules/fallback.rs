//! Where no rule knows: where to begin reading, and no guess.

use crate::triage::catalogue::{FIRST_ERROR, SILENT};
use crate::triage::finding::Rule;
use crate::triage::finding::{Confidence, Finding};
use crate::triage::log::{Entry, Level};
use crate::triage::scene::Scene;

/// The rules of this file.
pub const RULES: &[Rule] = &[first_error, silent];

fn first_error<'a>(scene: &Scene<'a>) -> Option<Finding<'a>> {
    let telling = |entry: &Entry<'a>| {
        let program = entry.raw.starts_with(b"mariadbd: ") || entry.raw.starts_with(b"mysqld: ");
        // A statement of a bootstrap or of an init file.
        let statement = entry.raw.starts_with(b"ERROR: ");
        (entry.level == Level::Error && entry.message != "Aborting")
            || (entry.level == Level::None && (program || statement))
    };
    let entry = scene.log.iter().copied().find(telling)?;
    let text = format!("not known; the first error is: {}", entry.message);
    Some(Finding { confidence: Confidence::Unknown, ..Finding::new(FIRST_ERROR, text).quoting([entry]) })
}

fn silent<'a>(_: &Scene<'a>) -> Option<Finding<'a>> {
    let finding = Finding::new(SILENT, "not known: the error log of this start has no error");
    Some(Finding { confidence: Confidence::Unknown, ..finding })
}
