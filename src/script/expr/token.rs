//! The tokens of expressions.

use nom::branch::alt;
use nom::bytes::complete::{is_not, take, take_while1};
use nom::character::complete::{char, one_of};
use nom::combinator::{map, peek, recognize, value};
use nom::multi::many0_count;
use nom::sequence::{delimited, terminated};
use nom::{IResult, Parser};

use crate::script::common::charset::LATIN1;
use crate::script::common::message::ScriptError;
use crate::script::expr::operator::Operator;
use crate::script::expr::value::{Value, out_of_range};

/// A token, and what follows it.
type Lexed<'a, T> = IResult<&'a [u8], T>;

/// A prefix operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Prefix {
    Not,
    Minus,
    Complement,
}

/// The text behind leading spaces.
pub(super) fn skip_spaces(text: &[u8]) -> &[u8] {
    crate::script::common::text::trim_start(text, LATIN1)
}

pub(super) fn prefix(text: &[u8]) -> Lexed<'_, Prefix> {
    alt((
        value(Prefix::Not, char('!')),
        value(Prefix::Minus, char('-')),
        value(Prefix::Complement, char('~')),
    ))
    .parse(text)
}

/// The longest operator at the start of the text, and what follows it.
pub(super) fn operator(text: &[u8]) -> Option<(Operator, &[u8])> {
    let (operator, len) = match text {
        [b'<', b'<', ..] => (Operator::ShiftLeft, 2),
        [b'>', b'>', ..] => (Operator::ShiftRight, 2),
        [b'<', b'=', ..] => (Operator::LessOrEqual, 2),
        [b'>', b'=', ..] => (Operator::GreaterOrEqual, 2),
        [b'=', b'=', ..] => (Operator::Equal, 2),
        [b'!', b'=', ..] => (Operator::NotEqual, 2),
        [b'&', b'&', ..] => (Operator::And, 2),
        [b'|', b'|', ..] => (Operator::Or, 2),
        [b'^', ..] => (Operator::Xor, 1),
        [b'*', ..] => (Operator::Multiply, 1),
        [b'/', ..] => (Operator::Divide, 1),
        [b'%', ..] => (Operator::Modulo, 1),
        [b'+', ..] => (Operator::Add, 1),
        [b'-', ..] => (Operator::Subtract, 1),
        [b'&', ..] => (Operator::BitAnd, 1),
        [b'|', ..] => (Operator::BitOr, 1),
        [b'<', ..] => (Operator::Less, 1),
        [b'>', ..] => (Operator::Greater, 1),
        _ => return None,
    };
    Some((operator, &text[len..]))
}

/// The name of a function and the parenthesis that directly follows it.
pub(super) fn call(text: &[u8]) -> Lexed<'_, &[u8]> {
    let name = take_while1(|byte| byte == b'_' || LATIN1.is_alnum(byte));
    terminated(name, char('(')).parse(text)
}

/// A string in quotes. A backslash keeps the byte behind it from ending the string, but stays.
pub(super) fn quoted(text: &[u8]) -> Lexed<'_, &[u8]> {
    alt((enclosed('\'', "'\\"), enclosed('"', "\"\\"))).parse(text)
}

/// Whether a string in quotes begins here, complete or not.
pub(super) fn begins_quoted(text: &[u8]) -> bool {
    peek(one_of::<_, _, nom::error::Error<&[u8]>>("'\"")).parse(text).is_ok()
}

fn enclosed<'a>(
    quote: char,
    special: &'static str,
) -> impl Parser<&'a [u8], Output = &'a [u8], Error = nom::error::Error<&'a [u8]>> {
    let protected = recognize((char('\\'), take(1usize)));
    let content = recognize(many0_count(alt((protected, is_not(special)))));
    delimited(char(quote), content, char(quote))
}

/// Everything up to a byte that means something: a number, `true`, `false`, `null` or a string without quotes. Its
/// trailing spaces do not count, those inside do.
pub(super) fn bare(text: &[u8]) -> Lexed<'_, &[u8]> {
    map(is_not("!*%/+-<>=&|^~(),"), |token| crate::script::common::text::trim_end(token, LATIN1)).parse(text)
}

