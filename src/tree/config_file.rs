//! Reading `my.cnf` templates and combinations files with what they include (runner §7.1).

use std::fs;
use std::path::{Path, PathBuf};

use bstr::ByteSlice;

use crate::error::{Error, Result};
use crate::grammar::mycnf::{self, ConfigFile};

/// Includes nested deeper than this are refused; the deepest chain of MariaDB's tree has four files.
const MAX_DEPTH: usize = 32;

/// Reads an option file and everything it includes.
///
/// `!include` names a file relative to the including file or, if there is none, to `test_dir`
/// (the reference's current directory).
///
/// # Errors
///
/// A file that is not there or not readable, a line that fits no rule, an option before the first
/// group, and files that include each other: with the file and, where there is one, the line.
pub fn read(path: &Path, test_dir: &Path) -> Result<ConfigFile> {
    Reader { test_dir, open: Vec::new() }.file(path)
}

/// Reads the text of an option file as if it were the file `path`; see [`read`].
///
/// # Errors
///
/// As [`read`].
pub fn read_text(text: &[u8], path: &Path, test_dir: &Path) -> Result<ConfigFile> {
    Reader { test_dir, open: Vec::new() }.text(text, path)
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
}

impl Reader<'_> {
    fn file(&mut self, path: &Path) -> Result<ConfigFile> {
        let text = fs::read(path).map_err(|e| Error::io("read", path, e))?;
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

    fn text(&mut self, text: &[u8], path: &Path) -> Result<ConfigFile> {
        let test_dir = self.test_dir;
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
