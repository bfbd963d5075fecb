//! Directory listings, read once: collecting asks for the existence of a hundred thousand files.

use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use bstr::ByteSlice;

use crate::error::{Error, Result};
use crate::sys::files;

/// `dir/tail` byte by byte. Unlike [`Path::join`] an absolute `tail` does not replace `dir`, and
/// nothing is normalised: spellings of a path are keys (runner §4.2).
pub fn append(dir: &Path, tail: impl AsRef<[u8]>) -> PathBuf {
    let mut path = dir.as_os_str().as_bytes().to_vec();
    path.push(b'/');
    path.extend_from_slice(tail.as_ref());
    PathBuf::from(OsString::from_vec(path))
}

/// What follows `dir/` in `path`, byte by byte; `None` where `path` does not start so.
pub fn below<'a>(path: &'a Path, dir: &Path) -> Option<&'a [u8]> {
    path.as_os_str().as_bytes().strip_prefix(dir.as_os_str().as_bytes())?.strip_prefix(b"/")
}

/// What is in a directory under some name. Links count as what they point to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Entry {
    /// A regular file.
    File,
    /// Something else: what, in words.
    Other(&'static str),
    /// A link to nothing, or to itself.
    Dangling,
}

/// The entries of one directory.
#[derive(Debug, Default)]
pub struct Listing {
    entries: HashMap<OsString, Entry>,
    /// Why there may be more.
    problem: Option<String>,
}

impl Listing {
    /// Reads a directory; one that is not there is empty.
    fn read(dir: &Path) -> Listing {
        let mut listing = Listing::default();
        let read = || -> io::Result<()> {
            for entry in std::fs::read_dir(dir)? {
                let entry = entry?;
                let kind = match entry.file_type()? {
                    kind if kind.is_symlink() => {
                        std::fs::metadata(entry.path()).ok().map(|to| to.file_type())
                    }
                    kind => Some(kind),
                };
                let kind = kind.map_or(Entry::Dangling, |kind| {
                    files::other_than_file(kind).map_or(Entry::File, Entry::Other)
                });
                listing.entries.insert(entry.file_name(), kind);
            }
            Ok(())
        };
        match { read }() {
            Err(error) if !matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                listing.problem = Some(format!("cannot list {}: {error}", dir.display()));
            }
            _ => {}
        }
        listing
    }

    /// The names of all files, in no order.
    pub fn files(&self) -> impl Iterator<Item = &OsStr> {
        self.entries.iter().filter(|(_, kind)| **kind == Entry::File).map(|(name, _)| name.as_os_str())
    }

    /// All names, in no order.
    pub fn names(&self) -> impl Iterator<Item = &OsStr> {
        self.entries.keys().map(OsString::as_os_str)
    }

    /// Why there may be more than was seen.
    pub fn problem(&self) -> Option<&str> {
        self.problem.as_deref()
    }
}

/// Listings of the directories that were asked for, by the path as it was spelled.
#[derive(Debug, Default)]
pub struct Listings(HashMap<OsString, Rc<Listing>>);

impl Listings {
    /// The listing of `dir`.
    pub fn list(&mut self, dir: &Path) -> Rc<Listing> {
        if let Some(listing) = self.0.get(dir.as_os_str()) {
            return Rc::clone(listing);
        }
        let listing = Rc::new(Listing::read(dir));
        self.0.insert(dir.as_os_str().to_owned(), Rc::clone(&listing));
        listing
    }

    /// Whether `path` is a plain file (or a link to one).
    pub fn is_file(&mut self, path: &Path) -> bool {
        self.kind(path) == Some(Entry::File)
    }

    /// Whether `path` is a plain file, where one may be but need not.
    ///
    /// # Errors
    /// Something else is there: it could not be read, and must not count as nothing.
    pub fn has_file(&mut self, path: &Path) -> Result<bool> {
        let what = match self.kind(path) {
            None => return Ok(false),
            Some(Entry::File) => return Ok(true),
            Some(Entry::Other(what)) => format!("this is {what}, not a file"),
            Some(Entry::Dangling) => "this is a link that leads nowhere".to_owned(),
        };
        Err(Error::new(what).at(path, None).hint("a file of that name would count: remove what is there"))
    }

    /// Whether `path` is there, whatever it is; a link that leads nowhere is not.
    pub fn exists(&mut self, path: &Path) -> bool {
        !matches!(self.kind(path), None | Some(Entry::Dangling))
    }

    fn kind(&mut self, path: &Path) -> Option<Entry> {
        let text = path.as_os_str().as_bytes();
        let slash = text.rfind_byte(b'/').filter(|slash| *slash > 0)?;
        let name = &text[slash + 1..];
        if matches!(name, b"" | b"." | b"..") {
            return path.exists().then_some(Entry::Other("a directory"));
        }
        let dir = Path::new(OsStr::from_bytes(&text[..slash]));
        self.list(dir).entries.get(OsStr::from_bytes(name)).copied()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn links_count_as_their_target() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path();
        std::fs::write(path.join("file"), "").unwrap();
        std::fs::create_dir(path.join("sub")).unwrap();
        for (link, target) in [("to-file", "file"), ("to-sub", "sub"), ("to-nothing", "nothing")] {
            std::os::unix::fs::symlink(target, path.join(link)).unwrap();
        }
        let mut listings = Listings::default();
        assert!(listings.is_file(&append(path, "file")) && listings.is_file(&append(path, "to-file")));
        assert!(listings.is_file(&append(path, "sub/../file")));
        assert!(!listings.is_file(&append(path, "to-sub")) && listings.exists(&append(path, "to-sub")));
        assert!(!listings.exists(&append(path, "to-nothing")) && !listings.exists(&append(path, "x/y")));
        let mut files: Vec<_> = listings.list(path).files().map(OsStr::to_owned).collect();
        files.sort();
        assert_eq!(files, ["file", "to-file"]);
    }

    #[test]
    fn paths_stay_as_they_are_spelled() {
        let dir = Path::new("/s/t");
        assert_eq!(append(dir, "../x").as_os_str(), "/s/t/../x");
        assert_eq!(append(dir, "/etc/passwd").as_os_str(), "/s/t//etc/passwd");
        assert_eq!(below(Path::new("/s/t/../x"), dir), Some(&b"../x"[..]));
        assert_eq!(below(Path::new("/s/tx"), dir), None);
    }
}