/// What a bare token means.
///
/// # Errors
/// `Range error: …` for a number of more than 64 bits.
pub(super) fn meaning(token: &[u8]) -> Result<Value<'_>, ScriptError> {
    if token.eq_ignore_ascii_case(b"true") {
        return Ok(Value::truth(true));
    }
    if token.eq_ignore_ascii_case(b"false") {
        return Ok(Value::truth(false));
    }
    if token.eq_ignore_ascii_case(b"null") {
        return Ok(Value::Null);
    }
    match token {
        [b'0', b'x', digits @ ..] => Ok(match number(digits, 16, token)? {
            Some(number) => Value::Unsigned(number),
            None => Value::text(token),
        }),
        // What does not parse loses its prefix here, unlike above.
        [b'0', b'b', digits @ ..] if !digits.is_empty() => {
            let spaces = digits.iter().take_while(|byte| matches!(byte, 0x09..=0x0d | b' ')).count();
            Ok(match number(&digits[spaces..], 2, digits)? {
                Some(number) => Value::Unsigned(number),
                None => Value::text(digits),
            })
        }
        _ => Ok(match number(token, 10, token)? {
            Some(number) => i64::try_from(number).map_or(Value::Unsigned(number), Value::Signed),
            None => Value::text(token),
        }),
    }
}

/// The number that `text` is from end to end, if it is one. `token` is for the message.
///
/// # Errors
/// `Range error: …` if the digits at the start make more than 64 bits, whatever follows them.
fn number(text: &[u8], base: u32, token: &[u8]) -> Result<Option<u64>, ScriptError> {
    let digits = text.iter().map_while(|&byte| char::from(byte).to_digit(base));
    let mut count = 0;
    let mut number = 0u64;
    for digit in digits {
        count += 1;
        number = number
            .checked_mul(u64::from(base))
            .and_then(|number| number.checked_add(u64::from(digit)))
            .ok_or_else(|| out_of_range(token))?;
    }
    Ok((count > 0 && count == text.len()).then_some(number))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use crate::script::testing::expressions::{complains, evaluates};

    #[test]
    fn results() {
        evaluates(&[
            (&b"9223372036854775807"[..], &b"9223372036854775807"[..]),
            (&b"9223372036854775808"[..], &b"9223372036854775808"[..]),
            (&b"18446744073709551615"[..], &b"18446744073709551615"[..]),
            (&b"007"[..], &b"7"[..]),
            (&b"0x10"[..], &b"16"[..]),
            (&b"0X10"[..], &b"0X10"[..]),
            (&b"0xZZ"[..], &b"0xZZ"[..]),
            (&b"0x"[..], &b"0x"[..]),
            (&b"0b101"[..], &b"5"[..]),
            (&b"0b2"[..], &b"2"[..]),
            (&b"0bx"[..], &b"x"[..]),
            (&b"0b 1"[..], &b"1"[..]),
            (&b"0b"[..], &b"0b"[..]),
            (&b"0B1"[..], &b"0B1"[..]),
            (&b"1.5"[..], &b"1.5"[..]),
            (&b"1e3"[..], &b"1e3"[..]),
            (&b"True"[..], &b"1"[..]),
            (&b"falsE"[..], &b"0"[..]),
            (&b"NULL"[..], &b""[..]),
            (&b"nul"[..], &b"nul"[..]),
            (&b"truex"[..], &b"truex"[..]),
            (&b"1 0"[..], &b"1 0"[..]),
        ]);
    }

    #[test]
    fn complaints() {
        complains(&[
            (
                &b"18446744073709551616"[..],
                "Range error: 18446744073709551616 value out of range for Integer type",
            ),
            (
                &b"0x10000000000000000"[..],
                "Range error: 0x10000000000000000 value out of range for Integer type",
            ),
            (
                &b"0b11111111111111111111111111111111111111111111111111111111111111111"[..],
                "Range error: 11111111111111111111111111111111111111111111111111111111111111111 value out of range for Integer type",
            ),
        ]);
    }
}
