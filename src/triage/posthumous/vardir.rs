//! What a path holds that somebody wants explained: a var directory, what was kept of one test, a log.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use bstr::{BString, ByteSlice};

use crate::component::cleaned;
use crate::error::{Error, Result};
use crate::sys::excerpt;
use crate::triage::evidence::LogPart;
use crate::triage::log::{self, Level};

/// The name of the copy of a run's console.
const CONSOLE: &str = "stdout.log";

/// The name of the log of bootstraps.
const BOOTSTRAP: &str = "bootstrap.log";

/// What was found at a path.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FinishedRun {
    /// The path, as given.
    pub path: PathBuf,
    /// The var directory of the whole run, where the path belongs to one.
    pub vardir: Option<PathBuf>,
    /// Error logs, in order of their names.
    pub logs: Vec<PathBuf>,
    /// Logs of bootstraps.
    pub bootstraps: Vec<PathBuf>,
    /// The copy of the run's console.
    pub console: Option<PathBuf>,
    /// The directory of a test that is asked for alone, by its name: `suite.test`, with combinations and number.
    pub only_test: Option<BString>,
    /// Directories of tests whose servers' files were kept: `VAR/log/suite.test`.
    pub saved: Vec<PathBuf>,
}

impl FinishedRun {
    /// Looks at `path`.
    ///
    /// # Errors
    /// It does not exist, cannot be read, or holds no log.
    pub fn at(path: &Path) -> Result<FinishedRun> {
        let meta = std::fs::metadata(path).map_err(|error| Error::io("look at", path, error))?;
        if !meta.is_dir() {
            if is_console(path) {
                return Err(Error::new(format!("{} is the console of a run", path.display())).hint(
                    "what the servers said stands elsewhere: give the var directory of the run, or what was kept of the \
                     test, VAR/log/SUITE.TEST",
                ));
            }
            if !is_log(path) {
                return Err(Error::new(format!("{} is no error log", path.display())).hint(
                    "no line of it is one that a server, a runner or a sanitizer writes; give an error log, compressed or \
                     not, an archive, or a directory with logs",
                ));
            }
            return Ok(FinishedRun::of_file(path));
        }
        // Links and dots would hide the names of the directories above.
        let dir = path.canonicalize().map_err(|error| Error::io("look at", path, error))?;
        let finished = match role(&dir) {
            Role::Vardir(root) => FinishedRun::of_vardir(&root),
            Role::Saved(root) => {
                let name = dir.file_name().unwrap_or_default().as_encoded_bytes();
                FinishedRun { only_test: Some(name.into()), ..FinishedRun::of_vardir(&root) }
            }
            Role::Other => FinishedRun {
                logs: error_logs(&dir, 4),
                // What was kept of a test, without the run that it was kept of.
                saved: dir.join("my.cnf").is_file().then(|| dir.clone()).into_iter().collect(),
                ..FinishedRun::default()
            },
        };
        let finished = FinishedRun { path: path.to_owned(), ..finished };
        if finished.logs.is_empty() && finished.bootstraps.is_empty() {
            let error = Error::new(format!("there is no error log in {}", path.display()));
            return Err(match &finished.console {
                Some(console) => {
                    error.hint(format!("the run ended before it started a server: see {}", console.display()))
                }
                None => error.hint(
                    "give the var directory of a run, the directory that was kept of a failed test \
                     (VAR/log/SUITE.TEST), or an error log",
                ),
            });
        }
        Ok(finished)
    }

    fn of_file(path: &Path) -> FinishedRun {
        let full = path.canonicalize().unwrap_or_else(|_| path.to_owned());
        let above = full.parent().filter(|dir| dir.ends_with("log")).and_then(Path::parent);
        let run = above.map(run_of);
        let bootstrap = path.file_name().is_some_and(|name| name == BOOTSTRAP);
        let (logs, bootstraps) =
            if bootstrap { (Vec::new(), vec![full.clone()]) } else { (vec![full.clone()], Vec::new()) };
        FinishedRun {
            path: path.to_owned(),
            console: run.as_ref().and_then(|run| file(&run.join("log").join(CONSOLE))),
            saved: run.iter().flat_map(|run| saved(run)).collect(),
            vardir: run,
            logs,
            bootstraps,
            only_test: None,
        }
    }

    fn of_vardir(root: &Path) -> FinishedRun {
        let dirs: Vec<PathBuf> = std::iter::once(root.to_owned()).chain(workers(root)).collect();
        let log_dirs = || dirs.iter().map(|dir| dir.join("log"));
        FinishedRun {
            path: root.to_owned(),
            vardir: Some(root.to_owned()),
            logs: log_dirs().flat_map(|dir| error_logs(&dir, 1)).collect(),
            bootstraps: log_dirs().filter_map(|dir| file(&dir.join(BOOTSTRAP))).collect(),
            console: file(&root.join("log").join(CONSOLE)),
            only_test: None,
            saved: saved(root),
        }
    }

