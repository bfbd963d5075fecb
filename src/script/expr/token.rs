//! The tokens of expressions.

use nom::branch::alt;
use nom::bytes::complete::{is_not, tag, take, take_while, take_while1};
use nom::character::complete::{char, one_of};
use nom::combinator::{map, peek, recognize, value};
use nom::multi::many0_count;
use nom::sequence::{delimited, preceded, terminated};
use nom::{IResult, Parser};

use super::super::charset::LATIN1;
use super::super::message::ScriptError;
use super::operator::Operator;
use super::value::{Value, out_of_range};

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
    super::super::text::trim_start(text, LATIN1)
}

pub(super) fn prefix(text: &[u8]) -> Lexed<'_, Prefix> {
    alt((
        value(Prefix::Not, char('!')),
        value(Prefix::Minus, char('-')),
        value(Prefix::Complement, char('~')),
    ))
    .parse(text)
}

/// The longest operator at the start of the text.
pub(super) fn operator(text: &[u8]) -> Lexed<'_, Operator> {
    let doubled = alt((
        value(Operator::ShiftLeft, tag("<<")),
        value(Operator::ShiftRight, tag(">>")),
        value(Operator::LessOrEqual, tag("<=")),
        value(Operator::GreaterOrEqual, tag(">=")),
        value(Operator::Equal, tag("==")),
        value(Operator::NotEqual, tag("!=")),
        value(Operator::And, tag("&&")),
        value(Operator::Or, tag("||")),
    ));
    let single = alt((
        value(Operator::Xor, char('^')),
        value(Operator::Multiply, char('*')),
        value(Operator::Divide, char('/')),
        value(Operator::Modulo, char('%')),
        value(Operator::Add, char('+')),
        value(Operator::Subtract, char('-')),
        value(Operator::BitAnd, char('&')),
        value(Operator::BitOr, char('|')),
        value(Operator::Less, char('<')),
        value(Operator::Greater, char('>')),
    ));
    alt((doubled, single)).parse(text)
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
    map(is_not("!*%/+-<>=&|^~(),"), |token| super::super::text::trim_end(token, LATIN1)).parse(text)
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
        [b'0', b'x', digits @ ..] => match number(digits, 16) {
            Some(number) => number.map(Value::Unsigned).ok_or_else(|| out_of_range(token)),
            None => Ok(Value::text(token)),
        },
        // What does not parse loses its prefix here, unlike above.
        [b'0', b'b', digits @ ..] if !digits.is_empty() => {
            let spaces =
                take_while::<_, _, nom::error::Error<&[u8]>>(|byte| matches!(byte, 0x09..=0x0d | b' '));
            let trimmed =
                preceded(spaces, nom::combinator::rest).parse(digits).map_or(digits, |(_, rest)| rest);
            match number(trimmed, 2) {
                Some(number) => number.map(Value::Unsigned).ok_or_else(|| out_of_range(digits)),
                None => Ok(Value::text(digits)),
            }
        }
        _ => match number(token, 10) {
            Some(Some(number)) => Ok(i64::try_from(number).map_or(Value::Unsigned(number), Value::Signed)),
            Some(None) => Err(out_of_range(token)),
            None => Ok(Value::text(token)),
        },
    }
}

/// The number that the text is from end to end: `None` if it is none, `Some(None)` if it has more than 64 bits.
fn number(digits: &[u8], base: u32) -> Option<Option<u64>> {
    let is_digit = |byte: &u8| char::from(*byte).is_digit(base);
    if digits.is_empty() || !digits.iter().all(is_digit) {
        return None;
    }
    // ASCII digits are valid UTF-8.
    Some(u64::from_str_radix(std::str::from_utf8(digits).ok()?, base).ok())
}
