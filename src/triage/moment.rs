//! The times in logs: by them the logs of several servers are read side by side.

use bstr::ByteSlice;

/// Seconds since some day, in the time zone of whoever wrote: only differences mean anything.
pub type Moment = i64;

/// The time in a line, where it stands in its first words: `2026-11-23 18:00:00`, `2026-11-23T18:00:00`, `181123 18:00:00`
/// or `181123  8:00:00`.
pub fn of(line: &[u8]) -> Option<Moment> {
    let head = &line[..line.len().min(40)];
    let colon = head.find_byte(b':').filter(|at| *at >= 9)?;
    let clock = head.get(colon - 2..colon + 6)?;
    let (hour, minute, second) = (number(&clock[..2])?, number(&clock[3..5])?, number(&clock[6..])?);
    if clock[5] != b':' || hour > 24 || minute > 59 || second > 60 {
        return None;
    }
    let date = head[..colon - 2].trim_end_with(|c| c == ' ' || c == 'T');
    let date = &date[date.iter().rposition(|byte| *byte == b' ').map_or(0, |at| at + 1)..];
    let (year, month, day) = match date.len() {
        10 if date[4] == b'-' && date[7] == b'-' => {
            (number(&date[..4])?, number(&date[5..7])?, number(&date[8..])?)
        }
        6 => (2000 + number(&date[..2])?, number(&date[2..4])?, number(&date[4..])?),
        _ => return None,
    };
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    Some(((days(year, month, day) * 24 + hour) * 60 + minute) * 60 + second)
}

fn number(digits: &[u8]) -> Option<i64> {
    digits.to_str().ok()?.trim_start().parse().ok()
}

/// Days of the Gregorian calendar, counted from some day.
fn days(year: i64, month: i64, day: i64) -> i64 {
    // Years begin with March, so that the day that comes and goes is the last one.
    let (year, month) = if month < 3 { (year - 1, month + 9) } else { (year, month - 3) };
    year * 365 + year / 4 - year / 100 + year / 400 + (month * 153 + 2) / 5 + day
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_all_wordings_are_on_one_scale() {
        let noon = of(b"2026-11-23 12:00:00 0 [Note] x");
        assert!(noon.is_some());
        for line in ["261123 12:00:00 [Note] x", "2026-11-23T12:00:00.123Z 0 x", "[00] 2026-11-23 12:00:00 x"]
        {
            assert_eq!(of(line.as_bytes()), noon, "{line}");
        }
        let after = |line: &str| of(line.as_bytes()).zip(noon).map(|(time, noon)| time - noon);
        assert_eq!(after("261123 12:00:09 x"), Some(9));
        assert_eq!(after("2026-11-24 12:00:00"), Some(86_400));
        assert_eq!(after("2027-03-01 12:00:00"), Some(98 * 86_400));
        for line in
            ["rsync: x", "", "Version: '10.11' socket: '/x:1'", "2026-13-01 12:00:00", "a: b: c: d: e: f"]
        {
            assert_eq!(of(line.as_bytes()), None, "{line}");
        }
    }
}
