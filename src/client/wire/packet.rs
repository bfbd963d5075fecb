//! What the server's packets say: the fields that packets are made of, OK, error, end of rows,
//! progress, and the first packet of an answer. Every decoder is total: any bytes give a value or
//! [`Malformed`], and nothing is reserved on the word of a length that the packet does not back.

use bstr::BString;

/// The packet is not what the protocol says it should be; the client's error 2027.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("Received malformed packet")]
pub struct Malformed;

/// First byte of an OK packet.
pub const OK: u8 = 0x00;
/// First byte of the server's request for a local file; also NULL in a text row.
pub const LOCAL_INFILE: u8 = 0xfb;
/// First byte of the packet that ends columns and rows.
pub const EOF: u8 = 0xfe;
/// First byte of an error packet.
pub const ERR: u8 = 0xff;

/// Server status: more results of the same statement follow.
pub const STATUS_MORE_RESULTS: u16 = 0x0008;
/// Server status: the statement has a cursor open, its rows are fetched with COM_STMT_FETCH.
pub const STATUS_CURSOR_EXISTS: u16 = 0x0040;
/// Server status: the cursor has given its last row.
pub const STATUS_LAST_ROW_SENT: u16 = 0x0080;
/// Server status: session state changed, so tracked items follow in the OK packet.
pub const STATUS_SESSION_STATE_CHANGED: u16 = 0x4000;

/// Session tracker type: a system variable, the only type whose items have a name and a value.
pub const TRACK_SYSTEM_VARIABLES: u8 = 0;
/// Session tracker type: state changed; its datum is not length-encoded as those of the others are.
pub const TRACK_STATE_CHANGE: u8 = 2;
/// Session tracker type: GTIDs, which MariaDB never sends and Connector/C does not read.
pub const TRACK_GTIDS: u8 = 3;
/// Session tracker type: kind of the running transaction; the last type that is known.
pub const TRACK_TRANSACTION_TYPE: u8 = 5;

/// The error number that marks a progress report instead of an error.
const PROGRESS: u16 = 0xffff;

/// Reads the fields of one packet from front to back.
#[derive(Debug, Clone)]
pub struct Fields<'a> {
    rest: &'a [u8],
}

impl<'a> Fields<'a> {
    /// The fields of `packet`, from its first byte.
    pub fn new(packet: &'a [u8]) -> Self {
        Fields { rest: packet }
    }

    /// True if nothing is left.
    pub fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// What is left, without taking it.
    pub fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// The next `length` bytes.
    ///
    /// # Errors
    /// The packet ends before.
    pub fn take(&mut self, length: usize) -> Result<&'a [u8], Malformed> {
        let (taken, rest) = self.rest.split_at_checked(length).ok_or(Malformed)?;
        self.rest = rest;
        Ok(taken)
    }

    /// The next `N` bytes as an array.
    ///
    /// # Errors
    /// The packet ends before.
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        let (taken, rest) = self.rest.split_first_chunk::<N>().ok_or(Malformed)?;
        self.rest = rest;
        Ok(*taken)
    }

    /// One byte.
    ///
    /// # Errors
    /// The packet ends before.
    pub fn u8(&mut self) -> Result<u8, Malformed> {
        self.array::<1>().map(|[byte]| byte)
    }

    /// Two bytes, little end first.
    ///
    /// # Errors
    /// The packet ends before.
    pub fn u16(&mut self) -> Result<u16, Malformed> {
        self.array().map(u16::from_le_bytes)
    }

    /// Three bytes, little end first.
    ///
    /// # Errors
    /// The packet ends before.
    pub fn u24(&mut self) -> Result<u32, Malformed> {
        self.array().map(|[a, b, c]| u32::from_le_bytes([a, b, c, 0]))
    }

    /// Four bytes, little end first.
    ///
    /// # Errors
    /// The packet ends before.
    pub fn u32(&mut self) -> Result<u32, Malformed> {
        self.array().map(u32::from_le_bytes)
    }

    /// Eight bytes, little end first.
    ///
    /// # Errors
    /// The packet ends before.
    pub fn u64(&mut self) -> Result<u64, Malformed> {
        self.array().map(u64::from_le_bytes)
    }

    /// A length-encoded integer; `None` is NULL (0xfb).
    ///
    /// # Errors
    /// The packet ends before, or its next byte begins no integer.
    #[inline]
    pub fn nullable_int(&mut self) -> Result<Option<u64>, Malformed> {
        match self.u8()? {
            small @ 0..=0xfa => Ok(Some(u64::from(small))),
            0xfb => Ok(None),
            0xfc => self.u16().map(|value| Some(u64::from(value))),
            0xfd => self.u24().map(|value| Some(u64::from(value))),
            0xfe => self.u64().map(Some),
            0xff => Err(Malformed),
        }
    }

    /// A length-encoded integer that cannot be NULL.
    ///
    /// # Errors
    /// The packet ends before, or there is NULL or no integer.
    pub fn int(&mut self) -> Result<u64, Malformed> {
        self.nullable_int()?.ok_or(Malformed)
    }

    /// A length-encoded string; `None` is NULL (0xfb).
    ///
    /// # Errors
    /// The packet ends before, or its next byte begins no length.
    #[inline]
    pub fn nullable_bytes(&mut self) -> Result<Option<&'a [u8]>, Malformed> {
        match self.nullable_int()? {
            None => Ok(None),
            Some(length) => self.take(usize::try_from(length).map_err(|_| Malformed)?).map(Some),
        }
    }

    /// A length-encoded string that cannot be NULL.
    ///
    /// # Errors
    /// The packet ends before, or there is NULL or no length.
    pub fn bytes(&mut self) -> Result<&'a [u8], Malformed> {
        self.nullable_bytes()?.ok_or(Malformed)
    }

    /// The bytes before the next NUL, which is taken too.
    ///
    /// # Errors
    /// There is no NUL.
    pub fn until_nul(&mut self) -> Result<&'a [u8], Malformed> {
        let end = self.rest.iter().position(|&byte| byte == 0).ok_or(Malformed)?;
        let taken = self.take(end)?;
        self.take(1)?;
        Ok(taken)
    }
}

