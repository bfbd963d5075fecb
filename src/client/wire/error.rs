//! Errors as the C client library reports them: number, SQLSTATE, text; and the texts of its own numbers.

use std::fmt;

use bstr::{BStr, BString, ByteSlice};

/// Longest message that is kept; the rest of a longer one is cut (spec §15.1).
pub const MESSAGE_MAX: usize = 511;

/// An error of the server or of the client itself, as the C API's `mysql_errno`, `mysql_sqlstate`
/// and `mysql_error` would tell it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientError {
    /// The number: the server's, or 2000–2999 and 5000–5999 for the client's own.
    pub code: u32,
    /// Five characters; `HY000` for the client's own errors.
    pub sqlstate: BString,
    /// The text, at most 511 bytes, in the session's character set.
    pub message: BString,
}

/// The client's own error numbers.
#[allow(missing_docs, reason = "the table of texts beside them says what each one means")]
pub mod code {
    pub const UNKNOWN: u32 = 2000;
    pub const SOCKET_CREATE: u32 = 2001;
    pub const CONNECTION: u32 = 2002;
    pub const CONNECT_HOST: u32 = 2003;
    pub const UNKNOWN_HOST: u32 = 2005;
    pub const SERVER_GONE: u32 = 2006;
    pub const VERSION: u32 = 2007;
    pub const HANDSHAKE: u32 = 2012;
    pub const SERVER_LOST: u32 = 2013;
    pub const OUT_OF_SYNC: u32 = 2014;
    pub const PACKET_TOO_LARGE: u32 = 2020;
    pub const TLS: u32 = 2026;
    pub const MALFORMED: u32 = 2027;
    pub const NOT_PREPARED: u32 = 2030;
    pub const PARAMS_NOT_BOUND: u32 = 2031;
    pub const DATA_TRUNCATED: u32 = 2032;
    pub const INVALID_PARAMETER: u32 = 2034;
    pub const UNSUPPORTED_TYPE: u32 = 2036;
    pub const WRONG_PROTOCOL: u32 = 2047;
    pub const SECURE_AUTH: u32 = 2049;
    pub const NO_DATA: u32 = 2051;
    pub const NO_METADATA: u32 = 2052;
    pub const NOT_IMPLEMENTED: u32 = 2054;
    pub const STATEMENT_CLOSED: u32 = 2056;
    pub const COLUMNS_CHANGED: u32 = 2057;
    pub const PLUGIN_LOAD: u32 = 2059;
    pub const UNSUPPORTED_BY_SERVER: u32 = 5003;
    pub const FILE_NOT_FOUND: u32 = 5004;
    pub const FILE_READ: u32 = 5005;
    pub const PLUGIN_NOT_ALLOWED: u32 = 5010;
}

/// The texts, by number; `%s` and `%d` stand for the arguments (spec §15.2).
const TEXTS: &[(u32, &str)] = &[
    (2000, "Unknown or undefined error code (%d)"),
    (2001, "Can't create UNIX socket (%d)"),
    (2002, "Can't connect to local server through socket '%s' (%d)"),
    (2003, "Can't connect to server on '%s' (%d)"),
    (2004, "Can't create TCP/IP socket (%d)"),
    (2005, "Unknown server host '%s' (%d)"),
    (2006, "Server has gone away"),
    (2007, "Protocol mismatch. Server Version = %d Client Version = %d"),
    (2008, "Client run out of memory"),
    (2012, "Error in server handshake"),
    (2013, "Lost connection to server during query"),
    (2014, "Commands out of sync; you can't run this command now"),
    (2019, "Can't initialize character set %s (path: %s)"),
    (2020, "Got packet bigger than 'max_allowed_packet'"),
    (2026, "TLS/SSL error: %s"),
    (2027, "Received malformed packet"),
    (2030, "Statement is not prepared"),
    (2031, "No data supplied for parameters in prepared statement"),
    (2032, "Data truncated"),
    (2034, "Invalid parameter number"),
    (2036, "Buffer type is not supported"),
    (2047, "Wrong or unknown protocol"),
    (2049, "Connection with old authentication protocol refused."),
    (2051, "Attempt to read column without prior row fetch"),
    (2052, "Prepared statement contains no metadata"),
    (2054, "This feature is not implemented or disabled"),
    (2055, "Lost connection to server at '%s', system error: %d"),
    (2056, "Server closed statement due to a prior %s function call"),
    (2057, "The number of parameters in bound buffers differs from number of columns in resultset"),
    (2058, "Can't connect twice. Already connected"),
    (2059, "Plugin %s could not be loaded: %s"),
    (2060, "An attribute with same name already exists"),
    (2061, "Plugin doesn't support this function"),
    (5000, "Creating an event failed (Errorcode: %d)"),
    (5002, "Connection type doesn't support asynchronous IO operations"),
    (5003, "Server doesn't support function '%s'"),
    (5004, "File '%s' not found (Errcode: %d)"),
    (5005, "Error reading file '%s' (Errcode: %d)"),
    (5007, "Invalid statement handle"),
    (5010, "Authentication plugin '%s' couldn't be found in restricted_auth plugin list."),
    (5012, "Error while loading plugin '%s'"),
    (5013, "Read error: %s (%d)"),
    (5014, "Write error: %s (%d)"),
    (5026, "Server returned an error packet without further information"),
];

