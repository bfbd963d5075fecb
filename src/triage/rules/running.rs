//! During and after a test: time-outs, shutdowns, lines that nothing suppresses, and failures of scripts whose cause
//! is the server's.

use bstr::{BStr, BString, ByteSlice};

use crate::triage::catalogue::{
    RUN_HANG, RUN_MISSING_PLUGIN, RUN_RESTARTED, RUN_SHUTDOWN, RUN_VALGRIND, RUN_WARNINGS,
};
use crate::triage::crash::{assertion_words, read};
use crate::triage::diagnosis::signal_name;
use crate::triage::evidence::{Evidence, ExitKind, Stage, Statement, TestFacts};
use crate::triage::finding::Rule;
use crate::triage::finding::{Finding, Quote};
use crate::triage::log::{Entry, Level, entries};
use crate::triage::sanitizer::parse::process_prefix;
use crate::triage::sanitizer::valgrind;
use crate::triage::scene::Scene;
use crate::triage::stack::{Frame, culprit, folded};

/// The rules of this file.
pub const RULES: &[Rule] = &[shutdown, hang, valgrind_errors, warnings];

/// Those about lines that failed a test.
pub const LINES: &[Rule] = &[valgrind_errors, warnings];

/// What may make a script fail though it is right: asked where a result differs or a command failed, and nothing else
/// is asked then, as logs of tests are full of errors that are meant.
pub const SCRIPT_RULES: &[Rule] = &[crashed_and_restarted, missing_plugin];

fn test<'a>(scene: &Scene<'a>) -> Option<&'a TestFacts> {
    scene.evidence.test.as_ref().filter(|_| scene.evidence.stage == Stage::Running)
}

fn shutdown<'a>(scene: &Scene<'a>) -> Option<Finding<'a>> {
    if scene.evidence.stage != Stage::Running || !matches!(scene.evidence.exit, ExitKind::Status(0)) {
        return None;
    }
    let entry = scene.log.iter().rev().copied().find(|entry| entry.says("Normal shutdown"));
    let Some(entry) = entry else {
        let text = "the server ended with exit status 0 and without a word during the test";
        return Some(Finding::new(RUN_SHUTDOWN, text).seen("exit status 0").likely());
    };
    let by = entry.between("(initiated by: ", ")").filter(|by| *by != "unknown");
    // So the server calls the statements of its --init-file, which say more.
    let own = by.is_some_and(|by| by.starts_with(b"[boot]"));
    let (by, fix) = match by {
        Some(by) => (
            format!("{by} shut the server down with SHUTDOWN"),
            "a test that stops a server says so first: write `wait` or `restart` to \
             $MYSQLTEST_VARDIR/tmp/mysqld.N.expect (include/shutdown_mysqld.inc does)",
        ),
        None => (
            "the server was told to shut down by SIGTERM".to_owned(),
            "look for who sent the signal: a script of the test, another run, a supervisor of the machine",
        ),
    };
    let finding = Finding::new(RUN_SHUTDOWN, format!("{by} during the test")).quoting([entry]).fix(fix);
    Some(if own { finding.following() } else { finding })
}

/// The test did not end: what the script, and what the servers, wait for.
fn hang<'a>(scene: &Scene<'a>) -> Option<Finding<'a>> {
    let test = test(scene).filter(|_| scene.evidence.timed_out)?;
    // The one that waits longest for something is what the others wait for, if not a sleep of its own.
    let busy = test.statements.iter().max_by_key(|statement| number(statement.seconds.as_bstr()));
    let text = match (test.programs.first(), busy, &test.last_line) {
        (Some(program), _, _) => format!("the script waits for a program: {program}"),
        (None, Some(statement), _) => {
            let state = match statement.state.as_slice() {
                b"" => String::new(),
                _ => format!(" ({})", statement.state),
            };
            let Statement { server, seconds, text, .. } = statement;
            format!("{server} executes a statement for {seconds} s{state}: {}", one_line(text.as_bstr()))
        }
        (None, None, Some(line)) => format!("the script is at: {line}"),
        (None, None, None) => "the script has written nothing".to_owned(),
    };
    let mut finding = Finding::new(RUN_HANG, text).likely();
    if let Some(line) = &test.last_line {
        finding = finding.seen(format!("last line of the script's output: {line}"));
    }
    for program in &test.programs {
        finding = finding.seen(format!("program of the script: {program}"));
    }
    for Statement { server, connection, seconds, state, text } in &test.statements {
        let text = one_line(text.as_bstr());
        finding = finding.seen(format!("{server}, connection {connection}, {seconds} s, {state}: {text}"));
    }
    for line in scene.evidence.threads.lines() {
        finding = finding.seen(line);
    }
    Some(finding.fix("a slow machine or build is given more time with --testcase-timeout=MINUTES"))
}

