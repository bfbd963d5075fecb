//! A small test tree for the unit tests of this area.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use tempfile::TempDir;

use crate::cli::settings::Settings;
use crate::error::Result;
use crate::tree::collect::{Collection, collect};
use crate::tree::facts::SuiteFactsSource;
use crate::tree::layout::Layout;
use crate::tree::suite_pm::{SkipRule, SuiteFacts};

/// A directory with empty files of these names.
pub fn files(names: &[&str]) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    for name in names {
        let path = dir.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, "").unwrap();
    }
    dir
}

/// A `mysql-test` directory, and what its `suite.pm` files would say.
pub struct Tree {
    /// Holds `mysql-test`, and whatever else a test writes beside it.
    pub dir: TempDir,
    facts: HashMap<String, SuiteFacts>,
}

impl SuiteFactsSource for &Tree {
    fn facts(&mut self, suite: &str, _dir: &Path) -> Result<Arc<SuiteFacts>> {
        Ok(Arc::new(self.facts.get(suite).cloned().unwrap_or_default()))
    }
}

impl Tree {
    /// Files by path: below `mysql-test`, or below the directory around it where the path starts with `/`.
    pub fn new(files: &[(&str, &str)]) -> Tree {
        let dir = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = match path.strip_prefix('/') {
                Some(path) => dir.path().join(path),
                None => dir.path().join("mysql-test").join(path),
            };
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        Tree { dir, facts: HashMap::new() }
    }

    /// The answer of a suite's `suite.pm`, which must be among the files.
    pub fn facts(mut self, suite: &str, facts: SuiteFacts) -> Tree {
        self.facts.insert(suite.to_owned(), facts);
        self
    }

    /// The layout: `mysql-test`, and `bundled` beside it for suites of our own.
    pub fn layout(&self) -> Layout {
        Layout {
            test_dir: self.dir.path().join("mysql-test"),
            bundled_suites: Some(self.dir.path().join("bundled")),
            ..Layout::default()
        }
    }

    /// Collects with the current directory beside `mysql-test`.
    ///
    /// # Errors
    /// Those of [`collect`].
    pub fn collect(&self, change: impl FnOnce(&mut Settings)) -> Result<Collection> {
        let mut settings = Settings { reorder: true, ..Settings::default() };
        change(&mut settings);
        let mut collection = collect(&settings, &self.layout(), &mut &*self, self.dir.path())?;
        if settings.reorder {
            crate::plan::order::reorder(&mut collection.cases, collection.bundled);
        }
        Ok(collection)
    }

    /// The full names of what [`collect`](Tree::collect) finds, with the reasons of skipped ones; or the
    /// error and its hint.
    pub fn names(&self, change: impl FnOnce(&mut Settings)) -> Vec<String> {
        match self.collect(change) {
            Ok(collection) => collection
                .cases
                .iter()
                .map(|case| match &case.skip {
                    Some(skip) => format!("{} [{}]", case.full_name(), skip.comment),
                    None => case.full_name(),
                })
                .collect(),
            Err(error) => {
                vec![format!("error: {}", error.message()), error.hint_text().unwrap_or_default().to_owned()]
            }
        }
    }
}

/// `--suite` with these elements.
pub fn suites(elements: &str) -> impl FnOnce(&mut Settings) {
    let elements = elements.split(',').map(str::to_owned).collect();
    move |settings| settings.suite = Some(elements)
}

/// Arguments that are no options.
pub fn arguments(names: &[&str]) -> impl FnOnce(&mut Settings) {
    let names = names.iter().map(|name| (*name).into()).collect();
    move |settings| settings.names = names
}

/// Facts with only skips.
pub fn skips(rules: &[(&str, SkipRule)]) -> SuiteFacts {
    let skip_combinations = rules.iter().map(|(file, rule)| ((*file).to_owned(), rule.clone())).collect();
    SuiteFacts { skip_combinations, ..SuiteFacts::default() }
}
