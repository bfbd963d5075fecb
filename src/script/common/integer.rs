//! Numbers in scripts: C's `strtol` and `atoi`, and the integer view of a variable (spec §4.1).

/// The number at the start of `text`, and what follows it: leading spaces, a sign, decimal digits, as C's
/// `strtol` reads them. Numbers beyond 64 bits become the nearest bound. `None` without digits.
pub fn strtol(text: &[u8]) -> Option<(i64, &[u8])> {
    let spaces = text.iter().position(|byte| !matches!(byte, 0x09..=0x0d | b' ')).unwrap_or(text.len());
    let unsigned = &text[spaces..];
    let (negative, digits) = match unsigned.first() {
        Some(b'-') => (true, &unsigned[1..]),
        Some(b'+') => (false, &unsigned[1..]),
        _ => (false, unsigned),
    };
    let len = digits.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(digits.len());
    if len == 0 {
        return None;
    }
    let value = digits[..len].iter().fold(0i64, |value, byte| {
        let digit = i64::from(byte - b'0');
        let value = value.saturating_mul(10);
        if negative { value.saturating_sub(digit) } else { value.saturating_add(digit) }
    });
    Some((value, &digits[len..]))
}

/// The low 32 bits of the number at the start of `text`, 0 without one: C's `atoi`.
pub fn atoi(text: &[u8]) -> i32 {
    strtol(text).map_or(0, |(value, _)| value as i32)
}

/// The integer that a variable's value is, if it is one: a number followed by nothing, a blank or a TAB,
/// of which the low 32 bits count.
pub fn view(value: &[u8]) -> Option<i32> {
    let (number, rest) = strtol(value)?;
    matches!(rest.first(), None | Some(0 | b' ' | b'\t')).then_some(number as i32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integer_view() {
        assert_eq!(view(b"5"), Some(5));
        assert_eq!(view(b"5 apples"), Some(5));
        assert_eq!(view(b"5\tapples"), Some(5));
        assert_eq!(view(b"\t\n +07"), Some(7));
        assert_eq!(view(b"-12"), Some(-12));
        assert_eq!(view(b"4294967296"), Some(0));
        assert_eq!(view(b"99999999999999999999"), Some(-1));
        assert_eq!(view(b"-99999999999999999999"), Some(0));
        for text in [&b""[..], b" ", b"10cc", b"0x1", b"5\n", b"5.", b"- 5", b"--5", b"+", b"\xa05", b"abc"] {
            assert_eq!(view(text), None, "{text:?}");
        }
    }

    #[test]
    fn bounds() {
        assert_eq!(strtol(b"-9223372036854775808x"), Some((i64::MIN, &b"x"[..])));
        assert_eq!(strtol(b"9223372036854775808"), Some((i64::MAX, &b""[..])));
        assert_eq!(atoi(b"4294967297y"), 1);
        assert_eq!(atoi(b"y"), 0);
    }
}
