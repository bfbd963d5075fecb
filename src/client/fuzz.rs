//! A session with a server that says anything: drives login, results, prepared statements and cursors
//! over arbitrary bytes.

use std::io::Write;
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::sync::Arc;

use crate::client::connection::{Connection, Reply};
use crate::client::statement::{Param, Statement};
use crate::client::wire::capabilities as cap;
use crate::client::wire::convert;
use crate::client::wire::error::ClientError;
use crate::client::wire::options::Options;
use crate::client::wire::stream::Stream;
use crate::client::wire::text::Rows;

/// The server says at most this much: it has to fit into the socket, as nobody reads while it is written.
const LIMIT: usize = 48 * 1024;
/// Longest packet that the client takes, so that lengths without bytes behind them stay cheap.
const MAX_PACKET: usize = 1 << 20;
/// Commands that are sent at most; the replies end before that, as a rule.
const COMMANDS: usize = 64;

/// Settings in the first byte.
const GREETED: u8 = 1;
const COMPRESSED: u8 = 2;
const RAW: u8 = 4;
const CACHED: u8 = 8;

/// Talks to a server that says `bytes` and hangs up. The first byte holds settings, the second one the
/// order of the commands. The rest are packets, each with two bytes of length before it, or, if so set,
/// the stream itself.
///
/// # Panics
/// If a decoder does, or if a row has other cells than its columns say.
pub fn fuzz(bytes: &[u8]) {
    let (&[settings, order], said) = bytes.split_first_chunk::<2>().unwrap_or((&[GREETED, 0], &[]));
    let mut stream = Vec::new();
    if settings & GREETED != 0 {
        put_packet(&mut stream, &greeting(settings));
        put_packet(&mut stream, b"\0\0\0\x02\0\0\0");
    }
    if settings & RAW != 0 {
        stream.extend_from_slice(said);
    } else {
        put_packets(&mut stream, said);
    }
    stream.truncate(LIMIT);
    let options = Options {
        user: "root".into(),
        compress: settings & COMPRESSED != 0,
        max_allowed_packet: MAX_PACKET,
        ask: Some(Arc::new(|_| Vec::new())),
        ..Options::default()
    };
    let Ok((client, mut server)) = UnixStream::pair() else { return };
    if server.write_all(&stream).is_err() || server.shutdown(Shutdown::Write).is_err() {
        return;
    }
    // The server's end stays open meanwhile, so that what the client writes goes somewhere.
    if let Ok(connection) = Connection::on(Stream::new(client), &options) {
        converse(connection, order);
    }
}

/// A greeting of a server that has all that can be had, and no password to ask for.
fn greeting(settings: u8) -> Vec<u8> {
    let mut capabilities = !(cap::LONG_PASSWORD | cap::SSL);
    if settings & CACHED == 0 {
        capabilities &= !cap::CACHE_METADATA;
    }
    let bits = capabilities.to_le_bytes();
    let mut packet = b"\x0a5.5.5-10.11.19-MariaDB\0\x01\0\0\0abcdefgh\0".to_vec();
    packet.extend_from_slice(&bits[..2]);
    packet.extend_from_slice(&[8, 2, 0]);
    packet.extend_from_slice(&bits[2..4]);
    packet.push(21);
    packet.extend_from_slice(&[0; 6]);
    packet.extend_from_slice(&bits[4..]);
    packet.extend_from_slice(b"ijklmnopqrst\0mysql_native_password\0");
    packet
}

fn put_packet(stream: &mut Vec<u8>, payload: &[u8]) {
    // Numbers are not looked at by the client.
    stream.extend_from_slice(&(payload.len() as u32).to_le_bytes());
    stream.extend_from_slice(payload);
}

fn put_packets(stream: &mut Vec<u8>, mut said: &[u8]) {
    while let Some((length, rest)) = said.split_first_chunk::<2>() {
        let length = usize::from(u16::from_le_bytes(*length)).min(rest.len());
        put_packet(stream, &rest[..length]);
        said = &rest[length..];
    }
}

