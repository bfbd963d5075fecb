//! The arguments of `replace_result` and `replace_column` (spec §9.6, §9.7), and of two extensions that are like
//! them, `query_attributes` and `replace_numeric_round`.

use crate::script::common::charset::Charset;
use crate::script::common::integer::atoi;
use crate::script::common::message::ScriptError;
use crate::script::common::text::{trim_start, until_nul};
use crate::script::expand::{Variables, variable_name};
use crate::script::string_token;

/// Two strings that belong together.
pub type Pair = (Vec<u8>, Vec<u8>);

/// Parses the pairs *from*, *to* of `replace_result`. `command` is the whole command, for the messages.
///
/// # Errors
/// `Missing argument in …`, `Wrong number of arguments to replace_result in '…'`, `Wrong string argument in …`,
/// `Can't initialize replace from '…'` for an empty *from*.
pub fn parse_pairs(
    arguments: &[u8],
    command: &[u8],
    charset: Charset,
    variables: &mut dyn Variables,
) -> Result<Vec<Pair>, ScriptError> {
    let command = until_nul(command);
    let pairs = pairs(arguments, command, "replace_result", charset, variables, Ok)?;
    match pairs.iter().all(|(from, _)| !from.is_empty()) {
        true => Ok(pairs),
        false => Err(ScriptError::die_with(&[b"Can't initialize replace from '", command, b"'"])),
    }
}

/// Parses the pairs *column*, *text* of `replace_column`; columns count from 1. Of a column that is named
/// twice the last text counts.
///
/// # Errors
/// As [`parse_pairs`], and `Wrong column number to replace_column in '…'` for a column outside 1 to 256.
pub fn parse_columns(
    arguments: &[u8],
    command: &[u8],
    charset: Charset,
    variables: &mut dyn Variables,
) -> Result<Vec<(u16, Vec<u8>)>, ScriptError> {
    let command = until_nul(command);
    let number = |column: Vec<u8>| match atoi(&column) {
        number @ 1..=256 => Ok(number as u16),
        _ => Err(ScriptError::die_with(&[b"Wrong column number to replace_column in '", command, b"'"])),
    };
    pairs(arguments, command, "replace_column", charset, variables, number)
}

/// Parses the pairs *name*, *value* of `query_attributes`.
///
/// # Errors
/// As [`parse_pairs`], but for the last.
pub fn parse_attributes(
    arguments: &[u8],
    command: &[u8],
    charset: Charset,
    variables: &mut dyn Variables,
) -> Result<Vec<Pair>, ScriptError> {
    pairs(arguments, until_nul(command), "query_attributes", charset, variables, Ok)
}

/// The most digits behind the point that `replace_numeric_round` can leave.
const MAX_PRECISION: u8 = 16;

/// Parses the digits behind the point of `replace_numeric_round`.
///
/// # Errors
/// `A precision for replace_numeric_round is a number from 0 to 16, not '…'`.
pub fn parse_precision(argument: &[u8]) -> Result<u8, ScriptError> {
    let number = std::str::from_utf8(argument).ok().and_then(|text| text.parse().ok());
    number.filter(|&digits| digits <= MAX_PRECISION).ok_or_else(|| {
        let start =
            format!("A precision for replace_numeric_round is a number from 0 to {MAX_PRECISION}, not '");
        ScriptError::die_with(&[start.as_bytes(), argument, b"'"])
    })
}

/// Reads pairs of strings, of which `first` checks and converts the first one before the second is looked for.
fn pairs<T>(
    arguments: &[u8],
    command: &[u8],
    word: &str,
    charset: Charset,
    variables: &mut dyn Variables,
    first: impl Fn(Vec<u8>) -> Result<T, ScriptError>,
) -> Result<Vec<(T, Vec<u8>)>, ScriptError> {
    let mut rest = trim_start(until_nul(arguments), charset);
    if rest.is_empty() {
        return Err(ScriptError::die_with(&[b"Missing argument in ", command]));
    }
    let mut pairs = Vec::new();
    while !rest.is_empty() {
        let from = first(token(&mut rest, command, charset, variables)?)?;
        if rest.is_empty() {
            let start = format!("Wrong number of arguments to {word} in '");
            return Err(ScriptError::die_with(&[start.as_bytes(), command, b"'"]));
        }
        pairs.push((from, token(&mut rest, command, charset, variables)?));
    }
    Ok(pairs)
}

