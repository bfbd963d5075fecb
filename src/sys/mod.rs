//! The operating system: processes with pidfds, waiting on file descriptors, directory watches,
//! replacing files and removing trees, the standard streams,
//! the guardian that cleans up after a killed runner, the end that a signal asks for, inherited signals, host names, a network of a run's own, owners of
//! directories. The only module that may use `unsafe`.

pub mod abort;
pub mod address_space;
pub mod argument;
pub mod bounded;
pub mod child;
pub mod deadline;
mod ending;
pub mod excerpt;
pub mod files;
mod front;
#[cfg(feature = "gssapi")]
pub mod gssapi;
pub mod guardian;
mod last_line;
mod ledger;
#[cfg(feature = "oracle")]
pub mod libmariadb;
pub mod local_time;
pub mod memory;
mod nameservers;
pub mod network;
pub mod openssl;
pub mod orphans;
pub mod ownership;
pub mod panics;
pub mod pcre;
pub mod poll;
pub mod position;
pub mod process;
pub mod removal;
pub mod replacement;
pub mod resolve;
pub mod scratch;
pub mod shell;
pub mod signals;
mod spawn;
pub mod streams;
pub mod watch;
