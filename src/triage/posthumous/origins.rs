//! The options of a test that ran some time ago, found again in the test tree.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bstr::{BStr, BString, ByteSlice};

use crate::case::{ServerOption, TestCase};
use crate::cli::settings::Settings;
use crate::error::Result;
use crate::tree::collect::collect;
use crate::tree::facts::SuiteFactsSource;
use crate::tree::instances::Rules;
use crate::tree::layout::Layout;
use crate::tree::suite_pm::SuiteFacts;

/// How deep below the current directory a test is looked for.
const DEPTH: usize = 6;

/// How many files and directories are looked at there, at most.
const ENTRIES: usize = 100_000;

/// Where tests may be.
pub struct Origins<'a> {
    /// The installation; `None` where none was found.
    layout: Option<&'a Layout>,
    /// What is known of the run's command line, with the options of this one.
    settings: Settings,
    cwd: &'a Path,
    known: HashMap<BString, Arc<[TestCase]>>,
    /// The tests of the paths on the run's command line.
    named: Option<Vec<TestCase>>,
}

/// Suites whose `suite.pm` nobody asks: nothing of theirs is skipped.
struct Unasked;

impl SuiteFactsSource for Unasked {
    fn facts(&mut self, _suite: &str, _dir: &Path) -> Result<Arc<SuiteFacts>> {
        Ok(Arc::default())
    }
}

impl<'a> Origins<'a> {
    /// Looks in the tree of `layout`, with `settings` of the run that left the logs, as far as they are known.
    pub fn new(layout: Option<&'a Layout>, settings: &Settings, cwd: &'a Path) -> Self {
        // A disabled or big test has run if it left a log.
        let settings = Settings {
            enable_disabled: true,
            big_test: 1,
            skip_test_list: Vec::new(),
            skip_test: None,
            do_test: None,
            skip_rpl: false,
            ..settings.clone()
        };
        Origins { layout, settings, cwd, known: HashMap::new(), named: None }
    }

    /// What the run gave to every server.
    pub fn of_every_server(&self) -> Vec<ServerOption> {
        Rules::server_options(&self.settings.mysqld)
    }

    /// The instances of the test of this name (`suite.test`); empty where it is not found.
    pub fn instances(&mut self, test: &BStr) -> Arc<[TestCase]> {
        if let Some(known) = self.known.get(test) {
            return Arc::clone(known);
        }
        let found: Arc<[TestCase]> = self.find(test).into();
        self.known.insert(test.into(), Arc::clone(&found));
        found
    }

    fn find(&mut self, test: &BStr) -> Vec<TestCase> {
        let name = test.to_str_lossy();
        let Some((suite, short)) = name.rsplit_once('.') else { return Vec::new() };
        let of_test = |cases: Vec<TestCase>| -> Vec<TestCase> {
            cases.into_iter().filter(|case| case.name() == name).collect()
        };
        let mut found = of_test(self.named().to_vec());
        if found.is_empty() && suite.contains('/') {
            // A suite that was named by a path, as the reference calls it.
            let suite = Some(vec![suite.to_owned()]);
            found = of_test(self.collect(&[short.into()], suite));
        }
        if found.is_empty() {
            found = of_test(self.collect(&[test.into()], self.settings.suite.clone()));
        }
        if found.is_empty() {
            let files = below(self.cwd, &format!("{short}.test"));
            found = files.iter().flat_map(|file| of_test(self.collect(&[path_name(file)], None))).collect();
        }
        found
    }

    /// What the paths on the run's command line name.
    fn named(&mut self) -> &[TestCase] {
        let (layout, settings, cwd) = (self.layout, &self.settings, self.cwd);
        self.named.get_or_insert_with(|| {
            let paths = settings.names.iter().filter(|name| name.contains(&b'/'));
            paths
                .flat_map(|path| collected(layout, settings, cwd, std::slice::from_ref(path), None))
                .collect()
        })
    }

    fn collect(&self, names: &[BString], suite: Option<Vec<String>>) -> Vec<TestCase> {
        collected(self.layout, &self.settings, self.cwd, names, suite)
    }
}

fn collected(
    layout: Option<&Layout>,
    settings: &Settings,
    cwd: &Path,
    names: &[BString],
    suite: Option<Vec<String>>,
) -> Vec<TestCase> {
    let Some(layout) = layout else { return Vec::new() };
    let settings = Settings { names: names.to_vec(), suite, ..settings.clone() };
    collect(&settings, layout, &mut Unasked, cwd).map(|collection| collection.cases).unwrap_or_default()
}

fn path_name(path: &Path) -> BString {
    path.as_os_str().as_encoded_bytes().into()
}

/// Files of this name below `dir`; hidden directories are passed over.
fn below(dir: &Path, name: &str) -> Vec<PathBuf> {
    let visible = |entry: &walkdir::DirEntry| {
        entry.depth() == 0 || !entry.file_name().as_encoded_bytes().starts_with(b".")
    };
    let entries = walkdir::WalkDir::new(dir).max_depth(DEPTH).into_iter().filter_entry(visible).take(ENTRIES);
    let files = entries.flatten().filter(|entry| entry.file_type().is_file() && entry.file_name() == name);
    files.map(walkdir::DirEntry::into_path).collect()
}
