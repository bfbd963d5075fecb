//! Wall-clock time in the local time zone.

use std::time::{SystemTime, UNIX_EPOCH};

/// `YYYY-MM-DD HH:MM:SS` in the local time zone.
pub fn format(at: SystemTime) -> String {
    date_and_time(&broken_down(at))
}

/// `YYYY-MM-DD HH:MM:SS.nnnnnnnnn +hhmm` in the local time zone, as `diff -u` shows a file's time.
pub fn format_with_zone(at: SystemTime) -> String {
    let tm = broken_down(at);
    let nanoseconds = at.duration_since(UNIX_EPOCH).map_or(0, |since| since.subsec_nanos());
    let minutes = tm.tm_gmtoff / 60;
    let sign = if minutes < 0 { '-' } else { '+' };
    let (hours, minutes) = (minutes.abs() / 60, minutes.abs() % 60);
    format!("{}.{nanoseconds:09} {sign}{hours:02}{minutes:02}", date_and_time(&tm))
}

fn date_and_time(tm: &libc::tm) -> String {
    format!(
        "{:04}-{:02}-{:02} {:02}:{:02}:{:02}",
        tm.tm_year + 1900,
        tm.tm_mon + 1,
        tm.tm_mday,
        tm.tm_hour,
        tm.tm_min,
        tm.tm_sec
    )
}

fn broken_down(at: SystemTime) -> libc::tm {
    let seconds = at.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let seconds = libc::time_t::try_from(seconds).unwrap_or(0);
    // SAFETY: all-zero is a valid `tm`; localtime_r only writes to the one it is given, and
    // nothing in this program changes the environment, which it reads.
    #[expect(unsafe_code, reason = "no safe interface knows the time zone of a threaded process")]
    unsafe {
        let mut tm: libc::tm = std::mem::zeroed();
        libc::localtime_r(&raw const seconds, &raw mut tm);
        tm
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    #[test]
    fn has_the_shape_that_reports_want() {
        let text = super::format(UNIX_EPOCH + Duration::from_secs(1_795_437_139));
        assert!(text.starts_with("2026-11-2"), "{text}");
        assert_eq!(text.len(), "2026-11-23 12:32:19".len());
    }

    #[test]
    fn has_the_shape_that_diff_shows() {
        let text = super::format_with_zone(UNIX_EPOCH + Duration::new(1_795_437_139, 5));
        assert!(text.contains(".000000005 "), "{text}");
        assert_eq!(text.len(), "2026-11-23 12:32:19.000000005 +0000".len());
    }
}
