//! What diagnoses are tested with: evidence of one's own, any log and any program.

pub mod fuzz;
#[cfg(test)]
mod sample;

#[cfg(test)]
pub use sample::{Vector, argv, check, codes, failed};
