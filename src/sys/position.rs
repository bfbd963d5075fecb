//! Where a program is, in a small file that it maps into its memory: writing costs no call of the system, and what was written last
//! is there when the program is killed or hangs.

#![allow(unsafe_code, reason = "mapping a file has a C interface only")]

use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::os::fd::AsRawFd as _;
use std::path::Path;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU32, Ordering, fence};

use super::files;

/// Bytes of the file.
const SIZE: usize = 4096;

/// Bytes before the text: a counter that is odd while the text changes, and the text's length.
const HEAD: usize = 8;

/// The most bytes that a position has.
pub const MOST: usize = SIZE - HEAD;

/// A position that is written.
#[derive(Debug)]
pub struct Position {
    map: NonNull<u8>,
    count: u32,
}

impl Position {
    /// Makes the file at `path`, with nothing in it; one that is there is replaced.
    ///
    /// # Errors
    /// The file cannot be made, or not be mapped.
    pub fn create(path: &Path) -> io::Result<Position> {
        match std::fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut file = OpenOptions::new().read(true).write(true).create_new(true).open(path)?;
        // Its room is taken now: where a disk is full, the first byte in the mapping would end this program by SIGBUS.
        file.write_all(&[0; SIZE])?;
        // SAFETY: a mapping of a file of our own, of its whole length, which nobody makes shorter; errors are looked for.
        let map = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                SIZE,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_SHARED,
                file.as_raw_fd(),
                0,
            )
        };
        if map == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let map = NonNull::new(map.cast()).ok_or_else(|| io::Error::from(io::ErrorKind::OutOfMemory))?;
        Ok(Position { map, count: 0 })
    }

    /// Says where the program is; more than [`MOST`] bytes are left out.
    pub fn set(&mut self, text: &[u8]) {
        let length = text.len().min(MOST);
        self.mark();
        // SAFETY: the mapping has SIZE bytes, of which HEAD and `length` are no more.
        unsafe {
            self.map.add(4).cast::<u32>().write(length as u32);
            self.map.add(HEAD).copy_from_nonoverlapping(NonNull::from(text).cast(), length);
        }
        self.mark();
    }

    /// Counts on: odd before a change, even behind it.
    fn mark(&mut self) {
        self.count = self.count.wrapping_add(1);
        fence(Ordering::SeqCst);
        // SAFETY: the mapping is aligned to pages and has more than four bytes; others only read the file.
        unsafe { AtomicU32::from_ptr(self.map.as_ptr().cast()) }.store(self.count, Ordering::SeqCst);
        fence(Ordering::SeqCst);
    }
}

impl Drop for Position {
    fn drop(&mut self) {
        // SAFETY: the mapping is ours and is not used any more.
        unsafe {
            libc::munmap(self.map.as_ptr().cast(), SIZE);
        }
    }
}

/// Where the program was that writes the file at `path`; `None` where it has said nothing, or is just changing it.
pub fn read(path: &Path) -> Option<Vec<u8>> {
    let look = || {
        let bytes = files::read(path, SIZE as u64).ok().filter(|bytes| bytes.len() == SIZE)?;
        let number = |at: usize| Some(u32::from_ne_bytes(bytes.get(at..at + 4)?.try_into().ok()?));
        let (count, length) = (number(0)?, usize::try_from(number(4)?).ok()?);
        (count % 2 == 0 && length > 0).then(|| bytes.get(HEAD..HEAD + length).map(<[u8]>::to_vec))?
    };
    // A program that is killed while it writes stays there; one that lives is done at once.
    look().or_else(look)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_last_is_read() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("position");
        assert_eq!(read(&path), None);
        let mut position = Position::create(&path).unwrap();
        assert_eq!(read(&path), None);
        position.set(b"a long one");
        position.set(b"here");
        assert_eq!(read(&path).unwrap(), b"here");
        position.set(&[b'x'; 2 * SIZE]);
        assert_eq!(read(&path).unwrap().len(), MOST);
        drop(position);
        assert_eq!(read(&path).unwrap().len(), MOST);
        Position::create(&path).unwrap();
        assert_eq!(read(&path), None);
    }

    #[test]
    fn its_room_is_taken_when_it_is_made() {
        use std::os::unix::fs::MetadataExt as _;
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("position");
        let _position = Position::create(&path).unwrap();
        assert!(std::fs::metadata(&path).unwrap().blocks() > 0);
    }
}
