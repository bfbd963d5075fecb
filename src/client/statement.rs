//! Prepared statements: prepare, execute with parameters, rows as text, read-only cursors.
//!
//! A [`Statement`] is a handle beside the [`Connection`]; it is used again for the next prepare, which
//! closes what it stood for on the server. Results are read from the connection as those of queries are.

use bstr::BString;

use crate::client::connection::{Connection, Phase, Reply};
use crate::client::wire::binary;
use crate::client::wire::column::{Column, Definitions, types};
use crate::client::wire::error::{ClientError, code};
use crate::client::wire::packet;
use crate::client::wire::packet::{Answer, EofPacket, Fields, Malformed, OkPacket};
use crate::client::wire::reply::malformed;
use crate::client::wire::text::{Cell, Row};

const COM_STMT_PREPARE: u8 = 22;
const COM_STMT_EXECUTE: u8 = 23;
const COM_STMT_SEND_LONG_DATA: u8 = 24;
const COM_STMT_CLOSE: u8 = 25;
const COM_STMT_RESET: u8 = 26;
const COM_STMT_FETCH: u8 = 28;

/// Cursor type of an execution: rows are sent at once.
const NO_CURSOR: u8 = 0;
/// Cursor type of an execution: rows stay on the server until they are fetched.
const READ_ONLY_CURSOR: u8 = 1;

/// The value of one parameter, as `PS_bind` makes it (mysqltest §6.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Param {
    /// NULL.
    Null,
    /// An integer; `PS_bind` keeps the lowest 32 bits of longer ones.
    Long(i32),
    /// A DECIMAL without digits: this is how `PS_bind` sends every number with a point or an exponent,
    /// so that 0 and warning 1918 arrive.
    Decimal,
    /// A string.
    Text(BString),
    /// The value has been sent with [`Connection::send_long_data`].
    LongData,
}

/// A statement that the server has prepared, or a handle for one to come.
#[derive(Debug, Default)]
pub struct Statement {
    handle: Option<Handle>,
    params: Vec<Column>,
    columns: Vec<Column>,
    /// Number of columns that the prepare told of.
    prepared_columns: usize,
    /// No result of the running execution has been read yet.
    first: bool,
    reading: bool,
    /// The running execution asked for a cursor.
    cursor_wanted: bool,
    cursor_open: bool,
    /// Number of columns of the first execution since the prepare; no later one may have others.
    bound: Option<usize>,
    rows: u64,
    affected_rows: u64,
    cells: Vec<Cell>,
    text: Vec<u8>,
}

/// The server's side of a statement.
#[derive(Debug, Clone, Copy)]
struct Handle {
    id: u32,
    epoch: u32,
}

/// Which statements of a connection are still alive: those prepared in the current epoch.
#[derive(Debug, Default)]
pub(super) struct Epoch {
    number: u32,
    ended_by: &'static str,
}

impl Epoch {
    /// All statements are gone because of `function`, the C function that error 2056 names.
    pub(super) fn end(&mut self, function: &'static str) {
        self.number = self.number.wrapping_add(1);
        self.ended_by = function;
    }
}

impl Statement {
    /// A handle that nothing has been prepared with.
    pub fn new() -> Statement {
        Statement::default()
    }

    /// The parameters.
    pub fn params(&self) -> &[Column] {
        &self.params
    }

    /// The columns of the prepare and, once a result has been read, those of that result.
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// Whether the statement has a result set, as far as is known.
    pub fn has_columns(&self) -> bool {
        !self.columns.is_empty()
    }

    /// Rows that the execution changed or, at the end of a result, gave; `u64::MAX` after an error and
    /// while rows are being read.
    pub fn affected_rows(&self) -> u64 {
        self.affected_rows
    }
}

impl Connection {
    /// Prepares `sql`, with the handle `reuse` if there is one: what it stood for is closed first.
    /// The connection's warning count is that of the prepare afterwards.
    ///
    /// # Errors
    /// The server refuses the statement, or the connection is lost.
    pub fn prepare(&mut self, sql: &[u8], reuse: Option<Statement>) -> Result<Statement, ClientError> {
        let mut statement = reuse.unwrap_or_default();
        self.prepare_again(&mut statement, sql)?;
        Ok(statement)
    }

