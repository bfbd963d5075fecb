//! The handshake: the server's greeting, the login packet, authentication.

use std::os::unix::net::UnixStream;

use bstr::{BString, ByteSlice};

use super::channel::{Channel, Failure};
use super::connection::server_error;
use super::error::{ClientError, Step, code};
use super::options::Options;
use super::packet::{self, Fields, Malformed, OkPacket};
use super::stream::Stream;

/// What the greeting told about the server, and what was agreed upon.
#[derive(Debug, Clone, Default)]
pub(super) struct Server {
    /// Version text without the replication prefix.
    pub version: BString,
    /// The session's number.
    pub thread_id: u32,
    /// Capabilities of both sides; MariaDB's extended ones in the upper half.
    pub capabilities: u64,
    /// What the server offered.
    pub offered: u64,
    /// The scramble of the greeting.
    pub scramble: Vec<u8>,
    /// The server's default authentication plugin.
    pub plugin: BString,
}

/// Capability bits.
#[allow(missing_docs)]
pub(super) mod cap {
    pub const LONG_PASSWORD: u64 = 1;
    pub const LONG_FLAG: u64 = 1 << 2;
    pub const CONNECT_WITH_DB: u64 = 1 << 3;
    pub const COMPRESS: u64 = 1 << 5;
    pub const LOCAL_FILES: u64 = 1 << 7;
    pub const PROTOCOL_41: u64 = 1 << 9;
    pub const SSL: u64 = 1 << 11;
    pub const TRANSACTIONS: u64 = 1 << 13;
    pub const SECURE_CONNECTION: u64 = 1 << 15;
    pub const MULTI_STATEMENTS: u64 = 1 << 16;
    pub const MULTI_RESULTS: u64 = 1 << 17;
    pub const PS_MULTI_RESULTS: u64 = 1 << 18;
    pub const PLUGIN_AUTH: u64 = 1 << 19;
    pub const CONNECT_ATTRS: u64 = 1 << 20;
    pub const PLUGIN_AUTH_LENENC: u64 = 1 << 21;
    pub const SESSION_TRACKING: u64 = 1 << 23;
    pub const PROGRESS: u64 = 1 << 32;
    pub const BULK: u64 = 1 << 34;
    pub const EXTENDED_METADATA: u64 = 1 << 35;
    pub const CACHE_METADATA: u64 = 1 << 36;
}

impl Server {
    pub fn tracks_session(&self) -> bool {
        self.capabilities & cap::SESSION_TRACKING != 0
    }
    pub fn caches_metadata(&self) -> bool {
        self.capabilities & cap::CACHE_METADATA != 0
    }
    pub fn extended_metadata(&self) -> bool {
        self.capabilities & cap::EXTENDED_METADATA != 0
    }

    /// Decodes the greeting.
    fn decode(packet: &[u8]) -> Result<Server, Malformed> {
        let mut fields = Fields::new(packet);
        if fields.u8()? != 10 {
            return Err(Malformed);
        }
        let version = fields.until_nul()?;
        let version = version.strip_prefix(b"5.5.5-").unwrap_or(version);
        let thread_id = fields.u32()?;
        let mut scramble = fields.take(8)?.to_vec();
        fields.u8()?;
        let mut offered = u64::from(fields.u16()?);
        let mut server = Server { version: version.into(), thread_id, ..Server::default() };
        if !fields.is_empty() {
            fields.u8()?;
            fields.u16()?;
            offered |= u64::from(fields.u16()?) << 16;
            let length = usize::from(fields.u8()?);
            let reserved = fields.array::<10>()?;
            if offered & cap::LONG_PASSWORD == 0 {
                let extended = [reserved[6], reserved[7], reserved[8], reserved[9]];
                offered |= u64::from(u32::from_le_bytes(extended)) << 32;
            }
            if offered & cap::SECURE_CONNECTION != 0 {
                let rest = fields.rest();
                scramble.extend_from_slice(fields.take(length.saturating_sub(8).max(13).min(rest.len()))?);
                if scramble.last() == Some(&0) {
                    scramble.pop();
                }
            }
            if offered & cap::PLUGIN_AUTH != 0 {
                let rest = fields.rest();
                server.plugin = rest.split_str(b"\0").next().unwrap_or_default().into();
            }
        }
        server.scramble = scramble;
        server.offered = offered;
        Ok(server)
    }
}

