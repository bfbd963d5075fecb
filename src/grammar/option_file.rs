//! The grammar of option files: `.opt`, `-master.opt`, `-slave.opt` and `suite.opt` (runner §3.1).
//!
//! The format has no comments, no variables and no line continuation: every line is a list of
//! words, and every word is one argument of the server.

use bstr::{BString, ByteSlice};

/// Stands for a blank or tab inside quotes while a line is split into words.
const KEPT_BLANK: u8 = 0x11;
/// Stands for a `'` that delimited a protected segment.
const KEPT_SINGLE: u8 = 0x0a;
/// Stands for a `"` that delimited a protected segment.
const KEPT_DOUBLE: u8 = 0x0b;

/// The lines of an option file that have words, with their numbers, from 1.
pub fn lines(text: &[u8]) -> impl Iterator<Item = (u32, Vec<BString>)> {
    (1u32..)
        .zip(text.lines())
        .map(|(number, line)| (number, words(line)))
        .filter(|(_, words)| !words.is_empty())
}

/// Splits one line into arguments.
///
/// Blanks inside `'…'` or `"…"` do not split; one outermost pair of quotes is removed from each
/// word, `\\` becomes `\`, and words that end up empty are dropped.
pub fn words(line: &[u8]) -> Vec<BString> {
    let mut line = line.trim_with(|c| c.is_ascii_whitespace() || c == '\x0b').to_vec();
    // A pair may contain segments of the other kind: once the inner ones are protected, a second
    // pass finds the outer ones.
    for (quote, kept) in [(b'\'', KEPT_SINGLE), (b'"', KEPT_DOUBLE)].repeat(2) {
        line = protect(&line, quote, kept);
    }
    line.split(|byte| matches!(byte, b' ' | b'\t'))
        .map(|word| {
            let word: Vec<u8> = word
                .iter()
                .map(|byte| match *byte {
                    KEPT_BLANK => b' ',
                    KEPT_SINGLE => b'\'',
                    KEPT_DOUBLE => b'"',
                    byte => byte,
                })
                .collect();
            let word = strip_pair(&word, b'\'').or_else(|| strip_pair(&word, b'"')).unwrap_or(word);
            BString::from(word.replace(br"\\", br"\"))
        })
        .filter(|word| !word.is_empty())
        .collect()
}

/// The options in one argument: of `--a --b=1`, where a blank was meant to stand between two arguments, both; an argument
/// that is one option is one. A blank and dashes within quotes divide nothing, and neither does a comment of SQL.
pub fn options_in(argument: &[u8]) -> Vec<&[u8]> {
    let mut parts = Vec::new();
    let (mut from, mut quote) = (0, None);
    for (at, &byte) in argument.iter().enumerate() {
        match (byte, quote) {
            (b'\'' | b'"' | b'`', None) => quote = Some(byte),
            (_, Some(open)) if byte == open => quote = None,
            (b' ' | b'\t', None) => {
                let next = argument[at + 1..].strip_prefix(b"--").and_then(|name| name.first());
                if next.is_some_and(u8::is_ascii_alphabetic) && !argument[from..at].trim().is_empty() {
                    parts.push(argument[from..at].trim());
                    from = at + 1;
                }
            }
            _ => {}
        }
    }
    parts.push(argument[from..].trim());
    parts
}

/// Replaces every segment between two `quote`s that has no quote of either kind inside by
/// placeholders.
fn protect(line: &[u8], quote: u8, kept: u8) -> Vec<u8> {
    let mut out = Vec::with_capacity(line.len());
    let mut rest = line;
    while let Some(open) = rest.find_byte(quote) {
        let inside = &rest[open + 1..];
        match inside.find_byteset(b"'\"") {
            Some(close) if inside[close] == quote => {
                out.extend_from_slice(&rest[..open]);
                out.push(kept);
                out.extend(inside[..close].iter().map(|byte| match byte {
                    b' ' | b'\t' => KEPT_BLANK,
                    byte => *byte,
                }));
                out.push(kept);
                rest = &inside[close + 1..];
            }
            _ => {
                out.extend_from_slice(&rest[..=open]);
                rest = inside;
            }
        }
    }
    out.extend_from_slice(rest);
    out
}

/// Removes the outermost pair of `quote`: the word must have no quote of either kind before the
/// first and after the last one. `None` where there is no such pair.
fn strip_pair(word: &[u8], quote: u8) -> Option<Vec<u8>> {
    let first = word.find_byteset(b"'\"")?;
    let last = word.rfind_byteset(b"'\"")?;
    if first == last || word[first] != quote || word[last] != quote {
        return None;
    }
    Some([&word[..first], &word[first + 1..last], &word[last + 1..]].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_blank_and_dashes_begin_another_option() {
        for (argument, expected) in [
            ("--a", &["--a"][..]),
            ("--a --b=1", &["--a", "--b=1"]),
            ("--a=4k  --b=1\t--c", &["--a=4k", "--b=1", "--c"]),
            ("--init-connect=select 'x --y'", &["--init-connect=select 'x --y'"]),
            ("--init-connect=select 1 -- one", &["--init-connect=select 1 -- one"]),
            ("--a = --b", &["--a =", "--b"]),
            ("", &[""]),
        ] {
            let expected: Vec<&[u8]> = expected.iter().map(|part| part.as_bytes()).collect();
            assert_eq!(options_in(argument.as_bytes()), expected, "{argument}");
        }
    }

    /// Every vector of runner §3.1.
    #[test]
    fn lines_become_arguments() {
        let vectors: &[(&str, &[&str])] = &[
            ("--max_connections = 9998", &["--max_connections", "=", "9998"]),
            ("# note --foo", &["#", "note", "--foo"]),
            (r#"--init-connect="set @a=1; set @b=2""#, &["--init-connect=set @a=1; set @b=2"]),
            (r"--init_connect=set @a='a\\0c'", &["--init_connect=set", r"@a=a\0c"]),
            (r#"--init-connect='set @a="x y"'"#, &[r#"--init-connect=set @a="x y""#]),
            (r#"--sql-mode="""#, &["--sql-mode="]),
            (r#"--x="c 'd e' f""#, &["--x=c 'd e' f"]),
            ("--x=a'b c'd", &["--x=ab cd"]),
            (r#"--x=a"b c"d'e f'g"#, &[r#"--x=a"b c"d'e f'g"#]),
            (r#""--replicate-rewrite-db=  m1  ->  test""#, &["--replicate-rewrite-db=  m1  ->  test"]),
            ("--x=' a/% = OFF ''", &["--x= a/% = OFF '"]),
            ("--x='//a/% = 'OFF ''", &["--x=//a/% = OFF"]),
            ("--x='''''", &["--x='''"]),
            ("--ignore-db-dirs x", &["--ignore-db-dirs", "x"]),
            ("--log-slow-filter= --b=0", &["--log-slow-filter=", "--b=0"]),
            (r"--x=\y", &[r"--x=\y"]),
            (r"--x=\\y", &[r"--x=\y"]),
            ("", &[]),
            (" \t ", &[]),
            ("--x='a\tb'", &["--x=a b"]),
        ];
        for (line, expected) in vectors {
            let got = words(line.as_bytes());
            assert_eq!(got, expected.iter().map(|w| BString::from(*w)).collect::<Vec<_>>(), "{line}");
        }
    }

    proptest::proptest! {
        /// Without quotes and backslashes a line is its words.
        #[test]
        fn plain_lines_split_at_blanks(line in "[a-z=#$,-]{1,6}([ \\t]+[a-z=#$,-]{1,6}){0,4}") {
            let expected: Vec<BString> = line.split([' ', '\t']).filter(|w| !w.is_empty()).map(Into::into).collect();
            proptest::prop_assert_eq!(words(line.as_bytes()), expected);
        }

        /// Whatever is in a file, no word is empty and none is longer than the line.
        #[test]
        fn any_line_has_words(line: Vec<u8>) {
            let total: usize = words(&line).iter().map(|word| word.len()).sum();
            proptest::prop_assert!(total <= line.len() && words(&line).iter().all(|word| !word.is_empty()));
        }
    }

    #[test]
    fn lines_without_words_are_left_out() {
        let lines: Vec<_> = lines(b"--a --b\n\n \t\n--c\r\n").collect();
        assert_eq!(lines, [(1, vec!["--a".into(), "--b".into()]), (4, vec!["--c".into()])]);
    }
}
