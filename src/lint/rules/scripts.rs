//! Scripts: what the interpreter finds without running them, and files that they source.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use bstr::ByteSlice;
use rayon::prelude::*;

use crate::lint::catalogue::{BLOCK, COMMAND, Code, ERROR_NAME, SOURCE_MISSING, UNENDED, UNREACHABLE};
use crate::lint::files::{Kind, plain};
use crate::lint::finding::Finding;
use crate::lint::input::Input;
use crate::lint::view::View;
use crate::script::args;
use crate::script::command::Command;
use crate::script::input::Input as Script;
use crate::script::parse::{Statement, Statements};
use crate::script::static_check::{self, Kind as Problem};
use crate::sys::files;

/// Looks at each test and each include file.
pub fn check(input: &Input) -> Vec<Finding> {
    let scopes = Scopes::of(input.view);
    let scripts = input.files.all.par_iter().filter(|(_, kind)| matches!(kind, Kind::Test | Kind::Include));
    scripts
        .flat_map_iter(|(path, _)| match files::read(path, files::MOST_OF_TEXT) {
            Ok(text) => in_script(path, text, &scopes),
            Err(_) => Vec::new(),
        })
        .collect()
}

fn in_script(path: &Path, text: Vec<u8>, scopes: &Scopes) -> Vec<Finding> {
    let script = Script::new(path.as_os_str().as_encoded_bytes(), text);
    let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    let mut findings: Vec<Finding> = static_check::check(&script)
        .into_iter()
        .map(|found| {
            let message = match found.hint {
                Some(hint) => format!("{} ({hint})", found.message),
                None => found.message,
            };
            Finding::new(code_of(found.kind), path, message).at(number(found.line), number(found.column))
        })
        .collect();
    if script.text().contains_str("source") {
        findings.extend(missing_sources(path, &script, scopes));
    }
    findings
}

fn code_of(problem: Problem) -> &'static Code {
    match problem {
        Problem::Command => COMMAND,
        Problem::Block => BLOCK,
        Problem::Unended => UNENDED,
        Problem::ErrorName => ERROR_NAME,
        Problem::Unreachable => UNREACHABLE,
    }
}

fn missing_sources(path: &Path, script: &Script, scopes: &Scopes) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut blocks = 0_usize;
    let mut place = Place::default();
    for statement in Statements::new(script) {
        match statement.classified.command {
            Command::If | Command::While => blocks += 1,
            Command::End => blocks = blocks.saturating_sub(1),
            // What comes after is never read.
            Command::Exit if blocks == 0 => break,
            _ => {}
        }
        let Some(name) = sourced(&statement) else { continue };
        if scopes.lack(path, name) {
            let message = format!("there is no '{}'", name.as_bstr());
            let (line, column) = place.advance(script.text(), statement.body.start);
            findings.push(Finding::new(SOURCE_MISSING, path, message).at(line, column));
        }
    }
    findings
}

/// The file that the command sources, if that is run and its name is written out.
fn sourced(statement: &Statement) -> Option<&[u8]> {
    let classified = &statement.classified;
    if classified.command != Command::Source || !statement.runs || statement.problem.is_some() {
        return None;
    }
    let name = args::split(classified.rest(), 1, b' ').values.first().copied()?.trim();
    let is_literal = !name.is_empty() && !name.iter().any(|byte| matches!(byte, b'$' | b'\\' | b'`'));
    is_literal.then_some(name)
}

/// A place in a text from which later ones are found: what is before it is not read again.
#[derive(Default)]
struct Place {
    at: usize,
    /// Line ends before `at`.
    lines: usize,
    /// Where the line of `at` begins.
    line_start: usize,
}

impl Place {
    /// Line and column of the offset `at`, from 1. No offset is before the one asked for last.
    fn advance(&mut self, text: &[u8], at: usize) -> (u32, u32) {
        let passed = text.get(self.at..at).unwrap_or_default();
        self.lines += passed.find_iter(b"\n").count();
        if let Some(end) = passed.rfind_byte(b'\n') {
            self.line_start = self.at + end + 1;
        }
        self.at = self.at.max(at);
        let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        (number(self.lines + 1), number(at - self.line_start + 1))
    }
}

/// Where the files that a script sources are looked for: it depends on the suite of the test that is run.
struct Scopes {
    test_dir: PathBuf,
    /// For each script, the directories of the suites whose tests read it, those of overlays with the base suite's.
    suites: BTreeMap<PathBuf, BTreeSet<Vec<PathBuf>>>,
}

impl Scopes {
    fn of(view: &View) -> Scopes {
        let mut suites: BTreeMap<PathBuf, BTreeSet<Vec<PathBuf>>> = BTreeMap::new();
        for case in &view.cases {
            let dirs: Vec<PathBuf> =
                std::iter::once(case.suite.dir.clone()).chain(case.suite.parent_dir.clone()).collect();
            // A test that is skipped before it is read is looked at all the same.
            for script in case.scanned.iter().chain([&case.path]) {
                suites.entry(plain(script)).or_default().insert(dirs.clone());
            }
        }
        Scopes { test_dir: view.layout.test_dir.clone(), suites }
    }

    /// Whether the file that `script` sources is nowhere. A script that no test is known to read may find it anywhere.
    fn lack(&self, script: &Path, name: &[u8]) -> bool {
        let Some(suites) = self.suites.get(script) else { return false };
        let name = PathBuf::from(name.to_os_str_lossy().into_owned());
        if name.is_absolute() || name.starts_with("~") {
            return name.is_absolute() && !name.exists();
        }
        let beside = script.parent().unwrap_or(script);
        let found = |dirs: &Vec<PathBuf>| {
            // In an overlay, the place beside the script is in both suites.
            let below = dirs.iter().find_map(|dir| beside.strip_prefix(dir).ok());
            let mirrored = dirs.iter().filter_map(|dir| Some(dir.join(below?)));
            let all =
                [beside.to_path_buf(), self.test_dir.clone()].into_iter().chain(mirrored).chain(dirs.clone());
            all.into_iter().any(|dir| dir.join(&name).exists())
        };
        !suites.iter().any(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literal_names_are_sourced() {
        let script = Script::new(
            "t.test",
            "--source include/a.inc\nsource b.inc;\n--source $x/c.inc\nif (0) {\n--source d.inc\n}\n# source e.inc\n",
        );
        let names: Vec<String> = Statements::new(&script)
            .filter_map(|statement| sourced(&statement).map(|name| name.as_bstr().to_string()))
            .collect();
        assert_eq!(names, ["include/a.inc", "b.inc"]);
    }

    #[test]
    fn offsets_have_lines() {
        let mut place = Place::default();
        let places = [0, 1, 2, 3, 5].map(|at| place.advance(b"a\nbc\nd", at));
        assert_eq!(places, [(1, 1), (1, 2), (2, 1), (2, 2), (3, 1)]);
    }
}
