//! A connection of the runner's own to one server, open only while nothing else of a test runs.

use std::error::Error as _;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use bstr::{BString, ByteSlice};
use mysql::prelude::Queryable;
use mysql::{Conn, DriverError, LocalInfileHandler, OptsBuilder, Row, Value};
use rustix::net::Shutdown;
use rustix::net::sockopt::{Timeout, set_socket_timeout};

use crate::sys::watch::DirWatch;
use crate::sys::{fd, poll};

/// Pause between attempts when nothing announces that the server listens: that of the script engine.
const ATTEMPT_PAUSE: Duration = Duration::from_millis(100);

/// The longest packet of the protocol that a server can be made to allow, in bytes. Told to the crate so that it does
/// not ask the server.
const MAX_ALLOWED_PACKET: usize = 1 << 30;

/// The script engine's character set: text arrives in the bytes that it would see.
const CHARACTER_SET: &str = "SET NAMES latin1";

/// Where a server listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Endpoint {
    /// Its unix socket.
    Socket(PathBuf),
    /// Host name or address, and port.
    Tcp(String, u16),
}

/// An error the server sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {message}")]
pub struct ServerError {
    /// The error number, 1045 for example.
    pub code: u16,
    /// The text; what is not UTF-8 in it is replaced.
    pub message: String,
}

/// One table of an answer; an answer without a table has no columns.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ResultSet {
    /// Column names as the server prints them (aliases).
    pub columns: Vec<BString>,
    /// Rows; `None` is SQL NULL.
    pub rows: Vec<Vec<Option<BString>>>,
    /// Warnings the server counted when the statement ended: those of the last result of an answer, 0 before it.
    pub warnings: u16,
}

/// Why a session failed; decides what becomes of the test (spec §10.4, §10.5).
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    /// Nobody accepted the connection before the deadline.
    #[error("could not open connection to {place}: {cause}")]
    Unreachable {
        /// Socket path or `host:port`.
        place: String,
        /// The last attempt's error.
        cause: io::Error,
    },
    /// The server refused a statement or the login.
    #[error("query '{statement}' failed: {error}")]
    Server {
        /// The statement; `connect` for the login.
        statement: String,
        /// What the server said.
        error: ServerError,
    },
    /// The deadline passed while the server was working.
    #[error("no answer before the deadline")]
    Timeout,
    /// The server went away in the middle of it.
    #[error("lost the connection to the server")]
    Lost(#[source] io::Error),
    /// A local file could not be read, written or listed.
    #[error("cannot {verb} {path}: {cause}", path = .path.display())]
    File {
        /// "read", "write" or "list".
        verb: &'static str,
        /// Which.
        path: PathBuf,
        /// Why.
        cause: io::Error,
    },
    /// A path that cannot be named in a statement or for a connection: both are text.
    #[error("the path {} is not UTF-8: the server cannot be told of it", .0.display())]
    NotUtf8(PathBuf),
    /// The server sent what is not the protocol, or wants what the client cannot do.
    #[error("{0}")]
    Protocol(#[source] mysql::Error),
}

impl SessionError {
    /// The server's error number, where the server refused something.
    pub fn code(&self) -> Option<u16> {
        match self {
            SessionError::Server { error, .. } => Some(error.code),
            _ => None,
        }
    }
}

impl From<SessionError> for crate::Error {
    fn from(error: SessionError) -> Self {
        crate::Error::new(error.to_string()).caused_by(error)
    }
}

/// An open session as a user without a password and without a default database, in latin1 as the script engine's.
///
/// It is closed when dropped; [`Session::close`] also waits until the server has ended it, which the next
/// test needs: it must not find a stranger in the process list.
pub struct Session {
    conn: Conn,
    /// The socket of `conn`: carries the time-outs and tells when the server has closed its end.
    socket: OwnedFd,
    deadline: Instant,
}

impl Session {
    /// Opens a session over `socket`, trying until `deadline` while nobody listens there.
    ///
    /// The deadline holds for everything done in the session.
    ///
    /// # Errors
    /// [`SessionError::Unreachable`] at the deadline, [`SessionError::Server`] where the login is refused.
    pub fn open(socket: &Path, user: &str, deadline: Instant) -> Result<Session, SessionError> {
        Session::open_at(&Endpoint::Socket(socket.to_owned()), user, deadline, deadline)
    }

    /// As [`Session::open`], at a socket or a port, giving up at `patience` while nobody listens; there is always one
    /// attempt.
    pub fn open_at(
        endpoint: &Endpoint,
        user: &str,
        patience: Instant,
        deadline: Instant,
    ) -> Result<Session, SessionError> {
        let conn = connect(endpoint, user, patience, deadline)?;
        let socket = fd::duplicate(&conn).map_err(SessionError::Lost)?;
        let mut session = Session { conn, socket, deadline };
        // The one statement that is not the caller's. A greeting in latin1 would do without it, but the crate's is
        // always in utf8mb4.
        session.query(CHARACTER_SET)?;
        Ok(session)
    }

    /// Runs one statement (or several, separated by `;`) and returns all its results.
    ///
    /// # Errors
    /// The first error; later statements of the same text are not run.
    pub fn query(&mut self, statement: impl AsRef<str>) -> Result<Vec<ResultSet>, SessionError> {
        let statement = statement.as_ref();
        self.limit()?;
        self.results(statement).map_err(|error| classify(error, statement))
    }

    fn results(&mut self, statement: &str) -> mysql::Result<Vec<ResultSet>> {
        let mut answer = self.conn.query_iter(statement)?;
        let mut results = Vec::new();
        while let Some(set) = answer.iter() {
            let columns = set.columns().as_ref().iter().map(|column| column.name_ref().into()).collect();
            let rows = set.map(|row| row.map(cells)).collect::<Result<_, _>>()?;
            results.push(ResultSet { columns, rows, warnings: 0 });
        }
        drop(answer);
        if let Some(last) = results.last_mut() {
            last.warnings = self.conn.warnings();
        }
        Ok(results)
    }

    /// Ends the session and waits until the server has closed its end.
    ///
    /// # Errors
    /// [`SessionError::Timeout`] where the server did not do so before the deadline.
    pub fn close(self) -> Result<(), SessionError> {
        let Session { conn, socket, deadline } = self;
        // Says good-bye.
        drop(conn);
        // A server that is still waiting for something else than a good-bye learns that nothing will come.
        match rustix::net::shutdown(&socket, Shutdown::Write)
            .map_err(io::Error::from)
            .and_then(|()| drain(&socket, deadline))
        {
            Ok(true) => Ok(()),
            Ok(false) => Err(SessionError::Timeout),
            // A server that resets or has already closed the connection has ended the session too.
            Err(e) if is_gone(&e) => Ok(()),
            Err(e) => Err(SessionError::Lost(e)),
        }
    }

    /// Lets reads and writes fail at the deadline.
    fn limit(&self) -> Result<(), SessionError> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(SessionError::Timeout);
        }
        for which in [Timeout::Recv, Timeout::Send] {
            set_socket_timeout(&self.socket, which, Some(left)).map_err(|e| SessionError::Lost(e.into()))?;
        }
        Ok(())
    }
}

