//! The lines of the console as text: no streams, no colours, no state (runner §11.1-§11.5).
//!
//! Log collectors and CI scripts parse these lines, so each one is the reference's to the byte.
//! The deviations are those of runner §15: all of a report is printed (the reference loses what
//! follows a second ` [ word ]`), and a time of 0 ms prints as `0`.

use std::ops::Range;
use std::path::Path;

use bstr::{BString, ByteSlice, ByteVec};

use crate::event::{FailureKind, Outcome, Phase, RunEnd, TestId, Verdict};
use crate::report::standing::Standing;
use crate::report::tally::Tally;
use crate::report::text;
use crate::triage::diagnosis::Diagnosis;

/// How many tests without a verdict are named.
const MOST_NAMES: usize = 20;

/// 74 dashes.
const RULE: &str = "--------------------------------------------------------------------------";

/// The lines above the first result.
pub fn header(workers: usize, timer: bool) -> String {
    let columns = if workers > 1 { format!("TEST{:34}WORKER ", "") } else { format!("TEST{:38}", "") };
    let time = if timer { "TIME (ms) or " } else { "" };
    format!("\n{}\n\n{columns}RESULT   {time}COMMENT\n{RULE}\n\n", "=".repeat(78))
}

/// `suite.test` or `suite.test 'a,b'` (runner §5.4).
pub fn full_name(id: &TestId) -> String {
    match id.combination.as_str() {
        "" => test_name(id),
        names => format!("{} '{}'", test_name(id), text::combination(names)),
    }
}

/// `suite.test`, without the combination.
pub fn test_name(id: &TestId) -> String {
    text::name(&format!("{}.{}", id.suite, id.test))
}

/// Names of tests, `suite.test`, with blanks between.
fn test_names(tests: &[String]) -> String {
    tests.iter().map(|name| text::name(name)).collect::<Vec<_>>().join(" ")
}

/// The `worker[NN] ` prefix; empty for the supervisor.
pub fn worker_prefix(worker: Option<usize>) -> String {
    worker.map(|worker| format!("worker[{worker:02}] ")).unwrap_or_default()
}

/// A test report: the text, and where its status is, for colouring.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResultText {
    /// All lines, with the final newline.
    pub text: BString,
    /// The bytes of `[ status ]`.
    pub status: Range<usize>,
}

/// The report of one attempt. `worker` 0 and runs of one worker have no worker tag.
pub fn result(id: &TestId, outcome: &Outcome, worker: usize, workers: usize, timer: bool) -> ResultText {
    let mut text = BString::from(format!("{:<40} ", full_name(id)));
    if workers > 1 && worker > 0 {
        text.push_str(format!("w{worker} "));
    }
    let start = text.len();
    text.push_str(format!("[ {} ]", status(id, outcome.verdict)));
    let status = start..text.len();
    match outcome.verdict {
        Verdict::Pass => pass(&mut text, outcome, timer),
        Verdict::Fail | Verdict::ExpFail => fail(&mut text, outcome),
        Verdict::Skipped | Verdict::Disabled => skip(&mut text, outcome),
    }
    ResultText { text, status }
}

/// The word or words inside the brackets. A retry hides the round of `--repeat`, and skips have neither.
fn status(id: &TestId, verdict: Verdict) -> String {
    let word = match verdict {
        Verdict::Pass => "pass",
        Verdict::Fail => "fail",
        Verdict::ExpFail => "exp-fail",
        Verdict::Skipped => return "skipped".to_owned(),
        Verdict::Disabled => return "disabled".to_owned(),
    };
    if id.attempt > 1 {
        format!("retry-{word}")
    } else if id.repetition > 1 {
        format!("{} {word}", id.repetition)
    } else {
        word.to_owned()
    }
}

fn pass(text: &mut BString, outcome: &Outcome, timer: bool) {
    let time = outcome.timer_ms.filter(|_| timer).map(|ms| ms.to_string()).unwrap_or_default();
    text.push_str(format!("  {time:>5}\n"));
    if !outcome.check_report.is_empty() {
        text.push_str(text::marked(&outcome.check_report));
        text.push(b'\n');
    }
}

fn skip(text: &mut BString, outcome: &Outcome) {
    if !outcome.comment.is_empty() {
        text.push_str("  ");
        text.push_str(text::continued(&outcome.comment));
    }
    text.push(b'\n');
    if !outcome.warnings.is_empty() {
        text.push_str(text::marked(&outcome.warnings));
        text.push(b'\n');
    }
}

