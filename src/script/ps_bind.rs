//! The parameters of `PS_bind` (spec §6.1).

use nom::Parser;
use nom::branch::alt;
use nom::bytes::complete::{tag, tag_no_case, take_while, take_while1};
use nom::character::complete::one_of;
use nom::combinator::{all_consuming, opt, recognize};
use nom::sequence::{delimited, preceded};

use crate::script::common::integer::strtol;
use crate::script::common::text::until_nul;

/// A parameter of a prepared statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parameter<'a> {
    /// Sent as a 32-bit integer.
    Integer(i32),
    /// A word that C's `strtod` reads. The reference sends it as an empty DECIMAL, which the server takes
    /// for 0 with a warning.
    Decimal,
    /// Sent as a string.
    Text(&'a [u8]),
}

/// Splits the arguments at blanks. Nothing is expanded, and neither quotes nor `#` mean anything.
pub fn parse(arguments: &[u8]) -> Vec<Parameter<'_>> {
    let words = until_nul(arguments).split(|&byte| byte == b' ').filter(|word| !word.is_empty());
    words.map(parameter).collect()
}

fn parameter(word: &[u8]) -> Parameter<'_> {
    match strtol(word) {
        Some((number, b"")) => Parameter::Integer(number as i32),
        _ if is_float(word) => Parameter::Decimal,
        _ => Parameter::Text(word),
    }
}

/// Whether the whole word is a floating-point number to C's `strtod`.
fn is_float(word: &[u8]) -> bool {
    let spaces = take_while(|byte| matches!(byte, 0x09..=0x0d | b' '));
    let number = alt((hexadecimal, decimal, special));
    all_consuming((spaces, opt(one_of("+-")), number)).parse(word).is_ok()
}

type Matched<'a> = nom::IResult<&'a [u8], &'a [u8]>;

fn decimal(text: &[u8]) -> Matched<'_> {
    let digits = take_while1(|byte: u8| byte.is_ascii_digit());
    let exponent = (one_of("eE"), opt(one_of("+-")), digits);
    recognize((mantissa(|byte| byte.is_ascii_digit()), opt(exponent))).parse(text)
}

fn hexadecimal(text: &[u8]) -> Matched<'_> {
    let digits = take_while1(|byte: u8| byte.is_ascii_digit());
    let exponent = (one_of("pP"), opt(one_of("+-")), digits);
    recognize((tag_no_case("0x"), mantissa(|byte| byte.is_ascii_hexdigit()), opt(exponent))).parse(text)
}

/// Digits with at most one point among, before or behind them.
fn mantissa<'a>(
    digit: fn(u8) -> bool,
) -> impl Parser<&'a [u8], Output = &'a [u8], Error = nom::error::Error<&'a [u8]>> {
    let whole = recognize((take_while1(digit), opt((tag("."), take_while(digit)))));
    alt((whole, recognize(preceded(tag("."), take_while1(digit)))))
}

fn special(text: &[u8]) -> Matched<'_> {
    let payload = take_while(|byte: u8| byte.is_ascii_alphanumeric() || byte == b'_');
    let nan = recognize((tag_no_case("nan"), opt(delimited(tag("("), payload, tag(")")))));
    alt((tag_no_case("infinity"), tag_no_case("inf"), nan)).parse(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds() {
        use Parameter::{Decimal, Integer, Text};
        assert_eq!(parse(b" 1  -4 +5 "), [Integer(1), Integer(-4), Integer(5)]);
        assert_eq!(parse(b"9999999999 99999999999999999999"), [Integer(1410065407), Integer(-1)]);
        for word in ["2.5", "2e5", ".5", "5.", "0x10", "inf", "NaN", "-Infinity", "0x1p3", "1e400", "nan(1)"]
        {
            assert_eq!(parse(word.as_bytes()), [Decimal], "{word}");
        }
        for word in
            ["1x", "1e", "--5", "5-", "$a", "\"a\"", "'b'", "a\\$b", "1\t2", "#", "1,", ".", "0x", "e5"]
        {
            assert_eq!(parse(word.as_bytes()), [Text(word.as_bytes())], "{word}");
        }
        assert_eq!(parse(b"a\0b"), [Text(b"a")]);
        assert_eq!(parse(b""), []);
    }
}
