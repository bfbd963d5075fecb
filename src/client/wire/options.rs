//! How to connect.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bstr::BString;

/// Which transport a connection takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Protocol {
    /// The Unix socket if the host is absent or `localhost`, else TCP.
    #[default]
    Default,
    /// TCP, also to `localhost`.
    Tcp,
    /// The Unix socket, whatever the host.
    Socket,
}

/// A question of the server's authentication dialog.
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    /// The server's text.
    pub prompt: &'a [u8],
    /// Whether the answer is a secret.
    pub secret: bool,
}

/// Answers a [`Question`].
pub type Ask = Arc<dyn Fn(Question<'_>) -> Vec<u8> + Send + Sync>;

/// TLS parameters. With `verify`, a server without TLS is an error instead of a plain connection.
pub use crate::sys::openssl::Settings as Tls;

/// How to connect; what [`Connection::connect`](crate::client::Connection::connect) needs.
#[derive(Clone)]
pub struct Options {
    /// The server's host; `None` or `localhost` is the Unix socket by default.
    pub host: Option<BString>,
    /// The user; empty is the operating-system user.
    pub user: BString,
    /// The password.
    pub password: BString,
    /// The database to select in the login; a missing one is an error.
    pub database: Option<BString>,
    /// The TCP port; 0 is 3306.
    pub port: u16,
    /// The Unix socket; a first `@` means Linux's abstract name space.
    pub socket: Option<PathBuf>,
    /// The transport.
    pub protocol: Protocol,
    /// TLS, if the server has it; `None`: plain text.
    pub tls: Option<Tls>,
    /// Whether to ask for zlib compression.
    pub compress: bool,
    /// The collation announced in the handshake (mysqltest §15.1).
    pub collation: u8,
    /// The longest time for connecting and for each read of the handshake.
    pub connect_timeout: Option<Duration>,
    /// The longest wait for bytes of the server.
    pub read_timeout: Option<Duration>,
    /// The longest wait for the server to take bytes.
    pub write_timeout: Option<Duration>,
    /// The moment at which connecting, and all that is read and written afterwards, is over, however much the server
    /// says until then; `None`: each wait has a limit of its own.
    pub deadline: Option<Instant>,
    /// Where client plugins lie; a plugin that is not built in and not there is error 2059.
    pub plugin_dir: Option<PathBuf>,
    /// The authentication plugin to begin with.
    pub default_auth: Option<BString>,
    /// The names of the plugins that may be used, in one text; `None`: what the client library of the
    /// server's release allows.
    pub restricted_auth: Option<BString>,
    /// The connection attribute `program_name`.
    pub program_name: BString,
    /// Whether statements may be separated by `;` in one query.
    pub multi_statements: bool,
    /// Whether a lost connection is opened again by the next command (mysqltest §15.3).
    pub reconnect: bool,
    /// The character set's name, for `SET NAMES` after a reconnect; empty: none is sent.
    pub charset_name: BString,
    /// The longest packet to send or receive, in bytes.
    pub max_allowed_packet: usize,
    /// Answers the questions of authentication dialogs.
    pub ask: Option<Ask>,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            host: None,
            user: BString::default(),
            password: BString::default(),
            database: None,
            port: 0,
            socket: None,
            protocol: Protocol::Default,
            tls: None,
            compress: false,
            collation: 8,
            connect_timeout: None,
            read_timeout: None,
            write_timeout: None,
            deadline: None,
            plugin_dir: None,
            default_auth: None,
            restricted_auth: None,
            program_name: BString::default(),
            multi_statements: true,
            reconnect: false,
            charset_name: BString::from("latin1"),
            max_allowed_packet: 1 << 30,
            ask: None,
        }
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The password is left out on purpose.
        f.debug_struct("Options")
            .field("host", &self.host)
            .field("user", &self.user)
            .field("database", &self.database)
            .field("port", &self.port)
            .field("socket", &self.socket)
            .finish_non_exhaustive()
    }
}
