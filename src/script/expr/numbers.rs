//! The functions of expressions that make numbers or write them.

use crate::script::common::charset::LATIN1;
use crate::script::common::message::ScriptError;
use crate::script::common::text::trim_start;
use crate::script::expr::arguments::{complaint, exactly};
use crate::script::expr::functions::integer_of;
use crate::script::expr::value::{Value, out_of_range};

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
    for base in [&from, &to] {
        // The text is read as a number before it is noticed that it is none.
        if let Value::Text(text) = base {
            integer_of(text).ok_or_else(|| out_of_range(text))?;
        }
    }
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
    let base_number = u64::from(base.unsigned_abs());
    let mut magnitude = Some(0u64);
    let mut read = 0;
    while let Some(digit) = digits.get(read).and_then(|&byte| char::from(byte).to_digit(radix)) {
        magnitude =
            magnitude.and_then(|number| number.checked_mul(base_number)?.checked_add(u64::from(digit)));
        read += 1;
    }
    let limit = match (base < 0, negative) {
        (true, true) => 1 << 63,
        (true, false) => (1 << 63) - 1,
        (false, _) => u64::MAX,
    };
    match magnitude {
        Some(_) if read == 0 => Read::Invalid,
        Some(magnitude) if magnitude > limit => Read::TooLarge,
        Some(_) if read < digits.len() => Read::Invalid,
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

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use crate::script::testing::expressions::{complains, evaluates};

    #[test]
    fn results() {
        evaluates(&[
            (&b"abs(-5)"[..], &b"5"[..]),
            (&b"abs(18446744073709551615)"[..], &b"1"[..]),
            (&b"abs(-9223372036854775808)"[..], &b"-9223372036854775808"[..]),
            (&b"abs(NULL,1)"[..], &b""[..]),
            (&b"hex(255)"[..], &b"FF"[..]),
            (&b"hex(-1)"[..], &b"FFFFFFFFFFFFFFFF"[..]),
            (&b"hex('255')"[..], &b"323535"[..]),
            (&b"hex('')"[..], &b""[..]),
            (&b"hex(1.5)"[..], &b"312E35"[..]),
            (&b"bin(5)"[..], &b"101"[..]),
            (&b"bin('5')"[..], &b"101"[..]),
            (&b"oct(-1)"[..], &b"1777777777777777777777"[..]),
            (&b"conv('ff',16,10)"[..], &b"255"[..]),
            (&b"conv('zz',62,10)"[..], &b"2205"[..]),
            (&b"conv(-1,10,16)"[..], &b"FFFFFFFFFFFFFFFF"[..]),
            (&b"conv(-1,10,-16)"[..], &b"-1"[..]),
            (&b"conv('-ff',-16,10)"[..], &b"18446744073709551361"[..]),
            (&b"conv('-ff',16,-10)"[..], &b"-255"[..]),
            (&b"conv(18446744073709551615,10,-10)"[..], &b"-1"[..]),
            (&b"conv('-18446744073709551615',10,10)"[..], &b"1"[..]),
            (&b"conv(' +12',10,16)"[..], &b"C"[..]),
            (&b"conv(35,10,36)"[..], &b"Z"[..]),
            (&b"conv(-9223372036854775808,-10,-10)"[..], &b"-9223372036854775808"[..]),
            (&b"conv(1,4294967306,2)"[..], &b"1"[..]),
            (&b"conv(NULL,1,1)"[..], &b""[..]),
            (&b"conv('-0',10,2)"[..], &b"0"[..]),
        ]);
    }

    #[test]
    fn complaints() {
        complains(&[
            (&b"abs()"[..], "abs() expects 1 argument, got 0"),
            (&b"abs('a')"[..], "abs() requires numeric argument"),
            (&b"hex(1,2)"[..], "hex() expects 1 argument, got 2"),
            (&b"bin('x')"[..], "invalid number 'x' for base 10"),
            (&b"oct('8x')"[..], "invalid number '8x' for base 10"),
            (&b"conv(1,2)"[..], "conv() expects 3 arguments (N, from_base, to_base), got 2"),
            (&b"conv(10,'a',10)"[..], "conv() bases must be numeric"),
            (&b"conv(10,10,1)"[..], "conv() to_base must be between 2 and 62, got 1"),
            (&b"conv(10,63,10)"[..], "conv() from_base must be between 2 and 62, got 63"),
            (&b"conv(35,10,37)"[..], "could not convert number '35' for base 37"),
            (&b"conv('0x1f',16,10)"[..], "invalid number '0x1f' for base 16"),
            (&b"conv('',10,16)"[..], "invalid number '' for base 10"),
            (&b"conv('12 ',10,16)"[..], "invalid number '12 ' for base 10"),
            (&b"conv('18446744073709551616',10,16)"[..], "Range error: value out of range for Integer type"),
            (&b"conv('9223372036854775808',-10,16)"[..], "Range error: value out of range for Integer type"),
            (&b"conv('99999999999999999999x',10,10)"[..], "Range error: value out of range for Integer type"),
            (&b"conv(1,10,-2147483648)"[..], "could not convert number '1' for base -2147483648"),
            (&b"conv(1,-2147483648,10)"[..], "invalid number '1' for base -2147483648"),
            (
                &b"conv('12','99999999999999999999',10)"[..],
                "Range error: 99999999999999999999 value out of range for Integer type",
            ),
        ]);
    }
}