/// Connects and logs in.
pub(super) fn open(options: &Options) -> Result<(Channel, Server, OkPacket), ClientError> {
    let path = options.socket.clone().unwrap_or_else(|| "/run/mysqld/mysqld.sock".into());
    let socket = UnixStream::connect(&path).map_err(|error| {
        let errno = error.raw_os_error().unwrap_or(0).to_string();
        ClientError::with(code::CONNECTION, &[path.as_os_str().as_encoded_bytes(), errno.as_bytes()])
    })?;
    let mut channel = Channel::new(Stream::new(socket), options.max_allowed_packet);
    read(&mut channel, Step::Greeting)?;
    let mut server = Server::decode(channel.packet()).map_err(super::connection::malformed)?;
    let mut wanted = cap::LONG_FLAG
        | cap::LOCAL_FILES
        | cap::PROTOCOL_41
        | cap::TRANSACTIONS
        | cap::SECURE_CONNECTION
        | cap::MULTI_RESULTS
        | cap::PS_MULTI_RESULTS
        | cap::PLUGIN_AUTH
        | cap::PLUGIN_AUTH_LENENC
        | cap::SESSION_TRACKING
        | cap::CONNECT_ATTRS
        | cap::PROGRESS
        | cap::BULK
        | cap::EXTENDED_METADATA
        | cap::CACHE_METADATA;
    if options.multi_statements {
        wanted |= cap::MULTI_STATEMENTS;
    }
    if options.database.is_some() {
        wanted |= cap::CONNECT_WITH_DB;
    }
    server.capabilities = wanted & server.offered;
    let mut login = Vec::new();
    login.extend_from_slice(&(server.capabilities as u32).to_le_bytes());
    login.extend_from_slice(&(options.max_allowed_packet as u32).to_le_bytes());
    login.push(options.collation);
    login.extend_from_slice(&[0; 19]);
    login.extend_from_slice(&((server.capabilities >> 32) as u32).to_le_bytes());
    login.extend_from_slice(&options.user);
    login.push(0);
    let scrambled = mysql_common::scramble::scramble_native(&server.scramble, &options.password);
    packet::put_bytes(&mut login, scrambled.as_ref().map_or(&[], |bytes| &bytes[..]));
    if let Some(database) = &options.database {
        login.extend_from_slice(database);
        login.push(0);
    }
    login.extend_from_slice(b"mysql_native_password\0");
    packet::put_bytes(&mut login, b"");
    channel.write(&[&login]).map_err(|failure| at(&failure, Step::SendAuthentication))?;
    read(&mut channel, Step::Authorization)?;
    if channel.packet().first() != Some(&packet::OK) {
        return Err(ClientError::with(code::PLUGIN_LOAD, &[b"?", b"?"]));
    }
    let ok = OkPacket::decode(channel.packet(), server.tracks_session());
    let ok = ok.map_err(super::connection::malformed)?;
    Ok((channel, server, ok))
}

/// Reads a packet of the handshake.
fn read(channel: &mut Channel, step: Step) -> Result<(), ClientError> {
    channel.read().map_err(|failure| at(&failure, step))?;
    if channel.packet().first() == Some(&packet::ERR) {
        return Err(server_error(channel.packet()).unwrap_or_else(|| ClientError::client(code::MALFORMED)));
    }
    Ok(())
}

/// What a failure at `step` of the handshake means.
fn at(failure: &Failure, step: Step) -> ClientError {
    match failure {
        Failure::Lost(errno) => ClientError::lost_at(step, *errno),
        failure => failure.in_command(),
    }
}
