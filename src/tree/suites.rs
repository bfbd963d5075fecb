//! Which suites there are, and where: names on the command line become directories (runner §2.1, §2.2).

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use bstr::BString;

use super::facts::Facts;
use super::layout::Layout;
use super::listing::append;
use crate::error::{Error, Result};

/// The suites that run without `--suite`, in order; each with its overlays.
const DEFAULT: &[&str] = &[
    "main",
    "archive",
    "atomic",
    "binlog",
    "binlog_encryption",
    "client",
    "csv",
    "compat/oracle",
    "compat/mssql",
    "compat/maxdb",
    "encryption",
    "events",
    "federated",
    "funcs_1",
    "funcs_2",
    "gcol",
    "handler",
    "heap",
    "innodb",
    "innodb_fts",
    "innodb_gis",
    "innodb_i_s",
    "innodb_zip",
    "json",
    "maria",
    "mariabackup",
    "merge",
    "multi_source",
    "optimizer_unfixed_bugs",
    "parts",
    "perfschema",
    "plugins",
    "roles",
    "rpl",
    "stress",
    "sys_vars",
    "sql_sequence",
    "unit",
    "vcol",
    "versioning",
    "period",
    "sysschema",
];

/// A directory of a plugin that may have suites, and overlays of suites.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PluginRoot {
    /// The directory: `mysql-test/plugin/spider`.
    pub dir: PathBuf,
    /// What its overlays are called: `spider`.
    pub overlay: String,
}

/// Whose a suite is; decides what its name is unique among.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SuiteOwner {
    /// MariaDB's tree.
    Tree,
    /// A directory that the user named.
    Directory,
    /// Ours.
    Bundled,
}

/// A suite and its overlays, found but not yet read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The suite's name.
    pub name: String,
    /// Its directory.
    pub dir: PathBuf,
    /// The directory as it enters the sort key: as given, for a `--suite` that is a path.
    pub shown_dir: BString,
    /// Only tests beside each other in this directory, where the user named a file of it.
    pub test_dir: Option<PathBuf>,
    /// Names and directories of the overlays.
    pub overlays: Vec<(String, PathBuf)>,
    /// Which overlays run: `None`: only the base; empty: the base and all; else only that one.
    pub selector: Option<String>,
    /// Whose it is.
    pub origin: SuiteOwner,
}

impl Found {
    fn new(name: impl Into<String>, dir: PathBuf, origin: SuiteOwner) -> Found {
        let shown_dir = dir.as_os_str().as_encoded_bytes().into();
        let (test_dir, overlays) = (None, Vec::new());
        Found { name: name.into(), dir, shown_dir, test_dir, overlays, selector: None, origin }
    }
}

/// Finds suites.
#[derive(Debug, Clone)]
pub struct Suites {
    test_dir: PathBuf,
    roots: Vec<PluginRoot>,
    bundled: Option<PathBuf>,
    /// Suites of `--suite-dir`.
    pub extra: Vec<Found>,
    cwd: PathBuf,
}

impl Suites {
    /// The suites of an installation, and those in `suite_dirs`; paths are relative to `cwd`.
    ///
    /// # Errors
    /// A directory of `suite_dirs` holds no suite.
    pub fn new(layout: &Layout, suite_dirs: &[PathBuf], cwd: &Path) -> Result<Suites> {
        let mut suites = Suites {
            test_dir: layout.test_dir.clone(),
            roots: plugin_roots(layout),
            bundled: layout.bundled_suites.clone(),
            extra: Vec::new(),
            cwd: cwd.to_path_buf(),
        };
        for dir in suite_dirs {
            suites.extra.extend(suites.directory(dir)?);
        }
        Ok(suites)
    }

    /// The plugin directories.
    pub fn roots(&self) -> &[PluginRoot] {
        &self.roots
    }

