//! The symbolic names of errors: those of the server and of the storage engines' handlers (mysqltest §9.1).
//!
//! The data is `errnames.txt`, one `<number> <name>` line per error, ascending by number. The index
//! into it is computed by the compiler, so that neither a start of the program nor a look-up has to
//! read the text. Errors of the client library (2000 to 2061, 5000 and above) have no names.

use crate::flavour::ErrorNames::{self, Of10_6, Of11_7};

/// One `<number> <name>` line per error.
const TEXT: &str = include_str!("errnames.txt");

/// Other names that errors had before those of the release given, ascending by error and release.
///
/// An error keeps its number for good, but a retired one is renamed, and its number may be used again. The text
/// above has the names of MariaDB 11.8; here are those that differed in 10.11 (taken to have been so until 11.7,
/// when vector indexes came) and in 10.5.
const EARLIER: [(u16, ErrorNames, &str); 12] = [
    (1072, Of10_6, "ER_KEY_COLUMN_DOES_NOT_EXITS"),
    (1252, Of11_7, "ER_SPATIAL_CANT_HAVE_NULL"),
    (1448, Of11_7, "ER_VIEW_OTHER_USER"),
    (1507, Of10_6, "ER_DROP_PARTITION_NON_EXISTENT"),
    (1725, Of10_6, "ER_TABLE_IN_FK_CHECK"),
    (1796, Of11_7, "ER_INNODB_NO_FT_TEMP_TABLE"),
    (4000, Of10_6, "ER_COMMULTI_BADCONTEXT"),
    (4001, Of10_6, "ER_BAD_COMMAND_IN_MULTI"),
    (4047, Of10_6, "ER_UNSUPPORT_COMPRESSED_TEMPORARY_TABLE"),
    (4112, Of11_7, "ER_UNUSED_23"),
    (4163, Of10_6, "ER_WARN_HISTORY_ROW_START_TIME"),
    (4163, Of11_7, "ER_UNUSED_29"),
];

/// How many errors have a name.
const COUNT: usize = count_lines(TEXT.as_bytes());

/// The lines, ascending by number.
static BY_NUMBER: [Entry; COUNT] = entries(TEXT.as_bytes());

/// Indices into [`BY_NUMBER`], ascending by name.
static BY_NAME: [u16; COUNT] = sorted_by_name(TEXT.as_bytes(), &entries(TEXT.as_bytes()));

/// A line of the text. Offsets, not references: the table then needs no relocation when the program starts.
#[derive(Clone, Copy)]
struct Entry {
    number: u16,
    name_start: u16,
    name_end: u16,
}

impl Entry {
    fn name(self) -> &'static str {
        &TEXT[usize::from(self.name_start)..usize::from(self.name_end)]
    }
}

/// The number of the error that has or had this name in any release; compared case-sensitively.
pub fn number(name: &[u8]) -> Option<u32> {
    let entry = |&at: &u16| BY_NUMBER[usize::from(at)];
    match BY_NAME.binary_search_by(|at| entry(at).name().as_bytes().cmp(name)) {
        Ok(at) => Some(u32::from(entry(&BY_NAME[at]).number)),
        Err(_) => {
            EARLIER.iter().find(|(.., other)| other.as_bytes() == name).map(|&(number, ..)| number.into())
        }
    }
}

/// The name that the error with this number has among `names`; the reference prints
/// `<Unknown>` where there is none.
pub fn name(number: u32, names: ErrorNames) -> Option<&'static str> {
    let earlier = |&&(other, end, _): &&(u16, ErrorNames, &str)| u32::from(other) == number && names < end;
    if let Some(&(_, _, name)) = EARLIER.iter().find(earlier) {
        return Some(name);
    }
    let at = BY_NUMBER.binary_search_by_key(&number, |entry| u32::from(entry.number)).ok()?;
    Some(BY_NUMBER[at].name())
}

const fn count_lines(text: &[u8]) -> usize {
    let mut lines = 0;
    let mut at = 0;
    while at < text.len() {
        if text[at] == b'\n' {
            lines += 1;
        }
        at += 1;
    }
    lines
}

