//! Variables that name the library of a plugin: `$HANDLERSOCKET_SO`. The runner sets them for the libraries that are there; a tree
//! knows others where a suite or an include file asks for them before it uses them.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use bstr::ByteSlice;
use rayon::prelude::*;

use crate::lint::catalogue::LIBRARY_VARIABLE;
use crate::lint::files::Kind;
use crate::lint::finding::Finding;
use crate::lint::input::Input;
use crate::sys::files;

/// Looks at each script and each file with options.
pub fn check(input: &Input) -> Vec<Finding> {
    let kinds = [Kind::Test, Kind::Include, Kind::Options, Kind::Config, Kind::Combinations];
    let wanted = input.files.all.par_iter().filter(|(_, kind)| kinds.contains(kind));
    let used: Vec<(&Path, String, u32)> = wanted
        .flat_map_iter(|(path, _)| {
            let text = files::read(path, files::MOST_OF_TEXT).unwrap_or_default();
            let used = variables(&text)
                .into_iter()
                .filter(|(name, _)| input.view.env.get(name).is_none() && !is_set(&text, name));
            used.map(|(name, line)| (path.as_path(), name, line)).collect::<Vec<_>>()
        })
        .collect();
    if used.is_empty() {
        return Vec::new();
    }
    let known = asked_for(input);
    let unknown = used.into_iter().filter(|(_, name, _)| !known.contains(name));
    unknown
        .map(|(path, name, line)| {
            let message = format!("nothing sets ${name}, and nothing in the tree asks whether it is set");
            Finding::new(LIBRARY_VARIABLE, path, message).at(line, 0)
        })
        .collect()
}

/// Names that a `suite.pm` of the tree has, or a condition in one of its scripts.
fn asked_for(input: &Input) -> BTreeSet<String> {
    let scripts = input.view.cases.iter().flat_map(|case| case.scanned.iter().chain([&case.path]));
    let pm = input.view.suites.iter().map(|of| of.suite.dir.join("suite.pm"));
    let includes =
        std::fs::read_dir(input.view.layout.test_dir.join("include")).into_iter().flatten().flatten();
    let all: BTreeSet<PathBuf> =
        scripts.cloned().chain(pm).chain(includes.map(|entry| entry.path())).collect();
    let all: Vec<PathBuf> = all.into_iter().collect();
    all.par_iter()
        .flat_map_iter(|path| {
            let text = files::read(path, files::MOST_OF_TEXT).unwrap_or_default();
            let whole = path.extension().is_some_and(|end| end == "pm");
            let lines = text.lines().filter(|line| {
                let line = line.trim_start().trim_start_with(|c| c == '-');
                whole || [&b"if"[..], b"while", b"skip"].iter().any(|word| line.starts_with(word))
            });
            let mut names = Vec::new();
            for line in lines.filter(|line| line.contains_str("_SO")) {
                let words = line.split(|byte| !byte.is_ascii_alphanumeric() && *byte != b'_');
                names.extend(
                    words.filter(|word| word.ends_with(b"_SO")).map(|word| word.to_str_lossy().into_owned()),
                );
            }
            names
        })
        .collect()
}

/// `$X_SO` and `${X_SO}`, each once, with the line where it stands first.
fn variables(text: &[u8]) -> Vec<(String, u32)> {
    let mut found: Vec<(String, u32)> = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        if line.trim_start().starts_with(b"#") {
            continue;
        }
        for at in line.find_iter("$") {
            let rest = line[at + 1..].strip_prefix(b"{").unwrap_or(&line[at + 1..]);
            let length =
                rest.iter().take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b'_').count();
            let name = rest[..length].to_str_lossy();
            let is_one = name.ends_with("_SO") && name.chars().all(|c| !c.is_ascii_lowercase());
            if is_one && found.iter().all(|(known, _)| *known != name) {
                found.push((name.into_owned(), number));
            }
        }
    }
    found
}

/// The script sets it itself.
fn is_set(text: &[u8], name: &str) -> bool {
    text.lines().any(|line| {
        let words: Vec<&[u8]> = line.fields_with(|c| c.is_ascii_whitespace() || c == '=').collect();
        words.windows(2).any(|pair| {
            pair[0].trim_start_with(|c| c == '-').eq_ignore_ascii_case(b"let")
                && pair[1].trim_start_with(|c| c == '$') == name.as_bytes()
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_of_libraries() {
        let text = b"# $OLD_SO\n--plugin-load-add=$A_SO --x=${B_SO}\nlet $C_SO= x;\neval install soname '$A_SO $C_SO';\n$not_so\n";
        assert_eq!(variables(text), [("A_SO".into(), 2), ("B_SO".into(), 2), ("C_SO".into(), 3)]);
        assert!(is_set(text, "C_SO") && !is_set(text, "A_SO"));
    }
}
