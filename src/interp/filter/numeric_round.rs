//! `replace_numeric_round`: decimal numbers rounded, an extension that MySQL 8's tests use.

/// A number with more digits before its point is left alone: it does not survive in a double.
const EXACT_DIGITS: usize = 15;

/// Appends `value` to `out`, each decimal number in it rounded to at most `digits` digits behind its point.
///
/// A decimal number is digits, a point and digits, not in the middle of a word. An exponent behind it is
/// kept. A number with no more than `digits` digits behind its point stays as it is; trailing zeros of a
/// rounded one are cut.
pub fn round_numbers(value: &[u8], digits: usize, out: &mut Vec<u8>) {
    let mut at = 0;
    while at < value.len() {
        let word = at > 0 && (value[at - 1].is_ascii_alphanumeric() || matches!(value[at - 1], b'_' | b'.'));
        let Some(number) = (!word).then(|| decimal(&value[at..])).flatten() else {
            out.push(value[at]);
            at += 1;
            continue;
        };
        put_rounded(
            &value[at..at + number.whole],
            &value[at + number.whole + 1..at + number.len],
            digits,
            out,
        );
        at += number.len;
    }
}

/// A number at the start of a text: the length of its digits before the point, and of it all.
struct Decimal {
    whole: usize,
    len: usize,
}

fn decimal(text: &[u8]) -> Option<Decimal> {
    let digits = |text: &[u8]| text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let whole = digits(text);
    let point = whole > 0 && text.get(whole) == Some(&b'.');
    let fraction = if point { digits(&text[whole + 1..]) } else { 0 };
    let len = whole + 1 + fraction;
    // 1.2.3 is a version, not a number.
    let version =
        fraction > 0 && text.get(len) == Some(&b'.') && text.get(len + 1).is_some_and(u8::is_ascii_digit);
    (fraction > 0 && !version && whole <= EXACT_DIGITS).then_some(Decimal { whole, len })
}

fn put_rounded(whole: &[u8], fraction: &[u8], digits: usize, out: &mut Vec<u8>) {
    let text = format!("{}.{}", ascii(whole), ascii(fraction));
    let rounded = match text.parse::<f64>() {
        Ok(number) if fraction.len() > digits => format!("{number:.digits$}"),
        _ => text,
    };
    let shown = match rounded.contains('.') && fraction.len() > digits {
        true => rounded.trim_end_matches('0').trim_end_matches('.'),
        false => &rounded,
    };
    out.extend_from_slice(shown.as_bytes());
}

/// Digits as text.
fn ascii(digits: &[u8]) -> &str {
    std::str::from_utf8(digits).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(digits: usize, value: &str, expected: &str) {
        let mut out = Vec::new();
        round_numbers(value.as_bytes(), digits, &mut out);
        assert_eq!(String::from_utf8_lossy(&out), expected);
    }

    #[test]
    fn digits_behind_the_point() {
        check(2, "POINT(1.23456 -2.999) 3.1 4", "POINT(1.23 -3) 3.1 4");
        check(0, "12.5 13.5 0.4", "12 14 0");
        check(3, "1.23456e-10 1.5", "1.235e-10 1.5");
        check(2, "1.0000", "1");
    }

    #[test]
    fn what_is_no_number() {
        check(1, "10.11.19 a1.234 t_1.234 1. .123 1.2.x", "10.11.19 a1.234 t_1.234 1. .123 1.2.x");
        check(1, "12345678901234567890.123456", "12345678901234567890.123456");
    }
}
