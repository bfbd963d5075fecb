//! A session on the server: text queries, their results, what the server told about them.

use bstr::BString;

use super::channel::Channel;
use super::column::Column;
use super::error::{ClientError, code};
use super::login::{self, Server};
use super::options::Options;
use super::packet::{self, Answer, EofPacket, Malformed, OkPacket, Tracked};
use super::reply::malformed;
use super::statement::Epoch;
use super::text::{self, Cell, Row};

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
    pub fn connect(options: &Options) -> Result<Connection, ClientError> {
        let (channel, server, ok) = login::open(options)?;
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
        Ok(connection)
    }

    /// Sends a query; its results are read with [`Connection::read_result`].
    pub fn send_query(&mut self, sql: &[u8]) -> Result<(), ClientError> {
        self.command(COM_QUERY, &[sql])
    }

    /// Reads the next result of what was sent: the first one, or after it one more
    /// while [`Connection::more_results`] says so.
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
        for _ in 0..count {
            self.receive()?;
            let column = Column::decode(self.channel.packet(), self.server.extended_metadata());
            self.columns.push(column.map_err(malformed)?);
        }
        self.receive()?;
        let end = EofPacket::decode(self.channel.packet()).ok_or(Malformed).map_err(malformed)?;
        self.end_of_rows(end);
        Ok(())
    }

    /// The next row; `None` at the end of the result, when warnings and status are up to date.
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
