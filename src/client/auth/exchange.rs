//! What a plugin may do: read the server's data, send its own. The first packet sent is wrapped in the
//! login packet (or in COM_CHANGE_USER), the first data read may have come with an earlier packet.

use crate::client::wire::channel::{Channel, Failure};
use crate::client::wire::error::{ClientError, Step, code};
use crate::client::wire::options::Ask;
use crate::client::wire::packet;
use crate::client::wire::reply::server_error;

/// First byte of the server's request to use another plugin.
pub(super) const SWITCH: u8 = 0xfe;
/// First byte of plugin data that could be mistaken for something else without it.
const MORE_DATA: u8 = 0x01;

/// Why a plugin stopped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Stop {
    /// The server wants another plugin; its packet is the channel's last one.
    Switch,
    /// The login failed.
    Failed(ClientError),
}

/// What comes after a plugin is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The server's verdict, which has not been read.
    Unread,
    /// The last packet read is the verdict.
    Read,
}

/// Wraps a plugin's first data: the login packet or COM_CHANGE_USER.
pub(in crate::client) trait Login {
    /// The packet that names `plugin` and carries its `data`.
    fn packet(&self, plugin: &[u8], data: &[u8]) -> Vec<u8>;
}

/// The exchange between the plugins and the server during one login.
pub(in crate::client) struct Exchange<'a> {
    /// The packets.
    pub channel: &'a mut Channel,
    /// How the first packet is wrapped.
    pub login: &'a dyn Login,
    /// The password.
    pub password: &'a [u8],
    /// Answers questions.
    pub ask: Option<&'a Ask>,
    /// The scramble of the greeting.
    pub scramble: &'a [u8],
    /// Whether nobody else can read what is sent: TLS or a Unix socket.
    pub private: bool,
    /// Whether this is a change of user on a connection that is logged in.
    pub change_user: bool,
    /// The plugin at work.
    pub plugin: Vec<u8>,
    /// Data of the server that the plugin has not read yet.
    pub data: Option<Vec<u8>>,
    /// Whether the plugin has read something.
    pub has_read: bool,
    /// Whether the login packet has been sent.
    pub has_written: bool,
    /// Whether the channel's last packet has yet to be looked at, as no plugin has been chosen by it.
    pub is_new: bool,
}

impl Exchange<'_> {
    /// The server's next data for the plugin.
    pub(super) fn read(&mut self) -> Result<Vec<u8>, Stop> {
        let had_read = std::mem::replace(&mut self.has_read, true);
        if let Some(data) = self.data.take() {
            return Ok(data);
        }
        if !had_read {
            // The greeting's data were for another plugin: an empty login makes the server ask again.
            self.write(b"")?;
        }
        let packet = self.next_packet().map_err(Stop::Failed)?;
        match packet.first() {
            Some(&SWITCH) => Err(Stop::Switch),
            Some(&MORE_DATA) => Ok(packet[1..].to_vec()),
            _ => Ok(packet.to_vec()),
        }
    }

    /// Sends `data` of the plugin.
    pub(super) fn write(&mut self, data: &[u8]) -> Result<(), Stop> {
        let written = if std::mem::replace(&mut self.has_written, true) {
            self.channel.write(&[data])
        } else {
            self.channel.write(&[&self.login.packet(&self.plugin, data)])
        };
        written.map_err(|failure| Stop::Failed(at(&failure, Step::SendAuthentication)))
    }

    /// The password as a C string, as the plugins send it that trust the connection.
    pub(super) fn write_password(&mut self) -> Result<(), Stop> {
        self.write(&[self.password, b"\0"].concat())
    }

    /// The next packet of the server, which is no error.
    pub(super) fn next_packet(&mut self) -> Result<&[u8], ClientError> {
        loop {
            self.channel.read().map_err(|failure| at(&failure, Step::Authorization))?;
            let packet = self.channel.packet();
            match packet.first() {
                Some(&packet::ERR) => {
                    if let Some(error) = server_error(packet) {
                        return Err(error);
                    }
                }
                None => return Err(ClientError::lost_at(Step::Authorization, libc::EAGAIN)),
                Some(_) => {
                    self.is_new = true;
                    return Ok(self.channel.packet());
                }
            }
        }
    }
}

/// What a failure at `step` of the handshake means.
pub(in crate::client) fn at(failure: &Failure, step: Step) -> ClientError {
    match failure {
        // The C library tells the number of its last attempt to read without waiting.
        Failure::Lost(0) => ClientError::lost_at(step, libc::EAGAIN),
        Failure::Lost(errno) => ClientError::lost_at(step, *errno),
        Failure::TooLarge => ClientError::client(code::PACKET_TOO_LARGE),
        Failure::Malformed => ClientError::client(code::MALFORMED),
        Failure::Tls(reason) => ClientError::with(code::TLS, &[reason]),
    }
}
