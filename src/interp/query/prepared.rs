//! Prepared execution: the ps, ps2 and cursor protocols (spec §11.2), and what `PS_execute` shares with them.

use std::rc::Rc;

use bstr::BString;

use crate::client::wire::convert::max_length;
use crate::client::{ClientError, Reply, Statement};
use crate::interp::connections::session::gone;
use crate::interp::query::outcome::{body, layout, write_facts};
use crate::interp::query::result::ResultSet;
use crate::interp::query::{protocol, warnings};
use crate::interp::state::properties::Property;
use crate::interp::state::stop::{Done, Stop};
use crate::interp::state::{Interp, Stored};

/// How a prepared statement is executed.
#[derive(Debug, Default)]
struct Execution {
    /// Its rows stay on the server until they are fetched.
    cursor: bool,
    /// What is written is for comparison alone: neither facts nor warnings follow the rows.
    trial: bool,
    /// The rows that the result must have, if there was a trial.
    like: Option<Vec<u8>>,
    /// Rows of warnings to show before those of the execution.
    before: Vec<u8>,
    /// The server has answered with the head of a result.
    reading: bool,
}

/// Prepares and runs `sql` on the current connection; `before` are rows of warnings to show before its own.
pub(super) fn run(interp: &mut Interp, command: &Rc<Stored>, sql: &[u8], before: Vec<u8>) -> Done {
    let number = match prepare_and_run(interp, command, sql, before)? {
        Ok(()) => {
            interp.handle_success(command)?;
            0
        }
        Err(error) => {
            interp.handle_sql_error(command, &error)?;
            error.code
        }
    };
    interp.set_mysql_errno(number);
    interp.revert_properties();
    let slot = interp.pool.current_mut();
    if slot.options.reconnect {
        // A statement does not survive the connection it was prepared on.
        slot.close_statement();
    }
    Ok(())
}

fn prepare_and_run(
    interp: &mut Interp,
    command: &Rc<Stored>,
    sql: &[u8],
    mut before: Vec<u8>,
) -> Done<Result<(), ClientError>> {
    let is_select = protocol::is_select(body(interp, sql)?);
    let layout = layout(interp);
    let prepare_warnings = interp.prepare_warnings && interp.is(Property::Warnings);
    let Interp { pool, filters, .. } = interp;
    let slot = pool.current_mut();
    let Some(connection) = &mut slot.connection else { return Ok(Err(gone())) };
    slot.parameters = None;
    let statement = slot.statement.get_or_insert_default();
    if let Err(error) = connection.prepare_again(statement, sql) {
        return Ok(Err(error));
    }
    let selects = is_select && statement.has_columns();
    if prepare_warnings {
        warnings::fetch(connection, layout, filters, &mut before)?;
    }
    let cursor = selects && interp.is(Property::Cursor);
    if cursor {
        interp.set_property(Property::Ps2, false, false);
    }
    let mut like = None;
    if selects && interp.is(Property::Ps2) {
        match trial(interp, command)? {
            Trial::Rows(rows) if prepare_warnings && counts_warnings(interp) => {
                // A second execution might not warn again: this one is the statement.
                interp.out.extend_from_slice(&rows);
                let statement = &interp.pool.current().statement;
                let affected = statement.as_ref().map_or(0, Statement::affected_rows);
                write_facts(interp, affected);
                warnings::write(interp, &before)?;
                return Ok(Ok(()));
            }
            Trial::Rows(rows) => like = Some(rows),
            Trial::Refused(error) => return Ok(Err(error)),
            Trial::Broken => {}
        }
    }
    execute(interp, &mut Execution { cursor, like, before, ..Execution::default() })
}

/// Whether the last answer on the current connection counts warnings.
fn counts_warnings(interp: &mut Interp) -> bool {
    interp.pool.current().connection.as_ref().is_some_and(|connection| connection.warning_count() > 0)
}

/// What came of the first of two executions.
enum Trial {
    /// The rows, as they would be written.
    Rows(Vec<u8>),
    /// An error in place of a result: there is no second execution.
    Refused(ClientError),
    /// An error among the rows that the test allows; it went through the error handler, and the second
    /// execution is judged for itself.
    Broken,
}

/// Executes the statement once without showing anything.
fn trial(interp: &mut Interp, command: &Rc<Stored>) -> Done<Trial> {
    let shown = std::mem::take(&mut interp.out);
    let mut execution = Execution { trial: true, ..Execution::default() };
    let verdict = match execute(interp, &mut execution) {
        Ok(Ok(())) => interp.handle_success(command).map(|()| None),
        Ok(Err(error)) if !execution.reading => Ok(Some(Trial::Refused(error))),
        Ok(Err(error)) => interp.handle_sql_error(command, &error).map(|()| Some(Trial::Broken)),
        Err(stop) => Err(stop),
    };
    let rows = std::mem::replace(&mut interp.out, shown);
    Ok(verdict?.unwrap_or(Trial::Rows(rows)))
}

