//! Result files: those that are missing, those that nobody needs, and diffs that do not apply.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use rayon::prelude::*;

use crate::case::{Suite, SuiteKind, TestCase};
use crate::cli::similar::similar;
use crate::grammar::rdiff;
use crate::lint::catalogue::{RDIFF_MISFIT, RESULT_MISSING, RESULT_UNUSED};
use crate::lint::files::{Kind, plain};
use crate::lint::finding::Finding;
use crate::lint::input::Input;
use crate::lint::rules::combinations::combinations_of;
use crate::lint::view::View;
use crate::script::command::Command;
use crate::script::input::Input as Script;
use crate::script::parse::Statements;
use crate::sys::files;
use crate::tree::config_file;
use crate::tree::listing::Listings;
use crate::tree::results::Results;

/// Looks at the results of all suites.
pub fn check(input: &Input) -> Vec<Finding> {
    let (missing, (unused, misfits)) =
        rayon::join(|| missing(input), || rayon::join(|| unused(input), || misfits(input)));
    missing.into_iter().chain(unused).chain(misfits).collect()
}

/// Test and combinations of a result file's name: `a,x,y.rdiff` is `a` and `x`, `y`.
fn parts(path: &Path) -> Option<(&str, Vec<&str>)> {
    let stem = path.file_name()?.to_str()?;
    let stem = stem.strip_suffix(".result").or_else(|| stem.strip_suffix(".rdiff"))?;
    let mut pieces = stem.split(',');
    Some((pieces.next()?, pieces.collect()))
}

/// Tests that are compared with nothing.
fn missing(input: &Input) -> Vec<Finding> {
    let mut tests: BTreeMap<&Path, Vec<&TestCase>> = BTreeMap::new();
    for case in input.view.running().filter(|case| case.suite.kind == SuiteKind::Script) {
        tests.entry(&case.path).or_default().push(case);
    }
    let mut findings = Vec::new();
    for (path, cases) in tests {
        let without: BTreeSet<String> =
            cases.iter().filter(|case| case.result.is_none()).map(|case| case.combination()).collect();
        if without.is_empty() || !input.files.contains(path) || is_sourced(path) || may_skip(path) {
            continue;
        }
        let result = cases[0].suite.result_dir.join(format!("{}.result", cases[0].short_name));
        let whole = cases.iter().all(|case| case.result.is_none());
        let message = match (whole, without.len()) {
            (true, _) => format!("there is no {}", result.display()),
            (false, 1..=3) => {
                let names: Vec<String> = without.into_iter().collect();
                format!("there is no result file for combination '{}'", names.join("', '"))
            }
            (false, several) => format!("there is no result file for {several} of its combinations"),
        };
        findings.push(Finding::new(RESULT_MISSING, path, message));
    }
    findings
}

/// Whether the file is one that tests source, whatever it is called: `suite/binlog/include/database.test` up to 10.5.
fn is_sourced(path: &Path) -> bool {
    path.parent().and_then(Path::file_name).is_some_and(|dir| dir == "include")
}

/// Whether the test skips itself by a command of its own: then it may have no result to be compared with.
fn may_skip(path: &Path) -> bool {
    let text = files::read(path, files::MOST_OF_TEXT).unwrap_or_default();
    let script = Script::new(path.as_os_str().as_encoded_bytes(), text);
    Statements::new(&script).any(|statement| statement.classified.command == Command::Skip)
}

/// What is known of a result directory.
struct Place<'a> {
    suites: Vec<&'a Suite>,
    /// Short names of tests.
    tests: BTreeSet<&'a str>,
}

