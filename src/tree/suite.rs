//! A suite as it is read from its directory: cases, options, combinations, disabled tests.

use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;

use bstr::{BString, ByteSlice as _};

use super::combinations::{Combination, Group};
use super::disabled::Disabled;
use super::listing::{append, below};
use super::scan::{Scope, Tree, overlay};
use super::suite_pm::SuiteFacts;
use super::suites::{Found, SuiteOwner};
use crate::case::{Origin, ServerOption, Suite, SuiteKind};
use crate::error::Result;

/// A suite or overlay with everything that all its tests share.
#[derive(Debug)]
pub struct LoadedSuite {
    /// Name and directories.
    pub suite: Arc<Suite>,
    /// The name without the overlay's.
    pub base_name: String,
    /// What its `suite.pm` says.
    pub facts: Arc<SuiteFacts>,
    /// The base suite, in an overlay.
    pub parent: Option<Rc<LoadedSuite>>,
    /// The overlay has a `suite.opt` of its own, so all its tests are kept (runner §13).
    pub in_overlay: bool,
    /// `suite.opt`, the base suite's first.
    pub options: Vec<ServerOption>,
    /// The suite-level combinations.
    pub combinations: Group,
    /// Which of its tests are disabled.
    pub disabled: Disabled,
    /// Its own cases: short names.
    pub cases: Vec<String>,
    /// A file that all its tests need cannot be used: each of them fails, for this reason.
    pub broken: Option<String>,
    /// What was found and passed over: tests whose names nobody could write.
    pub warnings: Vec<String>,
    /// The suite's directory as it enters the sort key.
    shown_dir: BString,
}

impl LoadedSuite {
    /// Reads the base suite. A `suite.pm`, `combinations`, `disabled.def` or `suite.opt` that is malformed or cannot be read
    /// breaks it.
    ///
    /// # Errors
    /// What is no fault of one of its files: perl cannot be run.
    pub fn base(
        found: &Found,
        command_line: &[Combination],
        lists: &Disabled,
        tree: &mut Tree,
    ) -> Result<Self> {
        let mut broken = None;
        let facts = match found.origin {
            SuiteOwner::Tree if found.name == "main" => tree.facts.of(&found.name, &tree.test_dir.clone()),
            SuiteOwner::Tree => tree.facts.of(&found.name, &found.dir),
            SuiteOwner::Directory | SuiteOwner::Bundled => tree.facts.of_outside(&found.dir),
        };
        let facts = or_broken(facts, &mut broken)?;
        let existing = |sub: &str, otherwise: &Path| {
            Some(append(&found.dir, sub))
                .filter(|dir| dir.is_dir())
                .unwrap_or_else(|| otherwise.to_path_buf())
        };
        let test_dir = found.test_dir.clone().unwrap_or_else(|| existing("t", &found.dir));
        let suite = Suite {
            name: found.name.clone(),
            dir: found.dir.clone(),
            parent_dir: None,
            result_dir: existing("r", &test_dir),
            test_dir,
            kind: match (found.origin, found.name.as_str()) {
                (SuiteOwner::Tree, "unit") => SuiteKind::Unit,
                _ if facts.has_servers => SuiteKind::OwnServers,
                _ => SuiteKind::Script,
            },
        };
        let combinations = match command_line {
            [] if facts.skip.is_some() => Group::NONE,
            [] => {
                let group = tree.group(&append(&suite.dir, "combinations"), false);
                or_broken(group.map(Some), &mut broken)?.unwrap_or(Group::NONE)
            }
            given => Group::Of(given.to_vec()),
        };
        let mut warnings = Vec::new();
        Ok(LoadedSuite {
            base_name: suite.name.clone(),
            parent: None,
            in_overlay: false,
            options: or_broken(tree.options(&append(&suite.dir, "suite.opt")), &mut broken)?.to_vec(),
            combinations,
            disabled: or_broken(disabled_of(&suite, lists, tree), &mut broken)?,
            cases: cases(&suite, &facts, tree, &mut warnings),
            broken,
            warnings,
            shown_dir: found.shown_dir.clone(),
            suite: Arc::new(suite),
            facts,
        })
    }

