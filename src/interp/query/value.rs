//! Queries whose value a script uses: `` `SELECT …` `` in `let`, `if` and `while`, and `query_get_value`
//! (mysqltest §4.4, §4.5).

use std::rc::Rc;

use bstr::BString;

use crate::client::{ClientError, Connection, Reply};
use crate::interp::filter::Filters;
use crate::interp::state::stop::{Done, Stop};
use crate::interp::state::{Interp, Stored};
use crate::script::query_get_value::{self, Cell};

/// The value of a query in backticks: the cells of its first row with TABs between them, NULL as nothing;
/// empty if there is no row or the first cell is NULL. The cells pass the filters that replace text.
///
/// The query goes over the wire as it is, whatever protocol the script runs in, and its errors are
/// those of `command`; after one that the test expects the value is empty. Only the first result is
/// read: what a procedure sends after it makes the next statement fail with 2014.
///
/// # Errors
/// Wrong arguments, or what ends the script: an error of the server that the script does not expect.
pub fn value(interp: &mut Interp, command: &Rc<Stored>, sql: &[u8]) -> Done<BString> {
    let Interp { pool, filters, waits, .. } = interp;
    waits.tells(sql, false);
    let Some(connection) = &mut pool.current_mut().connection else {
        return Err(gone_away(&[b"`", sql, b"`"].concat()));
    };
    match first_row(connection, sql, filters)? {
        Ok(value) => Ok(value),
        Err(error) => empty_after(interp, command, &error),
    }
}

/// Runs `sql` and makes a value of its first row.
fn first_row(
    connection: &mut Connection,
    sql: &[u8],
    filters: &mut Filters,
) -> Done<Result<BString, ClientError>> {
    match start(connection, sql) {
        Ok(Reply::Rows) => {}
        // Without a result set it has failed, though there is no error to tell of.
        Ok(Reply::Ok) => return Ok(Err(ClientError::new(0, b"00000", b""))),
        Err(error) => return Ok(Err(error)),
    }
    let mut value: Option<Vec<u8>> = None;
    loop {
        let row = match connection.next_row() {
            Ok(Some(row)) => row,
            Ok(None) => return Ok(Ok(value.unwrap_or_default().into())),
            Err(error) => return Ok(Err(error)),
        };
        if value.is_some() {
            continue;
        }
        let text = value.insert(Vec::new());
        if row.cell(0).is_none() {
            continue;
        }
        for (index, cell) in row.iter().enumerate() {
            if index > 0 {
                text.push(b'\t');
            }
            // A NULL is no value: a pattern that matches the empty text must not show it.
            if let Some(cell) = cell {
                filters.apply_to_variable(cell, text)?;
            }
        }
    }
}

/// What is in a column and row of a query's result.
#[derive(Debug, PartialEq, Eq)]
enum Found {
    Value(BString),
    NoRow,
    NoColumn,
    NoResult,
}

/// The value of `query_get_value(query, column, row)`; `arguments` is what follows the word.
///
/// # Errors
/// Wrong arguments, or what ends the script: an error of the server that the script does not expect.
pub fn get_value(interp: &mut Interp, command: &Rc<Stored>, arguments: &[u8]) -> Done<BString> {
    let Cell { query, column, row } =
        query_get_value::parse(arguments, interp.charset, &mut interp.variables)?;
    interp.waits.tells(&query, false);
    let Some(connection) = &mut interp.pool.current_mut().connection else {
        return Err(gone_away(&[b"query_get_value", arguments].concat()));
    };
    match find(connection, &query, &column, u64::from(row)) {
        Ok(Found::Value(value)) => Ok(value),
        Ok(Found::NoRow) => Ok("No such row".into()),
        Ok(Found::NoColumn) => {
            let parts: [&[u8]; 5] =
                [b"Could not find column '", &column, b"' in the result of '", &query, b"'"];
            interp.report(sentence(&parts))?;
            Ok(BString::default())
        }
        Ok(Found::NoResult) => {
            interp.report(sentence(&[b"Query '", &query, b"' didn't return a result set"]))?;
            Ok(BString::default())
        }
        Err(error) => empty_after(interp, command, &error),
    }
}

/// Runs `sql` and looks into the row with this number, the first being 1, of the column with this name.
fn find(connection: &mut Connection, sql: &[u8], column: &[u8], number: u64) -> Result<Found, ClientError> {
    if start(connection, sql)? == Reply::Ok {
        return Ok(Found::NoResult);
    }
    let index = connection.columns().iter().position(|candidate| candidate.name == column);
    let mut found = if index.is_some() { Found::NoRow } else { Found::NoColumn };
    let mut seen = 0;
    while let Some(row) = connection.next_row()? {
        seen += 1;
        if seen == number
            && let Some(index) = index
        {
            let cell = row.cell(index).unwrap_or(b"NULL");
            found = Found::Value(cell.split(|byte| *byte == 0).next().unwrap_or_default().into());
        }
    }
    Ok(found)
}

/// Sends `sql` and waits for its first result.
fn start(connection: &mut Connection, sql: &[u8]) -> Result<Reply, ClientError> {
    connection.send_query(sql)?;
    connection.read_result()
}

/// The empty value of a query that failed, if the test may go on after that.
fn empty_after(interp: &mut Interp, command: &Stored, error: &ClientError) -> Done<BString> {
    interp.handle_sql_error(command, error)?;
    Ok(BString::default())
}

/// A query on a closed connection ends the test whatever error is expected (mysqltest §4.4).
fn gone_away(query: &[u8]) -> Stop {
    Stop::Die(sentence(&[b"query '", query, b"' failed: <Unknown> (2006): MariaDB server has gone away"]))
}

fn sentence(parts: &[&[u8]]) -> BString {
    parts.concat().into()
}
