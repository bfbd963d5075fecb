//! The words of option files and the options of configuration files, with their places.

use std::path::Path;

use bstr::{BString, ByteSlice};

use crate::grammar::option_file;

/// One word of an option file: one argument of the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Word {
    /// Without quotes.
    pub text: BString,
    /// The line, from 1.
    pub line: u32,
    /// The byte in the line at which it begins, from 1.
    pub column: u32,
}

impl Word {
    /// Whether it is an option, or a variable that may be one.
    pub fn is_option(&self) -> bool {
        self.text.starts_with(b"-") || self.text.starts_with(b"$")
    }
}

/// The words of an option file.
pub fn of_option_file(text: &[u8]) -> Vec<Word> {
    (1u32..).zip(text.lines()).flat_map(|(line, text)| of_line(line, text)).collect()
}

fn of_line(line: u32, text: &[u8]) -> Vec<Word> {
    let mut from = 0;
    option_file::words(text)
        .into_iter()
        .map(|word| {
            let rest = text.get(from..).unwrap_or_default();
            let blanks = rest.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
            // Quotes are not part of the word: then its name leads to it.
            let known = [word.as_slice(), &word[..word.find_byte(b'=').map_or(0, |end| end + 1)]];
            let found = known
                .iter()
                .filter(|part| !part.is_empty())
                .find_map(|part| Some((rest.find(part)?, part.len())));
            let (start, length) = found.unwrap_or((blanks, 1));
            let column = from + start + 1;
            from += start + length;
            Word { text: word, line, column: u32::try_from(column).unwrap_or(u32::MAX) }
        })
        .collect()
}

/// The name of an option without dashes and value, as it is written.
pub fn name(option: &[u8]) -> &[u8] {
    let option = option.strip_prefix(b"--").unwrap_or(option);
    option.split_once_str("=").map_or(option, |(name, _)| name)
}

/// The value behind the `=` of an option.
pub fn value(option: &[u8]) -> Option<&[u8]> {
    option.split_once_str("=").map(|(_, value)| value)
}

/// The file's name as text, for messages.
pub fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_know_where_they_begin() {
        let words = of_option_file(b"--a = 9\n\n  --b='x y' --c=\"z\"  --d\n");
        let shown: Vec<_> = words.iter().map(|w| format!("{} {}:{}", w.text, w.line, w.column)).collect();
        assert_eq!(shown, ["--a 1:1", "= 1:5", "9 1:7", "--b=x y 3:3", "--c=z 3:13", "--d 3:22"]);
    }

    #[test]
    fn names_and_values() {
        assert_eq!((name(b"--a_b=c=d"), value(b"--a_b=c=d")), (&b"a_b"[..], Some(&b"c=d"[..])));
        assert_eq!((name(b"--a"), value(b"--a")), (&b"a"[..], None));
    }
}
