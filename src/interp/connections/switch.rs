//! The commands that choose and close connections (mysqltest §6.2, §10.4), and their lines in the result.

use std::rc::Rc;

use bstr::BString;

use crate::client::Connection;
use crate::interp::state::pool::CLOSED;
use crate::interp::state::properties::Property;
use crate::interp::state::stop::{Done, Stop};
use crate::interp::state::{Interp, Stored};

/// Writes a line about connections, if statements and connections are logged: `verb` as it is, `rest`
/// filtered. Its end is a semicolon whatever the delimiter is.
pub(super) fn log(interp: &mut Interp, verb: &str, rest: &[u8]) -> Done {
    if !interp.is(Property::QueryLog) || !interp.is(Property::ConnectLog) {
        return Ok(());
    }
    let Interp { filters, out, .. } = interp;
    out.extend_from_slice(verb.as_bytes());
    filters.apply(rest, out)?;
    out.extend_from_slice(b";\n");
    Ok(())
}

/// The place of the connection named `name`.
fn find(interp: &Interp, name: &[u8]) -> Done<usize> {
    interp
        .pool
        .find(name)
        .ok_or_else(|| Stop::Die([b"connection '", name, b"' not found in connection pool"].concat().into()))
}

/// `connection NAME`.
///
/// # Errors
/// Wrong arguments, or what ends the script: an error of the server that the script does not expect.
pub fn connection(interp: &mut Interp, command: &Rc<Stored>) -> Done {
    let name = interp.argument(command)?;
    choose(interp, &name)
}

/// Makes the connection named `name` current.
pub(super) fn choose(interp: &mut Interp, name: &[u8]) -> Done {
    let place = find(interp, name)?;
    interp.pool.select(place);
    interp.show_connection();
    log(interp, "connection ", name)
}

/// `disconnect NAME`: the session is gone from the server when it returns. What it had not read is lost.
///
/// # Errors
/// Wrong arguments, or what ends the script: an error of the server that the script does not expect.
pub fn disconnect(interp: &mut Interp, command: &Rc<Stored>) -> Done {
    close(interp, command, Connection::quit_and_wait)
}

/// `dirty_close NAME`: the server finds out by itself.
///
/// # Errors
/// Wrong arguments, or what ends the script: an error of the server that the script does not expect.
pub fn dirty_close(interp: &mut Interp, command: &Rc<Stored>) -> Done {
    close(interp, command, Connection::dirty_close)
}

fn close(interp: &mut Interp, command: &Rc<Stored>, end: fn(&mut Connection)) -> Done {
    let name = interp.argument(command)?;
    let place = find(interp, &name)?;
    let slot = interp.pool.slot_mut(place);
    for mut session in slot.connection.take().into_iter().chain(slot.service.take()) {
        end(&mut session);
    }
    slot.statement = None;
    slot.parameters = None;
    slot.pending = false;
    slot.name = CLOSED.into();
    if interp.pool.is_current(place) {
        interp.show_connection();
    }
    log(interp, "disconnect ", &name)
}

/// `send_quit NAME`: says goodbye and leaves the connection as it is.
///
/// # Errors
/// Wrong arguments, or what ends the script: an error of the server that the script does not expect.
pub fn send_quit(interp: &mut Interp, command: &Rc<Stored>) -> Done {
    let name: BString = interp.word(command);
    if name.is_empty() {
        return Err(Stop::die("Missing connection name in send_quit"));
    }
    let place = find(interp, &name)?;
    if let Some(connection) = &mut interp.pool.slot_mut(place).connection {
        connection.send_quit();
    }
    Ok(())
}

/// `enable_reconnect`, `disable_reconnect`: whether the current connection is opened again when it was
/// lost. No prepared statement would survive that.
///
/// # Errors
/// Wrong arguments, or what ends the script: an error of the server that the script does not expect.
pub fn reconnect(interp: &mut Interp, on: bool) -> Done {
    let slot = interp.pool.current_mut();
    slot.options.reconnect = on;
    if let Some(connection) = &mut slot.connection {
        connection.set_reconnect(on);
    }
    if on {
        interp.pool.close_statements();
    }
    Ok(())
}
