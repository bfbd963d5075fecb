//! A connection of the runner's own to one server, open only while nothing else of a test runs.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream, ToSocketAddrs};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use bstr::ByteSlice;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::inotify;

pub use super::wire::{ResultSet, ServerError};
use super::wire::{Wire, WireError};

/// Pause between attempts when nothing announces that the server listens: that of the script engine.
const ATTEMPT_PAUSE: Duration = Duration::from_millis(100);

/// Where a server listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Endpoint {
    /// Its unix socket.
    Socket(PathBuf),
    /// Host name or address, and port.
    Tcp(String, u16),
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
    /// A path that has to stand in a statement is not UTF-8.
    #[error("{path} is not UTF-8", path = .0.display())]
    NotUtf8(PathBuf),
    /// The server sent what is not the protocol.
    #[error("{0}")]
    Protocol(&'static str),
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

/// An open session as `root` without a password and without a default database, in latin1 as the script engine's.
///
/// It is closed when dropped; [`Session::close`] also waits until the server has ended it, which the next
/// test needs: it must not find a stranger in the process list.
pub struct Session {
    wire: Wire<Stream>,
    deadline: Instant,
    open: bool,
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
        let stream = connect(endpoint, patience)?;
        stream.limit(deadline)?;
        let wire = Wire::login(stream, user.as_bytes()).map_err(|e| classify(e, "connect"))?;
        Ok(Session { wire, deadline, open: true })
    }

    /// Runs one statement (or several, separated by `;`) and returns all its results.
    ///
    /// # Errors
    /// The first error; later statements of the same text are not run.
    pub fn query(&mut self, statement: impl AsRef<[u8]>) -> Result<Vec<ResultSet>, SessionError> {
        let statement = statement.as_ref();
        self.wire.stream().limit(self.deadline)?;
        self.wire
            .send(&[statement])
            .and_then(|()| self.wire.answer(|name| std::fs::read(name.to_path_lossy())))
            .map_err(|error| classify(error, &statement.to_str_lossy()))
    }

    /// Ends the session and waits until the server has closed its end.
    ///
    /// # Errors
    /// [`SessionError::Timeout`] where the server did not do so before the deadline.
    pub fn close(mut self) -> Result<(), SessionError> {
        self.open = false;
        self.wire.stream().limit(self.deadline)?;
        match self.wire.quit().and_then(|()| self.wire.drain()) {
            Ok(()) => Ok(()),
            // A server that resets or has already closed the connection has ended the session too.
            Err(e) if matches!(e.kind(), io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset) => {
                Ok(())
            }
            Err(e) => Err(classify(e.into(), "quit")),
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        if self.open {
            // Nobody is left to tell of a failure; the server notices the closed socket anyway.
            let _ = self.wire.quit();
        }
    }
}

/// The path as text.
///
/// # Errors
/// [`SessionError::NotUtf8`].
pub(super) fn utf8(path: &Path) -> Result<&str, SessionError> {
    path.to_str().ok_or_else(|| SessionError::NotUtf8(path.to_owned()))
}

fn classify(error: WireError, statement: &str) -> SessionError {
    match error {
        WireError::Server(error) => SessionError::Server { statement: statement.to_owned(), error },
        WireError::Malformed(what) => SessionError::Protocol(what),
        WireError::Io(e) if is_timeout(&e) => SessionError::Timeout,
        WireError::Io(e) => SessionError::Lost(e),
    }
}

fn is_timeout(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)
}

/// The socket of a session.
enum Stream {
    Unix(UnixStream),
    Tcp(TcpStream),
}

impl Stream {
    /// Lets reads and writes fail at `deadline`.
    fn limit(&self, deadline: Instant) -> Result<(), SessionError> {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(SessionError::Timeout);
        }
        let done = match self {
            Stream::Unix(s) => s.set_read_timeout(Some(left)).and_then(|()| s.set_write_timeout(Some(left))),
            Stream::Tcp(s) => s.set_read_timeout(Some(left)).and_then(|()| s.set_write_timeout(Some(left))),
        };
        done.map_err(SessionError::Lost)
    }
}

