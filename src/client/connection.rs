//! A session on the server: text queries, their results, what the server told about them.

use bstr::BString;

use crate::client::login;
use crate::client::login::Server;
use crate::client::statement::Epoch;
use crate::client::wire::channel::Channel;
use crate::client::wire::column::{Column, Definitions};
use crate::client::wire::error::{ClientError, code};
use crate::client::wire::options::Options;
use crate::client::wire::packet;
use crate::client::wire::packet::{Answer, EofPacket, Malformed, OkPacket, Tracked};
use crate::client::wire::reply::malformed;
use crate::client::wire::stream::Stream;
use crate::client::wire::text;
use crate::client::wire::text::{Cell, Row};
use crate::flavour::{self, Flavour};

pub(super) const COM_QUERY: u8 = 3;

/// Kind of a session's change: the current database.
const TRACK_SCHEMA: u8 = 1;

/// What kind of result has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reply {
    /// A statement without rows is done.
    Ok,
    /// Columns are known, rows follow: [`Connection::next_row`].
    Rows,
}

/// What the session waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// A command.
    Ready,
    /// The answer of a command that has been sent.
    Sent,
    /// Rows of a text result.
    Rows,
    /// Rows of a prepared statement's result.
    BinaryRows,
}

/// A session on the server.
///
/// A query is sent and its results are read one by one, all of them, before the next command: a command in
/// between is error 2014. Dropping the connection says goodbye to the server.
#[derive(Debug)]
pub struct Connection {
    pub(super) channel: Channel,
    pub(super) server: Server,
    pub(super) phase: Phase,
    pub(super) ok: OkPacket,
    pub(super) columns: Vec<Column>,
    pub(super) cells: Vec<Cell>,
    /// Who is logged in where, for a reconnect.
    pub(super) options: Options,
    /// The character set of the login, to which a change of user goes back.
    pub(super) login_charset: BString,
    pub(super) statements: Epoch,
    /// Whether the next answer may ask for a file.
    pub(super) infile_allowed: bool,
    rows: u64,
}

/// The first packet of an answer, without a borrow of the packet.
enum Seen {
    Ok(OkPacket),
    Infile(Vec<u8>),
    Columns(u64),
}

impl Connection {
    /// Opens a connection and logs in.
    ///
    /// # Errors
    /// There is no server, or it refuses the login.
    pub fn connect(options: &Options) -> Result<Connection, ClientError> {
        Ok(Connection::logged_in(login::open(options)?, options))
    }

    /// Logs in over a stream that is connected.
    pub(super) fn on(stream: Stream, options: &Options) -> Result<Connection, ClientError> {
        Ok(Connection::logged_in(login::log_in(stream, options)?, options))
    }

    fn logged_in((channel, server, ok): (Channel, Server, OkPacket), options: &Options) -> Connection {
        let mut connection = Connection {
            channel,
            server,
            phase: Phase::Ready,
            ok,
            columns: Vec::new(),
            cells: Vec::new(),
            options: options.clone(),
            login_charset: options.charset_name.clone(),
            statements: Epoch::default(),
            infile_allowed: false,
            rows: 0,
        };
        connection.follow_session();
        connection
    }

    /// Sends a query; its results are read with [`Connection::read_result`].
    ///
    /// # Errors
    /// A result of an earlier command is not read yet (2014), or the query cannot be sent.
    pub fn send_query(&mut self, sql: &[u8]) -> Result<(), ClientError> {
        self.forget_changes();
        self.command(COM_QUERY, &[sql])
    }

    /// Reads the next result of what was sent: the first one, or after it one more
    /// while [`Connection::more_results`] says so.
    ///
    /// # Errors
    /// No result is due (2014), the server refuses the query, a file it asks for cannot be sent, or the connection is
    /// lost.
    pub fn read_result(&mut self) -> Result<Reply, ClientError> {
        match self.phase {
            Phase::Sent => {}
            Phase::Ready if self.more_results() => {}
            _ => return Err(ClientError::client(code::OUT_OF_SYNC)),
        }
        self.phase = Phase::Ready;
        self.columns.clear();
        self.clear_facts();
        let infile_allowed = std::mem::take(&mut self.infile_allowed);
        self.receive()?;
        match self.first_packet().map_err(malformed)? {
            Seen::Ok(ok) => self.done(ok),
            Seen::Infile(name) => {
                let ok = self.send_file(&name, infile_allowed)?;
                self.done(ok)
            }
            Seen::Columns(count) => {
                self.read_columns(count)?;
                self.rows = 0;
                self.phase = Phase::Rows;
                Ok(Reply::Rows)
            }
        }
    }