    /// The elements of the default list: the fixed ones that are there, then every plugin suite whose
    /// `suite.pm` calls itself default, those in order of name.
    ///
    /// # Errors
    /// A `suite.pm` cannot be evaluated.
    pub fn default_list(&self, facts: &mut Facts) -> Result<Vec<String>> {
        let fixed = DEFAULT.iter().filter(|name| !self.tree(name).is_empty());
        let mut list: Vec<String> = fixed.map(|name| format!("{name}-")).collect();
        for root in &self.roots {
            for name in suites_with_facts(&root.dir) {
                let dir = root.dir.join(&name);
                // A suite of that name elsewhere makes this one an overlay, which runs with it.
                if name == "main" || self.test_dir.join("suite").join(&name).is_dir() {
                    continue;
                }
                match facts.of(&name, &dir) {
                    Ok(of_suite) if of_suite.is_default && of_suite.skip.is_none() => list.push(name),
                    Ok(_) => {}
                    // Nobody knows whether it belongs here: its tests fail, and say why.
                    Err(error) if error.location().is_some() => list.push(name),
                    Err(error) => return Err(error),
                }
            }
        }
        if list.is_empty() {
            // Without an installed tree, everything there is.
            list.extend(self.names());
        }
        Ok(list)
    }

    /// The suites that one element of `--suite` names: `rpl`, `rpl-`, `rpl-overlay`, `engines/*`, or
    /// the path of a directory. Empty where there are none.
    ///
    /// A path relative to `mysql-test`, or absolute, keeps its text as the suite's name, as in the
    /// reference; one relative to the current directory is a suite by the directory's name.
    pub fn element(&self, element: &str) -> Vec<Found> {
        let (name, selector) = match element.split_once('-') {
            // A directory may have a dash; only its full name is looked at then.
            Some(_) if element.contains('/') && self.is_directory(Path::new(element)) => (element, None),
            Some((name, rest)) => (name, Some(rest.split('-').next().unwrap_or_default())),
            None => (element, None),
        };
        let is_path = name.contains('/');
        let path = self.test_dir.join(name);
        let mut found = if is_path && path.is_dir() {
            let shown_dir = name.into();
            vec![Found { shown_dir, ..Found::new(name, path, SuiteOwner::Directory) }]
        } else {
            self.tree(name)
        };
        if found.is_empty() {
            found = self.extra.iter().filter(|suite| suite.name == name).cloned().collect();
        }
        if found.is_empty() {
            found = self.bundled(name).into_iter().collect();
        }
        if found.is_empty() && is_path {
            return self.directory(Path::new(name)).unwrap_or_default();
        }
        for suite in &mut found {
            suite.selector = selector.map(str::to_owned);
        }
        found
    }

    /// The suites that a bare word on the command line names; ours first.
    pub fn word(&self, word: &str) -> Vec<Found> {
        let mut found: Vec<Found> = self.bundled(word).into_iter().collect();
        found.extend(self.element(word).into_iter().filter(|suite| suite.origin != SuiteOwner::Bundled));
        found
    }

    fn bundled(&self, name: &str) -> Option<Found> {
        let dir = self.bundled.as_ref()?.join(name);
        let inside = !name.is_empty() && !name.starts_with(['/', '.']);
        (inside && holds_tests(&dir)).then(|| Found::new(name, dir, SuiteOwner::Bundled))
    }

    fn bundled_names(&self) -> Vec<String> {
        let dirs = self.bundled.iter().flat_map(|dir| subdirectories(dir));
        dirs.filter(|dir| holds_tests(dir))
            .filter_map(|dir| Some(dir.file_name()?.to_str()?.to_owned()))
            .collect()
    }

