//! What goes wrong in a script, in the reference's own words.

use std::fmt;

use bstr::{BString, ByteSlice};

/// A complaint about a script, in the text that the reference prints after `At line N: `.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScriptError {
    /// The text, without prefix and without a final newline. It may quote bytes of the script.
    pub message: BString,
    /// Whether `--continue-on-error` lets the run go on.
    pub kind: Kind,
}

/// How final a [`ScriptError`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The run always stops.
    Die,
    /// With `--continue-on-error` the message goes to the result and the run goes on; else the run stops.
    Report,
}

impl ScriptError {
    /// A complaint that always stops the run.
    pub fn die(message: impl Into<BString>) -> Self {
        ScriptError { message: message.into(), kind: Kind::Die }
    }

    /// A complaint that `--continue-on-error` survives.
    pub fn report(message: impl Into<BString>) -> Self {
        ScriptError { message: message.into(), kind: Kind::Report }
    }

    /// A complaint that always stops the run: the pieces one after the other, for texts which quote a script.
    pub fn die_with(pieces: &[&[u8]]) -> Self {
        ScriptError::die(pieces.concat())
    }

    /// As [`ScriptError::die_with`], for a complaint that `--continue-on-error` survives.
    pub fn report_with(pieces: &[&[u8]]) -> Self {
        ScriptError::report(pieces.concat())
    }
}

impl fmt::Display for ScriptError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.message.as_bstr())
    }
}

impl std::error::Error for ScriptError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_stay_bytes() {
        let error = ScriptError::die_with(&[b"Missing required argument '", b"\xe9", b"'"]);
        assert_eq!(error.message, &b"Missing required argument '\xe9'"[..]);
        assert_eq!(error.kind, Kind::Die);
        assert_eq!(ScriptError::report("x").kind, Kind::Report);
    }
}
