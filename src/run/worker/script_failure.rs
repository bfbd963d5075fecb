//! What kind of failure a script's report tells of, and where it happened (mysqltest §13.1).
//!
//! Any engine's words are read, not only our interpreter's: the place and the message stand in the report in the
//! reference's form. Our own `--explain` names the file and the line as well.

use std::path::{Path, PathBuf};

use bstr::{BStr, ByteSlice};

use crate::event::{FailureKind, Place};
use crate::run::worker::whereabouts::parse_place;

/// Beginnings of messages that find fault with the script itself.
const MALFORMED: &[&str] = &[
    "Bad variable in eval",
    "Calling 'sync_with_master'",
    "Can't initialize replace",
    "Can't set empty delimiter",
    "Cannot perform inc/dec",
    "Cannot reap on a connection",
    "Cannot run query on connection between",
    "Could not find",
    "Could not open '",
    "Could not open file ",
    "Empty variable",
    "End of file encountered",
    "End of line junk",
    "Error parsing replace_regex",
    "Evaluation error",
    "Expression ",
    "Extra ",
    "Illegal ",
    "Invalid argument to ",
    "Invalid integer argument",
    "Invalid row number",
    "Mismatched ",
    "Missing ",
    "Nesting too deeply",
    "Only == and != are supported",
    "Parsing is already",
    "Range error",
    "Regex error",
    "Source directives are nesting",
    "Spurious text",
    "Statement is unterminated",
    "Stray ",
    "Syntax error",
    "Test ended with parsing disabled",
    "The argument to ",
    "The error name",
    "The sqlstate",
    "Too long variable name",
    "Too many ",
    "Trailing characters",
    "Type error",
    "Unknown ",
    "Unterminated ",
    "Wrong ",
    "You must write a 4 digit octal",
    "missing ",
];

/// What `report`, the text that the script of `test_file` left, tells of its failure.
pub fn of(report: &[u8], test_file: &Path) -> (FailureKind, Place) {
    let in_test = || Place { file: test_file.to_owned(), line: None };
    let last = report.trim_end().lines().next_back().unwrap_or_default();
    if [&b"Result content mismatch"[..], b"Result length mismatch"].contains(&last.trim()) {
        return (FailureKind::Result, in_test());
    }
    let explained = report.lines().rev().find_map(|line| explained(line.as_bstr()));
    let said = said(report);
    let place =
        explained.or_else(|| said.as_ref().and_then(|said| said.place(test_file))).unwrap_or_else(in_test);
    (said.map_or(FailureKind::Other, |said| kind(said.message)), place)
}

/// The kind of failure that a message of the script engine is about.
fn kind(message: &BStr) -> FailureKind {
    let starts = |words: &&str| message.starts_with(words.as_bytes());
    if message.starts_with(b"query '") || message.starts_with(b"Warning count is ") {
        return FailureKind::Statement;
    }
    if MALFORMED.iter().any(starts) || message.contains_str("not found in connection pool") {
        FailureKind::ScriptError
    } else {
        FailureKind::Other
    }
}

/// The place in a line of our interpreter: `mtr-rs: FILE:LINE`.
fn explained(line: &BStr) -> Option<Place> {
    parse_place(line.strip_prefix(b"mtr-rs: ")?)
}

/// The last message of the script engine.
struct Said<'a> {
    /// The included file it is about.
    file: Option<&'a BStr>,
    line: Option<u32>,
    message: &'a BStr,
}

impl Said<'_> {
    fn place(&self, test_file: &Path) -> Option<Place> {
        let file = self
            .file
            .map_or_else(|| test_file.to_owned(), |file| PathBuf::from(file.to_os_str_lossy().into_owned()));
        self.line.map(|line| Place { file, line: Some(line) })
    }
}

