//! State transfers of Galera. The node that joins gives up, and the reason stands elsewhere: in the log of the donor, in the
//! output of the script that copies, or in a log of the program that the script runs. What both servers wrote at that time is read
//! side by side.

use std::path::PathBuf;

use bstr::{BStr, BString, ByteSlice};

use crate::triage::catalogue::STATE_TRANSFER;
use crate::triage::evidence::{LogPart, TextFile};
use crate::triage::finding::{Finding, Quote, Rule};
use crate::triage::log::{Entry, Level, entries};
use crate::triage::moment::{self, Moment};
use crate::triage::scene::{Given, Scene};

/// The rules of this file.
pub const RULES: &[Rule] = &[state_transfer];

/// How far the clocks and buffers of two servers may be apart, and how long a donor may take to say what went wrong, in
/// seconds.
const BEFORE: Moment = 5;
const AFTER: Moment = 60;

/// Words with which a node says that it got no state, or that it could not give one.
const FAILED: [&str; 9] = [
    "Will never receive state",
    "SST failed",
    "SST request callback failed",
    "Failed to prepare for",
    "Failed to read 'ready <addr>'",
    "State transfer request failed",
    "SST script aborted",
    "Process completed with error: wsrep_sst_",
    "State transfer failed",
];

/// The first line that tells of it.
fn failed<'a>(scene: &Scene<'a>) -> Option<Entry<'a>> {
    let says = |entry: &Entry<'a>| {
        let transfer = entry.says("State transfer to ") && entry.says(" failed: ");
        transfer || FAILED.iter().any(|words| entry.message.contains_str(words))
    };
    scene.since_ready().find(|entry| entry.subsystem == "WSREP" && says(entry))
}

/// A line that says why, and where it stands.
struct Reason<'a> {
    /// The server that says it.
    server: &'a BStr,
    file: PathBuf,
    line: Option<u32>,
    text: &'a BStr,
    /// How much it says: the less, the more.
    weight: usize,
}

/// Words by their weight: what the system or a server says comes before what a script makes of it.
const WEIGHTS: [&[&str]; 3] = [
    &[
        "Permission denied",
        "Access denied",
        ": not found",
        "command not found",
        "No such file",
        "No space left",
        "Address already in use",
        "Connection refused",
        "Operation not permitted",
        "unknown option",
        "unknown variable",
        "(Errcode: ",
    ],
    &["rsync: ", "rsync error", "FATAL ERROR", "[ERROR]", "ERROR ", "fatal: "],
    &["WSREP_SST: [ERROR]"],
];

fn weight(text: &BStr) -> Option<usize> {
    if text.contains_str("Cleanup after exit") || text.contains_str("[INFO]") {
        return None;
    }
    let script = text.contains_str("WSREP_SST: [ERROR]");
    let found = WEIGHTS.iter().position(|words| words.iter().any(|word| text.contains_str(word)))?;
    Some(if script { found.max(1) + 1 } else { found })
}

/// What programs wrote between the lines of a server's log in that time; those lines have no level of a server's.
fn in_log<'a>(server: &'a BStr, log: &'a LogPart, from: Moment, to: Moment) -> Vec<Reason<'a>> {
    let mut now = None;
    let mut found = Vec::new();
    for entry in entries(log) {
        now = moment::of(entry.raw).or(now);
        let of_program = entry.level == Level::None || entry.raw.contains_str("WSREP_SST: ");
        if !of_program || entry.is_command() || now.is_some_and(|now| now < from || now > to) {
            continue;
        }
        if let Some(weight) = weight(entry.raw) {
            let file = log.path.clone();
            found.push(Reason { server, file, line: Some(entry.line), text: entry.raw, weight });
        }
    }
    found
}

