//! The bytes below the packets: a Unix or TCP socket, with time limits, with or without TLS.

use std::io;
use std::net::TcpStream;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use rustix::io::Errno;
use rustix::net::sockopt::{self, Timeout};
use rustix::net::{RecvFlags, SendFlags, Shutdown};

use crate::client::wire::channel::Failure;
use crate::client::wire::options::Tls;
use crate::sys::openssl::{self, Session};

/// A connected socket, in blocking mode.
#[derive(Debug)]
pub(in crate::client) struct Stream {
    /// Before the socket, as the session uses it until it is dropped.
    tls: Option<Session>,
    socket: OwnedFd,
    /// Whether nobody else can read what is sent without TLS.
    local: bool,
    /// When everything is over; without, the socket's own limits count.
    deadline: Option<Instant>,
}

impl Stream {
    /// Wraps a connected socket.
    pub fn new(socket: impl Into<OwnedFd>) -> Self {
        Stream { tls: None, socket: socket.into(), local: true, deadline: None }
    }

    /// Wraps a TCP connection: small packets go out at once, a dead peer is noticed.
    pub fn tcp(socket: TcpStream) -> Self {
        // Both are improvements only; a socket without them works.
        let _ = socket.set_nodelay(true);
        let _ = sockopt::set_socket_keepalive(&socket, true);
        Stream { local: false, ..Stream::new(socket) }
    }

    /// Starts TLS; `host` is the name the server's certificate must bear if `tls` asks for that.
    ///
    /// # Errors
    /// The handshake or the check of the certificate fails.
    pub fn start_tls(&mut self, tls: &Tls, host: &[u8]) -> Result<(), Failure> {
        self.tls = Some(Session::connect(tls, self.socket.as_fd(), host)?);
        Ok(())
    }

    /// Whether nobody else can read what is sent.
    pub fn is_private(&self) -> bool {
        self.local || self.tls.is_some()
    }

    /// Whether TLS has unpacked bytes that have not been read.
    pub fn has_buffered(&self) -> bool {
        self.tls.as_ref().is_some_and(Session::has_pending)
    }

    /// Limits the wait of each later read and write; `None` and zero are without limit.
    ///
    /// # Errors
    /// The system refuses the limit.
    pub fn set_timeouts(&self, read: Option<Duration>, write: Option<Duration>) -> io::Result<()> {
        let [read, write] = [read, write].map(|limit| limit.filter(|limit| !limit.is_zero()));
        sockopt::set_socket_timeout(&self.socket, Timeout::Recv, read)?;
        sockopt::set_socket_timeout(&self.socket, Timeout::Send, write)?;
        Ok(())
    }

    /// Ends every later read and write at this moment. A server that says little, but says it again and again, never
    /// comes to the limit of a single wait.
    pub fn set_deadline(&mut self, deadline: Instant) {
        self.deadline = Some(deadline);
    }

    /// Limits the next wait to what is left until the deadline.
    fn hurry(&self, direction: Timeout) -> Result<(), Failure> {
        let Some(deadline) = self.deadline else { return Ok(()) };
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(lost(Errno::TIMEDOUT));
        }
        // Less than a microsecond would be no limit.
        let left = left.max(Duration::from_millis(1));
        sockopt::set_socket_timeout(&self.socket, direction, Some(left)).map_err(lost)
    }

    /// Reads at least one byte; 0 is the end of the stream.
    ///
    /// # Errors
    /// The connection is lost, or the limit for reads is over.
    pub fn read(&mut self, into: &mut [u8]) -> Result<usize, Failure> {
        self.hurry(Timeout::Recv)?;
        if let Some(tls) = &mut self.tls {
            return Ok(tls.read(into)?);
        }
        loop {
            match rustix::net::recv(&self.socket, &mut *into, RecvFlags::empty()) {
                Ok((count, _)) => return Ok(count),
                Err(Errno::INTR) => {}
                Err(errno) => return Err(lost(errno)),
            }
        }
    }

    /// Writes all of `bytes`.
    ///
    /// # Errors
    /// The connection is lost, or the limit for writes is over.
    pub fn write_all(&mut self, mut bytes: &[u8]) -> Result<(), Failure> {
        while self.tls.is_some() && !bytes.is_empty() {
            self.hurry(Timeout::Send)?;
            if let Some(tls) = &mut self.tls {
                let count = tls.write(bytes)?;
                bytes = &bytes[count..];
            }
        }
        while !bytes.is_empty() {
            self.hurry(Timeout::Send)?;
            match rustix::net::send(&self.socket, bytes, SendFlags::NOSIGNAL) {
                Ok(count) => bytes = &bytes[count..],
                Err(Errno::INTR) => {}
                Err(errno) => return Err(lost(errno)),
            }
        }
        Ok(())
    }

    /// Cuts both directions without a word.
    pub fn shut_down(&mut self) {
        // A socket that is not connected any more is as shut as can be.
        let _ = rustix::net::shutdown(&self.socket, Shutdown::Both);
    }

    /// The socket, to wait on.
    pub fn fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// A limit that passed shows as `EAGAIN`, and is told as what it is.
fn lost(errno: Errno) -> Failure {
    let errno = if errno == Errno::AGAIN { Errno::TIMEDOUT } else { errno };
    Failure::Lost(errno.raw_os_error())
}

impl From<openssl::Failure> for Failure {
    fn from(failure: openssl::Failure) -> Self {
        match failure {
            openssl::Failure::TimedOut => Failure::Lost(libc::ETIMEDOUT),
            openssl::Failure::Reason(reason) => Failure::Tls(reason),
        }
    }
}
