//! Questions about files, and the one way to open one to read it.
//!
//! What stands in a place where a file is expected may be anything: a pipe that nobody writes to, a device without an
//! end, a file of a terabyte. [`open`] takes regular files only and never waits; [`read`] takes no more than it is told
//! to. A test sees to it that nothing else in this program opens files by name to read them.

use std::fs::{File, FileType, Metadata};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::{Access, access};

use crate::error::{Error, Result};

/// The most bytes of a file that tells how something is to be done, such as option files, lists of tests, modules of
/// suites: 4 MiB. The longest of MariaDB's tree has 50 KB.
pub const MOST_OF_SETTINGS: u64 = 4 << 20;

/// The most bytes of a script, a result file, or another text that is taken into memory whole: 256 MiB. The longest of
/// MariaDB's tree has 5 MB.
pub const MOST_OF_TEXT: u64 = 256 << 20;

/// The most bytes of one of the kernel's files about processes: 16 MiB, more than there is room for in any.
const MOST_OF_KERNEL: u64 = 16 << 20;

/// Whether `path` is a file that this user can execute.
pub fn is_program(path: &Path) -> bool {
    path.is_file() && access(path, Access::EXEC_OK).is_ok()
}

/// Whether this user may create files in `dir`.
pub fn is_writable(dir: &Path) -> bool {
    access(dir, Access::WRITE_OK | Access::EXEC_OK).is_ok()
}

/// The current directory.
///
/// # Errors
/// It was removed, or cannot be reached.
pub fn current_dir() -> Result<PathBuf> {
    std::env::current_dir().map_err(|error| Error::new("cannot find the current directory").caused_by(error))
}

/// What is there instead of a regular file, in words: "a FIFO", "a directory". `None` for a regular file.
pub fn other_than_file(kind: FileType) -> Option<&'static str> {
    if kind.is_file() {
        None
    } else if kind.is_dir() {
        Some("a directory")
    } else if kind.is_fifo() {
        Some("a FIFO")
    } else if kind.is_socket() {
        Some("a socket")
    } else if kind.is_char_device() || kind.is_block_device() {
        Some("a device")
    } else {
        Some("no file")
    }
}

/// Opens a regular file, or `/dev/null`, to read it. Links are followed. Nothing is waited for.
///
/// # Errors
/// It is not there, cannot be opened, or is no file: then the error says what it is; a directory is
/// [`io::ErrorKind::IsADirectory`].
pub fn open(path: &Path) -> io::Result<File> {
    // Without it the opening of a pipe waits for somebody who writes, and that of a terminal makes it ours.
    let how = libc::O_NONBLOCK | libc::O_NOCTTY;
    let file = match File::options().read(true).custom_flags(how).open(path) {
        // The answer of a socket is about devices.
        Err(error) if error.raw_os_error() == Some(libc::ENXIO) => return Err(not_a_file("a socket")),
        opened => opened?,
    };
    accepted(file)
}

/// What was opened, if it is a regular file or `/dev/null`.
fn accepted(file: File) -> io::Result<File> {
    let facts = file.metadata()?;
    match other_than_file(facts.file_type()) {
        None => Ok(file),
        Some(_) if is_null_device(&facts) => Ok(file),
        Some("a directory") => Err(io::Error::from_raw_os_error(libc::EISDIR)),
        Some(what) => Err(not_a_file(what)),
    }
}

/// Whether this is `/dev/null`, which stands for an empty file.
pub fn is_null_device(facts: &Metadata) -> bool {
    facts.file_type().is_char_device() && facts.rdev() == rustix::fs::makedev(1, 3)
}

/// The directory that `path` lies in, or would: the nearest one above it that is there, with the links to it resolved.
pub fn real_directory_around(path: &Path) -> Option<PathBuf> {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    path.ancestors().skip(1).find_map(|dir| dir.canonicalize().ok())
}

fn not_a_file(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, format!("it is {what}, not a file"))
}

/// The contents of the file at `path`, which may have `most` bytes.
///
/// # Errors
/// Those of [`open`]; it cannot be read, or has more bytes: then it is [`io::ErrorKind::FileTooLarge`].
pub fn read(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    contents(&open(path)?, most)
}

