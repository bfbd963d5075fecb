//! The bytes below the packets: a Unix or TCP socket, with time limits.

use std::io;
use std::net::TcpStream;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use rustix::io::Errno;
use rustix::net::sockopt::{self, Timeout};
use rustix::net::{RecvFlags, SendFlags, Shutdown};

use super::channel::Failure;

/// A connected socket, in blocking mode.
#[derive(Debug)]
pub(super) struct Stream {
    socket: OwnedFd,
}

impl Stream {
    /// Wraps a connected socket.
    pub fn new(socket: impl Into<OwnedFd>) -> Self {
        Stream { socket: socket.into() }
    }

    /// Wraps a TCP connection: small packets go out at once, a dead peer is noticed.
    pub fn tcp(socket: TcpStream) -> Self {
        // Both are improvements only; a socket without them works.
        let _ = socket.set_nodelay(true);
        let _ = sockopt::set_socket_keepalive(&socket, true);
        Stream::new(socket)
    }

    /// Limits the wait of each later read and write; `None` is without limit.
    pub fn set_timeouts(&self, read: Option<Duration>, write: Option<Duration>) -> io::Result<()> {
        sockopt::set_socket_timeout(&self.socket, Timeout::Recv, read)?;
        sockopt::set_socket_timeout(&self.socket, Timeout::Send, write)?;
        Ok(())
    }

    /// Reads at least one byte; 0 is the end of the stream.
    pub fn read(&mut self, into: &mut [u8]) -> Result<usize, Failure> {
        loop {
            match rustix::net::recv(&self.socket, &mut *into, RecvFlags::empty()) {
                Ok((count, _)) => return Ok(count),
                Err(Errno::INTR) => {}
                Err(errno) => return Err(lost(errno)),
            }
        }
    }

    /// Writes all of `bytes`.
    pub fn write_all(&mut self, mut bytes: &[u8]) -> Result<(), Failure> {
        while !bytes.is_empty() {
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
