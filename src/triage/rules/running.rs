//! During and after a test: shutdowns, lines that nothing suppresses, and failures of scripts whose cause
//! is the server's.

use std::path::PathBuf;

use bstr::{BStr, BString, ByteSlice};

use crate::grammar::suppression::Suppression;
use crate::sys::pcre::Pattern;

use crate::triage::catalogue::{
    RUN_MISSING_PLUGIN, RUN_NO_PROGRAM, RUN_REPLICA, RUN_RESTARTED, RUN_SHUTDOWN, RUN_VALGRIND, RUN_WARNINGS,
};
use crate::triage::crash::{assertion_words, read};
use crate::triage::diagnosis::signal_name;
use crate::triage::evidence::{ExitKind, Stage, TestFacts};
use crate::triage::finding::Rule;
use crate::triage::finding::{Finding, Quote};
use crate::triage::living;
use crate::triage::log::{Entry, Level, entries};
use crate::triage::moment::{self, Moment};
use crate::triage::sanitizer::parse::process_prefix;
use crate::triage::sanitizer::valgrind;
use crate::triage::scene::Scene;
use crate::triage::stack::{Frame, culprit, folded};

/// The rules of this file.
pub const RULES: &[Rule] = &[shutdown, valgrind_errors, warnings];

/// Those about lines that failed a test.
pub const LINES: &[Rule] = &[valgrind_errors, warnings];

/// What may make a script fail though it is right: asked where a result differs or a command failed, and nothing else
/// is asked then, as logs of tests are full of errors that are meant.
pub const SCRIPT_RULES: &[Rule] =
    &[missing_program, stopped_replica, crashed_and_restarted, missing_plugin, unset_library];

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
    if let Some(finding) = near_miss(test, said) {
        return Some(finding.quoting(lines.iter().take(WARNINGS).copied()));
    }
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

/// A call that was meant for the line and does not match it, because a string of SQL takes its backslashes away.
fn near_miss<'a>(test: &TestFacts, said: &BStr) -> Option<Finding<'a>> {
    let matches = |pattern: &[u8]| {
        let mut pattern = Pattern::new(pattern, true).ok()?;
        pattern.find(said, false).ok().map(|found| found.is_some())
    };
    let meant = |call: &&(PathBuf, Suppression)| {
        call.1.lost().is_some()
            && matches(&call.1.pattern) != Some(true)
            && matches(&call.1.meant()) == Some(true)
    };
    let Some((file, call)) = test.suppressions.iter().find(meant) else {
        // Written as the line is, with characters that mean something else in a pattern.
        let line = said.to_lowercase();
        let literal = |call: &&(PathBuf, Suppression)| {
            let pattern = call.1.pattern.to_lowercase();
            !pattern.is_empty() && line.contains_str(&pattern) && matches(&call.1.pattern) != Some(true)
        };
        let (file, call) = test.suppressions.iter().find(literal)?;
        let place = format!("{}:{}", file.display(), call.line);
        let special = call.pattern.iter().copied().find(|byte| is_special(*byte) && *byte != b'.')?;
        let text = format!(
            "the suppression \"{}\" ({place}) does not match the line it is meant for, as {} means something else in a \
             pattern: {said}",
            call.written,
            char::from(special)
        );
        let fix = format!("write call mtr.add_suppression(\"{}\");", suppression(call.pattern.as_bstr()));
        let finding = Finding::new(RUN_WARNINGS, text).fix(fix);
        return Some(finding.seen(format!("{place}: {}", call.written)));
    };
    let (place, lost) = (format!("{}:{}", file.display(), call.line), char::from(call.lost()?));
    let text = format!(
        "the suppression \"{}\" ({place}) does not match the line it is meant for, as in a string of SQL \\{lost} is {lost}: \
         {said}",
        call.written
    );
    let finding = Finding::new(RUN_WARNINGS, text)
        .fix(format!("write call mtr.add_suppression(\"{}\");", call.mended()));
    Some(finding.seen(format!("{place}: {}", call.written)))
}

