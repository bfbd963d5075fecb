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
