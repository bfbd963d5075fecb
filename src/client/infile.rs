//! LOAD DATA LOCAL INFILE: the server asks for a file, and gets it in packets up to an empty one.

use std::ffi::OsStr;
use std::fs::File;
use std::io::Read;
use std::os::unix::ffi::OsStrExt;

use crate::client::connection::Connection;
use crate::client::wire::error::{ClientError, code};
use crate::client::wire::packet::OkPacket;
use crate::client::wire::reply::malformed;

/// Bytes of the file sent in one packet.
const CHUNK: usize = 128 * 1024;

impl Connection {
    /// Sends the file that the server asked for and reads its verdict. `allowed`: the statement was one
    /// that begins with `load` (spec §15.4). A file that cannot be read has its own error, told after the
    /// server's verdict, which is then not looked at.
    pub(super) fn send_file(&mut self, name: &[u8], allowed: bool) -> Result<OkPacket, ClientError> {
        let sent = if allowed {
            self.send_contents(name)
        } else {
            Err(ClientError::new(code::UNKNOWN, b"HY000", b"Load data local infile forbidden"))
        };
        self.send_chunk(b"")?;
        self.receive().and(sent)?;
        OkPacket::decode(self.channel.packet(), self.server.tracks_session()).map_err(malformed)
    }

    fn send_contents(&mut self, name: &[u8]) -> Result<(), ClientError> {
        let failed = |number, error: &std::io::Error| {
            let errno = error.raw_os_error().unwrap_or(0);
            let error = ClientError::with(number, &[name, errno.to_string().as_bytes()]);
            // The number is the system's, only the text is the client's.
            ClientError { code: errno.unsigned_abs(), ..error }
        };
        let mut file =
            File::open(OsStr::from_bytes(name)).map_err(|error| failed(code::FILE_NOT_FOUND, &error))?;
        if file.metadata().is_ok_and(|data| data.is_dir()) {
            // The C library takes a directory for an empty file.
            return Ok(());
        }
        let mut chunk = vec![0; CHUNK];
        loop {
            match file.read(&mut chunk) {
                Ok(0) => return Ok(()),
                Ok(count) => self.send_chunk(&chunk[..count])?,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => return Err(failed(code::FILE_READ, &error)),
            }
        }
    }

    fn send_chunk(&mut self, chunk: &[u8]) -> Result<(), ClientError> {
        self.channel.write(&[chunk]).map_err(|_| {
            self.lose();
            ClientError::client(code::SERVER_LOST)
        })
    }
}