fn in_note<'a>(server: &'a BStr, note: &'a TextFile, from: Moment, to: Moment) -> Vec<Reason<'a>> {
    let mut now = None;
    let mut found = Vec::new();
    for (number, line) in (1..).zip(note.text.lines()) {
        now = moment::of(line).or(now);
        if now.is_some_and(|now| now < from || now > to) {
            continue;
        }
        if let Some(weight) = weight(line.as_bstr()) {
            let (file, text) = (note.path.clone(), line.as_bstr());
            found.push(Reason { server, file, line: Some(number), text, weight });
        }
    }
    found
}

fn state_transfer<'a>(scene: &Scene<'a>) -> Option<Finding<'a>> {
    let failed = failed(scene)?;
    let evidence = scene.evidence;
    let times = || scene.log.iter().filter_map(|entry| moment::of(entry.raw));
    let (from, to) =
        (times().next().unwrap_or(0) - BEFORE, times().next_back().unwrap_or(i64::MAX - AFTER) + AFTER);
    let own = evidence.server.as_bstr();
    let mut reasons = in_log(own, &evidence.log, from, to);
    reasons.extend(evidence.notes.iter().flat_map(|note| in_note(own, note, from, to)));
    for other in &evidence.others {
        let server = other.server.as_bstr();
        reasons.extend(in_log(server, &other.log, from, to));
        reasons.extend(other.notes.iter().flat_map(|note| in_note(server, note, from, to)));
    }
    // The first of those that say most.
    let best = reasons.iter().min_by_key(|reason| reason.weight);
    let method = scene.given("wsrep-sst-method");
    let Some(best) = best else {
        let text = format!("the state transfer to {own} failed: {}", failed.message);
        let fix = "see the logs of all nodes at that time, and what the script of the SST method wrote";
        let finding = Finding::new(STATE_TRANSFER, text).quoting([failed]).fix(fix).likely();
        return Some(finding.blaming(method));
    };
    let place = if best.server == own { String::new() } else { format!(" on {}", best.server) };
    let (given, fix) = advice(scene, best.text, method);
    let written = given.as_ref().map(|given| format!(": {}", scene.written(given))).unwrap_or_default();
    let text = format!("the state transfer to {own} failed{place}: {}{written}", best.text.trim().as_bstr());
    let mut finding = Finding::new(STATE_TRANSFER, text).quoting([failed]);
    let told =
        std::iter::once(best).chain(reasons.iter().filter(|reason| !std::ptr::eq(*reason, best)).take(2));
    for reason in told {
        let text = BString::from(format!("{}: {}", reason.server, reason.text.trim().as_bstr()));
        finding.quotes.push(Quote { file: Some(reason.file.clone()), line: reason.line, text });
    }
    Some(finding.blaming(given).fix(fix))
}

/// The option that has to do with it, and what to do.
fn advice<'a>(scene: &Scene<'a>, text: &BStr, method: Option<Given<'a>>) -> (Option<Given<'a>>, String) {
    let says = |words: &str| text.contains_str(words);
    let rsync = says("rsync") || method.is_some_and(|given| given.value == "rsync");
    if says("Access denied") {
        let fix = "write the name and password of an account that may make backups of the donor: \
                   wsrep_sst_auth=USER:PASSWORD";
        return (scene.given("wsrep-sst-auth").or(method), fix.to_owned());
    }
    // Whoever receives cannot write: rsync says that for the donor and for the joiner in the donor's log.
    let rsync = rsync && !is_denied_by_shell(text);
    let receiving = rsync && (says("[receiver] ") || says("[generator] "));
    if (receiving || (says("Permission denied") && rsync)) && scene.evidence.system.uid == 0 {
        let fix = "run the tests as another user than root: the rsync that receives becomes the user nobody; or write \
                   wsrep_sst_method=mariabackup";
        return (method, fix.to_owned());
    }
    if receiving {
        let fix =
            "let the user of the rsync that receives write into the data directory of the node that joins";
        return (method, fix.to_owned());
    }
    if says("File exists") {
        let fix = "empty the data directory of the node that joins: what lies there stands in the way of the copy, and is \
                   lost with it";
        return (method, fix.to_owned());
    }
    if says("not found") || says("No such file") || is_denied_by_shell(text) {
        let word = text.find("wsrep_sst_").map(|at| text[at..].split(|byte| b": '\"".contains(byte)).next());
        let fix = match word.flatten() {
            Some(script) => format!(
                "write a method that has a script: wsrep_sst_method=rsync or mariabackup (there is no {})",
                script.as_bstr()
            ),
            None => "install the program that the method needs, or write another wsrep_sst_method".to_owned(),
        };
        return (method, fix);
    }
    if says("Permission denied") || says("not permitted") {
        return (method, "let the servers' user read and write what the line names".to_owned());
    }
    if says("No space left") {
        return (method, "make room for a second copy of the data, or use another --vardir".to_owned());
    }
    if says("Address already in use") {
        return (method, "choose other ports with --port-base, or end what listens there".to_owned());
    }
    (method, "see what the program of the SST method complains of".to_owned())
}

