//! The arguments of a command: the standard splitting, parentheses around a list, and junk at the
//! end of a line (spec §3.3 to §3.5).

use crate::script::command::Arg;
use crate::script::common::charset::Charset;
use crate::script::common::message::ScriptError;
use crate::script::common::text::{trim_blanks, until_nul};
use crate::script::expand::{Variables, expand};

/// The values of a command's arguments as they stand in the text, one per declared argument, and what
/// follows the last of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Args<'a> {
    /// Without quotes, not expanded; empty where the text ended early.
    pub values: Vec<&'a [u8]>,
    /// The text behind the last value.
    pub rest: &'a [u8],
}

/// Splits `text` into `count` values at the separator, a blank or a comma.
///
/// Only blanks are skipped before a value. A value may be quoted with `'`, `"` or `` ` ``; what then
/// stands between the closing quote and the separator is dropped. A NUL ends the text: all further values
/// are empty.
pub fn split(text: &[u8], count: usize, separator: u8) -> Args<'_> {
    let mut rest = text;
    let mut values = Vec::with_capacity(count);
    for number in 0..count {
        if number > 0 && rest.first() == Some(&separator) {
            rest = &rest[1..];
        }
        rest = trim_blanks(rest);
        let (value, after) = match rest.first() {
            Some(&quote @ (b'\'' | b'"' | b'`')) => {
                let (value, after) = until(&rest[1..], quote);
                (value, until(after, separator).1)
            }
            _ => until(rest, separator),
        };
        values.push(value);
        rest = after;
    }
    Args { values, rest }
}

/// The expanded values of a command's arguments: splits `text` and expands each value on its own, so
/// that an expanded value is never split. `word` is the command as it was typed.
///
/// # Errors
/// `Missing required argument …` for a required argument whose value is empty, `Extra argument …` for
/// text behind the last one that is no comment, and the errors of the expansion.
pub fn parse(
    text: &[u8],
    spec: &[Arg],
    separator: u8,
    word: &[u8],
    charset: Charset,
    variables: &mut dyn Variables,
) -> Result<Vec<Vec<u8>>, ScriptError> {
    let args = split(text, spec.len(), separator);
    let mut values = Vec::with_capacity(spec.len());
    for (arg, raw) in spec.iter().zip(&args.values) {
        let value = expand(raw, charset, false, variables)?;
        if value.is_empty() && arg.required {
            let name = arg.name.as_bytes();
            return Err(ScriptError::die_with(&[
                b"Missing required argument '",
                name,
                b"' to command '",
                word,
                b"'",
            ]));
        }
        values.push(value);
    }
    let extra = args.rest.iter().position(|byte| !matches!(byte, b' ' | 0)).unwrap_or(args.rest.len());
    let extra = until_nul(&args.rest[extra..]);
    match extra.first() {
        None | Some(b'#') => Ok(values),
        Some(_) => Err(ScriptError::die_with(&[b"Extra argument '", extra, b"' passed to '", word, b"'"])),
    }
}

/// Blanks out a parenthesis before a list of arguments and cuts off the one behind it (spec §3.4), as the
/// command is then logged. `arguments` is where the arguments begin in `text`, the whole command; `word`
/// is the command as it was typed. Text without an opening parenthesis stays as it is. Spaces other than
/// blanks stay behind a NUL, for the splitting to complain of.
///
/// # Errors
/// `<word> - argument list started with '(' must be ended with ')'`.
pub fn strip_parentheses(
    text: &mut Vec<u8>,
    arguments: usize,
    word: &[u8],
    charset: Charset,
) -> Result<(), ScriptError> {
    let not_space = |byte: &u8| !charset.is_space(*byte);
    let list = text.get(arguments..).unwrap_or_default();
    let Some(open) = list.iter().position(not_space).filter(|&at| list[at] == b'(') else { return Ok(()) };
    match list.iter().rposition(not_space) {
        Some(close) if list[close] == b')' => {
            let blanks_follow = text[arguments + close + 1..].iter().all(|&byte| byte == b' ');
            text[arguments + open] = b' ';
            if blanks_follow {
                text.truncate(arguments + close);
            } else {
                text[arguments + close] = 0;
            }
            Ok(())
        }
        _ => Err(ScriptError::die_with(&[word, b" - argument list started with '(' must be ended with ')'"])),
    }
}

/// Checks that nothing but spaces and comments is left of a command's line (spec §3.5).
///
/// # Errors
/// `Missing delimiter` at a line's end, `Extra delimiter "…" found`, `End of line junk detected: "…"`.
pub fn trailing_junk(rest: &[u8], delimiter: &[u8], charset: Charset) -> Result<(), ScriptError> {
    let mut rest = until_nul(rest);
    loop {
        match rest.first() {
            None => return Ok(()),
            Some(b'\n') => return Err(ScriptError::die("Missing delimiter")),
            Some(&byte) if charset.is_space(byte) => rest = &rest[1..],
            Some(b'#') => match rest.iter().position(|&byte| byte == b'\n') {
                Some(end) => rest = &rest[end..],
                None => return Ok(()),
            },
            Some(_) if rest.starts_with(delimiter) => {
                return Err(ScriptError::die_with(&[b"Extra delimiter \"", delimiter, b"\" found"]));
            }
            Some(_) => {
                return Err(ScriptError::die_with(&[b"End of line junk detected: \"", rest, b"\""]));
            }
        }
    }
}