/// Sends commands, as `order` has it, until the server has nothing more to say.
fn converse(mut connection: Connection, order: u8) {
    let mut statement = Statement::new();
    for command in 0..COMMANDS {
        // After an error the session goes on with the next command, where it stands.
        let _ = match (usize::from(order) + command) % 4 {
            _ if order & 0x80 != 0 => query(&mut connection),
            0 => query(&mut connection),
            1 => prepared(&mut connection, &mut statement, false),
            2 => prepared(&mut connection, &mut statement, true),
            _ => connection.ping(),
        };
        if !connection.is_open() {
            break;
        }
    }
    connection.close_statement(statement);
}

fn query(connection: &mut Connection) -> Result<(), ClientError> {
    connection.send_query(b"select 1")?;
    loop {
        if connection.read_result()? == Reply::Rows {
            let mut rows = Rows::new(connection.columns().len());
            while let Some(row) = connection.next_row()? {
                rows.push(row);
            }
            check(&rows);
        }
        if !connection.more_results() {
            return Ok(());
        }
    }
}

fn prepared(connection: &mut Connection, statement: &mut Statement, cursor: bool) -> Result<(), ClientError> {
    connection.prepare_again(statement, b"select ?")?;
    let params = [Param::Long(1), Param::Text("text".into()), Param::Decimal];
    connection.execute(statement, &params, cursor)?;
    loop {
        if connection.stmt_read_result(statement)? == Reply::Rows {
            let mut rows = Rows::new(statement.columns().len());
            while let Some(row) = connection.stmt_next_row(statement)? {
                rows.push(row);
            }
            check(&rows);
            for column in statement.columns() {
                convert::max_length(column);
            }
        }
        if !connection.more_results() {
            return Ok(());
        }
    }
}