fn is_special(byte: u8) -> bool {
    b"\\[](){}*+?.^$|\"".contains(&byte)
}

/// A pattern for a line: characters that a pattern reads otherwise are any character.
fn suppression(said: &BStr) -> BString {
    said.iter().map(|byte| if is_special(*byte) { b'.' } else { *byte }).collect::<Vec<u8>>().into()
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

/// The script names the library of a plugin by a variable that is not set, as there is no such library.
fn unset_library<'a>(scene: &Scene<'a>) -> Option<Finding<'a>> {
    let test = test(scene)?;
    let variable = test.unset.first()?;
    let stem = variable.strip_suffix(b"_SO").unwrap_or(variable).to_ascii_lowercase();
    let (library, plugin) =
        (format!("{}.so", stem.as_bstr()), stem.strip_prefix(b"ha_").unwrap_or(&stem).to_vec());
    let plugin = plugin.as_bstr();
    let line = test.report.lines().find(|line| line.contains_str(variable)).unwrap_or_default();
    let text = format!(
        "the variable {variable} is not set, as {} has no {library}: the script names a library that is not there",
        scene.evidence.plugin_dir.display()
    );
    let fix = format!(
        "install the package that has {library} (of Debian: mariadb-plugin-{}, or mariadb-test for plugins of tests), or build \
         it: -DPLUGIN_{}=DYNAMIC",
        plugin.replace("_", "-").as_bstr(),
        plugin.to_ascii_uppercase().as_bstr()
    );
    Some(Finding::new(RUN_MISSING_PLUGIN, text).seen(line).fix(fix))
}

/// The script runs a program that is not there, or that a variable names which is not set.
fn missing_program<'a>(scene: &Scene<'a>) -> Option<Finding<'a>> {
    let test = test(scene)?;
    let report = test.report.as_bstr();
    let (_, rest) = report.split_once_str("exec of '")?;
    let (command, rest) = rest.split_once_str("' failed, error: ")?;
    // The shell's own status for what it does not find or may not run.
    let status = ["status: 127", "status: 126"].into_iter().find(|status| rest.contains_str(status))?;
    let said = report.lines().find(|line| {
        [": not found", "No such file or directory", "ermission denied", "not executable"]
            .iter()
            .any(|words| line.contains_str(words))
    })?;
    let (_, explained) = report.split_once_str("\nmtr-rs: ").unwrap_or((b"", b""));
    let mut lines = explained.lines();
    let place = lines.next().unwrap_or_default().as_bstr();
    let source = lines.next().and_then(|line| Some(line.split_once_str(" | ")?.1)).unwrap_or_default();
    let word = source.fields().nth(1).unwrap_or_default();
    let variable = word.strip_prefix(b"$").map(|name| name.trim_with(|c| c == '{' || c == '}'));
    let empty = command.is_empty() || command.starts_with(b" ");
    let (text, fix) = match variable.filter(|_| empty) {
        Some(name) => {
            let name = name.as_bstr();
            (
                format!(
                    "the script runs the program that ${name} names at {place}, and the variable {name} is not set"
                ),
                format!(
                    "install what {name} is for (of Debian: mariadb-client, mariadb-backup or mariadb-test, whose programs the \
                     runner names in variables), set it in the environment, or skip the test without it: if (!${name}) \
                     {{ skip needs {name}; }}"
                ),
            )
        }
        None => {
            let program = command.fields().next().unwrap_or_default().as_bstr();
            let what = if status.ends_with("126") { "may not be executed" } else { "is not there" };
            let fix = if status.ends_with("126") {
                format!("chmod a+x {program}")
            } else {
                "install it, or correct its name".to_owned()
            };
            (format!("the script runs '{program}' at {place}, which {what}"), fix)
        }
    };
    let finding = Finding::new(RUN_NO_PROGRAM, text).seen(said).fix(fix);
    Some(if variable.is_some() && empty { finding } else { finding.likely() })
}

/// Words of a script that waits for a replica, or asks it something.
const OF_REPLICATION: [&str; 6] =
    ["slave", "replica", "sync_with_master", "master_pos_wait", "master_gtid_wait", "gtid_slave_pos"];