/// The first that applies: warnings, time-out, the rest (runner §11.3).
fn fail(text: &mut BString, outcome: &Outcome) {
    let ended = format!("        Test ended at {}\n", outcome.ended_at);
    if !outcome.warnings.is_empty() {
        text.push_str(format!("  Found warnings/errors in server log file!\n{ended}"));
        text.push_str(text::marked(&outcome.warnings));
        text.push(b'\n');
        let told = diagnoses(outcome);
        if !told.is_empty() {
            text.push_str(text::indented(&told));
            text.push(b'\n');
        }
        return;
    }
    let comment = comment(outcome);
    // Where there is a server's log the diagnoses stand above it.
    let told = if outcome.server_log.is_empty() { diagnoses(outcome) } else { BString::default() };
    if outcome.failure == Some(FailureKind::Timeout) {
        text.push_str(format!("  timeout after {} seconds\n{ended}\n", outcome.timeout_s.unwrap_or(0)));
        if !told.is_empty() {
            text.push_str(text::indented(&told));
            text.push(b'\n');
        }
        text.push_str(&comment);
        text.push(b'\n');
        return;
    }
    text.push_str(format!("\n{ended}"));
    let report = outcome.report.trim();
    for part in [text::indented(told.trim_end()), text::marked(report), comment.clone()] {
        if !part.is_empty() {
            text.push(b'\n');
            text.push_str(part);
            text.push(b'\n');
        }
    }
    if report.is_empty() && comment.is_empty() {
        text.push_str("\nUnknown result, neither 'comment' or 'logfile' set\n");
    }
}

/// What the runner has to say, with what it cites of the script, and the evidence from the server's log under it.
fn comment(outcome: &Outcome) -> BString {
    let mut comment = text::continued(&outcome.comment);
    if !comment.is_empty() {
        comment.push(b'\n');
    }
    comment.push_str(text::indented(&outcome.server_log));
    comment
}

/// The diagnoses of an attempt as text, an empty line between them; empty where no server failed.
pub fn diagnoses(outcome: &Outcome) -> BString {
    let texts: Vec<BString> = outcome.diagnoses.iter().map(Diagnosis::to_text).collect();
    bstr::join("\n", texts).into()
}

/// `Retrying test …` or `Test … has failed … times` (runner §6.5). The name has no combinations.
pub fn retry(id: &TestId, attempt: Option<u32>, of: u32, failures: u32) -> String {
    let name = test_name(id);
    match attempt {
        Some(attempt) => format!("\nRetrying test {name}, attempt({attempt}/{of})...\n\n"),
        None => format!("\nTest {name} has failed {failures} times, no more retries!\n\n"),
    }
}

/// ` - saving '…/' to '…/'` or ` - skipping '…/'`.
pub fn saved(from: &Path, to: Option<&Path>) -> String {
    match to {
        Some(to) => format!(" - saving '{}' to '{}'\n", slashed(from), slashed(to)),
        None => format!(" - skipping '{}'\n", slashed(from)),
    }
}

fn slashed(path: &Path) -> String {
    let text = path.display().to_string();
    if text.ends_with('/') { text } else { text + "/" }
}

/// The report of error-log lines written at a shutdown.
pub fn shutdown_warnings(tests: &[String], lines: &[u8], diagnoses: &[Diagnosis]) -> BString {
    let mut text = BString::from(format!(
        "***Warnings generated in error logs during shutdown after running tests: {}\n\n",
        test_names(tests)
    ));
    text.push_str(text::marked(lines));
    text.push(b'\n');
    for diagnosis in diagnoses {
        text.push_str(text::indented(&diagnosis.to_text()));
        text.push(b'\n');
    }
    text
}

/// The line that says why a run stops early, where the reference has one.
pub fn stop_line(end: RunEnd, counted_failures: usize) -> Option<String> {
    match end {
        RunEnd::TooManyFailed => Some(format!("Too many tests({counted_failures}) failed! Terminating...\n")),
        RunEnd::Timeout => Some("Test suite timeout! Terminating...\n".to_owned()),
        RunEnd::Completed | RunEnd::Failure | RunEnd::WarningsInLog | RunEnd::Interrupted => None,
    }
}

/// The final report in two parts: the reference's warning about leftover warnings (stderr) comes
/// between them.
pub struct FinalText {
    /// To the `Spent` line.
    pub counts: String,
    /// From the empty line after it.
    pub summary: String,
}

