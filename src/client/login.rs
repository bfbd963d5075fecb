//! The handshake: the server's greeting, TLS, the login packet, authentication, compression.

use bstr::{BString, ByteSlice};

use crate::client::auth;
use crate::client::auth::{Allowed, Exchange, Login, at};
use crate::client::connect;
use crate::client::user::user_name;
use crate::client::wire::capabilities as cap;
use crate::client::wire::channel::Channel;
use crate::client::wire::error::{ClientError, Step, code};
use crate::client::wire::options::Options;
use crate::client::wire::packet;
use crate::client::wire::packet::{Fields, Malformed, OkPacket};
use crate::client::wire::reply::{malformed, server_error};
use crate::client::wire::stream::Stream;
use crate::flavour::Flavour;

/// The protocol's version.
const PROTOCOL: u8 = 10;
/// The largest packet that the login announces; the C library's first buffer, not its limit.
const ANNOUNCED_PACKET: u32 = 1 << 20;
/// What the client is called in its attributes, and its version: tests look at them.
const CLIENT_NAME: &[u8] = b"libmariadb";
const CLIENT_VERSION: &[u8] = b"3.3.20";
const COM_CHANGE_USER: u8 = 17;
/// Bytes of the first part of the scramble, which is all of it for the oldest scheme.
const OLD_SCRAMBLE: usize = 8;
/// Bytes of the second part where the greeting does not tell them.
const USUAL_SECOND: usize = 13;

/// What the greeting told about the server, and what was agreed upon.
#[derive(Debug, Clone, Default)]
pub(super) struct Server {
    /// Version text without the replication prefix.
    pub version: BString,
    /// The session's number.
    pub thread_id: u32,
    /// Capabilities agreed upon, MariaDB's extended ones in the upper half.
    pub capabilities: u64,
    /// All that the greeting has for the plugin.
    data: Vec<u8>,
    /// The server's default authentication plugin; a server that knows no plugins names none.
    plugin: Option<BString>,
}

impl Server {
    /// What its product and release mean for its clients.
    pub fn flavour(&self) -> Flavour {
        Flavour::of_version(&self.version)
    }

    /// The scramble of the greeting, without the zero at its end.
    fn scramble(&self) -> &[u8] {
        self.data.strip_suffix(b"\0").unwrap_or(&self.data)
    }

    /// The authentication plugins that may be used with this server.
    fn allowed<'a>(&self, options: &'a Options) -> Allowed<'a> {
        Allowed::of(options.restricted_auth.as_ref().map(|list| list.as_slice()), self.flavour())
    }

    /// Whether OK packets tell changes of the session's state.
    pub fn tracks_session(&self) -> bool {
        self.capabilities & cap::SESSION_TRACKING != 0
    }

    /// Whether column definitions may be left out that the client knows.
    pub fn caches_metadata(&self) -> bool {
        self.capabilities & cap::CACHE_METADATA != 0
    }

    /// Whether column definitions tell MariaDB's own types.
    pub fn extended_metadata(&self) -> bool {
        self.capabilities & cap::EXTENDED_METADATA != 0
    }

    /// Decodes the greeting, in which `capabilities` are the server's; `None` where the scramble is told to be longer than
    /// the packet.
    fn decode(packet: &[u8]) -> Result<Option<Server>, Malformed> {
        let mut fields = Fields::new(packet);
        fields.u8()?;
        let version = fields.until_nul()?;
        let version = version.strip_prefix(b"5.5.5-").unwrap_or(version);
        let mut server = Server { version: version.into(), thread_id: fields.u32()?, ..Server::default() };
        server.data = fields.take(OLD_SCRAMBLE)?.to_vec();
        fields.u8()?;
        server.capabilities = u64::from(fields.u16()?);
        if fields.is_empty() {
            return Ok(Some(server));
        }
        // Collation and status.
        fields.take(3)?;
        server.capabilities |= u64::from(fields.u16()?) << 16;
        let length = usize::from(fields.u8()?);
        let reserved = fields.array::<10>()?;
        if server.capabilities & cap::LONG_PASSWORD == 0 {
            // Only MariaDB leaves this bit out; it has more bits in the reserved bytes then.
            let [.., a, b, c, d] = reserved;
            server.capabilities |= u64::from(u32::from_le_bytes([a, b, c, d])) << 32;
        }
        if fields.is_empty() {
            // A server from before plugins has the oldest scheme.
            server.plugin = Some(auth::allowed::OLD.into());
            server.data.push(0);
            return Ok(Some(server));
        }
        let Ok(second) = fields.take(length.checked_sub(OLD_SCRAMBLE).unwrap_or(USUAL_SECOND)) else {
            return Ok(None);
        };
        server.data.extend_from_slice(second);
        if server.capabilities & cap::PLUGIN_AUTH != 0 {
            server.plugin = Some(fields.rest().split_str(b"\0").next().unwrap_or_default().into());
        }
        Ok(Some(server))
    }
}

