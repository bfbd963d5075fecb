//! A session on the server: text queries and their results, the commands beside queries.

use std::os::fd::BorrowedFd;
use std::time::Duration;

use super::channel::{Channel, Failure};
use super::column::Column;
use super::error::{ClientError, code};
use super::login::{self, Server};
use super::options::Options;
use super::packet::{self, Answer, EofPacket, ErrorOrProgress, Malformed, OkPacket, Tracked};
use super::statement::Epoch;
use super::text::{self, Cell, Row};

const COM_QUIT: u8 = 1;
const COM_INIT_DB: u8 = 2;
const COM_QUERY: u8 = 3;
const COM_SHUTDOWN: u8 = 8;
const COM_PING: u8 = 14;
const COM_SET_OPTION: u8 = 27;
const COM_RESET_CONNECTION: u8 = 31;

/// Server status: a transaction is open.
const STATUS_IN_TRANSACTION: u16 = 1;

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
#[derive(Debug)]
pub struct Connection {
    pub(super) channel: Channel,
    pub(super) server: Server,
    pub(super) phase: Phase,
    pub(super) ok: OkPacket,
    pub(super) columns: Vec<Column>,
    pub(super) cells: Vec<Cell>,
    pub(super) options: Options,
    pub(super) statements: Epoch,
    rows: u64,
}

impl Connection {
    /// Opens a connection and logs in.
    pub fn connect(options: &Options) -> Result<Connection, ClientError> {
        let (channel, server, ok) = login::open(options)?;
        Ok(Connection {
            channel,
            server,
            phase: Phase::Ready,
            ok,
            columns: Vec::new(),
            cells: Vec::new(),
            options: options.clone(),
            statements: Epoch::default(),
            rows: 0,
        })
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
        self.receive()?;
        let answer = Answer::decode(
            self.channel.packet(),
            self.server.tracks_session(),
            self.server.caches_metadata(),
        );
        match self.well_formed(answer)? {
            Seen::Ok(ok) => {
                self.ok = ok;
                Ok(Reply::Ok)
            }
            Seen::LocalInfile => Err(ClientError::client(code::UNKNOWN)),
            Seen::Columns(count) => {
                for _ in 0..count {
                    self.receive()?;
                    let column = Column::decode(self.channel.packet(), self.server.extended_metadata());
                    let column = column.map_err(malformed)?;
                    self.columns.push(column);
                }
                self.receive()?;
                let eof = EofPacket::decode(self.channel.packet()).ok_or(Malformed).map_err(malformed)?;
                self.end_of_rows(eof);
                self.rows = 0;
                self.phase = Phase::Rows;
                Ok(Reply::Rows)
            }
        }
    }

