//! The commands for the current session as a whole: `ping`, `reset_connection`, `change_user`,
//! `send_shutdown` (mysqltest §6.1).

use std::rc::Rc;

use bstr::BString;

use crate::client::{ClientError, Connection, code};
use crate::interp::state::errors::CommandError;
use crate::interp::state::stop::{Done, Stop};
use crate::interp::state::{Interp, Stored};

/// The error of a command on a connection that was closed. The reference crashes there.
pub(in crate::interp) fn gone() -> ClientError {
    ClientError { code: 2006, sqlstate: "000000".into(), message: "MariaDB server has gone away".into() }
}

/// Lets `work` use the current session.
fn with_session(
    interp: &mut Interp,
    work: impl FnOnce(&mut Connection) -> Result<(), ClientError>,
) -> Result<(), ClientError> {
    match &mut interp.pool.current_mut().connection {
        Some(connection) => work(connection),
        None => Err(gone()),
    }
}

/// Runs a command that tells no more than whether it worked: 1 if it did not, -1 if the loss of the
/// connection shows while it is sent.
fn told(
    interp: &mut Interp,
    command: &Stored,
    work: impl FnOnce(&mut Connection) -> Result<(), ClientError>,
) -> Done {
    let was_open = interp.pool.current().connection.as_ref().is_some_and(Connection::is_open);
    let error = match with_session(interp, work) {
        Ok(()) => 0,
        Err(error) if was_open && error.code == code::SERVER_GONE => -1,
        Err(_) => 1,
    };
    interp.handle_command(command, Some(CommandError { error, my_errno: 0, errno: -1 }))
}

/// `ping`: asks the server for a sign of life.
///
/// # Errors
/// Wrong arguments, or what ends the script: an error of the server that the script does not expect.
pub fn ping(interp: &mut Interp, command: &Rc<Stored>) -> Done {
    told(interp, command, Connection::ping)
}

/// `send_shutdown`: tells the server to end, and does not wait for that.
///
/// # Errors
/// Wrong arguments, or what ends the script: an error of the server that the script does not expect.
pub fn send_shutdown(interp: &mut Interp, command: &Rc<Stored>) -> Done {
    told(interp, command, Connection::shutdown)
}

/// `reset_connection`: gives the session its initial state without a new login.
///
/// # Errors
/// Wrong arguments, or what ends the script: an error of the server that the script does not expect.
pub fn reset_connection(interp: &mut Interp) -> Done {
    with_session(interp, Connection::reset).map_err(|error| {
        let what: &[u8] = b"reset connection failed: ";
        Stop::Die([what, &error.message].concat().into())
    })?;
    let slot = interp.pool.current_mut();
    slot.statement = None;
    slot.parameters = None;
    Ok(())
}

/// `change_user [USER[,PASSWORD[,DATABASE]]]`: logs in anew. Without a user it is the current one, and a
/// missing password and database are the current ones too; with a user no database means none.
///
/// # Errors
/// Wrong arguments, or what ends the script: an error of the server that the script does not expect.
pub fn change_user(interp: &mut Interp, command: &Rc<Stored>) -> Done {
    let mut arguments = interp.arguments(command)?.into_iter();
    let mut next = || arguments.next().unwrap_or_default();
    let (mut user, mut password, database) = (next(), next(), next());
    let mut database: Option<BString> = Some(database).filter(|name| !name.is_empty());
    let slot = interp.pool.current_mut();
    slot.close_statement();
    if user.is_empty() {
        user.clone_from(&slot.options.user);
        if password.is_empty() {
            password.clone_from(&slot.options.password);
        }
        database = database.or_else(|| slot.database.clone());
    }
    let name = database.as_ref().map(|name| name.as_slice());
    let changed = with_session(interp, |connection| connection.change_user(&user, &password, name));
    if let Err(error) = changed {
        return interp.handle_sql_error(command, &error);
    }
    let slot = interp.pool.current_mut();
    slot.options.user = user;
    slot.options.password = password;
    slot.database = database;
    slot.charset.clone_from(&slot.options.charset_name);
    interp.handle_success(command)
}
