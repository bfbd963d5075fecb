//! The part of an error log that one start wrote.

use std::ops::Range;
use std::path::Path;

use crate::sys::excerpt;
use crate::triage::evidence::LogPart;

/// The most bytes of a log that are evidence: 2 MiB. The rules take it apart line by line, several times.
const MOST: u64 = 2 << 20;

/// The log from `offset` bytes on, with the number of its first line; of a part that is longer than 2 MiB, its end.
/// Empty where the log cannot be read.
pub fn from_offset(path: &Path, offset: u64) -> LogPart {
    let first_line = excerpt::count_lines(path, 0..offset).unwrap_or(0) + 1;
    part(path, offset..u64::MAX, first_line)
}

/// The bytes `range` of the log, which begin in line `first_line`; of a part that is longer than 2 MiB, its end. Empty
/// where the log cannot be read.
pub fn part(path: &Path, range: Range<u64>, first_line: u32) -> LogPart {
    let tail = excerpt::tail(path, range.clone(), MOST).unwrap_or_default();
    let before = excerpt::count_lines(path, range.start..tail.start).unwrap_or(0);
    let first_line = first_line.saturating_add(before).min(excerpt::MOST_LINES);
    LogPart { path: path.to_owned(), first_line, text: tail.text.into() }
}