    /// The next row; `None` at the end of the result, when warnings and status are up to date.
    pub fn next_row(&mut self) -> Result<Option<Row<'_>>, ClientError> {
        if self.phase != Phase::Rows {
            return Ok(None);
        }
        self.phase = Phase::Ready;
        self.receive()?;
        if let Some(eof) = EofPacket::decode(self.channel.packet()) {
            self.end_of_rows(eof);
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

    /// Asks for a sign of life.
    pub fn ping(&mut self) -> Result<(), ClientError> {
        self.simple(COM_PING, &[])
    }

    /// Resets the session's state without a new login.
    pub fn reset(&mut self) -> Result<(), ClientError> {
        self.simple(COM_RESET_CONNECTION, &[])?;
        self.statements.end("mysql_reset_connection()");
        Ok(())
    }

    /// Logs in as somebody else on the same connection.
    pub fn change_user(
        &mut self,
        user: &[u8],
        password: &[u8],
        database: Option<&[u8]>,
    ) -> Result<(), ClientError> {
        let _ = (user, password, database);
        Err(ClientError::client(code::NOT_IMPLEMENTED))
    }

    /// Makes `database` the current one.
    pub fn select_db(&mut self, database: &[u8]) -> Result<(), ClientError> {
        self.simple(COM_INIT_DB, &[database])
    }

    /// Tells the server to shut down.
    pub fn shutdown(&mut self) -> Result<(), ClientError> {
        self.simple(COM_SHUTDOWN, &[&[0]])
    }

    /// Sets a server option: 0 allows several statements in one query, 1 forbids them.
    pub fn set_option(&mut self, option: u16) -> Result<(), ClientError> {
        self.command(COM_SET_OPTION, &[&option.to_le_bytes()])?;
        self.phase = Phase::Ready;
        self.receive()
    }

    /// Whether a lost connection is opened again by the next command.
    pub fn set_reconnect(&mut self, reconnect: bool) {
        self.options.reconnect = reconnect;
    }

    /// Says goodbye and closes the connection.
    pub fn quit(&mut self) {
        if self.channel.is_open() {
            self.channel.start();
            // The server notices the end also without the word.
            let _ = self.channel.write(&[&[COM_QUIT]]);
            self.channel.close();
        }
        self.phase = Phase::Ready;
    }

    /// Says goodbye and waits until the server has closed its end: afterwards the session is gone.
    pub fn quit_and_wait(&mut self) {
        if self.channel.is_open() {
            self.channel.start();
            if self.channel.write(&[&[COM_QUIT]]).is_ok() {
                self.channel.drain();
            }
            self.channel.close();
        }
        self.phase = Phase::Ready;
    }

    /// Cuts the connection without a word.
    pub fn dirty_close(&mut self) {
        if let Some(stream) = self.channel.stream() {
            stream.shut_down();
        }
        self.channel.close();
        self.phase = Phase::Ready;
    }

    /// Waits up to `timeout` for an answer; `None` waits for ever. True also at the connection's end.
    pub fn is_readable(&mut self, timeout: Option<Duration>) -> bool {
        if self.channel.has_buffered() {
            return true;
        }
        self.channel.stream().is_none_or(|stream| readable(stream.fd(), timeout))
    }

    /// Sends a command without an answer to wait for yet.
    pub(super) fn command(&mut self, command: u8, parts: &[&[u8]]) -> Result<(), ClientError> {
        if !self.channel.is_open() {
            return Err(ClientError::client(code::SERVER_GONE));
        }
        if self.phase != Phase::Ready || self.more_results() {
            return Err(ClientError::client(code::OUT_OF_SYNC));
        }
        let command = [command];
        let mut all: Vec<&[u8]> = Vec::with_capacity(1 + parts.len());
        all.push(&command);
        all.extend_from_slice(parts);
        self.channel.start();
        match self.channel.write(&all) {
            Ok(()) => {
                self.phase = Phase::Sent;
                Ok(())
            }
            Err(Failure::TooLarge) => Err(ClientError::client(code::PACKET_TOO_LARGE)),
            Err(_) => {
                self.channel.close();
                Err(ClientError::client(code::SERVER_GONE))
            }
        }
    }

    /// A command that is answered with OK.
    fn simple(&mut self, command: u8, parts: &[&[u8]]) -> Result<(), ClientError> {
        self.command(command, parts)?;
        self.phase = Phase::Ready;
        self.receive()?;
        let ok = OkPacket::decode(self.channel.packet(), self.server.tracks_session());
        self.ok = ok.map_err(malformed)?;
        Ok(())
    }

    /// Reads a packet that is no error and no progress report; it is `self.channel.packet()`.
    pub(super) fn receive(&mut self) -> Result<(), ClientError> {
        loop {
            if let Err(failure) = self.channel.read() {
                self.channel.close();
                self.phase = Phase::Ready;
                self.ok.status = 0;
                return Err(failure.in_command());
            }
            if self.channel.packet().first() != Some(&packet::ERR) {
                return Ok(());
            }
            if let Some(error) = server_error(self.channel.packet()) {
                self.phase = Phase::Ready;
                self.ok.status &= !packet::STATUS_MORE_RESULTS;
                return Err(error);
            }
        }
    }

    pub(super) fn end_of_rows(&mut self, eof: EofPacket) {
        self.ok.warnings = eof.warnings;
        self.ok.status = eof.status;
    }

    fn well_formed(&self, answer: Result<Answer<'_>, Malformed>) -> Result<Seen, ClientError> {
        match answer.map_err(malformed)? {
            Answer::Ok(ok) => Ok(Seen::Ok(ok)),
            Answer::LocalInfile(_) => Ok(Seen::LocalInfile),
            Answer::Columns { count, .. } => Ok(Seen::Columns(count)),
            Answer::Error(_) => Err(ClientError::client(code::MALFORMED)),
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.quit();
    }
}

/// An answer without the borrow of its packet.
enum Seen {
    Ok(OkPacket),
    LocalInfile,
    Columns(u64),
}

impl Failure {
    /// What a failure to read means when a command was sent.
    pub(super) fn in_command(&self) -> ClientError {
        match self {
            Failure::Lost(_) | Failure::Malformed => ClientError::client(code::SERVER_LOST),
            Failure::TooLarge => ClientError::client(code::PACKET_TOO_LARGE),
            Failure::Tls(reason) => ClientError::with(code::TLS, &[reason]),
        }
    }
}

/// The error of an error packet; `None` if it is a progress report.
pub(super) fn server_error(packet: &[u8]) -> Option<ClientError> {
    match ErrorOrProgress::decode(packet) {
        Ok(ErrorOrProgress::Progress) => None,
        Ok(ErrorOrProgress::Empty) => Some(ClientError::client(code::ERROR_PACKET)),
        // Numbers of the client's own range cannot come from a server.
        Ok(ErrorOrProgress::Error(error)) if matches!(error.code, 2000..=2999 | 5000..=5999) => {
            Some(ClientError::client(code::MALFORMED))
        }
        Ok(ErrorOrProgress::Error(error)) => {
            Some(ClientError::new(u32::from(error.code), error.sqlstate, error.message))
        }
        Err(Malformed) => Some(ClientError::client(code::MALFORMED)),
    }
}

pub(super) fn malformed(_: Malformed) -> ClientError {
    ClientError::client(code::MALFORMED)
}

/// Whether `fd` has something to read, or has ended, within `timeout`.
fn readable(fd: BorrowedFd<'_>, timeout: Option<Duration>) -> bool {
    let deadline = timeout.and_then(|wait| std::time::Instant::now().checked_add(wait));
    crate::sys::poll::readable(&[fd], deadline).is_ok_and(|ready| !ready.is_empty())
}