    /// Directories kept of the test `suite.test`, of all its instances and attempts.
    pub fn saved_of<'a>(&'a self, test: &BString) -> impl Iterator<Item = &'a Path> {
        let names = directory_names(test);
        self.saved.iter().map(PathBuf::as_path).filter(move |dir| {
            let name = dir.file_name().unwrap_or_default().as_encoded_bytes();
            names.iter().any(|test| is_of_test(name, test))
        })
    }

    /// Whether the test is one that was asked for.
    pub fn wants(&self, test: Option<&BString>) -> bool {
        self.only_test.as_ref().is_none_or(|only| {
            test.is_some_and(|test| directory_names(test).iter().any(|t| is_of_test(only, t)))
        })
    }
}

/// What a directory is in the tree of a run.
enum Role {
    /// The var directory of this run, its log directory, or the part of one worker.
    Vardir(PathBuf),
    /// What was kept of a test; the run's var directory.
    Saved(PathBuf),
    Other,
}

fn role(dir: &Path) -> Role {
    let is_log = |dir: &Path| dir.ends_with("log");
    if is_log(dir)
        && let Some(var) = dir.parent()
    {
        return Role::Vardir(run_of(var));
    }
    if dir.join("log").is_dir() || !workers(dir).is_empty() {
        return Role::Vardir(run_of(dir));
    }
    match dir.parent().filter(|parent| is_log(parent)).and_then(Path::parent) {
        Some(var) => Role::Saved(run_of(var)),
        None => Role::Other,
    }
}

/// The var directory of the run to which `var` belongs: the one above the number of a worker.
fn run_of(var: &Path) -> PathBuf {
    let numbered = var.file_name().is_some_and(is_number);
    match var.parent() {
        Some(above) if numbered && above.join("log").is_dir() => above.to_owned(),
        _ => var.to_owned(),
    }
}

fn is_number(name: &std::ffi::OsStr) -> bool {
    let bytes = name.as_encoded_bytes();
    !bytes.is_empty() && bytes.iter().all(u8::is_ascii_digit)
}

/// The parts of the workers, `VAR/1`, `VAR/2`, in order.
fn workers(root: &Path) -> Vec<PathBuf> {
    let mut numbered: Vec<(u32, PathBuf)> = entries(root)
        .filter(|path| path.join("log").is_dir())
        .filter_map(|path| Some((path.file_name()?.to_str()?.parse().ok()?, path)))
        .collect();
    numbered.sort();
    numbered.into_iter().map(|(_, path)| path).collect()
}

/// Directories that were kept of failed tests: those below `VAR/log` with a server's directory in them. The parts of
/// workers have such directories only while the run goes on.
fn saved(root: &Path) -> Vec<PathBuf> {
    let dirs = std::iter::once(root.to_owned()).chain(workers(root)).map(|dir| dir.join("log"));
    let mut saved: Vec<PathBuf> = dirs
        .flat_map(|dir| entries(&dir).collect::<Vec<_>>())
        .filter(|path| path.is_dir() && (path.join("my.cnf").is_file() || path.join("mysqld.1").is_dir()))
        .collect();
    saved.sort();
    saved
}

/// Bytes of the beginning and of the end of a file that are looked at to see whether it is a log.
const LOOK: u64 = 1 << 20;

/// Whether a file that is no log has what a test runner prints: the head of its table, or its sum.
fn is_console(path: &Path) -> bool {
    let head = excerpt::head(path, 0, LOOK).unwrap_or_default();
    let of_runner = |line: &[u8]| {
        (line.starts_with(b"TEST ") && line.contains_str(" RESULT "))
            || (line.starts_with(b"Completed: ") && line.contains_str(" were successful."))
    };
    head.lines().any(of_runner) && !is_log(path)
}

/// Whether a line of the file is one that a server, the program that started it or a sanitizer writes.
fn is_log(path: &Path) -> bool {
    let head = excerpt::head(path, 0, LOOK).unwrap_or_default();
    let tail = excerpt::tail(path, 0..u64::MAX, LOOK).map(|tail| tail.text).unwrap_or_default();
    [head, tail].into_iter().any(|text| {
        let part = LogPart { path: path.to_owned(), first_line: 1, text: text.into() };
        log::entries(&part).iter().any(|entry| {
            let of_program =
                [&b"mariadbd: "[..], b"mysqld: "].iter().any(|name| entry.raw.contains_str(name));
            let words = ["Sanitizer", "runtime error: ", "mysqld_safe", " got signal ", "--bootstrap "];
            entry.level != Level::None
                || entry.is_command()
                || of_program
                || words.iter().any(|word| entry.raw.contains_str(word))
        })
    })
}

