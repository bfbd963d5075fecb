//! The functions of expressions that look at NULL or choose among their arguments.

use std::cmp::Ordering;

use super::super::charset::LATIN1;
use super::super::integer::strtol;
use super::super::message::ScriptError;
use super::super::text::trim_start;
use super::call::{complaint, exactly};
use super::compare::collate;
use super::value::{Value, out_of_range};

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
fn integer_of(text: &[u8]) -> Option<i64> {
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
