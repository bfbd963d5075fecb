//! The text of binary values, as Connector/C converts them for a caller that asked for strings
//! (spec §11.3). Text is appended to a buffer that the caller owns; nothing is allocated per value.

use std::fmt::{self, Write as _};
use std::io::Write as _;

use crate::client::wire::column::{Column, types};

/// This many decimals or more mean "as many digits as the value needs".
pub const NOT_FIXED_DECIMALS: u8 = 31;

/// `max_length` of a column of floating-point numbers; no text of one that a server can send in
/// ten thousand is longer. Padding with zeros stops here, whatever display length the server claims.
const FLOAT_LENGTH: u32 = 300;

/// Digits that the text of a FLOAT has at most, unless its decimals are fixed.
const FLOAT_DIGITS: usize = 6;

/// Two decimal numbers that read back as the same DOUBLE and are equally near to it differ in no digit
/// before the 16th: half a unit of the 15th is more than half a unit of the last binary place.
const FEWEST_DIGITS_OF_TIE: usize = 16;

/// Values of magnitude 10^15 and more are written with an exponent if their digits end before the
/// point does; smaller ones never are.
const LAST_FIXED_EXPONENT: i32 = 15;

/// Values below 10^-15 are written with an exponent.
const FIRST_FIXED_EXPONENT: i32 = -14;

/// Appends a signed integer.
pub fn signed(out: &mut Vec<u8>, column: &Column, value: i64) {
    let start = out.len();
    append(out, format_args!("{value}"));
    zerofill(out, start, column);
}

/// Appends an unsigned integer.
pub fn unsigned(out: &mut Vec<u8>, column: &Column, value: u64) {
    let start = out.len();
    append(out, format_args!("{value}"));
    zerofill(out, start, column);
}

/// Appends a DOUBLE.
pub fn double(out: &mut Vec<u8>, column: &Column, value: f64) {
    let start = out.len();
    if column.decimals < NOT_FIXED_DECIMALS {
        fixed(out, value, usize::from(column.decimals));
    } else {
        general(out, &Digits::shortest(value));
    }
    zerofill(out, start, column);
}

/// Appends a FLOAT: six digits, or as many decimals as the column has.
pub fn float(out: &mut Vec<u8>, column: &Column, value: f32) {
    let start = out.len();
    let value = f64::from(value);
    if column.decimals < NOT_FIXED_DECIMALS {
        fixed(out, value, usize::from(column.decimals));
    } else {
        general(out, &Digits::rounded(value, FLOAT_DIGITS));
    }
    zerofill(out, start, column);
}

/// A DATE, TIME, DATETIME or TIMESTAMP in its parts; absent ones are 0.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Moment {
    /// True for a TIME below zero.
    pub negative: bool,
    /// Year, 0 to 9999.
    pub year: u16,
    /// Month, 0 to 12.
    pub month: u8,
    /// Day of the month, 0 to 31.
    pub day: u8,
    /// Days of a TIME.
    pub days: u32,
    /// Hour of the day.
    pub hour: u8,
    /// Minute.
    pub minute: u8,
    /// Second.
    pub second: u8,
    /// Microseconds of the second.
    pub microsecond: u32,
}

/// Appends a DATE.
pub fn date(out: &mut Vec<u8>, moment: &Moment) {
    append(out, format_args!("{:04}-{:02}-{:02}", moment.year, moment.month, moment.day));
}

/// Appends a TIME; its days are counted as hours.
pub fn time(out: &mut Vec<u8>, column: &Column, moment: &Moment) {
    let sign = if moment.negative { "-" } else { "" };
    let hours = u64::from(moment.days) * 24 + u64::from(moment.hour);
    append(out, format_args!("{sign}{hours:02}:{:02}:{:02}", moment.minute, moment.second));
    fraction(out, column.decimals, moment.microsecond);
}

