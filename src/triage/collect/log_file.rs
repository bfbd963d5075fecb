//! The part of an error log that one start wrote.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use bstr::ByteSlice;

use crate::triage::evidence::LogPart;

/// The log from `offset` bytes on, with the number of its first line.
pub fn from_offset(path: &Path, offset: u64) -> LogPart {
    let mut part = LogPart { path: path.to_owned(), first_line: 1, ..LogPart::default() };
    let Ok(mut log) = File::open(path) else { return part };
    part.first_line += lines_before(&mut log, offset);
    let mut text = Vec::new();
    if log.seek(SeekFrom::Start(offset)).and_then(|_| log.read_to_end(&mut text)).is_ok() {
        part.text = text.into();
    }
    part
}

fn lines_before(log: &mut File, offset: u64) -> u32 {
    let mut buffer = vec![0; 1 << 16];
    let mut left = log.take(offset);
    let mut lines = 0;
    while let Ok(count @ 1..) = left.read(&mut buffer) {
        lines += buffer[..count].find_iter(b"\n").count();
    }
    u32::try_from(lines).unwrap_or(u32::MAX - 1)
}