    /// The suites of the tree by name, with all their overlays. Glob characters are expanded.
    fn tree(&self, name: &str) -> Vec<Found> {
        let mut dirs: Vec<(String, PathBuf, Option<&PluginRoot>)> = Vec::new();
        if name == "main" {
            dirs.push((name.to_owned(), self.test_dir.join("main"), None));
        } else if !name.is_empty() {
            let suites = self.test_dir.join("suite");
            dirs.extend(expand(&suites, name).map(|(name, dir)| (name, dir, None)));
        }
        for root in self.roots.iter().filter(|_| !name.is_empty()) {
            dirs.extend(expand(&root.dir, name).map(|(name, dir)| (name, dir, Some(root))));
        }
        let mut found: Vec<Found> = Vec::new();
        for (name, dir, root) in dirs.into_iter().filter(|(_, dir, _)| dir.is_dir()) {
            match (found.iter_mut().find(|suite| suite.name == name), root) {
                (Some(suite), Some(root)) => suite.overlays.push((root.overlay.clone(), dir)),
                _ => found.push(Found::new(name, dir, SuiteOwner::Tree)),
            }
        }
        found
    }

    /// The suites in a directory that the user named: itself where it holds tests, else its
    /// subdirectories that do.
    ///
    /// # Errors
    /// There are none.
    pub fn directory(&self, dir: &Path) -> Result<Vec<Found>> {
        let path = self.cwd.join(dir);
        let path = path.canonicalize().map_err(|error| Error::io("open directory", &path, error))?;
        let suite_of = |dir: &Path| match dir.file_name().is_some_and(|name| name == "t") {
            true => dir.parent().unwrap_or(dir).to_path_buf(),
            false => dir.to_path_buf(),
        };
        let dirs = if holds_tests(&path) { vec![suite_of(&path)] } else { subdirectories(&path) };
        let found: Vec<Found> =
            dirs.into_iter().filter(|dir| holds_tests(dir)).flat_map(|dir| self.by_directory(&dir)).collect();
        if found.is_empty() {
            return Err(Error::new(format!("no tests in {}", path.display()))
                .hint("a suite is a directory with *.test files, or with a directory t that has them"));
        }
        Ok(found)
    }

    /// Whether the path, relative to the current directory, is a directory's.
    pub fn is_directory(&self, path: &Path) -> bool {
        self.cwd.join(path).is_dir()
    }

    /// The suite of a directory: by name where it is the tree's (an overlay with its base suite).
    fn by_directory(&self, dir: &Path) -> Vec<Found> {
        let inside = self.element_of(dir).map(|element| self.element(&element)).unwrap_or_default();
        if !inside.is_empty() {
            return inside;
        }
        let name = dir.file_name().unwrap_or_default().to_string_lossy().into_owned();
        vec![Found::new(name, dir.to_path_buf(), SuiteOwner::Directory)]
    }

    /// The element of `--suite` that means exactly this directory of the tree.
    fn element_of(&self, dir: &Path) -> Option<String> {
        let below = |base: &Path| {
            let name = dir.strip_prefix(base.canonicalize().ok()?).ok()?.to_str()?;
            (!name.is_empty()).then(|| name.to_owned())
        };
        if below(&self.test_dir).is_some_and(|name| name == "main") {
            return Some("main".to_owned());
        }
        if let Some(name) = below(&self.test_dir.join("suite")) {
            return Some(name);
        }
        self.roots.iter().find_map(|root| {
            let name = below(&root.dir)?;
            let overlays = |suite: &Found| suite.overlays.iter().any(|(overlay, _)| *overlay == root.overlay);
            Some(match self.tree(&name).iter().any(overlays) {
                true => format!("{name}-{}", root.overlay),
                false => name,
            })
        })
    }

    /// The suite of a `.test` file that the user named by its path, and the test's short name.
    /// `None` where there is no such file.
    pub fn file(&self, path: &Path) -> Option<(Found, String)> {
        let path = self.cwd.join(path).canonicalize().ok().filter(|path| path.is_file())?;
        let test = path.file_name()?.to_str()?.strip_suffix(".test")?.to_owned();
        let test_dir = path.parent()?;
        let in_t = test_dir.file_name().is_some_and(|name| name == "t");
        let dir = if in_t { test_dir.parent()? } else { test_dir };
        let has_t = dir.join("t").is_dir();
        let mut found = self.by_directory(dir).into_iter().next()?;
        if found.origin != SuiteOwner::Tree || has_t != in_t {
            let name = dir.file_name()?.to_string_lossy().into_owned();
            found = Found::new(name, dir.to_path_buf(), SuiteOwner::Directory);
            found.test_dir = Some(test_dir.to_path_buf());
        }
        Some((found, test))
    }

