//! Selection, combinations, order, claims.

pub mod claims;
pub mod experimental;
pub mod order;
pub mod queue;
