//! Numbers as options write them and as people read them.

use bstr::BStr;

/// The number that an option's value means: `8M`, `500G`, `1048576` (suffixes K, M, G, T, P, E).
pub fn parse(value: &BStr) -> Option<u64> {
    let (number, unit) = parts(value)?;
    number.checked_mul(unit)
}

/// The same; a number that is too large for this is the largest one.
pub fn parse_at_most(value: &BStr) -> Option<u64> {
    let (number, unit) = parts(value)?;
    Some(number.saturating_mul(unit))
}

fn parts(value: &BStr) -> Option<(u64, u64)> {
    let text = std::str::from_utf8(value).ok()?.trim();
    let (digits, shift) = match text.as_bytes().last()? {
        b'k' | b'K' => (&text[..text.len() - 1], 10),
        b'm' | b'M' => (&text[..text.len() - 1], 20),
        b'g' | b'G' => (&text[..text.len() - 1], 30),
        b't' | b'T' => (&text[..text.len() - 1], 40),
        b'p' | b'P' => (&text[..text.len() - 1], 50),
        b'e' | b'E' => (&text[..text.len() - 1], 60),
        _ => (text, 0),
    };
    Some((digits.parse().ok()?, 1 << shift))
}

/// Bytes in the largest unit of which there is at least one: `500 GiB`, `97.7 KiB`, `12 bytes`.
pub fn bytes(count: u64) -> String {
    let units = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    let mut value = count as f64;
    let mut unit = None;
    for name in units {
        if value < 1024.0 {
            break;
        }
        value /= 1024.0;
        unit = Some(name);
    }
    match unit {
        None => format!("{count} bytes"),
        Some(unit) if value.fract() < 0.05 => format!("{value:.0} {unit}"),
        Some(unit) => format!("{value:.1} {unit}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_of_options() {
        for (text, size) in [("8M", Some(8 << 20)), ("1048576", Some(1 << 20)), ("2g", Some(2 << 30))] {
            assert_eq!(parse(text.into()), size, "{text}");
        }
        for text in ["", "G", "ON", "-1", "99999999E"] {
            assert_eq!(parse(text.into()), None, "{text}");
        }
    }

    #[test]
    fn sizes_in_words() {
        for (count, words) in
            [(0, "0 bytes"), (100_000, "97.7 KiB"), (500 << 30, "500 GiB"), (u64::MAX, "16 EiB")]
        {
            assert_eq!(bytes(count), words);
        }
    }
}
