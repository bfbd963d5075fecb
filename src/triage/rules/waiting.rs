//! Neither dead nor alive: servers that did not get ready, and those that ended as if all were well.

use std::time::Duration;

use bstr::ByteSlice;

use crate::triage::catalogue::{EXIT_ZERO, RECOVERY, TIMEOUT};
use crate::triage::evidence::{ExitKind, Stage};
use crate::triage::finding::Finding;
use crate::triage::finding::Rule;
use crate::triage::log::Entry;
use crate::triage::scene::Scene;

/// The rules of this file.
pub const RULES: &[Rule] = &[recovery, timeout, exit_zero];

/// Lines that storage engines and the server write while they bring data up to date after a crash.
const RECOVERING: [&str; 17] = [
    "Starting crash recovery",
    "Starting recovery for XA transactions",
    "starting crash recovery",
    "Read redo log up to LSN",
    "Parsed redo log up to LSN",
    "To recover: ",
    "Starting final batch to recover",
    "Starting an apply batch of log records",
    "Starting a batch to recover",
    "Doing recovery: scanned up to log sequence number",
    "Transaction rollback in progress",
    "in the background rollback",
    "Rolling back trx",
    "Aria engine: starting recovery",
    "recovered pages: ",
    "tables to flush: ",
    "Recovering after a crash using",
];

fn waited(scene: &Scene<'_>) -> String {
    let lived = scene.evidence.lived.unwrap_or_default();
    format!("{} s", lived.max(Duration::from_secs(1)).as_secs())
}

fn still_starting(scene: &Scene<'_>) -> bool {
    scene.evidence.timed_out
        && scene.evidence.exit == ExitKind::Running
        && scene.evidence.stage == Stage::Start
}

/// The last line with a message in it.
fn last_words<'a>(scene: &Scene<'a>) -> Option<Entry<'a>> {
    scene.log.iter().rev().copied().find(|entry| !entry.message.trim().is_empty() && !entry.is_command())
}

fn recovery<'a>(scene: &Scene<'a>) -> Option<Finding<'a>> {
    if !still_starting(scene) {
        return None;
    }
    let recovering = |entry: &Entry<'a>| RECOVERING.iter().any(|words| entry.says(words));
    let entry = scene.log.iter().rev().copied().find(recovering)?;
    let done = ["ready for connections", "Crash recovery finished", "log sequence number "];
    let after = |later: &Entry<'a>| later.line > entry.line;
    if scene
        .log
        .iter()
        .any(|later| after(later) && done.iter().any(|words| later.says(words)) && !recovering(later))
    {
        return None;
    }
    let who = if entry.subsystem.is_empty() { "the server".into() } else { entry.subsystem };
    let text = format!("{who} was still recovering data after {}: {}", waited(scene), entry.message);
    let fix = "give it more time with MTR_START_TIMEOUT=SECONDS, or less to recover: the data directory was not \
               shut down cleanly";
    Some(with_threads(scene, Finding::new(RECOVERY, text).quoting([entry]).fix(fix)))
}

fn timeout<'a>(scene: &Scene<'a>) -> Option<Finding<'a>> {
    if !still_starting(scene) {
        return None;
    }
    let waited = waited(scene);
    let ready = scene.line(&["ready for connections"]);
    let elsewhere = scene.argument("pid-file").filter(|_| ready.is_some());
    if let (Some(entry), Some(at)) = (ready, elsewhere) {
        let text =
            format!("the server is ready, but its pid file is not where it was to be: {}", scene.cite(at));
        let fix = scene.remove_or(
            Some(at),
            ": the runner waits for the file of the configuration",
            "leave --pid-file to the runner",
        );
        return Some(Finding::new(TIMEOUT, text).quoting([entry]).blaming(Some(at)).fix(fix));
    }
    let finding = match last_words(scene) {
        Some(entry) => {
            let text = format!("the server was not ready after {waited}; its last words: {}", entry.message);
            Finding::new(TIMEOUT, text).quoting([entry])
        }
        None => {
            Finding::new(TIMEOUT, format!("the server was not ready after {waited} and has said nothing"))
        }
    };
    let fix =
        "see below where its threads wait; a slow machine is given more time with MTR_START_TIMEOUT=SECONDS";
    let fix = if scene.evidence.threads.is_empty() {
        fix.split_once("; ").map_or(fix, |(_, rest)| rest)
    } else {
        fix
    };
    Some(with_threads(scene, finding.fix(fix)))
}

