//! What the reading of a tree is tested with: a small tree, and any combinations.

pub mod fuzz;
#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod sample;

#[cfg(test)]
pub(crate) use sample::{Tree, arguments, files, skips, suites};
