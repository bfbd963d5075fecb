//! One file or directory at a time: remove, copy, move, make, read, write.

use std::fs::{self, OpenOptions, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use bstr::ByteSlice;

use crate::interp::files::failure::{Failure, NotWritable};
use crate::interp::files::modes::Modes;
use crate::sys::files;

fn os(path: &[u8]) -> PathBuf {
    std::ffi::OsString::from_vec(path.to_vec()).into()
}

/// `remove_file`.
///
/// # Errors
///
/// The file is not there, or a directory.
pub fn remove(path: &[u8]) -> Result<(), Failure> {
    fs::remove_file(os(path)).map_err(|error| Failure::told(&error, &[b"Error on delete of '", path, b"'"]))
}

/// `copy_file`: the new file keeps the permission bits, less the process's umask.
///
/// # Errors
///
/// `from` cannot be read, or `to` is there already. Nothing is left of a copy that failed half way.
pub fn copy(from: &[u8], to: &[u8]) -> Result<(), Failure> {
    let mut source =
        files::open(&os(from)).map_err(|error| Failure::told(&error, &[b"File '", from, b"' not found"]))?;
    let mode = source.metadata().map_or(0o600, |facts| facts.permissions().mode()) & 0o7777;
    let mut target = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(mode)
        .open(os(to))
        .map_err(|error| Failure::told(&error, &[b"Can't create/write to file '", to, b"'"]))?;
    let mut piece = vec![0; 64 * 1024];
    let copied = loop {
        match source.read(&mut piece) {
            Ok(0) => return Ok(()),
            Ok(length) => {
                if let Err(error) = target.write_all(&piece[..length]) {
                    break Failure::told(&error, &[b"Error writing file '", to, b"'"]);
                }
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => break Failure::told(&error, &[b"Error reading file '", from, b"'"]),
        }
    };
    // What is told is why the copy failed, not that its remains could not be removed.
    let _ = fs::remove_file(os(to));
    Err(copied)
}

/// `move_file`: `to` is replaced if it is there.
///
/// # Errors
///
/// As rename(2).
pub fn move_file(from: &[u8], to: &[u8]) -> Result<(), Failure> {
    fs::rename(os(from), os(to))
        .map_err(|error| Failure::told(&error, &[b"Error on rename of '", from, b"' to '", to, b"'"]))
}

/// The mode that the four characters of a `chmod` mean: the octal digits up to the first other character.
/// `None` if there are not four, or if the first is no digit.
pub fn parse_mode(text: &[u8]) -> Option<u32> {
    let digits = text.iter().take_while(|byte| matches!(byte, b'0'..=b'7'));
    let (mode, count) =
        digits.fold((0, 0), |(mode, count), digit| (mode * 8 + u32::from(digit - b'0'), count + 1));
    (text.len() == 4 && count > 0).then_some(mode)
}

/// `chmod`.
///
/// # Errors
///
/// As chmod(2).
pub fn set_mode(path: &[u8], mode: u32) -> Result<(), Failure> {
    fs::set_permissions(os(path), Permissions::from_mode(mode)).map_err(|error| Failure::unremembered(&error))
}

/// `file_exists`.
///
/// # Errors
///
/// There is no such file; a link that leads nowhere is none.
pub fn exists(path: &[u8]) -> Result<(), Failure> {
    rustix::fs::access(os(path), rustix::fs::Access::EXISTS)
        .map_err(|error| Failure::unremembered(&error.into()))
}

/// `mkdir`.
///
/// # Errors
///
/// As mkdir(2).
pub fn create_directory(path: &[u8], modes: Modes) -> Result<(), Failure> {
    fs::DirBuilder::new()
        .mode(modes.directory)
        .create(os(path))
        .map_err(|error| Failure::told(&error, &[b"Can't create directory '", path, b"'"]))
}

/// `rmdir`: the directory with all that is in it.
///
/// A link to a directory makes it fail with "not a directory", as in the reference; but the reference has
/// by then removed what the link leads to, which may lie anywhere.
///
/// # Errors
///
/// Something cannot be removed; what was removed before stays removed.
pub fn remove_tree(path: &[u8]) -> Result<(), Failure> {
    let failed = |error: io::Error| Failure::silent(&error);
    let not_a_directory = || io::Error::from_raw_os_error(libc::ENOTDIR);
    let root = os(path);
    if fs::symlink_metadata(&root).map_err(failed)?.is_symlink() {
        return Err(failed(not_a_directory()));
    }
    // Directories that are being emptied, outermost first, each with what is left in it; a list instead
    // of recursion, since a script can make a tree of any depth.
    let mut open = vec![(entries(&root).map_err(failed)?, root)];
    while let Some((left, directory)) = open.last_mut() {
        match left.pop() {
            Some(Entry { path, is_directory: false }) => fs::remove_file(path).map_err(failed)?,
            Some(Entry { path, is_directory: true }) => {
                let inside = entries(&path).map_err(failed)?;
                open.push((inside, path));
            }
            None => {
                fs::remove_dir(directory).map_err(failed)?;
                open.pop();
            }
        }
    }
    Ok(())
}

/// Something in a directory that is to be removed.
struct Entry {
    path: PathBuf,
    is_directory: bool,
}

/// What is to be removed from a directory. A link that leads nowhere is not seen: it stays, and so will
/// the directory.
fn entries(directory: &Path) -> io::Result<Vec<Entry>> {
    let mut entries = Vec::new();
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let (path, kind) = (entry.path(), entry.file_type()?);
        if kind.is_symlink() {
            match fs::metadata(&path) {
                Ok(facts) if facts.is_dir() => return Err(io::Error::from_raw_os_error(libc::ENOTDIR)),
                Ok(_) => {}
                Err(_) => continue,
            }
        }
        entries.push(Entry { path, is_directory: kind.is_dir() });
    }
    Ok(entries)
}

/// `write_file`, `write_line`, `list_files_write_file`: a new content for a file.
///
/// # Errors
///
/// The file cannot be opened or written.
pub fn write(path: &[u8], content: &[u8], modes: Modes) -> Result<(), NotWritable> {
    put(path, content, OpenOptions::new().write(true).truncate(true).create(true).mode(modes.file))
}

/// `append_file`, `list_files_append_file`: more content at the end of a file, which is made if need be.
///
/// # Errors
///
/// The file cannot be opened or written.
pub fn append(path: &[u8], content: &[u8], modes: Modes) -> Result<(), NotWritable> {
    put(path, content, OpenOptions::new().append(true).create(true).mode(modes.file))
}

fn put(path: &[u8], content: &[u8], how: &OpenOptions) -> Result<(), NotWritable> {
    let mut file = how.open(os(path)).map_err(|error| NotWritable::open(path, &error))?;
    file.write_all(content).map_err(|error| NotWritable::write(path, &error))
}

/// The content of a file, for `cat_file` and `diff_files`.
///
/// # Errors
///
/// The file cannot be read, or is a directory; the file layer is silent about that.
pub fn read(path: &[u8]) -> Result<Vec<u8>, Failure> {
    files::read(&os(path), files::MOST_OF_TEXT).map_err(|error| match error.raw_os_error() {
        // The reference asks for the size first, which a directory has none of.
        Some(libc::EISDIR) => Failure::silent(&io::Error::from_raw_os_error(libc::EINVAL)),
        _ => Failure::silent(&error),
    })
}

/// Hands the pieces of a file's content that `cat_file` lets pass the filters to `put`: each ends behind a
/// CR LF, of which only the LF is kept; the last one, often the only one, is what follows, even if that is
/// nothing.
///
/// # Errors
///
/// The first one of `put`.
pub fn output_pieces<E>(content: &mut [u8], mut put: impl FnMut(&[u8]) -> Result<(), E>) -> Result<(), E> {
    let mut rest = content;
    while let Some(end) = rest.find(b"\r\n") {
        let (piece, behind) = std::mem::take(&mut rest).split_at_mut(end + 2);
        piece[end] = b'\n';
        put(&piece[..=end])?;
        rest = behind;
    }
    put(rest)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use bstr::BString;
    use std::os::unix::ffi::OsStrExt;

    const MODES: Modes = Modes { file: 0o640, directory: 0o750 };

    fn scratch() -> (tempfile::TempDir, impl Fn(&str) -> Vec<u8>) {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path().to_owned();
        (directory, move |name: &str| root.join(name).as_os_str().as_bytes().to_vec())
    }

    fn mode(path: &[u8]) -> u32 {
        fs::metadata(os(path)).unwrap().permissions().mode() & 0o7777
    }

    /// What the caller's umask leaves of a mode.
    fn unmasked(path: &impl Fn(&str) -> Vec<u8>, wanted: u32) -> u32 {
        let all = path("all");
        fs::create_dir(os(&all)).unwrap();
        wanted & mode(&all)
    }

    #[test]
    fn writing_and_copying() {
        let (_directory, path) = scratch();
        let (a, b) = (path("a"), path("b"));
        write(&a, b"old and long", MODES).unwrap();
        write(&a, b"x\n", MODES).unwrap();
        append(&a, b"y", MODES).unwrap();
        assert_eq!(read(&a).unwrap(), b"x\ny");
        assert_eq!(mode(&a), unmasked(&path, 0o640));
        set_mode(&a, 0o600).unwrap();
        copy(&a, &b).unwrap();
        assert_eq!((read(&b).unwrap(), mode(&b)), (b"x\ny".to_vec(), 0o600));
        let failure = copy(&a, &b).unwrap_err();
        assert_eq!(failure.errno, libc::EEXIST);
        assert!(failure.message.unwrap().starts_with(b"Can't create/write to file '"));
    }

    #[test]
    fn directories_are_no_files() {
        let (_directory, path) = scratch();
        let (d, f) = (path("d"), path("f"));
        create_directory(&d, MODES).unwrap();
        assert_eq!(mode(&d), unmasked(&path, 0o750));
        assert_eq!(create_directory(&d, MODES).unwrap_err().errno, libc::EEXIST);
        assert_eq!(remove(&d).unwrap_err().errno, libc::EISDIR);
        assert_eq!(read(&d).unwrap_err().errno, libc::EINVAL);
        assert_eq!(copy(&d, &f).unwrap_err().errno, libc::EISDIR);
        assert!(exists(&f).is_err(), "nothing is left of the copy");
        let failed = write(&d, b"", MODES).unwrap_err();
        assert!(failed.message.ends_with(b"' for writing, errno: 21"));
    }

    #[test]
    fn what_is_not_there() {
        let (_directory, path) = scratch();
        let (a, b) = (path("a"), path("b"));
        for failure in
            [remove(&a), copy(&a, &b), move_file(&a, &b), exists(&a), set_mode(&a, 0o600), remove_tree(&a)]
        {
            assert_eq!(failure.unwrap_err().errno, libc::ENOENT);
        }
        assert!(!exists(&a).unwrap_err().remembered);
        assert_eq!(set_mode(&a, 0).unwrap_err().message, None);
    }

    #[test]
    fn trees() {
        let (_directory, path) = scratch();
        for name in ["t", "t/s", "t/s/r", "t/q", "kept"] {
            create_directory(&path(name), MODES).unwrap();
        }
        for name in ["t/f", "t/s/f", "t/s/r/.f", "kept/f"] {
            write(&path(name), b"", MODES).unwrap();
        }
        std::os::unix::fs::symlink("f", os(&path("t/link"))).unwrap();
        remove_tree(&path("t")).unwrap();
        assert!(exists(&path("t")).is_err());
        create_directory(&path("t"), MODES).unwrap();
        std::os::unix::fs::symlink("../kept", os(&path("t/link"))).unwrap();
        assert_eq!(remove_tree(&path("t")).unwrap_err().errno, libc::ENOTDIR);
        assert_eq!(remove_tree(&path("t/link")).unwrap_err().errno, libc::ENOTDIR);
        assert_eq!(remove_tree(&path("kept/f")).unwrap_err().errno, libc::ENOTDIR);
        exists(&path("kept/f")).unwrap();
    }

    #[test]
    fn modes_of_chmod() {
        assert_eq!(parse_mode(b"0644"), Some(0o644));
        assert_eq!(parse_mode(b"0690"), Some(0o6));
        for text in ["644", "00644", "abcd", ""] {
            assert_eq!(parse_mode(text.as_bytes()), None);
        }
    }

    #[test]
    fn pieces_end_behind_cr_lf() {
        let pieces = |content: &str| {
            let mut pieces = Vec::new();
            let mut content = content.as_bytes().to_vec();
            output_pieces(&mut content, |piece| {
                pieces.push(BString::from(piece));
                Ok::<(), ()>(())
            })
            .unwrap();
            pieces
        };
        assert_eq!(pieces("a\nb"), ["a\nb"]);
        assert_eq!(pieces(""), [""]);
        assert_eq!(pieces("a\r\n"), ["a\n", ""]);
        assert_eq!(pieces("a\n\r\r\nb\rx\r\n\n"), ["a\n\r\n", "b\rx\n", "\n"]);
    }
}
