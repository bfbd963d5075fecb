//! The commands that keep a replica in step with its master (mysqltest §6.9, §10.8).

use std::io::Write;
use std::rc::Rc;
use std::time::Duration;

use bstr::BString;

use crate::client::{ClientError, Connection, Reply};
use crate::interp::connections::session::gone;
use crate::interp::connections::switch;
use crate::interp::state::stop::{Done, Stop};
use crate::interp::state::waits::Pace;
use crate::interp::state::{Interp, Stored};
use crate::script::common::integer::strtol;
use crate::script::sync_position;

/// Pause between two looks at whether a replica has stopped.
const POLL: Duration = Duration::from_millis(300);

/// The connection that `sync_slave_with_master` goes to if none is named.
const REPLICA: &str = "slave";

/// What a query of ours gave.
pub(super) enum Answer {
    /// Its first row.
    Row(Vec<Option<BString>>),
    /// A result set without rows.
    Empty,
    /// No result set.
    NoResult,
    /// An error.
    Failed(ClientError),
}

/// Runs a query on the current connection, past the log and the error handling.
pub(super) fn ask(interp: &mut Interp, sql: &[u8]) -> Answer {
    let Some(connection) = &mut interp.pool.current_mut().connection else { return Answer::Failed(gone()) };
    first_row(connection, sql).unwrap_or_else(Answer::Failed)
}

fn first_row(connection: &mut Connection, sql: &[u8]) -> Result<Answer, ClientError> {
    connection.send_query(sql)?;
    if connection.read_result()? == Reply::Ok {
        return Ok(Answer::NoResult);
    }
    let mut answer = Answer::Empty;
    while let Some(row) = connection.next_row()? {
        if matches!(answer, Answer::Empty) {
            answer = Answer::Row(row.iter().map(|cell| cell.map(BString::from)).collect());
        }
    }
    Ok(answer)
}

/// `wait_for_slave_to_stop`: returns once the SQL thread of the server does not run.
///
/// # Errors
/// Wrong arguments, or what ends the script: an error of the server that the script does not expect.
pub fn wait_for_slave_to_stop(interp: &mut Interp) -> Done {
    let mut pace = Pace::default();
    loop {
        match ask(interp, b"show status like 'Slave_running'") {
            Answer::Failed(error) => {
                let what: &[u8] = b"Query failed while probing slave for stop: ";
                return Err(Stop::Die([what, &error.message].concat().into()));
            }
            Answer::Row(row) => match row.into_iter().nth(1).flatten() {
                Some(value) if value == "OFF" => return Ok(()),
                Some(_) if interp.options.quick_waits => std::thread::sleep(pace.pause(POLL, None)),
                Some(_) => std::thread::sleep(POLL),
                None => return Err(strange()),
            },
            Answer::Empty | Answer::NoResult => return Err(strange()),
        }
    }
}

fn strange() -> Stop {
    Stop::die("Strange result from query while probing slave for stop")
}

/// `save_master_pos`: remembers how far the server's binary log goes.
///
/// # Errors
/// Wrong arguments, or what ends the script: an error of the server that the script does not expect.
pub fn save_master_pos(interp: &mut Interp) -> Done {
    let row = match ask(interp, b"show master status") {
        Answer::Row(row) => row,
        Answer::Failed(error) => {
            let mut text = BString::from(format!("failed in 'show master status': {} ", error.code));
            text.extend_from_slice(&error.message);
            return Err(Stop::Die(text));
        }
        Answer::Empty | Answer::NoResult => return Err(Stop::die("empty result in show master status")),
    };
    let mut cells = row.into_iter().map(Option::unwrap_or_default);
    let file = cells.next().unwrap_or_default();
    let position = cells.next().unwrap_or_default();
    let position = strtol(&position).and_then(|(number, _)| u64::try_from(number).ok()).unwrap_or(0);
    interp.master_position = Some((file, position));
    Ok(())
}

/// `sync_with_master [OFFSET[,'NAME']]`: waits until the replica has executed what the last
/// `save_master_pos` saw, plus that many bytes.
///
/// # Errors
/// Wrong arguments, or what ends the script: an error of the server that the script does not expect.
pub fn sync_with_master(interp: &mut Interp, command: &Rc<Stored>) -> Done {
    let whole = command.text.borrow().clone();
    let position = sync_position::parse(&command.argument_text(), &whole, interp.charset)?;
    sync(interp, command, position.offset, &position.connection)
}

/// `sync_slave_with_master [NAME]`: takes the master's position, goes to the replica's connection and
/// waits there.
///
/// # Errors
/// Wrong arguments, or what ends the script: an error of the server that the script does not expect.
pub fn sync_slave_with_master(interp: &mut Interp, command: &Rc<Stored>) -> Done {
    save_master_pos(interp)?;
    let name = interp.argument(command)?;
    let name = if name.is_empty() { REPLICA.into() } else { name };
    switch::choose(interp, &name)?;
    sync(interp, command, 0, b"")
}

fn sync(interp: &mut Interp, command: &Stored, offset: u64, name: &[u8]) -> Done {
    let Some((file, position)) = &interp.master_position else {
        return Err(Stop::die("Calling 'sync_with_master' without calling 'save_master_pos'"));
    };
    let timeout = interp.options.wait_for_pos_timeout;
    let position = position.wrapping_add(offset).to_string();
    let query = [
        b"select master_pos_wait('",
        file.as_slice(),
        b"', ",
        position.as_bytes(),
        b", ",
        timeout.to_string().as_bytes(),
        b", '",
        name,
        b"')",
    ]
    .concat();
    let row = match ask(interp, &query) {
        Answer::Row(row) => row,
        Answer::Failed(error) => {
            let number = format!("': {}: ", error.code);
            let text = [b"failed in '", &query[..], number.as_bytes(), &error.message];
            return Err(Stop::Die(text.concat().into()));
        }
        Answer::NoResult => {
            let text = [b"mysql_store_result() returned NULL for '", &query[..], b"'"];
            return Err(Stop::Die(text.concat().into()));
        }
        Answer::Empty => return Err(Stop::Die([b"empty result in ", &query[..]].concat().into())),
    };
    let result = row.into_iter().next().flatten();
    let number = result.as_ref().and_then(|text| strtol(text)).map(|(number, _)| number);
    let why = match number {
        Some(0..) => return Ok(()),
        None => "NULL indicating slave SQL thread failure".into(),
        Some(-1) => format!("-1 indicating timeout after {timeout} seconds"),
        Some(other) => format!("unknown result :{other}"),
    };
    // Whoever reads the output may then look at the replication's state.
    let _ = std::io::stderr().write_all(b"analyze: sync_with_master\n");
    let text = [command.word.as_slice(), b" failed: '", &query, b"' returned ", why.as_bytes()];
    Err(Stop::Die(text.concat().into()))
}
