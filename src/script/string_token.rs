//! The quoted or bare strings of `replace_result`, `replace_column` and `sync_with_master` (spec §9.6).

use crate::script::common::message::ScriptError;
use crate::script::common::text::trim_blanks;

/// Reads the string at the start of `text`; returns it and the text behind it and the blanks that follow.
///
/// A string is quoted with `'` or `"`, where the doubled quote stands for itself, or goes on to the next blank. In
/// both forms a backslash makes `n`, `t`, `r`, `b` and `Z` a control character and takes the meaning from any
/// other byte. The end of the text ends both forms too. `command` is the whole command, for the message.
///
/// # Errors
/// `Wrong string argument in <command>` if something other than a blank follows a closing quote.
pub fn read<'a>(text: &'a [u8], command: &[u8]) -> Result<(Vec<u8>, &'a [u8]), ScriptError> {
    let (quote, mut rest) = match text.split_first() {
        Some((&quote @ (b'\'' | b'"'), rest)) => (Some(quote), rest),
        _ => (None, text),
    };
    let mut token = Vec::new();
    loop {
        match rest {
            [] | [0, ..] => return Ok((token, &[])),
            [b'\\', byte, after @ ..] if *byte != 0 => {
                token.push(control(*byte));
                rest = after;
            }
            [byte, after @ ..] if Some(*byte) == quote => match after {
                [again, after @ ..] if again == byte => {
                    token.push(*byte);
                    rest = after;
                }
                [] | [b' ' | 0, ..] => return Ok((token, trim_blanks(after))),
                _ => return Err(ScriptError::die_with(&[b"Wrong string argument in ", command])),
            },
            [b' ', ..] if quote.is_none() => return Ok((token, trim_blanks(rest))),
            [byte, after @ ..] => {
                token.push(*byte);
                rest = after;
            }
        }
    }
}

/// What a byte behind a backslash stands for.
fn control(byte: u8) -> u8 {
    match byte {
        b'n' => b'\n',
        b't' => b'\t',
        b'r' => b'\r',
        b'b' => 0x08,
        b'Z' => 0x1a,
        other => other,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[track_caller]
    fn reads(text: &[u8], token: &[u8], rest: &[u8]) {
        assert_eq!(read(text, b"command"), Ok((token.to_vec(), rest)));
    }

    #[test]
    fn bare() {
        reads(b"A X", b"A", b"X");
        reads(b"A\tX   Y", b"A\tX", b"Y");
        reads(b"X'Y' Z", b"X'Y'", b"Z");
        reads(br"\\ /", br"\", b"/");
        reads(br"X\n\t\r\b\Z\z\x41", b"X\n\t\r\x08\x1azx41", b"");
        reads(br"X\", br"X\", b"");
        reads(br"A\ B", b"A B", b"");
        reads(b"A\0 B", b"A", b"");
    }

    #[test]
    fn quoted() {
        reads(b"'A B' X", b"A B", b"X");
        reads(b"\"A\"\"B\"", b"A\"B", b"");
        reads(b"'A'''", b"A'", b"");
        reads(br"'X\'Y'", b"X'Y", b"");
        reads(b"'X", b"X", b"");
        reads(b"'' x", b"", b"x");
        assert_eq!(read(b"'A'X", b"command").unwrap_err().message, "Wrong string argument in command");
        assert_eq!(read(b"'A'\tX", b"command").unwrap_err().message, "Wrong string argument in command");
    }
}
