//! The `.rdiff` files of the installed test suites, and GNU patch, which the reference calls for them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use mtr::cli::settings::Settings;
use mtr::env::Env;
use mtr::grammar::rdiff;
use mtr::tree::layout::locate;

use crate::skip::skip;

/// The result file that a diff is for: that of its name up to the combinations, in its own
/// directory.
fn base_of(diff: &Path) -> Option<PathBuf> {
    let name = diff.file_stem()?.to_str()?;
    let beside =
        |name: &str| Some(diff.with_file_name(format!("{name}.result"))).filter(|path| path.exists());
    // The longest name wins: a base may be of a combination itself.
    let mut name = name.to_owned();
    loop {
        name.truncate(name.rfind(',')?);
        if let Some(base) = beside(&name) {
            return Some(base);
        }
    }
}

#[test]
fn are_applied_as_patch_does_it() {
    if Command::new("patch").arg("--version").output().is_err() {
        return skip("patch is not installed");
    }
    let suites = locate(&Settings::default(), &Env::of_process(), None).unwrap().test_dir;
    let dir = tempfile::tempdir().unwrap();
    let (out, rejected) = (dir.path().join("out"), dir.path().join("rejected"));
    let mut compared = 0;
    for entry in walkdir::WalkDir::new(&suites).sort_by_file_name() {
        let diff = entry.unwrap().into_path();
        if diff.extension().is_none_or(|ending| ending != "rdiff") {
            continue;
        }
        let text = fs::read(&diff).unwrap();
        // Each of them is a diff, also where its base is another suite's.
        rdiff::misfits(b"", &text, &diff).unwrap();
        let Some(base) = base_of(&diff) else { continue };
        let of_base = fs::read(&base).unwrap();
        let ours = rdiff::apply(&of_base, &text, &diff).unwrap();
        let _ = fs::remove_file(&out);
        let mut patch = Command::new("patch");
        patch.args(["--batch", "--silent", "--no-backup-if-mismatch"]);
        patch.arg("-o").arg(&out).arg("-r").arg(&rejected).arg(&base).arg(&diff);
        let output = patch.output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let theirs = fs::read(&out).unwrap_or_default();
        assert!(ours == theirs, "{} for {}: {said}", diff.display(), base.display());
        compared += 1;
    }
    assert!(compared > 0, "no diff has a base in {}", suites.display());
    println!("{compared} diffs compared");
}
