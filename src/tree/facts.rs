//! What the `suite.pm` files say, asked once each, and the skips they impose on files (runner §2.7).

use std::collections::{HashMap, HashSet};
use std::ffi::OsString;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::listing::append;
use super::suite_pm::{SkipRule, SuiteFacts, SuitePm};
use crate::error::Result;

/// Answers what a suite's `suite.pm` says.
pub trait SuiteFactsSource {
    /// The facts of the suite `suite`, whose file is `dir/suite.pm`; asked once for each suite, and
    /// only where that file exists. A suite outside the tree is called by its directory, as its name
    /// may be that of a suite inside.
    ///
    /// # Errors
    /// The file cannot be evaluated.
    fn facts(&mut self, suite: &str, dir: &Path) -> Result<Arc<SuiteFacts>>;
}

impl SuiteFactsSource for SuitePm {
    fn facts(&mut self, suite: &str, dir: &Path) -> Result<Arc<SuiteFacts>> {
        SuitePm::facts(self, suite, dir)
    }
}

/// The facts of every suite met so far, and the skips of all of them together.
pub struct Facts<'a> {
    source: &'a mut dyn SuiteFactsSource,
    known: HashMap<String, Arc<SuiteFacts>>,
    /// Files that skip each test that scans them; paths as spelled, `.combinations` for any extension.
    reasons: HashMap<OsString, String>,
    /// Sections of combinations files that do not count.
    dropped: HashMap<OsString, HashSet<String>>,
}

impl<'a> Facts<'a> {
    /// Nothing known yet.
    pub fn new(source: &'a mut dyn SuiteFactsSource) -> Facts<'a> {
        Facts { source, known: HashMap::new(), reasons: HashMap::new(), dropped: HashMap::new() }
    }

    /// The facts of the suite of that name in the installed tree. The first directory asked for
    /// decides, as a name means one suite.
    ///
    /// # Errors
    /// Its `suite.pm` cannot be evaluated.
    pub fn of(&mut self, suite: &str, dir: &Path) -> Result<Arc<SuiteFacts>> {
        self.load(suite, dir)
    }

    /// The facts of the suite in a directory outside the tree.
    ///
    /// # Errors
    /// As [`of`](Facts::of).
    pub fn of_outside(&mut self, dir: &Path) -> Result<Arc<SuiteFacts>> {
        self.load(&dir.to_string_lossy(), dir)
    }

    fn load(&mut self, suite: &str, dir: &Path) -> Result<Arc<SuiteFacts>> {
        if let Some(facts) = self.known.get(suite) {
            return Ok(Arc::clone(facts));
        }
        // What is there and is no file is not passed over.
        let facts = match std::fs::symlink_metadata(append(dir, "suite.pm")) {
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
                Arc::default()
            }
            _ => self.source.facts(suite, dir)?,
        };
        for (file, rule) in &facts.skip_combinations {
            let file = append(dir, file).into_os_string();
            match rule {
                SkipRule::Sections(names) => {
                    self.dropped.entry(file).or_default().extend(names.iter().cloned())
                }
                SkipRule::Reason(reason) => {
                    self.reasons.insert(file, reason.clone());
                }
            }
        }
        self.known.insert(suite.to_owned(), Arc::clone(&facts));
        Ok(facts)
    }

    /// Why every test is skipped that scans the file to which this combinations file would belong.
    pub fn skip_reason(&self, combinations: &Path) -> Option<&str> {
        self.reasons.get(combinations.as_os_str()).map(String::as_str)
    }

    /// Whether a section of a combinations file does not count.
    pub fn is_dropped(&self, combinations: &Path, section: &str) -> bool {
        self.dropped.get(combinations.as_os_str()).is_some_and(|names| names.contains(section))
    }
}

/// A file's path without the last `.word`, as bytes: what its option files' names start with.
pub fn stem(path: &[u8]) -> &[u8] {
    let word = path.iter().rev().take_while(|b| b.is_ascii_alphanumeric() || **b == b'_').count();
    match path.len().checked_sub(word + 1) {
        Some(dot) if word > 0 && path[dot] == b'.' => &path[..dot],
        _ => path,
    }
}

/// The suite to which a file belongs by its place, and that suite's directory: the directory with
/// its `suite.pm`, so `mysql-test` itself for `main` (runner §4.3).
pub fn owner(path: &Path, test_dir: &Path, plugin_roots: &[PathBuf]) -> Option<(String, PathBuf)> {
    let suites = test_dir.join("suite");
    for root in plugin_roots.iter().chain([&suites]) {
        let Some(rest) = super::listing::below(path, root) else { continue };
        let word = rest.iter().take_while(|b| b.is_ascii_alphanumeric() || **b == b'_').count();
        if word > 0 && rest.get(word) == Some(&b'/') {
            let name = String::from_utf8_lossy(&rest[..word]).into_owned();
            return Some((name, append(root, &rest[..word])));
        }
    }
    super::listing::below(path, test_dir).map(|_| ("main".to_owned(), test_dir.to_path_buf()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stem_ends_at_the_last_dot() {
        for (path, expected) in [
            ("a/b.inc", "a/b"),
            ("a.x/b", "a.x/b"),
            ("t/x-y.test", "t/x-y"),
            ("a.", "a."),
            ("a.b-c", "a.b-c"),
        ] {
            assert_eq!(stem(path.as_bytes()), expected.as_bytes());
        }
    }

    #[test]
    fn owners_follow_the_place() {
        let roots = [PathBuf::from("/mt/plugin/spider")];
        let owner = |path: &str| {
            owner(Path::new(path), Path::new("/mt"), &roots)
                .map(|(name, dir)| format!("{name} {}", dir.display()))
        };
        assert_eq!(owner("/mt/suite/rpl/include/x.inc").as_deref(), Some("rpl /mt/suite/rpl"));
        assert_eq!(
            owner("/mt/plugin/spider/spider/bg/x.inc").as_deref(),
            Some("spider /mt/plugin/spider/spider")
        );
        assert_eq!(owner("/mt/include/x.inc").as_deref(), Some("main /mt"));
        assert_eq!(owner("/mt/suite/x.inc").as_deref(), Some("main /mt"));
        assert_eq!(owner("/elsewhere/x.inc"), None);
    }
}
