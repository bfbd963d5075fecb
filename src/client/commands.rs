//! The commands beside queries: signs of life, another user or database, and the ways to end a session.

use std::os::fd::BorrowedFd;
use std::time::Duration;

use bstr::BString;

use crate::client::connection::Connection;
use crate::client::login;
use crate::client::wire::error::{ClientError, code};
use crate::client::wire::options::Options;
use crate::sys::deadline::deadline_after;
use crate::sys::poll;

const COM_QUIT: u8 = 1;
const COM_INIT_DB: u8 = 2;
const COM_SHUTDOWN: u8 = 8;
const COM_PING: u8 = 14;
const COM_SET_OPTION: u8 = 27;
const COM_RESET_CONNECTION: u8 = 31;

impl Connection {
    /// Asks for a sign of life.
    ///
    /// # Errors
    /// The connection is lost, or the server's answer is an error or malformed.
    pub fn ping(&mut self) -> Result<(), ClientError> {
        self.simple_twice(COM_PING)
    }

    /// Resets the session's state without a new login; statements are no longer prepared.
    ///
    /// # Errors
    /// The connection is lost, or the server's answer is an error or malformed.
    pub fn reset(&mut self) -> Result<(), ClientError> {
        self.simple_twice(COM_RESET_CONNECTION)?;
        self.statements.end("mysql_reset_connection()");
        Ok(())
    }

    /// Logs in as somebody else on the same connection; statements are no longer prepared. `None` leaves
    /// no database selected. After an error the connection can still be used if the server keeps it.
    ///
    /// # Errors
    /// The server refuses the login, or the connection is lost.
    pub fn change_user(
        &mut self,
        user: &[u8],
        password: &[u8],
        database: Option<&[u8]>,
    ) -> Result<(), ClientError> {
        self.ready()?;
        self.channel.start();
        let options = Options {
            user: user.into(),
            password: password.into(),
            database: database.map(BString::from),
            charset_name: self.login_charset.clone(),
            ..self.options.clone()
        };
        self.statements.end("mysql_change_user()");
        let ok = login::change_user(&mut self.channel, &self.server, &options).inspect_err(|error| {
            if error.code == code::SERVER_LOST {
                self.lose();
            }
        });
        self.ok = ok?;
        self.options = options;
        self.follow_session();
        Ok(())
    }

    /// Makes `database` the current one.
    ///
    /// # Errors
    /// The connection is lost, or the server's answer is an error or malformed.
    pub fn select_db(&mut self, database: &[u8]) -> Result<(), ClientError> {
        self.simple(COM_INIT_DB, &[database])?;
        self.options.database = Some(database.into());
        Ok(())
    }

    /// Tells the server to shut down.
    ///
    /// # Errors
    /// The connection is lost, or the server's answer is an error or malformed.
    pub fn shutdown(&mut self) -> Result<(), ClientError> {
        self.simple(COM_SHUTDOWN, &[&[0]])
    }

    /// Sets a server option: 0 allows several statements in one query, 1 forbids them.
    ///
    /// # Errors
    /// The connection is lost, or the server's answer is an error or malformed.
    pub fn set_option(&mut self, option: u16) -> Result<(), ClientError> {
        self.simple(COM_SET_OPTION, &[&option.to_le_bytes()])
    }

    /// Whether a lost connection is opened again by the next command.
    pub fn set_reconnect(&mut self, reconnect: bool) {
        self.options.reconnect = reconnect;
    }

    /// Limits the wait of each later read and write; `None` is without limit.
    pub fn set_timeouts(&mut self, read: Option<Duration>, write: Option<Duration>) {
        self.channel.set_timeouts(read, write);
    }

    /// Says goodbye and closes the connection.
    pub fn quit(&mut self) {
        if self.channel.is_open() {
            self.channel.start();
            // The server notices the end also without the word.
            let _ = self.channel.write(&[&[COM_QUIT]]);
        }
        self.lose();
    }

    /// Says goodbye and keeps the connection open: the next command finds that it was lost.
    pub fn send_quit(&mut self) {
        if self.channel.is_open() {
            self.channel.start();
            let _ = self.channel.write(&[&[COM_QUIT]]);
        }
    }

    /// Says goodbye and waits for the server's reaction: its end is closed then, and the session gone. If
    /// a command is still running, its first packet is what is waited for.
    pub fn quit_and_wait(&mut self) {
        if self.channel.is_open() {
            self.channel.start();
            if self.channel.write(&[&[COM_QUIT]]).is_ok() {
                // The end of the stream, as a rule.
                let _ = self.channel.read();
            }
        }
        self.lose();
    }

    /// Cuts the connection without a word.
    pub fn dirty_close(&mut self) {
        if let Some(stream) = self.channel.stream() {
            stream.shut_down();
        }
        self.lose();
    }

    /// Waits up to `timeout` for an answer; `None` waits for ever. True also at the connection's end.
    pub fn is_readable(&mut self, timeout: Option<Duration>) -> bool {
        if self.channel.has_buffered() {
            return true;
        }
        self.channel.stream().is_none_or(|stream| readable(stream.fd(), timeout))
    }
}

/// Whether `fd` has something to read, or has ended, within `timeout`.
fn readable(fd: BorrowedFd<'_>, timeout: Option<Duration>) -> bool {
    let deadline = timeout.map(deadline_after);
    poll::readable(&[fd], deadline).is_ok_and(|ready| !ready.is_empty())
}
