//! The character sets that `character_set` knows: which bytes are space, which belong to a variable's
//! name, how long a character is, and how `lowercase_result` maps a byte.
//!
//! The language reads its files as bytes. The current character set, latin1 at the start, decides
//! only these few questions (spec §2.1), so a set is a handful of byte tables and a rule for the
//! length of a character.

use crate::script::common::charset_table::{ASCII_UPPER, Characters, LATIN1_AT, TABLE};

/// A character set of the language; a small number, cheap to copy and to compare.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Charset(u8);

/// The character set in force before the first `character_set`: latin1, whose space class holds byte A0.
pub const LATIN1: Charset = Charset(LATIN1_AT);

impl Charset {
    /// The set of that name, in any case; `utf8` is utf8mb3. `None` where the reference would skip the
    /// test with `Test requires charset '<name>'`.
    ///
    /// utf16, utf16le and utf32 are not there: the reference dies of a signal on its next command.
    pub fn named(name: &[u8]) -> Option<Charset> {
        let name = if name.eq_ignore_ascii_case(b"utf8") { b"utf8mb3" } else { name };
        let at = TABLE.iter().position(|facts| facts.name.as_bytes().eq_ignore_ascii_case(name))?;
        u8::try_from(at).ok().map(Charset)
    }

    /// All sets, sorted by name.
    pub fn all() -> impl Iterator<Item = Charset> {
        (0u8..).take(TABLE.len()).map(Charset)
    }

    /// The server's name of the set, in lower case.
    pub fn name(self) -> &'static str {
        self.facts().name
    }

    /// The number of the set's default collation, which a client sends in its handshake (spec §15.1).
    pub fn collation_id(self) -> u8 {
        self.facts().collation
    }

    /// Whether `byte` is a space of this set: 09 to 0D, 20, and in some sets A0 or FF.
    #[inline]
    pub fn is_space(self, byte: u8) -> bool {
        matches!(byte, 0x09..=0x0d | 0x20) || self.facts().space == Some(byte)
    }

    /// Whether `byte` is a letter or a digit. A variable's name may hold `_` too, which is neither.
    #[inline]
    pub fn is_alnum(self, byte: u8) -> bool {
        self.facts().alnum[usize::from(byte >> 6)] >> (byte & 63) & 1 == 1
    }

    /// Whether a character of this set may be longer than one byte.
    #[inline]
    pub fn is_multibyte(self) -> bool {
        self.facts().characters != Characters::SingleByte
    }

    /// The length in bytes of the character at the start of `text`; `None` if no whole, valid
    /// character of this set starts there.
    #[inline]
    pub fn char_len(self, text: &[u8]) -> Option<usize> {
        let len = self.facts().characters.len(text);
        (len > 0).then_some(len)
    }

    /// Maps every byte by the set's table of lower-case letters, in place (`lowercase_result`, spec
    /// §9.8). Bytes inside multibyte characters are mapped too, as the reference does.
    pub fn lower(self, text: &mut [u8]) {
        let runs = self.facts().lower;
        if runs == ASCII_UPPER {
            text.make_ascii_lowercase();
            return;
        }
        let mut map = [0u8; 256];
        for (byte, mapped) in (0u8..=255).zip(&mut map) {
            *mapped = byte;
        }
        for &(first, last, distance) in runs {
            for byte in first..=last {
                map[usize::from(byte)] = (i16::from(byte) + distance) as u8;
            }
        }
        for byte in text {
            *byte = map[usize::from(*byte)];
        }
    }

    fn facts(self) -> &'static super::charset_table::Facts {
        &TABLE[usize::from(self.0)]
    }
}

/// Whether two texts name one variable: equal in latin1_swedish_ci, whatever the current set is (spec §4.1).
pub fn same_name(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(&a, &b)| fold(a) == fold(b))
}

/// The key under which a variable's name is stored: equal for all texts that [`same_name`] holds equal. Keys order
/// as the names do in latin1_swedish_ci.
pub fn name_key(name: &[u8]) -> Vec<u8> {
    name.iter().map(|&byte| fold(byte)).collect()
}

/// Replaces the contents of `key` by the [`name_key`] of `name`, for callers that look up many names.
pub fn name_key_into(key: &mut Vec<u8>, name: &[u8]) {
    key.clear();
    key.extend(name.iter().map(|&byte| fold(byte)));
}

/// The weight of a byte in latin1_swedish_ci.
#[inline]
fn fold(byte: u8) -> u8 {
    static WEIGHTS: [u8; 256] = {
        let mut weights = [0; 256];
        let mut byte = 0;
        while byte < 256 {
            weights[byte] = weight(byte as u8);
            byte += 1;
        }
        weights
    };
    WEIGHTS[usize::from(byte)]
}

