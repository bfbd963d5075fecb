//! One server from data directory to exit. Nothing here prints.

pub mod command;
pub mod expect;
pub mod instance;
pub mod options;
pub mod readiness;