/// Appends `value` as a length-encoded integer.
pub fn put_int(out: &mut Vec<u8>, value: u64) {
    let bytes = value.to_le_bytes();
    match value {
        0..=0xfa => out.push(bytes[0]),
        0xfb..=0xffff => {
            out.push(0xfc);
            out.extend_from_slice(&bytes[..2]);
        }
        0x1_0000..=0xff_ffff => {
            out.push(0xfd);
            out.extend_from_slice(&bytes[..3]);
        }
        _ => {
            out.push(0xfe);
            out.extend_from_slice(&bytes);
        }
    }
}

/// Appends `bytes` as a length-encoded string.
pub fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put_int(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

/// One change of the session's state that the server reported (mysqltest §7.5).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tracked {
    /// Tracker type, 0 (system variable) to 5 (transaction type).
    pub kind: u8,
    /// Name of the system variable; empty for every other type.
    pub name: BString,
    /// The value or datum; `None` is NULL.
    pub value: Option<BString>,
}

/// What an OK packet says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OkPacket {
    /// Rows that the statement changed.
    pub affected_rows: u64,
    /// First AUTO_INCREMENT value of the statement.
    pub insert_id: u64,
    /// Server status bits.
    pub status: u16,
    /// Number of warnings that SHOW WARNINGS would list.
    pub warnings: u16,
    /// Text such as `Records: 2  Duplicates: 0  Warnings: 0`; empty if there is none.
    pub info: BString,
    /// Changes of the session's state, in the order received.
    pub session: Vec<Tracked>,
}

impl OkPacket {
    /// Decodes `packet`, whose first byte the caller has looked at. `track` tells whether session
    /// tracking was negotiated: without it the rest of the packet is the info text.
    ///
    /// # Errors
    /// The packet ends too soon, or has what this protocol does not know.
    pub fn decode(packet: &[u8], track: bool) -> Result<Self, Malformed> {
        let mut fields = Fields::new(packet);
        fields.u8()?;
        let affected_rows = fields.int()?;
        let insert_id = fields.int()?;
        let status = fields.u16()?;
        let warnings = fields.u16()?;
        let mut ok = OkPacket { affected_rows, insert_id, status, warnings, ..OkPacket::default() };
        if fields.is_empty() {
            return Ok(ok);
        }
        if !track {
            ok.info = fields.rest().into();
            return Ok(ok);
        }
        ok.info = fields.nullable_bytes()?.unwrap_or_default().into();
        if status & STATUS_SESSION_STATE_CHANGED != 0 && !fields.is_empty() {
            ok.session = session_changes(fields.bytes()?)?;
        }
        Ok(ok)
    }
}

/// The tracked items of an OK packet. Types that Connector/C does not know are left out.
fn session_changes(block: &[u8]) -> Result<Vec<Tracked>, Malformed> {
    let mut changes = Vec::new();
    let mut items = Fields::new(block);
    while !items.is_empty() {
        let kind = items.u8()?;
        let mut item = Fields::new(items.bytes()?);
        match kind {
            TRACK_SYSTEM_VARIABLES => {
                while !item.is_empty() {
                    let name = item.bytes()?.into();
                    let value = item.nullable_bytes()?.map(BString::from);
                    changes.push(Tracked { kind, name, value });
                }
            }
            TRACK_STATE_CHANGE => {
                let value = Some(item.rest().into());
                changes.push(Tracked { kind, name: BString::default(), value });
            }
            TRACK_GTIDS => {}
            kind if kind <= TRACK_TRANSACTION_TYPE => {
                let value = item.nullable_bytes()?.map(BString::from);
                changes.push(Tracked { kind, name: BString::default(), value });
            }
            _ => {}
        }
    }
    Ok(changes)
}