/// The weight of a byte in latin1_swedish_ci: letters without case and accent, except the letters of the
/// Swedish alphabet.
const fn weight(byte: u8) -> u8 {
    match byte {
        b'a'..=b'z' => byte - 32,
        0xc0..=0xc3 | 0xe0..=0xe3 => b'A',
        0xc4 | 0xc6 | 0xe4 | 0xe6 => b'\\',
        0xc5 | 0xe5 => b'[',
        0xc7 | 0xe7 => b'C',
        0xc8..=0xcb | 0xe8..=0xeb => b'E',
        0xcc..=0xcf | 0xec..=0xef => b'I',
        0xd0 | 0xf0 => b'D',
        0xd1 | 0xf1 => b'N',
        0xd2..=0xd5 | 0xf2..=0xf5 => b'O',
        0xd6 | 0xf6 => b']',
        0xd9..=0xdb | 0xf9..=0xfb => b'U',
        0xdc | 0xdd | 0xfc | 0xfd => b'Y',
        0xf8 | 0xfe => byte - 32,
        _ => byte,
    }
}

impl Characters {
    /// The length of the first character of `text`, 0 if there is no whole, valid one.
    fn len(self, text: &[u8]) -> usize {
        let Some(&head) = text.first() else { return 0 };
        if self == Characters::Ucs2 {
            return if text.len() >= 2 { 2 } else { 0 };
        }
        if head < 0x80 || self == Characters::SingleByte {
            return 1;
        }
        let pair = |heads: bool, tails: fn(u8) -> bool| match text.get(1) {
            Some(&tail) if heads && tails(tail) => 2,
            _ => 0,
        };
        match self {
            Characters::Sjis if matches!(head, 0xa1..=0xdf) => 1,
            Characters::Sjis => pair(
                matches!(head, 0x81..=0x9f | 0xe0..=0xfc),
                |tail| matches!(tail, 0x40..=0x7e | 0x80..=0xfc),
            ),
            Characters::Gbk => {
                pair(matches!(head, 0x81..=0xfe), |tail| matches!(tail, 0x40..=0x7e | 0x80..=0xfe))
            }
            Characters::Big5 => {
                pair(matches!(head, 0xa1..=0xf9), |tail| matches!(tail, 0x40..=0x7e | 0xa1..=0xfe))
            }
            Characters::EucKr => pair(
                matches!(head, 0x81..=0xfe),
                |tail| matches!(tail, 0x41..=0x5a | 0x61..=0x7a | 0x81..=0xfe),
            ),
            Characters::Gb2312 => pair(matches!(head, 0xa1..=0xf7), |tail| matches!(tail, 0xa1..=0xfe)),
            Characters::EucJp => match (head, text.get(1), text.get(2)) {
                (0x8e, Some(0xa1..=0xdf), _) => 2,
                (0x8f, Some(0xa1..=0xfe), Some(0xa1..=0xfe)) => 3,
                (0xa1..=0xfe, Some(0xa1..=0xfe), _) => 2,
                _ => 0,
            },
            Characters::Utf8mb3 | Characters::Utf8mb4 => utf8(text, self == Characters::Utf8mb4),
            Characters::Ucs2 | Characters::SingleByte => 1,
        }
    }
}

