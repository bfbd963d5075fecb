//! Parts of files that other programs write, and that may be of any length: their ends, their beginnings and their
//! lines one by one, in bounded memory.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Take};
use std::ops::Range;
use std::path::Path;

use bstr::ByteSlice;

use super::files;

/// The most bytes of a log or report that are held in memory at once: 16 MiB, far more than those of a
/// test that is well have.
pub const MOST: u64 = 16 << 20;

/// The most bytes that the last lines of a file may have together: 1 MiB.
pub const MOST_OF_LINES: u64 = 1 << 20;

/// The most bytes of one line that [`Lines`] gives: 1 MiB. What follows counts as another line.
pub const LONGEST_LINE: u64 = 1 << 20;

/// The most bytes that are kept of what a test says and that nobody may ever read: 1 MiB.
pub const MOST_KEPT: u64 = 1 << 20;

/// How much is read at once while lines are looked for from the end.
const PIECE: u64 = 8 << 10;

/// A part of a file.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Excerpt {
    /// Its bytes.
    pub text: Vec<u8>,
    /// Where it begins in the file, in bytes.
    pub start: u64,
}

impl Excerpt {
    /// Where it ends in the file, in bytes.
    pub fn end(&self) -> u64 {
        self.start + self.text.len() as u64
    }
}

/// The bytes `range` of the file at `path`, as far as there are any; of more than `most` bytes the last ones, from the
/// beginning of a line on if one begins there.
///
/// # Errors
/// The file cannot be opened or read.
pub fn tail(path: &Path, range: Range<u64>, most: u64) -> io::Result<Excerpt> {
    let mut file = files::open(path)?;
    let end = file.metadata()?.len().min(range.end);
    let start = range.start.max(end.saturating_sub(most));
    // What is written meanwhile is read too, as long as there is room.
    let mut tail = read(&mut file, start, most.min(range.end.saturating_sub(start)))?;
    if start > range.start
        && let Some(end) = tail.text.find_byte(b'\n').filter(|end| end + 1 < tail.text.len())
    {
        tail.text.drain(..=end);
        tail.start += end as u64 + 1;
    }
    Ok(tail)
}

/// The whole file at `path` where it has no more than `most` bytes, else its end: as [`tail`].
///
/// # Errors
/// The file cannot be opened or read.
pub fn end_of(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    Ok(tail(path, 0..u64::MAX, most)?.text)
}

/// What the file at `path` has from byte `from` on, the first `most` bytes of it.
///
/// # Errors
/// The file cannot be opened or read.
pub fn head(path: &Path, from: u64, most: u64) -> io::Result<Vec<u8>> {
    Ok(read(&mut files::open(path)?, from, most)?.text)
}

/// What stands in the place of `bytes` bytes that are left out of a text.
pub fn left_out(bytes: u64) -> String {
    format!("\n[... {bytes} bytes left out ...]\n")
}

/// The file at `path`, or of one that is longer than `most` bytes its beginning and its end, with a line between them that
/// counts what is left out.
///
/// # Errors
/// The file cannot be opened or read.
pub fn ends_of(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    let mut file = files::open(path)?;
    let size = file.metadata()?.len();
    if size <= most {
        return Ok(read(&mut file, 0, most)?.text);
    }
    let mut text = read(&mut file, 0, most / 2)?.text;
    text.extend_from_slice(left_out(size - most / 2 - most / 2).as_bytes());
    text.extend_from_slice(&read(&mut file, size - most / 2, most / 2)?.text);
    Ok(text)
}

fn read(file: &mut File, start: u64, most: u64) -> io::Result<Excerpt> {
    file.seek(SeekFrom::Start(start))?;
    let mut text = Vec::new();
    file.take(most).read_to_end(&mut text)?;
    Ok(Excerpt { text, start })
}

