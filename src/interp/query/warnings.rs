//! The block of warnings under a statement (spec §7.7).

use bstr::BString;

use crate::client::{ClientError, Connection, Reply};
use crate::interp::filter::Filters;
use crate::interp::query::outcome::layout;
use crate::interp::query::result::{Layout, ResultSet};
use crate::interp::state::Interp;
use crate::interp::state::stop::{Done, Stop};

/// Writes `Warnings:` and the rows `before`, then those of the statement that is just over. Nothing at
/// all if there are none; the heading alone if the server counts warnings but keeps none
/// (`max_error_count = 0`).
pub(super) fn write(interp: &mut Interp, before: &[u8]) -> Done {
    let mut rows = Vec::new();
    let layout = layout(interp);
    let Interp { pool, filters, out, .. } = interp;
    let asked = match &mut pool.current_mut().connection {
        Some(connection) => fetch(connection, layout, filters, &mut rows)?,
        None => false,
    };
    if !asked && before.is_empty() {
        return Ok(());
    }
    out.extend_from_slice(b"Warnings:\n");
    out.extend_from_slice(before);
    out.extend_from_slice(&rows);
    Ok(())
}

/// Appends the warnings of a connection's last statement to `rows`, written like the rows of any result;
/// false if there are none to ask for.
///
/// `SHOW WARNINGS` is sent if the last packet counted a warning, and only then: tests see it in logs
/// and status counters.
pub(super) fn fetch(
    connection: &mut Connection,
    layout: Layout,
    filters: &mut Filters,
    rows: &mut Vec<u8>,
) -> Done<bool> {
    let count = connection.warning_count();
    if count == 0 {
        return Ok(false);
    }
    let layout = Layout { header: false, metadata: false, ..layout };
    let died = |error: ClientError| {
        let mut text = BString::from("Error running query \"SHOW WARNINGS\": ");
        text.extend_from_slice(&error.message);
        Stop::Die(text)
    };
    connection.send_query(b"SHOW WARNINGS").map_err(died)?;
    if connection.read_result().map_err(died)? == Reply::Ok {
        return Err(Stop::die(format!("Warning count is {count} but didn't get any warnings")));
    }
    let mut set = ResultSet::begin(connection.columns(), layout, filters, rows)?;
    while let Some(row) = connection.next_row().map_err(died)? {
        set.row(row.iter(), filters, rows)?;
    }
    set.end(connection.columns(), None, filters, rows)?;
    Ok(true)
}