/// A connection that is logged in; the channel's last packet is the OK.
pub(super) fn open(options: &Options) -> Result<(Channel, Server, OkPacket), ClientError> {
    log_in(connect::open(options)?, options)
}

/// Logs in over a stream that is connected.
pub(super) fn log_in(stream: Stream, options: &Options) -> Result<(Channel, Server, OkPacket), ClientError> {
    let mut channel = Channel::new(stream, options.max_allowed_packet);
    let mut server = greeting(&mut channel).map_err(|error| doubted(error, options))?;
    let user = user_name(&options.user);
    let offered = server.capabilities;
    server.capabilities &= wanted(options);
    let login = LoginFields { server: &server, options, user: &user };
    if server.capabilities & cap::SSL != 0 {
        start_tls(&mut channel, &login)?;
    } else if options.tls.as_ref().is_some_and(|tls| tls.verify) && offered & cap::SSL == 0 {
        let reason = b"SSL is required, but the server does not support it";
        return Err(ClientError::with(code::TLS, &[reason]));
    }
    let mut exchange = Exchange {
        private: channel.is_private(),
        channel: &mut channel,
        login: &login,
        password: &options.password,
        ask: options.ask.as_ref(),
        scramble: server.scramble(),
        change_user: false,
        plugin: Vec::new(),
        data: Some(server.data.clone()),
        has_read: false,
        has_written: false,
        is_new: false,
    };
    let default = server.plugin.as_ref().map(|name| name.as_slice());
    auth::authenticate(&mut exchange, options, server.allowed(options), Some(default))?;
    let ok = OkPacket::decode(channel.packet(), server.tracks_session()).map_err(malformed)?;
    if server.capabilities & cap::COMPRESS != 0 {
        channel.compress();
    }
    let limits = [options.connect_timeout, options.read_timeout, options.write_timeout];
    if limits.iter().any(Option::is_some) {
        channel.set_timeouts(options.read_timeout, options.write_timeout);
    }
    Ok((channel, server, ok))
}

/// Changes the user of a connection that is logged in. `options` are the new ones.
pub(super) fn change_user(
    channel: &mut Channel,
    server: &Server,
    options: &Options,
) -> Result<OkPacket, ClientError> {
    let user = user_name(&options.user);
    let login = ChangeUser(LoginFields { server, options, user: &user });
    let mut exchange = Exchange {
        private: channel.is_private(),
        channel,
        login: &login,
        password: &options.password,
        ask: options.ask.as_ref(),
        scramble: server.scramble(),
        change_user: true,
        plugin: Vec::new(),
        data: None,
        has_read: false,
        has_written: false,
        is_new: false,
    };
    auth::authenticate(&mut exchange, options, server.allowed(options), None)?;
    OkPacket::decode(channel.packet(), server.tracks_session()).map_err(malformed)
}

/// A server that is to prove who it is by TLS can be believed nothing before, not even an error.
fn doubted(error: ClientError, options: &Options) -> ClientError {
    // The client's own errors are above suspicion.
    if options.tls.is_none() || matches!(error.code, 2000..=2999 | 5000..=5999) {
        return error;
    }
    let mut text = b"Received error packet before completion of TLS handshake. \
        The authenticity of the following error cannot be verified: "
        .to_vec();
    text.extend_from_slice(format!("{} - ", error.code).as_bytes());
    text.extend_from_slice(&error.message);
    ClientError::new(code::CONNECTION, b"HY000", &text)
}

