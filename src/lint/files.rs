//! Which files are looked at: what the arguments name, and what lies below.

use std::path::{Component, Path, PathBuf};

use walkdir::{DirEntry, WalkDir};

use crate::error::{Error, Result};

/// What a file of a test tree is, by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// `.test`
    Test,
    /// `.inc`
    Include,
    /// `.opt`
    Options,
    /// `.cnf`
    Config,
    /// `.combinations`, or a suite's `combinations`.
    Combinations,
    /// `disabled.def`
    Disabled,
    /// `.result`
    Result,
    /// `.rdiff`
    Rdiff,
    /// `-master.sh`, `-slave.sh`
    Script,
}

impl Kind {
    /// The kind of the file of that name; `None` for one that is not looked at.
    pub fn of(path: &Path) -> Option<Kind> {
        let name = path.file_name()?.to_str()?;
        let extension = name.rsplit_once('.').map_or("", |(_, extension)| extension);
        Some(match (name, extension) {
            ("disabled.def", _) => Kind::Disabled,
            ("combinations", _) | (_, "combinations") => Kind::Combinations,
            (_, "test") => Kind::Test,
            (_, "inc") => Kind::Include,
            (_, "opt") => Kind::Options,
            (_, "cnf") => Kind::Config,
            (_, "result") => Kind::Result,
            (_, "rdiff") => Kind::Rdiff,
            _ if name.ends_with("-master.sh") || name.ends_with("-slave.sh") => Kind::Script,
            _ => return None,
        })
    }
}

/// The files to be looked at, each once, in order of path.
#[derive(Debug, Default)]
pub struct Files {
    /// With their kinds.
    pub all: Vec<(PathBuf, Kind)>,
}

impl Files {
    /// The files that `paths` (absolute) name: themselves, a test with the files that belong to it by their names, or
    /// everything below a directory. The vardir of a test tree is left out.
    ///
    /// # Errors
    /// A path that is not there, or a file of which nothing is known.
    pub fn find(paths: &[PathBuf]) -> Result<Files> {
        let mut all = Vec::new();
        for path in paths {
            if path.is_dir() {
                all.extend(below(path));
            } else if !path.exists() {
                return Err(Error::new(format!("there is no {}", path.display())));
            } else {
                let kind = Kind::of(path).ok_or_else(|| {
                    Error::new(format!("{} is no file of a test", path.display()))
                        .hint("lint knows .test, .inc, .opt, .cnf, .combinations, .result and .rdiff files and disabled.def")
                })?;
                all.push((path.clone(), kind));
                if kind == Kind::Test {
                    all.extend(belonging(path));
                }
            }
        }
        all.sort_by(|(a, _), (b, _)| a.cmp(b));
        all.dedup();
        Ok(Files { all })
    }

    /// Whether the file is one of them.
    pub fn contains(&self, path: &Path) -> bool {
        self.all.binary_search_by(|(file, _)| file.as_path().cmp(path)).is_ok()
    }

    /// The files of one kind.
    pub fn of(&self, kind: Kind) -> impl Iterator<Item = &Path> {
        self.all.iter().filter(move |(_, of)| *of == kind).map(|(path, _)| path.as_path())
    }
}

fn below(dir: &Path) -> Vec<(PathBuf, Kind)> {
    // A vardir is full of copies, of test files too.
    let is_vardir = |entry: &DirEntry| {
        entry.file_type().is_dir() && entry.file_name() == "var" && entry.path().join("tmp").is_dir()
    };
    WalkDir::new(dir)
        .follow_links(true)
        .into_iter()
        .filter_entry(|entry| entry.depth() == 0 || !is_vardir(entry))
        .flatten()
        .filter(|entry| entry.file_type().is_file())
        .filter_map(|entry| Some((Kind::of(entry.path())?, entry.into_path())))
        .map(|(kind, path)| (path, kind))
        .collect()
}

/// The files that belong to a test by their names, beside it and in its result directory.
fn belonging(test: &Path) -> Vec<(PathBuf, Kind)> {
    let (Some(stem), Some(dir)) = (test.file_stem().and_then(|stem| stem.to_str()), test.parent()) else {
        return Vec::new();
    };
    let results = dir.parent().map(|suite| suite.join("r")).filter(|_| dir.ends_with("t"));
    let mut found = Vec::new();
    for dir in [Some(dir.to_path_buf()), results].into_iter().flatten() {
        for entry in std::fs::read_dir(&dir).into_iter().flatten().flatten() {
            let path = entry.path();
            let name = entry.file_name();
            let Some(rest) = name.to_str().and_then(|name| name.strip_prefix(stem)) else { continue };
            let ours = match Kind::of(&path) {
                Some(Kind::Options) => [".opt", "-master.opt", "-slave.opt"].contains(&rest),
                Some(Kind::Script) => ["-master.sh", "-slave.sh"].contains(&rest),
                Some(Kind::Config | Kind::Combinations) => rest.starts_with('.') && !rest[1..].contains('.'),
                Some(Kind::Result | Kind::Rdiff) => rest.starts_with(['.', ',']),
                _ => false,
            };
            if let (true, Some(kind)) = (ours, Kind::of(&path)) {
                found.push((path, kind));
            }
        }
    }
    found
}

/// The path without `.` and with each `..` taking a directory away, as it is written: links are not followed.
pub fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => {
                plain.pop();
            }
            part => plain.push(part),
        }
    }
    plain
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_test_brings_the_files_of_its_name() {
        let dir = tempfile::tempdir().unwrap();
        let names =
            ["t/a.test", "t/a.opt", "t/a-master.opt", "t/a-b.opt", "t/ab.opt", "t/a.cnf", "r/a,x.rdiff"];
        for name in names.iter().chain(&["r/a.result", "r/ab.result", "t/b.test", "t/README"]) {
            std::fs::create_dir_all(dir.path().join("t")).unwrap();
            std::fs::create_dir_all(dir.path().join("r")).unwrap();
            std::fs::write(dir.path().join(name), "").unwrap();
        }
        let files = Files::find(&[dir.path().join("t/a.test")]).unwrap();
        let found: Vec<&str> = files
            .all
            .iter()
            .map(|(path, _)| path.strip_prefix(dir.path()).unwrap().to_str().unwrap())
            .collect();
        assert_eq!(found, ["r/a,x.rdiff", "r/a.result", "t/a-master.opt", "t/a.cnf", "t/a.opt", "t/a.test"]);
        assert_eq!(Files::find(&[dir.path().into()]).unwrap().all.len(), 10);
        assert!(Files::find(&[dir.path().join("t/README")]).is_err());
        assert!(Files::find(&[dir.path().join("t/none.opt")]).is_err());
    }

    #[test]
    fn plain_paths_have_no_dots() {
        assert_eq!(plain(Path::new("/a/t/../include/./x.inc")), Path::new("/a/include/x.inc"));
    }
}
