//! `shutdown_server [timeout]`: ends the server of the current connection and sees to it that it is gone
//! (mysqltest §10.7).

use std::rc::Rc;
use std::time::Duration;

use bstr::{BString, ByteSlice};

use crate::client::ClientError;
use crate::interp::connections::replication::{Answer, ask};
use crate::interp::connections::session::gone;
use crate::interp::state::stop::{Done, Stop};
use crate::interp::state::{Interp, Stored};
use crate::script::common::integer::strtol;
use crate::sys::excerpt;
use crate::sys::process::{Ending, Process};

/// More bytes than a pid file has.
const MOST_OF_PID: u64 = 1024;

/// The query that names the server's pid file.
const PID_FILE: &str = "SHOW VARIABLES LIKE 'pid_file'";

/// The least time for a core dump, and the time for the very end.
const LAST_WAIT: Duration = Duration::from_secs(5);

/// The time for a shutdown where `--wait-for-pos-timeout` is 0.
const UNLIMITED: u64 = 300;

/// `shutdown_server [TIMEOUT]`: the seconds that the server may take; 0 kills it at once.
///
/// The server's end is waited for on its pidfd, so that nothing is lost beside the time it takes; only
/// the limits are the reference's, which looks once a second.
///
/// # Errors
/// Wrong arguments, or what ends the script: an error of the server that the script does not expect.
pub fn shutdown_server(interp: &mut Interp, command: &Rc<Stored>) -> Done {
    let argument = interp.argument(command)?;
    let limit = Duration::from_secs(match argument.is_empty() {
        true => match u64::from(interp.options.wait_for_pos_timeout) {
            0 => UNLIMITED,
            seconds => seconds / 5,
        },
        false => strtol(&argument).and_then(|(number, _)| u64::try_from(number).ok()).ok_or_else(|| {
            Stop::Die([b"Illegal argument for timeout: '", &argument[..], b"'"].concat().into())
        })?,
    });
    let Some(pid) = server_pid(interp)? else { return Ok(()) };
    let cannot = |error: std::io::Error| Stop::die(format!("Cannot wait for process {pid}: {error}"));
    let server = Process::open(pid).map_err(cannot)?;
    if !limit.is_zero()
        && let Err(error) = shut_down(interp)
    {
        return interp.handle_sql_error(command, &error);
    }
    let Some(server) = server else { return Ok(()) };
    if limit.is_zero() {
        server.end(Ending::Kill).map_err(cannot)?;
    } else if !server.wait(limit).map_err(cannot)? {
        server.end(Ending::Abort).map_err(cannot)?;
        if !server.wait(limit.max(LAST_WAIT)).map_err(cannot)? {
            server.end(Ending::Kill).map_err(cannot)?;
        }
    }
    server.wait(LAST_WAIT).map_err(cannot)?;
    Ok(())
}

fn shut_down(interp: &mut Interp) -> Result<(), ClientError> {
    match &mut interp.pool.current_mut().connection {
        Some(connection) => connection.shutdown(),
        None => Err(gone()),
    }
}

/// The number in the server's pid file; none if a failure was reported and the test goes on.
fn server_pid(interp: &mut Interp) -> Done<Option<i32>> {
    let file = match ask(interp, PID_FILE.as_bytes()) {
        Answer::Row(mut row) if row.len() > 1 => row.swap_remove(1),
        Answer::Failed(error) => {
            let mut text = BString::from(format!("'{PID_FILE}' failed: {} ", error.code));
            text.extend_from_slice(&error.message);
            interp.report(text)?;
            return Ok(None);
        }
        _ => None,
    };
    let Some(file) = file else { return Err(Stop::die("Failed to get pid_file from server")) };
    let text = excerpt::head(&file.to_path_lossy(), 0, MOST_OF_PID)
        .map_err(|_| Stop::Die([b"Failed to open file '", &file[..], b"'"].concat().into()))?;
    if text.is_empty() {
        return Err(Stop::die("pid file was empty"));
    }
    match strtol(&text).map(|(number, _)| i32::try_from(number)) {
        Some(Ok(pid)) if pid > 0 => Ok(Some(pid)),
        _ => Err(Stop::die("Pidfile didn't contain a valid number")),
    }
}
