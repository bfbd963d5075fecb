//! What a run says once, whichever of its workers finds it first.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use bstr::BString;

/// What was said.
#[derive(Debug, Default)]
pub struct Said(Mutex<BTreeSet<BString>>);

impl Said {
    /// Whether `text` is said now; not where it was said before.
    pub fn first_time(&self, text: impl Into<BString>) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(text.into())
    }
}