/// [`read`] for text: what is no UTF-8 becomes U+FFFD.
///
/// # Errors
/// Those of [`read`].
pub fn read_text(path: &Path, most: u64) -> io::Result<String> {
    Ok(String::from_utf8_lossy(&read(path, most)?).into_owned())
}

/// What is left of an open file, which may be `most` bytes.
///
/// # Errors
/// It cannot be read, or is longer: then it is [`io::ErrorKind::FileTooLarge`].
pub fn contents(file: &File, most: u64) -> io::Result<Vec<u8>> {
    // Files of the kernel have no size until they are read.
    let size = file.metadata()?.len();
    if size > most {
        return Err(too_large(most));
    }
    let mut text = Vec::with_capacity(usize::try_from(size).unwrap_or(0).saturating_add(1));
    file.take(most.saturating_add(1)).read_to_end(&mut text)?;
    if text.len() as u64 > most { Err(too_large(most)) } else { Ok(text) }
}

fn too_large(most: u64) -> io::Error {
    let shown = match most >> 20 {
        0 => format!("{most} bytes"),
        mebibytes => format!("{mebibytes} MiB"),
    };
    io::Error::new(io::ErrorKind::FileTooLarge, format!("it has more than {shown}"))
}

/// Copies a file with its mode.
///
/// # Errors
/// `from` cannot be opened as [`open`] does, or `to` not be written.
pub fn copy(from: &Path, to: &Path) -> io::Result<()> {
    let mut source = open(from)?;
    let mut target = create(to)?;
    io::copy(&mut source, &mut target)?;
    target.set_permissions(source.metadata()?.permissions())
}

/// The contents of one of the kernel's files, below `/proc` or `/sys`.
///
/// # Errors
/// It is not there, or cannot be read.
pub fn of_kernel(path: impl AsRef<Path>) -> io::Result<Vec<u8>> {
    read(path.as_ref(), MOST_OF_KERNEL)
}

/// [`of_kernel`] as text.
///
/// # Errors
/// Those of [`of_kernel`].
pub fn text_of_kernel(path: impl AsRef<Path>) -> io::Result<String> {
    read_text(path.as_ref(), MOST_OF_KERNEL)
}

/// Opens a directory, to keep hold of it.
///
/// # Errors
/// It is not there, cannot be opened, or is none.
pub fn open_directory(path: &Path) -> io::Result<File> {
    File::options().read(true).custom_flags(libc::O_DIRECTORY | libc::O_NONBLOCK).open(path)
}

/// Opens a regular file, or `/dev/null`, to append to it, and makes it where there is none. Nothing is waited for.
///
/// # Errors
/// It cannot be opened or made, or is no file.
pub fn append_to(path: &Path) -> io::Result<File> {
    let file = to_write(path, File::options().append(true))?;
    // Programs inherit it, and know nothing of files that do not wait.
    rustix::fs::fcntl_setfl(&file, rustix::fs::OFlags::APPEND)?;
    Ok(file)
}

/// Makes an empty file, or empties the regular file that is there. Nothing is waited for.
///
/// # Errors
/// It cannot be opened or made, or is no file.
pub fn create(path: &Path) -> io::Result<File> {
    let file = to_write(path, File::options().write(true))?;
    if file.metadata()?.is_file() {
        file.set_len(0)?;
    }
    rustix::fs::fcntl_setfl(&file, rustix::fs::OFlags::empty())?;
    Ok(file)
}

/// Makes a file of these bytes, as [`create`] does.
///
/// # Errors
/// Those of [`create`], and it cannot be written.
pub fn write(path: &Path, bytes: impl AsRef<[u8]>) -> io::Result<()> {
    create(path)?.write_all(bytes.as_ref())
}

