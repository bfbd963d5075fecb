//! Evidence in, diagnosis out.

pub mod argument;
pub mod rules;
pub mod start;
