//! Configuration files: lines that cannot be read, files that are not there, options given twice.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use rayon::prelude::*;

use crate::error::Error;
use crate::grammar::mycnf::{self, Line};
use crate::grammar::option_file::options_in;
use crate::lint::catalogue::{CONFIG_INCLUDE, CONFIG_SYNTAX, SEVERAL_OPTIONS};
use crate::lint::files::{Kind, plain};
use crate::lint::finding::Finding;
use crate::lint::input::Input;
use crate::lint::rules::twice;
use crate::lint::view::View;
use crate::sys::files;
use crate::tree::config_file;

/// Looks at each file that is a template, or is included by one. Other `.cnf` files are for other programs.
pub fn check(input: &Input) -> Vec<Finding> {
    let Input { view, files } = *input;
    let templates: Vec<PathBuf> = templates(view)
        .into_iter()
        .chain(files.of(Kind::Config).filter(|path| belongs_to_test(path)).map(Path::to_path_buf))
        .collect::<BTreeSet<_>>()
        .into_iter()
        .collect();
    let mut findings: Vec<Finding> = templates
        .par_iter()
        .filter_map(|path| config_file::read(path, &view.layout.test_dir).err())
        .filter_map(|error| unreadable(&error))
        .collect();
    let mut all: BTreeSet<PathBuf> = BTreeSet::new();
    for template in templates {
        reach(template, &view.layout.test_dir, &mut all);
    }
    let all: Vec<PathBuf> = all.into_iter().filter(|path| files.contains(path)).collect();
    findings.par_extend(all.par_iter().flat_map_iter(|path| {
        let text = files::read(path, files::MOST_OF_SETTINGS).unwrap_or_default();
        let mut findings = twice::in_config(path, &text, view.dialect.as_ref());
        findings.extend(several_options(path, &text));
        findings
    }));
    findings
}

/// Lines whose value goes on with another option.
fn several_options(path: &Path, text: &[u8]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (number, _, line) in mycnf::lines(text) {
        let Line::Option(name, value) = line else { continue };
        let parts = options_in(value.unwrap_or(name));
        if parts.len() > 1 && !name.starts_with(b"#") {
            let message = format!("one line with {} options in it", parts.len());
            findings.push(Finding::new(SEVERAL_OPTIONS, path, message).at(number, 0));
        }
    }
    findings
}

/// The templates of all tests.
fn templates(view: &View) -> BTreeSet<PathBuf> {
    let used = view.cases.iter().map(|case| &case.template).filter(|path| !path.as_os_str().is_empty());
    let of_suites = view.suites.iter().map(|of| of.suite.dir.join("my.cnf"));
    used.cloned().chain(of_suites).map(|path| plain(&path)).filter(|path| path.is_file()).collect()
}

/// Whether there is a test of that name beside the file.
fn belongs_to_test(path: &Path) -> bool {
    path.with_extension("test").is_file()
}

/// The file and all that it includes.
fn reach(path: PathBuf, test_dir: &Path, all: &mut BTreeSet<PathBuf>) {
    if !all.insert(path.clone()) {
        return;
    }
    let text = files::read(&path, files::MOST_OF_SETTINGS).unwrap_or_default();
    for (_, _, line) in mycnf::lines(&text) {
        if let Line::Include(name) = line
            && let Ok(included) = config_file::included(&path, name, test_dir)
        {
            reach(plain(&included), test_dir, all);
        }
    }
}

/// The finding for a file that cannot be read, if the error says where.
pub(super) fn unreadable(error: &Error) -> Option<Finding> {
    let location = error.location()?;
    let line = location.line?;
    let text = files::read(&location.file, files::MOST_OF_SETTINGS).ok()?;
    let parsed = mycnf::lines(&text).find(|(number, ..)| *number == line);
    let is_include = matches!(parsed, Some((_, _, Line::Include(_))));
    let (code, column) = if is_include { (CONFIG_INCLUDE, 1) } else { (CONFIG_SYNTAX, 1) };
    let mut message = error.message().to_owned();
    if let Some(hint) = error.hint_text() {
        message = format!("{message} ({hint})");
    }
    let finding = Finding::new(code, &plain(&location.file), message).at(line, column);
    let indented = parsed.and_then(|(_, text, _)| text.strip_prefix(b" ").map(<[u8]>::trim_ascii_start));
    match indented {
        Some(text) if !text.is_empty() && !is_include => {
            Some(finding.corrected(String::from_utf8_lossy(text).into_owned()))
        }
        _ => Some(finding),
    }
}
