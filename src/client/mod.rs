//! The wire between a client and a MariaDB server, blocking: packets, authentication, TLS, text and
//! binary rows, the client's own errors. Knows nothing of mysqltest.

mod auth;
mod capabilities;
mod channel;
pub mod column;
mod compress;
mod connect;
mod connection;
mod error;
mod login;
mod options;
pub mod packet;
mod reply;
mod stream;
pub mod text;
mod user;

pub use connection::{Connection, Reply};
pub use error::{ClientError, code};
pub use options::{Ask, Options, Protocol, Question, Tls};