    fn first_packet(&self) -> Result<Seen, Malformed> {
        let (track, cache) = (self.server.tracks_session(), self.server.caches_metadata());
        match Answer::decode(self.channel.packet(), track, cache)? {
            Answer::Ok(ok) => Ok(Seen::Ok(ok)),
            Answer::LocalInfile(name) => Ok(Seen::Infile(name.to_vec())),
            Answer::Columns { count, .. } => Ok(Seen::Columns(count)),
            Answer::Error(_) => Err(Malformed),
        }
    }

    fn done(&mut self, ok: OkPacket) -> Result<Reply, ClientError> {
        self.ok = ok;
        self.follow_session();
        Ok(Reply::Ok)
    }

    fn read_columns(&mut self, count: u64) -> Result<(), ClientError> {
        let mut definitions = Definitions::of(count).map_err(malformed)?;
        for _ in 0..count {
            self.receive()?;
            definitions.take(self.channel.packet()).map_err(malformed)?;
            let column = Column::decode(self.channel.packet(), self.server.extended_metadata());
            self.columns.push(column.map_err(malformed)?);
        }
        self.receive()?;
        let end = EofPacket::decode(self.channel.packet()).ok_or(Malformed).map_err(malformed)?;
        self.end_of_rows(end);
        Ok(())
    }

