//! What configurations are tested with: any template.

pub mod fuzz;
