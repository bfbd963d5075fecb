//! One server from data directory to exit. Nothing here prints.

pub mod bootstrap;
mod bootstrap_cache;
pub mod command;
pub mod datadir;
pub mod expect;
pub mod options;
pub mod process;
pub mod readiness;