fn to_write(path: &Path, how: &mut std::fs::OpenOptions) -> io::Result<File> {
    let file = match how.create(true).custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY).open(path) {
        // A pipe that nobody reads, or a socket.
        Err(error) if error.raw_os_error() == Some(libc::ENXIO) => {
            return Err(not_a_file("a FIFO or a socket"));
        }
        opened => opened?,
    };
    accepted(file)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn files_are_read_up_to_a_size() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        fs::write(&path, "12345").unwrap();
        assert_eq!(read(&path, 5).unwrap(), b"12345");
        let refused = read(&path, 4).unwrap_err();
        assert_eq!(
            (refused.kind(), refused.to_string()),
            (io::ErrorKind::FileTooLarge, "it has more than 4 bytes".into())
        );
        assert_eq!(read(&path, u64::MAX).unwrap(), b"12345");
        if File::options().write(true).open(&path).unwrap().set_len(64 << 30).is_ok() {
            assert_eq!(read(&path, MOST_OF_SETTINGS).unwrap_err().to_string(), "it has more than 4 MiB");
        }
        assert_eq!(read(&dir.path().join("none"), 1).unwrap_err().kind(), io::ErrorKind::NotFound);
        std::os::unix::fs::symlink("file", dir.path().join("link")).unwrap();
        fs::write(&path, b"\xff").unwrap();
        assert_eq!(read_text(&dir.path().join("link"), 9).unwrap(), "\u{fffd}");
        assert!(of_kernel("/proc/self/status").unwrap().starts_with(b"Name:"));
    }

    #[test]
    fn what_is_no_file_is_refused_at_once() {
        let dir = tempfile::tempdir().unwrap();
        let (pipe, socket) = (dir.path().join("pipe"), dir.path().join("socket"));
        rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
        let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
        let told = |path: &Path| read(path, 9).unwrap_err().to_string();
        assert_eq!(told(&pipe), "it is a FIFO, not a file");
        assert_eq!(told(&socket), "it is a socket, not a file");
        assert_eq!(told(Path::new("/dev/zero")), "it is a device, not a file");
        assert_eq!(read(dir.path(), 9).unwrap_err().kind(), io::ErrorKind::IsADirectory);
        assert_eq!(read(Path::new("/dev/null"), 0).unwrap(), b"");
        assert!(append_to(&pipe).unwrap_err().to_string().contains("not a file"));
        assert!(append_to(&socket).unwrap_err().to_string().contains("not a file"));
        assert!(append_to(Path::new("/dev/full")).unwrap_err().to_string().contains("a device"));
        assert!(create(&pipe).unwrap_err().to_string().contains("not a file"));
        assert!(append_to(dir.path()).is_err() && open_directory(&socket).is_err());
        open_directory(dir.path()).unwrap();
        for _ in 0..2 {
            append_to(&dir.path().join("log")).unwrap().write_all(b"x").unwrap();
        }
        assert_eq!(fs::read(dir.path().join("log")).unwrap(), b"xx");
        write(&dir.path().join("log"), "y").unwrap();
        assert_eq!(fs::read(dir.path().join("log")).unwrap(), b"y");
    }

    /// Files that are opened by name to be read, but here: none.
    #[test]
    fn nobody_else_opens_files() {
        const FORBIDDEN: [&str; 5] =
            ["fs::read(", "fs::read_to_string(", "File::open(", "fs::copy(", ".read(true)"];
        // What they open is no file, or is opened for something else, with flags of its own.
        const OTHERS: [&str; 8] = [
            "sys/files.rs",
            "sys/network.rs",
            "sys/position.rs",
            "client/infile.rs",
            "interp/tool/password.rs",
            "run/keep/leftovers.rs",
            "run/setup/vardir/claim.rs",
            "run/setup/vardir/contents.rs",
        ];
        let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        let (mut files, mut found) = (0, Vec::new());
        for entry in walkdir::WalkDir::new(&src).sort_by_file_name() {
            let path = entry.unwrap().into_path();
            let tests =
                path.components().any(|part| part.as_os_str() == "testing") || path.ends_with("tests.rs");
            if tests
                || path.extension().is_none_or(|extension| extension != "rs")
                || OTHERS.iter().any(|other| path.ends_with(other))
            {
                continue;
            }
            files += 1;
            let text = fs::read_to_string(&path).unwrap();
            // Tests, which stand at a file's end, read what they wrote themselves.
            let product = text.split("\n#[cfg(test)]\n").next().unwrap();
            for (line, text) in (1..).zip(product.lines()) {
                if FORBIDDEN.iter().any(|call| text.contains(call)) {
                    found.push(format!("{}:{line}: {}", path.display(), text.trim()));
                }
            }
        }
        assert!(files > 100, "{files}");
        assert!(found.is_empty(), "use sys::files: {found:#?}");
    }
}
