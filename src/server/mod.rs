//! One server from data directory to exit.

pub mod bootstrap;
mod bootstrap_cache;
pub mod datadir;
