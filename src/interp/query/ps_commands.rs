//! `PS_prepare`, `PS_bind`, `PS_execute` and `PS_close`: the connection's prepared statement by hand (spec §6.1).

use crate::client::{ClientError, Param, code};
use crate::interp::connections::session::gone;
use crate::interp::query::outcome::failed;
use crate::interp::query::prepared;
use crate::interp::state::stop::Done;
use crate::interp::state::{Interp, Stored};
use crate::script::ps_bind::{self, Parameter};

/// `PS_prepare TEXT`. A success is never compared with the expected errors.
pub(super) fn prepare(interp: &mut Interp, command: &Stored) -> Done {
    let slot = interp.pool.current_mut();
    slot.parameters = None;
    let Some(connection) = &mut slot.connection else { return failed(interp, command, &gone()) };
    let statement = slot.statement.get_or_insert_default();
    if let Err(error) = connection.prepare_again(statement, &command.argument_text()) {
        return failed(interp, command, &error);
    }
    interp.set_mysql_errno(0);
    Ok(())
}

/// `PS_bind VALUE…`: values for the parameters, separated by blanks; missing ones are NULL.
pub(super) fn bind(interp: &mut Interp, command: &Stored) -> Done {
    let text = command.argument_text();
    let slot = interp.pool.current_mut();
    let count = slot.statement.as_ref().map_or(0, |statement| statement.params().len());
    let given = ps_bind::parse(&text).into_iter().take(count).map(|parameter| match parameter {
        Parameter::Integer(number) => Param::Long(number),
        Parameter::Decimal => Param::Decimal,
        Parameter::Text(text) => Param::Text(text.into()),
    });
    let mut values: Vec<Param> = given.collect();
    values.resize(count, Param::Null);
    slot.parameters = Some(values);
    Ok(())
}

/// `PS_execute`: runs the statement and writes its result like that of a query.
pub(super) fn execute(interp: &mut Interp, command: &Stored) -> Done {
    if interp.pool.current().statement.is_none() {
        return failed(interp, command, &ClientError::client(code::OUT_OF_SYNC));
    }
    if let Err(error) = prepared::execute_bound(interp)? {
        return failed(interp, command, &error);
    }
    interp.handle_success(command)?;
    interp.set_mysql_errno(0);
    interp.revert_properties();
    Ok(())
}

/// `PS_close`: gives up the statement, if there is one.
pub(super) fn close(interp: &mut Interp) -> Done {
    interp.pool.current_mut().close_statement();
    interp.set_mysql_errno(0);
    Ok(())
}
