//! `expr $name= number operator number`, an extension that MySQL 8's tests use.
//!
//! The manual of MySQL's `mysqltest` has the rules: `+ - * /` take numbers with a fraction, all other operators drop
//! it; a division by zero gives `inf`. What it leaves open is decided here: whole numbers have 64 bits and become
//! numbers with a fraction where these do not suffice, and a result is written with at most 15 digits.

use std::fmt;

use crate::script::common::charset::Charset;
use crate::script::common::message::ScriptError;
use crate::script::common::text::{trim_end, trim_start, until_nul};
use crate::script::expand::variable_name;

/// The arguments of `expr`. Nothing in them has been evaluated yet.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Calculation<'a> {
    /// The name of the variable that gets the result.
    pub name: &'a [u8],
    /// The number on the left.
    pub left: Operand<'a>,
    /// What is done with the two.
    pub operator: Operator,
    /// The number on the right.
    pub right: Operand<'a>,
}

/// One side of an operator.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Operand<'a> {
    /// A number that is written out.
    Number(Number),
    /// The value of the variable of this name.
    Variable(&'a [u8]),
}

/// An operator of `expr`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operator {
    /// `+`
    Add,
    /// `-`
    Subtract,
    /// `*`
    Multiply,
    /// `/`
    Divide,
    /// `%`
    Remainder,
    /// `&&`
    And,
    /// `||`
    Or,
    /// `&`
    BitAnd,
    /// `|`
    BitOr,
    /// `^`
    BitXor,
    /// `<<`
    ShiftLeft,
    /// `>>`
    ShiftRight,
}

/// The operators as they are written, each before those that begin it.
const OPERATORS: [(&[u8], Operator); 12] = [
    (b"&&", Operator::And),
    (b"||", Operator::Or),
    (b"<<", Operator::ShiftLeft),
    (b">>", Operator::ShiftRight),
    (b"+", Operator::Add),
    (b"-", Operator::Subtract),
    (b"*", Operator::Multiply),
    (b"/", Operator::Divide),
    (b"%", Operator::Remainder),
    (b"&", Operator::BitAnd),
    (b"|", Operator::BitOr),
    (b"^", Operator::BitXor),
];

/// A number: whole, or with a fraction.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Number {
    /// A whole number.
    Integer(i64),
    /// Any other, and what is beyond 64 bits.
    Real(f64),
}

/// Splits the arguments of `expr`.
///
/// # Errors
/// `Missing arguments to expr`, those of a name behind a `$`, and `Wrong arguments to expr: '…', it takes …`.
pub fn parse(arguments: &[u8], charset: Charset) -> Result<Calculation<'_>, ScriptError> {
    let text = trim_end(trim_start(until_nul(arguments), charset), charset);
    if text.is_empty() {
        return Err(ScriptError::die("Missing arguments to expr"));
    }
    let wrong = || {
        let takes = b"', it takes '$name= number operator number'";
        ScriptError::die_with(&[b"Wrong arguments to expr: '", text, takes])
    };
    let (name, rest) = variable_name(text.strip_prefix(b"$").ok_or_else(wrong)?, charset)?;
    let rest = trim_start(rest, charset).strip_prefix(b"=").ok_or_else(wrong)?;
    let (left, rest) = operand(trim_start(rest, charset), charset)?.ok_or_else(wrong)?;
    let rest = trim_start(rest, charset);
    let known = OPERATORS.iter().find_map(|(word, operator)| Some((*operator, rest.strip_prefix(*word)?)));
    let (operator, rest) = known.ok_or_else(wrong)?;
    match operand(trim_start(rest, charset), charset)?.ok_or_else(wrong)? {
        (right, b"") => Ok(Calculation { name, left, operator, right }),
        _ => Err(wrong()),
    }
}

/// The operand at the start of `text`, and what follows it.
fn operand(text: &[u8], charset: Charset) -> Result<Option<(Operand<'_>, &[u8])>, ScriptError> {
    if let Some(reference) = text.strip_prefix(b"$") {
        let (name, rest) = variable_name(reference, charset)?;
        return Ok(Some((Operand::Variable(name), rest)));
    }
    let (number, rest) = text.split_at(number_length(text));
    Ok(Number::parse(number).map(|number| (Operand::Number(number), rest)))
}