/// The text before `end` or a NUL, and from there on.
fn until(text: &[u8], end: u8) -> (&[u8], &[u8]) {
    text.split_at(text.iter().position(|&byte| byte == end || byte == 0).unwrap_or(text.len()))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::script::common::charset::LATIN1;
    use crate::script::testing::Values;

    const VALUES: Values = Values(&[(b"a", b"x y, z")]);

    const TWO: [Arg; 2] = [Arg { name: "first", required: true }, Arg { name: "second", required: false }];

    fn message(result: Result<Vec<Vec<u8>>, ScriptError>) -> String {
        result.unwrap_err().to_string()
    }

    #[test]
    fn blanks_separate() {
        assert_eq!(split(b" a  b ", 2, b' ').values, [&b"a"[..], b"b"]);
        assert_eq!(split(b"a\tb\nc", 2, b' ').values, [&b"a\tb\nc"[..], b""]);
        assert_eq!(split(b"'a b'x \"c'", 2, b' ').values, [&b"a b"[..], b"c'"]);
        assert_eq!(split(b"`a'\"` b", 2, b' ').values, [&b"a'\""[..], b"b"]);
    }

    #[test]
    fn commas_separate_and_blanks_before_them_stay() {
        assert_eq!(split(b"select 1 as a , a, 1", 3, b',').values, [&b"select 1 as a "[..], b"a", b"1"]);
        assert_eq!(split(b",,", 3, b',').values, [&b""[..], b"", b""]);
        assert_eq!(split(b"'a,b' , c", 2, b',').values, [&b"a,b"[..], b"c"]);
    }

    #[test]
    fn values_are_expanded_one_by_one() {
        let values = parse(b"$a,'$a'", &TWO, b',', b"word", LATIN1, &mut { VALUES }).unwrap();
        assert_eq!(values, [b"x y, z".to_vec(), b"x y, z".to_vec()]);
    }

    #[test]
    fn missing_and_extra() {
        let complaint =
            |text: &'static [u8]| message(parse(text, &TWO, b' ', b"Word", LATIN1, &mut { VALUES }));
        assert_eq!(complaint(b""), "Missing required argument 'first' to command 'Word'");
        assert_eq!(complaint(b"$empty b c"), "Missing required argument 'first' to command 'Word'");
        assert_eq!(complaint(b"a b c "), "Extra argument 'c ' passed to 'Word'");
        assert_eq!(complaint(b"a\0 \0b\0c"), "Extra argument 'b' passed to 'Word'");
        assert!(parse(b"a b # c", &TWO, b' ', b"Word", LATIN1, &mut { VALUES }).is_ok());
        let complaint =
            |text: &'static [u8]| message(parse(text, &TWO, b',', b"Word", LATIN1, &mut { VALUES }));
        assert_eq!(complaint(b"a,b, # c"), "Extra argument ', # c' passed to 'Word'");
        assert_eq!(complaint(b"a,b,,"), "Extra argument ',,' passed to 'Word'");
        assert_eq!(complaint(b" ,b"), "Missing required argument 'first' to command 'Word'");
    }

    #[test]
    fn parentheses() {
        let mut text = b"connect (c,localhost) ".to_vec();
        strip_parentheses(&mut text, 8, b"connect", LATIN1).unwrap();
        assert_eq!(text, b"connect  c,localhost");
        let mut text = b"connect c,(x".to_vec();
        strip_parentheses(&mut text, 8, b"connect", LATIN1).unwrap();
        assert_eq!(text, b"connect c,(x");
        let mut text = b"connect (c)\n ".to_vec();
        strip_parentheses(&mut text, 8, b"connect", LATIN1).unwrap();
        assert_eq!(text, b"connect  c\0\n ");
        let error = strip_parentheses(&mut b"connect (c".to_vec(), 8, b"connect", LATIN1).unwrap_err();
        assert_eq!(error.message, "connect - argument list started with '(' must be ended with ')'");
    }

    #[test]
    fn junk() {
        let check = |rest: &[u8]| trailing_junk(rest, b";", LATIN1).map_err(|error| error.to_string());
        assert_eq!(check(b""), Ok(()));
        assert_eq!(check(b" \t# text"), Ok(()));
        assert_eq!(check(b";"), Err("Extra delimiter \";\" found".to_owned()));
        assert_eq!(check(b" OCNE"), Err("End of line junk detected: \"OCNE\"".to_owned()));
        assert_eq!(check(b"# text\n"), Err("Missing delimiter".to_owned()));
        assert_eq!(check(b"x\0y"), Err("End of line junk detected: \"x\"".to_owned()));
    }
}
