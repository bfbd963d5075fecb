//! `docs/triage.md`: its table of causes is the catalogue, and its other parts name what there is.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use mtr::triage::catalogue::{CAUSES, Rank, by_code};
use similar::TextDiff;

use crate::support::sample;

const BEGIN: &str = "<!-- causes: made by UPDATE_DOCS=1 cargo test --test e2e triage_docs -->\n";
const END: &str = "<!-- end of causes -->\n";

fn docs(name: &str) -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/docs")).join(name)
}

/// The codes that have a page.
fn pages() -> BTreeSet<String> {
    let entries = fs::read_dir(docs("triage")).into_iter().flatten().flatten();
    let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
    names.filter_map(|name| name.strip_suffix(".md").map(str::to_owned)).collect()
}

fn table() -> String {
    let mut text = String::from("\n| code | name | what it is | kind |\n|---|---|---|---|\n");
    for cause in CAUSES {
        let code = format!("[{0}](triage/{0}.md)", cause.code);
        let kind = match cause.rank {
            Rank::Death => "death",
            Rank::Refusal => "refusal",
            Rank::Setback => "setback",
            Rank::Consequence => "consequence",
            Rank::General => "general",
        };
        text += &format!("| {code} | {} | {} | {kind} |\n", cause.name, cause.title.replace('|', "\\|"));
    }
    text + "\n"
}

#[test]
fn the_table_is_the_catalogue() {
    let file = docs("triage.md");
    let text = fs::read_to_string(&file).unwrap();
    let (head, rest) = text.split_once(BEGIN).unwrap();
    let (_, tail) = rest.split_once(END).unwrap();
    let updated = format!("{head}{BEGIN}{}{END}{tail}", table());
    if std::env::var_os("UPDATE_DOCS").is_some() {
        fs::write(&file, &updated).unwrap();
        return;
    }
    let difference = TextDiff::from_lines(&text, &updated).unified_diff().to_string();
    assert!(difference.is_empty(), "UPDATE_DOCS=1 cargo test --test e2e triage_docs\n{difference}");
}

/// Causes that no end-to-end test brings about: a kill for want of memory would hit the tests themselves, and the
/// last two are for what no rule knows. They have unit tests.
const UNIT_TESTS_ONLY: [&str; 3] = ["MTR-S073", "MTR-S103", "MTR-S104"];

#[test]
fn every_cause_has_a_page_and_a_test_that_brings_it_about() {
    let tests = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/e2e"));
    let files = walkdir::WalkDir::new(tests).into_iter().flatten();
    let sources = files.filter(|file| file.path().extension().is_some_and(|end| end == "rs"));
    let text: String = sources
        .filter(|file| file.file_name() != "triage_docs.rs")
        .map(|file| fs::read_to_string(file.path()).unwrap())
        .collect();
    let pages = pages();
    for cause in CAUSES {
        assert!(pages.contains(cause.code), "no page of {}", cause.code);
        let tested = text.contains(&format!("\"{}\"", cause.code));
        assert_ne!(tested, UNIT_TESTS_ONLY.contains(&cause.code), "{}", cause.code);
    }
}

#[test]
fn every_page_is_of_a_cause_and_has_its_title() {
    for code in pages() {
        let cause = by_code(&code).unwrap_or_else(|| panic!("there is no cause {code}"));
        let text = fs::read_to_string(docs("triage").join(format!("{code}.md"))).unwrap();
        let heading = text.lines().next().unwrap_or_default();
        assert!(heading.starts_with(&format!("# {code}: ")), "{code}: {heading}");
        assert!(heading.contains(cause.title), "{code}: {heading}, but it is: {}", cause.title);
    }
}

/// Causes whose samples no run is compared with: nobody brings them about on purpose, or they are told of beside another cause or
/// before there is a report.
const UNSAMPLED: [&str; 8] =
    ["MTR-S066", "MTR-S070", "MTR-S073", "MTR-S096", "MTR-S099", "MTR-S101", "MTR-S103", "MTR-S104"];

/// Every page shows what a run says, and a test compares the two.
#[test]
fn the_sample_of_every_page_is_of_a_run() {
    let tests = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/e2e"));
    let files = walkdir::WalkDir::new(tests).into_iter().flatten();
    let sources = files.filter(|file| file.path().extension().is_some_and(|end| end == "rs"));
    let text: String = sources.map(|file| fs::read_to_string(file.path()).unwrap()).collect();
    for cause in CAUSES {
        let code = cause.code;
        let page = fs::read_to_string(sample::page(code)).unwrap();
        let compared =
            [".page(", "is_on_page("].iter().any(|call| text.contains(&format!("{call}\"{code}\"")));
        assert_ne!(compared, UNSAMPLED.contains(&code), "{code}");
        let Some(range) = sample::sample(&page).filter(|_| compared) else { continue };
        let first = page[range].lines().find(|line| line.trim_start().starts_with("cause:"));
        assert!(first.is_some_and(|line| line.ends_with(&format!("[{code}]"))), "{code}: {first:?}");
    }
}
