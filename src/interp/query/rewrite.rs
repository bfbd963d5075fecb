//! The view and stored-procedure protocols: a statement runs as what was made of it on a second
//! connection (spec §11.4, §11.5).

use bstr::BString;

use crate::interp::connections::service;
use crate::interp::query::outcome::{body, layout};
use crate::interp::query::protocol;
use crate::interp::query::warnings;
use crate::interp::state::Interp;
use crate::interp::state::properties::Property;
use crate::interp::state::stop::{Done, Stop};

/// What stands in for a statement.
#[derive(Debug, Default)]
pub(super) struct Rewritten {
    /// The statement to run in its place; none: the statement itself.
    pub statement: Option<BString>,
    /// Rows of warnings that making the stand-in gave; they come before the statement's own.
    pub warnings: Vec<u8>,
    drops: Vec<&'static Drop>,
}

/// How a stand-in is taken away.
#[derive(Debug)]
struct Drop {
    statement: &'static [u8],
    failure: &'static str,
}

const DROP_VIEW: Drop = Drop { statement: b"DROP VIEW mysqltest_tmp_v", failure: "Failed to drop view: " };
const DROP_PROCEDURE: Drop =
    Drop { statement: b"DROP PROCEDURE mysqltest_tmp_sp", failure: "Failed to drop sp: " };

/// Makes the stand-ins that the protocols want for `sql`; a server that refuses one gets the statement
/// as it is.
pub(super) fn before(interp: &mut Interp, sql: &[u8]) -> Done<Rewritten> {
    let mut rewritten = Rewritten::default();
    let views = interp.is(Property::View);
    if !views && !interp.options.sp_protocol || interp.pool.current().connection.is_none() {
        return Ok(rewritten);
    }
    if views && protocol::is_select(body(interp, sql)?) {
        let layout = layout(interp);
        let create = [b"CREATE OR REPLACE VIEW mysqltest_tmp_v AS ", sql].concat();
        let warnings = &mut rewritten.warnings;
        let made = service::with(interp, |connection, filters| match service::run(connection, &create) {
            Ok(()) => warnings::fetch(connection, layout, filters, warnings).map(|_| true),
            Err(_) => Ok(false),
        })?;
        if made {
            rewritten.statement = Some("SELECT * FROM mysqltest_tmp_v".into());
            rewritten.drops.push(&DROP_VIEW);
        }
    }
    if interp.options.sp_protocol {
        let sql = rewritten.statement.as_ref().map_or(sql, |statement| statement.as_slice());
        if protocol::is_procedure_body(body(interp, sql)?) {
            let create = [b"CREATE PROCEDURE mysqltest_tmp_sp()\n", sql].concat();
            let made = service::with(interp, |connection, _| {
                // If an old one stays, the new one cannot be made.
                let _ = service::run(connection, b"DROP PROCEDURE IF EXISTS mysqltest_tmp_sp;");
                Ok(service::run(connection, &create).is_ok())
            })?;
            if made {
                rewritten.statement = Some("CALL mysqltest_tmp_sp()".into());
                rewritten.drops.push(&DROP_PROCEDURE);
            }
        }
    }
    Ok(rewritten)
}

/// Takes the stand-ins away, the last one first.
pub(super) fn after(interp: &mut Interp, rewritten: &Rewritten) -> Done {
    for drop in rewritten.drops.iter().rev() {
        let dropped = service::with(interp, |connection, _| Ok(service::run(connection, drop.statement)))?;
        if let Err(error) = dropped {
            let mut text = BString::from(format!("{}{}: ", drop.failure, error.code));
            text.extend_from_slice(&error.message);
            return Err(Stop::Die(text));
        }
    }
    Ok(())
}
