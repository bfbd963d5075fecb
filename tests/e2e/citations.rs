//! Comments cite the descriptions of the reference as `runner §N` and `mysqltest §N`: each section is there.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// The documents, by the word in front of a citation: `docs/spec/NAME.md`.
const DOCUMENTS: [&str; 2] = ["runner", "mysqltest"];

/// The sign of a section, and what a citation of one begins with.
const SIGN: char = '§';

/// The numbers of a document's sections: those of its headings.
fn sections(text: &str) -> BTreeSet<String> {
    let headings = text.lines().filter_map(|line| line.strip_prefix('#'));
    headings.filter_map(|heading| number(heading.trim_start_matches('#').trim_start())).collect()
}

/// The number that `text` begins with: `4` or `4.5`.
fn number(text: &str) -> Option<String> {
    let length = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let number = text[..length].trim_end_matches('.');
    (!number.is_empty()).then(|| number.to_owned())
}

/// Every citation in `text`: its line, the word before it where that is a document's, and the section. What is
/// cited together (`§1.2, §3`, `§1 to §3`, also over two lines of a comment) belongs to one document.
fn citations(text: &str) -> Vec<(usize, Option<&str>, String)> {
    let mut found: Vec<(usize, Option<&str>, String)> = Vec::new();
    let mut end = 0;
    for (at, _) in text.match_indices(SIGN) {
        let Some(number) = number(&text[at + SIGN.len_utf8()..]) else { continue };
        let between = |c: char| c.is_whitespace() || "/!,.;-–".contains(c);
        let words = text[end..at].split(between).filter(|word| !word.is_empty());
        let goes_on = !found.is_empty() && words.clone().all(|word| ["to", "and", "or"].contains(&word));
        let before = text[..at].trim_end_matches(between);
        let named = DOCUMENTS.into_iter().find(|name| before.to_lowercase().ends_with(name));
        let document =
            named.or_else(|| found.last().filter(|_| goes_on).and_then(|(_, document, _)| *document));
        end = at + SIGN.len_utf8() + number.len();
        found.push((text[..at].matches('\n').count() + 1, document, number));
    }
    found
}

#[test]
fn every_section_that_is_cited_is_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let specs = root.join("docs/spec");
    let known: BTreeMap<&str, BTreeSet<String>> = DOCUMENTS
        .into_iter()
        .map(|name| (name, sections(&fs::read_to_string(specs.join(format!("{name}.md"))).unwrap())))
        .collect();
    let (mut wrong, mut count) = (Vec::new(), 0);
    let places =
        ["src", "tests", "docs", "fuzz/fuzz_targets", "CONTRIBUTING.md", "CHANGELOG.md", "README.md"];
    for entry in places.iter().flat_map(|place| walkdir::WalkDir::new(root.join(place))) {
        let path = entry.unwrap().into_path();
        let Ok(text) = fs::read_to_string(&path) else { continue };
        // A description that cites a section means one of its own; this file has examples.
        let own = DOCUMENTS.into_iter().find(|name| path == specs.join(format!("{name}.md")));
        if path.ends_with(file!()) {
            continue;
        }
        for (line, document, section) in citations(&text) {
            count += 1;
            let place = format!("{}:{line}: §{section}", path.strip_prefix(root).unwrap().display());
            match document.or(own) {
                None => wrong.push(format!("{place}: of which document?")),
                Some(name) if !known[name].contains(&section) => {
                    wrong.push(format!("{place} is not in docs/spec/{name}.md"))
                }
                Some(_) => {}
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
    assert!(count > 300, "only {count} citations were found");
}

#[test]
fn citations_are_told_from_text() {
    let of = |text| {
        let found = citations(text).into_iter();
        found
            .map(|(line, document, section)| format!("{line} {} {section}", document.unwrap_or("?")))
            .collect()
    };
    let cases: [(&str, &[&str]); 8] = [
        ("(runner §4.2).", &["1 runner 4.2"]),
        ("Runner §5.3: a", &["1 runner 5.3"]),
        ("/// (mysqltest\n/// §9.8). x", &["2 mysqltest 9.8"]),
        ("(runner §2–§6.1, §8\n    //! and §9)", &["1 runner 2", "1 runner 6.1", "1 runner 8", "2 runner 9"]),
        ("runner §1, mysqltest §2, §3", &["1 runner 1", "1 mysqltest 2", "1 mysqltest 3"]),
        ("runner §1 is so. See §2", &["1 runner 1", "1 ? 2"]),
        ("spec §1", &["1 ? 1"]),
        ("`runner §N`, § 4", &[]),
    ];
    for (text, expected) in cases {
        let found: Vec<String> = of(text);
        assert_eq!(found, expected, "{text}");
    }
}

#[test]
fn sections_are_headings() {
    let found = sections("# T\n# 1. A\n## 1.2 B\n### 12.3 C\ntext §4\n#5\n");
    assert_eq!(found.into_iter().collect::<Vec<_>>(), ["1", "1.2", "12.3", "5"]);
}
