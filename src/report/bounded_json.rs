//! JSON whose strings have a bound: of longer ones the beginning and the end are written, and the rest is counted.

use std::io;

use serde_json::ser::{CharEscape, CompactFormatter, Formatter};

use crate::report::text;

/// A formatter that bounds each string to [`text::MOST`] bytes.
#[derive(Debug, Default)]
pub struct Bounded {
    /// Bytes of the string that were written.
    written: usize,
    /// What follows them: its end, never much more than what is kept of that.
    end: String,
    /// Bytes that went from the beginning of `end`.
    dropped: u64,
    left_out: u64,
}

/// How much is kept of the beginning and of the end, in bytes.
const HALF: usize = text::MOST / 2;

impl Bounded {
    /// How many bytes of strings were left out so far.
    pub fn left_out(&self) -> u64 {
        self.left_out
    }

    /// Takes the next part of the string where its beginning is full.
    fn keep(&mut self, part: &str) {
        self.end.push_str(part);
        // As long as all of it may have room, nothing goes.
        if self.end.len() > text::MOST + HALF {
            self.drop_to(HALF);
        }
    }

    fn drop_to(&mut self, length: usize) {
        let mut at = self.end.len().saturating_sub(length);
        while !self.end.is_char_boundary(at) {
            at += 1;
        }
        self.end.drain(..at);
        self.dropped += at as u64;
    }
}

impl Formatter for &mut Bounded {
    fn begin_string<W: ?Sized + io::Write>(&mut self, out: &mut W) -> io::Result<()> {
        (self.written, self.dropped) = (0, 0);
        self.end.clear();
        CompactFormatter.begin_string(out)
    }

    fn write_string_fragment<W: ?Sized + io::Write>(&mut self, out: &mut W, part: &str) -> io::Result<()> {
        let mut room = HALF.saturating_sub(self.written).min(part.len());
        while !part.is_char_boundary(room) {
            room -= 1;
        }
        let room = if self.end.is_empty() && self.dropped == 0 { room } else { 0 };
        out.write_all(&part.as_bytes()[..room])?;
        self.written += room;
        if room < part.len() {
            self.keep(&part[room..]);
        }
        Ok(())
    }

    fn write_char_escape<W: ?Sized + io::Write>(
        &mut self,
        out: &mut W,
        escape: CharEscape,
    ) -> io::Result<()> {
        if self.written < HALF && self.end.is_empty() && self.dropped == 0 {
            self.written += 1;
            return CompactFormatter.write_char_escape(out, escape);
        }
        let character = match escape {
            CharEscape::Quote => '"',
            CharEscape::ReverseSolidus => '\\',
            CharEscape::Solidus => '/',
            CharEscape::Backspace => '\x08',
            CharEscape::FormFeed => '\x0C',
            CharEscape::LineFeed => '\n',
            CharEscape::CarriageReturn => '\r',
            CharEscape::Tab => '\t',
            CharEscape::AsciiControl(byte) => char::from(byte),
        };
        self.keep(character.encode_utf8(&mut [0; 4]));
        Ok(())
    }

    fn end_string<W: ?Sized + io::Write>(&mut self, out: &mut W) -> io::Result<()> {
        if self.dropped > 0 || self.written + self.end.len() > text::MOST {
            self.drop_to(HALF);
        }
        let mut rest = String::new();
        if self.dropped > 0 {
            self.left_out += self.dropped;
            rest = text::left_out(self.dropped);
        }
        rest.push_str(&self.end);
        if !rest.is_empty() {
            let quoted = serde_json::to_string(&rest)?;
            out.write_all(&quoted.as_bytes()[1..quoted.len() - 1])?;
        }
        CompactFormatter.end_string(out)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use serde::Serialize as _;

    use super::*;

    fn written(text: &str) -> (String, u64) {
        let (mut out, mut bounded) = (Vec::new(), Bounded::default());
        text.serialize(&mut serde_json::Serializer::with_formatter(&mut out, &mut bounded)).unwrap();
        (serde_json::from_slice(&out).unwrap(), bounded.left_out())
    }

    #[test]
    fn what_has_room_is_whole() {
        for unit in ["x", "\0", "\"", "\\n\n", "ä", "\u{1F600}a"] {
            for length in [0, 1, HALF - 3, HALF, text::MOST - 4] {
                let text: String =
                    unit.chars().cycle().take(length / unit.len() * unit.chars().count()).collect();
                assert_eq!(written(&text), (text.clone(), 0), "{unit:?} {length}");
            }
        }
    }

    #[test]
    fn beginning_and_end_are_kept_and_the_rest_is_counted() {
        for unit in ["x", "\n", "ä", "\u{1F600}\t", "ab\"\\"] {
            for times in [text::MOST, 5 * text::MOST + 3] {
                let whole = format!("begin {}end", unit.repeat(times));
                let (text, left_out) = written(&whole);
                let marker = text::left_out(left_out);
                let (begin, end) = text.split_once(&marker).unwrap();
                assert!(whole.starts_with(begin) && whole.ends_with(end));
                assert!(begin.len() <= HALF && end.len() <= HALF && begin.len() + end.len() > text::MOST - 8);
                assert_eq!(begin.len() + end.len() + usize::try_from(left_out).unwrap(), whole.len());
            }
        }
    }
}
