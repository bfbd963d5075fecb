//! The wire between a client and a MariaDB server, blocking: packets, authentication, TLS, text and
//! binary rows, the client's own errors. Knows nothing of mysqltest.

mod auth;
pub mod binary;
mod capabilities;
mod channel;
pub mod column;
mod commands;
mod compress;
mod connect;
mod connection;
pub mod convert;
mod dispatch;
mod error;
#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod fake;
mod fuzz;
mod infile;
mod login;
mod options;
#[cfg(feature = "oracle")]
pub mod oracle;
pub mod packet;
mod reply;
mod statement;
mod stream;
pub mod text;
mod user;

pub use connection::{Connection, Reply};
pub use error::{ClientError, code};
#[doc(hidden)]
pub use fuzz::fuzz;
pub use options::{Ask, Options, Protocol, Question, Tls};
pub use statement::{Param, Statement};
