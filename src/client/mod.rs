//! The wire between a client and a MariaDB server, blocking: packets, authentication, TLS, text and
//! binary rows, the client's own errors. Knows nothing of mysqltest.

pub mod binary;
mod channel;
pub mod column;
mod connection;
pub mod convert;
mod error;
mod login;
mod options;
#[cfg(feature = "oracle")]
pub mod oracle;
pub mod packet;
mod statement;
mod stream;
pub mod text;

pub use connection::{Connection, Reply};
pub use error::{ClientError, code};
pub use options::{Ask, Options, Protocol, Question, Tls};
pub use statement::{Param, Statement};
