//! What the runner makes of the files: the installation, the suites, and every test with its options, as for a run.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bstr::BString;

use crate::case::{Suite, TestCase};
use crate::cli::settings::Settings;
use crate::config::environment::{self, VarDirs};
use crate::env::Env;
use crate::error::{Error, Result};
use crate::lint::dialect::Dialect;
use crate::lint::files::Kind;
use crate::sys::scratch::Scratch;
use crate::tree::collect::{Collection, collect};
use crate::tree::layout::{self, Layout};
use crate::tree::plugin_dir;
use crate::tree::programs::Programs;
use crate::tree::suite_pm::SuitePm;
use crate::tree::suites::{SuiteOwner, Suites};

/// A suite and the names of its tests.
#[derive(Debug)]
pub struct SuiteView {
    /// Name and directories.
    pub suite: Arc<Suite>,
    /// Short names of its tests; in an overlay, those that it changes.
    pub tests: BTreeSet<String>,
}

/// Everything that is known before a file is looked at.
#[derive(Debug)]
pub struct View {
    /// The installation.
    pub layout: Layout,
    /// The server's options; `None` without a server that can be asked.
    pub dialect: Option<Dialect>,
    /// The environment of servers.
    pub env: Env,
    /// Every instance of every test, with those that are skipped.
    pub cases: Vec<TestCase>,
    /// The suites of these tests.
    pub suites: Vec<SuiteView>,
    /// Why a suite, or one of its tests, could not be read.
    pub errors: Vec<Error>,
    /// What could not be checked, and why.
    pub notes: Vec<String>,
    /// Has the plugin directory of a build, where the server looks when it is asked about options.
    _scratch: Scratch,
}

impl View {
    /// Looks at the installation and at the tests of its tree, if `paths` (absolute; none: all of it) has some of them,
    /// and at those of other directories that `paths` names.
    ///
    /// # Errors
    /// There is no such installation, or no test tree to look at.
    pub fn of(paths: &mut Vec<PathBuf>, basedir: Option<PathBuf>, env: &Env, cwd: &Path) -> Result<View> {
        let testdir = paths.iter().find_map(|path| layout::tree_around(path));
        let mut settings = Settings { basedir, testdir, big_test: 1, ..Settings::default() };
        let mut layout = locate(&settings, env)?;
        settings.testdir = None;
        if paths.is_empty() {
            if layout.bundled {
                return Err(Error::new("there is no test tree").hint("name the directory of a test suite"));
            }
            paths.push(layout.test_dir.clone());
        }
        let mut notes = Vec::new();
        let scratch = Scratch::new().map_err(|error| Error::io("use", &std::env::temp_dir(), error))?;
        // A build has its plugins where a run puts them, and the suites' own code makes files there.
        plugin_dir::fill(&mut layout, scratch.path())?;
        let (dialect, facts) = match Dialect::ask(&layout, &settings, env, scratch.path()) {
            Ok((dialect, facts)) => (Some(dialect), facts),
            Err(error) => {
                notes.push(format!("options are not compared with those of a server: {}", error.explained()));
                (None, Default::default())
            }
        };
        let programs = Programs::find(&layout, &settings, env);
        let var = scratch.path();
        let dirs = VarDirs { root: var.into(), var: var.into(), tmp: var.into(), ..VarDirs::default() };
        let mut base = environment::base(&settings, &layout, &facts, &programs, env, &dirs);
        let mut suite_pm = SuitePm::start(&layout, &facts, &settings, &base);

        let suites = Suites::new(&layout, &[], cwd)?;
        let roots = || suites.roots().iter().map(|root| &root.dir).chain([&layout.test_dir]);
        let (inside, outside): (Vec<_>, Vec<_>) = paths
            .iter()
            .cloned()
            .partition(|path| !layout.bundled && roots().any(|root| path.starts_with(root)));
        let mut collector = Collector {
            settings: &settings,
            layout: &layout,
            suite_pm: &mut suite_pm,
            cwd,
            cases: Vec::new(),
            errors: Vec::new(),
        };
        if !inside.is_empty() {
            let of_tree = |name: &String| {
                suites
                    .element(name)
                    .iter()
                    .any(|found| found.origin == SuiteOwner::Tree && is_suite(name, &found.dir))
            };
            collector.tree(suites.names().iter().filter(|name| of_tree(name)).map(|name| format!("{name}-")));
        }
        let dirs: BTreeSet<PathBuf> = outside.iter().filter_map(|path| suite_of(path)).collect();
        for dir in dirs {
            collector.directory(&dir);
        }
        let Collector { cases, errors, .. } = collector;
        suite_pm.finish().apply(&mut base);
        let suites = suites_of(&cases);
        Ok(View { layout, dialect, env: base, cases, suites, errors, notes, _scratch: scratch })
    }

