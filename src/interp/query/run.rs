//! Statements from the command to the result: echo, choice of the protocol, text execution (mysqltest §7.1).

use std::rc::Rc;

use bstr::ByteSlice as _;

use crate::client::{ClientError, Reply, code};
use crate::interp::connections::session::gone;
use crate::interp::filter::sort_lines;
use crate::interp::query::outcome::{body, failed, layout, write_facts};
use crate::interp::query::result::ResultSet;
use crate::interp::query::{prepared, protocol, ps_commands, require, rewrite, warnings};
use crate::interp::state::properties::Property;
use crate::interp::state::stop::{Done, Stop};
use crate::interp::state::{Interp, Stored};
use crate::script::command::Command;

/// Which halves of a query a command does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Halves {
    /// Send it and read its results.
    Both,
    /// Send it only; the connection is pending then.
    Send,
    /// Read the results of what was sent.
    Reap,
}

/// Runs a statement, or one half of it: SQL as it stands, `query…`, `eval`, `evalp`, `send`, `send_eval`,
/// `reap` and the `PS_…` commands (mysqltest §6.1).
///
/// # Errors
/// Wrong arguments, or what ends the script: an error of the server that the script does not expect.
pub fn statement(interp: &mut Interp, command: &Rc<Stored>) -> Done {
    let kind = command.command.get();
    let send_only = std::mem::take(&mut interp.send_next);
    let halves = match kind {
        Command::Send | Command::SendEval if command.argument_text().is_empty() => {
            interp.send_next = true;
            return Ok(());
        }
        Command::Send | Command::SendEval => Halves::Send,
        Command::Reap => Halves::Reap,
        _ if send_only => Halves::Send,
        _ => Halves::Both,
    };
    let required = interp.require.is_some() && halves != Halves::Send;
    let vertical = interp.vertical;
    interp.vertical |= kind == Command::QueryVertical;
    let done = run(interp, command, halves);
    interp.vertical = vertical;
    done?;
    if required { require::compare(interp) } else { Ok(()) }
}

fn run(interp: &mut Interp, command: &Rc<Stored>, halves: Halves) -> Done {
    let kind = command.command.get();
    let pending = interp.pool.current().pending;
    if halves == Halves::Reap {
        if !pending {
            return Err(Stop::die("Cannot reap on a connection without pending send"));
        }
    } else if pending {
        return Err(Stop::die("Cannot run query on connection between send and reap"));
    }
    let text = command.query_text();
    let sql = match kind {
        Command::Eval | Command::Evalp | Command::SendEval => interp.expand(&text)?,
        _ => text.clone(),
    };
    interp.last_statement.clone_from(&sql);
    let shown = interp.is(Property::QueryLog) || interp.is(Property::ResultLog);
    interp.waits.tells(&sql, shown);
    if halves != Halves::Reap {
        if interp.is(Property::QueryLog) {
            echo(interp, if kind == Command::Evalp { &text } else { &sql })?;
        }
        // What is echoed is in the log even if the statement never comes back.
        if interp.require.is_none() {
            interp.flush()?;
        }
    }
    if halves != Halves::Both {
        return text_protocol(interp, command, &sql, halves, Vec::new());
    }
    let mut rewritten = rewrite::before(interp, &sql)?;
    let warnings = std::mem::take(&mut rewritten.warnings);
    let sql = rewritten.statement.as_ref().unwrap_or(&sql);
    if interp.is(Property::Ps) && protocol::is_preparable(body(interp, sql)?) {
        prepared::run(interp, command, sql, warnings)?;
    } else {
        text_protocol(interp, command, sql, halves, warnings)?;
    }
    rewrite::after(interp, &rewritten)
}

/// Writes a statement and the delimiter to the result.
fn echo(interp: &mut Interp, text: &[u8]) -> Done {
    interp.filters.apply(text, &mut interp.out)?;
    interp.out.extend_from_slice(&interp.delimiter);
    interp.out.push(b'\n');
    Ok(())
}

/// Runs a statement, or a half of it, in the text protocol; `before` are rows of warnings to show before
/// its own.
fn text_protocol(
    interp: &mut Interp,
    command: &Rc<Stored>,
    sql: &[u8],
    halves: Halves,
    before: Vec<u8>,
) -> Done {
    if interp.pool.current().connection.is_none() {
        let error = gone();
        interp.handle_sql_error(command, &error)?;
        interp.set_mysql_errno(error.code);
        return Ok(());
    }
    if halves != Halves::Reap {
        let sent = match command.command.get() {
            Command::PsPrepare => return ps_commands::prepare(interp, command),
            Command::PsBind => return ps_commands::bind(interp, command),
            Command::PsExecute => return ps_commands::execute(interp, command),
            Command::PsClose => return ps_commands::close(interp),
            _ => match &mut interp.pool.current_mut().connection {
                Some(connection) => connection.send_query(sql),
                None => Err(gone()),
            },
        };
        if let Err(error) = sent {
            return failed(interp, command, &error);
        }
        if halves == Halves::Send {
            interp.pool.current_mut().pending = true;
            return Ok(());
        }
    }
    let read = read_results(interp, &before);
    interp.pool.current_mut().pending = false;
    match read? {
        Ok(()) => {}
        Err(error) => return failed(interp, command, &error),
    }
    interp.handle_success(command)?;
    if std::mem::take(&mut interp.optimizer_trace) {
        for sql in TRACE_AND_RESTORE {
            text_protocol_of_helper(interp, command, sql)?;
        }
    }
    interp.set_mysql_errno(0);
    interp.revert_properties();
    Ok(())
}