/// How long the number at the start of `text` is: a sign, digits, a fraction, an exponent.
fn number_length(text: &[u8]) -> usize {
    let digits = |at: usize| text[at..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    let sign = |at: usize| usize::from(matches!(text.get(at), Some(b'-' | b'+')));
    let mut end = sign(0);
    end += digits(end);
    if text.get(end) == Some(&b'.') {
        end += 1 + digits(end + 1);
    }
    if matches!(text.get(end), Some(b'e' | b'E')) {
        let from = end + 1 + sign(end + 1);
        let exponent = digits(from.min(text.len()));
        if exponent > 0 {
            end = from + exponent;
        }
    }
    end
}

impl Number {
    /// The number that all of `text` is, blanks around it aside; `inf` and `-inf` are numbers.
    pub fn parse(text: &[u8]) -> Option<Number> {
        let text = text.trim_ascii();
        match text {
            b"inf" => return Some(Number::Real(f64::INFINITY)),
            b"-inf" => return Some(Number::Real(f64::NEG_INFINITY)),
            _ => {}
        }
        let has_digit = text.iter().any(u8::is_ascii_digit);
        let text = std::str::from_utf8(text)
            .ok()
            .filter(|text| has_digit && number_length(text.as_bytes()) == text.len())?;
        text.parse().map(Number::Integer).or_else(|_| text.parse().map(Number::Real)).ok()
    }

    /// The number as one with a fraction.
    fn real(self) -> f64 {
        match self {
            Number::Integer(number) => number as f64,
            Number::Real(number) => number,
        }
    }

    /// The number without its fraction; the nearest bound if it is beyond 64 bits.
    fn integer(self) -> i64 {
        match self {
            Number::Integer(number) => number,
            Number::Real(number) => number as i64,
        }
    }
}

impl Operator {
    /// What the operator makes of two numbers.
    pub fn apply(self, left: Number, right: Number) -> Number {
        match self {
            Operator::Add => calculate(left, right, i64::checked_add, |left, right| left + right),
            Operator::Subtract => calculate(left, right, i64::checked_sub, |left, right| left - right),
            Operator::Multiply => calculate(left, right, i64::checked_mul, |left, right| left * right),
            Operator::Divide => divide(left, right),
            _ => self.apply_to_integers(left.integer(), right.integer()),
        }
    }

    /// The operators that drop fractions.
    fn apply_to_integers(self, left: i64, right: i64) -> Number {
        let shift = u32::try_from(right).ok().filter(|&bits| bits < i64::BITS);
        Number::Integer(match self {
            Operator::Remainder if right == 0 => return Number::Real(f64::INFINITY),
            Operator::Remainder => left.wrapping_rem(right),
            Operator::And => i64::from(left != 0 && right != 0),
            Operator::Or => i64::from(left != 0 || right != 0),
            Operator::BitAnd => left & right,
            Operator::BitOr => left | right,
            Operator::BitXor => left ^ right,
            Operator::ShiftLeft => shift.map_or(0, |bits| left << bits),
            Operator::ShiftRight => shift.map_or(0, |bits| left >> bits),
            Operator::Add | Operator::Subtract | Operator::Multiply | Operator::Divide => {
                return self.apply(Number::Integer(left), Number::Integer(right));
            }
        })
    }
}

/// An exact result if both numbers are whole and it has 64 bits, else one with a fraction.
fn calculate(
    left: Number,
    right: Number,
    exact: fn(i64, i64) -> Option<i64>,
    real: fn(f64, f64) -> f64,
) -> Number {
    let whole = match (left, right) {
        (Number::Integer(left), Number::Integer(right)) => exact(left, right),
        _ => None,
    };
    whole.map_or_else(|| Number::Real(real(left.real(), right.real())), Number::Integer)
}

/// The quotient; by zero it is infinite.
fn divide(left: Number, right: Number) -> Number {
    if right.real() == 0.0 {
        return Number::Real(f64::INFINITY.copysign(left.real()));
    }
    let exact = |left: i64, right: i64| (left.checked_rem(right) == Some(0)).then(|| left / right);
    calculate(left, right, exact, |left, right| left / right)
}

/// From here on a number is written with an exponent.
const LARGE: f64 = 1e15;

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Number::Integer(number) => write!(f, "{number}"),
            Number::Real(number) if number.is_nan() => f.write_str("nan"),
            Number::Real(number) if number.is_infinite() => write!(f, "{number}"),
            Number::Real(number) => {
                // 15 digits are what every machine agrees on. Adding nothing makes 0 of -0.
                let rounded = format!("{number:.14e}").parse().unwrap_or(number) + 0.0;
                let small = rounded != 0.0 && rounded.abs() < 1.0 / LARGE;
                if small || rounded.abs() >= LARGE {
                    write!(f, "{rounded:e}")
                } else {
                    write!(f, "{rounded}")
                }
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::script::common::charset::LATIN1;

    /// The result of `text`, which has no variables, as it is written.
    fn result(text: &str) -> String {
        let arguments = format!("$x= {text}");
        let calculation = parse(arguments.as_bytes(), LATIN1).unwrap();
        match (calculation.left, calculation.right) {
            (Operand::Number(left), Operand::Number(right)) => {
                calculation.operator.apply(left, right).to_string()
            }
            operands => panic!("{operands:?}"),
        }
    }

    #[test]
    fn numbers_with_a_fraction() {
        for (text, expected) in [
            ("1 + 2", "3"),
            ("10-20", "-10"),
            ("1--1", "2"),
            ("1.5+1.5", "3"),
            ("0.1 + 0.2", "0.3"),
            ("7 / 2", "3.5"),
            ("8 / 2", "4"),
            ("10 / 3", "3.33333333333333"),
            ("0 * -1.5", "0"),
            ("1e3 * 2.5", "2500"),
            ("9223372036854775807 + 0", "9223372036854775807"),
            ("9223372036854775807 + 1", "9.22337203685478e18"),
            ("-9223372036854775808 / -1", "9.22337203685478e18"),
            ("1 / 0", "inf"),
            ("-1 / 0", "-inf"),
            ("0 / 0", "inf"),
        ] {
            assert_eq!(result(text), expected, "{text}");
        }
    }

    #[test]
    fn whole_numbers() {
        for (text, expected) in [
            ("7.9 % 4.9", "3"),
            ("-7 % 4", "-3"),
            ("-9223372036854775808 % -1", "0"),
            ("7 % 0.5", "inf"),
            ("1 && 0.5", "0"),
            ("2 && -1", "1"),
            ("0 || 3", "1"),
            ("0||0", "0"),
            ("12 & 10", "8"),
            ("12 | 3", "15"),
            ("12 ^ 10", "6"),
            ("1 << 62", "4611686018427387904"),
            ("1 << 64", "0"),
            ("1 << -1", "0"),
            ("-8 >> 1", "-4"),
        ] {
            assert_eq!(result(text), expected, "{text}");
        }
    }

    #[test]
    fn variables() {
        let calculation = parse(b" $a = $b*$c ", LATIN1).unwrap();
        let (left, right) = (Operand::Variable(b"b"), Operand::Variable(b"c"));
        assert_eq!(calculation, Calculation { name: b"a", left, operator: Operator::Multiply, right });
    }

    #[test]
    fn values() {
        assert_eq!(Number::parse(b" 12\n"), Some(Number::Integer(12)));
        assert_eq!(Number::parse(b"+1.50"), Some(Number::Real(1.5)));
        assert_eq!(Number::parse(b"-inf"), Some(Number::Real(f64::NEG_INFINITY)));
        for text in [&b""[..], b"-", b".", b"e5", b"1e", b"0x1", b"1 2", b"abc", b"nan", b"infinity", b"\xff"]
        {
            assert_eq!(Number::parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn bounds_of_every_operator() {
        let ends = [i64::MIN, -1, 0, 1, 63, 64, i64::MAX].map(Number::Integer);
        let reals = [f64::INFINITY, f64::NEG_INFINITY, 1e300, -0.0].map(Number::Real);
        let numbers: Vec<Number> = ends.into_iter().chain(reals).collect();
        for (_, operator) in OPERATORS {
            for left in &numbers {
                for right in &numbers {
                    let text = operator.apply(*left, *right).to_string();
                    assert!(text == "nan" || Number::parse(text.as_bytes()).is_some(), "{text}");
                }
            }
        }
    }

    #[test]
    fn malformed_arguments() {
        let complaint = |text: &str| parse(text.as_bytes(), LATIN1).unwrap_err().message.to_string();
        assert_eq!(complaint(" "), "Missing arguments to expr");
        assert_eq!(complaint("$= 1 + 1"), "Empty variable");
        for text in [
            "x= 1 + 1",
            "$x 1 + 1",
            "$x=",
            "$x= 1",
            "$x= 1 +",
            "$x= 1 ~ 1",
            "$x= a + 1",
            "$x= 1 + 2 + 3",
            "$x= - + 1",
        ] {
            let expected =
                format!("Wrong arguments to expr: '{text}', it takes '$name= number operator number'");
            assert_eq!(complaint(text), expected);
        }
    }
}
