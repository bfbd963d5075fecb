//! The connections of a script: the pool of them, the commands that open, choose, close and use them (spec §10).

mod connect;
pub mod replication;
pub(in crate::interp) mod service;
pub mod session;
pub mod session_track;
pub mod shutdown;
pub mod switch;

pub use connect::{connect, connect_default};
