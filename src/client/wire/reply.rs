//! Packets of the server that are errors, as the errors they are.

use crate::client::wire::error::{ClientError, code};
use crate::client::wire::packet::{ErrorOrProgress, Malformed};

/// The error of an error packet; `None` if it is a progress report.
pub(in crate::client) fn server_error(packet: &[u8]) -> Option<ClientError> {
    match ErrorOrProgress::decode(packet) {
        Ok(ErrorOrProgress::Progress) => None,
        Ok(ErrorOrProgress::Empty) => Some(ClientError::with(code::UNKNOWN, &[b"2000"])),
        // Numbers of the client's own range cannot come from a server.
        Ok(ErrorOrProgress::Error(error)) if matches!(error.code, 2001..=2026 | 2028..=2061 | 5001..=5026) => {
            Some(ClientError::client(code::MALFORMED))
        }
        Ok(ErrorOrProgress::Error(error)) => {
            Some(ClientError::new(u32::from(error.code), error.sqlstate, error.message))
        }
        Err(Malformed) => Some(ClientError::client(code::MALFORMED)),
    }
}

/// A packet that is not what the protocol says.
pub(in crate::client) fn malformed(_: Malformed) -> ClientError {
    ClientError::client(code::MALFORMED)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn errors_of_the_server() {
        let error = server_error(b"\xff\x15\x04#28000Access denied").unwrap();
        assert_eq!(error.to_string(), "1045 (28000): Access denied");
        let error = server_error(b"\xff\x10\x04Too many connections").unwrap();
        assert_eq!(error.to_string(), "1040 (HY000): Too many connections");
        assert_eq!(server_error(b"\xff\xff\xff\x01\x01\x02\x10\x10\x10\x01a"), None);
    }

    #[test]
    fn errors_that_a_server_cannot_have() {
        for number in [2001u16, 2013, 2061, 5001, 5013, 5026] {
            let packet = [&b"\xff"[..], &number.to_le_bytes(), b"#08004gone"].concat();
            assert_eq!(server_error(&packet).unwrap().code, code::MALFORMED);
        }
        let empty = server_error(b"\xff").unwrap();
        assert_eq!(empty.to_string(), "2000 (HY000): Unknown or undefined error code (2000)");
    }
}