/// What the packet that ends columns or rows says.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct EofPacket {
    /// Number of warnings that SHOW WARNINGS would list.
    pub warnings: u16,
    /// Server status bits.
    pub status: u16,
}

impl EofPacket {
    /// `None` if `packet` is no end packet: a row can start with the same byte, but is longer.
    pub fn decode(packet: &[u8]) -> Option<Self> {
        if packet.first() != Some(&EOF) || packet.len() > 8 {
            return None;
        }
        // Servers older than protocol 4.1 send the first byte only; nothing is known then.
        let mut fields = Fields::new(&packet[1..]);
        let warnings = fields.u16().unwrap_or_default();
        Some(EofPacket { warnings, status: fields.u16().unwrap_or_default() })
    }
}

/// What an error packet says, raw: nothing is cut or converted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ErrorPacket<'a> {
    /// Error number.
    pub code: u16,
    /// Five characters; `HY000` if the server sent none.
    pub sqlstate: &'a [u8],
    /// The text, of any length and content.
    pub message: &'a [u8],
}

/// An error packet, or the progress report that looks like one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorOrProgress<'a> {
    /// The statement failed.
    Error(ErrorPacket<'a>),
    /// The packet says nothing but that it is an error (client error 5026).
    Empty,
    /// A long statement tells how far it is; the answer is yet to come.
    Progress,
}

impl<'a> ErrorOrProgress<'a> {
    /// Decodes `packet`, whose first byte (0xff) the caller has looked at.
    ///
    /// # Errors
    /// The packet ends too soon, or has what this protocol does not know.
    pub fn decode(packet: &'a [u8]) -> Result<Self, Malformed> {
        let mut fields = Fields::new(packet);
        fields.u8()?;
        if packet.len() <= 3 {
            return Ok(ErrorOrProgress::Empty);
        }
        let code = fields.u16()?;
        if code == PROGRESS {
            // Strings, stage, number of stages, thousandths of a percent; the text is not looked at.
            return fields.take(6).map(|_| ErrorOrProgress::Progress);
        }
        let mut sqlstate: &[u8] = b"HY000";
        let mut message = fields.rest();
        if let [b'#', rest @ ..] = message
            && let Some((state, text)) = rest.split_at_checked(5)
        {
            (sqlstate, message) = (state, text);
        }
        Ok(ErrorOrProgress::Error(ErrorPacket { code, sqlstate, message }))
    }
}

