//! Our client beside MariaDB's: both run the same statements behind one trait, and what they tell is
//! compared (cargo feature `oracle`).

use bstr::BString;

use crate::sys::libmariadb;

use crate::client::connection::{Connection, Reply};
use crate::client::statement::Statement;
use crate::client::wire::column::{Column, Extended};
use crate::client::wire::convert;
use crate::client::wire::error::ClientError;
use crate::client::wire::text::Rows;

/// How a statement is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// As a query, whose values are text.
    Text,
    /// As a prepared statement, whose values are binary and converted to text.
    Prepared,
    /// As a prepared statement, a SELECT with a read-only cursor. The library gets out of step with the
    /// server if other statements have one.
    Cursor,
}

impl Mode {
    fn wants_cursor(self, sql: &[u8]) -> bool {
        self == Mode::Cursor && sql.starts_with(b"select")
    }
}

/// A result: rows or none, or the error that ended the statement.
pub type Outcome = Result<Done, ClientError>;

/// A result without an error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Done {
    /// `None` if the result has no rows to give.
    pub table: Option<Table>,
    /// Changed or given rows; `u64::MAX` if there is no such number.
    pub affected_rows: u64,
    /// Info text; empty if none.
    pub info: BString,
    /// Number of warnings.
    pub warnings: u32,
    /// Session changes by tracker type; names and values of variables alternate.
    pub session: Vec<(u8, Option<BString>)>,
}

/// Columns, each with its `max_length`, and rows.
pub type Table = (Vec<(Column, u64)>, Vec<Vec<Option<BString>>>);

/// A session that can run statements.
pub trait Client {
    /// Runs `sql` and reads all its results; an error is the last of them.
    fn run(&mut self, sql: &[u8], mode: Mode) -> Vec<Outcome>;
}

impl Client for Connection {
    fn run(&mut self, sql: &[u8], mode: Mode) -> Vec<Outcome> {
        let mut outcomes = Vec::new();
        let result = if mode == Mode::Text {
            self.send_query(sql).and_then(|()| read_query(self, &mut outcomes))
        } else {
            self.prepare(sql, None).and_then(|mut statement| {
                let result = self
                    .execute(&mut statement, &[], mode.wants_cursor(sql))
                    .and_then(|()| read_statement(self, &mut statement, &mut outcomes));
                self.close_statement(statement);
                result
            })
        };
        outcomes.extend(result.err().map(Err));
        outcomes
    }
}

fn read_query(connection: &mut Connection, outcomes: &mut Vec<Outcome>) -> Result<(), ClientError> {
    loop {
        let table = match connection.read_result()? {
            Reply::Ok => None,
            Reply::Rows => {
                let columns = connection.columns().to_vec();
                let mut rows = Rows::new(columns.len());
                while let Some(row) = connection.next_row()? {
                    rows.push(row);
                }
                Some((columns, rows))
            }
        };
        let table = table.map(|(columns, rows)| table_of(&columns, &rows, |_| None));
        outcomes.push(Ok(done(connection, table, connection.affected_rows())));
        if !connection.more_results() {
            return Ok(());
        }
    }
}

fn read_statement(
    connection: &mut Connection,
    statement: &mut Statement,
    outcomes: &mut Vec<Outcome>,
) -> Result<(), ClientError> {
    loop {
        let table = match connection.stmt_read_result(statement)? {
            Reply::Ok => None,
            Reply::Rows => {
                let mut rows = Rows::new(statement.columns().len());
                while let Some(row) = connection.stmt_next_row(statement)? {
                    rows.push(row);
                }
                Some(table_of(statement.columns(), &rows, convert::max_length))
            }
        };
        outcomes.push(Ok(done(connection, table, statement.affected_rows())));
        if !connection.more_results() {
            return Ok(());
        }
    }
}

fn table_of(columns: &[Column], rows: &Rows, constant: impl Fn(&Column) -> Option<u32>) -> Table {
    let max_length = |(index, column): (usize, &Column)| {
        let length = match constant(column).filter(|_| rows.has_value(index)) {
            Some(length) => u64::from(length),
            None => rows.longest(index) as u64,
        };
        (column.clone(), length)
    };
    let columns = columns.iter().enumerate().map(max_length).collect();
    let rows = rows.iter().map(|row| row.iter().map(|cell| cell.map(BString::from)).collect()).collect();
    (columns, rows)
}

fn done(connection: &Connection, table: Option<Table>, affected_rows: u64) -> Done {
    // The library hands out the items of one type after those of another.
    let mut tracked: Vec<_> = connection.session_track().iter().collect();
    tracked.sort_by_key(|item| item.kind);
    let mut session = Vec::new();
    for item in tracked {
        if item.kind == super::packet::TRACK_SYSTEM_VARIABLES {
            session.push((item.kind, Some(item.name.clone())));
        }
        session.push((item.kind, item.value.clone()));
    }
    Done {
        table,
        affected_rows,
        info: connection.info().into(),
        warnings: u32::from(connection.warning_count()),
        session,
    }
}