/// A shell says so of a script that it finds nowhere, too, where it may not enter a directory of its `PATH`: the name has no slash then.
fn is_denied_by_shell(text: &BStr) -> bool {
    text.find(": wsrep_sst_").is_some_and(|at| {
        let name = &text[at + 2..];
        let end = name.find_byteset(b": '\"/").unwrap_or(name.len());
        name[end..].starts_with(b": Permission denied")
    })
}

#[cfg(test)]
mod tests {
    use crate::triage::evidence::{Evidence, ExitKind, LogPart, OtherServer, TextFile};
    use crate::triage::rules::judge::diagnose;
    use crate::triage::testing::{codes, failed};

    const JOINER: &str = "\
2026-11-23 10:00:00 0 [Note] WSREP: Prepared SST request: rsync|127.0.0.1:4444/rsync_sst
2026-11-23 10:00:02 0 [ERROR] WSREP: ./gcs/src/gcs_group.cpp:gcs_group_handle_join_msg():1215: Will never receive state. Need to abort.
2026-11-23 10:00:02 0 [Note] WSREP: /usr/sbin/mariadbd: Terminated.
261123 10:00:02 [ERROR] mysqld got signal 6 ;
";

    fn joiner(log: &str, donor: &str) -> Evidence {
        let log_of = |server: &str, text: &str| LogPart {
            path: format!("/v/log/{server}.err").into(),
            first_line: 1,
            text: text.into(),
        };
        let donor = OtherServer {
            server: "mysqld.1".into(),
            log: log_of("mysqld.1", donor),
            ..OtherServer::default()
        };
        let mut evidence = failed(1, &["--wsrep-sst-method=rsync"], "");
        evidence.server = "mysqld.2".into();
        evidence.exit = ExitKind::Signal(libc::SIGABRT);
        evidence.log = log_of("mysqld.2", log);
        evidence.others = vec![donor];
        evidence
    }

    #[test]
    fn the_reason_stands_in_the_log_of_the_donor() {
        let donor = "2026-11-23 09:00:00 0 [Note] x\nrsync: old: Permission denied (13)\n\
                     2026-11-23 10:00:01 0 [Note] WSREP: Running: 'wsrep_sst_rsync --role 'donor''\n\
                     rsync: [sender] send_files failed to open \"/v/x\": Permission denied (13)\n\
                     WSREP_SST: [ERROR] rsync returned code 23:\n";
        let diagnosis = diagnose(&joiner(JOINER, donor));
        assert_eq!(diagnosis.code, "MTR-S105");
        let cause = diagnosis.cause.to_string();
        assert!(
            cause.starts_with("the state transfer to mysqld.2 failed on mysqld.1: rsync: [sender]"),
            "{cause}"
        );
        assert!(diagnosis.fix.unwrap_or_default().to_string().contains("another user than root"));
        let quote = &diagnosis.evidence[1];
        assert_eq!((quote.line, quote.file.as_deref()), (Some(4), Some("/v/log/mysqld.1.err".as_ref())));
    }

