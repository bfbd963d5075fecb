//! Reading `my.cnf` templates and combinations files with what they include (runner §7.1).

use std::fs;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use bstr::ByteSlice;

use crate::error::{Error, Result};
use crate::grammar::mycnf::{self, ConfigFile};
use crate::sys::files;

/// Includes nested deeper than this are refused; the deepest chain of MariaDB's tree has four files.
const MAX_DEPTH: usize = 32;

/// More files than this are refused: each may include others twice, and these others.
const MOST_FILES: usize = 1000;

/// The most bytes that a file has with all that it includes: 4 MiB. The longest of MariaDB's tree has 5,503.
const MOST_BYTES: u64 = 4 << 20;

/// Reads an option file and everything it includes.
///
/// `!include` names a file relative to the including file or, if there is none, to `test_dir`
/// (the reference's current directory).
///
/// # Errors
///
/// A file that is not there or not readable, a line that fits no rule, an option before the first
/// group, files that include each other, and more than anybody can mean: with the file and, where there is one, the line.
pub fn read(path: &Path, test_dir: &Path) -> Result<ConfigFile> {
    Reader { test_dir, open: Vec::new(), files: 0, left: MOST_BYTES }.file(path)
}

/// Reads the text of an option file as if it were the file `path`; see [`read`].
///
/// # Errors
///
/// As [`read`].
pub fn read_text(text: &[u8], path: &Path, test_dir: &Path) -> Result<ConfigFile> {
    Reader { test_dir, open: Vec::new(), files: 0, left: MOST_BYTES }.text(text, path)
}

/// The file that `!include name` in the file `path` means: beside that file, else in `test_dir`.
///
/// # Errors
///
/// There is no such file.
pub fn included(path: &Path, name: &[u8], test_dir: &Path) -> Result<PathBuf> {
    let name = name.to_path_lossy();
    let beside = path.parent().unwrap_or(Path::new("")).join(&name);
    if !name.as_os_str().is_empty() && beside.is_file() {
        return Ok(beside);
    }
    let in_test_dir = test_dir.join(&name);
    if !name.as_os_str().is_empty() && in_test_dir.is_file() {
        return Ok(in_test_dir);
    }
    Err(Error::new(format!("The include file '{}' does not exist", name.display())).hint(format!(
        "looked for {} and {}",
        beside.display(),
        in_test_dir.display()
    )))
}

/// The files that are being read, the outermost first.
struct Reader<'a> {
    test_dir: &'a Path,
    open: Vec<PathBuf>,
    /// How many were read.
    files: usize,
    /// How many bytes may still be read.
    left: u64,
}

