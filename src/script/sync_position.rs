//! The arguments of `sync_with_master` (spec §10.8).

use crate::script::common::charset::Charset;
use crate::script::common::message::ScriptError;
use crate::script::common::text::{trim_start, until_nul};
use crate::script::string_token;

/// For what a replica is to wait.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SyncPosition {
    /// Bytes to add to the saved position, modulo 2^64.
    pub offset: u64,
    /// The name of the replica's connection to its primary; empty for the default one.
    pub connection: Vec<u8>,
}

/// Parses `[offset][,'connection']`; what follows either of them behind a space is ignored.
/// `command` is the whole command, for the message.
///
/// # Errors
/// `Invalid integer argument "…"`, `Wrong string argument in …`.
pub fn parse(arguments: &[u8], command: &[u8], charset: Charset) -> Result<SyncPosition, ScriptError> {
    let text = until_nul(arguments);
    let end = text.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(text.len());
    let (digits, rest) = text.split_at(end);
    if rest.first().is_some_and(|&byte| byte != b',' && !charset.is_space(byte)) {
        return Err(ScriptError::die_with(&[b"Invalid integer argument \"", text, b"\""]));
    }
    let offset = digits
        .iter()
        .fold(0u64, |offset, digit| offset.wrapping_mul(10).wrapping_add(u64::from(digit - b'0')));
    let connection = match trim_start(rest, charset).strip_prefix(b",") {
        Some(name) => string_token::read(trim_start(name, charset), until_nul(command))?.0,
        None => Vec::new(),
    };
    Ok(SyncPosition { offset, connection })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::script::common::charset::LATIN1;

    #[track_caller]
    fn is(text: &[u8], offset: u64, connection: &[u8]) {
        let expected = SyncPosition { offset, connection: connection.to_vec() };
        assert_eq!(parse(text, b"c", LATIN1), Ok(expected));
    }

    #[test]
    fn positions() {
        is(b"", 0, b"");
        is(b"05", 5, b"");
        is(b"5 x", 5, b"");
        is(b"5\n", 5, b"");
        is(b",'c'", 0, b"c");
        is(b"5 ,  \"c\" # x", 5, b"c");
        is(b"5,", 5, b"");
        is(b"5,c d", 5, b"c");
        is(b"5,'c", 5, b"c");
        is(b"5,'$t'", 5, b"$t");
        is(b"99999999999999999999", 7766279631452241919, b"");
    }

    #[test]
    fn malformed() {
        let complaint = |text| parse(text, b"cmd", LATIN1).unwrap_err().message;
        for text in ["$a", "5x", "-5", "+5", "'c'", "# x", "5;"] {
            let message = format!("Invalid integer argument \"{text}\"");
            assert_eq!(complaint(text.as_bytes()), message);
        }
        assert_eq!(complaint(b"5,'c'x"), "Wrong string argument in cmd");
        assert_eq!(complaint(b"5,'c'\n"), "Wrong string argument in cmd");
    }
}