impl Read for Stream {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        match self {
            Stream::Unix(s) => s.read(buf),
            Stream::Tcp(s) => s.read(buf),
        }
    }
}

impl Write for Stream {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        match self {
            Stream::Unix(s) => s.write(buf),
            Stream::Tcp(s) => s.write(buf),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        // Fails only where the peer is gone already.
        let _ = match self {
            Stream::Unix(s) => s.shutdown(Shutdown::Both),
            Stream::Tcp(s) => s.shutdown(Shutdown::Both),
        };
    }
}

/// Connects, trying again until `deadline` while nobody listens.
fn connect(endpoint: &Endpoint, deadline: Instant) -> Result<Stream, SessionError> {
    let mut arrivals = None;
    loop {
        let attempt = match endpoint {
            Endpoint::Socket(path) => UnixStream::connect(path).map(Stream::Unix),
            Endpoint::Tcp(host, port) => connect_tcp(host, *port).map(Stream::Tcp),
        };
        let cause = match attempt {
            Ok(stream) => return Ok(stream),
            Err(cause) => cause,
        };
        let left = deadline.saturating_duration_since(Instant::now());
        let not_yet = matches!(
            cause.kind(),
            io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused | io::ErrorKind::WouldBlock
        );
        if !not_yet || left.is_zero() {
            let place = match endpoint {
                Endpoint::Socket(path) => path.display().to_string(),
                Endpoint::Tcp(host, port) => format!("{host}:{port}"),
            };
            return Err(SessionError::Unreachable { place, cause });
        }
        match (&arrivals, endpoint) {
            // The watch is set before the next attempt, so a socket that appears in between is not missed.
            (None, Endpoint::Socket(path)) => arrivals = Some(Arrivals::of(path)),
            (Some(arrivals), _) => arrivals.wait(left.min(ATTEMPT_PAUSE)),
            (None, Endpoint::Tcp(..)) => arrivals = Some(Arrivals(None)),
        }
    }
}

fn connect_tcp(host: &str, port: u16) -> io::Result<TcpStream> {
    let mut last = io::ErrorKind::NotFound.into();
    for address in (host, port).to_socket_addrs()? {
        match TcpStream::connect(address) {
            Ok(stream) => {
                stream.set_nodelay(true)?;
                return Ok(stream);
            }
            Err(e) => last = e,
        }
    }
    Err(last)
}

/// Tells when files appear in the directory of a socket, where that can be watched.
///
/// The appearing of the file precedes `listen` by a moment that no event marks; that is why waiting for it
/// is bounded by [`ATTEMPT_PAUSE`].
struct Arrivals(Option<std::os::fd::OwnedFd>);

impl Arrivals {
    fn of(socket: &Path) -> Self {
        let watch = || -> rustix::io::Result<_> {
            let fd = inotify::init(inotify::CreateFlags::CLOEXEC | inotify::CreateFlags::NONBLOCK)?;
            let dir = socket.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
            inotify::add_watch(&fd, dir, inotify::WatchFlags::CREATE | inotify::WatchFlags::MOVED_TO)?;
            Ok(fd)
        };
        Arrivals(watch().ok())
    }

    fn wait(&self, at_most: Duration) {
        let timeout = Timespec::try_from(at_most).ok();
        match &self.0 {
            Some(fd) => {
                let mut fds = [PollFd::new(fd, PollFlags::IN)];
                if poll(&mut fds, timeout.as_ref()).is_ok_and(|ready| ready > 0) {
                    let mut events = [0; 4096];
                    // What appeared does not matter: the next attempt tells.
                    let _ = rustix::io::read(fd, &mut events);
                }
            }
            None => {
                let _ = poll(&mut [], timeout.as_ref());
            }
        }
    }
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
