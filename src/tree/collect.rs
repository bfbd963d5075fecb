//! Finds the tests that the command line asks for, in the order in which they run (spec §2–§6.1).

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;

use bstr::{BString, ByteSlice};

use super::case::{Skip, Suite, TestCase};
use super::combinations::{Combination, Instance};
use super::disabled::Disabled;
use super::facts::{Facts, SuiteFactsSource};
use super::instances::{Maker, Rules};
use super::layout::Layout;
use super::listing::append;
use super::results::Results;
use super::scan::{Scan, Tree};
use super::select::{Name, Pattern, Spec, similar};
use super::suite::{LoadedSuite, command_line_combinations};
use super::suites::{Found, Origin, Suites};
use crate::cli::settings::Settings;
use crate::error::{Error, Result};
use crate::plan::order::reorder;

/// What was found.
#[derive(Debug, Clone, Default)]
pub struct Collection {
    /// Every instance, statically skipped ones included, in run order.
    pub cases: Vec<TestCase>,
    /// The elements of `--suite` or of the default list, for the `Using suites:` line.
    pub suites_named: Vec<String>,
    /// Lines for the console that come while collecting, in order.
    pub messages: Vec<String>,
    /// Things that were passed over: an unreadable test.
    pub warnings: Vec<String>,
}

/// Collects the tests that `settings` ask for. Relative paths are taken from `cwd`.
///
/// # Errors
/// A suite, test or combination that is not there (unless `--skip-not-found`); a malformed `.opt`,
/// combinations, `disabled.def` or `suite.pm` file; a diff that applies to nothing.
pub fn collect(
    settings: &Settings,
    layout: &Layout,
    suite_pm: &mut dyn SuiteFactsSource,
    cwd: &Path,
) -> Result<Collection> {
    let suites = Suites::new(layout, &settings.suite_dir, cwd)?;
    let roots = suites.roots().iter().map(|root| root.dir.clone()).collect();
    let read_combinations = settings.combination.is_empty() && !settings.using_extern();
    let pattern = |value: &Option<BString>, option| {
        value.as_ref().map(|value| Pattern::new(value.as_bstr(), option)).transpose()
    };
    let mut lists = Disabled::default();
    for list in &settings.skip_test_list {
        let here = cwd.join(list);
        lists.add_file(if here.exists() { here } else { layout.test_dir.join(list) }.as_path(), None)?;
    }
    let names = settings.names.iter().map(|name| Name::parse(name, &suites)).collect::<Result<Vec<_>>>()?;
    let mut collector = Collector {
        settings,
        rules: Rules {
            skip_test: pattern(&settings.skip_test, "--skip-test")?,
            big_test: settings.big_test,
            skip_rpl: settings.skip_rpl,
            enable_disabled: settings.enable_disabled,
            skip_not_found: settings.skip_not_found,
            options: Rules::server_options(&settings.mysqld),
        },
        do_test: pattern(&settings.do_test, "--do-test")?,
        combinations: command_line_combinations(&settings.combination),
        lists,
        tree: Tree::new(layout.test_dir.clone(), roots, read_combinations, Facts::new(suite_pm)),
        results: Results::default(),
        suites,
        loaded: HashMap::new(),
        collected: Vec::new(),
        ours: Vec::new(),
        collection: Collection::default(),
    };
    if names.is_empty() {
        collector.suites()?
    } else {
        collector.names(&names)?
    }
    Ok(collector.finish())
}

struct Collector<'a> {
    settings: &'a Settings,
    rules: Rules,
    do_test: Option<Pattern>,
    combinations: Vec<Combination>,
    lists: Disabled,
    tree: Tree<'a>,
    results: Results,
    suites: Suites,
    loaded: HashMap<(String, PathBuf), Rc<LoadedSuite>>,
    collected: Vec<Instance>,
    /// Instances of bundled suites: they run first.
    ours: Vec<Instance>,
    collection: Collection,
}

