//! Moments until which something is waited for.

use std::time::{Duration, Instant};

/// What counts as for ever: long enough for any run, short enough that every clock can tell it.
const FOR_EVER: Duration = Duration::from_secs(30 * 365 * 24 * 60 * 60);

/// The moment `patience` from now; a time that no clock can tell is cut to thirty years. Time-outs are what
/// users write, and adding one to an [`Instant`] panics where the sum cannot be told.
pub fn deadline_after(patience: Duration) -> Instant {
    Instant::now() + patience.min(FOR_EVER)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_time_is_too_long() {
        let before = Instant::now();
        assert!(deadline_after(Duration::MAX) >= before + FOR_EVER);
        assert!(deadline_after(Duration::from_secs(u64::MAX)) >= before + FOR_EVER);
        let minute = Duration::from_secs(60);
        assert!((before + minute..=Instant::now() + minute).contains(&deadline_after(minute)));
        assert!(deadline_after(Duration::ZERO) <= Instant::now());
    }
}