/// The next string, or the value of the variable if it is nothing but a reference to one.
fn token(
    rest: &mut &[u8],
    command: &[u8],
    charset: Charset,
    variables: &mut dyn Variables,
) -> Result<Vec<u8>, ScriptError> {
    let (token, after) = string_token::read(rest, command)?;
    *rest = trim_start(after, charset);
    if let Some(reference) = token.strip_prefix(b"$")
        && let Ok((name, b"")) = variable_name(reference, charset)
    {
        return Ok(variables.value(name).unwrap_or_default().to_vec());
    }
    Ok(token)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::script::common::charset::LATIN1;
    use crate::script::testing::Values;

    const VALUES: Values = Values(&[(b"a", b"A \"b")]);

    #[track_caller]
    fn pairs(text: &str, expected: &[(&str, &str)]) {
        let pairs = parse_pairs(text.as_bytes(), b"c", LATIN1, &mut { VALUES }).unwrap();
        let expected: Vec<_> =
            expected.iter().map(|(a, b)| (a.as_bytes().to_vec(), b.as_bytes().to_vec())).collect();
        assert_eq!(pairs, expected);
    }

    #[test]
    fn pairs_of_strings() {
        pairs("A X", &[("A", "X")]);
        pairs("A X   B 'Y z' ", &[("A", "X"), ("B", "Y z")]);
        pairs("A\tX \t\nY\n \n", &[("A\tX", "Y\n")]);
        pairs("A 'X' \n", &[("A", "X")]);
        pairs("A ''", &[("A", "")]);
    }

    #[test]
    fn a_string_that_is_a_reference_is_a_value() {
        pairs("$a X", &[("A \"b", "X")]);
        pairs("'$a' X", &[("A \"b", "X")]);
        pairs(r"\$a X", &[("A \"b", "X")]);
        pairs("A $unknown", &[("A", "")]);
        pairs("A $1", &[("A", "")]);
        pairs("$a/ x$a", &[("$a/", "x$a")]);
        pairs("$ $a$a", &[("$", "$a$a")]);
    }

    #[test]
    fn malformed_pairs() {
        let complaint =
            |text: &[u8]| parse_pairs(text, b"Cmd x\0y", LATIN1, &mut { VALUES }).unwrap_err().message;
        assert_eq!(complaint(b""), "Missing argument in Cmd x");
        assert_eq!(complaint(b"A"), "Wrong number of arguments to replace_result in 'Cmd x'");
        assert_eq!(complaint(b"A B C"), "Wrong number of arguments to replace_result in 'Cmd x'");
        assert_eq!(complaint(b"'A' \n"), "Wrong number of arguments to replace_result in 'Cmd x'");
        assert_eq!(complaint(b"'A'X"), "Wrong string argument in Cmd x");
        assert_eq!(complaint(b"'' X"), "Can't initialize replace from 'Cmd x'");
        assert_eq!(complaint(b"A B $unknown X"), "Can't initialize replace from 'Cmd x'");
    }

    #[test]
    fn attributes() {
        let parse = |text: &[u8]| parse_attributes(text, b"c", LATIN1, &mut { VALUES });
        assert_eq!(parse(b"n 'a b' $a ''").unwrap().len(), 2);
        let message = parse(b"n").unwrap_err().message;
        assert_eq!(message, "Wrong number of arguments to query_attributes in 'c'");
    }

    #[test]
    fn precisions() {
        assert_eq!(parse_precision(b"0"), Ok(0));
        assert_eq!(parse_precision(b"16"), Ok(16));
        for text in [&b""[..], b"-1", b"17", b"1x", b"300", b"\xff"] {
            let message = parse_precision(text).unwrap_err().message;
            assert!(message.starts_with(b"A precision for replace_numeric_round is a number from 0 to 16"));
        }
    }

    #[test]
    fn columns() {
        let parse = |text: &[u8]| parse_columns(text, b"c", LATIN1, &mut { VALUES });
        let two = vec![(1, b"A \"b".to_vec()), (256, b"".to_vec())];
        assert_eq!(parse(b"1x $a ' +256' ''"), Ok(two));
        for text in [&b"0 X"[..], b"257 X", b"-1 X", b"x X", b"$unknown X"] {
            let message = parse(text).unwrap_err().message;
            assert_eq!(message, "Wrong column number to replace_column in 'c'", "{text:?}");
            assert_eq!(parse(&text[..text.len() - 2]).unwrap_err().message, message);
        }
        let message = parse(b"1").unwrap_err().message;
        assert_eq!(message, "Wrong number of arguments to replace_column in 'c'");
        assert_eq!(parse(b"").unwrap_err().message, "Missing argument in c");
    }
}