    #[test]
    fn the_reason_stands_in_a_log_of_the_program_that_copies() {
        let mut evidence = joiner(JOINER, "");
        evidence.others[0].notes = vec![TextFile {
            path: "/v/mysqld.1/data/mariabackup.backup.log".into(),
            text: "[00] 2026-11-23 10:00:01 Connecting\n[00] FATAL ERROR: 2026-11-23 10:00:01 Failed to connect to MariaDB \
                   server: Access denied for user 'x'@'localhost'.\n"
                .into(),
        }];
        let diagnosis = diagnose(&evidence);
        assert_eq!(diagnosis.code, "MTR-S105");
        assert!(diagnosis.fix.unwrap_or_default().to_string().contains("wsrep_sst_auth=USER:PASSWORD"));
    }

    /// The words of a script are none of the server's: no keys are missing here.
    #[test]
    fn a_script_that_lacks_a_program_for_tls() {
        let log = JOINER.replace(
            "2026-11-23 10:00:02 0 [ERROR] WSREP: ./gcs",
            "WSREP_SST: [ERROR] the 'stunnel' binary was not found in the path. Cannot perform an encrypted transfer. \
             (20261123 10:00:01.342)\n2026-11-23 10:00:02 0 [ERROR] WSREP: ./gcs",
        );
        let diagnosis = diagnose(&joiner(&log, ""));
        assert_eq!(diagnosis.code, "MTR-S105", "{}", diagnosis.cause);
        assert!(!codes(&joiner(&log, "")).contains(&"MTR-S083"));
    }

    #[test]
    fn an_rsync_that_cannot_write_what_it_receives() {
        let donor = "2026-11-23 10:00:01 0 [Note] WSREP: Running: 'wsrep_sst_rsync --role 'donor''\n\
                     rsync: [receiver] open \"/mysql/x.frm\" (in rsync_sst) failed: No such file or directory (2)\n\
                     WSREP_SST: [ERROR] find/rsync returned code 123:\n";
        let diagnosis = diagnose(&joiner(JOINER, donor));
        assert!(diagnosis.fix.unwrap_or_default().to_string().contains("another user than root"));
    }

    /// A node that gives up for a reason of its own complains of the cluster as well.
    #[test]
    fn what_a_node_says_of_the_cluster_behind_its_end() {
        let log = "2026-11-23 10:00:00 0 [Note] Plugin 'InnoDB' is disabled.\n\
                   2026-11-23 10:00:00 0 [ERROR] Unknown/unsupported storage engine: innodb\n\
                   2026-11-23 10:00:00 0 [ERROR] Aborting\n\
                   2026-11-23 10:00:00 2 [ERROR] WSREP: Exception: State wait was interrupted\n";
        assert_eq!(codes(&joiner(log, ""))[0], "MTR-S016");
    }

    #[test]
    fn a_method_that_does_not_exist() {
        let log = "2026-11-23 10:00:00 0 [Note] WSREP: x\nsh: 1: wsrep_sst_nosuch: not found\n\
                   2026-11-23 10:00:00 0 [ERROR] WSREP: Failed to read 'ready <addr>' from: wsrep_sst_nosuch --role 'joiner'\n\
                   2026-11-23 10:00:00 0 [ERROR] WSREP: SST request callback failed. This is unrecoverable, restart required.\n\
                   2026-11-23 10:00:00 0 [Note] WSREP: /usr/sbin/mariadbd: Terminated.\n";
        // The other one where a directory of the PATH is closed.
        for log in [log.to_owned(), log.replace(": not found", ": Permission denied")] {
            let diagnosis = diagnose(&joiner(&log, ""));
            assert_eq!(diagnosis.code, "MTR-S105");
            let fix = diagnosis.fix.unwrap_or_default().to_string();
            assert!(fix.contains("there is no wsrep_sst_nosuch"), "{fix}");
        }
    }

    #[test]
    fn a_node_that_ends_itself_has_not_crashed() {
        let log = JOINER.replace("Will never receive state. Need to abort.", "no idea why");
        assert_eq!(codes(&joiner(&log, ""))[0], "MTR-S086");
    }
}