/// The script fails where it needs a replica, and the replica's log tells why it stopped: the source refuses it, is not there, or
/// sends what it cannot apply. What both wrote at that time is read side by side.
fn stopped_replica<'a>(scene: &Scene<'a>) -> Option<Finding<'a>> {
    let test = test(scene)?;
    let report = test.report.to_lowercase();
    let failed = report.find("mysqltest: ")?;
    let concerned = OF_REPLICATION.iter().any(|words| report[failed..].contains_str(words));
    let is_end = |entry: &&Entry<'a>| {
        entry.level == Level::Error
            && ["Slave I/O: ", "Slave SQL: ", "Master '"]
                .iter()
                .any(|words| entry.message.starts_with(words.as_bytes()))
    };
    let entry = scene.log.iter().rev().find(is_end).filter(|_| concerned)?;
    let server = &scene.evidence.server;
    let text = format!("the replica {server} stopped, which the script needs: {}", entry.message);
    let mut finding = Finding::new(RUN_REPLICA, text).quoting([*entry]);
    if let Some(time) = moment::of(entry.raw) {
        let near = |line: &[u8]| moment::of(line).is_some_and(|other| (time - other).abs() <= BESIDE);
        for other in &scene.evidence.others {
            let said = entries(&other.log);
            let told = |line: &&Entry<'_>| match line.level {
                Level::Error => true,
                Level::Warning => line.of_connection(),
                Level::Note | Level::None => false,
            };
            let errors = said.iter().filter(|line| near(line.raw)).filter(told);
            for line in errors.take(2) {
                let text = format!("{}: {}", other.server, line.raw);
                finding.quotes.push(Quote {
                    file: Some(other.log.path.clone()),
                    line: Some(line.line),
                    text: text.into(),
                });
            }
        }
    }
    let says = |words: &str| entry.message.contains_str(words);
    let fix = if says("Access denied") {
        "give the replica an account that the source has: MASTER_USER, MASTER_PASSWORD of CHANGE MASTER, REPLICATION SLAVE"
    } else if says("error connecting") || says("error reconnecting") {
        "see whether the source runs at this place of the script, and whether MASTER_HOST and MASTER_PORT are its own"
    } else if says("equal MariaDB server ids") || says("equal server ids") {
        "give each server of the test a server-id of its own"
    } else if says("Slave SQL: ") || says("Error '") {
        "see what the replica has that the source has not, or the reverse, when it applies this"
    } else {
        "see what the source and the replica say at this time"
    };
    Some(finding.fix(fix).likely())
}

/// How far lines of two servers may be apart that belong together, in seconds.
const BESIDE: Moment = 5;

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
            "Parsing options for plugin",
        ];
        entry.level != Level::Note && words.iter().any(|word| entry.says(word))
    };
    let lower = name.to_lowercase();
    let about = |entry: &&Entry<'_>| entry.raw.to_lowercase().contains_str(&lower);
    let refusals: Vec<&Entry<'_>> = since_start.iter().filter(|entry| is_refusal(entry)).collect();
    // A library whose name is misspelt is nearly called so.
    let nearly = |entry: &&Entry<'_>| {
        let library = entry.quoted().last().copied().unwrap_or_default();
        let bare = living::bare_name(library).to_string();
        strsim::damerau_levenshtein(&bare, &lower.to_str_lossy()) <= 2
    };
    let mut both = [refusals.iter().find(|entry| about(entry)), refusals.iter().find(|entry| nearly(entry))];
    let refusal = both.iter_mut().find_map(Option::take)?;
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
        let facts = Some(Arc::new(ServerFacts::default()));
        let mut evidence = Evidence { stage: Stage::Running, facts, ..failed(0, &[], log) };
        let since_start = evidence.log.clone();
        evidence.test = Some(TestFacts { warnings: vec![line.into()], since_start, ..TestFacts::default() });
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
        assert_eq!(told_of_line(&log, line), ("MTR-S022", vec![]));
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
