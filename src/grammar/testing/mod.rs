//! What the grammars are tested with: any text.

pub mod fuzz;