/// The end of a run. `wall_s`: whole seconds since its start.
pub fn final_report(tally: &Tally, end: RunEnd, wall_s: u64, timer: bool, times: bool) -> FinalText {
    FinalText { counts: final_counts(tally, wall_s, timer, times), summary: final_summary(tally, end) }
}

fn final_counts(tally: &Tally, wall_s: u64, timer: bool, times: bool) -> String {
    let mut text = String::new();
    if tally.completed != tally.total {
        text.push_str(&format!("\nOnly  {}  of {} completed.\n", tally.completed, tally.total));
    }
    text.push_str(RULE);
    text.push('\n');
    if times && tally.phases_complete() {
        for (phase, time) in &tally.phases {
            text.push_str(&format!(
                "Spent {} seconds on {}\n",
                short_seconds(time.as_millis()),
                phase_name(*phase)
            ));
        }
    }
    text.push_str(&format!("The servers were restarted {} times\n", tally.restarts));
    if timer {
        let spent = tally.timer_ms as f64 / 1000.0;
        text.push_str(&format!("Spent {spent:.3} of {wall_s} seconds executing testcases\n"));
    }
    if let Some((factor, why)) = &tally.longer {
        let why = why.join(", ");
        text.push_str(&format!(
            "Time-outs were {factor} times as long as usual: the server is slow ({why})\n"
        ));
    }
    text
}

fn final_summary(tally: &Tally, end: RunEnd) -> String {
    let mut text = String::from("\n");
    if !tally.check_failed.is_empty() {
        let names: Vec<&str> = tally.check_failed.iter().map(String::as_str).collect();
        text.push_str(&format!("Check of testcase failed for: {}\n\n", names.join(" ")));
    }
    text.push_str(&causes(tally));
    let prefix = prefix(end);
    let (tests, failed) = (tally.tests(), tally.failed);
    if failed == 0 && tally.missing > 0 {
        // The reference calls all of them successful.
        text.push_str(&format!(
            "{prefix}: {tests} tests were successful, {} have no verdict.\n\n",
            tally.missing
        ));
    } else if failed == 0 {
        text.push_str(&format!("{prefix}: All {tests} tests were successful.\n\n"));
    } else {
        let percent = tally.passed as f64 * 100.0 / tests as f64;
        text.push_str(&format!(
            "{prefix}: Failed {failed}/{tests} tests, {percent:.2}% were successful.\n\n\
             Failing test(s): {}\n\n\
             The log files in var/log may give you some hint of what went wrong.\n\n\
             If you want to report this error, MariaDB's bug tracker is found at\n\
             https://jira.mariadb.org\n\n",
            tally.failing.join(" ")
        ));
    }
    if !tally.shutdown_warnings.is_empty() {
        text.push_str(
            "Errors/warnings were found in logfiles during server shutdown after running the\n\
             following sequence(s) of tests:\n",
        );
        for names in &tally.shutdown_warnings {
            text.push_str(&format!("    {names}\n"));
        }
    }
    if tally.skipped > 0 {
        text.push_str(&format!(
            "{} tests were skipped, {} by the test itself.\n\n",
            tally.skipped, tally.skipped_by_test
        ));
    }
    text
}

/// Which tests were selected and have no verdict; empty where there are none. The lines stand before the reference's, where
/// readers of the console have no test's block open.
pub fn without_verdict(standing: &Standing, total: usize) -> String {
    let open: Vec<String> = standing.open().map(|open| full_name(&open.id)).collect();
    if open.is_empty() {
        return String::new();
    }
    let mut text = format!("{} of {total} tests have no verdict, which counts as failed:\n", open.len());
    for name in open.iter().take(MOST_NAMES) {
        text.push_str(&format!("  {name}\n"));
    }
    if open.len() > MOST_NAMES {
        text.push_str(&format!("  and {} more\n", open.len() - MOST_NAMES));
    }
    text.push('\n');
    text
}

/// Why servers failed: a line for each cause with the tests it hit. They stand before the reference's lines, where
/// readers of the console have no test's block open.
fn causes(tally: &Tally) -> String {
    let (mut failed, mut skipped) = (String::new(), String::new());
    for cause in &tally.causes {
        if !cause.tests.is_empty() {
            failed.push_str(&format!("  {}: {}\n", cause.text, cause.tests.join(" ")));
        }
        if let [first, rest @ ..] = cause.skipped.as_slice() {
            let more = if rest.is_empty() { String::new() } else { format!(" and {} more", rest.len()) };
            skipped.push_str(&format!("  {}: {first}{more}\n", cause.text));
        }
    }
    let mut text = String::new();
    for (heading, lines) in [("Servers failed because:", failed), ("Tests were skipped because:", skipped)] {
        if !lines.is_empty() {
            text.push_str(&format!("{heading}\n{lines}\n"));
        }
    }
    text
}

