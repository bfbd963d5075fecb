//! Where the script is, and where it last told a server to end, for whoever started it: for time-outs, and for what servers do meanwhile.
//!
//! ```text
//! /suite/x.inc:3
//! /suite/a.test:7
//!
//! sleep 1
//! ```
//!
//! That is the place of the command at hand, the places that include it, and the command. Behind a zero byte stands the same of the
//! last command that told a server to end, with its number among such commands in a line before it.

use std::io::Write as _;

use bstr::{BStr, ByteSlice as _};

use crate::interp::state::Stored;
use crate::script::command::Command;
use crate::script::reader::Reader;
use crate::sys::position::Position;

/// Bytes of a command that are told.
const LONGEST: usize = 1000;

/// Tells it.
#[derive(Debug)]
pub struct Whereabouts {
    position: Position,
    /// What is told: a buffer.
    text: Vec<u8>,
    /// How many commands have told a server to end.
    stops: u32,
    /// The last of them.
    last_stop: Vec<u8>,
}

impl Whereabouts {
    /// Tells it in this file from now on.
    pub fn new(position: Position) -> Whereabouts {
        Whereabouts { position, text: Vec::new(), stops: 0, last_stop: Vec::new() }
    }

    /// This command, which `reader` has read last unless it is one of a loop, is about to run.
    pub fn begins(&mut self, stored: &Stored, reader: &Reader) {
        self.text.clear();
        self.text.extend_from_slice(&stored.file);
        // Writing to a vector does not fail.
        let _ = writeln!(self.text, ":{}", stored.line);
        let mut outer = reader.stack();
        if outer.next().is_some_and(|(file, _)| file == stored.file.as_bstr()) {
            for (file, line) in outer {
                self.text.extend_from_slice(file);
                let _ = writeln!(self.text, ":{}", line.saturating_sub(1));
            }
        }
        self.text.push(b'\n');
        let command = stored.text.borrow();
        self.text.extend_from_slice(&command[..command.len().min(LONGEST)]);
        if ends_servers(stored.command.get(), command.as_bstr()) {
            self.stops = self.stops.wrapping_add(1);
            self.last_stop.clear();
            let _ = writeln!(self.last_stop, "\0{}", self.stops);
            self.last_stop.extend_from_slice(&self.text);
        }
        self.text.extend_from_slice(&self.last_stop);
        self.position.set(&self.text);
    }
}

/// Whether the command is one that tells servers to end.
fn ends_servers(command: Command, text: &BStr) -> bool {
    let says = |word: &str| {
        let mut words = text.split(|byte| !byte.is_ascii_alphanumeric());
        words.any(|of_text| of_text.eq_ignore_ascii_case(word.as_bytes()))
    };
    match command {
        Command::ShutdownServer | Command::SendShutdown => true,
        Command::Exec | Command::System => says("shutdown") || says("kill"),
        Command::Source | Command::Echo | Command::Let => false,
        _ => text
            .fields()
            .take(2)
            .any(|word| word.trim_end_with(|c| c == ';').eq_ignore_ascii_case(b"shutdown")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_that_end_servers() {
        let told = |command, text: &str| ends_servers(command, text.into());
        assert!(told(Command::ShutdownServer, "shutdown_server 10"));
        assert!(told(Command::Exec, "exec $MYSQLADMIN -uroot shutdown"));
        assert!(told(Command::Exec, "exec kill -9 `cat x.pid`"));
        assert!(told(Command::Query, "SHUTDOWN"));
        assert!(told(Command::Query, "shutdown;"));
        assert!(told(Command::SendEval, "send_eval shutdown wait for all slaves"));
        assert!(!told(Command::Exec, "exec echo wait > killed.expect"));
        assert!(!told(Command::Query, "show status"));
        assert!(!told(Command::Query, "select 'please shutdown'"));
        assert!(!told(Command::Source, "source shutdown"));
    }
}
