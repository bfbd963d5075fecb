//! Whose files are in a directory: only what is empty or a run's own is ever emptied.

use std::ffi::{OsStr, OsString};
use std::fs::{File, Metadata};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

use crate::error::{Error, Result};

/// The file in a vardir, and in a directory for temporary files, that says what it is.
pub const MARKER: &str = ".mtr-rs";

/// The first line of that file, by which it is known.
const FIRST_LINE: &str = "This directory belongs to mtr-rs, which runs MariaDB's tests.\n";

/// The rest of it.
const REST: &str = "Each run empties it before it begins: keep nothing of yours here.\n";

/// How many foreign names are kept for a message.
const EXAMPLES: usize = 3;

/// What is in a directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Contents {
    /// Nothing.
    Empty,
    /// It has the marker.
    Marked,
    /// A vardir of `mysql-test-run.pl`, or of this program before it left a marker.
    Earlier,
    /// Anything else: some of the names in it.
    Foreign(Vec<OsString>),
}

impl Contents {
    /// Looks at `dir`.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn of(dir: &Path) -> Result<Contents> {
        let failed = |error| Error::io("read", dir, error);
        let mut names = Vec::new();
        for entry in std::fs::read_dir(dir).map_err(failed)? {
            names.push(entry.map_err(failed)?.file_name());
        }
        names.sort();
        if names.is_empty() {
            return Ok(Contents::Empty);
        }
        if is_marked(dir) {
            return Ok(Contents::Marked);
        }
        let foreign: Vec<OsString> = names.iter().filter(|name| !is_of_vardirs(name)).cloned().collect();
        if foreign.is_empty() && was_vardir(dir) {
            return Ok(Contents::Earlier);
        }
        let shown = if foreign.is_empty() { names } else { foreign };
        Ok(Contents::Foreign(shown.into_iter().take(EXAMPLES).collect()))
    }

    /// Whether it may be emptied.
    pub fn is_ours(&self) -> bool {
        !matches!(self, Contents::Foreign(_))
    }
}

/// Whether `dir` has the marker: a plain file of the directory's owner with the first line that this program writes.
pub fn is_marked(dir: &Path) -> bool {
    let owner = |meta: &Metadata| (meta.uid(), meta.is_file());
    let Ok(above) = dir.metadata() else { return false };
    let opened =
        File::options().read(true).custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK).open(dir.join(MARKER));
    let Ok(file) = opened else { return false };
    if file.metadata().map(|meta| owner(&meta)).ok() != Some((above.uid(), true)) {
        return false;
    }
    let mut text = Vec::new();
    file.take(FIRST_LINE.len() as u64).read_to_end(&mut text).is_ok() && text == FIRST_LINE.as_bytes()
}

/// Leaves the marker in `dir`.
///
/// # Errors
/// It cannot be written.
pub fn mark(dir: &Path) -> Result<()> {
    if is_marked(dir) {
        return Ok(());
    }
    let path = dir.join(MARKER);
    let write = || -> std::io::Result<()> {
        // What is in its place can only be what a broken run left.
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut file = File::options().write(true).create_new(true).open(&path)?;
        file.write_all(format!("{FIRST_LINE}{REST}").as_bytes())
    };
    write().map_err(|error| Error::io("write", &path, error))
}

/// A name that runners give to what is directly in a vardir (runner §8.1).
fn is_of_vardirs(name: &OsStr) -> bool {
    const NAMES: [&str; 12] = [
        "install.db",
        "last_changes.dgcov",
        "log",
        "mtr-results.txt",
        "my.cnf",
        "mysqltest.log",
        "plugins",
        "results",
        "run",
        "std_data",
        "tmp",
        "warnings",
    ];
    let Some(name) = name.to_str() else { return false };
    let number = |text: &str| !text.is_empty() && text.len() <= 4 && text.bytes().all(|b| b.is_ascii_digit());
    NAMES.contains(&name) || number(name) || name.strip_prefix("mysqld.").is_some_and(number)
}

/// Whether `log`, `run` and `tmp` are directories, and the logs are those of a runner.
fn was_vardir(dir: &Path) -> bool {
    const LOGS: [&str; 4] = ["stdout.log", "bootstrap.log", "bootstrap.sql", "mysqltest.log"];
    let is_dir = |name: &str| dir.join(name).symlink_metadata().is_ok_and(|meta| meta.is_dir());
    let is_file = |name: &&str| dir.join("log").join(name).symlink_metadata().is_ok_and(|m| m.is_file());
    ["log", "run", "tmp"].into_iter().all(is_dir) && LOGS.iter().any(is_file)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn of(names: &[&str]) -> Contents {
        let dir = tempfile::tempdir().unwrap();
        for name in names {
            let path = dir.path().join(name);
            match name.strip_suffix('/') {
                Some(_) => std::fs::create_dir_all(path).unwrap(),
                None => {
                    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
                    std::fs::write(path, "").unwrap();
                }
            }
        }
        Contents::of(dir.path()).unwrap()
    }

    #[test]
    fn an_empty_directory_and_a_marked_one_are_ours() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(Contents::of(dir.path()).unwrap(), Contents::Empty);
        mark(dir.path()).unwrap();
        mark(dir.path()).unwrap();
        std::fs::write(dir.path().join("thesis.tex"), "").unwrap();
        assert_eq!(Contents::of(dir.path()).unwrap(), Contents::Marked);
    }

    #[test]
    fn a_file_of_the_markers_name_is_none() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(MARKER);
        std::fs::write(&path, "mtr-rs").unwrap();
        assert!(!is_marked(dir.path()));
        std::fs::remove_file(&path).unwrap();
        let real = tempfile::tempdir().unwrap();
        mark(real.path()).unwrap();
        std::os::unix::fs::symlink(real.path().join(MARKER), &path).unwrap();
        assert!(!is_marked(dir.path()), "a link to a marker is none");
    }

    #[test]
    fn vardirs_from_before_are_known() {
        let old = [
            "log/stdout.log",
            "run/",
            "tmp/",
            "my.cnf",
            "install.db/",
            "std_data/",
            "mysqld.1/",
            "1/",
            "12/",
        ];
        assert_eq!(of(&old), Contents::Earlier);
        assert_eq!(of(&["log/bootstrap.log", "run/", "tmp/"]), Contents::Earlier);
    }

    #[test]
    fn what_only_looks_like_one_is_foreign() {
        let foreign = |names: &[&str], shown: &[&str]| {
            assert_eq!(of(names), Contents::Foreign(shown.iter().map(OsString::from).collect()), "{names:?}");
        };
        foreign(&["thesis.tex"], &["thesis.tex"]);
        // As `/var` has.
        foreign(&["log/syslog", "run/", "tmp/"], &["log", "run", "tmp"]);
        foreign(&["log/stdout.log", "run/", "tmp/", "thesis.tex"], &["thesis.tex"]);
        foreign(&["log/stdout.log", "tmp/"], &["log", "tmp"]);
        foreign(&["log/stdout.log", "run", "tmp/"], &["log", "run", "tmp"]);
        foreign(&["log/stdout.log", "run/", "tmp/", "2026011/"], &["2026011"]);
        foreign(&[".git/", "a", "b", "c"], &[".git", "a", "b"]);
    }
}