/// Turns tracing on and keeps the setting that was there.
const TRACE: &[u8] = b"set @mysqltest_save_optimzer_trace=@@optimizer_trace,@@optimizer_trace=\"enabled=on\"";

/// Shows the trace and turns tracing off again.
const TRACE_AND_RESTORE: [&[u8]; 2] = [
    b"SELECT * from information_schema.optimizer_trace",
    b"set @@optimizer_trace=@mysqltest_save_optimzer_trace",
];

/// `optimizer_trace`: the trace of the next query is shown after its result (mysqltest §6.1). The statement
/// that turns tracing on shows nothing; if another query's trace is still due, it is read now and lost.
///
/// # Errors
/// Wrong arguments, or what ends the script: an error of the server that the script does not expect.
pub fn optimizer_trace(interp: &mut Interp, command: &Rc<Stored>) -> Done {
    let shown = std::mem::take(&mut interp.out);
    let done = text_protocol_of_helper(interp, command, TRACE);
    interp.out = shown;
    done?;
    interp.optimizer_trace = true;
    Ok(())
}

/// Runs a statement that the script did not write.
fn text_protocol_of_helper(interp: &mut Interp, command: &Rc<Stored>, sql: &[u8]) -> Done {
    text_protocol(interp, command, sql, Halves::Both, Vec::new())
}

/// Reads all results of what was sent and writes them. The inner result is the statement's own.
fn read_results(interp: &mut Interp, before: &[u8]) -> Done<Result<(), ClientError>> {
    let start = interp.out.len();
    let read = read_each_result(interp, before)?;
    if interp.filters.sorted && !interp.flavour.sorts_rows_only && interp.out.len() > start {
        sort_below_header(start, &mut interp.out);
    }
    Ok(read)
}

/// Sorts what stands in `out` from `start` on, but for its first line.
fn sort_below_header(start: usize, out: &mut Vec<u8>) {
    let written = out.split_off(start);
    let header = written.find_byte(b'\n').map_or(written.len(), |end| end + 1);
    out.extend_from_slice(&written[..header]);
    sort_lines(&written[header..], out);
}

fn read_each_result(interp: &mut Interp, before: &[u8]) -> Done<Result<(), ClientError>> {
    let mut first = true;
    loop {
        match read_result(interp, before)? {
            Ok(more) if more => first = false,
            Ok(_) => return Ok(Ok(())),
            // A later LOAD DATA LOCAL of the same text that finds no file, or may not look for one, passes
            // for the end of the results (mysqltest §15.4): its number is the operating system's, below all of
            // a server's, or that of an unknown error.
            Err(error) if !first && (error.code < 1000 || error.code == code::UNKNOWN) => return Ok(Ok(())),
            Err(error) => return Ok(Err(error)),
        }
    }
}

/// Reads one result and writes it; true if more follow.
fn read_result(interp: &mut Interp, before: &[u8]) -> Done<Result<bool, ClientError>> {
    let writes = interp.is(Property::ResultLog);
    let layout = layout(interp);
    let Interp { pool, filters, out, .. } = interp;
    let slot = pool.current_mut();
    let Some(connection) = &mut slot.connection else { return Ok(Err(gone())) };
    match connection.read_result() {
        Err(error) => return Ok(Err(error)),
        Ok(Reply::Ok) => slot.note_changes(),
        Ok(Reply::Rows) if writes => {
            let mut set = ResultSet::begin(connection.columns(), layout, filters, out)?;
            loop {
                match connection.next_row() {
                    Ok(Some(row)) => set.row(row.iter(), filters, out)?,
                    Ok(None) => break,
                    Err(error) => {
                        // The reference stores a result before it writes any of it.
                        set.discard(out);
                        return Ok(Err(error));
                    }
                }
            }
            set.end(connection.columns(), None, filters, out)?;
        }
        Ok(Reply::Rows) => loop {
            match connection.next_row() {
                Ok(Some(_)) => {}
                Ok(None) => break,
                Err(error) => return Ok(Err(error)),
            }
        },
    }
    let Some(connection) = &slot.connection else { return Ok(Err(gone())) };
    let more = connection.more_results();
    if writes {
        let affected = connection.affected_rows();
        write_facts(interp, affected);
        if !more && interp.is(Property::Warnings) {
            warnings::write(interp, before)?;
        }
    }
    Ok(Ok(more))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `gcol.gcol_supported_sql_funcs_myisam` of 10.5: a tab sorts before an `s`.
    #[test]
    fn old_releases_sort_warnings_with_the_rows() {
        let mut out = b"before\na\tb\n2\tx\n-2\tNULL\nWarnings:\nWarning\t1365\tDivision by 0\n".to_vec();
        sort_below_header(7, &mut out);
        assert_eq!(out.as_bstr(), "before\na\tb\n-2\tNULL\n2\tx\nWarning\t1365\tDivision by 0\nWarnings:\n");
        let mut out = b"no end".to_vec();
        sort_below_header(0, &mut out);
        assert_eq!(out.as_bstr(), "no end");
    }
}