    /// Reads the overlay `name` of a suite, which is broken where that one is.
    ///
    /// # Errors
    /// As [`base`](LoadedSuite::base).
    pub fn overlay(
        parent: &Rc<Self>,
        name: &str,
        dir: &Path,
        command_line: bool,
        tree: &mut Tree,
    ) -> Result<Self> {
        let full_name = format!("{}-{name}", parent.suite.name);
        let mut broken = parent.broken.clone();
        let facts = or_broken(tree.facts.of(&full_name, dir), &mut broken)?;
        // t and r are the overlay's if and only if they are the base suite's.
        let mirror = |of_parent: &Path| match below(of_parent, &parent.suite.dir) {
            Some(sub) => append(dir, sub),
            None => dir.to_path_buf(),
        };
        let suite = Suite {
            name: full_name,
            dir: dir.to_path_buf(),
            parent_dir: Some(parent.suite.dir.clone()),
            test_dir: mirror(&parent.suite.test_dir),
            result_dir: mirror(&parent.suite.result_dir),
            kind: parent.suite.kind,
        };
        let file = append(dir, "combinations");
        let combinations = if command_line {
            parent.combinations.clone()
        } else {
            let own = if facts.skip.is_some() {
                Group::NONE
            } else {
                or_broken(tree.group(&file, true).map(Some), &mut broken)?.unwrap_or(Group::NONE)
            };
            overlay(own, &parent.combinations, true, |section| tree.facts.is_dropped(&file, section))
        };
        let own_options = or_broken(tree.options(&append(dir, "suite.opt")), &mut broken)?;
        let mut warnings = Vec::new();
        Ok(LoadedSuite {
            base_name: parent.base_name.clone(),
            parent: Some(Rc::clone(parent)),
            in_overlay: !own_options.is_empty(),
            options: parent.options.iter().chain(&*own_options).cloned().collect(),
            combinations,
            disabled: or_broken(disabled_of(&suite, &parent.disabled, tree), &mut broken)?,
            cases: cases(&suite, &facts, tree, &mut warnings),
            broken,
            warnings,
            shown_dir: dir.as_os_str().as_encoded_bytes().into(),
            suite: Arc::new(suite),
            facts,
        })
    }

    /// What a scan of its files needs to know.
    pub fn scope(&self) -> Scope {
        Scope {
            dir: self.suite.dir.clone(),
            parent_dir: self.suite.parent_dir.clone(),
            skipped: self.facts.skip.is_some(),
        }
    }

    /// The file `name` in the directory that `dir` picks, of the suite or else of its base suite, and
    /// whether it is the overlay's own.
    ///
    /// # Errors
    /// Something of that name is no file.
    pub fn file(
        &self,
        dir: impl Fn(&Suite) -> &PathBuf,
        name: &str,
        tree: &mut Tree,
    ) -> Result<Option<(PathBuf, bool)>> {
        let own = append(dir(&self.suite), name);
        if tree.listings.has_file(&own)? {
            return Ok(Some((own, self.parent.is_some())));
        }
        let Some(parent) = &self.parent else { return Ok(None) };
        let inherited = append(dir(&parent.suite), name);
        Ok(tree.listings.has_file(&inherited)?.then_some((inherited, false)))
    }

    /// A file of the suite as it enters the sort key: spelled as `--suite` spelled the directory.
    pub fn shown(&self, file: &Path) -> BString {
        match below(file, &self.suite.dir) {
            Some(rest) => [self.shown_dir.as_slice(), b"/", rest].concat().into(),
            None => file.as_os_str().as_encoded_bytes().into(),
        }
    }
}

