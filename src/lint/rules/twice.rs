//! Options that are given twice in one file with different values.

use std::path::Path;

use bstr::{BStr, BString, ByteSlice};

use crate::grammar::mycnf::{self, Line};
use crate::lint::catalogue::GIVEN_TWICE;
use crate::lint::dialect::Dialect;
use crate::lint::finding::Finding;
use crate::lint::words::{self, Word};
use crate::tree::server_options::{Resolved, ServerOptions};

/// Options each of which adds to the ones before: lists of rules, and sets of switches.
const CUMULATIVE: [&str; 12] = [
    "binlog-do-db",
    "binlog-ignore-db",
    "debug",
    "debug-dbug",
    "ignore-db-dirs",
    "ignore-db-dir",
    "optimizer-switch",
    "performance-schema-instrument",
    "plugin-load-add",
    "wsrep-mode",
    "wsrep-provider-options",
    "plugin-load",
];

/// One option as it was given.
struct Given {
    /// The option, without prefixes.
    name: BString,
    /// Its value as far as it can be compared: on and off are `1` and `0`.
    value: BString,
    /// As it is written.
    text: BString,
    line: u32,
    column: u32,
}

/// Looks at the words of an option file.
pub fn in_option_file(path: &Path, words: &[Word], dialect: Option<&Dialect>) -> Vec<Finding> {
    let options = dialect.map(|dialect| &dialect.all);
    let given = words.iter().filter(|word| word.text.starts_with(b"--")).filter_map(|word| {
        given(
            words::name(&word.text),
            words::value(&word.text),
            options,
            word.text.as_bstr(),
            (word.line, word.column),
        )
    });
    contradictions(path, given.collect())
}

/// Looks at the sections of one configuration file. What a file includes is there to be overridden, and a group that is
/// opened once more overrides the first one on purpose.
pub fn in_config(path: &Path, text: &[u8], dialect: Option<&Dialect>) -> Vec<Finding> {
    let options = dialect.map(|dialect| &dialect.all);
    let mut groups: Vec<Vec<Given>> = vec![Vec::new()];
    for (number, line, parsed) in mycnf::lines(text) {
        match parsed {
            Line::Group(_) | Line::Include(_) => groups.push(Vec::new()),
            Line::Option(name, value) if !name.starts_with(b"#") && !mycnf::is_repeatable(name) => {
                if let Some(list) = groups.last_mut() {
                    list.extend(given(name, value, options, line.trim().as_bstr(), (number, 1)));
                }
            }
            _ => {}
        }
    }
    groups.into_iter().flat_map(|list| contradictions(path, list)).collect()
}

fn given(
    name: &[u8],
    value: Option<&[u8]>,
    options: Option<&ServerOptions>,
    text: &BStr,
    (line, column): (u32, u32),
) -> Option<Given> {
    let none = ServerOptions::default();
    let meaning = options.unwrap_or(&none).meaning(name);
    let name: BString = match meaning.resolved {
        Resolved::Known(name) => name.into(),
        Resolved::Unknown => meaning.stem,
        Resolved::Ambiguous(_) => return None,
    };
    // `maximum-x` is another variable than `x`, and a replication filter is a list.
    let is_list = name.starts_with(b"replicate-") || CUMULATIVE.iter().any(|list| name == *list);
    if meaning.maximum || is_list {
        return None;
    }
    let on = |value: &[u8]| match value.to_ascii_lowercase().as_slice() {
        b"on" | b"true" | b"yes" => b"1".into(),
        b"off" | b"false" | b"no" => b"0".into(),
        other => BString::from(other),
    };
    let value = match value {
        Some(value) => on(unquoted(value)),
        None if meaning.off => b"0".into(),
        None => b"1".into(),
    };
    Some(Given { name, value, text: text.into(), line, column })
}

/// Without the quotes that the server takes off.
fn unquoted(value: &[u8]) -> &[u8] {
    match value {
        [b'\'', inside @ .., b'\''] | [b'"', inside @ .., b'"'] => inside,
        value => value,
    }
}

fn contradictions(path: &Path, given: Vec<Given>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (at, option) in given.iter().enumerate() {
        let later = given[at + 1..].iter().rev().find(|later| later.name == option.name);
        if let Some(later) = later.filter(|later| later.value != option.value) {
            let message = format!(
                "'{}' has no effect: '{}' on line {} comes later",
                option.text, later.text, later.line
            );
            findings.push(Finding::new(GIVEN_TWICE, path, message).at(option.line, option.column));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn in_options(text: &str) -> Vec<String> {
        let words = words::of_option_file(text.as_bytes());
        in_option_file(Path::new("x.opt"), &words, None).into_iter().map(|found| found.message).collect()
    }

    #[test]
    fn different_values_contradict() {
        assert_eq!(
            in_options("--a_b=1\n--loose-a-b=2"),
            ["'--a_b=1' has no effect: '--loose-a-b=2' on line 2 comes later"]
        );
        assert_eq!(in_options("--skip-x --x").len(), 1);
        assert_eq!(in_options("--skip-x --x=1 --skip-x").len(), 1);
    }

    #[test]
    fn equal_values_and_lists_do_not() {
        for text in [
            "--a=1 --a=1",
            "--skip-x --x=OFF",
            "--optimizer-switch=a=on --optimizer_switch=b=on",
            "--replicate-do-db=a --replicate-do-db=b",
            "--maximum-a=1 --a=2",
        ] {
            assert_eq!(in_options(text), [""; 0], "{text}");
        }
    }

    #[test]
    fn groups_are_apart() {
        let found = |text: &str| in_config(Path::new("x.cnf"), text.as_bytes(), None).len();
        assert_eq!(found("[mysqld.1]\na=1\n[mysqld.2]\na=2\n"), 0);
        assert_eq!(found("[mysqld.1]\na=1\n[mysqld.2]\n[mysqld.1]\na=2\n"), 0);
        assert_eq!(found("[mysqld.1]\na=1\nb\nA=2\n"), 1);
        assert_eq!(found("[m]\na=x\na='x'\n"), 0);
        assert_eq!(found("[m]\n#a=1\n#a=2\nplugin-load-add=x\nplugin-load-add=y\n"), 0);
    }
}
