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
/// It is closed when dropped; [`Session::close`] also waits until the server has closed its end, because the next test
/// must not find a stranger in the process list: the server takes the session off it right after that, with nothing
/// left to wait for that a client could see.
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
    use std::io::{Read, Write};
    use std::os::unix::ffi::OsStrExt;
    use std::os::unix::net::{UnixListener, UnixStream};

    const OK: &[u8] = b"\x00\x00\x00\x02\x00\x00\x00";

    /// Says hello and plays `steps`: each takes one packet of the client and answers with packets. Then keeps the
    /// connection for `linger` after the client's end of it. Returns what the client sent after the login.
    fn serve(
        steps: &'static [&'static [&'static [u8]]],
        linger: Duration,
    ) -> (tempfile::TempDir, std::thread::JoinHandle<Vec<BString>>) {
        let dir = tempfile::tempdir().unwrap();
        let listener = UnixListener::bind(dir.path().join("s.sock")).unwrap();
        let server = std::thread::spawn(move || {
            let (mut client, _) = listener.accept().unwrap();
            // Protocol 4.1, local files, plugins, several results.
            let greeting = b"\x0a5.5.5-10.11.0-MariaDB\0\x01\0\0\0scramble\0\x80\x82\x08\x02\0\x0b\0\x15\
                             \0\0\0\0\0\0\0\0\0\0and more of it\0mysql_native_password\0";
            send(&mut client, 0, &[greeting]);
            let mut sent = Vec::new();
            for step in [&[OK] as &[&[u8]], &[OK]].iter().chain(steps) {
                let (number, packet) = receive(&mut client).unwrap();
                sent.push(packet);
                send(&mut client, number + 1, step);
            }
            sent.extend(receive(&mut client).map(|(_, packet)| packet));
            assert!(receive(&mut client).is_none());
            std::thread::sleep(linger);
            sent.split_off(1)
        });
        (dir, server)
    }

    fn send(client: &mut UnixStream, first: u8, packets: &[&[u8]]) {
        for (number, packet) in (first..).zip(packets) {
            let head = [packet.len() as u8, 0, 0, number];
            client.write_all(&[&head, *packet].concat()).unwrap();
        }
    }

    fn receive(client: &mut UnixStream) -> Option<(u8, BString)> {
        let mut head = [0; 4];
        client.read_exact(&mut head).ok()?;
        let mut packet = vec![0; head[0].into()];
        client.read_exact(&mut packet).unwrap();
        Some((head[3], packet.into()))
    }

    fn soon() -> Instant {
        Instant::now() + Duration::from_secs(5)
    }

    fn opened(dir: &tempfile::TempDir) -> Session {
        Session::open(&dir.path().join("s.sock"), "root", soon()).unwrap()
    }

    const A_COLUMN: &[u8] =
        b"\x03def\x00\x00\x00\x01a\x00\x0c\x08\x00\x01\x00\x00\x00\xfd\x00\x00\x00\x00\x00";

    #[test]
    fn a_table_with_null_and_the_end_of_a_call() {
        let (dir, server) = serve(
            &[&[
                b"\x01",
                A_COLUMN,
                b"\xfe\x00\x00\x02\x00",
                b"\x02h\xe9",
                b"\xfb",
                b"\xfe\x01\x00\x0a\x00",
                b"\x00\x00\x00\x02\x00\x03\x00",
            ]],
            Duration::ZERO,
        );
        let mut session = opened(&dir);
        let results = session.query("call p()").unwrap();
        session.close().unwrap();
        assert_eq!(results.len(), 2);
        assert_eq!(results[0].columns, ["a"]);
        assert_eq!(results[0].rows, [vec![Some(BString::from(b"h\xe9"))], vec![None]]);
        assert_eq!(results[1], ResultSet { warnings: 3, ..ResultSet::default() });
        assert_eq!(server.join().unwrap(), ["\x03SET NAMES latin1", "\x03call p()", "\x01"]);
    }

    #[test]
    fn a_table_at_the_end_has_its_warnings() {
        const ANSWER: &[&[u8]] = &[b"\x01", A_COLUMN, b"\xfe\x00\x00\x02\x00", b"\xfe\x02\x00\x02\x00"];
        let (dir, _server) = serve(&[ANSWER], Duration::ZERO);
        assert_eq!(opened(&dir).query("select 1").unwrap()[0].warnings, 2);
    }

    #[test]
    fn a_refusal_loses_its_sqlstate_and_the_session_goes_on() {
        let (dir, _server) =
            serve(&[&[b"\xff\x7a\x04#42S02Table 'a.b' doesn't exist"], &[OK]], Duration::ZERO);
        let mut session = opened(&dir);
        let refusal = session.query("truncate a.b").unwrap_err();
        assert_eq!(refusal.code(), Some(1146));
        assert_eq!(refusal.to_string(), "query 'truncate a.b' failed: 1146: Table 'a.b' doesn't exist");
        session.query("truncate b.c").unwrap();
    }

    #[test]
    fn a_local_file_is_uploaded() {
        const FILE: &[u8] = b"\xfb/proc/self/comm";
        let (dir, server) = serve(&[&[FILE], &[], &[OK]], Duration::ZERO);
        let mut session = opened(&dir);
        session.query("load data local infile ...").unwrap();
        drop(session);
        let sent = server.join().unwrap();
        assert_eq!(sent[2], std::fs::read("/proc/self/comm").unwrap());
        assert_eq!(sent[3], "");
    }

    #[test]
    fn closing_waits_for_the_server_but_not_beyond_the_deadline() {
        let (dir, _server) = serve(&[], Duration::from_millis(100));
        let session = opened(&dir);
        let begun = Instant::now();
        session.close().unwrap();
        assert!(begun.elapsed() >= Duration::from_millis(90));

        let (dir, _server) = serve(&[], Duration::from_secs(2));
        let mut session = opened(&dir);
        session.deadline = Instant::now() + Duration::from_millis(50);
        assert!(matches!(session.close(), Err(SessionError::Timeout)));
    }

    #[test]
    fn a_truncated_answer_is_a_lost_connection() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("s.sock");
        let listener = UnixListener::bind(&path).unwrap();
        let server = std::thread::spawn(move || listener.accept().unwrap().0.write_all(b"\x50\0\0\0\x0a5.5"));
        let opened = Session::open(&path, "root", soon());
        assert!(matches!(opened, Err(SessionError::Lost(_))), "{:?}", opened.err());
        server.join().unwrap().unwrap();
    }

    #[test]
    fn a_socket_without_a_name_in_text_is_told() {
        let path = Path::new(std::ffi::OsStr::from_bytes(b"/\xff.sock"));
        assert!(matches!(Session::open(path, "root", soon()), Err(SessionError::NotUtf8(_))));
    }

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