    /// The names of all suites.
    pub fn names(&self) -> BTreeSet<String> {
        let bases = self.roots.iter().map(|root| root.dir.clone()).chain([self.test_dir.join("suite")]);
        let mut names = BTreeSet::new();
        if holds_tests(&self.test_dir.join("main")) {
            names.insert("main".to_owned());
        }
        for base in bases {
            for dir in subdirectories(&base) {
                let nested = subdirectories(&dir);
                for suite in nested.into_iter().chain([dir]).filter(|dir| holds_tests(dir)) {
                    let name = suite.strip_prefix(&base).unwrap_or(&suite).to_string_lossy().into_owned();
                    if !name.ends_with("/t") {
                        names.insert(name);
                    }
                }
            }
        }
        names.extend(self.extra.iter().map(|suite| suite.name.clone()));
        names.extend(self.bundled_names());
        names
    }
}

/// The plugin directories of a layout, in order of name (runner §2.2).
fn plugin_roots(layout: &Layout) -> Vec<PluginRoot> {
    let parent = layout.test_dir.parent().unwrap_or(&layout.test_dir);
    let globs: &[(&Path, &str)] = match layout.source {
        true => &[
            (parent, "storage/*/mysql-test"),
            (parent, "plugin/*/mysql-test"),
            (parent, "storage/*/*/mysql-test"),
        ],
        false => &[(&layout.test_dir, "plugin/*")],
    };
    let dirs = globs.iter().flat_map(|(base, pattern)| expand(base, pattern)).map(|(_, dir)| dir);
    dirs.filter(|dir| dir.is_dir())
        .filter_map(|dir| {
            let named = if layout.source { dir.parent()? } else { &dir };
            let name = named.file_name()?.to_str()?;
            let overlay = name.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
            Some(PluginRoot { overlay, dir })
        })
        .collect()
}

/// The paths below `base` that `pattern` matches, in order, each with its part below `base`.
fn expand(base: &Path, pattern: &str) -> impl Iterator<Item = (String, PathBuf)> {
    let paths: Vec<PathBuf> = if pattern.contains(['*', '?', '[']) {
        let escaped = glob::Pattern::escape(&base.to_string_lossy());
        let options = glob::MatchOptions { require_literal_leading_dot: true, ..Default::default() };
        let paths = glob::glob_with(&format!("{escaped}/{pattern}"), options);
        paths.into_iter().flatten().flatten().collect()
    } else {
        vec![append(base, pattern)]
    };
    let base = base.to_path_buf();
    paths.into_iter().filter_map(move |path| {
        let name = path.strip_prefix(&base).ok()?.to_str()?.to_owned();
        Some((name, path))
    })
}

/// The directories below `root` that have a `suite.pm`, relative to it, in order.
fn suites_with_facts(root: &Path) -> Vec<String> {
    let files = walkdir::WalkDir::new(root).min_depth(2).sort_by_file_name().into_iter().flatten();
    let mut names: Vec<String> = files
        .filter(|entry| entry.file_name() == "suite.pm")
        .filter_map(|entry| Some(entry.path().parent()?.strip_prefix(root).ok()?.to_str()?.to_owned()))
        .collect();
    names.sort();
    names
}

/// Whether a directory is that of a suite: it has tests, or a directory `t`.
fn holds_tests(dir: &Path) -> bool {
    let is_test =
        |entry: std::fs::DirEntry| Path::new(&entry.file_name()).extension().is_some_and(|e| e == "test");
    dir.join("t").is_dir() || std::fs::read_dir(dir).into_iter().flatten().flatten().any(is_test)
}

fn subdirectories(dir: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(dir).into_iter().flatten().flatten();
    let mut dirs: Vec<PathBuf> = entries.map(|entry| entry.path()).filter(|path| path.is_dir()).collect();
    dirs.sort();
    dirs
}
