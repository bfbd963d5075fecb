//! Wall-clock time in the local time zone.

use std::time::{SystemTime, UNIX_EPOCH};

/// `YYYY-MM-DD HH:MM:SS` in the local time zone.
pub fn format(at: SystemTime) -> String {
    let seconds = at.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let seconds = libc::time_t::try_from(seconds).unwrap_or(0);
    // SAFETY: all-zero is a valid `tm`; localtime_r only writes to the one it is given, and
    // nothing in this program changes the environment, which it reads.
    #[expect(unsafe_code, reason = "no safe interface knows the time zone of a threaded process")]
    let tm = unsafe {
        let mut tm: libc::tm = std::mem::zeroed();
        libc::localtime_r(&raw const seconds, &raw mut tm);
        tm
    };
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

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    #[test]
    fn has_the_shape_that_reports_want() {
        let text = super::format(UNIX_EPOCH + Duration::from_secs(1_795_437_139));
        assert!(text.starts_with("2026-11-2"), "{text}");
        assert_eq!(text.len(), "2026-11-23 12:32:19".len());
    }
}