fn number(text: &BStr) -> i64 {
    text.to_str().ok().and_then(|text| text.parse().ok()).unwrap_or(0)
}

fn one_line(text: &BStr) -> BString {
    bstr::join(" ", text.fields()).into()
}

fn valgrind_errors<'a>(scene: &Scene<'a>) -> Option<Finding<'a>> {
    if !matches!(scene.evidence.stage, Stage::Running | Stage::Stopped) {
        return None;
    }
    let errors = valgrind::errors(&scene.log);
    let first = errors.first()?;
    let file = || Some(scene.evidence.log.path.clone());
    let mut finding = Finding::new(RUN_VALGRIND, format!("Valgrind: {}", first.in_short()));
    let quote = |line: u32, text: BString| Quote { file: file(), line: Some(line), text };
    finding.quotes.push(quote(first.line, first.what.clone()));
    for frame in first.stack() {
        finding.quotes.push(quote(first.line, [b"    ", frame.as_bytes()].concat().into()));
    }
    for other in errors.iter().skip(1) {
        finding.quotes.push(quote(other.line, other.in_short()));
    }
    if let Some(test) = &scene.evidence.test {
        finding = finding.attributed(test, scene.evidence.stage);
    }
    Some(finding.fix("correct it; what is known and meant goes into valgrind.supp of the test tree"))
}

/// Lines of a warning that are shown.
const WARNINGS: usize = 5;

fn warnings<'a>(scene: &Scene<'a>) -> Option<Finding<'a>> {
    let test = test(scene)?;
    // Valgrind's have a rule of their own.
    let told: Vec<&BString> =
        test.warnings.iter().filter(|line| process_prefix(line.as_bstr()).is_none()).collect();
    let first = *told.first()?;
    let lines: Vec<Entry<'a>> = told
        .iter()
        .filter_map(|line| scene.log.iter().copied().find(|entry| entry.raw == line.as_bstr()))
        .collect();
    let said = lines.first().map_or(first.as_bstr(), |entry| entry.message);
    let more = match told.len() {
        1 => String::new(),
        n => format!(" (and {} more)", n - 1),
    };
    let text = format!("the error log has a line that nothing suppresses{more}: {said}");
    let mut finding = Finding::new(RUN_WARNINGS, text).quoting(lines.iter().take(WARNINGS).copied());
    if lines.is_empty() {
        finding.quotes.extend(told.into_iter().take(WARNINGS).map(|line| Quote {
            file: None,
            line: None,
            text: line.clone(),
        }));
    }
    Some(finding.fix(format!(
        "if the test means to bring it about: call mtr.add_suppression(\"{}\");",
        suppression(said)
    )))
}

/// Whether a line of the log is one of those for which the test fails.
pub fn fails_the_test(evidence: &Evidence, line: &BStr) -> bool {
    evidence.test.iter().flat_map(|test| &test.warnings).any(|told| told.as_bstr() == line)
}

/// A pattern for a line: characters that a pattern reads otherwise are any character.
fn suppression(said: &BStr) -> BString {
    let special = |byte: u8| b"\\[](){}*+?.^$|\"".contains(&byte);
    said.iter().map(|byte| if special(*byte) { b'.' } else { *byte }).collect::<Vec<u8>>().into()
}

/// The server crashed, an expect file made the runner start it again, and the script failed later.
fn crashed_and_restarted<'a>(scene: &Scene<'a>) -> Option<Finding<'a>> {
    test(scene)?;
    let words = read(&scene.log);
    let (entry, signal) = words.signal?;
    // Tests of Debug builds make the server crash by DBUG (`+d,crash_…`): it aborts, and nothing was asserted.
    let debug = scene.evidence.facts.as_ref().is_some_and(|facts| facts.is_debug_build());
    if debug && signal == libc::SIGABRT && words.assertion.is_none() && words.fatal.is_none() {
        return None;
    }
    let again = scene
        .log
        .iter()
        .copied()
        .find(|later| later.line > entry.line && later.says("Starting M") && later.says(" as process "));
    let what = match words.assertion {
        Some(assertion) => assertion_words(&assertion),
        None => {
            let place = culprit(&words.frames).map(Frame::in_short);
            let at = place.map(|place| format!(" in {place}")).unwrap_or_default();
            format!("{}{at}", signal_name(signal)).into()
        }
    };
    let text =
        format!("the server crashed during the test and was started again, as its expect file said: {what}");
    let quoted = [words.assertion, Some(entry), again];
    let mut finding = Finding::new(RUN_RESTARTED, text).quoting(quoted.into_iter().flatten());
    for frame in folded(&words.frames) {
        finding.quotes.push(Quote {
            file: Some(scene.evidence.log.path.clone()),
            line: words.first_frame,
            text: [b"    ", frame.as_bytes()].concat().into(),
        });
    }
    Some(finding)
}

