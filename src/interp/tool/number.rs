//! Numbers of the command line: C's integer syntax with a size suffix, adjusted into a range.

use bstr::{BString, ByteSlice};

/// A number, the warning its adjustment is worth, or why there is none.
pub type Parsed<T> = Result<(T, Option<BString>), BString>;

/// The value of `text` for the option `name`, within `min..=max`; the warning tells of an adjustment.
///
/// # Errors
/// The message that names what is wrong with the text, without the program's name.
pub fn signed(name: &str, text: &[u8], min: i64, max: i64) -> Parsed<i64> {
    let (negative, magnitude, rest) = split(text);
    let value = magnitude
        .and_then(|magnitude| {
            let magnitude = i128::from(magnitude);
            i64::try_from(if negative { -magnitude } else { magnitude }).ok()
        })
        .ok_or_else(|| out_of_range("int64", name, text))?;
    let value = value.wrapping_mul(1_i64 << suffix(name, text, rest)?);
    let adjusted = value.clamp(min, max);
    let warning = (adjusted != value)
        .then(|| BString::from(format!("option '{name}': signed value {value} adjusted to {adjusted}")));
    Ok((adjusted, warning))
}

/// Like [`signed`] without a sign, at most `max`.
///
/// # Errors
/// As of [`signed`].
pub fn unsigned(name: &str, text: &[u8], max: u64) -> Parsed<u64> {
    if text.first() == Some(&b'-') {
        return Err(BString::from(format!("Incorrect unsigned value: '{}' for {name}", text.as_bstr())));
    }
    let (negative, magnitude, rest) = split(text);
    let magnitude = magnitude.ok_or_else(|| out_of_range("uint64", name, text))?;
    // A minus sign behind blanks is C's: the number counts down from the largest.
    let value = if negative { magnitude.wrapping_neg() } else { magnitude };
    let value = value.wrapping_mul(1_u64 << suffix(name, text, rest)?);
    let adjusted = value.min(max);
    let warning = (adjusted != value)
        .then(|| BString::from(format!("option '{name}': unsigned value {value} adjusted to {adjusted}")));
    Ok((adjusted, warning))
}

/// Sign, magnitude (`None`: more than 64 bits) and the rest of `text`; without digits the rest is all of it.
fn split(text: &[u8]) -> (bool, Option<u64>, &[u8]) {
    let start = text.iter().position(|byte| !is_c_space(*byte)).unwrap_or(text.len());
    let (negative, digits) = match text.get(start) {
        Some(b'-') => (true, start + 1),
        Some(b'+') => (false, start + 1),
        _ => (false, start),
    };
    let end =
        text[digits..].iter().position(|byte| !byte.is_ascii_digit()).map_or(text.len(), |n| digits + n);
    if end == digits {
        return (false, Some(0), text);
    }
    let magnitude = text[digits..end]
        .iter()
        .try_fold(0_u64, |value, digit| value.checked_mul(10)?.checked_add(u64::from(digit - b'0')));
    (negative, magnitude, &text[end..])
}

/// The power of two that the first byte of `rest` stands for; what follows it does not count.
fn suffix(name: &str, text: &[u8], rest: &[u8]) -> Result<u32, BString> {
    let Some(&letter) = rest.first() else { return Ok(0) };
    let power = match letter.to_ascii_lowercase() {
        b'k' => 10,
        b'm' => 20,
        b'g' => 30,
        b't' => 40,
        b'p' => 50,
        b'e' => 60,
        _ => {
            let mut message = BString::from("Unknown suffix '");
            message.push(letter);
            message.extend_from_slice(format!("' used for variable '{name}' (value '").as_bytes());
            message.extend_from_slice(text);
            message.extend_from_slice(b"'). Legal suffix characters are: K, M, G, T, P, E");
            return Err(message);
        }
    };
    Ok(power)
}

fn out_of_range(type_name: &str, name: &str, text: &[u8]) -> BString {
    let mut message = BString::from(format!("Integer value out of range for {type_name}: '"));
    message.extend_from_slice(text);
    message.extend_from_slice(format!("' for {name}").as_bytes());
    message
}

fn is_c_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t'..=b'\r')
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn port(text: &str) -> Parsed<i64> {
        signed("port", text.as_bytes(), 0, 2_147_483_647)
    }

    #[test]
    fn suffixes_multiply_and_only_their_first_letter_counts() {
        assert_eq!(port("1k").unwrap(), (1024, None));
        assert_eq!(port("1kb").unwrap(), (1024, None));
        assert_eq!(port("k").unwrap(), (0, None));
        assert_eq!(
            port("1e").unwrap().1.unwrap(),
            "option 'port': signed value 1152921504606846976 adjusted to 2147483647"
        );
        assert_eq!(
            port("9e").unwrap().1.unwrap(),
            "option 'port': signed value -8070450532247928832 adjusted to 0"
        );
    }

    #[test]
    fn c_syntax() {
        assert_eq!(port(" \t+5").unwrap(), (5, None));
        assert_eq!(port("").unwrap(), (0, None));
        assert_eq!(
            port("5 ").unwrap_err(),
            "Unknown suffix ' ' used for variable 'port' (value '5 '). Legal suffix characters are: K, M, G, T, P, E"
        );
        assert!(port("--1").unwrap_err().starts_with(b"Unknown suffix '-'"));
    }

    #[test]
    fn sixty_four_bits_are_the_limit() {
        assert!(port("9223372036854775807").is_ok());
        assert_eq!(
            port("9223372036854775808").unwrap_err(),
            "Integer value out of range for int64: '9223372036854775808' for port"
        );
        assert!(port("-9223372036854775808").is_ok());
        assert_eq!(unsigned("t", b" -1", 43_200).unwrap().0, 43_200);
        assert_eq!(unsigned("t", b"-1", 43_200).unwrap_err(), "Incorrect unsigned value: '-1' for t");
        assert!(unsigned("t", b"18446744073709551615", 43_200).is_ok());
        assert!(unsigned("t", b"18446744073709551616", 43_200).is_err());
    }
}
