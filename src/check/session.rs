//! A connection of the runner's own to one server, open only while nothing else of a test runs.

use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use bstr::{BString, ByteSlice};

use crate::client::{ClientError, Connection, Options, Protocol, Reply, code};
use crate::sys::deadline::deadline_after;
use crate::sys::poll;
use crate::sys::watch::DirWatch;

/// Pause between attempts when nothing announces that the server listens: that of the script engine.
const ATTEMPT_PAUSE: Duration = Duration::from_millis(100);

/// The most bytes that the answers to one text may have, each cell, row and result counted as some more: 64 MiB. Those of
/// the checks have some KB; a server with ten thousand tables needs 2 MB.
const MOST_OF_ANSWER: usize = 64 << 20;

/// The longest packet of a server: a row, a definition of a column.
const LONGEST_PACKET: usize = 16 << 20;

/// What a cell, a row and a result take beside their bytes.
const OVERHEAD: usize = 32;

/// What the server knows the connection by, that of the script engine.
const PROGRAM_NAME: &str = "mysqltest";

/// An error the server sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {message}")]
pub struct ServerError {
    /// The error number, 1045 for example.
    pub code: u16,
    /// The text, in the session's character set (latin1).
    pub message: BString,
}

/// One table of an answer; an answer without a table has no columns.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ResultSet {
    /// Column names as the server prints them (aliases).
    pub columns: Vec<BString>,
    /// Rows; `None` is SQL NULL.
    pub rows: Vec<Vec<Option<BString>>>,
    /// Warnings the server counted for this result.
    pub warnings: u16,
}

/// Where a server listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Endpoint {
    /// Its unix socket.
    Socket(PathBuf),
    /// Host name or address, and port.
    Tcp(String, u16),
}