fn said(report: &[u8]) -> Option<Said<'_>> {
    const START: &[u8] = b"mysqltest: ";
    let at = match report.rfind(b"\nmysqltest: ") {
        Some(newline) => newline + 1,
        None if report.starts_with(START) => 0,
        None => return None,
    };
    let mut rest = &report[at + START.len()..];
    let mut file = None;
    if let Some(after) = rest.strip_prefix(b"In included file \"") {
        let end = after.find_byte(b'"')?;
        file = Some(after[..end].as_bstr());
        rest = after[end..].split_once_str("\n").map_or(&b""[..], |(_, rest)| rest);
        while let Some(after) = rest.strip_prefix(b"included from ") {
            rest = after.split_once_str("\n").map_or(&b""[..], |(_, rest)| rest);
        }
    }
    let mut line = None;
    if let Some((number, after)) = rest.strip_prefix(b"At line ").and_then(|rest| rest.split_once_str(": ")) {
        line = number.to_str().ok().and_then(|number| number.parse().ok());
        rest = after;
    }
    Some(Said { file, line, message: rest.as_bstr() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(report: &str) -> (FailureKind, String, Option<u32>) {
        let (kind, place) = of(report.as_bytes(), Path::new("t/a.test"));
        (kind, place.file.display().to_string(), place.line)
    }

    #[test]
    fn a_statement_that_failed_has_its_line() {
        let report = "CURRENT_TEST: main.a\nmysqltest: At line 12: query 'select x' failed: ER_BAD_FIELD_ERROR \
                      (1054): Unknown column\n";
        assert_eq!(told(report), (FailureKind::Statement, "t/a.test".into(), Some(12)));
        let succeeded =
            "mysqltest: At line 2: query 'select 1' succeeded - should have failed with error 1064...\n";
        assert_eq!(told(succeeded), (FailureKind::Statement, "t/a.test".into(), Some(2)));
    }

    #[test]
    fn an_included_file_is_named() {
        let report = "mysqltest: In included file \"./include/x.inc\": \nincluded from ./t/y.inc at line 2:\n\
                      included from t/a.test at line 7:\nAt line 3: Missing end of block\n\nThe result from queries \
                      just before the failure was:\nAt line 9: x\n";
        assert_eq!(told(report), (FailureKind::ScriptError, "./include/x.inc".into(), Some(3)));
    }

    #[test]
    fn the_explanation_of_our_interpreter_comes_first() {
        let report = "mysqltest: At line 5: query 'x\ny' failed: ER_PARSE_ERROR (1064)\n\nWarnings from just before \
                      the error:\nmtr-rs: /s/t:1/b.inc:4\n    4 | x\n  included from /s/t/a.test:5\n";
        assert_eq!(told(report), (FailureKind::Statement, "/s/t:1/b.inc".into(), Some(4)));
    }

    #[test]
    fn a_result_that_differs_has_no_line() {
        for words in ["content", "length"] {
            let report = format!(
                "--- a.result\n+++ a.reject\n-1\n+mysqltest: At line 3: x\n\nResult {words} mismatch\n"
            );
            assert_eq!(told(&report), (FailureKind::Result, "t/a.test".into(), None));
        }
    }

    #[test]
    fn what_the_script_says_itself_is_something_else() {
        let other = |message: &str| told(&format!("mysqltest: At line 4: {message}\n"));
        for message in ["This test needs more", "command \"false\" failed with error: 1. my_errno: 2."] {
            assert_eq!(other(message), (FailureKind::Other, "t/a.test".into(), Some(4)), "{message}");
        }
        for message in ["Unknown command 'x'", "End of line junk detected: \"y\"", "Missing delimiter"] {
            assert_eq!(other(message).0, FailureKind::ScriptError, "{message}");
        }
        assert_eq!(told(""), (FailureKind::Other, "t/a.test".into(), None));
        assert_eq!(told("not ok 1\n"), (FailureKind::Other, "t/a.test".into(), None));
    }

    #[test]
    fn faults_that_the_language_finds_are_errors_of_the_script() {
        use crate::script::input::Input;
        use crate::script::static_check;
        for script in ["--source\n", "if ($x) {\n", "--let x\n", "--exec\n", "}\n", "--error\n"] {
            let found = static_check::check(&Input::new("a.test", script));
            let first = found.first().map(|fault| fault.message.as_str()).unwrap_or_default();
            assert_eq!(kind(first.into()), FailureKind::ScriptError, "{script}: {first}");
        }
    }
}