/// Reads the server's first packet.
fn greeting(channel: &mut Channel) -> Result<Server, ClientError> {
    channel.read().map_err(|failure| at(&failure, Step::Greeting))?;
    let packet = channel.packet();
    match packet.first() {
        Some(&packet::ERR) => {
            Err(server_error(packet).unwrap_or_else(|| ClientError::client(code::MALFORMED)))
        }
        Some(version) if *version < PROTOCOL => {
            let theirs = version.to_string();
            let error = ClientError::with(code::VERSION, &[theirs.as_bytes(), b"10"]);
            Err(ClientError { sqlstate: "00000".into(), ..error })
        }
        Some(_) => {
            let server = Server::decode(packet).map_err(|_| ClientError::client(code::HANDSHAKE))?;
            let server = server.ok_or_else(|| ClientError::client(code::MALFORMED))?;
            // Older protocols are spoken by nobody any more.
            let needed = cap::PROTOCOL_41 | cap::SECURE_CONNECTION;
            if server.capabilities & needed != needed {
                return Err(ClientError::client(code::HANDSHAKE));
            }
            Ok(server)
        }
        None => Err(ClientError::lost_at(Step::Greeting, libc::EAGAIN)),
    }
}

/// The capabilities that the options ask for.
fn wanted(options: &Options) -> u64 {
    let mut wanted = cap::ALWAYS;
    if options.multi_statements {
        wanted |= cap::MULTI_STATEMENTS;
    }
    if options.database.is_some() {
        wanted |= cap::CONNECT_WITH_DB;
    }
    if options.compress {
        wanted |= cap::COMPRESS;
    }
    if options.tls.is_some() {
        wanted |= cap::SSL;
    }
    wanted
}

/// Asks for TLS and shakes hands.
fn start_tls(channel: &mut Channel, login: &LoginFields<'_>) -> Result<(), ClientError> {
    let Some(tls) = &login.options.tls else { return Ok(()) };
    channel.write(&[&login.head()]).map_err(|failure| at(&failure, Step::SendInformation))?;
    let host = login.options.host.as_ref().map_or(&b"localhost"[..], |host| host);
    channel.start_tls(tls, host).map_err(|failure| at(&failure, Step::SendInformation))
}

/// What the login packet and COM_CHANGE_USER are made of.
struct LoginFields<'a> {
    server: &'a Server,
    options: &'a Options,
    user: &'a [u8],
}

impl LoginFields<'_> {
    /// The fixed part of the login packet, which alone asks for TLS.
    fn head(&self) -> Vec<u8> {
        let capabilities = self.server.capabilities.to_le_bytes();
        let mut head = Vec::with_capacity(256);
        head.extend_from_slice(&capabilities[..4]);
        head.extend_from_slice(&ANNOUNCED_PACKET.to_le_bytes());
        head.push(self.options.collation);
        head.extend_from_slice(&[0; 19]);
        head.extend_from_slice(&capabilities[4..]);
        head
    }

    fn has(&self, capability: u64) -> bool {
        self.server.capabilities & capability != 0
    }

    /// The length of `data` and `data`.
    fn put_data(&self, packet: &mut Vec<u8>, data: &[u8]) {
        if self.has(cap::PLUGIN_AUTH_LENENC) {
            packet::put_bytes(packet, data);
        } else {
            let data = &data[..data.len().min(255)];
            packet.push(data.len() as u8);
            packet.extend_from_slice(data);
        }
    }

    /// The plugin's name and the attributes of the connection, in the C library's order.
    fn put_tail(&self, packet: &mut Vec<u8>, plugin: &[u8]) {
        if self.has(cap::PLUGIN_AUTH) {
            packet.extend_from_slice(plugin);
            packet.push(0);
        }
        if !self.has(cap::CONNECT_ATTRS) {
            return;
        }
        let pid = std::process::id().to_string();
        let mut attributes: Vec<(&[u8], &[u8])> = vec![
            (b"_os", b"Linux"),
            (b"_client_name", CLIENT_NAME),
            (b"_pid", pid.as_bytes()),
            (b"_client_version", CLIENT_VERSION),
            (b"_platform", std::env::consts::ARCH.as_bytes()),
        ];
        if !self.options.program_name.is_empty() {
            attributes.push((b"program_name", &self.options.program_name));
        }
        if let Some(host) = &self.options.host {
            attributes.push((b"_server_host", host));
        }
        let mut block = Vec::with_capacity(160);
        for (name, value) in attributes {
            packet::put_bytes(&mut block, name);
            packet::put_bytes(&mut block, value);
        }
        packet::put_bytes(packet, &block);
    }
}

impl Login for LoginFields<'_> {
    fn packet(&self, plugin: &[u8], data: &[u8]) -> Vec<u8> {
        let mut packet = self.head();
        packet.extend_from_slice(self.user);
        packet.push(0);
        self.put_data(&mut packet, data);
        if let Some(database) = &self.options.database {
            packet.extend_from_slice(database);
            packet.push(0);
        }
        self.put_tail(&mut packet, plugin);
        packet
    }
}