/// The last `lines` lines of the file at `path`, no more than `most` bytes of them, and whether there is more
/// before them. Reads from the end, no more than is asked for.
///
/// # Errors
/// The file cannot be opened or read.
pub fn last_lines(path: &Path, lines: usize, most: u64) -> io::Result<(Vec<u8>, bool)> {
    let mut file = files::open(path)?;
    let size = file.metadata()?.len();
    let first = size.saturating_sub(most);
    let mut pieces: Vec<Vec<u8>> = Vec::new();
    let (mut at, mut found) = (size, 0);
    while at > first && found < lines {
        let length = PIECE.min(at - first);
        at -= length;
        let mut piece = read(&mut file, at, length)?.text;
        // The end of the last line does not begin another.
        let end = piece.len() - usize::from(pieces.is_empty() && piece.ends_with(b"\n"));
        let mut ends = piece[..end].iter().enumerate().rev().filter(|(_, byte)| **byte == b'\n');
        if let Some((end, _)) = ends.nth(lines - found - 1) {
            found = lines;
            at += end as u64 + 1;
            piece.drain(..=end);
        } else {
            found += piece[..end].iter().filter(|byte| **byte == b'\n').count();
        }
        pieces.push(piece);
    }
    pieces.reverse();
    Ok((pieces.concat(), at > 0))
}

/// The lines of a part of a file, one by one.
#[derive(Debug)]
pub struct Lines {
    text: BufReader<Take<File>>,
    line: Vec<u8>,
    start: u64,
}

impl Lines {
    /// Of the bytes `range` of the file at `path`, as far as there are any.
    ///
    /// # Errors
    /// The file cannot be opened.
    pub fn of(path: &Path, range: Range<u64>) -> io::Result<Lines> {
        let mut file = files::open(path)?;
        file.seek(SeekFrom::Start(range.start))?;
        let text = BufReader::new(file.take(range.end.saturating_sub(range.start)));
        Ok(Lines { text, line: Vec::new(), start: range.start })
    }

    /// The next line, with its newline if it has one, and where it begins in the file; `None` at the end. Of a line
    /// that is longer than [`LONGEST_LINE`], what follows comes as further lines.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn read(&mut self) -> io::Result<Option<(u64, &[u8])>> {
        self.start += self.line.len() as u64;
        self.line.clear();
        (&mut self.text).take(LONGEST_LINE).read_until(b'\n', &mut self.line)?;
        Ok((!self.line.is_empty()).then_some((self.start, &self.line)))
    }
}