/// The first packet of the answer to a query or to an execution, or of one further result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer<'a> {
    /// No rows.
    Ok(OkPacket),
    /// Failed, or only a progress report.
    Error(ErrorOrProgress<'a>),
    /// The server asks for this file of the client's.
    LocalInfile(&'a [u8]),
    /// That many column definitions follow. With metadata caching `definitions` can be false: the
    /// client then knows the columns from the prepare.
    Columns {
        /// Number of columns, at least 1.
        count: u64,
        /// False if the definitions are left out.
        definitions: bool,
    },
}

impl<'a> Answer<'a> {
    /// Decodes `packet`. `track`: session tracking was negotiated; `cache`: so was caching of metadata
    /// (which adds a byte to the number of columns).
    ///
    /// # Errors
    /// The packet ends too soon, or has what this protocol does not know.
    pub fn decode(packet: &'a [u8], track: bool, cache: bool) -> Result<Self, Malformed> {
        match *packet.first().ok_or(Malformed)? {
            OK => OkPacket::decode(packet, track).map(Answer::Ok),
            ERR => ErrorOrProgress::decode(packet).map(Answer::Error),
            LOCAL_INFILE => Ok(Answer::LocalInfile(&packet[1..])),
            _ => {
                let mut fields = Fields::new(packet);
                let count = fields.int()?;
                let definitions = !cache || fields.is_empty() || fields.u8()? != 0;
                if count == 0 { Err(Malformed) } else { Ok(Answer::Columns { count, definitions }) }
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn integers_of_every_length() {
        for value in [0, 250, 251, 252, 0xffff, 0x1_0000, 0xff_ffff, 0x100_0000, u64::MAX] {
            let mut out = Vec::new();
            put_int(&mut out, value);
            let mut fields = Fields::new(&out);
            assert_eq!(fields.int(), Ok(value));
            assert!(fields.is_empty());
            for cut in 0..out.len() {
                assert_eq!(Fields::new(&out[..cut]).int(), Err(Malformed));
            }
        }
        assert_eq!(Fields::new(b"\xfb").nullable_int(), Ok(None));
        assert_eq!(Fields::new(b"\xfb").int(), Err(Malformed));
        assert_eq!(Fields::new(b"\xff").nullable_int(), Err(Malformed));
    }

    #[test]
    fn a_string_longer_than_the_packet_is_malformed() {
        assert_eq!(Fields::new(b"\x03abc").bytes(), Ok(&b"abc"[..]));
        assert_eq!(Fields::new(b"\x04abc").bytes(), Err(Malformed));
        assert_eq!(Fields::new(b"\xfe\xff\xff\xff\xff\xff\xff\xff\xffabc").bytes(), Err(Malformed));
        let mut fields = Fields::new(b"ab\0c");
        assert_eq!(fields.until_nul(), Ok(&b"ab"[..]));
        assert_eq!(fields.until_nul(), Err(Malformed));
    }

    #[test]
    fn ok_with_info_and_session_changes_in_order() {
        let mut packet = vec![0, 2, 7, 2, 0x40, 3, 0];
        put_bytes(&mut packet, b"Records: 2");
        let mut block = Vec::new();
        block.extend_from_slice(b"\x01\x05\x04test");
        block.extend_from_slice(b"\x00\x0f\x0aautocommit\x03OFF");
        block.extend_from_slice(b"\x00\x03\x01x\xfb");
        block.extend_from_slice(b"\x02\x011\x05\x09\x08T_______");
        block.extend_from_slice(b"\x09\x01z");
        put_bytes(&mut packet, &block);
        let ok = OkPacket::decode(&packet, true).unwrap();
        assert_eq!((ok.affected_rows, ok.insert_id, ok.warnings), (2, 7, 3));
        assert_eq!(ok.info, "Records: 2");
        let tracked = |kind, name: &str, value: Option<&str>| Tracked {
            kind,
            name: name.into(),
            value: value.map(Into::into),
        };
        assert_eq!(
            ok.session,
            [
                tracked(1, "", Some("test")),
                tracked(0, "autocommit", Some("OFF")),
                tracked(0, "x", None),
                tracked(2, "", Some("1")),
                tracked(5, "", Some("T_______")),
            ]
        );
        assert_eq!(OkPacket::decode(&packet[..packet.len() - 1], true), Err(Malformed));
        assert_eq!(OkPacket::decode(b"\0\0\0\x02\0\0\0", true).unwrap().info, "");
    }

    #[test]
    fn errors_and_progress_are_told_apart() {
        let error = |packet| ErrorOrProgress::decode(packet);
        let packet = ErrorPacket { code: 1064, sqlstate: b"42000", message: b"You" };
        assert_eq!(error(b"\xff\x28\x04#42000You"), Ok(ErrorOrProgress::Error(packet)));
        let stateless = ErrorPacket { code: 1040, sqlstate: b"HY000", message: b"Too many" };
        assert_eq!(error(b"\xff\x10\x04Too many"), Ok(ErrorOrProgress::Error(stateless)));
        assert_eq!(error(b"\xff\x10\x04"), Ok(ErrorOrProgress::Empty));
        assert_eq!(error(b"\xff\xff\xff\x01\x01\x02\x00\x10\x00\x04Copy"), Ok(ErrorOrProgress::Progress));
        assert_eq!(error(b"\xff\xff\xff\x01"), Err(Malformed));
    }

    #[test]
    fn the_first_packet_of_an_answer() {
        let columns = |count, definitions| Ok(Answer::Columns { count, definitions });
        assert_eq!(Answer::decode(b"\x03", true, false), columns(3, true));
        assert_eq!(Answer::decode(b"\x03\x00", true, true), columns(3, false));
        assert_eq!(Answer::decode(b"\x03\x01", true, true), columns(3, true));
        assert_eq!(Answer::decode(b"\xfb/tmp/x", true, true), Ok(Answer::LocalInfile(b"/tmp/x")));
        assert_eq!(Answer::decode(b"", true, true), Err(Malformed));
    }

    #[test]
    fn an_end_packet_is_short() {
        assert_eq!(EofPacket::decode(b"\xfe\x02\x00\x22\x00"), Some(EofPacket { warnings: 2, status: 0x22 }));
        assert_eq!(EofPacket::decode(b"\xfe\x00\x00\x00\x00\x00\x00\x00\x01"), None);
        assert_eq!(EofPacket::decode(b"\xfe"), Some(EofPacket::default()));
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes: Vec<u8>, track: bool, cache: bool) {
            let _ = Answer::decode(&bytes, track, cache);
            let _ = OkPacket::decode(&bytes, track);
            let _ = ErrorOrProgress::decode(&bytes);
            let _ = EofPacket::decode(&bytes);
        }
    }
}
