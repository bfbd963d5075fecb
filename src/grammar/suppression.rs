//! Calls in test scripts that say which lines of error logs are meant: `call mtr.add_suppression("PATTERN")` (runner §10.6).
//!
//! The pattern stands in a string of SQL, which takes a backslash away before it is a pattern: `\(` is `(`, which begins a group.

use bstr::{BString, ByteSlice};

/// One call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Suppression {
    /// 1-based line of its file on which the string begins.
    pub line: u32,
    /// Between its quotes, as written.
    pub written: BString,
    /// As the server gets it.
    pub pattern: BString,
}

/// Longer strings are not taken for patterns.
const LONGEST: usize = 4096;

/// The calls in a script, comments left out, whose argument is a string.
pub fn calls(text: &[u8]) -> Vec<Suppression> {
    let mut found = Vec::new();
    for at in text.find_iter("add_suppression") {
        let start = text[..at].rfind_byte(b'\n').map_or(0, |newline| newline + 1);
        if text[start..].trim_start().starts_with(b"#") {
            continue;
        }
        let rest = text[at + "add_suppression".len()..].trim_start();
        let Some(inside) = rest.strip_prefix(b"(").map(|rest| rest.trim_start()) else { continue };
        let Some((&quote, inside)) = inside.split_first().filter(|(quote, _)| b"'\"".contains(quote)) else {
            continue;
        };
        let Some(length) = end_of_string(inside, quote).filter(|length| *length <= LONGEST) else { continue };
        let written = &inside[..length];
        let offset = text.len() - inside.len();
        let line = text[..offset].iter().filter(|byte| **byte == b'\n').count() + 1;
        found.push(Suppression {
            line: u32::try_from(line).unwrap_or(u32::MAX),
            written: written.into(),
            pattern: unescaped(written, quote),
        });
    }
    found
}

/// Where the string ends that began before `text`; a doubled quote is a quote.
fn end_of_string(text: &[u8], quote: u8) -> Option<usize> {
    let mut at = 0;
    while let Some(&byte) = text.get(at) {
        match byte {
            b'\\' => at += 2,
            _ if byte == quote && text.get(at + 1) == Some(&quote) => at += 2,
            _ if byte == quote => return Some(at),
            _ => at += 1,
        }
    }
    None
}

/// What a string of SQL means, without `NO_BACKSLASH_ESCAPES`.
fn unescaped(written: &[u8], quote: u8) -> BString {
    let mut out = BString::default();
    let mut bytes = written.iter().copied().peekable();
    while let Some(byte) = bytes.next() {
        if byte == quote && bytes.peek() == Some(&quote) {
            bytes.next();
        }
        if byte != b'\\' {
            out.push(byte);
            continue;
        }
        let Some(escaped) = bytes.next() else { break };
        match escaped {
            b'n' => out.push(b'\n'),
            b't' => out.push(b'\t'),
            b'r' => out.push(b'\r'),
            b'0' => out.push(0),
            b'b' => out.push(8),
            b'Z' => out.push(26),
            // These stay as they are, for LIKE.
            b'%' | b'_' => out.extend_from_slice(&[b'\\', escaped]),
            other => out.push(other),
        }
    }
    out
}

impl Suppression {
    /// What stands behind a single backslash that SQL takes away and that was meant for the pattern: a bracket, an operator, a
    /// class. A dot is left out, which matches itself all the same.
    pub fn lost(&self) -> Option<u8> {
        let mut bytes = self.written.iter().copied();
        while let Some(byte) = bytes.next() {
            if byte == b'\\' {
                let escaped = bytes.next()?;
                if b"()[]{}*+?^$|dDwWsSB".contains(&escaped) {
                    return Some(escaped);
                }
            }
        }
        None
    }

    /// The string with each lost backslash doubled.
    pub fn mended(&self) -> BString {
        let mut out = BString::default();
        let mut bytes = self.written.iter().copied();
        while let Some(byte) = bytes.next() {
            out.push(byte);
            if byte != b'\\' {
                continue;
            }
            let Some(escaped) = bytes.next() else { break };
            if b"()[]{}*+?^$|dDwWsSB".contains(&escaped) {
                out.push(b'\\');
            }
            out.push(escaped);
        }
        out
    }

    /// What was meant: the pattern of the mended string.
    pub fn meant(&self) -> BString {
        unescaped(&self.mended(), 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_found_with_their_lines() {
        let text = br#"
call mtr.add_suppression("Odd \(thing\)");
# call mtr.add_suppression("never");
call mtr.add_suppression('a\\(b''c');
  CALL mtr . add_suppression ( "two
lines" );
eval call mtr.add_suppression($x);
call mtr.add_suppression("never ends);
"#;
        let found = calls(text);
        let told: Vec<(u32, String, String)> = found
            .iter()
            .map(|call| (call.line, call.written.to_string(), call.pattern.to_string()))
            .collect();
        let expected = [
            (2, r"Odd \(thing\)", "Odd (thing)"),
            (4, r"a\\(b''c", r"a\(b'c"),
            (5, "two\nlines", "two\nlines"),
        ];
        assert_eq!(told, expected.map(|(line, a, b)| (line, a.to_owned(), b.to_owned())));
    }

    #[test]
    fn a_backslash_that_sql_takes_away_is_lost() {
        let one = |text: &str| calls(format!("call mtr.add_suppression(\"{text}\")").as_bytes()).remove(0);
        let lost = one(r"Odd \(thing\) \. \d+");
        assert_eq!(lost.lost(), Some(b'('));
        assert_eq!(lost.mended(), r"Odd \\(thing\\) \. \\d+");
        assert_eq!(lost.meant(), r"Odd \(thing\) . \d+");
        for fine in [r"Odd \\(thing\\)", r"a\.b", r"a\'b", "plain"] {
            assert_eq!(one(fine).lost(), None, "{fine}");
        }
    }
}
