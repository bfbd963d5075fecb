//! The client/server protocol, as far as the checks need it: one plain session without TLS, compression or
//! connection attributes, text results only.
//!
//! Why not a client crate: the handshake must be in latin1, as the script engine's is. The `mysql` crate's is in
//! utf8mb4, which the server counts as a collation that was used (`plugins.feedback_plugin_load` lists them).

use std::io::{self, Read, Write};

use bstr::{BString, ByteSlice};

/// `latin1_swedish_ci`, the collation the script engine announces.
const COLLATION_LATIN1: u8 = 8;

const CLIENT_LONG_PASSWORD: u32 = 1;
const CLIENT_LONG_FLAG: u32 = 1 << 2;
const CLIENT_LOCAL_FILES: u32 = 1 << 7;
const CLIENT_PROTOCOL_41: u32 = 1 << 9;
const CLIENT_TRANSACTIONS: u32 = 1 << 13;
const CLIENT_SECURE_CONNECTION: u32 = 1 << 15;
const CLIENT_MULTI_STATEMENTS: u32 = 1 << 16;
const CLIENT_MULTI_RESULTS: u32 = 1 << 17;
const CLIENT_PLUGIN_AUTH: u32 = 1 << 19;

const CAPABILITIES: u32 = CLIENT_LONG_PASSWORD
    | CLIENT_LONG_FLAG
    | CLIENT_LOCAL_FILES
    | CLIENT_PROTOCOL_41
    | CLIENT_TRANSACTIONS
    | CLIENT_SECURE_CONNECTION
    | CLIENT_MULTI_STATEMENTS
    | CLIENT_MULTI_RESULTS
    | CLIENT_PLUGIN_AUTH;

const SERVER_MORE_RESULTS_EXISTS: u16 = 8;

const COM_QUIT: u8 = 1;
const COM_QUERY: u8 = 3;

/// Payload bytes of a full packet; a payload of this size is continued in the next packet.
const MAX_PAYLOAD: usize = 0xff_ff_ff;

/// An error the server sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {message}")]
pub struct ServerError {
    /// The error number, 1045 for example.
    pub code: u16,
    /// The text, in the session's character set (latin1).
    pub message: BString,
}

/// What can go wrong while talking.
#[derive(Debug, thiserror::Error)]
pub(super) enum WireError {
    /// The server answered with an error.
    #[error(transparent)]
    Server(#[from] ServerError),
    /// The connection broke or timed out.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// Bytes that are not the protocol.
    #[error("malformed packet: {0}")]
    Malformed(&'static str),
}

/// One table of an answer; an answer without a table has no columns.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ResultSet {
    /// Column names as the server prints them (aliases).
    pub columns: Vec<BString>,
    /// Rows; `None` is SQL NULL.
    pub rows: Vec<Vec<Option<BString>>>,
    /// Warnings the server counted for this result.
    pub warnings: u16,
}

/// A connection in the command phase.
pub(super) struct Wire<S> {
    stream: S,
    sequence: u8,
    input: Vec<u8>,
    start: usize,
}

impl<S: Read + Write> Wire<S> {
    /// Reads the greeting and logs in as `user` without a password and without a default database.
    pub(super) fn login(stream: S, user: &[u8]) -> Result<Self, WireError> {
        let mut wire = Wire { stream, sequence: 0, input: Vec::new(), start: 0 };
        let greeting = wire.read_packet()?;
        if greeting.first() == Some(&0xff) {
            return Err(parse_error(&greeting).into());
        }
        let offered = parse_greeting(&greeting)?;

        let mut response = Vec::with_capacity(64 + user.len());
        response.extend((CAPABILITIES & offered).to_le_bytes());
        response.extend((MAX_PAYLOAD as u32).to_le_bytes());
        response.push(COLLATION_LATIN1);
        response.extend([0; 23]);
        response.extend(user);
        response.push(0);
        response.push(0); // length of the scrambled password: there is none
        response.extend(b"mysql_native_password\0");
        let mut out = Vec::new();
        frame(&mut out, &mut wire.sequence, &response);
        wire.stream.write_all(&out)?;

        loop {
            let packet = wire.read_packet()?;
            match packet.first() {
                Some(0x00) => return Ok(wire),
                Some(0xff) => return Err(parse_error(&packet).into()),
                // Another plugin than the one announced: with an empty password every plugin a test server
                // has for root (native password, unix socket) is answered with an empty packet.
                Some(0xfe) => {
                    let mut out = Vec::new();
                    frame(&mut out, &mut wire.sequence, b"");
                    wire.stream.write_all(&out)?;
                }
                _ => return Err(WireError::Malformed("answer to the login")),
            }
        }
    }

