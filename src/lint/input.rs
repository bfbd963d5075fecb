//! What the rules look at.

use crate::lint::files::Files;
use crate::lint::view::View;

/// What the rules look at.
#[derive(Clone, Copy)]
pub struct Input<'a> {
    /// What the runner makes of the files.
    pub view: &'a View,
    /// The files about which something may be said.
    pub files: &'a Files,
}
