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
#[allow(clippy::unwrap_used)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn no_time_is_too_long() {
        let before = Instant::now();
        assert!(deadline_after(Duration::MAX) >= before + FOR_EVER);
        assert!(deadline_after(Duration::from_secs(u64::MAX)) >= before + FOR_EVER);
        let minute = Duration::from_secs(60);
        let told = deadline_after(minute);
        assert!((before + minute..=Instant::now() + minute).contains(&told));
        assert!(deadline_after(Duration::ZERO) <= Instant::now());
    }

    #[test]
    fn nobody_adds_to_the_present_by_hand() {
        let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        let (mut files, mut found) = (0, Vec::new());
        for entry in walkdir::WalkDir::new(&src).sort_by_file_name() {
            let path = entry.unwrap().into_path();
            if path.extension().is_none_or(|extension| extension != "rs") || path.ends_with("sys/deadline.rs")
            {
                continue;
            }
            files += 1;
            let text = std::fs::read_to_string(&path).unwrap();
            // Tests, which stand at a file's end, wait for what they wrote themselves.
            let product = text.split("#[cfg(test)]\n#[allow(clippy::unwrap_used)]\nmod ").next().unwrap();
            let product = product.split("#[cfg(test)]\nmod ").next().unwrap();
            for (line, text) in (1..).zip(product.lines()) {
                if text.contains("Instant::now() +") || text.contains("Instant::now().checked_add") {
                    found.push(format!("{}:{line}", path.display()));
                }
            }
        }
        assert!(files > 100, "{files}");
        assert!(found.is_empty(), "use deadline_after: {found:?}");
    }
}