const fn entries(text: &[u8]) -> [Entry; COUNT] {
    assert!(text.len() <= u16::MAX as usize, "the offsets have 16 bits");
    let mut entries = [Entry { number: 0, name_start: 0, name_end: 0 }; COUNT];
    let mut at = 0;
    let mut line = 0;
    while line < COUNT {
        let mut number = 0u16;
        while text[at] != b' ' {
            number = number * 10 + (text[at] - b'0') as u16;
            at += 1;
        }
        let start = at + 1;
        while text[at] != b'\n' {
            at += 1;
        }
        assert!(line == 0 || entries[line - 1].number < number, "the lines ascend by number");
        entries[line] = Entry { number, name_start: start as u16, name_end: at as u16 };
        at += 1;
        line += 1;
    }
    entries
}

/// Heap sort: the standard library's sorts do not run in the compiler.
const fn sorted_by_name(text: &[u8], entries: &[Entry; COUNT]) -> [u16; COUNT] {
    let mut order = [0u16; COUNT];
    let mut at = 0;
    while at < COUNT {
        order[at] = at as u16;
        at += 1;
    }
    let mut root = COUNT / 2;
    while root > 0 {
        root -= 1;
        sift_down(text, entries, &mut order, root, COUNT);
    }
    let mut end = COUNT;
    while end > 1 {
        end -= 1;
        let largest = order[0];
        order[0] = order[end];
        order[end] = largest;
        sift_down(text, entries, &mut order, 0, end);
    }
    order
}

const fn sift_down(
    text: &[u8],
    entries: &[Entry; COUNT],
    order: &mut [u16; COUNT],
    mut root: usize,
    end: usize,
) {
    loop {
        let mut child = 2 * root + 1;
        if child >= end {
            return;
        }
        let at = order[child] as usize;
        if child + 1 < end && less(text, entries[at], entries[order[child + 1] as usize]) {
            child += 1;
        }
        if !less(text, entries[order[root] as usize], entries[order[child] as usize]) {
            return;
        }
        let parent = order[root];
        order[root] = order[child];
        order[child] = parent;
        root = child;
    }
}

const fn less(text: &[u8], a: Entry, b: Entry) -> bool {
    let (mut i, mut j) = (a.name_start as usize, b.name_start as usize);
    while i < a.name_end as usize && j < b.name_end as usize {
        if text[i] != text[j] {
            return text[i] < text[j];
        }
        i += 1;
        j += 1;
    }
    i == a.name_end as usize && j < b.name_end as usize
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn every_line_is_found_both_ways() {
        assert_eq!(COUNT, 1304);
        for line in TEXT.lines() {
            let (digits, text) = line.split_once(' ').unwrap();
            let digits = digits.parse().unwrap();
            assert_eq!(name(digits, Of11_7), Some(text), "{line}");
            assert_eq!(number(text.as_bytes()), Some(digits), "{line}");
        }
    }

    #[test]
    fn known_names() {
        assert_eq!(number(b"ER_PARSE_ERROR"), Some(1064));
        assert_eq!(number(b"ER_NO_SUCH_TABLE"), Some(1146));
        assert_eq!(number(b"HA_ERR_GLOBAL_TMP_SPACE_FULL"), Some(202));
        assert_eq!(name(120, Of10_6), Some("HA_ERR_KEY_NOT_FOUND"));
        assert_eq!(name(1064, Of10_6), Some("ER_PARSE_ERROR"));
    }

    #[test]
    fn a_name_belongs_to_releases() {
        let names = [ErrorNames::Of10_5, Of10_6, Of11_7].map(|names| name(4163, names).unwrap());
        assert_eq!(names, ["ER_WARN_HISTORY_ROW_START_TIME", "ER_UNUSED_29", "ER_SP_DUP_DECL"]);
        for name in names {
            assert_eq!(number(name.as_bytes()), Some(4163), "{name}");
        }
        assert_eq!(name(1252, Of10_6), Some("ER_SPATIAL_CANT_HAVE_NULL"));
        assert_eq!(name(1252, Of11_7), Some("ER_INDEX_CANNOT_HAVE_NULL"));
        assert!(EARLIER.is_sorted());
        assert!(EARLIER.iter().all(|&(error, _, other)| name(error.into(), Of11_7) != Some(other)));
    }

    #[test]
    fn unknown_names() {
        for text in [&b""[..], b"ER_", b"er_parse_error", b"ER_PARSE_ERROR ", b"ER_PARSE_ERRO", b"\xff"] {
            assert_eq!(number(text), None);
        }
        for unknown in [0, 1, 119, 2000, 2002, 2013, 2061, 5014, u32::MAX] {
            assert_eq!(name(unknown, Of11_7), None);
        }
    }
}
