//! One server from data directory to exit. Nothing here prints.

pub mod bootstrap;
mod bootstrap_cache;
pub mod command;
pub mod datadir;
pub mod expect;
pub mod instance;
pub mod options;
pub mod readiness;
