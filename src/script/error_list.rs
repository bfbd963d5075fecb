//! The list of expected errors of `error` (spec §9.1).

use crate::script::common::charset::Charset;
use crate::script::common::message::ScriptError;
use crate::script::common::text::{trim_blanks, until_nul};
use crate::script::errnames;
use crate::script::expand::{Variables, expand, variable_name};

/// How many errors may be listed.
const MAX_ERRORS: usize = 11;

/// How the complaint begins about a name that no error has.
pub(super) const UNKNOWN_NAME: &[u8] = b"Unknown SQL error name '";

/// One of the errors that may happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExpectedError {
    /// The error of this number; 0 is success.
    Number(u32),
    /// Any error with this SQLSTATE.
    SqlState([u8; 5]),
}

/// Parses the arguments of `error`, which are expanded first.
///
/// # Errors
/// Those of the expansion, `Missing argument(s) to 'error'`, `Too many errorcodes specified`, and what is wrong
/// with an item.
pub fn parse(
    arguments: &[u8],
    charset: Charset,
    variables: &mut dyn Variables,
) -> Result<Vec<ExpectedError>, ScriptError> {
    let raw = until_nul(arguments);
    if raw.is_empty() {
        return Err(ScriptError::die("Missing argument(s) to 'error'"));
    }
    let text = expand(raw, charset, true, variables)?;
    let mut rest = &text[..];
    let mut list = Vec::new();
    loop {
        if list.len() == MAX_ERRORS {
            return Err(ScriptError::die("Too many errorcodes specified"));
        }
        rest = trim_blanks(rest);
        list.push(match rest.strip_prefix(b"$") {
            Some(reference) => {
                let (name, _) = variable_name(reference, charset)?;
                let value = variables.value(name).unwrap_or_default();
                item(value, value, raw)?
            }
            None => item(upto(rest, |byte| matches!(byte, b' ' | b',')), rest, raw)?,
        });
        rest = &rest[upto(rest, |byte| byte == b',').len()..];
        match rest {
            [] | [b','] => return Ok(list),
            _ => rest = &rest[1..],
        }
    }
}

/// What one item means. `rest` is the text from the item on and `raw` all arguments as typed, for the messages.
fn item(item: &[u8], rest: &[u8], raw: &[u8]) -> Result<ExpectedError, ScriptError> {
    match item {
        [b's' | b'S', ..] => sqlstate(item),
        [b'E' | b'W' | b'H', ..] => match errnames::number(item) {
            Some(number) => Ok(ExpectedError::Number(number)),
            None => Err(ScriptError::die_with(&[UNKNOWN_NAME, rest, b"'"])),
        },
        [b'e' | b'w' | b'h', ..] => {
            Err(ScriptError::die("The error name definition must start with an uppercase E or W or H"))
        }
        _ => number(item, raw),
    }
}

fn sqlstate(item: &[u8]) -> Result<ExpectedError, ScriptError> {
    let [b'S', state @ ..] = item else {
        return Err(ScriptError::die("The sqlstate definition must start with an uppercase S"));
    };
    let Ok(state) = <[u8; 5]>::try_from(state) else {
        return Err(ScriptError::die("The sqlstate must be exactly 5 chars long"));
    };
    match state.iter().all(|byte| byte.is_ascii_digit() || byte.is_ascii_uppercase()) {
        true => Ok(ExpectedError::SqlState(state)),
        false => {
            Err(ScriptError::die("The sqlstate may only consist of digits[0-9] and _uppercase_ letters"))
        }
    }
}

fn number(item: &[u8], raw: &[u8]) -> Result<ExpectedError, ScriptError> {
    if !item.iter().all(u8::is_ascii_digit) {
        return Err(ScriptError::die_with(&[
            b"Invalid argument to error: '",
            raw,
            b"' - the errno may only consist of digits[0-9]",
        ]));
    }
    let number = item.iter().try_fold(0u32, |number, digit| {
        number
            .checked_mul(10)?
            .checked_add(u32::from(digit - b'0'))
            .filter(|&number| number <= i32::MAX as u32)
    });
    match number {
        Some(number) if !item.is_empty() => Ok(ExpectedError::Number(number)),
        _ => Err(ScriptError::die_with(&[b"Invalid argument to error: '", raw, b"'"])),
    }
}

