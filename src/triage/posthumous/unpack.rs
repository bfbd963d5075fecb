//! What people attach to tickets: logs and archives that were compressed, and standard input. They are unpacked into a directory of
//! their own, with bounds for their number and sizes, and with nothing in it but files and directories.

use std::io::{self, BufRead, BufReader, Cursor, Read, Write as _};
use std::path::{Component, Path, PathBuf};

use tempfile::TempDir;

use crate::error::{Error, Result};
use crate::sys::files;

/// The most bytes that come out of one path: 1 GiB.
const MOST: u64 = 1 << 30;

/// The most bytes of one file of an archive: 256 MiB. Longer ones, data and core files, are left out.
const MOST_OF_FILE: u64 = 256 << 20;

/// The most files of an archive.
const MOST_FILES: usize = 20_000;

/// Layers of compression that are taken off: a log may be compressed within an archive that is.
const LAYERS: usize = 4;

/// The memory that a compressed file may ask for to be unpacked: 128 MiB, which `zstd` itself takes without being asked twice.
const WINDOW: u64 = 128 << 20;

/// A path that can be looked at.
#[derive(Debug)]
pub struct Opened {
    path: PathBuf,
    /// Where it was unpacked; it is removed with this value.
    unpacked: Option<TempDir>,
}

impl Opened {
    /// What is to be looked at.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The directory that is not what the user has named.
    pub fn unpacked(&self) -> Option<&Path> {
        self.unpacked.as_ref().map(TempDir::path)
    }
}

