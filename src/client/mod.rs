//! The wire between a client and a MariaDB server, blocking: packets, authentication, TLS, text and
//! binary rows, the client's own errors. Knows nothing of mysqltest.

mod channel;
pub mod column;
mod connection;
mod error;
mod login;
mod options;
pub mod packet;
mod stream;
pub mod text;

pub use connection::{Connection, Reply};
pub use error::{ClientError, code};
pub use options::{Ask, Options, Protocol, Question, Tls};
