//! The wire between a client and a MariaDB server, blocking: packets, authentication, TLS, text and
//! binary rows, the client's own errors. Knows nothing of mysqltest.

mod auth;
mod commands;
mod connect;
mod connection;
mod dispatch;
#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod fake;
mod fuzz;
mod infile;
mod login;
#[cfg(feature = "oracle")]
pub mod oracle;
mod statement;
mod user;
pub mod wire;

pub use connection::{Connection, Reply};
#[doc(hidden)]
pub use fuzz::fuzz;
pub use statement::{Param, Statement};
pub use wire::error::{ClientError, code};
pub use wire::options::{Ask, Options, Protocol, Question, Tls};