    /// Prepares `sql` with a handle that stays the caller's, also if the server refuses: then nothing is
    /// prepared with it.
    ///
    /// # Errors
    /// The server refuses the statement, or the connection is lost.
    pub fn prepare_again(&mut self, statement: &mut Statement, sql: &[u8]) -> Result<(), ClientError> {
        self.close_on_server(statement);
        statement.params.clear();
        statement.columns.clear();
        statement.bound = None;
        self.forget_changes();
        self.command(COM_STMT_PREPARE, &[sql])?;
        self.clear_facts();
        self.phase = Phase::Ready;
        self.receive()?;
        let (id, columns, params) = self.prepared().map_err(malformed)?;
        let mut definitions = Definitions::of(u64::from(params)).map_err(malformed)?;
        for _ in 0..params {
            statement.params.push(self.definition()?);
            definitions.take(self.channel.packet()).map_err(malformed)?;
        }
        if params > 0 {
            self.end_of_definitions()?;
        }
        for _ in 0..columns {
            statement.columns.push(self.definition()?);
            definitions.take(self.channel.packet()).map_err(malformed)?;
        }
        if columns > 0 {
            self.end_of_definitions()?;
        }
        statement.prepared_columns = usize::from(columns);
        statement.handle = Some(Handle { id, epoch: self.statements.number });
        Ok(())
    }

    /// Decodes the answer to a prepare: statement id, number of columns, number of parameters.
    fn prepared(&mut self) -> Result<(u32, u16, u16), Malformed> {
        let mut fields = Fields::new(self.channel.packet());
        if fields.u8()? != packet::OK {
            return Err(Malformed);
        }
        let (id, columns, params) = (fields.u32()?, fields.u16()?, fields.u16()?);
        fields.u8()?;
        self.ok.warnings = fields.u16()?;
        Ok((id, columns, params))
    }

    /// Starts an execution; results are read with [`Connection::stmt_read_result`]. Missing `params` are
    /// NULL and surplus ones ignored, but none at all where some are needed is error 2031. With `cursor`
    /// the rows of a SELECT stay on the server until the first [`Connection::stmt_next_row`], so that
    /// other commands can come before it.
    ///
    /// # Errors
    /// Nothing is prepared, parameters are missing (2031), or the statement cannot be sent.
    pub fn execute(
        &mut self,
        statement: &mut Statement,
        params: &[Param],
        cursor: bool,
    ) -> Result<(), ClientError> {
        statement.affected_rows = u64::MAX;
        let handle = self.alive(statement)?;
        if params.is_empty() && !statement.params.is_empty() {
            return Err(ClientError::client(code::PARAMS_NOT_BOUND));
        }
        let mut request = handle.id.to_le_bytes().to_vec();
        request.push(if cursor { READ_ONLY_CURSOR } else { NO_CURSOR });
        request.extend_from_slice(&1u32.to_le_bytes());
        put_params(&mut request, statement.params.len(), params);
        self.forget_changes();
        self.command(COM_STMT_EXECUTE, &[&request])?;
        self.clear_facts();
        statement.first = true;
        statement.reading = false;
        statement.cursor_wanted = cursor;
        statement.cursor_open = false;
        Ok(())
    }

    /// Reads the next result of an execution: the first one, or one more while
    /// [`Connection::more_results`] says so.
    ///
    /// # Errors
    /// No result is due (2014), the server refuses the statement, or the connection is lost.
    pub fn stmt_read_result(&mut self, statement: &mut Statement) -> Result<Reply, ClientError> {
        match self.phase {
            Phase::Sent => {}
            Phase::Ready if self.more_results() => {}
            _ => return Err(ClientError::client(code::OUT_OF_SYNC)),
        }
        self.phase = Phase::Ready;
        self.clear_facts();
        statement.affected_rows = u64::MAX;
        statement.rows = 0;
        let names_stay = std::mem::take(&mut statement.first);
        let infile_allowed = std::mem::take(&mut self.infile_allowed);
        self.receive()?;
        let (track, cache) = (self.server.tracks_session(), self.server.caches_metadata());
        let (count, definitions) =
            match Answer::decode(self.channel.packet(), track, cache).map_err(malformed)? {
                Answer::Ok(ok) => return Ok(self.executed(statement, ok)),
                Answer::LocalInfile(name) => {
                    let name = name.to_vec();
                    let ok = self.send_file(&name, infile_allowed)?;
                    return Ok(self.executed(statement, ok));
                }
                Answer::Columns { count, definitions } => (count, definitions),
                Answer::Error(_) => return Err(malformed(Malformed)),
            };
        if definitions {
            self.result_columns(statement, count, names_stay)?;
        } else if count != statement.columns.len() as u64 {
            return Err(malformed(Malformed));
        }
        self.end_of_definitions()?;
        // The flag is also on for cursors inside a procedure, whose rows are sent all the same.
        if statement.cursor_wanted && self.ok.status & packet::STATUS_CURSOR_EXISTS != 0 {
            statement.cursor_open = true;
        } else {
            self.phase = Phase::BinaryRows;
            statement.reading = true;
        }
        let count = statement.columns.len();
        if statement.prepared_columns > 0 && *statement.bound.get_or_insert(count) != count {
            // The rows stay unread, as Connector/C leaves them: the next command is error 2014.
            return Err(ClientError::client(code::COLUMNS_CHANGED));
        }
        Ok(Reply::Rows)
    }

