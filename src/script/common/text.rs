//! What every grammar of the language needs to look at a text: its end at a NUL, its spaces, places in it.

use bstr::ByteSlice;

use crate::script::common::charset::Charset;

/// The text before its first NUL: what the reference, whose texts are C strings, sees of it.
pub fn until_nul(text: &[u8]) -> &[u8] {
    &text[..text.find_byte(0).unwrap_or(text.len())]
}

/// The text behind its leading spaces of the character set.
pub fn trim_start(text: &[u8], charset: Charset) -> &[u8] {
    let spaces = text.iter().position(|&byte| !charset.is_space(byte)).unwrap_or(text.len());
    &text[spaces..]
}

/// The text before its trailing spaces of the character set.
pub fn trim_end(text: &[u8], charset: Charset) -> &[u8] {
    let end = text.iter().rposition(|&byte| !charset.is_space(byte)).map_or(0, |last| last + 1);
    &text[..end]
}

/// The text behind its leading blanks (20, no other space).
pub fn trim_blanks(text: &[u8]) -> &[u8] {
    let blanks = text.iter().position(|&byte| byte != b' ').unwrap_or(text.len());
    &text[blanks..]
}

/// Where a piece of a text is in it: for what is found once and used as often as a loop turns.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Span {
    start: u32,
    end: u32,
}

impl Span {
    /// The place of `piece`, which a grammar cut out of `text`. `None` for a piece of another text, and beyond
    /// 4 GiB.
    pub fn of(piece: &[u8], text: &[u8]) -> Option<Span> {
        if piece.is_empty() {
            return Some(Span::default());
        }
        let start = piece.as_ptr().addr().checked_sub(text.as_ptr().addr())?;
        let end = start.checked_add(piece.len()).filter(|&end| end <= text.len())?;
        Some(Span { start: start.try_into().ok()?, end: end.try_into().ok()? })
    }

    /// The piece of `text` that is there.
    pub fn of_text(self, text: &[u8]) -> &[u8] {
        text.get(self.start as usize..self.end as usize).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::script::common::charset::LATIN1;

    #[test]
    fn places() {
        let text = &b"let $a= 1"[..];
        for piece in [text, &text[4..6], &text[8..]] {
            assert_eq!(Span::of(piece, text).map(|span| span.of_text(text)), Some(piece));
        }
        assert_eq!(Span::of(&text[5..5], text).map(|span| span.of_text(text)), Some(&b""[..]));
        assert_eq!(Span::of(text, &text[1..]), None);
        assert_eq!(Span::of(text, &text[..3]), None);
    }

    #[test]
    fn spaces_and_the_end() {
        assert_eq!(until_nul(b"a\0b\0"), b"a");
        assert_eq!(until_nul(b"ab"), b"ab");
        assert_eq!(trim_start(b" \t\n\xa0a ", LATIN1), b"a ");
        assert_eq!(trim_end(b" a \t\xa0", LATIN1), b" a");
        assert_eq!(trim_end(b" \t", LATIN1), b"");
        assert_eq!(trim_blanks(b"  \ta"), b"\ta");
    }
}
