//! What valgrind has to say when a server ends: memory lost over all tests of that server (runner §10.8).

use bstr::{BString, ByteSlice};

/// What valgrind wrote when a server ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ValgrindReport {
    /// The tests since the server before it started to end.
    pub tests: Vec<String>,
    /// The report, without valgrind's marks.
    pub text: BString,
}

/// The reports in an error log with the given text that are worth showing: with errors, or
/// with memory that is lost. Each has the tests since the server before it started to end.
pub fn reports(log: &[u8]) -> Vec<ValgrindReport> {
    let mut reports = Vec::new();
    let mut tests: Vec<&[u8]> = Vec::new();
    let mut text: Option<BString> = None;
    for line in log.lines_with_terminator().chain([&b"CURRENT_TEST: \n"[..]]) {
        if let Some(test) = line.strip_prefix(b"CURRENT_TEST: ") {
            if let Some(text) = text.take() {
                if is_bad(&text) {
                    let tests = tests.iter().map(|test| test.to_str_lossy().into_owned()).collect();
                    reports.push(ValgrindReport { tests, text });
                }
                tests.clear();
            }
            tests.push(test.trim_end());
            continue;
        }
        let said = without_pid(line);
        if text.is_none() && said.is_some_and(|said| said.contains_str(" SUMMARY:")) {
            text = Some(BString::default());
        }
        if let Some(text) = &mut text {
            text.extend_from_slice(said.unwrap_or(line));
        }
    }
    reports
}

/// The line without valgrind's `==4711== `; `None` for a line that is not valgrind's.
fn without_pid(line: &[u8]) -> Option<&[u8]> {
    let rest = line.strip_prefix(b"==")?;
    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    rest[digits..].strip_prefix(b"== ").filter(|_| digits > 0)
}

/// A number other than zero behind one of the words that mean trouble.
fn is_bad(text: &[u8]) -> bool {
    ["ERROR SUMMARY: ", "definitely lost: ", "possibly lost: "].iter().any(|words| {
        text.find_iter(words).any(|at| text.get(at + words.len()).is_some_and(|b| (b'1'..=b'9').contains(b)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_losses_are_shown() {
        let log = b"CURRENT_TEST: main.a\nx\n==7== HEAP SUMMARY:\n==7==   in use\nCURRENT_TEST: main.b\n\
                    CURRENT_TEST: main.c\n==8== LEAK SUMMARY:\n==8==    definitely lost: 8,000 bytes\nend\n";
        let text = "LEAK SUMMARY:\n   definitely lost: 8,000 bytes\nend\n".into();
        assert_eq!(reports(log), [ValgrindReport { tests: vec!["main.b".into(), "main.c".into()], text }]);
    }

    #[test]
    fn zero_is_no_loss() {
        let log = b"CURRENT_TEST: a\n==1== ERROR SUMMARY: 0 errors\n==1== possibly lost: 0 bytes\n";
        assert!(reports(log).is_empty());
        assert_eq!(reports(&log.replace("0 errors", "3 errors")).len(), 1);
    }
}
