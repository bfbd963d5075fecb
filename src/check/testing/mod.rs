//! What checks are tested with: any error log.

pub mod fuzz;
