//! A file of which parts are read, and no more than a file that is what it should be has.

use std::cell::Cell;
use std::io::{self, Read, Seek};
use std::ops::Range;
use std::path::Path;

use object::read::{ReadCache, ReadRef};

use crate::sys::files;

/// The most bytes that are read of a file, each as often as it is asked for: 128 MiB. Of a server of 25 MB it is 7 MiB.
const MOST: u64 = 128 << 20;

/// The most bytes of a name; symbols of C++ are long.
const LONGEST_NAME: usize = 64 << 10;

/// The most bytes of all names together; each counts as 32 more.
const MOST_OF_NAMES: usize = 128 << 20;

/// What is read: a file, or bytes.
trait Source: Read + Seek {}

impl<S: Read + Seek> Source for S {}

/// A file that is read in parts. Where a file says that it has more than can be, reading fails.
pub struct Parts {
    cache: ReadCache<Box<dyn Source>>,
    left: Cell<u64>,
}

impl Parts {
    /// Of the file at `path`.
    ///
    /// # Errors
    /// It cannot be opened.
    pub fn of_file(path: &Path) -> io::Result<Parts> {
        Ok(Parts::of(files::open(path)?))
    }

    /// Of anything.
    pub fn of(source: impl Read + Seek + 'static) -> Parts {
        Parts { cache: ReadCache::new(Box::new(source)), left: Cell::new(MOST) }
    }

    fn charge(&self, size: u64) -> Result<(), ()> {
        self.left.set(self.left.get().checked_sub(size).ok_or(())?);
        Ok(())
    }
}

impl<'data> ReadRef<'data> for &'data Parts {
    fn len(self) -> Result<u64, ()> {
        (&self.cache).len()
    }

    fn read_bytes_at(self, offset: u64, size: u64) -> Result<&'data [u8], ()> {
        self.charge(size)?;
        (&self.cache).read_bytes_at(offset, size)
    }

    fn read_bytes_at_until(self, range: Range<u64>, delimiter: u8) -> Result<&'data [u8], ()> {
        self.charge(range.end.saturating_sub(range.start))?;
        (&self.cache).read_bytes_at_until(range, delimiter)
    }
}

/// The names in a table of strings.
pub struct Names<'data> {
    bytes: &'data [u8],
    left: Cell<usize>,
}

impl<'data> Names<'data> {
    /// Those in `bytes`.
    pub fn new(bytes: &'data [u8]) -> Names<'data> {
        Names { bytes, left: Cell::new(MOST_OF_NAMES) }
    }

    /// The name that begins at `offset` and ends before a zero; `None` where none does, and after too many.
    pub fn get(&self, offset: u32) -> Option<&'data [u8]> {
        let rest = self.bytes.get(usize::try_from(offset).ok()?..)?;
        let end = rest[..rest.len().min(LONGEST_NAME)].iter().position(|byte| *byte == 0)?;
        self.left.set(self.left.get().checked_sub(end + 32)?);
        Some(&rest[..end])
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::io::Cursor;

    use super::*;

    #[test]
    fn no_more_is_read_than_a_file_has() {
        let parts = Parts::of(Cursor::new(vec![7; 1 << 20]));
        assert_eq!((&parts).read_bytes_at(1, 3), Ok(&[7; 3][..]));
        assert_eq!((&parts).read_bytes_at(1, 1 << 20), Err(()));
        assert_eq!((&parts).read_bytes_at(1, u64::MAX), Err(()));
        let often = (0..1000).take_while(|_| (&parts).read_bytes_at(0, 1 << 20).is_ok()).count();
        assert_eq!(often, 126);
    }

    #[test]
    fn names_end_before_a_zero() {
        let mut bytes = b"\0ab\0".to_vec();
        bytes.extend([b'x'; LONGEST_NAME]);
        let names = Names::new(&bytes);
        assert_eq!(names.get(0), Some(&b""[..]));
        assert_eq!(names.get(1), Some(&b"ab"[..]));
        assert_eq!((names.get(4), names.get(u32::MAX)), (None, None));
        let often = (0..).take_while(|_| names.get(1).is_some()).count();
        assert!(often < 4 << 20, "{often}");
    }
}
