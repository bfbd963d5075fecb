//! The grammar of lists of disabled tests: `disabled.def` and `--skip-test-list` (spec §2.5).

use bstr::ByteSlice;
use pcre2::bytes::Regex;

use crate::error::{Error, Result};

/// One line that disables a test.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry<'a> {
    /// The suite, where the line names one.
    pub suite: Option<&'a str>,
    /// The test, or a pattern: see [`pattern`].
    pub test: &'a str,
    /// Why.
    pub reason: &'a [u8],
}

/// The entries of a list with the numbers of their lines; `None` is a line that is no entry.
pub fn entries(text: &[u8]) -> impl Iterator<Item = (u32, Option<Entry<'_>>)> {
    let lines = (1u32..).zip(text.lines()).map(|(number, line)| (number, line.trim()));
    lines
        .filter(|(_, line)| !line.is_empty() && !line.starts_with(b"#"))
        .map(|(number, line)| (number, parse_line(line)))
}

/// The tests that `suite.test` means where it has a `*`: it is used as a regex, in which `*` repeats the character
/// before it and `.` is any.
///
/// # Errors
/// It is no valid regex.
pub fn pattern(key: &str) -> Result<Regex> {
    Regex::new(&format!("^{key}"))
        .map_err(|error| Error::new(format!("'{key}' is no valid pattern")).caused_by(error))
}

/// `[suite.]test : reason` of a trimmed line.
fn parse_line(line: &[u8]) -> Option<Entry<'_>> {
    let colon = line.find_byte(b':')?;
    let name = line[..colon].trim_end().to_str().ok()?;
    let (suite, test) = match name.split_once('.') {
        Some((suite, test)) => (Some(suite), test),
        None => (None, name),
    };
    let plain = |c: char, more: &str| c.is_ascii_alphanumeric() || c == '_' || more.contains(c);
    let suite_valid = suite.is_none_or(|s| !s.is_empty() && s.chars().all(|c| plain(c, "-/")));
    let test_valid = !test.is_empty() && test.chars().all(|c| plain(c, "-#*"));
    (suite_valid && test_valid).then(|| Entry { suite, test, reason: line[colon + 1..].trim() })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_a_test_and_a_reason() {
        let entry = |line: &'static str| entries(line.as_bytes()).next().map(|(_, entry)| entry);
        let of =
            |suite, test, reason: &'static str| Some(Some(Entry { suite, test, reason: reason.as_bytes() }));
        assert_eq!(entry("  a : MDEV-1 # note"), of(None, "a", "MDEV-1 # note"));
        assert_eq!(entry("x/y-z.b-c#p: y : z"), of(Some("x/y-z"), "b-c#p", "y : z"));
        assert_eq!(entry("a* :"), of(None, "a*", ""));
        assert_eq!(entry("# c\n\n"), None);
        for wrong in ["no colon", ".a : b", "a.b.c : d", "a b : c", ": c", "x*.a : b"] {
            assert_eq!(entry(wrong), Some(None), "{wrong}");
        }
    }

    #[test]
    fn entries_know_their_line() {
        let numbers: Vec<u32> = entries(b"# c\n\na : b\r\nno colon\n").map(|(number, _)| number).collect();
        assert_eq!(numbers, [3, 4]);
    }

    #[test]
    fn a_pattern_is_a_regex_from_the_start() {
        assert!(pattern("rpl.a*").unwrap().is_match(b"rpl.aaa").unwrap());
        assert!(pattern("rpl.**a").unwrap_err().message().contains("rpl.**a"));
    }
}
