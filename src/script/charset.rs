//! The character sets that `character_set` knows: which bytes are space, which belong to a variable's
//! name, how long a character is, and how `lowercase_result` maps a byte.
//!
//! The language reads its files as bytes. The current character set, latin1 at the start, decides
//! only these few questions (spec §2.1), so a set is a handful of byte tables and a rule for the
//! length of a character.

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

    fn facts(self) -> &'static Facts {
        &TABLE[usize::from(self.0)]
    }
}

/// Whether two texts name one variable: equal in latin1_swedish_ci, whatever the current set is (spec §4.1).
pub fn same_name(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(&a, &b)| fold(a) == fold(b))
}

/// The key under which a variable's name is stored: equal for all texts that [`same_name`] holds equal.
pub fn name_key(name: &[u8]) -> Vec<u8> {
    name.iter().map(|&byte| fold(byte)).collect()
}

/// The weight of a byte in latin1_swedish_ci: letters without case and accent, except the letters of the
/// Swedish alphabet.
fn fold(byte: u8) -> u8 {
    match byte {
        b'a'..=b'z' => byte - 32,
        0xc0..=0xc3 | 0xe0..=0xe3 => b'A',
        0xc4 | 0xc6 | 0xe4 | 0xe6 => b'[',
        0xc5 | 0xe5 => b'\\',
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

/// What makes up a character.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Characters {
    SingleByte,
    /// sjis and cp932.
    Sjis,
    Gbk,
    Big5,
    EucKr,
    Gb2312,
    /// ujis and eucjpms.
    EucJp,
    Utf8mb3,
    Utf8mb4,
    Ucs2,
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

/// What the language asks of a character set.
struct Facts {
    name: &'static str,
    /// The number of the default collation.
    collation: u8,
    characters: Characters,
    /// The space byte besides 09 to 0D and 20.
    space: Option<u8>,
    /// One bit for each byte that is a letter or a digit.
    alnum: [u64; 4],
    /// Runs of bytes, and what to add to each of them to get the lower-case letter.
    lower: &'static [(u8, u8, i16)],
}

/// The lower-case map of a set in which only A to Z have case.
const ASCII_UPPER: &[(u8, u8, i16)] = &[(b'A', b'Z', 32)];

/// The bits of the digits, of the ASCII letters, and of the given runs of bytes.
const fn alnum(runs: &[(u8, u8)]) -> [u64; 4] {
    let mut bits = [0u64; 4];
    let ascii: &[(u8, u8)] = &[(b'0', b'9'), (b'A', b'Z'), (b'a', b'z')];
    let mut list = 0;
    while list < 2 {
        let runs = if list == 0 { ascii } else { runs };
        let mut run = 0;
        while run < runs.len() {
            let mut byte = runs[run].0 as usize;
            while byte <= runs[run].1 as usize {
                bits[byte >> 6] |= 1 << (byte & 63);
                byte += 1;
            }
            run += 1;
        }
        list += 1;
    }
    bits
}

/// Where latin1 is in [`TABLE`].
const LATIN1_AT: u8 = 25;

/// The sets, sorted by name. The bytes are those which MariaDB 10.11 takes for spaces, letters, digits and
/// upper-case letters; a set of 7 or 16 bits is there as it is seen byte by byte.
static TABLE: [Facts; 38] = [
    Facts {
        name: "armscii8",
        collation: 32,
        characters: Characters::SingleByte,
        space: Some(0xa0),
        alnum: alnum(&[(0xb2, 0xfd)]),
        lower: &[
            (0x41, 0x5a, 32),
            (0xa8, 0xa8, 16),
            (0xb2, 0xb2, 1),
            (0xb4, 0xb4, 1),
            (0xb6, 0xb6, 1),
            (0xb8, 0xb8, 1),
            (0xba, 0xba, 1),
            (0xbc, 0xbc, 1),
            (0xbe, 0xbe, 1),
            (0xc0, 0xc0, 1),
            (0xc2, 0xc2, 1),
            (0xc4, 0xc4, 1),
            (0xc6, 0xc6, 1),
            (0xc8, 0xc8, 1),
            (0xca, 0xca, 1),
            (0xcc, 0xcc, 1),
            (0xce, 0xce, 1),
            (0xd0, 0xd0, 1),
            (0xd2, 0xd2, 1),
            (0xd4, 0xd4, 1),
            (0xd6, 0xd6, 1),
            (0xd8, 0xd8, 1),
            (0xda, 0xda, 1),
            (0xdc, 0xdc, 1),
            (0xde, 0xde, 1),
            (0xe0, 0xe0, 1),
            (0xe2, 0xe2, 1),
            (0xe4, 0xe4, 1),
            (0xe6, 0xe6, 1),
            (0xe8, 0xe8, 1),
            (0xea, 0xea, 1),
            (0xec, 0xec, 1),
            (0xee, 0xee, 1),
            (0xf0, 0xf0, 1),
            (0xf2, 0xf2, 1),
            (0xf4, 0xf4, 1),
            (0xf6, 0xf6, 1),
            (0xf8, 0xf8, 1),
            (0xfa, 0xfa, 1),
            (0xfc, 0xfc, 1),
        ],
    },
    Facts {
        name: "ascii",
        collation: 11,
        characters: Characters::SingleByte,
        space: None,
        alnum: alnum(&[]),
        lower: ASCII_UPPER,
    },
    Facts {
        name: "big5",
        collation: 1,
        characters: Characters::Big5,
        space: None,
        alnum: alnum(&[(0xa1, 0xf9)]),
        lower: ASCII_UPPER,
    },
    Facts {
        name: "binary",
        collation: 63,
        characters: Characters::SingleByte,
        space: None,
        alnum: alnum(&[]),
        lower: &[],
    },
    Facts {
        name: "cp1250",
        collation: 26,
        characters: Characters::SingleByte,
        space: Some(0xa0),
        alnum: alnum(&[
            (0x8a, 0x8a),
            (0x8c, 0x8f),
            (0x9a, 0x9a),
            (0x9c, 0x9f),
            (0xa3, 0xa3),
            (0xa5, 0xa5),
            (0xa7, 0xa7),
            (0xaa, 0xaa),
            (0xaf, 0xaf),
            (0xb3, 0xb3),
            (0xb9, 0xba),
            (0xbc, 0xbc),
            (0xbe, 0xd6),
            (0xd8, 0xf6),
            (0xf8, 0xfe),
        ]),
        lower: &[
            (0x41, 0x5a, 32),
            (0x8a, 0x8a, 16),
            (0x8c, 0x8f, 16),
            (0xa3, 0xa3, 16),
            (0xa5, 0xa5, 20),
            (0xaa, 0xaa, 16),
            (0xaf, 0xaf, 16),
            (0xbc, 0xbc, 2),
            (0xc0, 0xd6, 32),
            (0xd8, 0xde, 32),
        ],
    },
    Facts {
        name: "cp1251",
        collation: 51,
        characters: Characters::SingleByte,
        space: None,
        alnum: alnum(&[
            (0x80, 0x81),
            (0x83, 0x83),
            (0x8a, 0x8a),
            (0x8c, 0x90),
            (0x9a, 0x9a),
            (0x9c, 0x9f),
            (0xa1, 0xa3),
            (0xa5, 0xa5),
            (0xa8, 0xa8),
            (0xaa, 0xaa),
            (0xaf, 0xaf),
            (0xb2, 0xb4),
            (0xb8, 0xb8),
            (0xba, 0xba),
            (0xbc, 0xff),
        ]),
        lower: &[
            (0x41, 0x5a, 32),
            (0x80, 0x80, 16),
            (0x81, 0x81, 2),
            (0x8a, 0x8a, 16),
            (0x8c, 0x8f, 16),
            (0xa1, 0xa1, 1),
            (0xa3, 0xa3, 25),
            (0xa5, 0xa5, 15),
            (0xa8, 0xa8, 16),
            (0xaa, 0xaa, 16),
            (0xaf, 0xaf, 16),
            (0xb2, 0xb2, 1),
            (0xbd, 0xbd, 1),
            (0xc0, 0xdf, 32),
        ],
    },
    Facts {
        name: "cp1256",
        collation: 57,
        characters: Characters::SingleByte,
        space: None,
        alnum: alnum(&[
            (0x81, 0x81),
            (0x83, 0x83),
            (0x8c, 0x8e),
            (0x90, 0x90),
            (0x9c, 0x9c),
            (0xc1, 0xd6),
            (0xd8, 0xf6),
            (0xf8, 0xfc),
        ]),
        lower: &[(0x41, 0x53, 32), (0x55, 0x5a, 32), (0x74, 0x74, -32), (0x8c, 0x8c, 16)],
    },
    Facts {
        name: "cp1257",
        collation: 59,
        characters: Characters::SingleByte,
        space: None,
        alnum: alnum(&[
            (0xa8, 0xa8),
            (0xaa, 0xaa),
            (0xaf, 0xaf),
            (0xb8, 0xb8),
            (0xba, 0xba),
            (0xbf, 0xd6),
            (0xd8, 0xf6),
            (0xf8, 0xfe),
        ]),
        lower: &[
            (0x41, 0x5a, 32),
            (0xa8, 0xa8, 16),
            (0xaa, 0xaa, 16),
            (0xaf, 0xaf, 16),
            (0xc0, 0xd6, 32),
            (0xd8, 0xde, 32),
        ],
    },
    Facts {
        name: "cp850",
        collation: 4,
        characters: Characters::SingleByte,
        space: None,
        alnum: alnum(&[
            (0x80, 0x9b),
            (0x9d, 0x9d),
            (0xa0, 0xa5),
            (0xb5, 0xb7),
            (0xc6, 0xc7),
            (0xd0, 0xd8),
            (0xde, 0xde),
            (0xe0, 0xe5),
            (0xe7, 0xed),
        ]),
        lower: &[
            (0x41, 0x5a, 32),
            (0x80, 0x80, 7),
            (0x8e, 0x8e, -10),
            (0x8f, 0x8f, -9),
            (0x90, 0x90, -14),
            (0x92, 0x92, -1),
            (0x99, 0x99, -5),
            (0x9a, 0x9a, -25),
            (0xa5, 0xa5, -1),
        ],
    },
    Facts {
        name: "cp852",
        collation: 40,
        characters: Characters::SingleByte,
        space: Some(0xff),
        alnum: alnum(&[
            (0x80, 0x9d),
            (0x9f, 0xa9),
            (0xab, 0xad),
            (0xb5, 0xb8),
            (0xbd, 0xbe),
            (0xc6, 0xc7),
            (0xd0, 0xd8),
            (0xdd, 0xde),
            (0xe0, 0xee),
            (0xfb, 0xfd),
        ]),
        lower: &[
            (0x41, 0x5a, 32),
            (0x80, 0x80, 7),
            (0x8a, 0x8a, 1),
            (0x8d, 0x8d, 30),
            (0x8e, 0x8e, -10),
            (0x8f, 0x8f, -9),
            (0x90, 0x90, -14),
            (0x91, 0x91, 1),
            (0x95, 0x95, 1),
            (0x97, 0x97, 1),
            (0x99, 0x99, -5),
            (0x9a, 0x9a, -25),
            (0x9b, 0x9b, 1),
            (0x9d, 0x9d, -21),
            (0xa4, 0xa4, 1),
            (0xa6, 0xa6, 1),
            (0xa8, 0xa8, 1),
            (0xac, 0xac, -13),
            (0xad, 0xad, 11),
            (0xb5, 0xb5, -21),
            (0xb6, 0xb6, -51),
            (0xb7, 0xb7, 33),
            (0xbd, 0xbd, 1),
            (0xc6, 0xc6, 1),
            (0xd1, 0xd1, -1),
            (0xd2, 0xd2, 2),
            (0xd3, 0xd3, -74),
            (0xd5, 0xd5, 16),
            (0xd6, 0xd6, -53),
            (0xd7, 0xd7, -75),
            (0xdd, 0xdd, 17),
            (0xde, 0xde, -89),
            (0xe0, 0xe0, -62),
            (0xe2, 0xe2, -79),
            (0xe3, 0xe3, 1),
            (0xe6, 0xe6, 1),
            (0xe8, 0xe8, 2),
            (0xe9, 0xe9, -70),
            (0xea, 0xea, -2),
            (0xeb, 0xeb, 16),
            (0xed, 0xed, -1),
        ],
    },
    Facts {
        name: "cp866",
        collation: 36,
        characters: Characters::SingleByte,
        space: Some(0xff),
        alnum: alnum(&[(0x80, 0xaf), (0xe0, 0xf7)]),
        lower: &[
            (0x41, 0x5a, 32),
            (0x80, 0x85, 32),
            (0x8a, 0x8f, 32),
            (0x90, 0x9f, 80),
            (0xa6, 0xa9, -32),
            (0xf0, 0xf0, 1),
            (0xf2, 0xf2, 1),
            (0xf4, 0xf4, 1),
            (0xf6, 0xf6, 1),
        ],
    },
    Facts {
        name: "cp932",
        collation: 95,
        characters: Characters::Sjis,
        space: None,
        alnum: alnum(&[]),
        lower: ASCII_UPPER,
    },
    Facts {
        name: "dec8",
        collation: 3,
        characters: Characters::SingleByte,
        space: Some(0xa0),
        alnum: alnum(&[(0xc0, 0xd6), (0xd8, 0xf6), (0xf8, 0xff)]),
        lower: &[(0x41, 0x5a, 32), (0xc0, 0xd6, 32), (0xd8, 0xde, 32)],
    },
    Facts {
        name: "eucjpms",
        collation: 97,
        characters: Characters::EucJp,
        space: None,
        alnum: alnum(&[]),
        lower: ASCII_UPPER,
    },
    Facts {
        name: "euckr",
        collation: 19,
        characters: Characters::EucKr,
        space: None,
        alnum: alnum(&[]),
        lower: ASCII_UPPER,
    },
    Facts {
        name: "filename",
        collation: 17,
        characters: Characters::SingleByte,
        space: None,
        alnum: alnum(&[(0x80, 0xfe)]),
        lower: ASCII_UPPER,
    },
    Facts {
        name: "gb2312",
        collation: 24,
        characters: Characters::Gb2312,
        space: None,
        alnum: alnum(&[(0xa1, 0xfe)]),
        lower: ASCII_UPPER,
    },
    Facts {
        name: "gbk",
        collation: 28,
        characters: Characters::Gbk,
        space: None,
        alnum: alnum(&[(0xa1, 0xfe)]),
        lower: ASCII_UPPER,
    },
    Facts {
        name: "geostd8",
        collation: 92,
        characters: Characters::SingleByte,
        space: Some(0xa0),
        alnum: alnum(&[(0xc0, 0xe5)]),
        lower: ASCII_UPPER,
    },
    Facts {
        name: "greek",
        collation: 25,
        characters: Characters::SingleByte,
        space: Some(0xa0),
        alnum: alnum(&[(0xb6, 0xb6), (0xb8, 0xba), (0xbc, 0xbc), (0xbe, 0xd1), (0xd3, 0xfe)]),
        lower: &[
            (0x41, 0x5a, 32),
            (0xb6, 0xb6, 38),
            (0xb8, 0xba, 37),
            (0xbc, 0xbc, 64),
            (0xbe, 0xbf, 63),
            (0xc1, 0xd1, 32),
            (0xd3, 0xdb, 32),
        ],
    },
    Facts {
        name: "hebrew",
        collation: 16,
        characters: Characters::SingleByte,
        space: Some(0xa0),
        alnum: alnum(&[(0xe0, 0xfa)]),
        lower: ASCII_UPPER,
    },
    Facts {
        name: "hp8",
        collation: 6,
        characters: Characters::SingleByte,
        space: None,
        alnum: alnum(&[(0xc5, 0xc5), (0xcc, 0xcc), (0xce, 0xd0), (0xd3, 0xd4), (0xd7, 0xd8), (0xda, 0xdc)]),
        lower: &[
            (0x41, 0x5a, 32),
            (0xa1, 0xa1, 39),
            (0xa2, 0xa2, 30),
            (0xa3, 0xa3, 38),
            (0xa4, 0xa4, 29),
            (0xa5, 0xa5, 40),
            (0xa6, 0xa6, 43),
            (0xa7, 0xa7, 54),
            (0xad, 0xad, 30),
            (0xae, 0xae, 21),
            (0xb1, 0xb1, 1),
            (0xb4, 0xb4, 1),
            (0xb6, 0xb6, 1),
            (0xd0, 0xd0, 4),
            (0xd2, 0xd3, 4),
            (0xd8, 0xd8, -12),
            (0xda, 0xdb, -12),
            (0xdc, 0xdc, -23),
            (0xdf, 0xdf, -29),
            (0xe0, 0xe0, -28),
            (0xe1, 0xe1, 1),
            (0xe3, 0xe3, 1),
            (0xe5, 0xe5, -16),
            (0xe6, 0xe6, -13),
            (0xe7, 0xe7, -33),
            (0xe8, 0xe8, -30),
            (0xe9, 0xe9, 1),
            (0xeb, 0xeb, 1),
            (0xed, 0xed, -38),
            (0xee, 0xee, 1),
            (0xf0, 0xf0, 1),
        ],
    },
    Facts {
        name: "keybcs2",
        collation: 37,
        characters: Characters::SingleByte,
        space: Some(0xff),
        alnum: alnum(&[(0x80, 0xab), (0xe0, 0xe5), (0xe7, 0xeb), (0xed, 0xee)]),
        lower: &[
            (0x41, 0x5a, 32),
            (0x80, 0x80, 7),
            (0x85, 0x85, -2),
            (0x89, 0x89, -1),
            (0x8a, 0x8a, 3),
            (0x8b, 0x8b, 22),
            (0x8e, 0x8e, -10),
            (0x8f, 0x8f, 17),
            (0x90, 0x90, -14),
            (0x92, 0x92, -1),
            (0x95, 0x95, 13),
            (0x97, 0x97, 12),
            (0x99, 0x99, -5),
            (0x9a, 0x9a, -25),
            (0x9c, 0x9c, -16),
            (0x9d, 0x9d, -5),
            (0x9e, 0x9e, 11),
            (0xa5, 0xa5, -1),
            (0xa6, 0xa6, -16),
            (0xa7, 0xa7, -20),
            (0xa8, 0xa8, -13),
            (0xab, 0xab, -1),
            (0xe8, 0xe8, 5),
        ],
    },
    Facts {
        name: "koi8r",
        collation: 7,
        characters: Characters::SingleByte,
        space: None,
        alnum: alnum(&[(0xa3, 0xa3), (0xb3, 0xb3), (0xc0, 0xff)]),
        lower: &[(0x41, 0x5a, 32), (0xb3, 0xb3, -16), (0xe0, 0xff, -32)],
    },
    Facts {
        name: "koi8u",
        collation: 22,
        characters: Characters::SingleByte,
        space: None,
        alnum: alnum(&[
            (0xa3, 0xa4),
            (0xa6, 0xa7),
            (0xad, 0xad),
            (0xb3, 0xb4),
            (0xb6, 0xb7),
            (0xbd, 0xbd),
            (0xc0, 0xff),
        ]),
        lower: &[
            (0x41, 0x5a, 32),
            (0x60, 0x60, -64),
            (0x80, 0x80, -96),
            (0x81, 0x81, -97),
            (0x82, 0x82, -98),
            (0x83, 0x83, -99),
            (0x84, 0x84, -100),
            (0x85, 0x85, -101),
            (0x86, 0x86, -102),
            (0x87, 0x87, -103),
            (0x88, 0x88, -104),
            (0x89, 0x89, -105),
            (0x8a, 0x8a, -106),
            (0x8b, 0x8b, -107),
            (0x8c, 0x8c, -108),
            (0x8d, 0x8d, -109),
            (0x8e, 0x8e, -110),
            (0x8f, 0x8f, -111),
            (0x90, 0x90, -112),
            (0x91, 0x91, -113),
            (0x92, 0x92, -114),
            (0x93, 0x93, -115),
            (0x94, 0x94, -116),
            (0x95, 0x95, -117),
            (0x96, 0x96, -118),
            (0x97, 0x97, -119),
            (0x98, 0x98, -120),
            (0x99, 0x99, -121),
            (0x9a, 0x9a, -122),
            (0x9b, 0x9b, -123),
            (0x9c, 0x9c, -124),
            (0x9d, 0x9d, -125),
            (0x9e, 0x9e, -126),
            (0x9f, 0x9f, -127),
            (0xa0, 0xa0, -128),
            (0xa1, 0xa1, -129),
            (0xa2, 0xa2, -130),
            (0xa5, 0xa5, -133),
            (0xa8, 0xa8, -136),
            (0xa9, 0xa9, -137),
            (0xaa, 0xaa, -138),
            (0xab, 0xab, -139),
            (0xac, 0xac, -140),
            (0xae, 0xae, -142),
            (0xaf, 0xaf, -143),
            (0xb0, 0xb0, -144),
            (0xb1, 0xb1, -145),
            (0xb2, 0xb2, -146),
            (0xb3, 0xb4, -16),
            (0xb5, 0xb5, -149),
            (0xb6, 0xb7, -16),
            (0xb8, 0xb8, -152),
            (0xb9, 0xb9, -153),
            (0xba, 0xba, -154),
            (0xbb, 0xbb, -155),
            (0xbc, 0xbc, -156),
            (0xbd, 0xbd, -16),
            (0xbe, 0xbe, -158),
            (0xbf, 0xbf, -159),
            (0xe0, 0xff, -32),
        ],
    },
    Facts {
        name: "latin1",
        collation: 8,
        characters: Characters::SingleByte,
        space: Some(0xa0),
        alnum: alnum(&[
            (0x83, 0x83),
            (0x8a, 0x8a),
            (0x8c, 0x8c),
            (0x8e, 0x8e),
            (0x9a, 0x9a),
            (0x9c, 0x9c),
            (0x9e, 0x9f),
            (0xc0, 0xd6),
            (0xd8, 0xf6),
            (0xf8, 0xff),
        ]),
        lower: &[(0x41, 0x5a, 32), (0xc0, 0xd6, 32), (0xd8, 0xde, 32)],
    },
    Facts {
        name: "latin2",
        collation: 9,
        characters: Characters::SingleByte,
        space: Some(0xa0),
        alnum: alnum(&[
            (0xa1, 0xa1),
            (0xa3, 0xa3),
            (0xa5, 0xa6),
            (0xa9, 0xac),
            (0xae, 0xaf),
            (0xb1, 0xb1),
            (0xb3, 0xb3),
            (0xb5, 0xb6),
            (0xb9, 0xbc),
            (0xbe, 0xcf),
            (0xd1, 0xd6),
            (0xd8, 0xde),
            (0xe0, 0xf6),
            (0xf8, 0xfe),
        ]),
        lower: &[
            (0x41, 0x5a, 32),
            (0xa1, 0xa1, 16),
            (0xa3, 0xa3, 16),
            (0xa5, 0xa6, 16),
            (0xa9, 0xac, 16),
            (0xae, 0xaf, 16),
            (0xc0, 0xd6, 32),
            (0xd8, 0xde, 32),
        ],
    },
    Facts {
        name: "latin5",
        collation: 30,
        characters: Characters::SingleByte,
        space: Some(0xa0),
        alnum: alnum(&[(0xc0, 0xd6), (0xd8, 0xf6), (0xf8, 0xff)]),
        lower: &[
            (0x41, 0x48, 32),
            (0x49, 0x49, 180),
            (0x4a, 0x5a, 32),
            (0xc0, 0xd6, 32),
            (0xd8, 0xdc, 32),
            (0xdd, 0xdd, -116),
            (0xde, 0xde, 32),
        ],
    },
    Facts {
        name: "latin7",
        collation: 41,
        characters: Characters::SingleByte,
        space: Some(0xa0),
        alnum: alnum(&[
            (0x80, 0x80),
            (0xaa, 0xaa),
            (0xaf, 0xaf),
            (0xba, 0xba),
            (0xbf, 0xd6),
            (0xd8, 0xf6),
            (0xf8, 0xfe),
        ]),
        lower: &[
            (0x41, 0x5a, 32),
            (0xa8, 0xa8, 16),
            (0xaa, 0xaa, 16),
            (0xaf, 0xaf, 16),
            (0xc0, 0xd6, 32),
            (0xd8, 0xde, 32),
        ],
    },
    Facts {
        name: "macce",
        collation: 38,
        characters: Characters::SingleByte,
        space: None,
        alnum: alnum(&[
            (0x80, 0x9f),
            (0xa2, 0xa2),
            (0xa7, 0xa7),
            (0xab, 0xab),
            (0xae, 0xb1),
            (0xb4, 0xb5),
            (0xb8, 0xc1),
            (0xc4, 0xc5),
            (0xcb, 0xcf),
            (0xd8, 0xdb),
            (0xde, 0xe1),
            (0xe4, 0xfe),
        ]),
        lower: &[
            (0x41, 0x53, 32),
            (0x55, 0x5a, 32),
            (0x74, 0x74, -32),
            (0x80, 0x80, 10),
            (0x81, 0x81, 1),
            (0x83, 0x83, 11),
            (0x84, 0x84, 4),
            (0x85, 0x85, 21),
            (0x86, 0x86, 25),
            (0x89, 0x89, 2),
            (0x8c, 0x8c, 1),
            (0x8f, 0x8f, 1),
            (0x91, 0x91, 2),
            (0x94, 0x94, 1),
            (0x96, 0x96, 2),
            (0x9d, 0x9d, 1),
            (0xa2, 0xa2, 9),
            (0xaf, 0xaf, 1),
            (0xb1, 0xb1, 3),
            (0xb5, 0xb5, 69),
            (0xb9, 0xb9, 1),
            (0xbb, 0xbb, 1),
            (0xbd, 0xbd, 1),
            (0xbf, 0xbf, 1),
            (0xc1, 0xc1, 3),
            (0xc5, 0xc5, 6),
            (0xcc, 0xcc, 2),
            (0xcd, 0xcd, -50),
            (0xcf, 0xcf, 9),
            (0xd9, 0xd9, 1),
            (0xdb, 0xdb, 3),
            (0xdf, 0xdf, 1),
            (0xe1, 0xe1, 3),
            (0xe5, 0xe5, 1),
            (0xe7, 0xe7, -96),
            (0xe8, 0xe8, 1),
            (0xea, 0xea, -88),
            (0xeb, 0xeb, 1),
            (0xed, 0xed, 3),
            (0xee, 0xee, -87),
            (0xef, 0xef, -86),
            (0xf1, 0xf1, 2),
            (0xf2, 0xf2, -86),
            (0xf4, 0xf4, 1),
            (0xf6, 0xf6, 1),
            (0xf8, 0xf8, 1),
            (0xfb, 0xfb, 2),
            (0xfc, 0xfc, -68),
            (0xfe, 0xfe, -80),
        ],
    },
    Facts {
        name: "macroman",
        collation: 39,
        characters: Characters::SingleByte,
        space: None,
        alnum: alnum(&[
            (0x81, 0x9f),
            (0xa7, 0xa7),
            (0xae, 0xaf),
            (0xbe, 0xbf),
            (0xc4, 0xc4),
            (0xcc, 0xcd),
            (0xd8, 0xd9),
            (0xe6, 0xef),
            (0xf1, 0xf5),
        ]),
        lower: &[
            (0x41, 0x5a, 32),
            (0x80, 0x80, 10),
            (0x81, 0x83, 11),
            (0x84, 0x84, 18),
            (0x85, 0x85, 21),
            (0x86, 0x86, 25),
            (0xae, 0xaf, 16),
            (0xcb, 0xcb, -67),
            (0xcc, 0xcc, -65),
            (0xcd, 0xcd, -50),
            (0xd9, 0xd9, -1),
            (0xe5, 0xe5, -92),
            (0xe6, 0xe6, -86),
            (0xe7, 0xe7, -96),
            (0xe8, 0xe8, -87),
            (0xe9, 0xe9, -90),
            (0xea, 0xea, -88),
            (0xeb, 0xec, -87),
            (0xed, 0xed, -90),
            (0xee, 0xee, -87),
            (0xef, 0xef, -86),
            (0xf1, 0xf1, -89),
            (0xf2, 0xf2, -86),
            (0xf3, 0xf3, -85),
            (0xf4, 0xf4, -87),
        ],
    },
    Facts {
        name: "sjis",
        collation: 13,
        characters: Characters::Sjis,
        space: None,
        alnum: alnum(&[]),
        lower: ASCII_UPPER,
    },
    Facts {
        name: "swe7",
        collation: 10,
        characters: Characters::SingleByte,
        space: None,
        alnum: alnum(&[(0x40, 0x5e), (0x60, 0x7e)]),
        lower: &[(0x40, 0x5e, 32)],
    },
    Facts {
        name: "tis620",
        collation: 18,
        characters: Characters::SingleByte,
        space: None,
        alnum: alnum(&[]),
        lower: ASCII_UPPER,
    },
    Facts {
        name: "ucs2",
        collation: 35,
        characters: Characters::Ucs2,
        space: None,
        alnum: alnum(&[]),
        lower: ASCII_UPPER,
    },
    Facts {
        name: "ujis",
        collation: 12,
        characters: Characters::EucJp,
        space: None,
        alnum: alnum(&[]),
        lower: ASCII_UPPER,
    },
    Facts {
        name: "utf8mb3",
        collation: 33,
        characters: Characters::Utf8mb3,
        space: None,
        alnum: alnum(&[(0x80, 0xfe)]),
        lower: ASCII_UPPER,
    },
    Facts {
        name: "utf8mb4",
        collation: 45,
        characters: Characters::Utf8mb4,
        space: None,
        alnum: alnum(&[(0x80, 0xfe)]),
        lower: ASCII_UPPER,
    },
];

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