    /// Notes that an execution without rows is done.
    fn executed(&mut self, statement: &mut Statement, ok: OkPacket) -> Reply {
        statement.affected_rows = ok.affected_rows;
        self.ok = ok;
        self.follow_session();
        Reply::Ok
    }

    /// Reads the `count` column definitions of a result. Those of the prepare keep their names; every
    /// further result of a CALL brings its own, of which Connector/C loses the name of the format
    /// (`json`), not that of the type.
    fn result_columns(
        &mut self,
        statement: &mut Statement,
        count: u64,
        names_stay: bool,
    ) -> Result<(), ClientError> {
        let known = statement.columns.len();
        if names_stay && count == known as u64 && known == statement.prepared_columns {
            for column in &mut statement.columns {
                column.refresh(&self.definition()?);
            }
            return Ok(());
        }
        statement.columns.clear();
        let mut definitions = Definitions::of(count).map_err(malformed)?;
        for _ in 0..count {
            let mut column = self.definition()?;
            definitions.take(self.channel.packet()).map_err(malformed)?;
            column.extended = column.extended.filter(|extended| extended.type_name.is_some());
            if let Some(extended) = &mut column.extended {
                extended.format_name = None;
            }
            statement.columns.push(column);
        }
        Ok(())
    }

    /// The next row, its values as text (mysqltest §11.3); `None` at the end of the result, when warnings
    /// and status are up to date. Fetches the rows of an open cursor.
    ///
    /// # Errors
    /// The server ends the result with an error, a row is malformed, or the connection is lost.
    pub fn stmt_next_row<'a>(
        &mut self,
        statement: &'a mut Statement,
    ) -> Result<Option<Row<'a>>, ClientError> {
        if std::mem::take(&mut statement.cursor_open) {
            self.fetch(statement)?;
        }
        if !statement.reading || self.phase != Phase::BinaryRows {
            return Ok(None);
        }
        statement.reading = false;
        self.phase = Phase::Ready;
        self.receive()?;
        let packet = self.channel.packet();
        if let Some(eof) = EofPacket::decode(packet) {
            self.end_of_rows(eof);
            self.ok.affected_rows = statement.rows;
            statement.affected_rows = statement.rows;
            return Ok(None);
        }
        binary::decode(packet, &statement.columns, &mut statement.text, &mut statement.cells)
            .map_err(malformed)?;
        self.phase = Phase::BinaryRows;
        statement.reading = true;
        statement.rows += 1;
        Ok(Some(Row::new(&statement.text, &statement.cells)))
    }

    /// Asks for all rows of the cursor.
    fn fetch(&mut self, statement: &mut Statement) -> Result<(), ClientError> {
        let handle = self.alive(statement)?;
        self.command(COM_STMT_FETCH, &[&handle.id.to_le_bytes(), &u32::MAX.to_le_bytes()])?;
        self.phase = Phase::BinaryRows;
        statement.reading = true;
        Ok(())
    }

    /// Sends a part of the value of parameter `index` ahead of the execution. The server does not answer.
    ///
    /// # Errors
    /// Nothing is prepared, there is no parameter `index` (2034), or the part cannot be sent.
    pub fn send_long_data(
        &mut self,
        statement: &Statement,
        index: u16,
        data: &[u8],
    ) -> Result<(), ClientError> {
        let handle = self.alive(statement)?;
        if usize::from(index) >= statement.params.len() {
            return Err(ClientError::client(code::INVALID_PARAMETER));
        }
        let head = [&handle.id.to_le_bytes()[..], &index.to_le_bytes()].concat();
        self.command(COM_STMT_SEND_LONG_DATA, &[&head, data])?;
        self.phase = Phase::Ready;
        Ok(())
    }

    /// Forgets the long data and closes the cursor of a statement, which stays prepared.
    ///
    /// # Errors
    /// Nothing is prepared, the server refuses, or the connection is lost.
    pub fn reset_statement(&mut self, statement: &mut Statement) -> Result<(), ClientError> {
        let handle = self.alive(statement)?;
        statement.cursor_open = false;
        self.command(COM_STMT_RESET, &[&handle.id.to_le_bytes()])?;
        self.phase = Phase::Ready;
        self.receive()
    }

    /// Closes a statement; rows and results that have not been read are skipped. The server does not
    /// answer, and a connection that is gone has closed it already.
    pub fn close_statement(&mut self, mut statement: Statement) {
        self.close_on_server(&mut statement);
    }

    fn close_on_server(&mut self, statement: &mut Statement) {
        statement.cursor_open = false;
        // An error ends the results too.
        while statement.reading && matches!(self.stmt_next_row(statement), Ok(Some(_))) {}
        let handle = self.alive(statement).ok();
        statement.handle = None;
        statement.prepared_columns = 0;
        if let Some(handle) = handle
            && self.is_open()
            && self.command(COM_STMT_CLOSE, &[&handle.id.to_le_bytes()]).is_ok()
        {
            self.phase = Phase::Ready;
        }
    }

    /// The server's handle of `statement`; 2014 if nothing is prepared with it, 2056 if the connection
    /// has closed it meanwhile.
    fn alive(&self, statement: &Statement) -> Result<Handle, ClientError> {
        let handle = statement.handle.ok_or_else(|| ClientError::client(code::OUT_OF_SYNC))?;
        if handle.epoch != self.statements.number {
            return Err(ClientError::with(code::STATEMENT_CLOSED, &[self.statements.ended_by.as_bytes()]));
        }
        Ok(handle)
    }

    /// Reads one column definition.
    fn definition(&mut self) -> Result<Column, ClientError> {
        self.receive()?;
        Column::decode(self.channel.packet(), self.server.extended_metadata()).map_err(malformed)
    }

    /// Reads the packet behind column definitions.
    fn end_of_definitions(&mut self) -> Result<(), ClientError> {
        self.receive()?;
        let eof = EofPacket::decode(self.channel.packet()).ok_or(Malformed).map_err(malformed)?;
        self.end_of_rows(eof);
        Ok(())
    }

    /// Forgets what the last statement told, but for status and session changes, which stay until the
    /// next OK packet (mysqltest §7.5).
    pub(super) fn clear_facts(&mut self) {
        self.ok.affected_rows = u64::MAX;
        self.ok.insert_id = 0;
        self.ok.warnings = 0;
        self.ok.info.clear();
    }
}

