//! Lists of disabled tests.

use std::path::Path;

use bstr::ByteSlice;

use crate::cli::similar::similar;
use crate::grammar::disabled::{Entry, entries, pattern};
use crate::lint::catalogue::{DISABLED_SYNTAX, DISABLED_UNKNOWN};
use crate::lint::files::Kind;
use crate::lint::finding::Finding;
use crate::lint::input::Input;
use crate::lint::view::View;
use crate::sys::files;
use crate::tree::disabled::Disabled;

/// Looks at each `disabled.def`.
pub fn check(input: &Input) -> Vec<Finding> {
    let Input { view, files } = *input;
    files.of(Kind::Disabled).flat_map(|path| in_file(path, view)).collect()
}

fn in_file(path: &Path, view: &View) -> Vec<Finding> {
    let text = files::read(path, files::MOST_OF_SETTINGS).unwrap_or_default();
    let dir = path.parent().unwrap_or(path);
    let of = view.suites.iter().find(|of| of.suite.dir == dir || of.suite.dir.join("t") == dir);
    // All tests of the suite of a list that the runner refuses fail; it says what is wrong.
    let suite = of.map(|of| &of.suite);
    let mut findings: Vec<Finding> =
        refusal(path, suite.map(|suite| suite.name.as_str())).into_iter().collect();
    let tests = suite.map(|suite| view.tests_of(suite));
    for (line, entry) in entries(&text) {
        let Some(Entry { test, .. }) = entry else {
            let written = text.lines().nth(line as usize - 1).unwrap_or_default().trim().as_bstr();
            let finding =
                Finding::new(DISABLED_SYNTAX, path, format!("'{written}' is not '[suite.]test : reason'"));
            let name = written.fields().next().unwrap_or_default().to_str_lossy();
            // The list keeps the suite from being read.
            let file = format!("{name}.test");
            let known = dir.join(&file).is_file() || dir.join("t").join(&file).is_file();
            let reason = written[name.len().min(written.len())..].trim().as_bstr();
            findings.push(match known {
                true => finding.at(line, 1).corrected(format!("{name} : {reason}")),
                false => finding.at(line, 1),
            });
            continue;
        };
        let Some((suite, tests)) = suite.zip(tests.as_ref()) else { continue };
        let exists = if test.contains('*') {
            match pattern(&format!("{}.{test}", suite.name)) {
                Ok(pattern) => tests.iter().any(|name| {
                    pattern.is_match(format!("{}.{name}", suite.name).as_bytes()).unwrap_or(true)
                }),
                Err(_) => true,
            }
        } else {
            tests.contains(test)
        };
        if !exists {
            let hint = similar(test, tests.iter().copied());
            let hint = hint.map(|name| format!(" (did you mean '{name}'?)")).unwrap_or_default();
            let message = format!("suite {} has no test '{test}'{hint}", suite.name);
            findings.push(Finding::new(DISABLED_UNKNOWN, path, message).at(line, 1));
        }
    }
    findings
}

/// What the runner said about an entry of the list, other than that it is none.
fn refusal(path: &Path, suite: Option<&str>) -> Option<Finding> {
    let error = Disabled::default().add_file(path, suite).err()?;
    let line = error.location()?.line?;
    let text = files::read(path, files::MOST_OF_SETTINGS).unwrap_or_default();
    let is_entry = entries(&text).any(|(number, entry)| number == line && entry.is_some());
    is_entry.then(|| Finding::new(DISABLED_SYNTAX, path, error.message()).at(line, 1))
}