/// How many lines end in the bytes `range` of the file at `path`, no more than [`MOST_LINES`].
///
/// # Errors
/// The file cannot be opened or read.
pub fn count_lines(path: &Path, range: Range<u64>) -> io::Result<u32> {
    let mut file = files::open(path)?;
    file.seek(SeekFrom::Start(range.start))?;
    let mut text = BufReader::with_capacity(64 << 10, file.take(range.end.saturating_sub(range.start)));
    let mut lines = 0_usize;
    loop {
        let piece = match text.fill_buf() {
            Ok([]) => return Ok(u32::try_from(lines).unwrap_or(MOST_LINES).min(MOST_LINES)),
            Ok(piece) => piece,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        lines += piece.find_iter(b"\n").count();
        let length = piece.len();
        text.consume(length);
    }
}

/// More lines than this are counted as this many, so that further ones can be added.
pub const MOST_LINES: u32 = u32::MAX / 2;

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn file(text: &[u8]) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        file
    }

    #[test]
    fn a_tail_begins_with_a_line() {
        let file = file(b"one\ntwo\nthree\n");
        let of = |from, most| {
            let tail = tail(file.path(), from..u64::MAX, most).unwrap();
            assert!(tail.text.len() as u64 <= most);
            (String::from_utf8(tail.text.clone()).unwrap(), tail.start, tail.end())
        };
        assert_eq!(of(0, 100), ("one\ntwo\nthree\n".into(), 0, 14));
        // Where the caller says, in the middle of a line or not.
        assert_eq!(of(5, 100), ("wo\nthree\n".into(), 5, 14));
        assert_eq!(of(0, 8), ("three\n".into(), 8, 14));
        assert_eq!(of(8, 6), ("three\n".into(), 8, 14));
        // Not even one line: then the part of it.
        assert_eq!(of(8, 5), ("hree\n".into(), 9, 14));
        assert_eq!(of(20, 5), (String::new(), 20, 20));
        let part = |range, most| String::from_utf8(tail(file.path(), range, most).unwrap().text).unwrap();
        assert_eq!(
            (part(0..8, 100), part(0..8, 5), part(5..6, 9)),
            ("one\ntwo\n".into(), "two\n".into(), "w".into())
        );
        assert!(tail(Path::new("/nonexistent"), 0..1, 1).is_err());
    }

    #[test]
    fn the_middle_of_a_long_file_is_counted() {
        let file = file(b"0123456789");
        assert_eq!(ends_of(file.path(), 10).unwrap(), b"0123456789");
        assert_eq!(ends_of(file.path(), 5).unwrap(), b"01\n[... 6 bytes left out ...]\n89");
        assert!(ends_of(Path::new("/nonexistent"), 5).is_err());
    }

    #[test]
    fn the_last_lines_are_bounded_in_number_and_bytes() {
        let of = |text: &[u8], lines, most| {
            let (text, more) = last_lines(file(text).path(), lines, most).unwrap();
            (String::from_utf8(text).unwrap(), more)
        };
        assert_eq!(of(b"", 2, 100), (String::new(), false));
        assert_eq!(of(b"a\nb\nc\n", 2, 100), ("b\nc\n".into(), true));
        assert_eq!(of(b"a\nb\n", 2, 100), ("a\nb\n".into(), false));
        assert_eq!(of(b"a\nb", 1, 100), ("b".into(), true));
        assert_eq!(of(b"\n", 1, 100), ("\n".into(), false));
        assert_eq!(of(b"\n\n\n", 2, 100), ("\n\n".into(), true));
        assert_eq!(of(b"a\nb\n", 0, 100), (String::new(), true));
        assert_eq!(of(b"a\nlong line\n", 2, 6), (" line\n".into(), true));
        let long = "x".repeat(5000) + "\n";
        let (tail, more) = of(long.repeat(5).as_bytes(), 3, 1 << 20);
        assert_eq!((tail.len(), more), (3 * 5001, true));
    }

    /// A file of 64 GiB, nearly all of it a hole.
    #[test]
    fn a_huge_file_costs_what_is_asked_for() {
        use std::os::unix::fs::FileExt;
        let file = file(b"");
        let size: u64 = 64 << 30;
        let handle = File::options().write(true).open(file.path()).unwrap();
        if handle.set_len(size).is_err() {
            return crate::skip::skip("the file system has no files of 64 GiB");
        }
        handle.write_all_at(b"\nlast but one\nlast\n", size - 19).unwrap();
        let (text, more) = last_lines(file.path(), 2, MOST_OF_LINES).unwrap();
        assert_eq!((&text[..], more), (&b"last but one\nlast\n"[..], true));
        let end = tail(file.path(), 0..u64::MAX, 1 << 10).unwrap();
        assert_eq!((&end.text[..], end.end()), (&b"last but one\nlast\n"[..], size));
        assert_eq!(head(file.path(), 1 << 35, 3).unwrap(), [0; 3]);
    }

    #[test]
    #[allow(clippy::reversed_empty_ranges)]
    fn lines_are_counted_up_to_a_byte() {
        let file = file(b"a\nb\nc");
        for (range, lines) in
            [(0..0, 0), (0..1, 0), (0..2, 1), (0..3, 1), (0..100, 2), (2..100, 1), (9..9, 0)]
        {
            assert_eq!(count_lines(file.path(), range.clone()).unwrap(), lines, "{range:?}");
        }
    }

    #[test]
    fn lines_come_one_by_one() {
        let of = |text: &[u8], range: Range<u64>| {
            let file = file(text);
            let mut lines = Lines::of(file.path(), range).unwrap();
            let mut read = Vec::new();
            while let Some((start, line)) = lines.read().unwrap() {
                read.push((start, String::from_utf8(line.to_vec()).unwrap()));
            }
            read
        };
        assert_eq!(of(b"", 0..9), []);
        assert_eq!(of(b"a\n\nbc", 0..9), [(0, "a\n".into()), (2, "\n".into()), (3, "bc".into())]);
        assert_eq!(of(b"a\n\nbc", 1..4), [(1, "\n".into()), (2, "\n".into()), (3, "b".into())]);
        let long = [&[b'x'; LONGEST_LINE as usize + 5][..], b"\ny"].concat();
        let lengths: Vec<_> =
            of(&long, 0..u64::MAX).iter().map(|(start, line)| (*start, line.len())).collect();
        assert_eq!(lengths, [(0, 1 << 20), (1 << 20, 6), ((1 << 20) + 6, 1)]);
    }
}