/// Files `*.err` in `dir` and `depth - 1` levels below it.
fn error_logs(dir: &Path, depth: usize) -> Vec<PathBuf> {
    let files = walkdir::WalkDir::new(dir).follow_links(false).max_depth(depth).into_iter().flatten();
    let logs = files.filter(|entry| {
        entry.file_type().is_file() && entry.path().extension().is_some_and(|extension| extension == "err")
    });
    let logs: BTreeSet<PathBuf> = logs.map(walkdir::DirEntry::into_path).collect();
    // The parts of logs that are kept with a failed test are those of the logs beside its directory.
    let beside = |log: &PathBuf| {
        let above = log.parent().filter(|dir| dir.join("my.cnf").is_file()).and_then(Path::parent);
        above.zip(log.file_name()).is_some_and(|(dir, name)| logs.contains(&dir.join(name)))
    };
    logs.iter().filter(|log| !beside(log)).cloned().collect()
}

fn entries(dir: &Path) -> impl Iterator<Item = PathBuf> {
    std::fs::read_dir(dir).into_iter().flatten().flatten().map(|entry| entry.path())
}

fn file(path: &Path) -> Option<PathBuf> {
    path.is_file().then(|| path.to_owned())
}

/// What the name of the directory of a test begins with: of a suite named by a path the reference takes only the last
/// part, this program all of it.
fn directory_names(test: &BString) -> [BString; 2] {
    let last = test.rsplit_once_str("/").map_or(test.as_bytes(), |(_, name)| name).into();
    [last, cleaned(&test.to_str_lossy()).into()]
}

/// `suite.test`, `suite.test-a,b` or `suite.test.2`, with the hash of a name that could not stay as it is.
fn is_of_test(directory: &[u8], test: &[u8]) -> bool {
    directory.strip_prefix(test).is_some_and(|rest| rest.first().is_none_or(|first| b"-.~".contains(first)))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::tree::testing::files as tree;

    const LINE: &str = "2026-01-01 10:00:00 0 [Note] mariadbd: ready for connections.\n";

    fn logs(finished: &FinishedRun, dir: &tempfile::TempDir) -> Vec<String> {
        let root = dir.path().canonicalize().unwrap();
        finished.logs.iter().map(|log| log.strip_prefix(&root).unwrap().display().to_string()).collect()
    }

    #[test]
    fn any_part_of_a_run_leads_to_the_run() {
        let dir = tree(&[
            "v/log/stdout.log",
            "v/log/bootstrap.log",
            "v/log/s.t-a,b/my.cnf",
            "v/1/log/mysqld.1.err",
            "v/2/log/mysqld.1.err",
            "v/install.db/x.err",
        ]);
        std::fs::write(dir.path().join("v/2/log/mysqld.1.err"), LINE).unwrap();
        for part in ["v", "v/log", "v/1", "v/1/log"] {
            let finished = FinishedRun::at(&dir.path().join(part)).unwrap();
            assert_eq!(logs(&finished, &dir), ["v/1/log/mysqld.1.err", "v/2/log/mysqld.1.err"], "{part}");
            assert!(
                finished.console.is_some() && finished.bootstraps.len() == 1 && finished.saved.len() == 1
            );
            assert!(finished.wants(None));
        }
        let saved = FinishedRun::at(&dir.path().join("v/log/s.t-a,b")).unwrap();
        assert_eq!(saved.logs.len(), 2);
        assert!(saved.wants(Some(&"s.t".into())) && saved.wants(Some(&"/x/s.t".into())));
        assert!(!saved.wants(Some(&"s.other".into())) && !saved.wants(None));
        assert_eq!(saved.saved_of(&"s.t".into()).count(), 1);
        let log = FinishedRun::at(&dir.path().join("v/2/log/mysqld.1.err")).unwrap();
        assert_eq!((logs(&log, &dir).len(), log.console.is_some()), (1, true));
    }

    #[test]
    fn logs_may_stand_alone() {
        let dir = tree(&["some/where/x.err", "empty/x.txt"]);
        assert_eq!(logs(&FinishedRun::at(&dir.path().join("some")).unwrap(), &dir), ["some/where/x.err"]);
        let log = dir.path().join("some/where/x.err");
        assert!(FinishedRun::at(&log).unwrap_err().to_string().contains("is no error log"));
        std::fs::write(&log, LINE).unwrap();
        let log = FinishedRun::at(&log).unwrap();
        assert_eq!((log.vardir, log.logs.len()), (None, 1));
        assert!(FinishedRun::at(&dir.path().join("empty")).unwrap_err().hint_text().is_some());
        assert!(FinishedRun::at(&dir.path().join("none")).is_err());
    }
}