/// Appends NULL bits, types and values of `count` parameters; those missing in `params` are NULL.
fn put_params(request: &mut Vec<u8>, count: usize, params: &[Param]) {
    if count == 0 {
        return;
    }
    let params = || params.iter().chain(std::iter::repeat(&Param::Null)).take(count);
    let nulls = request.len();
    request.resize(nulls + count.div_ceil(8), 0);
    for (index, _) in params().enumerate().filter(|(_, param)| **param == Param::Null) {
        request[nulls + index / 8] |= 1 << (index % 8);
    }
    // The types follow, as they may differ from those of the last execution.
    request.push(1);
    for param in params() {
        let type_code = match param {
            Param::Null => types::NULL,
            Param::Long(_) => types::LONG,
            Param::Decimal => types::NEWDECIMAL,
            Param::Text(_) | Param::LongData => types::STRING,
        };
        request.extend_from_slice(&[type_code, 0]);
    }
    for param in params() {
        match param {
            Param::Null | Param::LongData => {}
            Param::Long(value) => request.extend_from_slice(&value.to_le_bytes()),
            Param::Decimal => packet::put_bytes(request, b""),
            Param::Text(bytes) => packet::put_bytes(request, bytes),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn parameters_on_the_wire() {
        let mut request = Vec::new();
        put_params(&mut request, 0, &[Param::Null]);
        assert!(request.is_empty());
        let params = [Param::Long(-2), Param::Text("ab".into()), Param::Decimal];
        put_params(&mut request, 4, &params);
        let types = [types::LONG, 0, types::STRING, 0, types::NEWDECIMAL, 0, types::NULL, 0];
        let values = [0xfe, 0xff, 0xff, 0xff, 2, b'a', b'b', 0];
        assert_eq!(request, [&[0b1000, 1][..], &types, &values].concat());
        request.clear();
        put_params(&mut request, 9, &[]);
        assert_eq!(request[..3], [0xff, 1, 1]);
        request.clear();
        put_params(&mut request, 1, &params);
        assert_eq!(request, [0, 1, types::LONG, 0, 0xfe, 0xff, 0xff, 0xff]);
    }
}
