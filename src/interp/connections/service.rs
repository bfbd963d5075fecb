//! The second session of a connection, where the helper statements of the view and procedure protocols
//! run so that the script's own session does not see them (mysqltest §11.4).

use bstr::BString;

use crate::client::{self, ClientError, Connection, Reply};
use crate::interp::connections::connect::{Patience, insist};
use crate::interp::filter::Filters;
use crate::interp::state::Interp;
use crate::interp::state::pool::Slot;
use crate::interp::state::properties::Property;
use crate::interp::state::stop::{Done, Stop};
use crate::script::common::charset::Charset;

/// The character set that the second session logs in with, whatever the first one's is; the reference's
/// client library has it as its default.
const CHARSET: &str = "utf8mb4";

/// Gives `work` the session for helper statements: the second one, opened if it is not there, or the
/// script's own after `disable_service_connection`. The current connection must not be closed.
pub(in crate::interp) fn with<T>(
    interp: &mut Interp,
    work: impl FnOnce(&mut Connection, &mut Filters) -> Done<T>,
) -> Done<T> {
    let own = interp.is(Property::ServiceConnection);
    let patience = Patience::of(&interp.options);
    let Interp { pool, filters, .. } = interp;
    let slot = pool.current_mut();
    if own && slot.service.is_none() {
        // The script may ask while its server is started again.
        slot.service = Some(open(slot, patience)?);
    }
    let session = if own { &mut slot.service } else { &mut slot.connection };
    match session {
        Some(connection) => work(connection, filters),
        None => Err(Stop::die("Could not open connection 'util': the connection is closed")),
    }
}

/// Logs in like the slot's own session, with the user, database and character set it has now.
fn open(slot: &Slot, patience: Patience) -> Done<Connection> {
    let charset = Charset::named(CHARSET.as_bytes()).map_or(slot.options.collation, Charset::collation_id);
    let options = client::Options {
        database: slot.database.clone(),
        collation: charset,
        charset_name: CHARSET.into(),
        reconnect: false,
        ..slot.options.clone()
    };
    let mut connection = insist(&options, "util", patience)?;
    if slot.charset != CHARSET {
        run(&mut connection, &[b"SET NAMES ", slot.charset.as_slice()].concat()).map_err(|error| {
            let mut text = BString::from(format!("Could not open connection 'util': {} ", error.code));
            text.extend_from_slice(&error.message);
            Stop::Die(text)
        })?;
    }
    Ok(connection)
}

/// Runs a statement whose rows nobody wants, to the end of its last result.
pub(in crate::interp) fn run(connection: &mut Connection, sql: &[u8]) -> Result<(), ClientError> {
    connection.send_query(sql)?;
    loop {
        if connection.read_result()? == Reply::Rows {
            while connection.next_row()?.is_some() {}
        }
        if !connection.more_results() {
            return Ok(());
        }
    }
}
