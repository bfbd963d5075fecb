//! Combinations files.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use bstr::{BString, ByteSlice};
use rayon::prelude::*;

use crate::grammar::mycnf::{self, Line};
use crate::lint::catalogue::{NO_SECTIONS, SECTION_TWICE};
use crate::lint::files::{Kind, plain};
use crate::lint::finding::Finding;
use crate::lint::input::Input;
use crate::lint::rules::config::unreadable;
use crate::lint::rules::twice;
use crate::lint::view::View;
use crate::sys::files;
use crate::tree::config_file;
use crate::tree::facts::stem;

/// Looks at each combinations file.
pub fn check(input: &Input) -> Vec<Finding> {
    let Input { view, files } = *input;
    let all: Vec<&Path> = files.of(Kind::Combinations).collect();
    let named = Named::of(view);
    all.par_iter().flat_map_iter(|path| in_file(path, view, &named)).collect()
}

fn in_file(path: &Path, view: &View, named: &Named) -> Vec<Finding> {
    let config = match config_file::read(path, &view.layout.test_dir) {
        Ok(config) => config,
        Err(error) => return unreadable(&error).into_iter().collect(),
    };
    let text = files::read(path, files::MOST_OF_SETTINGS).unwrap_or_default();
    let mut findings = twice::in_config(path, &text, view.dialect.as_ref());
    let mut sections: Vec<(u32, &[u8])> = Vec::new();
    for (number, _, line) in mycnf::lines(&text) {
        let Line::Group(name) = line else { continue };
        match sections.iter().find(|(_, other)| *other == name) {
            Some((first, _)) => {
                let message = format!("'{}' is a section on line {first} already", name.as_bstr());
                findings.push(Finding::new(SECTION_TWICE, path, message).at(number, 1));
            }
            None => sections.push((number, name)),
        }
    }
    if config.option_groups().next().is_none() {
        findings.push(Finding::new(NO_SECTIONS, path, "it has no [section]"));
    }
    let groups: Vec<_> = config.option_groups().collect();
    for (at, group) in groups.iter().enumerate() {
        let options = |group: &mycnf::Group| -> Vec<(BString, Option<BString>)> {
            group.options.iter().map(|option| (option.name.clone(), option.value.clone())).collect()
        };
        let same = groups[..at].iter().find(|other| options(other) == options(group));
        let Some(same) = same else { continue };
        // Results and scripts may tell apart what has the same options.
        if named.tell_apart(path, &[group.name.as_slice(), same.name.as_slice()]) {
            continue;
        }
        let line = sections.iter().find(|(_, name)| group.name == *name).map_or(0, |(line, _)| *line);
        let message = format!("'{}' has the same options as '{}'", group.name, same.name);
        findings.push(Finding::new(SECTION_TWICE, path, message).at(line, 1));
    }
    findings
}

/// What tells combinations apart by their names: scripts, result files and `suite.pm`s, by combinations file.
struct Named {
    /// Combinations files whose tests look at the names.
    by_scripts: BTreeSet<PathBuf>,
    /// The names in result files.
    in_results: BTreeSet<String>,
    /// The texts of all `suite.pm`s.
    suite_pm: Vec<Vec<u8>>,
}

impl Named {
    fn of(view: &View) -> Named {
        let mut readers: BTreeMap<&Path, bool> = BTreeMap::new();
        for file in view.cases.iter().flat_map(|case| case.scanned.iter()) {
            readers.entry(file).or_insert(false);
        }
        let looks: BTreeMap<&Path, bool> = readers
            .into_par_iter()
            .map(|(file, _)| {
                let text = files::read(file, files::MOST_OF_SETTINGS).unwrap_or_default();
                (file, text.contains_str("MTR_COMBINATION"))
            })
            .collect();
        let mut by_scripts = BTreeSet::new();
        for case in &view.cases {
            if case.scanned.iter().any(|file| looks.get(file.as_path()) == Some(&true)) {
                by_scripts.extend(case.scanned.iter().map(|file| combinations_of(file)));
                by_scripts.insert(case.suite.dir.join("combinations"));
            }
        }
        let mut in_results = BTreeSet::new();
        let dirs: BTreeSet<&Path> = view.suites.iter().map(|of| of.suite.result_dir.as_path()).collect();
        for dir in dirs {
            for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
                let name = entry.file_name();
                let Some((stem, "result" | "rdiff")) = name.to_str().and_then(|name| name.rsplit_once('.'))
                else {
                    continue;
                };
                in_results.extend(stem.split(',').skip(1).map(str::to_owned));
            }
        }
        let dirs =
            view.suites.iter().map(|of| of.suite.dir.as_path()).chain([view.layout.test_dir.as_path()]);
        let suite_pm =
            dirs.filter_map(|dir| files::read(&dir.join("suite.pm"), files::MOST_OF_SETTINGS).ok()).collect();
        Named { by_scripts, in_results, suite_pm }
    }

    fn tell_apart(&self, path: &Path, names: &[&[u8]]) -> bool {
        let file = path.file_name().unwrap_or_default().as_encoded_bytes();
        let stem = file.strip_suffix(b"combinations").unwrap_or(file);
        // A `suite.pm` names the file with any extension, or a suite's own one without any.
        let named = |text: &Vec<u8>| {
            let mut places = text.find_iter(if stem.is_empty() { file } else { stem });
            places.any(|at| at > 0 && matches!(text[at - 1], b'/' | b'\'' | b'"'))
        };
        self.by_scripts.contains(path)
            || names.iter().any(|name| name.to_str().is_ok_and(|name| self.in_results.contains(name)))
            || self.suite_pm.iter().any(named)
    }
}

/// The combinations file that belongs to a script.
pub(super) fn combinations_of(script: &Path) -> PathBuf {
    let path = [stem(script.as_os_str().as_encoded_bytes()), b".combinations"].concat();
    plain(Path::new(&path.to_os_str_lossy().into_owned()))
}