impl Client for libmariadb::Session {
    fn run(&mut self, sql: &[u8], mode: Mode) -> Vec<Outcome> {
        let mut outcomes = Vec::new();
        let result = if mode == Mode::Text {
            self.query(sql).and_then(|()| {
                loop {
                    let table = self.table()?;
                    outcomes.push(Ok(converted(table, self.facts())));
                    if !self.next_result()? {
                        return Ok(());
                    }
                }
            })
        } else {
            self.prepare(sql, mode.wants_cursor(sql)).and_then(|mut statement| {
                statement.execute()?;
                loop {
                    let table = statement.table()?;
                    outcomes.push(Ok(converted(table, statement.facts())));
                    if !statement.next_result()? {
                        return Ok(());
                    }
                }
            })
        };
        outcomes.extend(
            result
                .err()
                .map(|failure| Err(ClientError::new(failure.code, &failure.sqlstate, &failure.message))),
        );
        outcomes
    }
}

fn converted(table: Option<libmariadb::Table>, facts: libmariadb::Facts) -> Done {
    let table = table.map(|table| {
        let columns = table
            .fields
            .into_iter()
            .map(|field| (field.max_length, field))
            .map(|(length, field)| (column(field), length));
        let rows =
            table.rows.into_iter().map(|row| row.into_iter().map(|cell| cell.map(Into::into)).collect());
        (columns.collect(), rows.collect())
    });
    Done {
        table,
        affected_rows: facts.affected_rows,
        info: facts.info.into(),
        warnings: facts.warnings,
        session: facts.session.into_iter().map(|(kind, text)| (kind, text.map(Into::into))).collect(),
    }
}

fn column(field: libmariadb::Field) -> Column {
    let extended = Extended {
        type_name: field.type_name.map(Into::into),
        format_name: field.format_name.map(Into::into),
    };
    Column {
        catalog: field.catalog.into(),
        db: field.db.into(),
        table: field.table.into(),
        org_table: field.org_table.into(),
        name: field.name.into(),
        org_name: field.org_name.into(),
        type_code: field.type_code as u8,
        flags: field.flags,
        length: field.length as u32,
        decimals: field.decimals as u8,
        charset: field.charset as u16,
        extended: (extended != Extended::default()).then_some(extended),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::client::Options;
    use crate::skip::skip;

    /// Names the variable with the socket of a server whose user root has no password. Its database
    /// `test` loses all tables whose names start with `oracle_`.
    const SOCKET: &str = "MTR_RS_TEST_SOCKET";

    /// Asserts equality of the parts, so that a failure shows the small one that differs.
    fn compare(ours: &Outcome, theirs: &Outcome, context: &str) {
        if let (Ok(Done { table: Some((columns, rows)), .. }), Ok(Done { table: Some(expected), .. })) =
            (ours, theirs)
        {
            for (column, expected) in columns.iter().zip(&expected.0) {
                assert_eq!(column, expected, "{context}");
            }
            for (row, expected) in rows.iter().zip(&expected.1) {
                assert_eq!(row, expected, "{context}");
            }
        }
        assert_eq!(ours, theirs, "{context}");
    }

    /// Outcomes without the identity of the last transaction, which each client has its own of where the server writes a
    /// binary log.
    fn without_transactions(mut outcomes: Vec<Outcome>) -> Vec<Outcome> {
        for done in outcomes.iter_mut().flatten() {
            let mut is_identity = false;
            for (_, text) in &mut done.session {
                if std::mem::replace(&mut is_identity, text.as_ref().is_some_and(|text| text == "last_gtid"))
                {
                    *text = None;
                }
            }
        }
        outcomes
    }

    #[test]
    fn both_clients_tell_the_same() {
        let Some(socket) = std::env::var_os(SOCKET) else {
            return skip(&format!("{SOCKET} names no server to compare the clients on"));
        };
        let library = libmariadb::Library::load().unwrap();
        let mut theirs = libmariadb::Session::connect(&library, socket.as_ref(), "root", "test").unwrap();
        let options = Options {
            socket: Some(socket.into()),
            user: "root".into(),
            database: Some("test".into()),
            ..Options::default()
        };
        let mut ours = Connection::connect(&options).unwrap();
        let statements = include_str!("testdata/oracle.sql");
        let statements: Vec<&str> = statements
            .split("\n\n")
            .map(|sql| sql.trim_end().trim_end_matches(';'))
            .filter(|sql| !sql.is_empty())
            .collect();
        assert!(statements.len() > 40);
        // An earlier run may have failed half-way.
        for sql in ["drop table if exists oracle_types", "drop procedure if exists oracle_procedure"] {
            ours.run(sql.as_bytes(), Mode::Text);
        }
        for mode in [Mode::Text, Mode::Prepared, Mode::Cursor] {
            // One client after the other, as the statements begin with nothing and end with nothing.
            let expected: Vec<_> =
                statements.iter().map(|sql| without_transactions(theirs.run(sql.as_bytes(), mode))).collect();
            for (sql, expected) in statements.iter().zip(expected) {
                let outcomes = without_transactions(ours.run(sql.as_bytes(), mode));
                for (one, other) in outcomes.iter().zip(&expected) {
                    compare(one, other, &format!("{mode:?}: {sql}"));
                }
                assert_eq!(outcomes.len(), expected.len(), "{mode:?}: {sql}");
            }
        }
    }
}