/// A change of user: the same parts in another order.
struct ChangeUser<'a>(LoginFields<'a>);

impl Login for ChangeUser<'_> {
    fn packet(&self, plugin: &[u8], data: &[u8]) -> Vec<u8> {
        let ChangeUser(login) = self;
        let mut packet = vec![COM_CHANGE_USER];
        packet.extend_from_slice(login.user);
        packet.push(0);
        login.put_data(&mut packet, data);
        packet.extend_from_slice(login.options.database.as_ref().map_or(&b""[..], |name| name));
        packet.push(0);
        packet.extend_from_slice(&u16::from(login.options.collation).to_le_bytes());
        login.put_tail(&mut packet, plugin);
        packet
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::client::Question;
    use crate::client::testing::fake::{GREETING, OK, Peer, greeting, serve};
    use std::sync::Arc;
    use std::time::Duration;

    /// The error of a login at a server that behaves like this.
    fn refused(script: impl FnOnce(&mut Peer) + Send + 'static) -> String {
        refused_with(Options::default(), script)
    }

    fn refused_with(options: Options, script: impl FnOnce(&mut Peer) + Send + 'static) -> String {
        let fake = serve(script);
        match open(&Options { socket: Some(fake.socket()), user: "u".into(), ..options }) {
            Ok(_) => "logged in".into(),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn the_login_packet_byte_by_byte() {
        let fake = serve(|peer| {
            peer.send(GREETING);
            let login = peer.receive();
            assert_eq!(login[..9], [0x8c, 0xa2, 0xbf, 0, 0, 0, 0x10, 0, 8]);
            assert_eq!(login[28..32], [0x1d, 0, 0, 0]);
            let native = &login[32..];
            assert!(native.starts_with(b"u\0\x14"), "{native:?}");
            let rest = &native[23..];
            let names = b"test\0mysql_native_password\0";
            assert!(rest.starts_with(names), "{rest:?}");
            let attributes = &rest[names.len() + 1..];
            let at = |name: &[u8]| attributes.find(name).unwrap();
            let order: [&[u8]; 7] = [
                b"_os",
                b"_client_name",
                b"_pid",
                b"_client_version",
                b"_platform",
                b"program_name",
                b"_server_host",
            ];
            assert!(order.is_sorted_by_key(|name| at(name)));
            peer.send(OK);
        });
        let options = Options {
            socket: Some(fake.socket()),
            host: Some("localhost".into()),
            user: "u".into(),
            password: "p".into(),
            database: Some("test".into()),
            program_name: "mysqltest".into(),
            ..Options::default()
        };
        let (_, server, ok) = open(&options).unwrap();
        assert_eq!((server.version, server.thread_id, ok.status), ("10.11.19-MariaDB".into(), 5, 2));
    }

    #[test]
    fn a_connection_lost_in_each_step() {
        let text = |step| format!("2013 (HY000): Lost connection to server at '{step}', system error: 11");
        let greeting = text("handshake: reading initial communication packet");
        assert_eq!(refused(|_| ()), greeting);
        let verdict = text("reading authorization packet");
        assert_eq!(refused(|peer| peer.exchange(&[GREETING])), verdict);
        assert_eq!(refused(|peer| peer.exchange(&[GREETING, b""])), verdict);
    }

    #[test]
    fn a_silent_server_is_waited_for_as_long_as_wished() {
        let options = Options { connect_timeout: Some(Duration::from_millis(50)), ..Options::default() };
        let error = refused_with(options, |peer| peer.wait());
        assert!(error.ends_with("initial communication packet', system error: 110"), "{error}");
    }

    #[test]
    fn errors_instead_of_a_greeting_or_a_verdict() {
        let too_many = b"\xff\x10\x04#08004Too many connections";
        assert_eq!(refused(|peer| peer.send(too_many)), "1040 (08004): Too many connections");
        assert_eq!(
            refused(|peer| peer.exchange(&[GREETING, too_many])),
            "1040 (08004): Too many connections"
        );
        let malformed = "2027 (HY000): Received malformed packet";
        assert_eq!(refused(|peer| peer.send(b"\xff\xdd\x07#08004gone")), malformed);
        let empty = "2000 (HY000): Unknown or undefined error code (2000)";
        assert_eq!(refused(|peer| peer.exchange(&[GREETING, b"\xff"])), empty);
        let old = "2007 (00000): Protocol mismatch. Server Version = 9 Client Version = 10";
        assert_eq!(refused(|peer| peer.send(b"\x095.0\0")), old);
        let strange = "2013 (HY000): Can't connect to server (11).";
        assert_eq!(refused(|peer| peer.exchange(&[GREETING, b"\x05abc"])), strange);
        let cut = "2012 (HY000): Error in server handshake";
        for length in 1..55 {
            assert_eq!(refused(move |peer| peer.send(&GREETING[..length])), cut, "{length}");
        }
        // In the second part of the scramble.
        for length in 56..68 {
            assert_eq!(refused(move |peer| peer.send(&GREETING[..length])), malformed, "{length}");
        }
    }

    #[test]
    fn with_tls_asked_for_an_early_error_is_doubted() {
        let options = Options { tls: Some(Default::default()), ..Options::default() };
        let error = refused_with(options, |peer| peer.send(b"\xff\x10\x04#08004Too many"));
        let text = "2002 (HY000): Received error packet before completion of TLS handshake. \
            The authenticity of the following error cannot be verified: 1040 - Too many";
        assert_eq!(error, text);
    }

    #[test]
    fn a_server_without_tls() {
        let tls = |verify| Options {
            tls: Some(super::super::Tls { verify, ..Default::default() }),
            ..Options::default()
        };
        assert_eq!(refused_with(tls(false), |peer| peer.exchange(&[GREETING, OK])), "logged in");
        let text = "2026 (HY000): TLS/SSL error: SSL is required, but the server does not support it";
        assert_eq!(refused_with(tls(true), |peer| peer.send(GREETING)), text);
    }

    #[test]
    fn switches_to_other_plugins() {
        let options = Options { password: "p".into(), ..Options::default() };
        let result = refused_with(options.clone(), |peer| {
            peer.exchange(&[GREETING]);
            peer.send(b"\xfemysql_native_password\0aaaaaaaaaaaaaaaaaaaa\0");
            assert_eq!(peer.receive().len(), 20);
            peer.send(b"\xfemysql_clear_password\0");
            assert_eq!(peer.receive(), b"p\0");
            // Only a byte: the scheme of 3.23, with the greeting's scramble.
            peer.send(b"\xfe");
            assert_eq!(peer.receive().len(), 9);
            let nonce = [b"\xfeclient_ed25519\0".as_slice(), &[7; 32]].concat();
            peer.send(&nonce);
            assert_eq!(peer.receive().len(), 64);
            peer.send(b"\xfeauth_test_plugin\0\x04");
            assert_eq!(peer.receive(), b"p\0");
            peer.send(OK);
        });
        assert_eq!(result, "logged in");
        let short = refused_with(options, |peer| {
            peer.exchange(&[GREETING, b"\xfemysql_native_password\0aaaa\0"]);
        });
        assert_eq!(short, "2012 (HY000): Error in server handshake");
    }

    #[test]
    fn plugins_that_are_not_allowed() {
        let options = |list: &str| Options { restricted_auth: Some(list.into()), ..Options::default() };
        let text = |name: &str| {
            format!(
                "5010 (HY000): Authentication plugin '{name}' couldn't be found in restricted_auth plugin list."
            )
        };
        let error = refused_with(options("mysql_old_password"), |peer| peer.send(GREETING));
        assert_eq!(error, text("mysql_native_password"));
        let error =
            refused_with(options("mysql_native_password"), |peer| peer.exchange(&[GREETING, b"\xfe"]));
        assert_eq!(error, text("mysql_old_password"));
    }

    #[test]
    fn plugins_that_are_missing() {
        let options = Options { plugin_dir: Some("/no/dir".into()), ..Options::default() };
        let error = refused_with(options, |peer| peer.exchange(&[GREETING, b"\xfefoo_bar\0abc"]));
        let text = "2013 (HY000): Plugin foo_bar could not be loaded: \
            /no/dir/foo_bar.so: cannot open shared object file: No such file or directory";
        assert_eq!(error, text);
        let error = refused(|peer| peer.exchange(&[GREETING, b"\xfe../foo\0abc"]));
        assert_eq!(error, "2013 (HY000): Plugin ../foo could not be loaded: invalid plugin name");
    }

    #[test]
    fn an_unknown_plugin_to_begin_with_leaves_the_choice_to_the_server() {
        let options = Options { default_auth: Some("nonsense".into()), ..Options::default() };
        let result = refused_with(options, |peer| {
            peer.send(GREETING);
            assert!(peer.receive()[32..].starts_with(b"u\0\0dummy_fallback_auth\0"));
            peer.send(b"\xfemysql_native_password\0aaaaaaaaaaaaaaaaaaaa\0");
            assert_eq!(peer.receive(), b"");
            peer.send(OK);
        });
        assert_eq!(result, "logged in");
    }

    /// A greeting that tells the length of its scramble, with `rest` behind the reserved bytes.
    fn offering(length: u8, rest: &[u8]) -> Vec<u8> {
        let capabilities = (cap::ALWAYS | cap::PLUGIN_AUTH | cap::LONG_PASSWORD).to_le_bytes();
        let front =
            [b"\x0a5.5.5-10.11.19-MariaDB\0\x07\0\0\0abcdefgh\0", &capabilities[..2], b"\x08\x02\0"].concat();
        [&front, &capabilities[2..4], &[length], &[0; 10], rest].concat()
    }

    #[test]
    fn a_scramble_that_is_longer_than_the_greeting() {
        let rest = b"ijklmnopqrst\0mysql_native_password\0";
        for length in [8 + rest.len() as u8 + 1, 128, 255] {
            let error = refused(move |peer| peer.send(&offering(length, rest)));
            assert_eq!(error, "2027 (HY000): Received malformed packet", "{length}");
        }
        // The plugin wants another number of bytes.
        let short = refused(|peer| peer.send(&offering(20, b"ijklmnopqrstmysql_native_password\0")));
        assert_eq!(short, "2012 (HY000): Error in server handshake");
    }

    #[test]
    fn the_login_begins_with_the_plugin_of_the_server() {
        let options = || Options { password: "p".into(), ..Options::default() };
        let begun = |rest: &'static [u8], with: &'static [u8], plugin: &'static [u8]| {
            let result = refused_with(options(), move |peer| {
                peer.send(&offering(21, rest));
                let login = peer.receive();
                let name = [plugin, b"\0"].concat();
                assert!(login.windows(name.len()).any(|part| part == name), "{}", login.as_bstr());
                assert!(login.windows(with.len()).any(|part| part == with), "{}", login.as_bstr());
                peer.send(OK);
            });
            assert_eq!(result, "logged in", "{}", plugin.as_bstr());
        };
        begun(b"ijklmnopqrst\0mysql_clear_password\0", b"\x02p\0", b"mysql_clear_password");
        begun(b"ijklmnopqrst\0caching_sha2_password\0", b"\x20", b"caching_sha2_password");
        // One that is not there, and one without a name.
        begun(b"ijklmnopqrst\0nosuch\0", b"\0", b"dummy_fallback_auth");
        begun(b"ijklmnopqrst\0", b"\0", b"dummy_fallback_auth");
    }

    #[test]
    fn a_dialog_asks_what_the_password_does_not_answer() {
        let ask = |question: Question<'_>| {
            assert_eq!(question.prompt, b"Sure ?");
            assert!(!question.secret);
            b"yes".to_vec()
        };
        let options = Options { password: "p".into(), ask: Some(Arc::new(ask)), ..Options::default() };
        let result = refused_with(options, |peer| {
            peer.exchange(&[GREETING]);
            peer.send(b"\xfedialog\0\x04Password, please:");
            assert_eq!(peer.receive(), b"p\0");
            peer.send(b"\x03Sure ?");
            assert_eq!(peer.receive(), b"yes\0");
            peer.send(OK);
        });
        assert_eq!(result, "logged in");
    }

    #[test]
    fn caching_sha2_sends_the_password_where_nobody_listens() {
        let options = Options { password: "p".into(), ..Options::default() };
        let result = refused_with(options, |peer| {
            peer.exchange(&[GREETING]);
            peer.send(b"\xfecaching_sha2_password\0aaaaaaaaaaaaaaaaaaaa\0");
            assert_eq!(peer.receive().len(), 32);
            peer.send(b"\x01\x04");
            assert_eq!(peer.receive(), b"p\0");
            peer.send(OK);
        });
        assert_eq!(result, "logged in");
    }

    #[test]
    fn compression_begins_after_the_login() {
        let result = refused_with(Options { compress: true, ..Options::default() }, |peer| {
            peer.send(&greeting(cap::COMPRESS));
            assert_eq!(peer.receive()[0] & 0x20, 0x20);
            peer.send(OK);
        });
        assert_eq!(result, "logged in");
    }
}
