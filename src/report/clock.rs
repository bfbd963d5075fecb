//! Where reporters get the time from, so that tests can give them a fixed one.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use time::OffsetDateTime;

/// The time of day, and how it is written in the local time zone.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    /// The time now.
    pub now: fn() -> SystemTime,
    /// A time as `YYYY-MM-DD HH:MM:SS` in the local time zone.
    pub local: fn(SystemTime) -> String,
}

impl Clock {
    /// The real time.
    pub fn system() -> Self {
        Clock { now: SystemTime::now, local: crate::sys::local_time::format }
    }

    /// The time now as seconds since 1970, with fractions.
    pub fn unix_seconds(&self) -> f64 {
        since_epoch((self.now)()).as_secs_f64()
    }

    /// The time now as `YYYY-MM-DDTHH:MM:SSZ`, the form of both result files (runner §11.7, §11.8).
    pub fn utc(&self) -> String {
        let seconds = i64::try_from(since_epoch((self.now)()).as_secs()).unwrap_or(i64::MAX);
        let t = OffsetDateTime::from_unix_timestamp(seconds).unwrap_or(OffsetDateTime::UNIX_EPOCH);
        format!(
            "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z",
            t.year(),
            u8::from(t.month()),
            t.day(),
            t.hour(),
            t.minute(),
            t.second()
        )
    }
}

/// Time since 1970; zero for a clock set before it.
pub(super) fn since_epoch(t: SystemTime) -> Duration {
    t.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO)
}

/// `--timestamp` and `--timediff`: what stands before result lines and stderr lines.
///
/// `YYMMDD HH:MM:SS ` with the hour padded by a blank, then `+S.SSS ` since the line stamped before
/// (runner §1.3); empty when not asked for.
#[derive(Debug)]
pub struct Stamp {
    clock: Clock,
    on: bool,
    difference: bool,
    last: SystemTime,
}

impl Stamp {
    /// A stamp whose first difference counts from now.
    pub fn new(clock: Clock, on: bool, difference: bool) -> Self {
        Stamp { clock, on, difference, last: (clock.now)() }
    }

    /// The prefix of the next line.
    pub fn prefix(&mut self) -> String {
        if !self.on {
            return String::new();
        }
        let now = (self.clock.now)();
        let mut text = short_form(&(self.clock.local)(now));
        if self.difference {
            let passed = now.duration_since(self.last).unwrap_or(Duration::ZERO);
            text.push_str(&format!("+{:.3} ", passed.as_secs_f64()));
        }
        self.last = now;
        text
    }
}

/// `2026-11-23 09:33:12` as `261123  9:33:12 `.
fn short_form(local: &str) -> String {
    let digits: Vec<&str> = local.split(['-', ' ', ':']).collect();
    let [year, month, day, hour, minute, second] = digits[..] else {
        return format!("{local} ");
    };
    let year = year.get(year.len().saturating_sub(2)..).unwrap_or(year);
    let hour = hour.strip_prefix('0').unwrap_or(hour);
    format!("{year}{month}{day} {hour:>2}:{minute}:{second} ")
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn stamps_have_a_blank_padded_hour() {
        assert_eq!(short_form("2026-11-23 12:33:12"), "261123 12:33:12 ");
        assert_eq!(short_form("2026-01-02 00:03:04"), "260102  0:03:04 ");
    }

    #[test]
    fn utc_is_iso() {
        let clock =
            Clock { now: || UNIX_EPOCH + Duration::from_secs(1_795_437_139), local: |_| String::new() };
        assert_eq!(clock.utc(), "2026-11-23T12:32:19Z");
    }

    #[test]
    fn a_stamp_that_is_off_is_empty() {
        let clock = Clock { now: || UNIX_EPOCH, local: |_| "2026-11-23 12:33:12".into() };
        assert_eq!(Stamp::new(clock, false, true).prefix(), "");
        assert_eq!(Stamp::new(clock, true, true).prefix(), "261123 12:33:12 +0.000 ");
        assert_eq!(Stamp::new(clock, true, false).prefix(), "261123 12:33:12 ");
    }
}