/// Appends a DATETIME or a TIMESTAMP.
pub fn datetime(out: &mut Vec<u8>, column: &Column, moment: &Moment) {
    date(out, moment);
    append(out, format_args!(" {:02}:{:02}:{:02}", moment.hour, moment.minute, moment.second));
    fraction(out, column.decimals, moment.microsecond);
}

/// The first `decimals` digits of the microseconds, if the column has a fraction.
fn fraction(out: &mut Vec<u8>, decimals: u8, microsecond: u32) {
    if let 1..=6 = decimals {
        let kept = microsecond / 10u32.pow(6 - u32::from(decimals));
        append(out, format_args!(".{kept:0width$}", width = usize::from(decimals)));
    }
}

/// `max_length` that Connector/C tells for a column with a value that is not NULL; `None` for the
/// types where it is the length of the longest value.
pub fn max_length(column: &Column) -> Option<u32> {
    let (digits, sign) = match column.type_code {
        types::TINY => (4, 1),
        types::SHORT => (6, 1),
        types::LONG => (11, 1),
        types::INT24 => (8, 0),
        types::LONGLONG => (20, 0),
        types::YEAR => return Some(4),
        types::FLOAT | types::DOUBLE => (FLOAT_LENGTH, 1),
        types::DATE => return Some(10),
        types::TIME => return Some(17),
        types::DATETIME | types::TIMESTAMP => return Some(30),
        _ => return None,
    };
    Some(if column.is_zerofill() {
        column.length.max(digits - 1)
    } else if column.is_unsigned() {
        digits - sign
    } else {
        digits
    })
}

fn append(out: &mut Vec<u8>, text: fmt::Arguments<'_>) {
    // Writing to a vector cannot fail.
    let _ = out.write_fmt(text);
}

/// Pads the text that begins at `start` with zeros to the display length. A longer number stays as it
/// is; the reference shows what its buffer held before if such a number is a FLOAT or DOUBLE.
fn zerofill(out: &mut Vec<u8>, start: usize, column: &Column) {
    if !column.is_zerofill() {
        return;
    }
    let length = column.length.min(FLOAT_LENGTH) as usize;
    let missing = length.saturating_sub(out.len() - start);
    out.resize(out.len() + missing, b'0');
    out[start..].rotate_right(missing);
}

/// Decimal digits of a number: 0.d₁d₂d₃… × 10^exponent, without zeros at the end.
struct Digits {
    negative: bool,
    digits: [u8; 17],
    count: usize,
    exponent: i32,
}

impl Digits {
    /// The fewest digits that read back as `value`; of such, those nearest to it, of two that are
    /// equally near the even ones.
    fn shortest(value: f64) -> Digits {
        let shortest = Digits::of(value, |text| write!(text, "{value:e}"));
        if shortest.count < FEWEST_DIGITS_OF_TIE {
            return shortest;
        }
        // The standard library prefers the greater of two equally near ones, but breaks ties to even
        // when it is told the number of digits.
        let count = shortest.count;
        let mut rounded = Scientific { bytes: [0; 32], length: 0 };
        if write!(rounded, "{value:.*e}", count - 1).is_ok() && rounded.reads_back_as(value) {
            Digits::of(value, |text| text.write_str(rounded.as_str()))
        } else {
            shortest
        }
    }

    /// `value` rounded to `count` digits, a tie to the even one.
    fn rounded(value: f64, count: usize) -> Digits {
        Digits::of(value, |text| write!(text, "{value:.*e}", count - 1))
    }

