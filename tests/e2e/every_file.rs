//! No test may be forgotten: every file of this program is part of it.

use std::fs;
use std::path::Path;

/// `autotests` is off and Rust compiles only what a `mod` line names.
#[test]
fn is_a_module() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/e2e");
    for (dir, names) in [(root.clone(), "main.rs"), (root.join("support"), "mod.rs")] {
        let declared = fs::read_to_string(dir.join(names)).unwrap();
        for entry in fs::read_dir(&dir).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            let Some(module) = name.strip_suffix(".rs").filter(|_| name != names) else { continue };
            let line = format!("mod {module};");
            assert!(declared.lines().any(|l| l.ends_with(&line)), "{names} does not have '{line}'");
        }
    }
}

/// A test that returns early counts as passed: it says that it was skipped, and why, through `tests/skip.rs`.
#[test]
fn says_when_a_test_is_left() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/e2e");
    let mut left = Vec::new();
    for entry in walkdir::WalkDir::new(&root) {
        let path = entry.unwrap().into_path();
        if path.extension().is_none_or(|ending| ending != "rs") || path.starts_with(root.join("support")) {
            continue;
        }
        let text = fs::read_to_string(&path).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        for (at, line) in lines.iter().enumerate() {
            let bare =
                line.trim() == concat!("return", ";") || line.contains(concat!("return e", "println!"));
            // What root alone can do is told by the question itself; documents that are written anew are no test.
            let told = |line: &&str| line.contains("root_is_there(") || line.contains("UPDATE_DOCS");
            if bare && !lines[at.saturating_sub(3)..at].iter().any(told) {
                left.push(format!("{}:{}", path.display(), at + 1));
            }
        }
    }
    assert!(left.is_empty(), "return through skip(): {left:?}");
}
