//! File descriptors that belong to somebody else.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};

/// Another descriptor for what `file` has open: it stays open when `file` is closed, is not inherited by children, and
/// shares the options of a socket.
///
/// For types of other crates that tell only the number of their descriptor.
///
/// # Errors
/// Too many files are open.
pub fn duplicate(file: &impl AsRawFd) -> io::Result<OwnedFd> {
    // SAFETY: `file` is borrowed for the whole call, so what it has open is not closed before it is duplicated.
    #[expect(unsafe_code, reason = "a bare number says nothing about how long it is valid")]
    let open = unsafe { BorrowedFd::borrow_raw(file.as_raw_fd()) };
    open.try_clone_to_owned()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use std::io::{Read, Write};
    use std::os::unix::net::UnixStream;

    #[test]
    fn the_duplicate_outlives_the_original() {
        let (mut here, there) = UnixStream::pair().unwrap();
        let mut copy = UnixStream::from(duplicate(&there).unwrap());
        drop(there);
        here.write_all(b"x").unwrap();
        let mut byte = [0];
        copy.read_exact(&mut byte).unwrap();
        assert_eq!(byte, *b"x");
    }
}