/// Results that no test, or none of a test's combinations, is compared with.
fn unused(input: &Input) -> Vec<Finding> {
    let Input { view, files } = *input;
    let mut places: BTreeMap<&Path, Place> = BTreeMap::new();
    for of in &view.suites {
        let place = places
            .entry(&of.suite.result_dir)
            .or_insert_with(|| Place { suites: Vec::new(), tests: BTreeSet::new() });
        place.tests.extend(view.tests_of(&of.suite));
        place.suites.push(&of.suite);
    }
    let offered = Offered::of(view);
    let results = files.all.iter().filter(|(_, kind)| matches!(kind, Kind::Result | Kind::Rdiff));
    let mut findings = Vec::new();
    for (path, _) in results {
        let (Some(dir), Some((test, pieces))) = (path.parent(), parts(path)) else { continue };
        let Some(place) = places.get(dir) else { continue };
        if !place.tests.contains(test) {
            let hint = similar(test, place.tests.iter().copied());
            let hint = hint.map(|name| format!(" (did you mean '{name}'?)")).unwrap_or_default();
            let suite = place.suites.first().map_or("", |suite| suite.name.as_str());
            let message = format!("suite {suite} has no test '{test}'{hint}");
            findings.push(Finding::new(RESULT_UNUSED, path, message));
            continue;
        }
        let Some(names) = offered.names(place, test) else { continue };
        if let Some(piece) = pieces.iter().find(|piece| !names.contains(**piece)) {
            let message = format!("test '{test}' has no combination '{piece}'");
            findings.push(Finding::new(RESULT_UNUSED, path, message));
        }
    }
    let used = mentioned(view, &findings);
    findings.retain(|finding| !used.contains(&finding.file));
    findings
}

/// The results whose name some script mentions: tests may compare files of their own accord.
fn mentioned(view: &View, findings: &[Finding]) -> BTreeSet<PathBuf> {
    if findings.is_empty() {
        return BTreeSet::new();
    }
    let names: Vec<&str> = findings
        .iter()
        .map(|finding| finding.file.file_name().and_then(|name| name.to_str()).unwrap_or(""))
        .collect();
    let Ok(search) = aho_corasick::AhoCorasick::new(&names) else { return BTreeSet::new() };
    let scripts: BTreeSet<&Path> =
        view.cases.iter().flat_map(|case| case.scanned.iter()).map(PathBuf::as_path).collect();
    let found: BTreeSet<usize> = scripts
        .into_par_iter()
        .flat_map_iter(|script| {
            let text = files::read(script, files::MOST_OF_TEXT).unwrap_or_default();
            search
                .find_overlapping_iter(&text)
                .map(|found| found.pattern().as_usize())
                .collect::<BTreeSet<_>>()
        })
        .collect();
    found.into_iter().filter_map(|at| Some(findings.get(at)?.file.clone())).collect()
}

/// The combinations that tests have, also those that this server cannot have.
struct Offered<'a> {
    /// The files that a test's instances read, by suite and test; none are known of a test that is skipped before it is
    /// read.
    scanned: BTreeMap<(&'a Path, &'a str), BTreeSet<&'a Path>>,
    /// The sections of combinations files.
    sections: BTreeMap<PathBuf, Vec<String>>,
    /// The base suite of each overlay.
    parents: Vec<(&'a Path, &'a Path)>,
}