    /// The socket.
    pub(super) fn stream(&self) -> &S {
        &self.stream
    }

    /// Sends all statements at once; the answers are to be fetched by one [`Wire::answer`] each, in order.
    pub(super) fn send(&mut self, statements: &[&[u8]]) -> Result<(), WireError> {
        let mut out = Vec::new();
        for statement in statements {
            let mut payload = Vec::with_capacity(statement.len() + 1);
            payload.push(COM_QUERY);
            payload.extend_from_slice(statement);
            let mut sequence = 0;
            frame(&mut out, &mut sequence, &payload);
        }
        self.stream.write_all(&out)?;
        Ok(())
    }

    /// Reads the whole answer to one statement: every result set of it.
    ///
    /// `local` supplies the contents of a file the server asks for (`LOAD DATA LOCAL`).
    pub(super) fn answer(
        &mut self,
        local: impl Fn(&[u8]) -> io::Result<Vec<u8>>,
    ) -> Result<Vec<ResultSet>, WireError> {
        let mut results = Vec::new();
        loop {
            let packet = self.read_packet()?;
            let more = match packet.first() {
                Some(0x00) => {
                    let (status, warnings) = parse_ok(&packet)?;
                    results.push(ResultSet { warnings, ..ResultSet::default() });
                    status
                }
                Some(0xff) => return Err(parse_error(&packet).into()),
                Some(0xfb) => {
                    self.upload(&local(&packet[1..])?)?;
                    continue;
                }
                Some(_) => {
                    let (result, status) = self.read_table(&packet)?;
                    results.push(result);
                    status
                }
                None => return Err(WireError::Malformed("empty answer")),
            };
            if more & SERVER_MORE_RESULTS_EXISTS == 0 {
                return Ok(results);
            }
        }
    }

    /// Says good-bye.
    pub(super) fn quit(&mut self) -> io::Result<()> {
        let mut out = Vec::new();
        let mut sequence = 0;
        frame(&mut out, &mut sequence, &[COM_QUIT]);
        self.stream.write_all(&out)
    }

    /// Reads until the server has closed its end.
    pub(super) fn drain(&mut self) -> io::Result<()> {
        let mut rest = [0; 512];
        while self.stream.read(&mut rest)? > 0 {}
        Ok(())
    }

    fn upload(&mut self, contents: &[u8]) -> io::Result<()> {
        let mut out = Vec::new();
        if !contents.is_empty() {
            frame(&mut out, &mut self.sequence, contents);
        }
        frame(&mut out, &mut self.sequence, b"");
        self.stream.write_all(&out)
    }

    fn read_table(&mut self, head: &[u8]) -> Result<(ResultSet, u16), WireError> {
        let count = Fields(head).number()?;
        let mut result = ResultSet::default();
        for _ in 0..count {
            let definition = self.read_packet()?;
            let mut fields = Fields(&definition);
            for _catalog_schema_table_original in 0..4 {
                fields.text()?;
            }
            result.columns.push(fields.text()?.into());
        }
        self.read_packet()?; // EOF after the column definitions
        loop {
            let packet = self.read_packet()?;
            match packet.first() {
                Some(0xfe) if packet.len() < 9 => {
                    let &[_, w0, w1, s0, s1, ..] = packet.as_slice() else {
                        return Err(WireError::Malformed("end of rows"));
                    };
                    result.warnings = u16::from_le_bytes([w0, w1]);
                    return Ok((result, u16::from_le_bytes([s0, s1])));
                }
                Some(0xff) => return Err(parse_error(&packet).into()),
                _ => {
                    let mut fields = Fields(&packet);
                    let row = (0..count).map(|_| fields.value()).collect::<Result<_, _>>()?;
                    result.rows.push(row);
                }
            }
        }
    }

