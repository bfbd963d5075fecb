//! Runs a mysqltest script: commands, filters, the result, protocols.

pub mod connections;
pub mod filter;
pub mod query;
pub mod tool;
