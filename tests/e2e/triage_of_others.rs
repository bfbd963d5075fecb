//! Logs of other people's failures, rebuilt, and how `mtr-rs triage` does on them: `docs/triage-of-others.md`.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::support::{program, shared_cache};

/// A line of `right.tsv`.
struct Report {
    number: u32,
    address: String,
    /// Codes of causes, or `unknown`.
    right: Vec<String>,
    words: String,
    /// What became of it when it was looked at first.
    first: String,
}

fn dir() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/e2e/others")
}

fn reports() -> Vec<Report> {
    let text = fs::read_to_string(dir().join("right.tsv")).unwrap();
    let fields = text.lines().filter(|line| !line.starts_with('#')).map(|line| line.split('\t'));
    fields
        .map(|mut fields| Report {
            number: fields.next().unwrap().parse().unwrap(),
            address: fields.next().unwrap().into(),
            right: fields.next().unwrap().split(' ').map(str::to_owned).collect(),
            words: fields.next().unwrap().into(),
            first: fields.next().unwrap().into(),
        })
        .collect()
}

/// The code of the cause; `unknown` where there is none or the log is refused, `nothing` where nothing is said to have died.
fn told(log: &Path, elsewhere: &Path) -> String {
    // Nothing of the checkout lies beside the log.
    let copy = elsewhere.join(log.file_name().unwrap());
    fs::copy(log, &copy).unwrap();
    let output = Command::new(program())
        .args(["triage", "--json"])
        .arg(&copy)
        .current_dir(elsewhere)
        .env("MTR_CACHE_DIR", shared_cache())
        .env_remove("MTR_BINDIR")
        .output()
        .unwrap();
    if output.status.code() == Some(3) {
        return "unknown".into();
    }
    let looked: Value = serde_json::from_slice(&output.stdout).unwrap();
    let Some(first) = looked["deaths"].as_array().and_then(|deaths| deaths.first()) else {
        return "nothing".into();
    };
    let diagnosis = &first["diagnosis"];
    match diagnosis["name"].as_str().unwrap() {
        "first-error" | "silent" => "unknown".into(),
        _ => diagnosis["code"].as_str().unwrap().into(),
    }
}

/// `right`, `unknown` or `wrong`.
fn verdict(report: &Report, told: &str) -> &'static str {
    match told {
        _ if report.right.iter().any(|right| right == told) => "right",
        "unknown" => "unknown",
        _ => "wrong",
    }
}

/// The table of the page is what is said now, beside what was said first. `UPDATE_DOCS=1` writes it.
#[test]
fn the_table_is_what_is_said() {
    let elsewhere = tempfile::tempdir().unwrap();
    let reports = reports();
    assert_eq!(reports.len(), 20);
    let mut table = String::from("| log | report | right is | first | now |\n|---|---|---|---|---|\n");
    let mut sums = [[0; 3]; 2];
    let verdicts = ["right", "unknown", "wrong"];
    for report in &reports {
        let file = format!("{:02}.err", report.number);
        let told = told(&dir().join(&file), elsewhere.path());
        let now = verdict(report, &told);
        for (sum, verdict) in sums.iter_mut().zip([report.first.as_str(), now]) {
            sum[verdicts.iter().position(|known| *known == verdict).unwrap()] += 1;
        }
        let Report { address, words, first, .. } = report;
        writeln!(table, "| `{file}` | <{address}> | {words} | {first} | {now} ({told}) |").unwrap();
    }
    for (when, [right, unknown, wrong]) in ["at first", "now"].iter().zip(sums) {
        write!(table, "\n{when}: {right} right, {unknown} unknown, {wrong} wrong.\n").unwrap();
    }
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/triage-of-others.md");
    let text = fs::read_to_string(&page).unwrap();
    let (begin, end) = ("<!-- table -->\n\n", "\n<!-- end of table -->");
    let from = text.find(begin).unwrap() + begin.len();
    let to = text.find(end).unwrap();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        fs::write(&page, format!("{}{table}{}", &text[..from], &text[to..])).unwrap();
        return;
    }
    assert_eq!(&text[from..to], table, "UPDATE_DOCS=1 cargo test --test e2e triage_of_others");
}
