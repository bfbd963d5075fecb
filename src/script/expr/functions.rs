//! The functions of expressions that look at NULL or choose among their arguments.

use std::cmp::Ordering;

use crate::script::common::charset::LATIN1;
use crate::script::common::integer::strtol;
use crate::script::common::message::ScriptError;
use crate::script::common::text::trim_start;
use crate::script::expr::arguments::{complaint, exactly};
use crate::script::expr::compare::collate;
use crate::script::expr::value::{Value, out_of_range};

pub(super) fn ifnull<'a>(arguments: Vec<Value<'a>>) -> Result<Value<'a>, ScriptError> {
    let [value, instead] = exactly(arguments, "ifnull", "")?;
    Ok(if value == Value::Null { instead } else { value })
}

pub(super) fn nullif<'a>(arguments: Vec<Value<'a>>) -> Result<Value<'a>, ScriptError> {
    let [a, b] = exactly(arguments, "nullif", "")?;
    if a == Value::Null || b == Value::Null {
        return Ok(a);
    }
    let equal = match (a.bits(), b.bits()) {
        (Some(a), Some(b)) => a == b,
        _ => a.to_text() == b.to_text(),
    };
    Ok(if equal { Value::Null } else { a })
}

pub(super) fn coalesce<'a>(arguments: Vec<Value<'a>>) -> Result<Value<'a>, ScriptError> {
    if arguments.is_empty() {
        return Err(complaint("coalesce", "expects at least 1 argument"));
    }
    Ok(arguments.into_iter().find(|value| *value != Value::Null).unwrap_or(Value::Null))
}

/// `least` and `greatest`. If one argument is an integer all are compared by the integers they begin with, which
/// may be of any length; otherwise as strings. Of equals the first is taken.
pub(super) fn extreme<'a>(arguments: Vec<Value<'a>>, name: &str) -> Result<Value<'a>, ScriptError> {
    if arguments.len() < 2 {
        return Err(complaint(name, "expects at least 2 arguments"));
    }
    let wanted = if name == "least" { Ordering::Less } else { Ordering::Greater };
    let numeric = arguments.iter().any(|value| value.bits().is_some());
    let order = |a: &Value<'_>, b: &Value<'_>| match numeric {
        true => compare_integers(&a.to_text(), &b.to_text()),
        false => collate(&a.to_text(), &b.to_text()),
    };
    let better = |best: Value<'a>, value| if order(&value, &best) == wanted { value } else { best };
    let best = arguments.into_iter().reduce(better).unwrap_or(Value::Null);
    match best {
        Value::Text(text) if numeric => {
            integer_of(&text).map(Value::Signed).ok_or_else(|| out_of_range(&text))
        }
        other => Ok(other),
    }
}

/// The integer at the start of a text, 0 without one; `None` beyond 64 bits.
pub(super) fn integer_of(text: &[u8]) -> Option<i64> {
    let (negative, digits) = leading_integer(text);
    // Only the bounds themselves are read right by a conversion that stops at the bounds.
    let number = strtol(text).map_or(0, |(number, _)| number);
    let bound = if negative { "9223372036854775808" } else { "9223372036854775807" };
    (compare_digits(digits, bound.as_bytes()) != Ordering::Greater).then_some(number)
}

fn compare_integers(a: &[u8], b: &[u8]) -> Ordering {
    match (leading_integer(a), leading_integer(b)) {
        ((false, a), (false, b)) => compare_digits(a, b),
        ((true, a), (true, b)) => compare_digits(b, a),
        ((true, _), (false, _)) => Ordering::Less,
        ((false, _), (true, _)) => Ordering::Greater,
    }
}

/// Compares numbers without leading zeros.
fn compare_digits(a: &[u8], b: &[u8]) -> Ordering {
    a.len().cmp(&b.len()).then_with(|| a.cmp(b))
}

/// The sign (`true`: negative) and the digits, without leading zeros, of the integer at the start of a text. Zero has
/// no digits and is not negative.
fn leading_integer(text: &[u8]) -> (bool, &[u8]) {
    let text = trim_start(text, LATIN1);
    let (negative, text) = match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        _ => (false, text),
    };
    let zeros = text.iter().take_while(|&&byte| byte == b'0').count();
    let text = &text[zeros..];
    let digits = &text[..text.iter().take_while(|byte| byte.is_ascii_digit()).count()];
    (negative && !digits.is_empty(), digits)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use crate::script::testing::expressions::{complains, evaluates};

    #[test]
    fn results() {
        evaluates(&[
            (&b"ifnull(NULL,2)"[..], &b"2"[..]),
            (&b"ifnull('',1)"[..], &b""[..]),
            (&b"nullif(1,'1')"[..], &b""[..]),
            (&b"nullif('a','A')"[..], &b"a"[..]),
            (&b"nullif(-1,18446744073709551615)"[..], &b""[..]),
            (&b"nullif(1,NULL)"[..], &b"1"[..]),
            (&b"nullif(NULL,1)"[..], &b""[..]),
            (&b"coalesce(NULL,'',1)"[..], &b""[..]),
            (&b"coalesce(NULL)"[..], &b""[..]),
            (&b"least(2,1)"[..], &b"1"[..]),
            (&b"least('a','B')"[..], &b"a"[..]),
            (&b"least('x',1)"[..], &b"0"[..]),
            (&b"least('10',9)"[..], &b"9"[..]),
            (&b"least('10','9')"[..], &b"10"[..]),
            (&b"least(NULL)"[..], &b""[..]),
            (&b"least(-1,18446744073709551615)"[..], &b"-1"[..]),
            (&b"least('-3x',1)"[..], &b"-3"[..]),
            (&b"least('99999999999999999999',1)"[..], &b"1"[..]),
            (&b"least(' 5',3)"[..], &b"3"[..]),
            (&b"least('a','A')"[..], &b"a"[..]),
            (&b"greatest('1e3',5)"[..], &b"5"[..]),
            (&b"greatest('a','a\t')"[..], &b"a"[..]),
            (&b"greatest('ab','a ')"[..], &b"ab"[..]),
            (&b"greatest('5','10',1)"[..], &b"10"[..]),
            (&b"greatest(18446744073709551615,'5')"[..], &b"18446744073709551615"[..]),
            (&b"greatest('-','+',-1)"[..], &b"0"[..]),
        ]);
    }

    #[test]
    fn complaints() {
        complains(&[
            (&b"ifnull(1)"[..], "ifnull() expects 2 arguments, got 1"),
            (&b"nullif(1,2,3)"[..], "nullif() expects 2 arguments, got 3"),
            (&b"coalesce()"[..], "coalesce() expects at least 1 argument"),
            (&b"least(1)"[..], "least() expects at least 2 arguments"),
            (
                &b"greatest('9223372036854775808x',1)"[..],
                "Range error: 9223372036854775808x value out of range for Integer type",
            ),
            (
                &b"least('-99999999999999999999',1)"[..],
                "Range error: -99999999999999999999 value out of range for Integer type",
            ),
            (
                &b"greatest('18446744073709551615',18446744073709551615)"[..],
                "Range error: 18446744073709551615 value out of range for Integer type",
            ),
        ]);
    }
}
