//! What was found, for people.

use std::fmt::Write as _;

use bstr::BString;

use super::groups::Group;
use crate::triage::evidence::Stage;
use crate::triage::posthumous::examine::{Death, Examination, Weight};
use crate::triage::posthumous::vardir::FinishedRun;

/// How many places of a group are listed.
const PLACES: usize = 5;

/// Everything about one path.
pub fn text(
    finished: &FinishedRun,
    examination: &Examination,
    groups: &[Group<'_>],
    passed_over: usize,
) -> BString {
    let mut out = BString::default();
    for group in groups {
        out.extend_from_slice(head(group).as_bytes());
        out.extend_from_slice(&group.first.diagnosis.to_text());
        for death in group.others.iter().take(PLACES) {
            let test = death.test.as_ref().map(|test| format!(" ({test})")).unwrap_or_default();
            out.extend_from_slice(format!("  {:<10} {}{test}\n", "also:", place(death)).as_bytes());
        }
        if let Some(more @ 1..) = group.others.len().checked_sub(PLACES) {
            out.extend_from_slice(format!("  {:<10} {more} more\n", "also:").as_bytes());
        }
        out.push(b'\n');
    }
    out.extend_from_slice(summary(finished, examination, groups, passed_over).as_bytes());
    out
}

fn place(death: &Death) -> String {
    format!("{}:{}", death.log.display(), death.line)
}

/// `mysqld.1 died at start in test main.x: /v/log/mysqld.1.err:2`
fn head(group: &Group<'_>) -> String {
    let death = group.first;
    let what = match death.stage {
        Stage::Bootstrap => "the bootstrap failed",
        Stage::Start => "died at start",
        Stage::Running => "died while it ran",
        Stage::Stopped => "failed while it shut down",
    };
    let server = match death.stage {
        Stage::Bootstrap => String::new(),
        _ => format!("{} ", death.diagnosis.server),
    };
    let times = if group.times() > 1 { format!(" {} times", group.times()) } else { String::new() };
    let tests: Vec<String> = group.tests().iter().map(|test| test.to_string()).collect();
    let tests = match (tests.len(), death.weight) {
        (0, _) => String::new(),
        (count @ 4.., _) => format!(" in {count} tests"),
        // The test went on afterwards.
        (_, Weight::Unclear) => format!(" during {}, perhaps as the test wanted it", tests.join(", ")),
        (_, Weight::Wanted) => format!(" during {}, which passed", tests.join(", ")),
        (_, Weight::Fatal) => format!(" in {}", tests.join(", ")),
    };
    format!("{server}{what}{times}{tests}: {}\n", place(death))
}

/// What was looked at.
fn summary(
    finished: &FinishedRun,
    examination: &Examination,
    groups: &[Group<'_>],
    passed_over: usize,
) -> String {
    let dead: usize = groups.iter().map(Group::times).sum();
    let verdict = match dead {
        0 => "nothing died".to_owned(),
        1 => "1 death".to_owned(),
        _ => format!("{dead} deaths, {} causes", groups.len()),
    };
    let logs = match finished.logs.as_slice() {
        [log] => log.display().to_string(),
        logs => format!("{} error logs", logs.len()),
    };
    let mut text = format!(
        "{}: {verdict}. Looked at {} in {logs}, {} and {}.\n",
        finished.path.display(),
        counted(examination.starts, "start"),
        counted(examination.bootstraps, "bootstrap"),
        counted(examination.reports, "report") + " of sanitizers",
    );
    if passed_over > 0 {
        let _ = writeln!(
            text,
            "{} in tests that passed {} left out: they wanted that (--all names them).",
            counted(passed_over, "death"),
            if passed_over == 1 { "is" } else { "are" }
        );
    }
    text
}

fn counted(count: usize, what: &str) -> String {
    match count {
        0 => format!("no {what}s"),
        1 => format!("1 {what}"),
        _ => format!("{count} {what}s"),
    }
}
