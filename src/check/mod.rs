//! What a test left behind: state of the servers, lines in their error logs.

pub mod errorlog;
pub mod patterns;
mod print;
pub mod session;
pub mod testcase;
#[doc(hidden)]
pub mod testing;
pub mod warnings;