/// The reference has no summary after a signal; ours starts with `Interrupted`.
fn prefix(end: RunEnd) -> &'static str {
    match end {
        RunEnd::Completed => "Completed",
        RunEnd::Failure => "Failure",
        RunEnd::TooManyFailed => "Too many failed",
        RunEnd::WarningsInLog => "Warnings in log",
        RunEnd::Timeout => "Timeout",
        RunEnd::Interrupted => "Interrupted",
    }
}

/// The reference's name of a phase of `--report-times`.
pub fn phase_name(phase: Phase) -> &'static str {
    match phase {
        Phase::Collect => "Collecting test cases",
        Phase::Servers => "Server stop/start",
        Phase::CheckTestcase => "Check-testcase",
        Phase::CheckWarnings => "Check for warnings",
        Phase::Execution => "Test execution",
        Phase::Init => "Initialization/cleanup",
        Phase::Administration => "Test administration",
    }
}

/// Milliseconds as seconds without trailing zeros: `0`, `0.73`, `12.001`.
fn short_seconds(ms: u128) -> String {
    let text = format!("{}.{:03}", ms / 1000, ms % 1000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::report::testing::sample::{id, outcome};

    #[test]
    fn headers_follow_workers_and_timer() {
        assert!(
            header(1, true)
                .contains("\nTEST                                      RESULT   TIME (ms) or COMMENT\n")
        );
        assert!(
            header(2, true)
                .contains("\nTEST                                  WORKER RESULT   TIME (ms) or COMMENT\n")
        );
        assert!(header(1, false).contains("\nTEST                                      RESULT   COMMENT\n"));
        assert!(header(1, true).starts_with("\n======"));
        assert!(header(1, true).ends_with("----\n\n"));
    }

    #[test]
    fn a_time_of_zero_keeps_the_column() {
        let zero = Outcome { timer_ms: Some(0), ..outcome(Verdict::Pass) };
        assert_eq!(result(&id("main", "a", ""), &zero, 1, 1, true).text.len(), 41 + 8 + 2 + 5 + 1);
        assert!(result(&id("main", "a", ""), &zero, 1, 1, true).text.ends_with(b"[ pass ]      0\n"));
        let none = Outcome { timer_ms: None, ..outcome(Verdict::Pass) };
        assert!(result(&id("main", "a", ""), &none, 1, 1, true).text.ends_with(b"[ pass ]       \n"));
        let long = Outcome { timer_ms: Some(1_234_567), ..outcome(Verdict::Pass) };
        assert!(result(&id("main", "a", ""), &long, 1, 1, true).text.ends_with(b"[ pass ]  1234567\n"));
        assert!(result(&id("main", "a", ""), &long, 1, 1, false).text.ends_with(b"[ pass ]       \n"));
    }

    #[test]
    fn brackets_in_comments_are_kept() {
        let skip = Outcome { comment: "Because [ a ] and [ b ] too".into(), ..outcome(Verdict::Skipped) };
        let text = result(&id("main", "a", ""), &skip, 0, 2, true).text;
        assert!(text.ends_with(b" [ skipped ]  Because [ a ] and [ b ] too\n"));
    }

    #[test]
    fn phase_times_have_no_trailing_zeros() {
        assert_eq!(short_seconds(0), "0");
        assert_eq!(short_seconds(730), "0.73");
        assert_eq!(short_seconds(12_001), "12.001");
        assert_eq!(short_seconds(20_000), "20");
    }

    #[test]
    fn a_summary_tells_of_longer_time_outs() {
        let told = |longer| final_counts(&Tally { longer, ..Tally::default() }, 1, true, false);
        let why = vec!["a Debug build".to_owned(), "AddressSanitizer".to_owned()];
        let line = "testcases\nTime-outs were 4 times as long as usual: the server is slow (a Debug build, AddressSanitizer)\n";
        assert!(told(Some((4, why))).ends_with(line));
        assert!(!told(None).contains("Time-outs"));
    }

    #[test]
    fn a_failure_without_evidence_says_so() {
        let text = result(&id("main", "a", ""), &outcome(Verdict::Fail), 1, 1, true).text;
        assert!(text.contains_str("\n\nUnknown result, neither 'comment' or 'logfile' set\n"));
    }
}