    /// The next row; `None` at the end of the result, when warnings and status are up to date.
    ///
    /// # Errors
    /// The server ends the result with an error, a row is malformed, or the connection is lost.
    pub fn next_row(&mut self) -> Result<Option<Row<'_>>, ClientError> {
        if self.phase != Phase::Rows {
            return Ok(None);
        }
        self.phase = Phase::Ready;
        self.receive()?;
        if let Some(end) = EofPacket::decode(self.channel.packet()) {
            self.end_of_rows(end);
            self.ok.affected_rows = self.rows;
            return Ok(None);
        }
        text::decode(self.channel.packet(), self.columns.len(), &mut self.cells).map_err(malformed)?;
        self.phase = Phase::Rows;
        self.rows += 1;
        Ok(Some(Row::new(self.channel.packet(), &self.cells)))
    }

    /// Whether another result of the same query follows.
    pub fn more_results(&self) -> bool {
        self.ok.status & packet::STATUS_MORE_RESULTS != 0
    }

    /// The columns of the result being read.
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// Rows the last statement changed or, at the end of a result, gave; `u64::MAX` after an error.
    pub fn affected_rows(&self) -> u64 {
        self.ok.affected_rows
    }

    /// The last statement's info text, such as `Rows matched: 1  Changed: 1  Warnings: 0`; empty if none.
    pub fn info(&self) -> &[u8] {
        &self.ok.info
    }

    /// Warnings of the last statement.
    pub fn warning_count(&self) -> u16 {
        self.ok.warnings
    }

    /// The server's status flags.
    pub fn server_status(&self) -> u16 {
        self.ok.status
    }

    /// Changes of the session's state told with the last result.
    pub fn session_track(&self) -> &[Tracked] {
        &self.ok.session
    }

    /// The server's version text, without the `5.5.5-` in front of it.
    pub fn server_version(&self) -> &[u8] {
        &self.server.version
    }

    /// The server's release as a number, such as 101119 for 10.11.19; 0 where the version names none.
    pub fn release(&self) -> u32 {
        flavour::release(&self.server.version)
    }

    /// What the server's product and release mean for its clients.
    pub fn flavour(&self) -> Flavour {
        self.server.flavour()
    }

    /// The server's number of this session.
    pub fn thread_id(&self) -> u32 {
        self.server.thread_id
    }

    /// Whether the connection has not been lost or closed.
    pub fn is_open(&self) -> bool {
        self.channel.is_open()
    }

    pub(super) fn end_of_rows(&mut self, end: EofPacket) {
        self.ok.warnings = end.warnings;
        self.ok.status = end.status;
    }

    /// Forgets what the last statement changed in the session, before the next one, where the client library that belongs to
    /// the server does.
    pub(super) fn forget_changes(&mut self) {
        if self.flavour().forgets_session_changes {
            self.ok.session.clear();
        }
    }

    /// Notes the database and the character set that the server says the session has now: a reconnect
    /// goes back to them.
    pub(super) fn follow_session(&mut self) {
        for change in &self.ok.session {
            let Some(value) = &change.value else { continue };
            match change.kind {
                packet::TRACK_SYSTEM_VARIABLES if change.name == "character_set_client" => {
                    self.options.charset_name.clone_from(value);
                }
                TRACK_SCHEMA => {
                    self.options.database = (!value.is_empty()).then(|| value.clone());
                }
                _ => {}
            }
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.quit();
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use bstr::ByteSlice as _;

    use crate::client::testing::fake::{Fake, GREETING, OK, Peer, Script, serve_all};

    const COLUMN: &[u8] = b"\x03def\0\0\0\x011\0\0\x0c\x3f\0\x01\0\0\0\x03\x81\0\0\0\0";
    const EOF: &[u8] = b"\xfe\x01\0\x02\0";
    const EOF_AND_MORE: &[u8] = b"\xfe\0\0\x0a\0";
    const DENIED: &[u8] = b"\xff\x15\x04#28000abc";

    /// A connection to a server that plays `script` after the login.
    fn connected(script: impl FnOnce(&mut Peer) + Send + 'static) -> (Connection, Fake) {
        connected_to(vec![Box::new(script)])
    }

    fn connected_to(scripts: Vec<Script>) -> (Connection, Fake) {
        let logged_in = |script: Script| -> Script {
            Box::new(move |peer: &mut Peer| {
                peer.log_in();
                script(peer);
            })
        };
        let fake = serve_all(scripts.into_iter().map(logged_in).collect());
        let options = Options { socket: Some(fake.socket()), user: "u".into(), ..Options::default() };
        (Connection::connect(&options).unwrap(), fake)
    }

    fn query(connection: &mut Connection, sql: &[u8]) -> Result<Reply, ClientError> {
        connection.send_query(sql)?;
        connection.read_result()
    }

    fn code_of<T: std::fmt::Debug>(result: Result<T, ClientError>) -> u32 {
        result.unwrap_err().code
    }

    /// What a query gives at a server that answers it with these packets.
    fn answered(packets: &'static [&'static [u8]]) -> Result<Reply, ClientError> {
        let (mut connection, _fake) = connected(|peer| {
            peer.answer(packets);
        });
        let reply = query(&mut connection, b"select 1")?;
        while connection.next_row()?.is_some() {}
        Ok(reply)
    }

    /// What the session is told to have changed with a result set that follows a change of the database.
    fn changes_told_by(version: &str) -> usize {
        const CHANGED: &[u8] = b"\0\0\0\x02\x40\0\0\0\x07\x01\x05\x04test";
        let greeting = GREETING.replacen("10.11.19", version, 1);
        let fake = serve_all(vec![Box::new(move |peer: &mut Peer| {
            peer.exchange(&[&greeting]);
            peer.send(OK);
            peer.answer(&[CHANGED]);
            peer.answer(&[b"\x01", COLUMN, EOF, b"\x011", EOF]);
        })]);
        let options = Options { socket: Some(fake.socket()), user: "u".into(), ..Options::default() };
        let mut connection = Connection::connect(&options).unwrap();
        query(&mut connection, b"use test").unwrap();
        assert_eq!(connection.session_track().len(), 1);
        query(&mut connection, b"select 1").unwrap();
        connection.session_track().len()
    }

    #[test]
    fn changes_of_the_session_are_told_again_by_old_libraries() {
        assert_eq!(changes_told_by("10.11.19"), 1);
        assert_eq!(changes_told_by("11.8.9"), 0);
    }

    #[test]
    fn several_results_and_nothing_in_between() {
        let (mut connection, _fake) = connected(|peer| {
            let packets = [b"\x01\x01", COLUMN, EOF, b"\x011", b"\xfb", EOF_AND_MORE, OK];
            assert_eq!(peer.answer(&packets), b"\x03select 1; do 2");
            assert_eq!(peer.answer(&[OK]), b"\x0e");
            assert_eq!(peer.command(), b"\x01");
        });
        assert_eq!(query(&mut connection, b"select 1; do 2"), Ok(Reply::Rows));
        assert_eq!(connection.columns()[0].name, "1");
        assert_eq!(code_of(connection.ping()), code::OUT_OF_SYNC);
        assert_eq!(connection.next_row().unwrap().unwrap().cell(0), Some(&b"1"[..]));
        assert_eq!(connection.next_row().unwrap().unwrap().cell(0), None);
        assert_eq!(connection.affected_rows(), u64::MAX);
        assert!(connection.next_row().unwrap().is_none());
        assert_eq!(connection.affected_rows(), 2);
        assert!(connection.more_results());
        assert_eq!(code_of(connection.ping()), code::OUT_OF_SYNC);
        assert_eq!(connection.read_result(), Ok(Reply::Ok));
        assert!(!connection.more_results());
        connection.ping().unwrap();
        connection.quit();
        assert_eq!(code_of(connection.ping()), code::SERVER_GONE);
    }

    #[test]
    fn an_error_leaves_the_connection_usable() {
        let (mut connection, _fake) = connected(|peer| {
            peer.answer(&[DENIED]);
            peer.answer(&[b"\x01\x01", COLUMN, EOF, b"\x011", DENIED]);
            peer.answer(&[b"\xff\xff\xff\x01\x01\x02\x10\x10\x10\x01a", OK]);
        });
        assert_eq!(code_of(query(&mut connection, b"x")), 1045);
        assert_eq!(connection.affected_rows(), u64::MAX);
        assert_eq!(query(&mut connection, b"x"), Ok(Reply::Rows));
        assert!(connection.next_row().unwrap().is_some());
        assert_eq!(connection.next_row().unwrap_err().to_string(), "1045 (28000): abc");
        assert_eq!(query(&mut connection, b"a report of progress first"), Ok(Reply::Ok));
    }

    #[test]
    fn answers_that_end_early_or_lie() {
        assert_eq!(code_of(answered(&[])), code::SERVER_LOST);
        assert_eq!(code_of(answered(&[b""])), code::SERVER_LOST);
        assert_eq!(code_of(answered(&[b"\x01\x01"])), code::SERVER_LOST);
        assert_eq!(code_of(answered(&[b"\x01\x01", COLUMN, EOF, b"\x011"])), code::SERVER_LOST);
        assert_eq!(code_of(answered(&[b"\0"])), code::MALFORMED);
        assert_eq!(code_of(answered(&[b"\x01\x01", b"\x03def"])), code::MALFORMED);
        assert_eq!(code_of(answered(&[b"\x01\x01", COLUMN, EOF, b"\x091"])), code::MALFORMED);
        assert_eq!(code_of(answered(&[b"\xff\xdd\x07#08004gone"])), code::MALFORMED);
        assert_eq!(code_of(answered(&[b"\xff"])), code::UNKNOWN);
    }

    #[test]
    fn a_lost_connection_is_gone_for_the_next_command() {
        let (mut connection, _fake) = connected(|peer| {
            peer.command();
        });
        assert_eq!(code_of(query(&mut connection, b"x")), code::SERVER_LOST);
        assert_eq!(code_of(query(&mut connection, b"x")), code::SERVER_GONE);
        assert!(!connection.is_open());
    }

    #[test]
    fn a_reconnect_goes_back_to_database_and_character_set() {
        // "test" becomes "d2", then character_set_client becomes utf8mb4.
        let changed = b"\0\0\0\x02\x40\0\0\0\x06\x01\x04\x03d2!";
        let charset = b"\0\0\0\x02\x40\0\0\0\x1f\0\x1d\x14character_set_client\x07utf8mb4";
        let (mut connection, _fake) = connected_to(vec![
            Box::new(|peer| {
                peer.answer(&[changed]);
                peer.answer(&[charset]);
            }),
            Box::new(|peer| {
                assert_eq!(peer.answer(&[OK]), b"\x03SET NAMES utf8mb4");
                assert_eq!(peer.answer(&[b"\0\0\0\x03\0\0\0"]), b"\x03begin");
            }),
            Box::new(|peer| {
                peer.answer(&[OK]);
                assert_eq!(peer.answer(&[OK]), b"\x03x");
            }),
        ]);
        connection.set_reconnect(true);
        query(&mut connection, b"use d2").unwrap();
        query(&mut connection, b"set names utf8mb4").unwrap();
        assert_eq!(connection.options.database.as_ref().unwrap(), "d2!");
        assert!(connection.is_readable(None));
        query(&mut connection, b"begin").unwrap();
        // The transaction is lost: that is told once.
        assert!(connection.is_readable(None));
        assert_eq!(code_of(query(&mut connection, b"x")), code::SERVER_GONE);
        query(&mut connection, b"x").unwrap();
    }

    #[test]
    fn a_file_is_sent_only_for_a_statement_that_begins_with_load() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("f");
        std::fs::write(&file, "1\n").unwrap();
        let name = file.to_str().unwrap().to_string();
        let request = [b"\xfb", name.as_bytes()].concat();
        let missing = [b"\xfb", name.as_bytes(), b"x"].concat();
        let (mut connection, _fake) = connected(move |peer| {
            peer.answer(&[&request]);
            assert_eq!(peer.receive(), b"1\n");
            assert_eq!(peer.more(&[OK]), b"");
            peer.answer(&[&request]);
            assert_eq!(peer.more(&[OK]), b"");
            peer.answer(&[&missing]);
            assert_eq!(peer.more(&[OK]), b"");
            peer.answer(&[&request]);
            assert_eq!(peer.more(&[DENIED]), b"");
        });
        assert_eq!(query(&mut connection, b"LoaD data"), Ok(Reply::Ok));
        let error = query(&mut connection, b" load data").unwrap_err();
        assert_eq!(error.to_string(), "2000 (HY000): Load data local infile forbidden");
        let error = query(&mut connection, b"load data").unwrap_err();
        assert_eq!(error.to_string(), format!("2 (HY000): File '{name}x' not found (Errcode: 2)"));
        assert_eq!(code_of(query(&mut connection, b"/* */ load data")), 1045);
    }

    #[test]
    fn packets_of_16_mebibytes_and_more() {
        const FULL: usize = 0xff_ff_ff;
        for length in [FULL - 2, FULL - 1, FULL, 2 * FULL] {
            let (mut connection, _fake) = connected(move |peer| {
                let command = peer.command();
                assert_eq!(command.len(), length + 1);
                peer.send(b"\x01\x01");
                peer.send(COLUMN);
                peer.send(EOF);
                let mut row = Vec::new();
                packet::put_bytes(&mut row, &command[1..]);
                peer.send(&row);
                peer.send(EOF);
            });
            let sql = vec![b'x'; length];
            query(&mut connection, &sql).unwrap();
            assert!(connection.next_row().unwrap().unwrap().cell(0) == Some(&sql[..]));
            assert!(connection.next_row().unwrap().is_none());
        }
    }

    #[test]
    fn a_statement_longer_than_allowed_is_not_sent() {
        let (mut connection, _fake) = connected(|peer| {
            assert_eq!(peer.answer(&[OK]), b"\x0e");
        });
        connection.channel.set_max_packet(100);
        assert_eq!(code_of(connection.send_query(&[b'x'; 100])), code::PACKET_TOO_LARGE);
        connection.ping().unwrap();
    }

    #[test]
    fn a_change_of_user_keeps_the_old_one_if_it_is_refused() {
        let (mut connection, _fake) = connected(|peer| {
            let request = peer.command();
            assert!(request.starts_with(b"\x11joe\0\x14"), "{request:?}");
            let tail = b"d\0\x08\0mysql_native_password\0";
            assert!(request[26..].starts_with(tail), "{request:?}");
            peer.send(b"\xfemysql_native_password\0aaaaaaaaaaaaaaaaaaaa\0");
            assert_eq!(peer.receive().len(), 20);
            peer.send(DENIED);
            peer.command();
            peer.send(OK);
        });
        assert_eq!(code_of(connection.change_user(b"joe", b"p", Some(b"d"))), 1045);
        assert_eq!(connection.options.user, "u");
        connection.change_user(b"joe", b"p", None).unwrap();
        assert_eq!(connection.options.user, "joe");
    }
}