/// Every cell lies within its row: a cell that did not would be NULL and not have its length.
fn check(rows: &Rows) {
    for index in 0..rows.get(0).map_or(0, |row| row.len()) {
        let longest = rows.iter().filter_map(|row| row.cell(index)).map(<[u8]>::len).max();
        assert_eq!(longest.unwrap_or(0), rows.longest(index));
        assert_eq!(longest.is_some(), rows.has_value(index));
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn said(packets: &[&[u8]]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for packet in packets {
            bytes.extend_from_slice(&(packet.len() as u16).to_le_bytes());
            bytes.extend_from_slice(packet);
        }
        bytes
    }

    const DEFINITION: &[u8] = b"\x03def\0\0\0\x01x\0\0\x0c\x3f\0\x0b\0\0\0\x03\x81\0\0\0\0";
    const END: &[u8] = b"\xfe\0\0\x02\0";

    /// A session, and the server's end of it.
    fn connection(packets: &[&[u8]]) -> (Connection, UnixStream) {
        let mut stream = Vec::new();
        put_packet(&mut stream, &greeting(0));
        put_packet(&mut stream, b"\0\0\0\x02\0\0\0");
        put_packets(&mut stream, &said(packets));
        let (client, mut server) = UnixStream::pair().unwrap();
        server.write_all(&stream).unwrap();
        let options = Options { user: "root".into(), ..Options::default() };
        (Connection::on(Stream::new(client), &options).unwrap(), server)
    }

    #[test]
    fn a_server_that_behaves_is_understood() {
        let (mut session, _server) = connection(&[b"\x01", DEFINITION, END, b"\x0242", b"\xfb", END]);
        session.send_query(b"select x").unwrap();
        assert_eq!(session.read_result().unwrap(), Reply::Rows);
        assert_eq!(session.columns()[0].name, "x");
        assert_eq!(session.next_row().unwrap().unwrap().cell(0), Some(&b"42"[..]));
        assert_eq!(session.next_row().unwrap().unwrap().cell(0), None);
        assert!(session.next_row().unwrap().is_none());
        assert_eq!(session.affected_rows(), 2);
    }

    #[test]
    fn a_statement_keeps_the_names_of_its_prepare() {
        let renamed = DEFINITION.iter().map(|&byte| if byte == b'x' { b'y' } else { byte });
        let renamed: Vec<u8> = renamed.collect();
        let ok = b"\0\x07\0\0\0\x01\0\0\0\0\0\0";
        let row = b"\0\0\x2a\0\0\0";
        let packets: [&[u8]; 12] =
            [ok, DEFINITION, END, b"\x01", &renamed, END, row, END, b"\x01", DEFINITION, END, END];
        let (mut session, _server) = connection(&packets);
        let mut statement = session.prepare(b"select x", None).unwrap();
        session.execute(&mut statement, &[], false).unwrap();
        assert_eq!(session.stmt_read_result(&mut statement).unwrap(), Reply::Rows);
        assert_eq!(statement.columns()[0].name, "x");
        assert_eq!(session.stmt_next_row(&mut statement).unwrap().unwrap().cell(0), Some(&b"42"[..]));
        // Rows are waiting, so no other command may come now.
        assert_eq!(session.send_query(b"select 1").unwrap_err().code, 2014);
        assert!(session.stmt_next_row(&mut statement).unwrap().is_none());
        assert_eq!(statement.affected_rows(), 1);
        session.execute(&mut statement, &[], false).unwrap();
        session.stmt_read_result(&mut statement).unwrap();
        assert!(session.stmt_next_row(&mut statement).unwrap().is_none());
    }

    #[test]
    fn a_statement_without_prepare_and_without_parameters() {
        let parameter = b"\0\x07\0\0\0\0\0\x01\0\0\0\0";
        let (mut session, _server) = connection(&[parameter, DEFINITION, END]);
        let mut statement = Statement::new();
        assert_eq!(session.execute(&mut statement, &[], false).unwrap_err().code, 2014);
        session.prepare_again(&mut statement, b"do ?").unwrap();
        assert_eq!(session.execute(&mut statement, &[], false).unwrap_err().code, 2031);
    }

    #[test]
    fn a_dialog_that_asks_nothing_does_not_go_on_for_ever() {
        for question in [&b""[..], b"\0verdict", b"\xfeverdict"] {
            let request = [&b"\xfedialog\0"[..], question].concat();
            fuzz(&[&[0, 0x80][..], &said(&[&greeting(0), &request])].concat());
        }
    }

    #[test]
    fn the_end_of_the_stream_is_an_error_anywhere() {
        let packets: [&[u8]; 6] = [b"\x01", DEFINITION, END, b"\x0242", b"\xfb", END];
        let whole = [&[GREETED, 0x80][..], &said(&packets)].concat();
        for cut in 0..whole.len() {
            fuzz(&whole[..cut]);
        }
    }

    proptest! {
        #[test]
        fn no_server_makes_the_client_panic(
            settings: u8,
            order: u8,
            packets in proptest::collection::vec(
                prop_oneof![
                    proptest::collection::vec(any::<u8>(), 0..40),
                    Just(DEFINITION.to_vec()),
                    Just(END.to_vec()),
                    Just(b"\x01".to_vec()),
                    Just(b"\x02\x00".to_vec()),
                    Just(b"\0\0\0\x0a\0\0\0".to_vec()),
                    Just(b"\0\x07\0\0\0\x02\0\x01\0\0\0\0".to_vec()),
                    Just(b"\xff\x28\x04#42000No".to_vec()),
                ],
                0..40,
            ),
        ) {
            let mut bytes = vec![settings, order];
            for packet in packets {
                bytes.extend_from_slice(&(packet.len() as u16).to_le_bytes());
                bytes.extend_from_slice(&packet);
            }
            fuzz(&bytes);
        }
    }
}
