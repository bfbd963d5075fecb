//! Runs a mysqltest script: commands, filters, the result, protocols.

pub mod connections;
mod control;
mod dispatch;
pub mod errors;
mod exec;
mod extensions;
pub mod files;
pub mod filter;
pub mod header;
mod misc;
pub mod properties;
pub mod query;
mod run;
mod session;
mod source;
pub mod state;
pub mod stop;
mod timing;
pub mod tool;
mod unified;
pub mod variables;
