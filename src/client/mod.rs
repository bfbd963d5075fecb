//! The wire between a client and a MariaDB server, blocking: packets, authentication, TLS, text and
//! binary rows, the client's own errors. Knows nothing of mysqltest.

mod auth;
mod commands;
mod connect;
mod connection;
mod dispatch;
mod infile;
mod login;
mod statement;
#[doc(hidden)]
pub mod testing;
mod user;
pub mod wire;

pub use connection::{Connection, Reply};
pub use statement::{Param, Statement};
pub use wire::error::{ClientError, code};
pub use wire::options::{Ask, Options, Protocol, Question, Tls};