    fn of(value: f64, scientific: impl FnOnce(&mut Scientific) -> fmt::Result) -> Digits {
        let mut result = Digits { negative: false, digits: [b'0'; 17], count: 0, exponent: 1 };
        // Infinity and NaN have no digits, so their text is that of zero.
        if value == 0.0 || !value.is_finite() {
            return result;
        }
        let mut text = Scientific { bytes: [0; 32], length: 0 };
        // No number of at most 17 digits is longer than the buffer.
        let _ = scientific(&mut text);
        let mut bytes = text.bytes[..text.length].iter();
        for &byte in bytes.by_ref() {
            match byte {
                b'0'..=b'9' if result.count < result.digits.len() => {
                    result.digits[result.count] = byte;
                    result.count += 1;
                }
                b'-' => result.negative = true,
                b'e' => break,
                _ => {}
            }
        }
        let (sign, magnitude) = match bytes.as_slice() {
            [b'-', magnitude @ ..] => (-1, magnitude),
            magnitude => (1, magnitude),
        };
        let exponent = magnitude.iter().fold(0, |sum, digit| sum * 10 + i32::from(digit - b'0'));
        result.exponent = sign * exponent + 1;
        while result.count > 1 && result.digits[result.count - 1] == b'0' {
            result.count -= 1;
        }
        result
    }

    fn as_bytes(&self) -> &[u8] {
        &self.digits[..self.count]
    }

    /// Digits behind the point.
    fn decimals(&self) -> i32 {
        (self.count as i32 - self.exponent).max(0)
    }
}

/// A buffer on the stack for `1.2345e-67`.
struct Scientific {
    bytes: [u8; 32],
    length: usize,
}

impl Scientific {
    fn as_str(&self) -> &str {
        // Only whole strings have been written.
        std::str::from_utf8(&self.bytes[..self.length]).unwrap_or_default()
    }

    fn reads_back_as(&self, value: f64) -> bool {
        self.as_str().parse() == Ok(value)
    }
}

impl fmt::Write for Scientific {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let end = self.length + text.len();
        self.bytes.get_mut(self.length..end).ok_or(fmt::Error)?.copy_from_slice(text.as_bytes());
        self.length = end;
        Ok(())
    }
}

/// Appends the digits with a point among them, or with an exponent where that form is for.
fn general(out: &mut Vec<u8>, number: &Digits) {
    let digits = number.as_bytes();
    if digits.is_empty() {
        out.push(b'0');
        return;
    }
    let exponent = number.exponent;
    let point = exponent >= FIRST_FIXED_EXPONENT
        && (exponent <= LAST_FIXED_EXPONENT || digits.len() as i32 > exponent);
    if point {
        plain(out, number);
        return;
    }
    if number.negative {
        out.push(b'-');
    }
    out.push(digits[0]);
    if digits.len() > 1 {
        out.push(b'.');
        out.extend_from_slice(&digits[1..]);
    }
    append(out, format_args!("e{}", exponent - 1));
}

/// Appends the digits with a point among them; zeros fill the places up to the point.
fn plain(out: &mut Vec<u8>, number: &Digits) {
    let digits = number.as_bytes();
    if number.negative {
        out.push(b'-');
    }
    if number.exponent <= 0 {
        out.extend_from_slice(b"0.");
        out.resize(out.len() + number.exponent.unsigned_abs() as usize, b'0');
        out.extend_from_slice(digits);
        return;
    }
    let whole = number.exponent as usize;
    if digits.len() <= whole {
        out.extend_from_slice(digits);
        out.resize(out.len() + whole - digits.len(), b'0');
    } else {
        out.extend_from_slice(&digits[..whole]);
        out.push(b'.');
        out.extend_from_slice(&digits[whole..]);
    }
}