/// Handshake steps named in error 2055's text, which is reported with number 2013.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::client) enum Step {
    /// Waiting for the server's first packet.
    Greeting,
    /// Sending the request for TLS.
    SendInformation,
    /// Sending the login packet or an answer of a plugin.
    SendAuthentication,
    /// Waiting for the server's verdict.
    Authorization,
}

impl Step {
    fn text(self) -> &'static str {
        match self {
            Step::Greeting => "handshake: reading initial communication packet",
            Step::SendInformation => "sending connection information to server",
            Step::SendAuthentication => "sending authentication information",
            Step::Authorization => "reading authorization packet",
        }
    }
}

impl ClientError {
    /// An error with this number, state and text; the text ends at 511 bytes and at its first NUL.
    pub fn new(code: u32, sqlstate: &[u8], message: &[u8]) -> Self {
        let end = message.find_byte(0).unwrap_or(message.len()).min(MESSAGE_MAX);
        ClientError { code, sqlstate: sqlstate.into(), message: message[..end].into() }
    }

    /// One of the client's own errors whose text has no arguments.
    pub fn client(code: u32) -> Self {
        Self::with(code, &[])
    }

    /// One of the client's own errors; `arguments` replace the `%s` and `%d` of its text in order.
    pub fn with(code: u32, arguments: &[&[u8]]) -> Self {
        ClientError::new(code, b"HY000", &fill(text(code), arguments))
    }

    /// The connection was lost at `step` of the handshake: number 2013 with the text of 2055.
    pub(in crate::client) fn lost_at(step: Step, errno: i32) -> Self {
        let text = fill(text(2055), &[step.text().as_bytes(), errno.to_string().as_bytes()]);
        ClientError::new(code::SERVER_LOST, b"HY000", &text)
    }
}

/// The text of one of the client's own numbers; that of 2000 for an unknown one.
pub fn text(code: u32) -> &'static str {
    let at = TEXTS.binary_search_by_key(&code, |(number, _)| *number).unwrap_or(0);
    TEXTS[at].1
}

/// Puts `arguments` in the places of `%s` and `%d`; a missing one leaves nothing.
fn fill(text: &str, arguments: &[&[u8]]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len() + 64);
    let mut arguments = arguments.iter();
    let mut rest = text.as_bytes();
    while let Some(at) = rest.find_byte(b'%') {
        out.extend_from_slice(&rest[..at]);
        out.extend_from_slice(arguments.next().copied().unwrap_or_default());
        rest = rest.get(at + 2..).unwrap_or_default();
    }
    out.extend_from_slice(rest);
    out
}

impl fmt::Display for ClientError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}): {}", self.code, self.sqlstate, BStr::new(&self.message))
    }
}

impl std::error::Error for ClientError {}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_texts_are_sorted_and_filled() {
        assert!(TEXTS.is_sorted_by_key(|(number, _)| *number));
        let error = ClientError::with(code::CONNECTION, &[b"/no/such", b"2"]);
        assert_eq!(error.message, "Can't connect to local server through socket '/no/such' (2)");
        assert_eq!(error.sqlstate, "HY000");
    }

    #[test]
    fn a_long_message_is_cut_and_ends_at_a_nul() {
        assert_eq!(ClientError::new(1, b"42000", &[b'x'; 600]).message.len(), 511);
        assert_eq!(ClientError::new(1, b"42000", b"ab\0cd").message, "ab");
    }

    #[test]
    fn a_loss_in_the_handshake_has_number_2013() {
        let error = ClientError::lost_at(Step::Authorization, 104);
        assert_eq!(error.code, 2013);
        assert_eq!(
            error.message,
            "Lost connection to server at 'reading authorization packet', system error: 104"
        );
    }
}