/// The text before the first byte that ends it.
fn upto(text: &[u8], ends: fn(u8) -> bool) -> &[u8] {
    &text[..text.iter().position(|&byte| ends(byte)).unwrap_or(text.len())]
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::script::common::charset::LATIN1;
    use crate::script::testing::Values;

    const VALUES: Values =
        Values(&[(b"a", b"1146"), (b"later", b"1,$a"), (b"state", b"S42S02"), (b"bad", b"12,13")]);

    fn numbers(text: &[u8]) -> Vec<u32> {
        let number = |expected| match expected {
            ExpectedError::Number(number) => number,
            ExpectedError::SqlState(state) => panic!("{state:?}"),
        };
        parse(text, LATIN1, &mut { VALUES }).unwrap().into_iter().map(number).collect()
    }

    fn complaint(text: &[u8]) -> String {
        parse(text, LATIN1, &mut { VALUES }).unwrap_err().to_string()
    }

    #[test]
    fn lists_of_numbers() {
        assert_eq!(numbers(b"1146"), [1146]);
        assert_eq!(numbers(b" 0, 01,  3"), [0, 1, 3]);
        assert_eq!(numbers(b"1146 : text"), [1146]);
        assert_eq!(numbers(b"1146 # a, 1"), [1146, 1]);
        assert_eq!(numbers(b"1146,"), [1146]);
        assert_eq!(numbers(b"2147483647"), [2147483647]);
        assert_eq!(numbers(b"1,2,3,4,5,6,7,8,9,10,11").len(), 11);
        assert_eq!(
            numbers(b"ER_NO_SUCH_TABLE,HA_ERR_KEY_NOT_FOUND x,WARN_DATA_TRUNCATED"),
            [1146, 120, 1265]
        );
    }

    #[test]
    fn variables() {
        assert_eq!(numbers(b"1,$a"), [1, 1146]);
        assert_eq!(numbers(b"$later"), [1, 1146]);
        assert_eq!(parse(b"$state", LATIN1, &mut { VALUES }), Ok(vec![ExpectedError::SqlState(*b"42S02")]));
        assert_eq!(complaint(b"$empty"), "Invalid argument to error: '$empty'");
    }

    #[test]
    fn malformed_items() {
        let digits =
            |raw| format!("Invalid argument to error: '{raw}' - the errno may only consist of digits[0-9]");
        assert_eq!(complaint(b""), "Missing argument(s) to 'error'");
        assert_eq!(complaint(b"1,2,3,4,5,6,7,8,9,10,11,12"), "Too many errorcodes specified");
        assert_eq!(complaint(b","), "Invalid argument to error: ','");
        assert_eq!(complaint(b"1,,2"), "Invalid argument to error: '1,,2'");
        assert_eq!(complaint(b"1, "), "Invalid argument to error: '1, '");
        assert_eq!(complaint(b"2147483648"), "Invalid argument to error: '2147483648'");
        assert_eq!(complaint(b"1146x"), digits("1146x"));
        assert_eq!(complaint(b"1,\\$a"), digits("1,\\$a"));
        assert_eq!(complaint(b"1\n"), digits("1\n"));
        assert_eq!(complaint(b"1,\t2"), digits("1,\t2"));
        assert_eq!(complaint(b"1,EE_X 5,2"), "Unknown SQL error name 'EE_X 5,2'");
        assert_eq!(complaint(b"er_no"), "The error name definition must start with an uppercase E or W or H");
        assert_eq!(complaint(b"s42S02"), "The sqlstate definition must start with an uppercase S");
        assert_eq!(complaint(b"S42S0"), "The sqlstate must be exactly 5 chars long");
        let charset = "The sqlstate may only consist of digits[0-9] and _uppercase_ letters";
        assert_eq!(complaint(b"S42s02"), charset);
    }
}
