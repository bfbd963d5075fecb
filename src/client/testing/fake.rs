//! A server for tests: a thread that plays a script on a Unix socket.

use std::os::unix::net::UnixListener;
use std::path::PathBuf;
use std::thread::JoinHandle;

use crate::client::wire::channel::Channel;
use crate::client::wire::stream::Stream;

/// A MariaDB server's greeting: version 10.11.19-MariaDB, thread 5, no TLS, no compression.
pub const GREETING: &[u8] = b"\x0a5.5.5-10.11.19-MariaDB\0\x05\0\0\0moc&0^hr\0\
    \xde\xf7\x08\x02\0\xff\x81\x15\0\0\0\0\0\0\x1d\0\0\0$Wm>,a%2h;-l\0mysql_native_password\0";

/// An OK packet: nothing changed, autocommit.
pub const OK: &[u8] = b"\0\0\0\x02\0\0\0";

/// Where the low capabilities stand in [`GREETING`].
const CAPABILITIES: usize = 37;

/// The greeting of a server that can do more.
pub fn greeting(more: u64) -> Vec<u8> {
    let mut greeting = GREETING.to_vec();
    greeting[CAPABILITIES] |= more.to_le_bytes()[0];
    greeting[CAPABILITIES + 1] |= more.to_le_bytes()[1];
    greeting
}

/// The server's end of a connection.
pub struct Peer(Channel);

impl Peer {
    /// Sends a packet.
    pub fn send(&mut self, packet: &[u8]) {
        // A client that has gone is the client's test to judge.
        let _ = self.0.write(&[packet]);
    }

    /// Sends a packet; false once the client has gone.
    pub fn try_send(&mut self, packet: &[u8]) -> bool {
        self.0.write(&[packet]).is_ok()
    }

    /// Sends bytes that need not be a packet; false once the client has gone.
    pub fn try_send_raw(&mut self, bytes: &[u8]) -> bool {
        self.0.stream().is_some_and(|stream| stream.write_all(bytes).is_ok())
    }

    /// The client's next packet; empty if it has gone.
    pub fn receive(&mut self) -> Vec<u8> {
        self.0.read().map(|()| self.0.packet().to_vec()).unwrap_or_default()
    }

    /// The next command, which starts a new count of packets.
    pub fn command(&mut self) -> Vec<u8> {
        self.0.start();
        self.receive()
    }

    /// Sends each packet and takes the client's answer to it.
    pub fn exchange(&mut self, packets: &[&[u8]]) {
        for packet in packets {
            self.send(packet);
            self.receive();
        }
    }

    /// Logs the client in.
    pub fn log_in(&mut self) {
        self.exchange(&[GREETING]);
        self.send(OK);
    }

    /// Answers a command with these packets, and returns it.
    pub fn answer(&mut self, packets: &[&[u8]]) -> Vec<u8> {
        let command = self.command();
        for packet in packets {
            self.send(packet);
        }
        command
    }

    /// Takes what is left of the client's exchange, a packet that goes on counting.
    pub fn more(&mut self, packets: &[&[u8]]) -> Vec<u8> {
        let packet = self.receive();
        for packet in packets {
            self.send(packet);
        }
        packet
    }

    /// Says nothing until the client goes.
    pub fn wait(&mut self) {
        while self.0.read().is_ok() {}
    }
}

/// A fake server for one connection after the other; dropping it waits for the scripts to end.
pub struct Fake {
    dir: tempfile::TempDir,
    thread: Option<JoinHandle<()>>,
}

impl Fake {
    /// Where it listens.
    pub fn socket(&self) -> PathBuf {
        self.dir.path().join("s")
    }
}

impl Drop for Fake {
    fn drop(&mut self) {
        let failed = self.thread.take().is_some_and(|thread| thread.join().is_err());
        assert!(!failed || std::thread::panicking(), "the fake server's script failed");
    }
}

/// Starts a server that plays `script` on its one connection.
pub fn serve(script: impl FnOnce(&mut Peer) + Send + 'static) -> Fake {
    serve_all(vec![Box::new(script)])
}

/// What a server does on one connection.
pub type Script = Box<dyn FnOnce(&mut Peer) + Send>;

/// Starts a server that plays each script on a connection of its own.
pub fn serve_all(scripts: Vec<Script>) -> Fake {
    let dir = tempfile::tempdir().unwrap();
    let listener = UnixListener::bind(dir.path().join("s")).unwrap();
    let thread = std::thread::spawn(move || {
        for script in scripts {
            let (socket, _) = listener.accept().unwrap();
            script(&mut Peer(Channel::new(Stream::new(socket), usize::MAX)));
        }
    });
    Fake { dir, thread: Some(thread) }
}
