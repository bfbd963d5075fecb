//! What every grammar of the language needs to look at a text: its end at a NUL, its spaces.

use bstr::ByteSlice;

use super::charset::Charset;

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

#[cfg(test)]
mod tests {
    use super::super::charset::LATIN1;
    use super::*;

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