/// Executes the current connection's statement with its bound parameters, as `PS_execute` does.
pub(super) fn execute_bound(interp: &mut Interp) -> Done<Result<(), ClientError>> {
    execute(interp, &mut Execution::default())
}

/// Executes the current connection's statement and writes its results.
fn execute(interp: &mut Interp, execution: &mut Execution) -> Done<Result<(), ClientError>> {
    let slot = interp.pool.current_mut();
    let (Some(connection), Some(statement)) = (&mut slot.connection, &mut slot.statement) else {
        return Ok(Err(gone()));
    };
    if let Err(error) =
        connection.execute(statement, slot.parameters.as_deref().unwrap_or_default(), execution.cursor)
    {
        return Ok(Err(error));
    }
    let start = interp.out.len();
    loop {
        match read_result(interp, execution, start)? {
            Ok(true) => {}
            Ok(false) => return Ok(Ok(())),
            Err(error) => return Ok(Err(error)),
        }
    }
}

/// Reads one result of an execution and writes it; true if more follow. What the execution wrote
/// begins at `start` of the output.
fn read_result(
    interp: &mut Interp,
    execution: &mut Execution,
    start: usize,
) -> Done<Result<bool, ClientError>> {
    let writes = interp.is(Property::ResultLog);
    let shows_warnings = interp.is(Property::Warnings);
    let layout = layout(interp);
    let Interp { pool, filters, out, .. } = interp;
    let slot = pool.current_mut();
    let (Some(connection), Some(statement)) = (&mut slot.connection, &mut slot.statement) else {
        return Ok(Err(gone()));
    };
    let reply = match connection.stmt_read_result(statement) {
        Ok(reply) => reply,
        Err(error) => return Ok(Err(error)),
    };
    if execution.cursor && shows_warnings {
        // The server forgets them when the first row is fetched.
        warnings::fetch(connection, layout, filters, &mut execution.before)?;
    }
    if reply == Reply::Rows {
        execution.reading = true;
        let mut has_value = vec![false; if layout.metadata { statement.columns().len() } else { 0 }];
        let mut set = match writes {
            true => Some(ResultSet::begin(statement.columns(), layout, filters, out)?),
            false => None,
        };
        loop {
            match connection.stmt_next_row(statement) {
                Ok(Some(row)) => {
                    let Some(set) = &mut set else { continue };
                    for (seen, cell) in has_value.iter_mut().zip(row.iter()) {
                        *seen |= cell.is_some();
                    }
                    set.row(row.iter(), filters, out)?;
                }
                Ok(None) => break,
                Err(error) => {
                    if let Some(set) = set {
                        set.discard(out);
                    }
                    return Ok(Err(error));
                }
            }
        }
        if let Some(set) = set {
            let longest = longest(statement, &has_value, set.longest());
            set.end(statement.columns(), Some(&longest), filters, out)?;
        }
    }
    let affected = statement.affected_rows();
    let more = connection.more_results();
    slot.note_changes();
    if !writes || execution.trial {
        return Ok(Ok(more));
    }
    if let Some(like) = execution.like.take() {
        compare(&like, &interp.out[start..])?;
    }
    write_facts(interp, affected);
    if !more && shows_warnings {
        warnings::write(interp, &execution.before)?;
    }
    Ok(Ok(more))
}

/// The lengths of the longest values as the client library tells them: a constant of the type if the
/// column has a value, what was measured for strings (spec §11.3).
fn longest(statement: &Statement, has_value: &[bool], measured: &[u64]) -> Vec<u64> {
    let columns = statement.columns().iter().zip(has_value).zip(measured);
    columns
        .map(|((column, has_value), measured)| match max_length(column) {
            _ if !has_value => 0,
            Some(constant) => u64::from(constant),
            None => *measured,
        })
        .collect()
}

/// Ends the test if two executions of a statement gave different rows.
fn compare(first: &[u8], second: &[u8]) -> Done {
    if first == second {
        return Ok(());
    }
    let mut text = BString::from("The result of the 1st execution does not match with \n");
    text.extend_from_slice(b"the result of the 2nd execution of ps-protocol:\n 1st:\n");
    text.extend_from_slice(first);
    text.extend_from_slice(b"\n 2nd:\n ");
    text.extend_from_slice(second);
    Err(Stop::Die(text))
}
