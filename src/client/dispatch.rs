//! Sending commands and reading packets of answers: what must be true before, what a failure means, and
//! opening a lost connection again.

use std::time::Duration;

use crate::client::connection::{COM_QUERY, Connection, Phase};
use crate::client::login;
use crate::client::wire::channel::Failure;
use crate::client::wire::error::{ClientError, code};
use crate::client::wire::packet;
use crate::client::wire::reply::server_error;

const COM_STMT_PREPARE: u8 = 22;

/// Server status: a transaction is open.
const STATUS_IN_TRANSACTION: u16 = 1;

impl Connection {
    /// Sends a command; its answer is to be read next.
    pub(super) fn command(&mut self, command: u8, parts: &[&[u8]]) -> Result<(), ClientError> {
        self.ready()?;
        if matches!(command, COM_QUERY | COM_STMT_PREPARE)
            && let Some(sql) = parts.first()
            && sql.get(..4).is_some_and(|word| word.eq_ignore_ascii_case(b"load"))
        {
            self.infile_allowed = true;
        }
        match self.write_command(command, parts) {
            Ok(()) => {}
            Err(Failure::TooLarge) => return Err(ClientError::client(code::PACKET_TOO_LARGE)),
            Err(_) => {
                self.lose();
                self.reconnect()?;
                self.write_command(command, parts).map_err(|_| {
                    self.lose();
                    ClientError::client(code::SERVER_GONE)
                })?;
            }
        }
        self.phase = Phase::Sent;
        Ok(())
    }

    /// Checks that a command may be sent: error 2006 on a lost connection that is not to be opened again,
    /// 2014 while results are unread.
    pub(super) fn ready(&mut self) -> Result<(), ClientError> {
        if !self.channel.is_open() {
            self.reconnect()?;
        }
        if self.phase != Phase::Ready || self.more_results() {
            return Err(ClientError::client(code::OUT_OF_SYNC));
        }
        // Nothing is to be read now but a farewell.
        if self.options.reconnect && self.is_readable(Some(Duration::ZERO)) {
            self.lose();
            self.reconnect()?;
        }
        Ok(())
    }

    fn write_command(&mut self, command: u8, parts: &[&[u8]]) -> Result<(), Failure> {
        self.channel.start();
        let command = [command];
        match parts {
            [] => self.channel.write(&[&command]),
            [one] => self.channel.write(&[&command, one]),
            [one, two] => self.channel.write(&[&command, one, two]),
            parts => self.channel.write(&[&command, &parts.concat()]),
        }
    }

    /// A command whose answer is an error or of no interest.
    pub(super) fn simple(&mut self, command: u8, parts: &[&[u8]]) -> Result<(), ClientError> {
        self.command(command, parts)?;
        self.phase = Phase::Ready;
        self.receive()
    }

    /// The same, tried again on a new connection if the old one is lost meanwhile.
    pub(super) fn simple_twice(&mut self, command: u8) -> Result<(), ClientError> {
        match self.simple(command, &[]) {
            Err(error) if error.code == code::SERVER_LOST && self.options.reconnect => {
                self.simple(command, &[])
            }
            result => result,
        }
    }

    /// Reads a packet that is no error and no report of progress; it is `self.channel.packet()`.
    pub(super) fn receive(&mut self) -> Result<(), ClientError> {
        loop {
            if let Err(failure) = self.channel.read() {
                self.lose();
                return Err(failure.in_command());
            }
            match self.channel.packet().first() {
                None => {
                    self.lose();
                    return Err(ClientError::client(code::SERVER_LOST));
                }
                Some(&packet::ERR) => {
                    if let Some(error) = server_error(self.channel.packet()) {
                        self.phase = Phase::Ready;
                        self.ok.status &= !packet::STATUS_MORE_RESULTS;
                        return Err(error);
                    }
                }
                Some(_) => return Ok(()),
            }
        }
    }

    /// The connection is of no use any more.
    pub(super) fn lose(&mut self) {
        self.channel.close();
        self.phase = Phase::Ready;
        self.ok.status &= !packet::STATUS_MORE_RESULTS;
    }

    /// Opens a lost connection again if that is wished for. A lost transaction is told of once, by error
    /// 2006: who has begun one must know that it is gone.
    fn reconnect(&mut self) -> Result<(), ClientError> {
        let in_transaction = self.ok.status & STATUS_IN_TRANSACTION != 0;
        self.ok.status &= !STATUS_IN_TRANSACTION;
        if !self.options.reconnect || in_transaction {
            return Err(ClientError::client(code::SERVER_GONE));
        }
        let (channel, server, ok) = login::open(&self.options)?;
        self.channel = channel;
        self.server = server;
        self.ok = ok;
        self.phase = Phase::Ready;
        self.statements.end("mysql_reconnect()");
        if !self.options.charset_name.is_empty() {
            let sql = [b"SET NAMES ".as_slice(), &self.options.charset_name].concat();
            self.channel.start();
            if self.channel.write(&[&[COM_QUERY], &sql]).is_err() {
                self.lose();
                return Err(ClientError::client(code::SERVER_GONE));
            }
            self.receive()?;
        }
        Ok(())
    }
}

impl Failure {
    /// What a failure to read an answer means.
    fn in_command(&self) -> ClientError {
        match self {
            Failure::Lost(_) | Failure::Malformed => ClientError::client(code::SERVER_LOST),
            Failure::TooLarge => ClientError::client(code::PACKET_TOO_LARGE),
            Failure::Tls(reason) => ClientError::with(code::TLS, &[reason]),
        }
    }
}