/// The beginning of a file by which its kind is known.
fn magic(head: &[u8]) -> Kind {
    const TAR: std::ops::Range<usize> = 257..262;
    match head {
        [0x1f, 0x8b, ..] => Kind::Gzip,
        [0x28, 0xb5, 0x2f, 0xfd, ..] => Kind::Zstd,
        _ if head.get(TAR) == Some(b"ustar") => Kind::Tar,
        _ => Kind::Plain,
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Gzip,
    Zstd,
    Tar,
    Plain,
}

/// Bytes of a file that are looked at to know its kind.
const HEAD: usize = 512;

/// Makes `path` readable: `-` is standard input; files that are compressed, and archives, are unpacked.
///
/// # Errors
/// It cannot be read or unpacked, or too much comes out of it.
pub fn open(path: &Path) -> Result<Opened> {
    let stdin = path.as_os_str() == "-";
    if !stdin {
        let meta = std::fs::metadata(path).map_err(|error| Error::io("look at", path, error))?;
        if meta.is_dir() {
            return Ok(Opened { path: path.to_owned(), unpacked: None });
        }
    }
    let failed = |error: io::Error| Error::io("read", path, error);
    let mut source: Box<dyn BufRead> = match stdin {
        true => Box::new(BufReader::new(io::stdin())),
        false => Box::new(BufReader::new(files::open(path).map_err(failed)?)),
    };
    let mut head = Vec::new();
    source.by_ref().take(HEAD as u64).read_to_end(&mut head).map_err(failed)?;
    let kind = magic(&head);
    if kind == Kind::Plain && !stdin {
        return Ok(Opened { path: path.to_owned(), unpacked: None });
    }
    let dir = TempDir::new()
        .map_err(|error| Error::new("cannot make a directory to unpack into").caused_by(error))?;
    let name = name_of(path, stdin);
    let source = Box::new(BufReader::new(Cursor::new(head).chain(source)));
    let inner = unpack(source, kind, dir.path(), &name, LAYERS).map_err(|error| {
        Error::io("unpack", path, error)
            .hint("a log (.err), .gz, .zst, .tar, .tar.gz or .tar.zst is looked at")
    })?;
    Ok(Opened { path: inner, unpacked: Some(dir) })
}

/// The name of what comes out of a compressed file.
fn name_of(path: &Path, stdin: bool) -> PathBuf {
    if stdin {
        return "stdin.err".into();
    }
    let compressed = ["gz", "zst", "tgz"];
    let ends = |path: &Path| path.extension().is_some_and(|end| compressed.iter().any(|known| end == *known));
    let mut name = PathBuf::from(path.file_name().unwrap_or_default());
    while ends(&name) {
        name.set_extension("");
    }
    if name.as_os_str().is_empty() { "log.err".into() } else { name }
}

/// Takes off one layer after the other; returns the file, or the directory of an archive.
fn unpack(
    source: Box<dyn BufRead>,
    kind: Kind,
    dir: &Path,
    name: &Path,
    layers: usize,
) -> io::Result<PathBuf> {
    let inner: Box<dyn Read> = match kind {
        Kind::Tar => return unpack_archive(source, dir),
        Kind::Plain => {
            let path = dir.join(name);
            write(source, &path, MOST)?;
            return Ok(path);
        }
        Kind::Gzip => Box::new(flate2::bufread::MultiGzDecoder::new(source)),
        Kind::Zstd => Box::new(Frames { source, frame: None }),
    };
    if layers == 0 {
        return Err(io::Error::other("it is compressed too many times"));
    }
    let mut inner = inner.take(MOST + 1);
    let mut head = Vec::new();
    inner.by_ref().take(HEAD as u64).read_to_end(&mut head)?;
    let kind = magic(&head);
    unpack(Box::new(BufReader::new(Cursor::new(head).chain(inner))), kind, dir, name, layers - 1)
}

/// Writes what `source` gives to a file, no more than `most` bytes.
fn write(mut source: impl Read, path: &Path, most: u64) -> io::Result<u64> {
    let mut file = files::create(path)?;
    let written = io::copy(&mut source.by_ref().take(most + 1), &mut file)?;
    if written > most {
        return Err(io::Error::other("there is more in it than can be looked at"));
    }
    file.flush()?;
    Ok(written)
}

/// The frames of a compressed file, one after the other.
struct Frames<R: BufRead> {
    source: R,
    frame: Option<ruzstd::decoding::FrameDecoder>,
}

impl<R: BufRead> Read for Frames<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};
        loop {
            let Some(frame) = &mut self.frame else {
                if self.source.fill_buf()?.is_empty() {
                    return Ok(0);
                }
                let mut frame = FrameDecoder::new();
                frame.set_max_window_size(WINDOW);
                frame.init(&mut self.source).map_err(io::Error::other)?;
                self.frame = Some(frame);
                continue;
            };
            if frame.can_collect() == 0 && !frame.is_finished() {
                let some = BlockDecodingStrategy::UptoBytes(buffer.len().max(1));
                frame.decode_blocks(&mut self.source, some).map_err(io::Error::other)?;
            }
            let count = frame.read(buffer)?;
            if count > 0 || buffer.is_empty() {
                return Ok(count);
            }
            if frame.is_finished() {
                self.frame = None;
            }
        }
    }
}

/// Unpacks files and directories of an archive; links and devices, and what would come to lie outside, are left out.
fn unpack_archive(source: impl Read, dir: &Path) -> io::Result<PathBuf> {
    let mut archive = tar::Archive::new(source);
    let mut left = MOST;
    for (number, entry) in archive.entries()?.enumerate() {
        let entry = entry?;
        if number >= MOST_FILES {
            return Err(io::Error::other("there are more files in it than can be looked at"));
        }
        let Some(path) = inside(dir, &entry.path()?) else { continue };
        let kind = entry.header().entry_type();
        if kind.is_dir() {
            std::fs::create_dir_all(&path)?;
        } else if kind.is_file() && entry.size() <= MOST_OF_FILE {
            if let Some(above) = path.parent() {
                std::fs::create_dir_all(above)?;
            }
            left = left.saturating_sub(write(entry, &path, left.min(MOST_OF_FILE))?);
        }
    }
    // An archive of one directory is that directory.
    let mut all = std::fs::read_dir(dir)?.flatten();
    match (all.next(), all.next()) {
        (Some(only), None) => Ok(only.path()),
        _ => Ok(dir.to_owned()),
    }
}