/// The path as text.
///
/// # Errors
/// [`SessionError::NotUtf8`].
pub(super) fn utf8(path: &Path) -> Result<&str, SessionError> {
    path.to_str().ok_or_else(|| SessionError::NotUtf8(path.to_owned()))
}

/// Connects and logs in, trying again until `patience` while nobody listens.
fn connect(
    endpoint: &Endpoint,
    user: &str,
    patience: Instant,
    deadline: Instant,
) -> Result<Conn, SessionError> {
    let mut arrivals = None;
    loop {
        let cause = match Conn::new(options(endpoint, user, deadline)?) {
            Err(mysql::Error::DriverError(DriverError::CouldNotConnect(Some((_, text, kind))))) => {
                io::Error::new(kind, text)
            }
            Err(mysql::Error::DriverError(DriverError::ConnectTimeout)) => io::ErrorKind::TimedOut.into(),
            answer => return answer.map_err(|error| classify(error, "connect")),
        };
        let not_yet = matches!(
            cause.kind(),
            io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused | io::ErrorKind::WouldBlock
        );
        let now = Instant::now();
        if !not_yet || now >= patience {
            let place = match endpoint {
                Endpoint::Socket(path) => path.display().to_string(),
                Endpoint::Tcp(host, port) => format!("{host}:{port}"),
            };
            return Err(SessionError::Unreachable { place, cause });
        }
        // The watch is set before the next attempt, so a socket that appears in between is not missed.
        let Some(arrivals) = &arrivals else {
            arrivals = Some(watch(endpoint));
            continue;
        };
        // The appearing of the file precedes `listen` by a moment that no event marks.
        let fds: Vec<_> = arrivals.iter().map(DirWatch::fd).collect();
        poll::readable(&fds, Some(patience.min(now + ATTEMPT_PAUSE))).map_err(SessionError::Lost)?;
        if let Some(watch) = arrivals {
            // What appeared does not matter: the next attempt tells.
            let _ = watch.drain();
        }
    }
}

