//! Scans arbitrary error logs.

use std::sync::OnceLock;

use bstr::ByteSlice;

use crate::check::errorlog::{LogScanner, Patterns};

/// Scans the log `bytes`, which becomes longer while it is scanned.
///
/// # Panics
/// If that does, or if a line is told that is not in the log, or twice.
pub fn fuzz(bytes: &[u8]) {
    static PATTERNS: OnceLock<Option<Patterns>> = OnceLock::new();
    let Some(patterns) = PATTERNS.get_or_init(|| Patterns::new(&[]).ok()) else { return };
    let Ok(log) = tempfile::NamedTempFile::new() else { return };
    let mut scanner = LogScanner::new(log.path());
    let mut told = 0;
    for end in [bytes.len() / 2, bytes.len()] {
        if std::fs::write(log.path(), &bytes[..end]).is_err() {
            return;
        }
        // The engine may give up on a line.
        let Ok(lines) = scanner.scan(patterns) else { return };
        assert!(lines.iter().all(|line| bytes.contains_str(line)));
        told += lines.iter().map(|line| line.len()).sum::<usize>();
    }
    assert!(told <= bytes.len());
    assert!(!scanner.has_grown());
    let _ = scanner.last_test_lines();
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PIECES: [&str; 12] = [
        "2026-01-01 10:00:00 0 [ERROR] ",
        "[Warning] ",
        "mariadbd: ",
        "\n",
        "==7== ",
        "Begin safemalloc memory dump:",
        "End safemalloc memory dump",
        "Aborted connection ",
        "runtime error: ",
        "CURRENT_TEST: main.a\n",
        "\r",
        "\0",
    ];

    proptest! {
        #[test]
        fn arbitrary_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            fuzz(&bytes);
        }

        #[test]
        fn pieces_of_logs(pieces in proptest::collection::vec(0..PIECES.len(), 0..60)) {
            fuzz(pieces.into_iter().map(|piece| PIECES[piece]).collect::<String>().as_bytes());
        }
    }
}
