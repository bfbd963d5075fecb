//! Runs a mysqltest script: commands, filters, the result, protocols.

pub mod tool;
pub mod query;
pub mod filter;
pub mod connections;
