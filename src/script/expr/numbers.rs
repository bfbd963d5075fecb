//! The functions of expressions that make numbers or write them.

use super::super::charset::LATIN1;
use super::super::message::ScriptError;
use super::super::text::trim_start;
use super::call::{complaint, exactly};
use super::value::Value;

/// The highest base that numbers can be written in.
const MAX_OUTPUT_BASE: u32 = 36;

pub(super) fn abs<'a>(arguments: Vec<Value<'a>>) -> Result<Value<'a>, ScriptError> {
    let [value] = exactly(arguments, "abs", "")?;
    let bits = value.bits().ok_or_else(|| complaint("abs", "requires numeric argument"))?;
    Ok(Value::Signed((bits as i64).wrapping_abs()))
}

/// Bytes of a string, or an integer, in hexadecimal.
pub(super) fn hex<'a>(arguments: Vec<Value<'a>>) -> Result<Value<'a>, ScriptError> {
    let [value] = exactly(arguments, "hex", "")?;
    match value {
        Value::Text(text) => {
            const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
            let digits = |byte: &u8| [DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]];
            Ok(Value::text(text.iter().flat_map(digits).collect::<Vec<u8>>()))
        }
        number => convert(&number, 10, 16),
    }
}

pub(super) fn bin<'a>(arguments: Vec<Value<'a>>) -> Result<Value<'a>, ScriptError> {
    let [value] = exactly(arguments, "bin", "")?;
    convert(&value, 10, 2)
}

pub(super) fn oct<'a>(arguments: Vec<Value<'a>>) -> Result<Value<'a>, ScriptError> {
    let [value] = exactly(arguments, "oct", "")?;
    convert(&value, 10, 8)
}

pub(super) fn conv<'a>(arguments: Vec<Value<'a>>) -> Result<Value<'a>, ScriptError> {
    let [value, from, to] = exactly(arguments, "conv", " (N, from_base, to_base)")?;
    let (Some(from), Some(to)) = (from.low_bits(), to.low_bits()) else {
        return Err(complaint("conv", "bases must be numeric"));
    };
    for (base, name) in [(from, "from_base"), (to, "to_base")] {
        // The lowest integer slips through: it has no absolute value. It fails further down.
        if base != i32::MIN && !(2..=62).contains(&base.abs()) {
            return Err(complaint("conv", &format!("{name} must be between 2 and 62, got {base}")));
        }
    }
    convert(&value, from, to)
}

/// Reads a number in base `from` and writes it in base `to`. A negative base means that the number is signed.
fn convert<'a>(value: &Value<'_>, from: i32, to: i32) -> Result<Value<'a>, ScriptError> {
    let text = value.to_text();
    let failed = |what: &str, base: i32| {
        let base = base.to_string();
        ScriptError::die_with(&[what.as_bytes(), b" number '", &text, b"' for base ", base.as_bytes()])
    };
    let bits = match read(&text, from) {
        Read::Number(bits) => bits,
        Read::Invalid => return Err(failed("invalid", from)),
        Read::TooLarge => return Err(ScriptError::die("Range error: value out of range for Integer type")),
    };
    let base = to.unsigned_abs();
    if base > MAX_OUTPUT_BASE {
        return Err(failed("could not convert", to));
    }
    Ok(Value::text(match to < 0 {
        true => written((bits as i64).unsigned_abs(), (bits as i64) < 0, base),
        false => written(bits, false, base),
    }))
}

enum Read {
    Number(u64),
    Invalid,
    TooLarge,
}

/// The bits of the number that `text` is from end to end, behind spaces and a sign.
fn read(text: &[u8], base: i32) -> Read {
    if base == i32::MIN {
        return Read::Invalid;
    }
    let text = trim_start(text, LATIN1);
    let (negative, digits) = match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        _ => (false, text),
    };
    // Letters are the same in both cases, so bases above 36 have no digits of their own.
    let radix = base.unsigned_abs().min(MAX_OUTPUT_BASE);
    let Some(digits) =
        digits.iter().map(|&byte| char::from(byte).to_digit(radix)).collect::<Option<Vec<_>>>()
    else {
        return Read::Invalid;
    };
    if digits.is_empty() {
        return Read::Invalid;
    }
    let base_number = u64::from(base.unsigned_abs());
    let magnitude = digits
        .iter()
        .try_fold(0u64, |number, &digit| number.checked_mul(base_number)?.checked_add(u64::from(digit)));
    let limit = match (base < 0, negative) {
        (true, true) => 1 << 63,
        (true, false) => (1 << 63) - 1,
        (false, _) => u64::MAX,
    };
    match magnitude {
        Some(magnitude) if magnitude > limit => Read::TooLarge,
        Some(magnitude) if negative => Read::Number(magnitude.wrapping_neg()),
        Some(magnitude) => Read::Number(magnitude),
        None => Read::TooLarge,
    }
}

fn written(mut number: u64, negative: bool, base: u32) -> Vec<u8> {
    let mut digits = Vec::new();
    loop {
        let digit = (number % u64::from(base)) as u32;
        // Every digit below the base has a character.
        digits.push(char::from_digit(digit, base).map_or(b'?', |digit| digit.to_ascii_uppercase() as u8));
        number /= u64::from(base);
        if number == 0 {
            break;
        }
    }
    if negative {
        digits.push(b'-');
    }
    digits.reverse();
    digits
}