impl Reader<'_> {
    fn file(&mut self, path: &Path) -> Result<ConfigFile> {
        let text = self.bytes(path).map_err(|e| Error::io("read", path, e))?;
        let Some(text) = text else {
            return Err(Error::new(format!("more than {} MiB of option files", MOST_BYTES >> 20))
                .at(path, None)
                .hint("a file that is included twice counts twice"));
        };
        if self.files == MOST_FILES {
            return Err(Error::new(format!("more than {MOST_FILES} '!include's"))
                .at(path, None)
                .hint("a file that is included twice counts twice, and with it all that it includes"));
        }
        self.files += 1;
        let identity = fs::canonicalize(path).map_err(|e| Error::io("resolve", path, e))?;
        if self.open.contains(&identity) {
            return Err(Error::new(format!("{} includes itself", path.display()))
                .hint("remove one of the '!include' lines that form the loop"));
        }
        if self.open.len() >= MAX_DEPTH {
            return Err(Error::new(format!("more than {MAX_DEPTH} nested '!include's")));
        }
        self.open.push(identity);
        let config = self.text(&text, path);
        self.open.pop();
        config
    }

    /// The bytes of the file; `None` where there are more than may be read.
    fn bytes(&mut self, path: &Path) -> io::Result<Option<Vec<u8>>> {
        let mut text = Vec::new();
        let read = files::open(path)?.take(self.left + 1).read_to_end(&mut text)? as u64;
        let rest = self.left.checked_sub(read);
        self.left = rest.unwrap_or(0);
        Ok(rest.map(|_| text))
    }

    fn text(&mut self, text: &[u8], path: &Path) -> Result<ConfigFile> {
        let test_dir = self.test_dir;
        if text.starts_with(b"\xef\xbb\xbf") || text.starts_with(b"\xff\xfe") || text.starts_with(b"\xfe\xff")
        {
            return Err(Error::new(format!("{} begins with a byte order mark", path.display()))
                .at(path, Some(1))
                .hint("save it without one, as UTF-8 or ASCII: it is read byte by byte"));
        }
        mycnf::parse(text, path, |name| self.file(&included(path, name, test_dir)?))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::error::Location;
    use crate::grammar::mycnf::tests::shown;

    #[test]
    fn an_include_that_is_nowhere_is_an_error_of_its_line() {
        let error =
            read_text(b"\n!include no.cnf\n", Path::new("my.cnf"), Path::new("/nowhere")).unwrap_err();
        assert_eq!(error.to_string(), "my.cnf:2: The include file 'no.cnf' does not exist");
        assert!(error.hint_text().is_some_and(|hint| hint.contains("/nowhere/no.cnf")));
    }

    #[test]
    fn includes_are_found_beside_the_file_and_in_the_test_directory() {
        let dir = tempfile::tempdir().unwrap();
        let suite = dir.path().join("suite");
        fs::create_dir(&suite).unwrap();
        fs::write(suite.join("my.cnf"), "[a]\nx=0\n!include near.cnf\n!include far.cnf\ny=1\n").unwrap();
        fs::write(suite.join("near.cnf"), "[b]\nz\n[a]\nx=1\n[empty]\n[ENV]\nE=1\n").unwrap();
        fs::write(dir.path().join("far.cnf"), "[a]\nfar=1\n[c]\nw\n").unwrap();
        let config = read(&suite.join("my.cnf"), dir.path()).unwrap();
        assert_eq!(shown(&config), ["[ENV] E=1", "[OPT] ", "[a] x=1 | far=1 | y=1", "[b] z", "[c] w"]);
        let far = config.group("a").unwrap().option("far").unwrap();
        assert_eq!(far.location, Location { file: dir.path().join("far.cnf"), line: Some(2) });
    }

    /// Twenty files that each include the next one twice: a million files.
    #[test]
    fn includes_do_not_double_without_limit() {
        let dir = tempfile::tempdir().unwrap();
        let file = |number: usize| dir.path().join(format!("f{number}.cnf"));
        for number in 0..20 {
            fs::write(file(number), format!("!include f{}.cnf\n", number + 1).repeat(2)).unwrap();
        }
        fs::write(file(20), "[a]\n").unwrap();
        let error = read(&file(0), dir.path()).unwrap_err();
        assert_eq!(error.message(), "more than 1000 '!include's");
        assert!(error.location().is_some() && error.hint_text().is_some());
        fs::write(file(20), format!("[a]\nb={}\n", "x".repeat(1 << 20))).unwrap();
        let error = read(&file(15), dir.path()).unwrap_err();
        assert_eq!(error.message(), "more than 4 MiB of option files");
        assert_eq!(error.location(), Some(&Location { file: file(20), line: None }));
    }

    #[test]
    fn a_huge_file_is_not_read() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("huge.cnf");
        if fs::File::create(&path).unwrap().set_len(64 << 30).is_err() {
            return crate::skip::skip("the file system has no files of 64 GiB");
        }
        assert_eq!(read(&path, dir.path()).unwrap_err().message(), "more than 4 MiB of option files");
    }

    #[test]
    fn a_loop_of_includes_is_an_error() {
        let dir = tempfile::tempdir().unwrap();
        let (a, b) = (dir.path().join("a.cnf"), dir.path().join("b.cnf"));
        fs::write(&a, "!include b.cnf\n").unwrap();
        fs::write(&b, "\n!include ./a.cnf\n").unwrap();
        let error = read(&a, dir.path()).unwrap_err();
        assert!(error.message().ends_with("includes itself"), "{error}");
        assert_eq!(error.location(), Some(&Location { file: b, line: Some(2) }));
    }
}