/// Errors of the server about what a missing plugin would have given.
const ABSENT: [&str; 5] = [
    "Unknown storage engine '",
    "Unknown table engine '",
    "Plugin '",
    "Can't load function '",
    "Unknown system variable '",
];

/// The script fails for want of something that a plugin gives, and the log says that the plugin was not loaded.
fn missing_plugin<'a>(scene: &Scene<'a>) -> Option<Finding<'a>> {
    let test = test(scene)?;
    let wanted = test.report.lines().find_map(|line| {
        let at = ABSENT.iter().find_map(|words| Some(line.find(words)? + words.len()))?;
        let is_new = !line.starts_with(b"-");
        let name = line[at..].split_str("'").next()?;
        let about_plugin = !line.contains_str("Plugin '") || line.contains_str("is not loaded");
        (is_new && about_plugin && !name.is_empty()).then_some((line.as_bstr(), name.as_bstr()))
    });
    let (line, name) = wanted?;
    let since_start = entries(&test.since_start);
    let is_refusal = |entry: &Entry<'_>| {
        let words = [
            "Can't open shared library",
            "Couldn't load plugin",
            "init function returned error",
            "Can't find symbol",
            "was refused",
            "registration as a",
        ];
        entry.level != Level::Note && words.iter().any(|word| entry.says(word))
    };
    let lower = name.to_lowercase();
    let about = |entry: &&Entry<'_>| entry.raw.to_lowercase().contains_str(&lower);
    let refusals: Vec<&Entry<'_>> = since_start.iter().filter(|entry| is_refusal(entry)).collect();
    let refusal = refusals.iter().find(|entry| about(entry))?;
    let text = format!(
        "'{name}' is missing: its plugin was not loaded when the server started: {}",
        refusal.message
    );
    let mut finding = Finding::new(RUN_MISSING_PLUGIN, text).seen(line);
    finding.quotes.push(Quote {
        file: Some(test.since_start.path.clone()),
        line: Some(refusal.line),
        text: refusal.raw.to_owned(),
    });
    Some(finding)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use crate::tree::probe::ServerFacts;
    use crate::triage::evidence::{Evidence, Stage, TestFacts};
    use crate::triage::rules::judge::{diagnose_lines, diagnose_script};
    use crate::triage::testing::failed;

    /// The code told of a script that failed after its server had crashed, as an expect file said, with this log.
    fn told(debug: bool, log: &str) -> Option<&'static str> {
        let mut facts = ServerFacts::default();
        if debug {
            facts.variables.insert("debug-dbug".into(), String::new());
        }
        let test = Some(TestFacts::default());
        let facts = Some(Arc::new(facts));
        let evidence = Evidence { stage: Stage::Running, test, facts, ..failed(0, &[], log) };
        diagnose_script(&evidence).map(|diagnosis| diagnosis.code)
    }

    /// The code and the other codes told of a test that fails for one line of its log.
    fn told_of_line(log: &str, line: &str) -> (&'static str, Vec<&'static str>) {
        let test = TestFacts { warnings: vec![line.into()], ..TestFacts::default() };
        let facts = Some(Arc::new(ServerFacts::default()));
        let evidence = Evidence { stage: Stage::Running, test: Some(test), facts, ..failed(0, &[], log) };
        let diagnosis = diagnose_lines(&evidence);
        (diagnosis.code, diagnosis.also_seen.iter().map(|also| also.code).collect())
    }

    #[test]
    fn a_line_about_a_plugin_is_told_with_why_it_was_not_loaded() {
        let line = "2026-01-01 1:00:01 0 [ERROR] Couldn't load plugins from 'own.so'.";
        let other = "2026-01-01 1:00:02 0 [ERROR] something else";
        let log = format!(
            "2026-01-01 1:00:01 0 [ERROR] mariadbd: Can't open shared library '/p/own.so' (errno: 2, undefined symbol: \
             _db_my_assert)\n{line}\n{other}\n"
        );
        assert_eq!(told_of_line(&log, line), ("MTR-S022", vec!["MTR-R007"]));
        assert_eq!(told_of_line(&log, other), ("MTR-R007", vec![]));
    }

    #[test]
    fn a_crash_that_the_test_made_by_dbug_is_not_why_it_fails() {
        let abort = "260101 1:00:00 [ERROR] mariadbd got signal 6 ;\nStatus: NOT_KILLED\n\
                     2026-01-01 1:00:01 0 [Note] Starting MariaDB 10.11.18 as process 7\n";
        let assertion = format!("mariadbd: /b/x.cc:1: void f(): Assertion `a' failed.\n{abort}");
        let null = abort.replace("signal 6", "signal 11");
        assert_eq!(told(true, abort), None);
        assert_eq!(told(false, abort), Some("MTR-R009"));
        for log in [&assertion, &null] {
            assert_eq!(told(true, log), Some("MTR-R009"), "{log}");
        }
    }
}
