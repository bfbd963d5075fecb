//! `replace_numeric_round`: numbers in values rounded, an extension that MySQL 8's tests use.

/// From here on a number is left as it is: its digits behind the point mean little.
const LARGE: f64 = 1e15;

/// Appends `value` to `out`, each number in it that has a fraction or an exponent rounded to at most `digits`
/// digits behind its point.
///
/// What is part of a word or of a version like 10.11.19 is no number. Zeros at the end of a fraction are cut,
/// also where nothing is rounded, and a number that becomes 0 loses its sign: which of the two it is depends on the
/// machine.
pub fn round_numbers(value: &[u8], digits: usize, out: &mut Vec<u8>) {
    let mut at = 0;
    while let Some(&byte) = value.get(at) {
        let in_word = at > 0 && is_of_word(value[at - 1]);
        match (!in_word).then(|| number(&value[at..])).flatten() {
            Some((number, length)) => {
                let text = format!("{number:.digits$}");
                let text =
                    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
                out.extend_from_slice(if text == "-0" { b"0" } else { text.as_bytes() });
                at += length;
            }
            None => {
                out.push(byte);
                at += 1;
            }
        }
    }
}

/// Whether a byte and digits beside it are one word.
fn is_of_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.') || !byte.is_ascii()
}

/// The number with a fraction or an exponent at the start of `text`, and its length.
fn number(text: &[u8]) -> Option<(f64, usize)> {
    let digits = |at: usize| {
        text.get(at..).unwrap_or_default().iter().take_while(|byte| byte.is_ascii_digit()).count()
    };
    let sign = usize::from(text.first() == Some(&b'-'));
    let whole = digits(sign);
    let mut end = sign + whole;
    let fraction = if text.get(end) == Some(&b'.') { digits(end + 1) } else { 0 };
    if fraction > 0 {
        end += 1 + fraction;
    }
    if matches!(text.get(end), Some(b'e' | b'E')) {
        let from = end + 1 + usize::from(matches!(text.get(end + 1), Some(b'-' | b'+')));
        match digits(from) {
            0 => return None,
            exponent => end = from + exponent,
        }
    } else if fraction == 0 {
        return None;
    }
    let ends = match text.get(end..) {
        Some([b'.', after, ..]) => !is_of_word(*after),
        Some([after, ..]) => *after == b'.' || !is_of_word(*after),
        _ => true,
    };
    let number: f64 = std::str::from_utf8(&text[..end]).ok()?.parse().ok()?;
    (whole > 0 && ends && number.abs() < LARGE).then_some((number, end))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn any_text_and_what_is_no_number_stays(text in "[0-9a-z.eE+ -]{0,24}", digits in 0usize..=16) {
            let mut out = Vec::new();
            round_numbers(text.as_bytes(), digits, &mut out);
            let letters = |text: &[u8]| text.iter().filter(|byte| byte.is_ascii_lowercase() && **byte != b'e').count();
            prop_assert_eq!(letters(&out), letters(text.as_bytes()));
        }
    }

    #[track_caller]
    fn check(digits: usize, value: &str, expected: &str) {
        let mut out = b">".to_vec();
        round_numbers(value.as_bytes(), digits, &mut out);
        assert_eq!(String::from_utf8_lossy(&out), format!(">{expected}"));
    }

    #[test]
    fn digits_behind_the_point() {
        check(2, "POINT(1.23456 -2.999) 3.1 4", "POINT(1.23 -3) 3.1 4");
        check(0, "12.5 13.5 0.4 7", "12 14 0 7");
        check(2, "1.0000 100.00.", "1 100.");
        check(16, "0.5,0.25", "0.5,0.25");
        check(3, "[1.23456e-2, 1.5E3, 2e+1]", "[0.012, 1500, 20]");
        check(3, "1.5e-17 -1.5e-17 -0.0", "0 0 0");
    }

    #[test]
    fn what_is_no_number() {
        let words = "10.11.19 a1.234 t_1.234 1. .123 1.2.x 1.234x 2e 2e+ 0x1.234 \u{e4}1.234 1.234\u{e4}";
        check(1, words, words);
        check(1, "12345678901234567890.123456 1e15 1e999", "12345678901234567890.123456 1e15 1e999");
    }
}
