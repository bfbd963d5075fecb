//! Asks for the password on the terminal, without showing it.

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};

use bstr::BString;
use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};

/// What the user types; empty if there is no terminal.
pub fn ask() -> BString {
    match OpenOptions::new().read(true).write(true).open("/dev/tty") {
        Ok(terminal) => ask_on(terminal),
        Err(_) => BString::default(),
    }
}

fn ask_on(mut terminal: File) -> BString {
    let shown = tcgetattr(&terminal).ok();
    if let Some(mut hidden) = shown.clone() {
        hidden.local_modes.remove(LocalModes::ECHO);
        // If it cannot be hidden the question is asked all the same.
        let _ = tcsetattr(&terminal, OptionalActions::Flush, &hidden);
    }
    let _ = terminal.write_all(b"Enter password: ");
    let mut password = BString::default();
    let mut byte = [0_u8];
    while matches!(terminal.read(&mut byte), Ok(1)) && !matches!(byte[0], b'\n' | b'\r') {
        password.push(byte[0]);
    }
    if let Some(shown) = shown {
        let _ = tcsetattr(&terminal, OptionalActions::Flush, &shown);
    }
    let _ = terminal.write_all(b"\n");
    password
}