/// Adds what a debugger says of the threads.
fn with_threads<'a>(scene: &Scene<'a>, mut finding: Finding<'a>) -> Finding<'a> {
    for line in scene.evidence.threads.lines() {
        finding = finding.seen(line);
    }
    finding
}

fn exit_zero<'a>(scene: &Scene<'a>) -> Option<Finding<'a>> {
    let ready = scene.line(&["ready for connections"]).is_some();
    if scene.evidence.exit != ExitKind::Status(0) || scene.evidence.stage != Stage::Start || ready {
        return None;
    }
    let asks = |wanted: &&str| scene.evidence.argv.iter().position(|option| option.text == wanted.as_bytes());
    let questions = ["--help", "-?", "--version", "-V", "--print-defaults", "--help-verbose"];
    let asked = questions.iter().find_map(asks);
    // The runner's own question is none that a test asks.
    if let Some(at) = asked.filter(|at| !scene.is_the_runners(*at)) {
        let text = format!("{} makes the server print and end, without an error", scene.cite(at));
        return Some(Finding::new(EXIT_ZERO, text).blaming(Some(at)).fix("remove it").seen("exit status 0"));
    }
    if let Some(at) = scene.argument("bootstrap") {
        let text = format!("{} makes the server read statements and end", scene.cite(at));
        return Some(Finding::new(EXIT_ZERO, text).blaming(Some(at)).fix("remove it").seen("exit status 0"));
    }
    if let Some(entry) = scene.line(&["Normal shutdown"]) {
        let by = entry.between("(initiated by: ", ")").filter(|by| *by != "unknown");
        let by =
            by.map(|by| format!(" by {by}")).unwrap_or_else(|| " (by SIGTERM, as no user did it)".into());
        let text = format!("the server was told to shut down{by} before it was ready");
        return Some(Finding::new(EXIT_ZERO, text).quoting([entry]));
    }
    let finding = Finding::new(EXIT_ZERO, "the server ended with exit status 0 before it was ready").likely();
    Some(finding.quoting(last_words(scene)).seen("exit status 0"))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use crate::triage::evidence::{Evidence, ExitKind};
    use crate::triage::scene::Scene;
    use crate::triage::testing::{codes, failed};

    fn late(words: &[&str], log: &str) -> Evidence {
        Evidence {
            exit: ExitKind::Running,
            timed_out: true,
            lived: Some(Duration::from_secs(180)),
            ..failed(1, words, log)
        }
    }

    #[test]
    fn recovery_in_the_words_of_all_versions() {
        for log in [
            "2019 0 [Note] InnoDB: Starting crash recovery from checkpoint LSN=42\n2019 0 [Note] InnoDB: 512 MiB done",
            "t 0 [Note] InnoDB: Starting final batch to recover 4096 pages from redo log.",
            "t 0 [Note] InnoDB: To recover: LSN 4/2; 1234 pages",
            "t 0 [Note] InnoDB: Read redo log up to LSN=99",
            "t 0 [Note] mariadbd: Aria engine: starting recovery",
        ] {
            assert_eq!(codes(&late(&[], log))[0], "MTR-S101", "{log}");
        }
        let done = "t 0 [Note] InnoDB: Starting crash recovery\nt 0 [Note] InnoDB: log sequence number 5; transaction id 7\n\
                    t 0 [Note] Plugin 'x' is slow";
        assert_eq!(codes(&late(&[], done)), ["MTR-S100"]);
    }

    #[test]
    fn last_words_and_none() {
        let text = |evidence: &Evidence| {
            crate::triage::rules::judge::findings(&Scene::new(evidence))[0].text.to_string()
        };
        assert!(
            text(&late(&[], "t 0 [Note] WSREP: waiting for SST\n\n"))
                .ends_with("its last words: waiting for SST")
        );
        assert!(text(&late(&[], "$ /usr/sbin/mariadbd\n")).ends_with("after 180 s and has said nothing"));
    }

    #[test]
    fn ends_without_error() {
        for (words, log, told) in [
            (&["--x", "-?"][..], "", "-? (x.opt:2) makes the server print and end"),
            (&["--bootstrap"][..], "", "--bootstrap (x.opt:1) makes the server read statements and end"),
            (
                &[][..],
                "t 0 [Note] mariadbd (initiated by: root[root] @ localhost []): Normal shutdown",
                "by root[root] @ localhost []",
            ),
        ] {
            let evidence = failed(0, words, log);
            let found = crate::triage::rules::judge::findings(&Scene::new(&evidence));
            assert_eq!(found[0].cause.code, "MTR-S102");
            assert!(found[0].text.to_string().contains(told), "{}", found[0].text);
        }
    }
}
