//! Directory listings, read once: collecting asks for the existence of a hundred thousand files.

use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use bstr::ByteSlice;

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

/// The entries of one directory.
#[derive(Debug, Default)]
pub struct Listing(HashMap<OsString, bool>);

impl Listing {
    /// Reads a directory; one that is not there is empty. Links count as what they point to, and
    /// not at all where that is nothing.
    fn read(dir: &Path) -> Listing {
        let entries = std::fs::read_dir(dir).into_iter().flatten().flatten();
        let kind = |entry: &std::fs::DirEntry| {
            let kind = entry.file_type().ok()?;
            if !kind.is_symlink() {
                return Some(kind.is_file());
            }
            std::fs::metadata(entry.path()).ok().map(|target| target.is_file())
        };
        Listing(entries.filter_map(|e| Some((kind(&e)?, e))).map(|(file, e)| (e.file_name(), file)).collect())
    }

    /// The names of all files, in no order.
    pub fn files(&self) -> impl Iterator<Item = &OsStr> {
        self.0.iter().filter(|(_, file)| **file).map(|(name, _)| name.as_os_str())
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
        self.kind(path) == Some(true)
    }

    /// Whether `path` is there, whatever it is.
    pub fn exists(&mut self, path: &Path) -> bool {
        self.kind(path).is_some()
    }

    /// `Some(true)` for a file, `Some(false)` for anything else, `None` where nothing is there.
    fn kind(&mut self, path: &Path) -> Option<bool> {
        let text = path.as_os_str().as_bytes();
        let slash = text.rfind_byte(b'/').filter(|slash| *slash > 0)?;
        let name = &text[slash + 1..];
        if matches!(name, b"" | b"." | b"..") {
            return path.exists().then_some(false);
        }
        let dir = Path::new(OsStr::from_bytes(&text[..slash]));
        self.list(dir).0.get(OsStr::from_bytes(name)).copied()
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