/// The length of a UTF-8 character as the server takes it: no overlong form, surrogates allowed.
fn utf8(text: &[u8], four: bool) -> usize {
    let continuation = |at: usize| text.get(at).is_some_and(|byte| matches!(byte, 0x80..=0xbf));
    let Some(&second) = text.get(1) else { return 0 };
    match (text[0], second) {
        (0xc2..=0xdf, 0x80..=0xbf) => 2,
        (0xe0, 0xa0..=0xbf) | (0xe1..=0xef, 0x80..=0xbf) if continuation(2) => 3,
        (0xf0, 0x90..=0xbf) | (0xf1..=0xf3, 0x80..=0xbf) | (0xf4, 0x80..=0x8f)
            if four && continuation(2) && continuation(3) =>
        {
            4
        }
        _ => 0,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn set(name: &str) -> Charset {
        Charset::named(name.as_bytes()).unwrap()
    }

    #[test]
    fn names_in_any_case_and_utf8() {
        assert_eq!(set("LATIN1"), LATIN1);
        assert_eq!(LATIN1.name(), "latin1");
        assert_eq!(set("utf8"), set("utf8mb3"));
        assert_eq!(Charset::named(b"latin1_swedish_ci"), None);
        assert_eq!(Charset::named(b"utf16"), None);
        assert_eq!(Charset::named(b""), None);
    }

    #[test]
    fn table_is_sorted() {
        assert!(TABLE.is_sorted_by(|a, b| a.name < b.name));
        assert_eq!(Charset::all().count(), 38);
    }

    #[test]
    fn collations_of_the_handshake() {
        let ids =
            ["latin1", "utf8", "utf8mb4", "sjis", "cp932", "gbk", "big5"].map(|n| set(n).collation_id());
        assert_eq!(ids, [8, 33, 45, 13, 95, 28, 1]);
    }

    #[test]
    fn spaces() {
        let spaces = |c: Charset| (0u8..=255).filter(|&b| c.is_space(b)).collect::<Vec<_>>();
        assert_eq!(spaces(LATIN1), [9, 10, 11, 12, 13, 0x20, 0xa0]);
        assert_eq!(spaces(set("utf8mb4")), [9, 10, 11, 12, 13, 0x20]);
        assert_eq!(spaces(set("cp866")), [9, 10, 11, 12, 13, 0x20, 0xff]);
    }

    #[test]
    fn letters() {
        assert!(LATIN1.is_alnum(0xc3) && !LATIN1.is_alnum(0xa9) && !LATIN1.is_alnum(0xd7));
        assert!(set("utf8").is_alnum(0xa9) && !set("utf8").is_alnum(0xff));
        assert!(!set("sjis").is_alnum(0x83) && set("gbk").is_alnum(0xa1));
        for charset in Charset::all() {
            assert!(charset.is_alnum(b'0') && charset.is_alnum(b'z'), "{}", charset.name());
            assert!(!charset.is_alnum(b'$') && !charset.is_alnum(0), "{}", charset.name());
        }
    }

    #[test]
    fn length_of_characters() {
        for (charset, text, len) in [
            ("latin1", &b"\xe9"[..], Some(1)),
            ("sjis", b"\x83\x5c", Some(2)),
            ("sjis", b"\xb1\x5c", Some(1)),
            ("sjis", b"\x83\x7f", None),
            ("sjis", b"\x83", None),
            ("sjis", b"\x80\x40", None),
            ("gbk", b"\xbf\x5c", Some(2)),
            ("big5", b"\xa4\x80", None),
            ("euckr", b"\x81\x5c", None),
            ("euckr", b"\x81\x61", Some(2)),
            ("gb2312", b"\xf7\xfe", Some(2)),
            ("gb2312", b"\xf8\xfe", None),
            ("ujis", b"\x8f\xa1\xa1", Some(3)),
            ("ujis", b"\x8f\xa1", None),
            ("eucjpms", b"\x8e\xdf", Some(2)),
            ("utf8", "é€".as_bytes(), Some(2)),
            ("utf8", "€".as_bytes(), Some(3)),
            ("utf8", "😀".as_bytes(), None),
            ("utf8mb4", "😀".as_bytes(), Some(4)),
            ("utf8mb4", b"\xf4\x90\x80\x80", None),
            ("utf8mb4", b"\xe0\x80\x80", None),
            ("utf8mb4", b"\xed\xa0\x80", Some(3)),
            ("utf8mb4", b"\xc1\x80", None),
            ("ucs2", b"a;", Some(2)),
            ("ucs2", b"a", None),
            ("utf8", b"", None),
        ] {
            assert_eq!(set(charset).char_len(text), len, "{charset} {text:x?}");
        }
    }

    #[test]
    fn a_character_is_never_longer_than_the_text() {
        for charset in Charset::all() {
            for head in 0u8..=255 {
                for tail in 0u8..=255 {
                    let text = [head, tail, tail];
                    for end in 0..=3 {
                        assert!(charset.char_len(&text[..end]).unwrap_or(0) <= end);
                    }
                }
            }
        }
    }

    #[test]
    fn lower_case() {
        let lower = |charset: &str, text: &[u8]| {
            let mut text = text.to_vec();
            set(charset).lower(&mut text);
            text
        };
        assert_eq!(lower("latin1", b"AZ\xc4\xd7\xde\xdf"), b"az\xe4\xd7\xfe\xdf");
        assert_eq!(lower("utf8", "AÄ".as_bytes()), "aÄ".as_bytes());
        assert_eq!(lower("binary", b"AZ"), b"AZ");
        assert_eq!(lower("sjis", b"\x83A"), b"\x83a");
        assert_eq!(lower("latin5", b"IJ\xdd"), b"\xfdji");
    }

    #[test]
    fn names_of_variables() {
        assert!(same_name(b"DataDir", b"datadir"));
        assert!(same_name(b"\xe9t\xe9", b"ETE"));
        assert!(!same_name(b"a", b"aa"));
        assert!(!same_name(b"\xe5", b"\xe4"));
        assert!(same_name(b"\xc6", b"\xe4"));
        for a in 0u8..=255 {
            for b in 0u8..=255 {
                assert_eq!(same_name(&[a], &[b]), name_key(&[a]) == name_key(&[b]));
            }
        }
    }
}