impl<'a> Offered<'a> {
    fn of(view: &'a View) -> Offered<'a> {
        let mut scanned: BTreeMap<(&Path, &str), BTreeSet<&Path>> = BTreeMap::new();
        for case in &view.cases {
            let files = scanned.entry((&case.suite.dir, &case.short_name)).or_default();
            files.extend(case.scanned.iter().map(PathBuf::as_path));
        }
        let scripts: BTreeSet<&Path> = scanned.values().flatten().copied().collect();
        let mut wanted: BTreeSet<PathBuf> = scripts.into_iter().map(combinations_of).collect();
        let mut parents = Vec::new();
        for of in &view.suites {
            wanted.insert(of.suite.dir.join("combinations"));
            let Some(parent) = &of.suite.parent_dir else { continue };
            parents.push((of.suite.dir.as_path(), parent.as_path()));
            // An overlay may have combinations for a file of its base suite.
            let inherited: Vec<PathBuf> = wanted
                .iter()
                .filter_map(|file| Some(of.suite.dir.join(file.strip_prefix(parent).ok()?)))
                .collect();
            wanted.extend(inherited);
        }
        let sections = wanted
            .into_par_iter()
            .filter(|path| path.is_file())
            .filter_map(|path| {
                let file = config_file::read(&path, &view.layout.test_dir).ok()?;
                let names = file.option_groups().map(|group| group.name.to_string()).collect();
                Some((path, names))
            })
            .collect();
        Offered { scanned, sections, parents }
    }

    /// The combinations of a test, in all suites that have their results in one place and in those that read them, too;
    /// `None` where they are not known.
    fn names(&self, place: &Place, test: &str) -> Option<BTreeSet<&str>> {
        let mut dirs: BTreeSet<&Path> = BTreeSet::new();
        for suite in &place.suites {
            dirs.insert(&suite.dir);
            dirs.extend(suite.parent_dir.as_deref());
            dirs.extend(
                self.parents.iter().filter(|(_, base)| *base == suite.dir).map(|(overlay, _)| *overlay),
            );
        }
        let mut names = BTreeSet::new();
        let mut known = false;
        let mut add = |path: &Path| {
            names.extend(self.sections.get(path).into_iter().flatten().map(String::as_str));
        };
        for dir in &dirs {
            add(&dir.join("combinations"));
            for script in self.scanned.get(&(*dir, test)).into_iter().flatten() {
                known = true;
                let own = combinations_of(script);
                add(&own);
                for base in &dirs {
                    own.strip_prefix(base).into_iter().for_each(|below| add(&dir.join(below)));
                }
            }
        }
        known.then_some(names)
    }
}

/// Diffs that do not apply to what they are applied to.
fn misfits(input: &Input) -> Vec<Finding> {
    let Input { view, files } = *input;
    let mut bases: BTreeMap<PathBuf, BTreeSet<PathBuf>> = BTreeMap::new();
    for result in view.running().filter_map(|case| case.result.as_ref()) {
        if let Some(rdiff) = &result.rdiff {
            bases.entry(plain(rdiff)).or_default().insert(result.base.clone());
        }
    }
    let rdiffs: Vec<&Path> = files.of(Kind::Rdiff).collect();
    rdiffs
        .par_iter()
        .flat_map_iter(|path| {
            let bases = match bases.get(*path) {
                Some(bases) => bases.iter().cloned().collect(),
                // Of a combination that this server does not run: the diff's own names lead to the base.
                None => base_of(path, view).into_iter().collect::<Vec<_>>(),
            };
            let text = files::read(path, files::MOST_OF_TEXT).unwrap_or_default();
            bases.into_iter().flat_map(|base| misfits_of(path, &text, &base)).collect::<Vec<_>>()
        })
        .collect()
}

fn base_of(rdiff: &Path, view: &View) -> Option<PathBuf> {
    let dir = rdiff.parent()?;
    let (test, pieces) = parts(rdiff)?;
    let suite = &view.suites.iter().find(|of| of.suite.result_dir == dir)?.suite;
    let of_parent = |parent: &PathBuf| Some(parent.join(dir.strip_prefix(&suite.dir).ok()?));
    let inherited = suite.parent_dir.as_ref().and_then(of_parent);
    let dirs: Vec<&Path> = [Some(dir), inherited.as_deref()].into_iter().flatten().collect();
    let pieces: Vec<String> = pieces.into_iter().map(str::to_owned).collect();
    let found = Results::default().find(test, &pieces, &dirs, &mut Listings::default()).ok()??;
    (found.rdiff.as_deref() == Some(rdiff)).then_some(found.base)
}

fn misfits_of(path: &Path, text: &[u8], base: &Path) -> Vec<Finding> {
    let Ok(of_base) = files::read(base, files::MOST_OF_TEXT) else { return Vec::new() };
    match rdiff::misfits(&of_base, text, path) {
        Ok(lines) => lines
            .into_iter()
            .map(|line| {
                let message = format!("this part does not apply to {}", base.display());
                Finding::new(RDIFF_MISFIT, path, message).at(u32::try_from(line).unwrap_or(0), 1)
            })
            .collect(),
        Err(error) => {
            let line = error.location().and_then(|location| location.line).unwrap_or(0);
            vec![Finding::new(RDIFF_MISFIT, path, error.message()).at(line, u32::from(line > 0))]
        }
    }
}
