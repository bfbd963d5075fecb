//! What all protocols do with a statement: what they look at of it, how its results look, its facts, its failure.

use crate::client::ClientError;
use crate::interp::connections::session_track::write_session_track;
use crate::interp::query::protocol;
use crate::interp::query::result::{Layout, write_info};
use crate::interp::state::properties::Property;
use crate::interp::state::stop::{Done, Stop};
use crate::interp::state::{Interp, Stored};

/// How result sets look now.
pub(super) fn layout(interp: &Interp) -> Layout {
    Layout {
        vertical: interp.vertical,
        header: interp.column_names,
        sorted: interp.filters.sorted,
        metadata: interp.is(Property::Metadata),
    }
}

/// The part of a statement that the protocols look at.
pub(super) fn body<'t>(interp: &Interp, sql: &'t [u8]) -> Done<&'t [u8]> {
    let charset = interp.charset;
    protocol::body(sql, |byte| charset.is_space(byte))
        .map_err(|protocol::UnterminatedComment| Stop::die("Statement is unterminated comment"))
}

/// The info lines and trackers of the result at hand.
pub(super) fn write_facts(interp: &mut Interp, affected: u64) {
    let (info, trackers) = (interp.is(Property::Info), interp.is(Property::SessionTrackInfo));
    let Some(connection) = &interp.pool.current().connection else { return };
    if info {
        write_info(affected, connection.info(), &mut interp.out);
    }
    if trackers {
        write_session_track(connection.session_track(), interp.flavour, &mut interp.out);
    }
}

/// A statement has failed: what that means, and the number for the script.
pub(super) fn failed(interp: &mut Interp, command: &Stored, error: &ClientError) -> Done {
    interp.pool.current_mut().pending = false;
    let handled = interp.handle_sql_error(command, error);
    interp.pool.current_mut().failed = handled.is_err();
    handled?;
    interp.set_mysql_errno(error.code);
    Ok(())
}
