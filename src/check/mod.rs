//! What a test left behind: state of the servers, lines in their error logs.

pub mod session;
pub mod testcase;
mod wire;