/// The combinations that `--combination` makes of its values.
pub fn command_line_combinations(values: &[BString]) -> Vec<Combination> {
    let option = |text: &BString| ServerOption {
        text: text.clone(),
        origin: Arc::new(Origin::CommandLineCombination),
    };
    let of = |value: &BString| Combination {
        name: value.to_string(),
        options: vec![option(value)],
        in_overlay: false,
    };
    values.iter().map(of).collect()
}

/// What was read, or nothing where its file cannot be used: `broken` then says why.
fn or_broken<T: Default>(read: Result<T>, broken: &mut Option<String>) -> Result<T> {
    match read {
        Err(error) if error.location().is_some() => {
            broken.get_or_insert_with(|| error.explained());
            Ok(T::default())
        }
        read => read,
    }
}

fn disabled_of(suite: &Suite, before: &Disabled, tree: &mut Tree) -> Result<Disabled> {
    let mut disabled = before.clone();
    for file in ["disabled.def", "t/disabled.def"] {
        let file = append(&suite.dir, file);
        if tree.listings.has_file(&file)? {
            disabled.add_file(&file, Some(&suite.name))?;
        }
    }
    Ok(disabled)
}

/// The names of the suite's tests. What is called like one counts, be it a file or not: it fails then, and says why.
fn cases(suite: &Suite, facts: &SuiteFacts, tree: &mut Tree, warnings: &mut Vec<String>) -> Vec<String> {
    if let Some(cases) = &facts.cases {
        return cases.clone();
    }
    let listing = tree.listings.list(&suite.test_dir);
    warnings.extend(listing.problem().map(str::to_owned));
    let mut cases = Vec::new();
    for name in listing.names().filter(|name| name.as_bytes().ends_with(b".test")) {
        match name.to_str().and_then(|name| name.strip_suffix(".test")) {
            Some("") => {}
            Some(name) => cases.push(name.to_owned()),
            None => warnings.push(format!(
                "{} is not run: the name of a test is UTF-8",
                suite.test_dir.join(name.as_bytes().escape_bytes().to_string()).display()
            )),
        }
    }
    warnings.sort();
    cases
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use crate::tree::testing::{Tree, arguments, suites};

    /// An overlay as suite mtr has it.
    fn overlay() -> Tree {
        Tree::new(&[
            ("suite/m/t/plain.test", ""),
            ("suite/m/t/uses.test", "--source inc.inc"),
            ("suite/m/t/inc.inc", ""),
            ("suite/m/t/sh.test", ""),
            ("suite/m/t/comb.test", ""),
            ("suite/m/t/comb.combinations", "[c1]\n[c2]\nloose-c2\n"),
            ("suite/m/r/plain.result", ""),
            ("plugin/over/m/t/own.test", ""),
            ("plugin/over/m/t/inc.inc", "--source include/big_test.inc"),
            ("plugin/over/m/t/sh-master.sh", ""),
            ("plugin/over/m/t/comb.combinations", "[c3]\nloose-c3\n"),
        ])
    }

    #[test]
    fn an_overlay_runs_what_it_changes() {
        let tree = overlay();
        let base = ["m.comb 'c2'", "m.comb 'c1'", "m.plain", "m.sh", "m.uses"];
        assert_eq!(tree.names(suites("m")), base);
        let own = ["m-over.uses [Test needs --big-test]", "m-over.comb 'c3'", "m-over.own", "m-over.sh"];
        assert_eq!(tree.names(suites("m-over")), own);
        let mut all = tree.names(suites("m-"));
        all.sort();
        let mut expected = [&base[..], &own[..]].concat();
        expected.sort_unstable();
        assert_eq!(all, expected);
        assert_eq!(tree.names(arguments(&["m.own"]))[0], "error: could not find 'own' in suite 'm'");
        assert_eq!(tree.names(arguments(&["m-.sh"])), ["m-over.sh", "m.sh"]);
        assert_eq!(tree.names(arguments(&["m-over.sh"])), ["m-over.sh"]);
    }
}
