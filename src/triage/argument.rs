//! Which argument of a server's command line a message of the server is about.

use bstr::{BStr, BString, ByteSlice};

use crate::case::ServerOption;

/// The name of an option as the server compares it: no leading dashes, no value, `_` as `-`.
///
/// `--loose_Foo_Bar=1` gives `loose-Foo-Bar`.
pub fn name(word: &[u8]) -> BString {
    let word = word.strip_prefix(b"--").unwrap_or(word);
    let end = word.find_byte(b'=').unwrap_or(word.len());
    word[..end].replace("_", "-").into()
}

/// The part of `name` without the prefixes that change how an option is taken, not which it is.
pub fn stem(name: &BStr) -> &BStr {
    let mut rest: &[u8] = name;
    for prefix in ["loose-", "maximum-", "autoset-", "skip-", "disable-", "enable-"] {
        rest = rest.strip_prefix(prefix.as_bytes()).unwrap_or(rest);
    }
    rest.as_bstr()
}

/// The value of argument `index`: after its `=`, or the next word where that is no option.
pub fn value(argv: &[ServerOption], index: usize) -> Option<&BStr> {
    let word = &argv.get(index)?.text;
    if let Some((_, value)) = word.split_once_str("=") {
        return Some(value.as_bstr());
    }
    let next = &argv.get(index + 1)?.text;
    (!next.starts_with(b"-")).then(|| next.as_bstr())
}

/// The argument that sets `wanted` (with or without dashes and value): the last one with that `value`, else the
/// last one of that name, since the last one wins. Names match with `-` for `_` and with or without `loose-`,
/// `skip-`, `disable-`.
pub fn find(argv: &[ServerOption], wanted: &[u8], with_value: Option<&[u8]>) -> Option<usize> {
    let wanted = name(wanted);
    let last = |fits: &dyn Fn(usize) -> bool| (0..argv.len()).rev().find(|i| is_option(argv, *i) && fits(*i));
    let same = |i: usize| name(&argv[i].text) == wanted;
    let alike = |i: usize| stem(name(&argv[i].text).as_bstr()) == stem(wanted.as_bstr());
    let valued = |i: usize| with_value.is_some_and(|v| value(argv, i).is_some_and(|found| found == v));
    last(&|i| same(i) && valued(i))
        .or_else(|| last(&|i| alike(i) && valued(i)))
        .or_else(|| last(&|i| same(i)))
        .or_else(|| last(&|i| alike(i)))
}

/// The first argument that is exactly `word`.
pub fn find_word(argv: &[ServerOption], word: &[u8]) -> Option<usize> {
    argv.iter().position(|option| option.text == word)
}

/// `--name=value` for an option that was written with blanks around its `=`, where `index` is any word of it.
pub fn without_blanks(argv: &[ServerOption], index: usize) -> Option<BString> {
    let head = (0..=index).rev().take(3).find(|i| is_option(argv, *i))?;
    let words: Vec<&[u8]> = argv[head + 1..].iter().take(2).map(|option| option.text.as_slice()).collect();
    let mut joined = argv[head].text.clone();
    match words[..] {
        [b"=", value] if !value.starts_with(b"-") && !joined.contains(&b'=') => {
            joined.push(b'=');
            joined.extend_from_slice(value);
        }
        [glued, ..] if glued.starts_with(b"=") && glued.len() > 1 => joined.extend_from_slice(glued),
        [value, ..] if joined.ends_with(b"=") && !value.starts_with(b"-") => {
            joined.extend_from_slice(value);
        }
        _ => return None,
    }
    Some(joined)
}

fn is_option(argv: &[ServerOption], index: usize) -> bool {
    argv[index].text.starts_with(b"-")
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::triage::testing::argv;

    #[test]
    fn names_match_whatever_their_dashes_and_prefixes() {
        let argv = argv(&["--loose_handlersocket_port=1", "--skip-Foo", "--sort_buffer_size=2"]);
        assert_eq!(find(&argv, b"handlersocket-port", None), Some(0));
        assert_eq!(find(&argv, b"--skip-Foo", None), Some(1));
        assert_eq!(find(&argv, b"Foo", None), Some(1));
        assert_eq!(find(&argv, b"sort-buffer-size=2", None), Some(2));
        assert_eq!(find(&argv, b"sort", None), None);
    }

    #[test]
    fn the_value_decides_between_arguments_of_one_name() {
        let argv = argv(&["--a=1", "--a", "=", "--a=3"]);
        assert_eq!(find(&argv, b"a", Some(b"1")), Some(0));
        assert_eq!(find(&argv, b"a", Some(b"=")), Some(1));
        assert_eq!(find(&argv, b"a", Some(b"7")), Some(3));
    }

    #[test]
    fn blanks_around_the_equals_sign() {
        for words in [&["--a", "=", "1"][..], &["--a=", "1"], &["--a", "=1"]] {
            let argv = argv(words);
            for i in 0..words.len() {
                assert_eq!(without_blanks(&argv, i).unwrap(), "--a=1", "{words:?} {i}");
            }
        }
        assert_eq!(without_blanks(&argv(&["--a", "1"]), 1), None);
        assert_eq!(without_blanks(&argv(&["x"]), 0), None);
    }
}
