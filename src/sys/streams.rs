//! Printing on the standard streams of this process.

use std::io::{self, BufWriter, ErrorKind, Write};

use rustix::event::{PollFd, PollFlags, Timespec};

use crate::error::{Error, Result};

/// Prints what `write` writes on the standard output. A reader that went away (`| head`) is no error, and changes no exit
/// code: it has what it wanted.
///
/// # Errors
///
/// It cannot be written for another reason, such as a full disk.
pub fn print(write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<()> {
    let mut out = BufWriter::new(io::stdout().lock());
    match write(&mut out).and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(Error::new("cannot write to standard output").caused_by(error))
        }
        _ => Ok(()),
    }
}

/// Prints `text` as a line of its own on the standard error. Where that is closed nobody can be told, and `eprintln!`
/// would panic.
pub fn complain(text: &str) {
    let _ = io::stderr().write_all(format!("{text}\n").as_bytes());
}

/// As [`complain`], but only if nobody has to be waited for: what reads the standard error may be stopped.
pub fn complain_if_heard(text: &str) {
    let error = io::stderr();
    let mut fds = [PollFd::new(&error, PollFlags::OUT)];
    let now = Timespec { tv_sec: 0, tv_nsec: 0 };
    if rustix::event::poll(&mut fds, Some(&now)).is_ok_and(|ready| ready > 0)
        && fds[0].revents().contains(PollFlags::OUT)
    {
        // To the descriptor: another thread may have the stream, and wait. Less than a pipe takes at once.
        let _ = rustix::io::write(&error, format!("{text}\n").as_bytes());
    }
}