fn options(endpoint: &Endpoint, user: &str, deadline: Instant) -> Result<OptsBuilder, SessionError> {
    // A time-out of zero would be none.
    let left = deadline.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
    let options = OptsBuilder::new()
        .user(Some(user))
        .read_timeout(Some(left))
        .write_timeout(Some(left))
        .tcp_connect_timeout(Some(left))
        .max_allowed_packet(Some(MAX_ALLOWED_PACKET))
        .prefer_socket(false)
        .connect_attrs::<String, String>(None)
        .local_infile_handler(Some(LocalInfileHandler::new(|name, server| {
            io::copy(&mut File::open(name.to_path_lossy())?, server)?;
            Ok(())
        })));
    Ok(match endpoint {
        Endpoint::Socket(path) => options.socket(Some(utf8(path)?)),
        Endpoint::Tcp(host, port) => options.ip_or_hostname(Some(host)).tcp_port(*port),
    })
}

/// Tells when files appear in the directory of a socket, where that can be watched.
fn watch(endpoint: &Endpoint) -> Option<DirWatch> {
    let Endpoint::Socket(socket) = endpoint else { return None };
    let dir = socket.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let watch = DirWatch::new().ok()?;
    watch.add(dir).ok()?;
    Some(watch)
}

/// The text of a row's values: whatever their types, an answer to a plain query has nothing else.
fn cells(row: Row) -> Vec<Option<BString>> {
    let cell = |value| match value {
        Value::NULL => None,
        Value::Bytes(text) => Some(text.into()),
        other => Some(other.as_sql(true).into()),
    };
    row.unwrap_raw().into_iter().map(|value| value.and_then(cell)).collect()
}

/// Reads until the server has closed its end; false at the deadline.
fn drain(socket: &OwnedFd, deadline: Instant) -> io::Result<bool> {
    let mut rest = [0; 512];
    loop {
        if poll::readable(&[socket.as_fd()], Some(deadline))?.is_empty() {
            return Ok(false);
        }
        if rustix::io::read(socket, &mut rest)? == 0 {
            return Ok(true);
        }
    }
}

fn classify(error: mysql::Error, statement: &str) -> SessionError {
    match error {
        mysql::Error::MySqlError(error) => SessionError::Server {
            statement: statement.to_owned(),
            error: ServerError { code: error.code, message: error.message },
        },
        mysql::Error::IoError(e) => broken(e),
        mysql::Error::CodecError(e) => match e.source().and_then(|cause| cause.downcast_ref::<io::Error>()) {
            Some(cause) => broken(io::Error::new(cause.kind(), cause.to_string())),
            None => SessionError::Protocol(mysql::Error::CodecError(e)),
        },
        other => SessionError::Protocol(other),
    }
}

/// Reading or writing failed: at the deadline, or because the server is gone.
fn broken(error: io::Error) -> SessionError {
    match error.kind() {
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => SessionError::Timeout,
        _ => SessionError::Lost(error),
    }
}

fn is_gone(error: &io::Error) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionReset, NotConnected};
    matches!(error.kind(), BrokenPipe | ConnectionReset | NotConnected)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use std::os::unix::net::UnixListener;

    #[test]
    fn a_socket_that_appears_later_is_found_at_once() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("s.sock");
        let server = std::thread::spawn({
            let path = path.clone();
            move || {
                std::thread::sleep(Duration::from_millis(50));
                let listener = UnixListener::bind(path).unwrap();
                drop(listener.accept().unwrap());
            }
        });
        let begun = Instant::now();
        let opened = Session::open(&path, "root", begun + Duration::from_secs(5));
        assert!(matches!(opened, Err(SessionError::Lost(_))), "the greeting never came");
        assert!(begun.elapsed() < Duration::from_millis(500));
        server.join().unwrap();
    }

    #[test]
    fn nobody_there_is_unreachable_at_the_deadline() {
        let dir = tempfile::tempdir().unwrap();
        let begun = Instant::now();
        let opened = Session::open(&dir.path().join("none.sock"), "root", begun + Duration::from_millis(120));
        assert!(matches!(opened, Err(SessionError::Unreachable { .. })));
        assert!(begun.elapsed() >= Duration::from_millis(120));
    }

    #[test]
    fn a_silent_server_times_out() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("s.sock");
        let _listener = UnixListener::bind(&path).unwrap();
        let opened = Session::open(&path, "root", Instant::now() + Duration::from_millis(80));
        assert!(matches!(opened, Err(SessionError::Timeout)));
    }
}
