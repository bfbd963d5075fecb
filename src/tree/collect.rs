//! Finds the tests that the command line asks for, in the order in which they run (runner §2–§6.1).

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;

use bstr::{BString, ByteSlice};

use super::combinations::{Combination, CombinedCase};
use super::disabled::Disabled;
use super::facts::{Facts, SuiteFactsSource};
use super::hints::{unknown_suite, unknown_test};
use super::instances::{Maker, Rules};
use super::layout::Layout;
use super::listing::append;
use super::results::Results;
use super::scan::{Scan, Tree};
use super::select::{Name, Pattern, Spec};
use super::suite::{LoadedSuite, command_line_combinations};
use super::suites::{Found, SuiteOwner, Suites};
use crate::case::{Skip, Suite, TestCase};
use crate::cli::settings::Settings;
use crate::error::{Error, Result};

/// What was found.
#[derive(Debug, Clone, Default)]
pub struct Collection {
    /// Every instance, statically skipped ones included, in the order they were found (`plan::order` sorts them).
    pub cases: Vec<TestCase>,
    /// How many of them, the first ones, belong to bundled suites: they run first.
    pub bundled: usize,
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
/// combinations, `disabled.def` or `suite.pm` file; a diff that applies to nothing; a skip list that is not there.
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
    let collection = Collection::default();
    for list in &settings.skip_test_list {
        let here = cwd.join(list);
        let file = if here.exists() { here } else { layout.test_dir.join(list) };
        if !file.is_file() {
            // What it names is known not to pass here: to run it would cost the verdict its meaning.
            return Err(Error::new(format!("--skip-test-list: there is no file {}", list.display()))
                .hint(format!("it was looked for in {} and {}", cwd.display(), layout.test_dir.display())));
        }
        crate::sys::files::open(&file).map_err(|error| Error::io("read", &file, error))?;
        lists.add_file(&file, None)?;
    }
    let names =
        settings.wanted().iter().map(|name| Name::parse(name, &suites)).collect::<Result<Vec<_>>>()?;
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
        collection,
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
    collected: Vec<CombinedCase>,
    /// Instances of bundled suites: they run first.
    ours: Vec<CombinedCase>,
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
            None if !self.suites.extra.is_empty() && self.settings.wanted().is_empty() => Vec::new(),
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
            let searched = self.tree.test_dir.join("suite");
            return Err(unknown_suite(element, &self.suites.names(), &searched));
        }
        for suite in &found {
            // A suite that was named by a path says so.
            if suite.origin == SuiteOwner::Directory && suite.name.contains('/') {
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
            for suite in self.extra() {
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
            for suite in self.extra() {
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
            (false, _) => Err(self.unknown(spec, home, searched)),
        }
    }

    fn unknown(&self, spec: &Spec, home: Option<&str>, searched: &[String]) -> Error {
        let place = match (home, &self.settings.suite) {
            (Some(home), _) => format!("suite '{home}'"),
            (None, Some(_)) => format!("suite(s) '{}'", searched.join(",")),
            (None, None) => "the default suites".to_owned(),
        };
        let mut names: BTreeMap<&str, &str> = BTreeMap::new();
        for suite in self.loaded.values() {
            for case in &suite.cases {
                // Of the suites that have such a test, always the same one.
                let named = names.entry(case).or_insert(&suite.suite.name);
                *named = (*named).min(&suite.suite.name);
            }
        }
        unknown_test(spec, &place, &names, &self.suites.names())
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

    fn tests(&mut self, suite: &LoadedSuite, origin: SuiteOwner, wanted: &mut Wanted) -> Result<()> {
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
        if matches!(wanted, Wanted::All { .. }) {
            let told = &mut self.collection.warnings;
            told.extend(
                suite.warnings.iter().filter(|text| !told.contains(text)).cloned().collect::<Vec<_>>(),
            );
        }
        let mut scan = Scan::new(suite.scope());
        let mut maker = Maker {
            rules: &self.rules,
            suite,
            scan: &mut scan,
            tree: &mut self.tree,
            results: &mut self.results,
            messages: &mut self.collection.messages,
        };
        let into = if origin == SuiteOwner::Bundled { &mut self.ours } else { &mut self.collected };
        for (case, dir, combinations) in chosen {
            let instances = match maker.make(case, dir, combinations) {
                // A malformed file fails the tests that read it and no others.
                Err(error) if error.location().is_some() => vec![maker.broken(case, dir, &error)],
                made => made?,
            };
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
        self.collection.bundled = self.ours.len();
        self.collection.cases =
            self.ours.into_iter().chain(self.collected).map(|instance| instance.case).collect();
        self.collection
    }
}

/// A test that was asked for and is not there, with `--skip-not-found`.
fn not_found(suite: &str, test: &str) -> CombinedCase {
    let suite = Arc::new(Suite { name: suite.to_owned(), ..Suite::default() });
    let skip = Some(Skip { disabled: false, comment: "not found".to_owned() });
    let case = TestCase { suite, short_name: test.to_owned(), skip, ..TestCase::default() };
    CombinedCase { case, in_overlay: false, noted: String::new() }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::tree::suite_pm::SuiteFacts;
    use crate::tree::testing::{Tree, arguments, suites};

    fn plain() -> Tree {
        Tree::new(&[
            ("main/alias.test", ""),
            ("main/events.test", ""),
            ("main/big.test", "--source include/big_test.inc"),
            ("main/disabled.def", "off : MDEV-1 # why\n"),
            ("main/off.test", ""),
            ("suite/rpl/t/alias.test", "--source include/master-slave.inc"),
            ("suite/rpl/t/rpl_x.test", ""),
            ("suite/rpl/my.cnf", ""),
            ("suite/json/t/json.test", ""),
            ("suite/json/t/other.test", ""),
            ("plugin/p/q/suite.pm", ""),
            ("plugin/p/q/q1.test", ""),
            ("/bundled/json/ours.test", ""),
            ("/bundled/extra/e.test", ""),
            ("/mine/t/x.test", ""),
            ("/mine/r/x.result", ""),
            ("/mine/t/x.opt", "--x"),
            ("/mine/suite.opt", "--suite"),
            ("/many/one/a.test", ""),
            ("/many/two/t/b.test", ""),
            ("/many/empty/README", ""),
            ("/many/one/disabled.def", "a : broken\n"),
        ])
        .facts("q", SuiteFacts { is_default: true, ..SuiteFacts::default() })
    }

    #[test]
    fn the_default_list_is_what_is_there() {
        let collection = plain().collect(|_| ()).unwrap();
        assert_eq!(collection.suites_named, ["main-", "json-", "rpl-", "q"]);
        assert_eq!(collection.cases.len(), 4 + 2 + 2 + 1);
    }

    #[test]
    fn names_are_searched_in_all_suites() {
        let tree = plain();
        let all = |names: &[&str]| tree.names(arguments(names));
        assert_eq!(all(&["alias"]), ["rpl.alias", "main.alias"]);
        assert_eq!(all(&["main.alias", "main.alias"]), ["main.alias", "main.alias"]);
        assert_eq!(all(&["nowhere/alias.test"]), ["rpl.alias", "main.alias"]);
        assert_eq!(
            tree.names(|settings| {
                arguments(&["alias", "rpl.rpl_x", "alias"])(settings);
                settings.reorder = false;
            }),
            ["main.alias", "rpl.rpl_x", "main.alias"]
        );
        assert_eq!(all(&["ailas"])[1], "did you mean 'main.alias'?");
        assert_eq!(all(&["jsn"])[1], "did you mean 'json.json'?");
        assert_eq!(tree.names(suites("rlp"))[1], "did you mean the suite 'rpl'?");
        let skipping = |settings: &mut Settings| {
            arguments(&["rpl.gone"])(settings);
            settings.skip_not_found = true;
        };
        assert_eq!(tree.names(skipping), ["rpl.gone [not found]"]);
    }

    #[test]
    fn static_decisions_have_their_texts() {
        let tree = plain();
        let all = |change: fn(&mut Settings)| {
            tree.names(|settings| {
                suites("main,rpl")(settings);
                change(settings);
            })
        };
        assert_eq!(
            all(|_| ()),
            [
                "main.big [Test needs --big-test]",
                "main.off [MDEV-1 # why]",
                "rpl.alias",
                "rpl.rpl_x",
                "main.alias",
                "main.events"
            ]
        );
        assert!(all(|s| s.big_test = 1).contains(&"main.big".to_owned()));
        assert!(all(|s| s.big_test = 2).contains(&"main.alias [Small test]".to_owned()));
        assert!(all(|s| s.skip_rpl = true).contains(&"rpl.alias [No replication tests]".to_owned()));
        assert!(all(|s| s.skip_test = Some("rpl.al".into())).contains(&"rpl.alias []".to_owned()));
        assert_eq!(all(|s| s.do_test = Some("rpl".into())), ["rpl.rpl_x"]);
        let collection = tree.collect(|settings| {
            suites("main")(settings);
            settings.enable_disabled = true;
        });
        let said = " - main.off will be run although it's been disabled\n   due to 'MDEV-1 # why'";
        assert_eq!(collection.unwrap().messages, [said]);
    }

    #[test]
    fn a_word_may_name_a_suite() {
        let tree = plain();
        // A test, then the suite, and ours of that name before it.
        assert_eq!(tree.names(arguments(&["json"])), ["json.ours", "json.json", "json.json", "json.other"]);
        assert_eq!(tree.names(arguments(&["rpl"])), ["rpl.alias", "rpl.rpl_x"]);
        assert_eq!(tree.names(arguments(&["extra"])), ["extra.e"]);
        assert_eq!(tree.names(suites("json")), ["json.json", "json.other"]);
        assert_eq!(tree.names(suites("extra")), ["extra.e"]);
    }

    #[test]
    fn paths_name_tests_and_suites() {
        let tree = plain();
        assert_eq!(tree.names(arguments(&["./mysql-test/suite/rpl/t/alias.test"])), ["rpl.alias"]);
        assert_eq!(tree.names(arguments(&["mysql-test/main/alias.test"])), ["main.alias"]);
        let mine = tree.collect(arguments(&["mine/t/x.test"])).unwrap().cases;
        assert_eq!(mine.iter().map(TestCase::name).collect::<Vec<_>>(), ["mine.x"]);
        let options: Vec<_> = mine[0].master_opt.iter().map(|option| option.text.to_string()).collect();
        assert_eq!(options, ["--suite", "--x"]);
        assert!(mine[0].result.as_ref().is_some_and(|result| result.base.ends_with("mine/r/x.result")));
        assert_eq!(tree.names(arguments(&["./mine"])), ["mine.x"]);
        assert_eq!(tree.names(arguments(&["many/"])), ["one.a [broken]", "two.b"]);
        assert!(tree.names(arguments(&["many/empty"]))[0].starts_with("error: no tests in"));
        assert_eq!(tree.names(arguments(&["mysql-test/suite/json/"])), ["json.json", "json.other"]);
    }

    #[test]
    fn suite_dirs_add_suites() {
        let tree = plain();
        let with = |change: fn(&mut Settings)| {
            tree.names(|settings| {
                settings.suite_dir = vec!["many".into()];
                change(settings);
            })
        };
        assert_eq!(with(|_| ()), ["one.a [broken]", "two.b"]);
        assert_eq!(with(suites_json), ["one.a [broken]", "json.json", "json.other", "two.b"]);
        assert_eq!(with(|settings| settings.suite = Some(vec!["two".into()])), ["two.b"]);
        assert_eq!(with(|settings| settings.names = vec!["b".into()]), ["two.b"]);
        assert_eq!(with(|settings| settings.names = vec!["two.b".into()]), ["two.b"]);
        assert_eq!(with(|settings| settings.names = vec!["one".into()]), ["one.a [broken]"]);
    }

    fn suites_json(settings: &mut Settings) {
        suites("json")(settings);
    }

    #[test]
    fn tests_with_the_same_servers_are_neighbours_long_ones_first() {
        let tree = Tree::new(&[
            ("suite/s/a.test", ""),
            ("suite/s/b.test", ""),
            ("suite/s/b.opt", "--y --x"),
            ("suite/s/c.test", "--source include/long_test.inc"),
            ("suite/s/d.test", ""),
            ("suite/s/d.opt", "--x --y"),
            ("suite/s/e.test", ""),
            ("suite/s/e.cnf", ""),
        ]);
        assert_eq!(tree.names(suites("s")), ["s.e", "s.b", "s.d", "s.c", "s.a"]);
        let unordered = tree.names(|settings| {
            suites("s")(settings);
            settings.reorder = false;
        });
        assert_eq!(unordered, ["s.a", "s.b", "s.c", "s.d", "s.e"]);
    }

    #[test]
    fn directories_are_suites_by_path() {
        let tree = plain();
        // Relative to mysql-test: by the text given, as in the reference.
        assert_eq!(tree.names(suites("suite/json")), ["suite/json.json", "suite/json.other"]);
        assert_eq!(tree.names(arguments(&["suite/json.other"])), ["suite/json.other"]);
        let messages = tree.collect(suites("suite/json")).unwrap().messages;
        assert_eq!(messages, [" - from 'suite/json'"]);
        assert_eq!(tree.names(suites("many/two")), ["two.b"]);
    }

    #[test]
    fn a_missing_skip_list_is_an_error() {
        for name in ["gone", "main"] {
            let error =
                plain().collect(|settings| settings.skip_test_list = vec![name.into()]).err().unwrap();
            assert_eq!(error.message(), format!("--skip-test-list: there is no file {name}"));
        }
    }

    #[test]
    fn time_zones_are_taken_out() {
        let tree = Tree::new(&[
            ("suite/s/a.test", ""),
            ("suite/s/a.opt", "--timezone=MET --x"),
            ("suite/s/b.test", ""),
            ("suite/s/b-master.opt", "--default-time-zone=+01:00 --skip-core-file"),
        ]);
        let cases = tree.collect(suites("s")).unwrap().cases;
        let [b, a] = [&cases[0], &cases[1]];
        assert_eq!((a.timezone.clone(), b.timezone.clone()), (Some("MET".into()), Some("GMT-8".into())));
        assert_eq!((a.master_opt.len(), b.master_opt.len()), (1, 2));
        assert!(b.skip_core_file && !a.skip_core_file);
    }

    #[test]
    fn a_test_that_cannot_be_read_does_not_hide_others() {
        let tree = Tree::new(&[("suite/s/a.test", "")]);
        let dir = tree.dir.path().join("mysql-test/suite/s");
        // A file that vanishes while it is read cannot be staged; a name that is no file can.
        std::os::unix::fs::symlink("/proc/self/mem", dir.join("b.test")).unwrap();
        let collection = tree.collect(suites("s")).unwrap();
        let broken: Vec<_> = collection.cases.iter().map(|case| case.broken.is_some()).collect();
        assert_eq!(broken.iter().filter(|broken| **broken).count(), 1, "{broken:?}");
        assert_eq!(collection.cases.len(), 2);
    }
}