/// Why a session failed; decides what becomes of the test (runner §10.4, §10.5).
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    /// Nobody accepted the connection before the deadline.
    #[error("could not open connection to {place}: {cause}")]
    Unreachable {
        /// Socket path or `host:port`.
        place: String,
        /// The last attempt's error.
        cause: ClientError,
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
    /// The server says more than a server can have to say.
    #[error("the answer to '{statement}' has more than {} MiB", MOST_OF_ANSWER >> 20)]
    TooMuch {
        /// The statement.
        statement: String,
    },
    /// The server went away in the middle of it.
    #[error("lost the connection to the server")]
    Lost(#[source] ClientError),
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
    /// A path that has to stand in a statement is not UTF-8.
    #[error("{path} is not UTF-8", path = .0.display())]
    NotUtf8(PathBuf),
    /// The server sent what is not the protocol.
    #[error("{0}")]
    Protocol(ClientError),
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

impl From<SessionError> for crate::error::Error {
    fn from(error: SessionError) -> Self {
        crate::error::Error::new(error.to_string()).caused_by(error)
    }
}

/// An open session as `root` without a password and without a default database, in latin1 as the script engine's.
///
/// It is closed when dropped; [`Session::close`] also waits until the server has ended it, which the next
/// test needs: it must not find a stranger in the process list.
pub struct Session {
    connection: Connection,
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
    ///
    /// # Errors
    /// Nobody listens until `patience`, the server refuses the login, or `deadline` is over.
    pub fn open_at(
        endpoint: &Endpoint,
        user: &str,
        patience: Instant,
        deadline: Instant,
    ) -> Result<Session, SessionError> {
        let mut options = Options {
            user: user.into(),
            program_name: PROGRAM_NAME.into(),
            connect_timeout: Some(left(deadline)?),
            deadline: Some(deadline),
            max_allowed_packet: LONGEST_PACKET,
            ..Options::default()
        };
        match endpoint {
            Endpoint::Socket(path) => {
                options.protocol = Protocol::Socket;
                options.socket = Some(path.clone());
            }
            Endpoint::Tcp(host, port) => {
                options.protocol = Protocol::Tcp;
                options.host = Some(host.as_str().into());
                options.port = *port;
            }
        }
        let connection = connect(&options, endpoint, patience, deadline)?;
        Ok(Session { connection, deadline })
    }

    /// Runs one statement (or several, separated by `;`) and returns all its results.
    ///
    /// # Errors
    /// The first error; later statements of the same text are not run.
    pub fn query(&mut self, statement: impl AsRef<[u8]>) -> Result<Vec<ResultSet>, SessionError> {
        let statement = statement.as_ref();
        left(self.deadline)?;
        let told = || statement.to_str_lossy().into_owned();
        match answers(&mut self.connection, statement) {
            Ok(Some(answers)) => Ok(answers),
            Ok(None) => {
                // What it goes on to say is nobody's.
                self.connection.dirty_close();
                Err(SessionError::TooMuch { statement: told() })
            }
            Err(error) if error.code == code::PACKET_TOO_LARGE => {
                Err(SessionError::TooMuch { statement: told() })
            }
            Err(error) => Err(classify(error, &told(), self.deadline)),
        }
    }

    /// Ends the session and waits until the server has closed its end.
    ///
    /// # Errors
    /// [`SessionError::Timeout`] where the server did not do so before the deadline.
    pub fn close(mut self) -> Result<(), SessionError> {
        left(self.deadline)?;
        self.connection.quit_and_wait();
        left(self.deadline).map(|_| ())
    }
}

/// All results of a statement; `None` where they are longer than [`MOST_OF_ANSWER`].
fn answers(connection: &mut Connection, statement: &[u8]) -> Result<Option<Vec<ResultSet>>, ClientError> {
    connection.send_query(statement)?;
    let mut results = Vec::new();
    let mut left = MOST_OF_ANSWER;
    loop {
        let mut result = ResultSet::default();
        let mut taken = OVERHEAD;
        if connection.read_result()? == Reply::Rows {
            result.columns = connection.columns().iter().map(|column| column.name.clone()).collect();
            taken += result.columns.iter().map(|name| OVERHEAD + name.len()).sum::<usize>();
            while let Some(row) = connection.next_row()? {
                let row: Vec<Option<BString>> = row.iter().map(|cell| cell.map(BString::from)).collect();
                taken += OVERHEAD;
                taken += row
                    .iter()
                    .map(|cell| OVERHEAD + cell.as_ref().map_or(0, |text| text.len()))
                    .sum::<usize>();
                if taken > left {
                    return Ok(None);
                }
                result.rows.push(row);
            }
        }
        result.warnings = connection.warning_count();
        results.push(result);
        match left.checked_sub(taken) {
            Some(rest) => left = rest,
            None => return Ok(None),
        }
        if !connection.more_results() {
            return Ok(Some(results));
        }
    }
}

/// The time until `deadline`.
fn left(deadline: Instant) -> Result<Duration, SessionError> {
    let left = deadline.saturating_duration_since(Instant::now());
    if left.is_zero() { Err(SessionError::Timeout) } else { Ok(left) }
}

/// The path as text.
///
/// # Errors
/// [`SessionError::NotUtf8`].
pub(super) fn utf8(path: &Path) -> Result<&str, SessionError> {
    path.to_str().ok_or_else(|| SessionError::NotUtf8(path.to_owned()))
}

fn classify(error: ClientError, statement: &str, deadline: Instant) -> SessionError {
    match error.code {
        code::MALFORMED => SessionError::Protocol(error),
        code::CONNECTION..=code::SERVER_LOST if Instant::now() >= deadline => SessionError::Timeout,
        code::CONNECTION..=code::SERVER_LOST => SessionError::Lost(error),
        number => SessionError::Server {
            statement: statement.to_owned(),
            error: ServerError { code: u16::try_from(number).unwrap_or(u16::MAX), message: error.message },
        },
    }
}

/// Connects, trying again until `patience` while nobody listens.
fn connect(
    options: &Options,
    endpoint: &Endpoint,
    patience: Instant,
    deadline: Instant,
) -> Result<Connection, SessionError> {
    let mut arrivals = None;
    loop {
        let cause = match Connection::connect(options) {
            Ok(connection) => return Ok(connection),
            Err(cause) if matches!(cause.code, code::CONNECTION | code::CONNECT_HOST) => cause,
            Err(cause) => return Err(classify(cause, "connect", deadline)),
        };
        if Instant::now() >= patience {
            let place = match endpoint {
                Endpoint::Socket(path) => path.display().to_string(),
                Endpoint::Tcp(host, port) => format!("{host}:{port}"),
            };
            return Err(SessionError::Unreachable { place, cause });
        }
        match (&arrivals, endpoint) {
            // The watch is set before the next attempt, so a socket that appears in between is not missed.
            (None, Endpoint::Socket(path)) => arrivals = Some(Arrivals::of(path)),
            (Some(arrivals), _) => arrivals.wait(patience.min(deadline_after(ATTEMPT_PAUSE))),
            (None, Endpoint::Tcp(..)) => arrivals = Some(Arrivals(None)),
        }
    }
}

/// Tells when files appear in the directory of a socket, where that can be watched.
///
/// The appearing of the file precedes `listen` by a moment that no event marks; that is why waiting for it
/// is bounded by [`ATTEMPT_PAUSE`].
struct Arrivals(Option<DirWatch>);

impl Arrivals {
    fn of(socket: &Path) -> Self {
        let watch = || -> io::Result<DirWatch> {
            let watch = DirWatch::new()?;
            watch.add_arrivals(socket.parent().unwrap_or(Path::new("")))?;
            Ok(watch)
        };
        Arrivals(watch().ok())
    }

    fn wait(&self, until: Instant) {
        let fds: Vec<_> = self.0.iter().map(DirWatch::fd).collect();
        // What appeared does not matter: the next attempt tells.
        let _ = poll::readable(&fds, Some(until));
        let _ = self.0.as_ref().map(DirWatch::drain);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::client::testing::fake::{Fake, Peer, serve};
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

    /// A session at a server that plays `script` after the login, with so much time for all of it.
    fn session_at(
        patience: Duration,
        script: impl FnOnce(&mut Peer) + Send + 'static,
    ) -> (Result<Session, SessionError>, Fake) {
        let fake = serve(script);
        (Session::open(&fake.socket(), "root", Instant::now() + patience), fake)
    }

    const COLUMN: &[u8] = b"\x03def\0\0\0\x011\0\0\x0c\x3f\0\x01\0\0\0\x03\x81\0\0\0\0";
    const END: &[u8] = b"\xfe\0\0\x02\0";

    /// Each row comes long before the limit of a single wait would be over.
    #[test]
    fn a_server_that_sends_a_row_now_and_then_times_out() {
        let (session, _fake) = session_at(Duration::from_millis(300), |peer| {
            peer.log_in();
            peer.answer(&[b"\x01", COLUMN, END]);
            while peer.try_send(b"\x011") {
                std::thread::sleep(Duration::from_millis(10));
            }
        });
        assert!(matches!(session.unwrap().query("select 1"), Err(SessionError::Timeout)));
    }

    #[test]
    fn a_greeting_that_comes_byte_by_byte_times_out() {
        let (session, _fake) = session_at(Duration::from_millis(300), |peer| {
            while peer.try_send_raw(b"\xff") {
                std::thread::sleep(Duration::from_millis(10));
            }
        });
        assert!(matches!(session, Err(SessionError::Timeout)));
    }

    #[test]
    fn more_than_a_server_can_have_to_say_is_not_heard() {
        let long = Duration::from_secs(100);
        let (session, _fake) = session_at(long, |peer| {
            peer.log_in();
            peer.answer(&[b"\x01", COLUMN, END]);
            while peer.try_send(b"\x011") {}
        });
        let refused = session.unwrap().query("select 1").unwrap_err();
        assert_eq!(refused.to_string(), "the answer to 'select 1' has more than 64 MiB");
        let (session, _fake) = session_at(long, |peer| {
            peer.log_in();
            peer.answer(&[b"\x01", COLUMN, END]);
            while peer.try_send(&vec![b'x'; LONGEST_PACKET + 1]) {}
        });
        assert!(matches!(session.unwrap().query("select 1"), Err(SessionError::TooMuch { .. })));
    }

    /// The queue of a server that takes nobody in is full at some time, and then callers wait in it.
    #[test]
    fn a_server_that_takes_nobody_in_times_out() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("s.sock");
        let listener =
            rustix::net::socket(rustix::net::AddressFamily::UNIX, rustix::net::SocketType::STREAM, None)
                .unwrap();
        rustix::net::bind(&listener, &rustix::net::SocketAddrUnix::new(&path).unwrap()).unwrap();
        rustix::net::listen(&listener, 0).unwrap();
        let _first = std::os::unix::net::UnixStream::connect(&path).unwrap();
        let opened = Session::open(&path, "root", Instant::now() + Duration::from_millis(80));
        assert!(matches!(opened, Err(SessionError::Timeout | SessionError::Unreachable { .. })));
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
