//! Opening the socket: Unix or TCP, by the host's name.

use std::net::{SocketAddr, TcpStream};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::net::sockopt::{self, Timeout};
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType};

use crate::client::wire::error::{ClientError, code};
use crate::client::wire::options::{Options, Protocol};
use crate::client::wire::stream::Stream;
use crate::sys::resolve::resolve;

/// Where a server listens unless told otherwise.
const DEFAULT_SOCKET: &str = "/run/mysqld/mysqld.sock";
const DEFAULT_PORT: u16 = 3306;

/// A connected stream. While it connects and logs in, every wait is limited by the connect timeout, and everything by the
/// deadline.
pub(super) fn open(options: &Options) -> Result<Stream, ClientError> {
    let patience = patience(options);
    let mut stream = if uses_socket(options) {
        unix(options.socket.as_deref().unwrap_or(Path::new(DEFAULT_SOCKET)), patience)?
    } else {
        let host = options.host.as_ref().map_or(&b"localhost"[..], |host| host);
        tcp(host, options.port, patience)?
    };
    if let Some(deadline) = options.deadline {
        stream.set_deadline(deadline);
    }
    if options.connect_timeout.is_some() {
        stream.set_timeouts(options.connect_timeout, options.connect_timeout).map_err(|error| {
            ClientError::with(code::SOCKET_CREATE, &[errno(&error).to_string().as_bytes()])
        })?;
    }
    Ok(stream)
}

/// How long the connecting may take; a deadline that is over leaves a moment, in which one that is there answers.
fn patience(options: &Options) -> Option<Duration> {
    let left = options
        .deadline
        .map(|deadline| deadline.saturating_duration_since(Instant::now()).max(Duration::from_millis(1)));
    let timeout = options.connect_timeout.filter(|timeout| !timeout.is_zero());
    left.into_iter().chain(timeout).min()
}

/// Whether the options mean the Unix socket (mysqltest §15.1).
fn uses_socket(options: &Options) -> bool {
    let local = options.host.as_ref().is_none_or(|host| host.is_empty() || host == "localhost");
    match options.protocol {
        Protocol::Default => local,
        Protocol::Socket => true,
        Protocol::Tcp => false,
    }
}

fn unix(path: &Path, patience: Option<Duration>) -> Result<Stream, ClientError> {
    let create = |errno: rustix::io::Errno| {
        ClientError::with(code::SOCKET_CREATE, &[errno.raw_os_error().to_string().as_bytes()])
    };
    let bytes = path.as_os_str().as_bytes();
    let address = match bytes.strip_prefix(b"@") {
        Some(name) => SocketAddrUnix::new_abstract_name(name),
        None => SocketAddrUnix::new(path),
    };
    let address = address.map_err(create)?;
    let socket =
        rustix::net::socket_with(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None)
            .map_err(create)?;
    // A server that takes nobody in lets its callers wait.
    sockopt::set_socket_timeout(&socket, Timeout::Send, patience).map_err(create)?;
    rustix::net::connect(&socket, &address).map_err(|errno| {
        let shown = &bytes[..bytes.len().min(64)];
        ClientError::with(code::CONNECTION, &[shown, errno.raw_os_error().to_string().as_bytes()])
    })?;
    Ok(Stream::new(socket))
}

/// Tries the host's addresses in turn. A refusal is number 2002 with the text of 2003.
fn tcp(host: &[u8], port: u16, patience: Option<Duration>) -> Result<Stream, ClientError> {
    let port = if port == 0 { DEFAULT_PORT } else { port };
    let addresses = resolve(host, port).map_err(|error| {
        let shown = &host[..host.len().min(100)];
        ClientError::with(code::UNKNOWN_HOST, &[shown, error.to_string().as_bytes()])
    })?;
    let mut last = libc::EINPROGRESS;
    for address in &addresses {
        match connect(address, patience) {
            Ok(socket) => return Ok(Stream::tcp(socket)),
            Err(error) => last = errno(&error),
        }
    }
    // The C library connects without blocking and keeps the number of that first answer.
    if matches!(last, libc::ECONNREFUSED | libc::EHOSTUNREACH | libc::ECONNRESET) {
        last = libc::EINPROGRESS;
    }
    let shown = &host[..host.len().min(64)];
    Err(ClientError {
        code: code::CONNECTION,
        ..ClientError::with(code::CONNECT_HOST, &[shown, last.to_string().as_bytes()])
    })
}

fn connect(address: &SocketAddr, patience: Option<Duration>) -> std::io::Result<TcpStream> {
    match patience {
        Some(patience) => TcpStream::connect_timeout(address, patience),
        None => TcpStream::connect(address),
    }
}

fn errno(error: &std::io::Error) -> i32 {
    error.raw_os_error().unwrap_or(if error.kind() == std::io::ErrorKind::TimedOut {
        libc::ETIMEDOUT
    } else {
        0
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn error_of(options: Options) -> ClientError {
        open(&options).unwrap_err()
    }

    #[test]
    fn the_host_chooses_the_transport() {
        let socket = |host: Option<&str>, protocol| {
            uses_socket(&Options { host: host.map(Into::into), protocol, ..Options::default() })
        };
        assert!(socket(None, Protocol::Default));
        assert!(socket(Some(""), Protocol::Default));
        assert!(socket(Some("localhost"), Protocol::Default));
        assert!(!socket(Some("127.0.0.1"), Protocol::Default));
        assert!(!socket(Some("localhost"), Protocol::Tcp));
        assert!(socket(Some("db.example"), Protocol::Socket));
    }

    #[test]
    fn a_missing_socket_and_a_dead_one() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("s");
        let error = error_of(Options { socket: Some(path.clone()), ..Options::default() });
        assert_eq!(error.code, 2002);
        assert!(error.message.ends_with(b"/s' (2)"), "{error}");
        std::fs::write(&path, "").unwrap();
        let error = error_of(Options { socket: Some(path), ..Options::default() });
        assert!(error.message.ends_with(b"/s' (111)"), "{error}");
        let error = error_of(Options { socket: Some("/x".repeat(100).into()), ..Options::default() });
        assert_eq!(error.code, 2001);
    }

    #[test]
    fn a_refused_tcp_connection_is_2002_with_the_text_of_2003() {
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let error = error_of(Options { host: Some("127.0.0.1".into()), port, ..Options::default() });
        assert_eq!(error.to_string(), "2002 (HY000): Can't connect to server on '127.0.0.1' (115)");
    }
}