/// Where a file of an archive is put: its name without what leads elsewhere; `None` where nothing is left.
fn inside(dir: &Path, name: &Path) -> Option<PathBuf> {
    if name.components().any(|part| part == Component::ParentDir) {
        return None;
    }
    let parts: PathBuf = name.components().filter(|part| matches!(part, Component::Normal(_))).collect();
    (!parts.as_os_str().is_empty()).then(|| dir.join(parts))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut to = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        to.write_all(bytes).unwrap();
        to.finish().unwrap()
    }

    fn archive(files: &[(&str, &[u8])]) -> Vec<u8> {
        let mut to = tar::Builder::new(Vec::new());
        for (name, bytes) in files {
            let mut header = tar::Header::new_ustar();
            header.set_size(bytes.len() as u64);
            header.set_mode(0o644);
            // As an archive that means harm has it.
            header.as_mut_bytes()[..name.len()].copy_from_slice(name.as_bytes());
            header.set_cksum();
            to.append(&header, *bytes).unwrap();
        }
        to.into_inner().unwrap()
    }

    fn opened(name: &str, bytes: &[u8]) -> (Result<Opened>, TempDir) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        (open(&path), dir)
    }

    #[test]
    fn logs_and_archives_are_unpacked() {
        let zstd =
            ruzstd::encoding::compress_to_vec(&b"a log\n"[..], ruzstd::encoding::CompressionLevel::Fastest);
        for bytes in [gzip(b"a log\n"), zstd.clone(), gzip(&zstd)] {
            let (opened, _dir) = opened("mysqld.1.err.gz", &bytes);
            let opened = opened.unwrap();
            assert!(opened.path().ends_with("mysqld.1.err"), "{opened:?}");
            assert_eq!(std::fs::read(opened.path()).unwrap(), b"a log\n");
            assert!(opened.path().starts_with(opened.unpacked().unwrap()));
        }
        let (opened, _dir) = opened("x.tar.gz", &gzip(&archive(&[("var/log/a.err", b"1"), ("var/b", b"2")])));
        let opened = opened.unwrap();
        assert!(opened.path().ends_with("var"), "{opened:?}");
        assert_eq!(std::fs::read(opened.path().join("log/a.err")).unwrap(), b"1");
    }

    #[test]
    fn frames_follow_each_other() {
        let level = ruzstd::encoding::CompressionLevel::Fastest;
        let mut both = ruzstd::encoding::compress_to_vec(&b"one"[..], level);
        both.extend(ruzstd::encoding::compress_to_vec(&b"two"[..], level));
        let mut text = Vec::new();
        Frames { source: &both[..], frame: None }.read_to_end(&mut text).unwrap();
        assert_eq!(text, b"onetwo");
    }

    #[test]
    fn nothing_comes_to_lie_outside() {
        let (opened, dir) = opened(
            "x.tar",
            &archive(&[("../out", b"1"), ("/etc/x", b"2"), ("a/../../b", b"3"), ("ok", b"4")]),
        );
        let opened = opened.unwrap();
        let inside: Vec<_> = walkdir::WalkDir::new(opened.unpacked().unwrap())
            .into_iter()
            .flatten()
            .filter(|entry| entry.file_type().is_file())
            .map(|entry| std::fs::read(entry.path()).unwrap())
            .collect();
        assert_eq!(inside.len(), 2, "{inside:?}");
        assert!(!dir.path().join("out").exists() && !dir.path().join("b").exists());
    }

    #[test]
    fn what_is_broken_or_too_much_is_an_error() {
        let mut cut = gzip(&vec![b'x'; 100_000]);
        cut.truncate(cut.len() / 2);
        assert!(opened("a.gz", &cut).0.is_err());
        assert!(opened("a.zst", &[0x28, 0xb5, 0x2f, 0xfd, 1, 2, 3]).0.is_err());
        let mut nested = b"x".to_vec();
        for _ in 0..=LAYERS {
            nested = gzip(&nested);
        }
        assert!(opened("a.gz", &nested).0.is_err());
        let dir = tempfile::tempdir().unwrap();
        assert!(write(&[0; 11][..], &dir.path().join("x"), 10).is_err());
    }

    #[test]
    fn a_plain_log_stays_where_it_is() {
        let (opened, dir) = opened("mysqld.1.err", b"x");
        assert_eq!(opened.unwrap().path(), dir.path().join("mysqld.1.err"));
    }
}