    /// The instances that would be run: servers are started with their options.
    pub fn running(&self) -> impl Iterator<Item = &TestCase> {
        self.cases
            .iter()
            .filter(|case| case.skip.is_none() && case.broken.is_none() && case.command.is_empty())
    }

    /// The names of all tests that a suite has: in an overlay those of its base suite, too.
    pub fn tests_of(&self, suite: &Suite) -> BTreeSet<&str> {
        let same = |view: &&SuiteView| {
            view.suite.dir == suite.dir || suite.parent_dir.as_ref() == Some(&view.suite.dir)
        };
        self.suites.iter().filter(same).flat_map(|view| view.tests.iter().map(String::as_str)).collect()
    }
}

/// The installation; without a server in it, what there is.
fn locate(settings: &Settings, env: &Env) -> Result<Layout> {
    let exe = std::env::current_exe().ok();
    layout::locate(settings, env, exe.as_deref()).or_else(|error| {
        // A running server may be anywhere: then none has to be installed.
        let foreign = vec![("socket".into(), "none".into())];
        let settings = Settings { extern_server: foreign, ..settings.clone() };
        layout::locate(&settings, env, exe.as_deref()).map_err(|_| error)
    })
}

/// Whether a directory of the tree is a suite. Some suites have directories with `.test` files that their tests source;
/// those have no results.
fn is_suite(name: &str, dir: &Path) -> bool {
    let has_results = |dir: PathBuf| {
        std::fs::read_dir(dir)
            .into_iter()
            .flatten()
            .flatten()
            .any(|entry| matches!(Kind::of(&entry.path()), Some(Kind::Result | Kind::Rdiff)))
    };
    !name.contains('/') || ["", "r", "t"].into_iter().any(|sub| has_results(dir.join(sub)))
}

/// The suite's directory of a path outside the tree: where the tests are, or a directory above.
fn suite_of(path: &Path) -> Option<PathBuf> {
    if path.is_dir() && !path.ends_with("t") && !path.ends_with("r") {
        return Some(path.to_path_buf());
    }
    let has_tests = |dir: &&Path| {
        dir.join("t").is_dir()
            || std::fs::read_dir(dir).into_iter().flatten().flatten().any(|entry| {
                Path::new(&entry.file_name()).extension().is_some_and(|extension| extension == "test")
            })
    };
    let dir = path.ancestors().skip(usize::from(!path.is_dir())).take(3).find(has_tests)?;
    Some(if dir.ends_with("t") { dir.parent().unwrap_or(dir).to_path_buf() } else { dir.to_path_buf() })
}

struct Collector<'a> {
    settings: &'a Settings,
    layout: &'a Layout,
    suite_pm: &'a mut SuitePm,
    cwd: &'a Path,
    cases: Vec<TestCase>,
    errors: Vec<Error>,
}

impl Collector<'_> {
    fn collect(&mut self, settings: &Settings) -> Result<Collection> {
        collect(settings, self.layout, self.suite_pm, self.cwd)
    }

    /// The suites of the tree. One that cannot be read does not hide the others.
    fn tree(&mut self, elements: impl Iterator<Item = String>) {
        let elements: Vec<String> = elements.collect();
        let of = |elements: Vec<String>| Settings { suite: Some(elements), ..self.settings.clone() };
        let all = of(elements.clone());
        if let Ok(collection) = self.collect(&all) {
            self.cases.extend(collection.cases);
            return;
        }
        for element in elements {
            let one = Settings { suite: Some(vec![element]), ..self.settings.clone() };
            match self.collect(&one) {
                Ok(collection) => self.cases.extend(collection.cases),
                Err(error) => self.errors.push(error),
            }
        }
    }

    /// The suites in a directory; one without tests has none.
    fn directory(&mut self, dir: &Path) {
        let name = BString::from(dir.as_os_str().as_encoded_bytes());
        let settings = Settings { names: vec![name], ..self.settings.clone() };
        match self.collect(&settings) {
            Ok(collection) => self.cases.extend(collection.cases),
            Err(error) if error.location().is_some() => self.errors.push(error),
            Err(_) => {}
        }
    }
}

fn suites_of(cases: &[TestCase]) -> Vec<SuiteView> {
    let mut suites: BTreeMap<(&Path, &str), SuiteView> = BTreeMap::new();
    for case in cases {
        let view = suites
            .entry((&case.suite.dir, &case.suite.name))
            .or_insert_with(|| SuiteView { suite: Arc::clone(&case.suite), tests: BTreeSet::new() });
        view.tests.insert(case.short_name.clone());
    }
    suites.into_values().collect()
}
