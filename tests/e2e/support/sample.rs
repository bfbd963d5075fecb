//! The samples on the pages of causes: each is what a run of a test said, and is compared with it.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::server_version;

/// The series of servers that the samples are of; others have other words.
const SERIES: u32 = 1011;

/// The page of a cause.
pub fn page(code: &str) -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/triage")).join(format!("{code}.md"))
}

/// Where the first sample of a page begins and ends, fences left out.
pub fn sample(text: &str) -> Option<std::ops::Range<usize>> {
    let start = text.find("```text\n")? + "```text\n".len();
    let end = start + text[start..].find("```")?;
    Some(start..end)
}

/// The diagnosis is the sample on the page of this code: cause, place and fix word by word, and all evidence of the sample.
/// `root` is the directory of the test, which a sample does not name. `UPDATE_DOCS=1` makes the sample anew.
#[track_caller]
pub fn is_on_page(code: &str, diagnosis: &Value, root: &Path) {
    assert_eq!(diagnosis["code"], code, "{diagnosis:#}");
    if server_version() / 100 != SERIES {
        return;
    }
    let file = page(code);
    let text = fs::read_to_string(&file).unwrap();
    let range = sample(&text).unwrap_or_else(|| panic!("no sample in {}", file.display()));
    let said = rendered(diagnosis, root);
    let shown: Vec<String> = text[range.clone()].lines().map(plain).collect();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        if shown != said.iter().map(|line| plain(line)).collect::<Vec<_>>() {
            let lines: String = said.iter().map(|line| format!("  {line}\n")).collect();
            fs::write(&file, format!("{}{lines}{}", &text[..range.start], &text[range.end..])).unwrap();
        }
        return;
    }
    let said: Vec<String> = said.iter().map(|line| plain(line)).collect();
    let of = |lines: &[String], labels: &[&str]| -> Vec<String> {
        lines.iter().filter(|line| labels.iter().any(|label| line.starts_with(label))).cloned().collect()
    };
    let firm = ["cause:", "from:", "fix:"];
    assert_eq!(of(&shown, &firm), of(&said, &firm), "the sample in {} is of another run", file.display());
    for line in of(&shown, &["evidence:"]) {
        // Stacks and lists of processes are those of one machine.
        if line == "evidence: stack:" {
            break;
        }
        assert!(said.contains(&line), "{line:?} of {} is not in {said:#?}", file.display());
    }
}

/// The lines of a diagnosis as people see them, without the directory of the test.
fn rendered(diagnosis: &Value, root: &Path) -> Vec<String> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let sure = if diagnosis["confidence"] == "likely" { "likely: " } else { "" };
    let mut lines =
        vec![format!("cause:     {sure}{} [{}]", text(&diagnosis["cause"]), text(&diagnosis["code"]))];
    if !diagnosis["culprit"].is_null() {
        let culprit = &diagnosis["culprit"];
        lines.push(format!("from:      {}: {}", text(&culprit["origin"]), text(&culprit["text"])));
    }
    lines.extend(text(&diagnosis["fix"]).lines().map(|line| format!("fix:       {line}")));
    for quote in diagnosis["evidence"].as_array().into_iter().flatten() {
        lines.extend(text(&quote["text"]).lines().map(|line| format!("evidence:  {line}")));
    }
    let root = root.display().to_string().trim_end_matches('/').to_owned();
    // Debug information names the sources of the tests by their place in the checkout.
    let sources = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/e2e/").to_owned();
    let names =
        [(format!("{root}/var"), "VAR"), (format!("{root}/own"), "own"), (root, "DIR"), (sources, "")];
    names
        .iter()
        .fold(lines, |lines, (path, name)| lines.iter().map(|line| line.replace(path, name)).collect())
}

/// Without the six characters by chance in names of temporary files and directories: `.tmpAb12Cd`, `/ibAb12Cd`.
fn without_chance(text: &str) -> String {
    let mut text = text.to_owned();
    for start in ["/.tmp", "/ib"] {
        let mut from = 0;
        while let Some(at) = text[from..].find(start).map(|at| from + at + start.len()) {
            from = at;
            let name: usize = text[at..].chars().take_while(char::is_ascii_alphanumeric).count();
            if name == 6 {
                text.replace_range(at..at + name, "X");
            }
        }
    }
    text
}

/// A line without what differs from run to run: times, long numbers, names by chance, blanks, and the command lines of processes.
fn plain(line: &str) -> String {
    let mut words: Vec<&str> = line.split_whitespace().collect();
    for at in 1..words.len() {
        let seconds = words[at].trim_end_matches(|c: char| c.is_ascii_punctuation()) == "s";
        if seconds && words[at - 1].bytes().all(|byte| byte.is_ascii_digit()) {
            words[at - 1] = "N";
        }
    }
    let mut out = String::new();
    let mut digits = String::new();
    let mut text = without_chance(&words.join(" "));
    if let Some(from) = text.find("server_uid ").map(|at| at + "server_uid ".len()) {
        let length = text[from..].find(' ').unwrap_or(text.len() - from);
        text.replace_range(from..from + length, "N");
    }
    // Of a name that nobody has: a machine without network says the other.
    text = text
        .replace("Temporary failure in name resolution", "Name or service not known")
        .replace(": -3 (", ": -2 (");
    // Servers of root alone have it.
    text = text.replace(" --user=root", "");
    if let Some(at) = text.find(".err:").map(|at| at + ".err:".len()) {
        // Before it stand warnings that are root's alone.
        let length = text[at..].bytes().take_while(u8::is_ascii_digit).count();
        text.replace_range(at..at + length, "N");
    }
    // A process may have a short number.
    for word in ["by process ", "end process "] {
        if let Some(at) = text.find(word).map(|at| at + word.len()) {
            let length = text[at..].bytes().take_while(u8::is_ascii_digit).count();
            text.replace_range(at..at + length, "N");
        }
    }
    // Which of two servers comes first is chance.
    text = text.replace("mysqld.2 and mysqld.1 both", "mysqld.1 and mysqld.2 both");
    if let Some(at) = text.find("process ").filter(|_| !text.starts_with("fix:")) {
        let command = [": ", " ("].iter().filter_map(|sign| text[at..].find(sign)).min();
        let end = text.rfind(" [MTR-").unwrap_or(text.len());
        if let Some(from) = command.map(|command| at + command).filter(|from| *from < end) {
            text.replace_range(from..end, "");
        }
    }
    for c in text.chars().chain(['\0']) {
        if c.is_ascii_digit() || (!digits.is_empty() && ":-.".contains(c)) {
            digits.push(c);
            continue;
        }
        let tail = digits.trim_end_matches([':', '-', '.']).len();
        let (number, rest) = digits.split_at(tail);
        out += if number.len() > 3 { "N" } else { number };
        out += rest;
        digits.clear();
        if c != '\0' {
            out.push(c);
        }
    }
    out
}
