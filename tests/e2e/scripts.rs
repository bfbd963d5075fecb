//! The language reads every script of the installed test tree.

use std::fs;
use std::path::PathBuf;

use mtr::cli::settings::Settings;
use mtr::env::Env;
use mtr::script::input::Input;
use mtr::script::parse::parse;
use mtr::script::static_check::check;
use mtr::script::unparse::unparse;
use mtr::tree::layout::locate;

/// Every `.test` and `.inc` file of the tree that a run would use, with its text.
fn scripts() -> Vec<Input> {
    let layout = locate(&Settings::default(), &Env::of_process(), None).unwrap();
    assert!(!layout.bundled, "MariaDB's test tree is not installed");
    let files = walkdir::WalkDir::new(&layout.test_dir).follow_links(true).sort_by_file_name().into_iter();
    let is_script = |path: &PathBuf| path.extension().is_some_and(|end| end == "test" || end == "inc");
    let paths = files.filter_map(|file| file.ok().map(walkdir::DirEntry::into_path)).filter(is_script);
    let scripts: Vec<_> = paths
        .filter_map(|path| fs::read(&path).ok().map(|text| Input::new(path.display().to_string(), text)))
        .collect();
    assert!(scripts.len() > 1000, "{} holds only {} scripts", layout.test_dir.display(), scripts.len());
    scripts
}

#[test]
fn are_written_back_byte_for_byte() {
    for input in scripts() {
        let script = parse(input.clone());
        assert!(unparse(&script) == input.text(), "{} lost bytes", input.name());
        // An included file gets its delimiter from the file that includes it.
        if input.name().ends_with(b".test") {
            let problems = script.commands.iter().filter_map(|one| one.problem.as_ref());
            let problems: Vec<_> = problems.chain(&script.problem).map(ToString::to_string).collect();
            assert!(problems.is_empty(), "{}: {problems:?}", input.name());
        }
    }
}

/// What the suite does contain: names of errors that the server no longer has, commands behind an `exit`, and
/// a query without its closing backtick.
const TRUE_FINDINGS: [&str; 3] =
    ["Unknown SQL error name '", "never reached: ", "Syntax error in query, missing '`'"];

#[test]
fn have_no_fault_that_the_reference_does_not_see() {
    for input in scripts() {
        for finding in check(&input) {
            let message = &finding.message;
            let known = TRUE_FINDINGS.iter().any(|known| message.starts_with(known));
            assert!(known, "{}:{finding}", input.name());
        }
    }
}
