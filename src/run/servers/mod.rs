//! The servers of one worker: which must be restarted for a test, starting and stopping them, what they said on
//! their way out.

mod sanitizer_files;
pub mod set;
pub mod shutdown;
pub mod taken_port;
mod wsrep;