/// Which tests of a suite are wanted.
enum Wanted<'w> {
    /// All, with `--do-test` if that is set.
    All { filter: bool },
    /// Those of the names; `found` is set where a name has a test.
    Named { specs: &'w [&'w Spec], found: &'w mut [bool] },
}

impl Collector<'_> {
    /// Without names: all suites.
    fn suites(&mut self) -> Result<()> {
        for element in self.elements()? {
            let found = self.element(&element)?;
            self.all(&found, true)?;
        }
        let extra = self.extra();
        self.all(&extra, true)
    }

    /// The elements of `--suite`; else, unless directories were given instead, the default list.
    fn elements(&mut self) -> Result<Vec<String>> {
        let elements = match &self.settings.suite {
            Some(elements) => elements.clone(),
            None if !self.suites.extra.is_empty() && self.settings.names.is_empty() => Vec::new(),
            None => self.suites.default_list(&mut self.tree.facts)?,
        };
        self.collection.suites_named = elements.clone();
        if elements.is_empty() {
            let names = self.suites.extra.iter().map(|suite| suite.name.clone());
            self.collection.suites_named = names.collect();
        }
        Ok(elements)
    }

    /// The suites of `--suite-dir`, unless `--suite` picks some of them.
    fn extra(&self) -> Vec<Found> {
        let extra = &self.suites.extra;
        let picked = self.settings.suite.iter().flatten().any(|element| {
            self.suites.element(element).iter().any(|found| extra.iter().any(|suite| suite.dir == found.dir))
        });
        if picked { Vec::new() } else { extra.clone() }
    }

    fn element(&mut self, element: &str) -> Result<Vec<Found>> {
        let found = self.suites.element(element);
        if found.is_empty() && !self.settings.skip_not_found {
            let error = Error::new(format!("could not find suite '{element}'"));
            let name = element.split('-').next().unwrap_or_default();
            let names = self.suites.names();
            return Err(match similar(name, names.iter().map(String::as_str)) {
                Some(name) => error.hint(format!("did you mean '{name}'?")),
                None => error
                    .hint(format!("suites are searched in {}", self.tree.test_dir.join("suite").display())),
            });
        }
        for suite in &found {
            // A suite that was named by a path says so.
            if suite.origin == Origin::Directory && suite.name.contains('/') {
                self.collection.messages.push(format!(" - from '{}'", suite.name));
            }
        }
        Ok(found)
    }

    fn all(&mut self, found: &[Found], filter: bool) -> Result<()> {
        found.iter().try_for_each(|suite| self.suite(suite, &mut Wanted::All { filter }))
    }

    /// With names: tests, suites and paths, in any mixture.
    fn names(&mut self, names: &[Name]) -> Result<()> {
        let specs: Vec<&Spec> = names
            .iter()
            .filter_map(|name| if let Name::Test { spec, .. } = name { Some(spec) } else { None })
            .collect();
        let mut found = vec![false; specs.len()];
        // Names that all have a suite find it by themselves; only the others are searched everywhere.
        let search = self.settings.suite.is_some() || specs.iter().any(|spec| spec.suite.is_none());
        let mut elements = Vec::new();
        if self.settings.reorder && search && !specs.is_empty() {
            elements = self.elements()?;
            for element in &elements {
                for suite in self.element(element)? {
                    self.suite(&suite, &mut Wanted::Named { specs: &specs, found: &mut found })?;
                }
            }
            for suite in self.suites.extra.clone() {
                self.suite(&suite, &mut Wanted::Named { specs: &specs, found: &mut found })?;
            }
        }
        let mut found = found.into_iter();
        for name in names {
            match name {
                Name::Test { spec, text } => {
                    self.late(spec, text, found.next().unwrap_or_default(), &elements)?;
                }
                Name::File { suite, spec } => {
                    let mut found = [false];
                    self.suite(suite, &mut Wanted::Named { specs: &[spec], found: &mut found })?;
                }
                Name::Directory(suites) => self.all(suites, false)?,
            }
        }
        Ok(())
    }

    /// A name after the suites were searched: what was not found there is looked for in the suite that
    /// it names, and a bare word may be a suite's name too.
    fn late(&mut self, spec: &Spec, text: &str, found: bool, searched: &[String]) -> Result<()> {
        let mut found = [found];
        let bare = spec.suite.is_none();
        let home = spec.suite.as_deref().or((!self.settings.reorder).then_some("main"));
        if let (false, Some(home)) = (found[0], home) {
            for suite in self.element(home)? {
                // In its own suite only the test's name counts, so that `suite/rpl.x` works, where the suite
                // is named by a path.
                self.suite(&suite, &mut Wanted::Named { specs: &[spec], found: &mut found })?;
            }
        }
        if !found[0] && !self.settings.reorder && bare {
            for suite in self.suites.extra.clone() {
                self.suite(&suite, &mut Wanted::Named { specs: &[spec], found: &mut found })?;
            }
        }
        if spec.is_word() {
            let suites = self.suites.word(text);
            let before = self.collected.len() + self.ours.len();
            self.all(&suites, false)?;
            found[0] |= self.collected.len() + self.ours.len() > before;
        }
        match (found[0], home) {
            (true, _) => Ok(()),
            (false, Some(home)) if self.settings.skip_not_found && !bare => {
                self.collected.push(not_found(home, &spec.test));
                Ok(())
            }
            (false, _) => Err(self.unknown(spec, text, home, searched)),
        }
    }

    fn unknown(&self, spec: &Spec, text: &str, home: Option<&str>, searched: &[String]) -> Error {
        let place = match (home, &self.settings.suite) {
            (Some(home), _) => format!("suite '{home}'"),
            (None, Some(_)) => format!("suite(s) '{}'", searched.join(",")),
            (None, None) => "the default suites".to_owned(),
        };
        let error = Error::new(format!("could not find '{}' in {place}", spec.test));
        let tests = self
            .loaded
            .values()
            .flat_map(|suite| suite.cases.iter().map(|case| (case.as_str(), suite.suite.name.as_str())));
        let names: BTreeMap<&str, &str> = tests.collect();
        let suites = self.suites.names();
        let known = names.keys().copied().chain(suites.iter().map(String::as_str).filter(|_| spec.is_word()));
        match similar(&spec.test, known) {
            Some(test) => match names.get(test) {
                Some(suite) => error.hint(format!("did you mean '{suite}.{test}'?")),
                None => error.hint(format!("did you mean the suite '{test}'?")),
            },
            None if text.contains('/') => error.hint("there is no such file either"),
            None => error,
        }
    }

    /// Collects from a suite and those of its overlays that its selector asks for.
    fn suite(&mut self, found: &Found, wanted: &mut Wanted) -> Result<()> {
        let base = self.load(found)?;
        // A single overlay is asked for: the base suite itself contributes nothing.
        if found.selector.as_deref().is_none_or(str::is_empty) {
            self.tests(&base, found.origin, wanted)?;
        }
        let Some(selector) = &found.selector else { return Ok(()) };
        for (name, dir) in found.overlays.iter().filter(|(name, _)| selector.is_empty() || name == selector) {
            let key = (format!("{}-{name}", found.name), dir.clone());
            let overlay = match self.loaded.get(&key) {
                Some(overlay) => Rc::clone(overlay),
                None => {
                    let command_line = !self.combinations.is_empty();
                    let overlay =
                        Rc::new(LoadedSuite::overlay(&base, name, dir, command_line, &mut self.tree)?);
                    self.loaded.insert(key, Rc::clone(&overlay));
                    overlay
                }
            };
            self.tests(&overlay, found.origin, wanted)?;
        }
        Ok(())
    }

    fn load(&mut self, found: &Found) -> Result<Rc<LoadedSuite>> {
        let key = (found.name.clone(), found.test_dir.clone().unwrap_or_else(|| found.dir.clone()));
        if let Some(suite) = self.loaded.get(&key) {
            return Ok(Rc::clone(suite));
        }
        let suite = Rc::new(LoadedSuite::base(found, &self.combinations, &self.lists, &mut self.tree)?);
        self.loaded.insert(key, Rc::clone(&suite));
        Ok(suite)
    }

    fn tests(&mut self, suite: &LoadedSuite, origin: Origin, wanted: &mut Wanted) -> Result<()> {
        let mut cases: BTreeMap<&str, &Path> = BTreeMap::new();
        for owner in suite.parent.as_deref().into_iter().chain([suite]) {
            cases.extend(owner.cases.iter().map(|case| (case.as_str(), owner.suite.test_dir.as_path())));
        }
        let chosen: Vec<(&str, &Path, &[String])> = match wanted {
            Wanted::All { filter } => {
                let filter = self.do_test.as_ref().filter(|_| *filter);
                let cases = cases.into_iter().filter(|(case, _)| filter.is_none_or(|f| f.matches(case)));
                cases.map(|(case, dir)| (case, dir, [].as_slice())).collect()
            }
            Wanted::Named { specs, .. } => specs
                .iter()
                .filter(|spec| spec.fits(&suite.suite.name, &suite.base_name))
                .filter_map(|spec| {
                    let (case, dir) = cases.get_key_value(spec.test.as_str())?;
                    Some((*case, *dir, spec.combinations.as_slice()))
                })
                .collect(),
        };
        if chosen.len() > 1 {
            let files = chosen.iter().map(|(case, dir, _)| append(dir, format!("{case}.test"))).collect();
            self.tree.sources.prefetch(files);
        }
        let mut scan = Scan::new(suite.scope());
        let mut maker = Maker {
            rules: &self.rules,
            suite,
            scan: &mut scan,
            tree: &mut self.tree,
            results: &mut self.results,
            messages: &mut self.collection.messages,
            warnings: &mut self.collection.warnings,
        };
        let into = if origin == Origin::Bundled { &mut self.ours } else { &mut self.collected };
        for (case, dir, combinations) in chosen {
            let instances = maker.make(case, dir, combinations)?;
            if let Wanted::Named { specs, found } = wanted
                && !instances.is_empty()
            {
                for (spec, found) in specs.iter().zip(found.iter_mut()) {
                    *found |= spec.test == case && spec.fits(&suite.suite.name, &suite.base_name);
                }
            }
            into.extend(instances);
        }
        Ok(())
    }

    fn finish(mut self) -> Collection {
        let mut ours = self.ours;
        if self.settings.reorder {
            reorder(&mut ours, |instance: &Instance| &instance.case);
            reorder(&mut self.collected, |instance: &Instance| &instance.case);
        }
        self.collection.cases =
            ours.into_iter().chain(self.collected).map(|instance| instance.case).collect();
        self.collection
    }
}

/// A test that was asked for and is not there, with `--skip-not-found`.
fn not_found(suite: &str, test: &str) -> Instance {
    let suite = Arc::new(Suite { name: suite.to_owned(), ..Suite::default() });
    let case = TestCase {
        suite,
        short_name: test.to_owned(),
        path: PathBuf::new(),
        combinations: Vec::new(),
        master_opt: Vec::new(),
        slave_opt: Vec::new(),
        template: PathBuf::new(),
        template_key: BString::default(),
        timezone: None,
        skip_core_file: false,
        master_sh: None,
        slave_sh: None,
        big_test: false,
        long_test: false,
        rpl_test: false,
        not_parallel: false,
        skip: Some(Skip { disabled: false, comment: "not found".to_owned() }),
        result: None,
        command: Vec::new(),
        scanned: Arc::default(),
    };
    Instance { case, in_overlay: false, noted: String::new() }
}
