//! Selection, combinations, order, claims.