/// Appends `value` with exactly `decimals` digits behind the point: the shortest digits and zeros if
/// they fit, else the exact value rounded, a tie to the even digit.
fn fixed(out: &mut Vec<u8>, value: f64, decimals: usize) {
    let shortest = Digits::shortest(value);
    if shortest.count == 0 && value != 0.0 {
        // Infinity and NaN do not even get decimals.
        out.push(b'0');
        return;
    }
    let present = shortest.decimals() as usize;
    if shortest.count > 0 && present > decimals {
        let start = out.len();
        append(out, format_args!("{value:.decimals$}"));
        // Connector/C writes the point of a value that rounds to nothing, though nothing follows.
        if decimals == 0 && matches!(&out[start..], b"0" | b"-0") {
            out.push(b'.');
        }
        return;
    }
    if shortest.count == 0 {
        out.push(b'0');
    } else {
        plain(out, &shortest);
    }
    if decimals > 0 {
        if present == 0 {
            out.push(b'.');
        }
        out.resize(out.len() + decimals - present, b'0');
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::client::wire::column::{UNSIGNED_FLAG, ZEROFILL_FLAG};
    use proptest::prelude::*;

    fn column(type_code: u8, decimals: u8) -> Column {
        Column { type_code, decimals, ..Column::default() }
    }

    fn double_text(value: f64, decimals: u8) -> String {
        let mut out = Vec::new();
        double(&mut out, &column(types::DOUBLE, decimals), value);
        String::from_utf8(out).unwrap()
    }

    fn float_text(value: f32, decimals: u8) -> String {
        let mut out = Vec::new();
        float(&mut out, &column(types::FLOAT, decimals), value);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn doubles_as_the_reference_lays_them_out() {
        for (value, text) in [
            (1e14, "100000000000000"),
            (1e15, "1e15"),
            (1e16, "1e16"),
            (123456789012345678.0, "1.2345678901234568e17"),
            (1e-14, "0.00000000000001"),
            (1e-15, "0.000000000000001"),
            (1e-16, "1e-16"),
            (1.5e-15, "0.0000000000000015"),
            (0.1, "0.1"),
            (-0.0, "0"),
            (-2.5, "-2.5"),
            (4.9e-324, "5e-324"),
            (2.225_073_858_507_201e-308, "2.225073858507201e-308"),
            (f64::MAX, "1.7976931348623157e308"),
            (123456789012345.6, "123456789012345.6"),
            (1234567890123456.7, "1234567890123456.8"),
            (12345678901234567.8, "1.2345678901234568e16"),
            (5.684341886080802e-14, "0.00000000000005684341886080802"),
            (151_174_991_407_311.12, "151174991407311.12"),
            (151_174_991_407_311.38, "151174991407311.38"),
            (-1_693_317_369_068_235.2, "-1693317369068235.2"),
            (96.077_667_236_328_12, "96.07766723632812"),
            (9007199254740993.0, "9.007199254740992e15"),
            (f64::INFINITY, "0"),
            (f64::NAN, "0"),
        ] {
            assert_eq!(double_text(value, 31), text);
        }
    }

    #[test]
    fn floats_have_six_digits() {
        for (value, text) in [
            (0.1, "0.1"),
            (100000.5, "100000"),
            (100001.5, "100002"),
            (16777216.0, "16777200"),
            (1234567.5, "1234570"),
            (1e15, "1e15"),
            (1e-15, "0.000000000000001"),
            (0.00001234565, "0.0000123457"),
            (f32::MAX, "3.40282e38"),
            (1.4e-45, "1.4013e-45"),
        ] {
            assert_eq!(float_text(value, 31), text);
        }
    }

    #[test]
    fn fixed_decimals_pad_the_shortest_digits_or_round_the_exact_value() {
        assert_eq!(double_text(0.2132576358664934, 17), "0.21325763586649340");
        assert_eq!(double_text(1.0 / 3.0, 20), "0.33333333333333330000");
        assert_eq!(double_text(1e-20, 30), "0.000000000000000000010000000000");
        assert_eq!(double_text(1e3, 0), "1000");
        assert_eq!(double_text(0.0, 2), "0.00");
        assert_eq!(double_text(-0.0, 2), "0.00");
        assert_eq!(double_text(0.4, 0), "0.");
        assert_eq!(double_text(2.5, 0), "2");
        assert_eq!(double_text(3.5, 0), "4");
        assert_eq!(double_text(0.125, 2), "0.12");
        assert_eq!(double_text(1.005, 2), "1.00");
        assert_eq!(double_text(1e23, 1), "100000000000000000000000.0");
        assert_eq!(float_text(1e38, 10), "99999996802856920000000000000000000000.0000000000");
    }

    #[test]
    fn zerofill_pads_to_the_display_length() {
        let padded =
            |length| Column { flags: ZEROFILL_FLAG | UNSIGNED_FLAG, length, ..column(types::LONGLONG, 31) };
        let mut out = b"x".to_vec();
        unsigned(&mut out, &padded(5), 42);
        assert_eq!(out, b"x00042");
        out.clear();
        unsigned(&mut out, &padded(2), 12345);
        assert_eq!(out, b"12345");
        out.clear();
        double(&mut out, &padded(12), 1e38);
        assert_eq!(out, b"000000001e38");
        out.clear();
        unsigned(&mut out, &padded(u32::MAX), 1);
        assert_eq!(out.len(), 300);
    }

    #[test]
    fn moments() {
        let text = |write: &dyn Fn(&mut Vec<u8>)| {
            let mut out = Vec::new();
            write(&mut out);
            String::from_utf8(out).unwrap()
        };
        let moment = Moment {
            negative: true,
            year: 987,
            month: 6,
            day: 5,
            days: 34,
            hour: 22,
            minute: 59,
            second: 1,
            microsecond: 123456,
        };
        assert_eq!(text(&|out| date(out, &moment)), "0987-06-05");
        assert_eq!(text(&|out| time(out, &column(types::TIME, 3), &moment)), "-838:59:01.123");
        assert_eq!(text(&|out| datetime(out, &column(types::DATETIME, 0), &moment)), "0987-06-05 22:59:01");
        assert_eq!(
            text(&|out| datetime(out, &column(types::DATETIME, 6), &moment)),
            "0987-06-05 22:59:01.123456"
        );
        assert_eq!(text(&|out| time(out, &column(types::TIME, 39), &Moment::default())), "00:00:00");
    }

    #[test]
    fn max_length_is_a_constant_of_the_type() {
        let of = |type_code, flags, length| max_length(&Column { flags, length, ..column(type_code, 0) });
        assert_eq!(of(types::TINY, 0, 4), Some(4));
        assert_eq!(of(types::TINY, UNSIGNED_FLAG, 3), Some(3));
        assert_eq!(of(types::LONGLONG, UNSIGNED_FLAG, 20), Some(20));
        assert_eq!(of(types::LONG, UNSIGNED_FLAG | ZEROFILL_FLAG, 3), Some(10));
        assert_eq!(of(types::LONGLONG, UNSIGNED_FLAG | ZEROFILL_FLAG, 30), Some(30));
        assert_eq!(of(types::DOUBLE, ZEROFILL_FLAG | UNSIGNED_FLAG, 30), Some(299));
        assert_eq!(of(types::FLOAT, UNSIGNED_FLAG, 7), Some(299));
        assert_eq!(of(types::BLOB, 0, 30), None);
    }

    proptest! {
        #[test]
        fn a_double_reads_back(bits: u64) {
            let value = f64::from_bits(bits);
            let read: f64 = double_text(value, 31).parse().unwrap();
            if value.is_finite() {
                prop_assert_eq!(read, value);
            } else {
                prop_assert_eq!(read, 0.0);
            }
        }

        #[test]
        fn fixed_decimals_are_as_many(bits: u64, decimals in 1u8..31) {
            let value = f64::from_bits(bits);
            if value.is_finite() {
                let text = double_text(value, decimals);
                prop_assert_eq!(text.len() - text.find('.').unwrap() - 1, usize::from(decimals));
                prop_assert!((text.parse::<f64>().unwrap() - value).abs() <= 1.0f64.max(value.abs()) * 0.06);
            }
        }
    }
}
