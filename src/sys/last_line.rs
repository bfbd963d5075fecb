//! The end of a file of lines whose writer was killed.
//!
//! The system copies a long text page by page, and a process that is killed meanwhile leaves what was copied so far: the
//! beginning of a line. Who outlives it takes that off again.

use std::fs::{File, Metadata};
use std::io;
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use std::path::Path;

use super::files;

/// The most that is looked through for the end of the last line that is whole, in bytes.
const MOST: u64 = 64 << 20;

/// Device and inode.
pub(super) type Identity = (u64, u64);

pub(super) fn identity(facts: &Metadata) -> Identity {
    (facts.dev(), facts.ino())
}

/// Takes off what stands behind the last line end of the file at `path`, if that is still the file that it was and what
/// stands there begins as lines of this file do: others may write to where a standard output goes.
pub(super) fn make_whole(path: &Path, wanted: Identity, beginning: &[u8]) -> io::Result<()> {
    let file = files::open(path)?;
    let facts = file.metadata()?;
    if !facts.is_file() || identity(&facts) != wanted {
        return Ok(());
    }
    let whole = end_of_last_line(&file, facts.len())?;
    let mut torn = vec![0; beginning.len().min((facts.len() - whole) as usize)];
    file.read_exact_at(&mut torn, whole)?;
    if !torn.is_empty() && beginning.starts_with(&torn) {
        // The same file, whatever has been put in its place meanwhile.
        let same = format!("/proc/self/fd/{}", file.as_raw_fd());
        File::options().write(true).open(same)?.set_len(whole)?;
    }
    Ok(())
}

/// How long the file is up to the end of the last line that is whole; `size` where that is not to be found.
fn end_of_last_line(file: &File, size: u64) -> io::Result<u64> {
    let mut piece = vec![0; 64 << 10];
    let mut end = size;
    while end > 0 && size - end < MOST {
        let from = end.saturating_sub(piece.len() as u64);
        let piece = &mut piece[..(end - from) as usize];
        file.read_exact_at(piece, from)?;
        if let Some(at) = piece.iter().rposition(|byte| *byte == b'\n') {
            return Ok(from + at as u64 + 1);
        }
        end = from;
    }
    Ok(if end == 0 { 0 } else { size })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn only_the_beginning_of_a_line_of_this_file_is_taken_off() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("events");
        let long = format!("{{\"seq\":{}", "x".repeat(300_000));
        for (text, left) in [
            ("{\"seq\":1}\n{\"seq\":2,\"te", "{\"seq\":1}\n"),
            ("{\"seq\":1}\n{\"s", "{\"seq\":1}\n"),
            ("{\"seq\":1,", ""),
            ("{\"seq\":1}\n", "{\"seq\":1}\n"),
            ("", ""),
            ("{\"seq\":1}\nsomebody else's", "{\"seq\":1}\nsomebody else's"),
            (&long, ""),
            (&format!("a\n{long}"), "a\n"),
        ] {
            std::fs::write(&path, text).unwrap();
            let there = identity(&path.metadata().unwrap());
            make_whole(&path, there, b"{\"seq\":").unwrap();
            assert_eq!(std::fs::read_to_string(&path).unwrap(), left, "{:.40}", text);
        }
        // Another file in its place is somebody's.
        let there = identity(&path.metadata().unwrap());
        std::fs::rename(&path, dir.path().join("old")).unwrap();
        std::fs::write(&path, "{\"seq\":1,").unwrap();
        make_whole(&path, there, b"{\"seq\":").unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "{\"seq\":1,");
    }
}