    /// One logical packet: continuation packets joined.
    fn read_packet(&mut self) -> Result<Vec<u8>, WireError> {
        let mut payload = Vec::new();
        loop {
            let head = self.take(4)?;
            let length = usize::from(head[0]) | usize::from(head[1]) << 8 | usize::from(head[2]) << 16;
            self.sequence = head[3].wrapping_add(1);
            let part = self.take(length)?;
            payload.extend_from_slice(part);
            if length < MAX_PAYLOAD {
                return Ok(payload);
            }
        }
    }

    fn take(&mut self, wanted: usize) -> io::Result<&[u8]> {
        while self.input.len() - self.start < wanted {
            self.input.drain(..self.start);
            self.start = 0;
            let filled = self.input.len();
            self.input.resize(filled + (wanted - filled).max(16 * 1024), 0);
            let got = match self.stream.read(&mut self.input[filled..]) {
                Err(e) if e.kind() == io::ErrorKind::Interrupted => 0,
                Err(e) => {
                    self.input.truncate(filled);
                    return Err(e);
                }
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(got) => got,
            };
            self.input.truncate(filled + got);
        }
        let from = self.start;
        self.start += wanted;
        Ok(&self.input[from..self.start])
    }
}

/// Appends `payload` to `out` as one or more packets.
fn frame(out: &mut Vec<u8>, sequence: &mut u8, payload: &[u8]) {
    let mut rest = payload;
    loop {
        let (part, tail) = rest.split_at(rest.len().min(MAX_PAYLOAD));
        out.extend_from_slice(&(part.len() as u32).to_le_bytes()[..3]);
        out.push(*sequence);
        *sequence = sequence.wrapping_add(1);
        out.extend_from_slice(part);
        rest = tail;
        if part.len() < MAX_PAYLOAD {
            return;
        }
    }
}

/// Capability bits of the server's greeting.
fn parse_greeting(packet: &[u8]) -> Result<u32, WireError> {
    let malformed = || WireError::Malformed("greeting");
    if packet.first() != Some(&10) {
        return Err(malformed());
    }
    let version_end = packet.find_byte(0).ok_or_else(malformed)?;
    // After the version: thread id (4), scramble (8), filler (1), low capabilities (2), collation (1),
    // status (2), high capabilities (2).
    let rest = packet.get(version_end + 1 + 13..).ok_or_else(malformed)?;
    let &[l0, l1, _, _, _, h0, h1, ..] = rest else { return Err(malformed()) };
    Ok(u32::from_le_bytes([l0, l1, h0, h1]))
}

fn parse_error(packet: &[u8]) -> ServerError {
    let code = match packet {
        [_, c0, c1, ..] => u16::from_le_bytes([*c0, *c1]),
        _ => 0,
    };
    let mut message = packet.get(3..).unwrap_or_default();
    if message.first() == Some(&b'#') {
        message = message.get(6..).unwrap_or_default();
    }
    ServerError { code, message: message.into() }
}

/// Status and warning count of an OK packet.
fn parse_ok(packet: &[u8]) -> Result<(u16, u16), WireError> {
    let mut fields = Fields(&packet[1..]);
    fields.number()?;
    fields.number()?;
    let &[s0, s1, w0, w1, ..] = fields.0 else { return Err(WireError::Malformed("ok")) };
    Ok((u16::from_le_bytes([s0, s1]), u16::from_le_bytes([w0, w1])))
}

/// Length-encoded fields, read from the front.
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    fn bytes(&mut self, count: usize) -> Result<&'a [u8], WireError> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or(WireError::Malformed("field"))?;
        self.0 = rest;
        Ok(taken)
    }

    fn number(&mut self) -> Result<u64, WireError> {
        let width = match self.bytes(1)?[0] {
            0xfc => 2,
            0xfd => 3,
            0xfe => 8,
            small @ 0..=0xfa => return Ok(small.into()),
            _ => return Err(WireError::Malformed("length")),
        };
        let digits = self.bytes(width)?;
        Ok(digits.iter().rev().fold(0, |sum, digit| sum << 8 | u64::from(*digit)))
    }

    fn text(&mut self) -> Result<&'a [u8], WireError> {
        let length = usize::try_from(self.number()?).map_err(|_| WireError::Malformed("length"))?;
        self.bytes(length)
    }

    fn value(&mut self) -> Result<Option<BString>, WireError> {
        if self.0.first() == Some(&0xfb) {
            self.0 = &self.0[1..];
            return Ok(None);
        }
        Ok(Some(self.text()?.into()))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// Canned server bytes to read; what is written is kept.
    struct Canned {
        input: io::Cursor<Vec<u8>>,
        written: Vec<u8>,
    }

    impl Read for Canned {
        fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
            // Small pieces: packets must be put together again.
            let end = buf.len().min(3);
            self.input.read(&mut buf[..end])
        }
    }

    impl Write for Canned {
        fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
            self.written.extend(buf);
            Ok(buf.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn wire(packets: &[&[u8]]) -> Wire<Canned> {
        let mut bytes = Vec::new();
        let mut sequence = 0;
        for packet in packets {
            frame(&mut bytes, &mut sequence, packet);
        }
        let stream = Canned { input: io::Cursor::new(bytes), written: Vec::new() };
        Wire { stream, sequence: 0, input: Vec::new(), start: 0 }
    }

    fn no_file(_: &[u8]) -> io::Result<Vec<u8>> {
        Err(io::ErrorKind::NotFound.into())
    }

    #[test]
    fn a_table_with_null_and_a_following_ok() {
        let column = b"\x03def\x00\x00\x00\x01a\x00\x0c\x08\x00\x01\x00\x00\x00\xfd\x00\x00\x00\x00\x00";
        let mut wire = wire(&[
            b"\x01",
            column,
            b"\xfe\x00\x00\x02\x00",
            b"\x02hi",
            b"\xfb",
            b"\xfe\x01\x00\x0a\x00",
            b"\x00\x00\x00\x02\x00\x03\x00",
        ]);
        let results = wire.answer(no_file).unwrap();
        assert_eq!(results.len(), 2);
        assert_eq!(results[0].columns, ["a"]);
        assert_eq!(results[0].rows, [vec![Some(BString::from("hi"))], vec![None]]);
        assert_eq!((results[0].warnings, results[1].warnings), (1, 3));
    }

    #[test]
    fn an_error_loses_its_sqlstate() {
        let mut wire = wire(&[b"\xff\x7a\x04#42S02Table 'a.b' doesn't exist"]);
        match wire.answer(no_file) {
            Err(WireError::Server(e)) => assert_eq!(e.to_string(), "1146: Table 'a.b' doesn't exist"),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_local_file_is_uploaded_and_ended_by_an_empty_packet() {
        let mut wire = wire(&[b"\xfb/x", b"\x00\x00\x00\x02\x00\x00\x00"]);
        wire.answer(|name| Ok(name.to_vec())).unwrap();
        assert_eq!(wire.stream.written, b"\x02\0\0\x01/x\0\0\0\x02");
    }

    #[test]
    fn a_truncated_answer_is_an_error() {
        let mut wire = wire(&[b"\x01"]);
        assert!(matches!(wire.answer(no_file), Err(WireError::Io(_))));
    }
}
