//! Runs a mysqltest script: commands, filters, the result, protocols.

pub mod connections;
mod control;
mod dispatch;
mod exec;
mod extensions;
mod file_commands;
pub mod files;
pub mod filter;
mod filter_commands;
mod misc;
pub mod query;
mod run;
pub mod state;
mod timing;
pub mod tool;
