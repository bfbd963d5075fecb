//! Selection, combinations, order, claims.

pub mod order;
