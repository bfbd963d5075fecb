//! Binary logs, relay logs, server ids.

use bstr::{BStr, BString, ByteSlice};

use crate::triage::catalogue::{BINLOG_INDEX, RELAY_LOG, SERVER_ID};
use crate::triage::files::{Access, Obstacle, absolute, denied_by, obstacle, remedy, served};
use crate::triage::finding::Finding;
use crate::triage::finding::Rule;
use crate::triage::log::{Entry, Level};
use crate::triage::scene::{Given, Scene};

/// The rules of this file.
pub const RULES: &[Rule] = &[binary_log, relay_log, server_id];

/// Options that name a binary log or a file of its kind.
const BINLOG: [&str; 3] = ["log-bin-index", "log-bin", "log-basename"];
/// The same for relay logs.
const RELAY: [&str; 4] = ["relay-log-index", "relay-log", "relay-log-info-file", "master-info-file"];

/// Words about a binary log, whatever is wrong with it.
const BINLOG_WORDS: [&str; 9] = [
    "generate a unique log-filename",
    "binlog GTID state",
    "binlog index",
    "Binlog file",
    "Log filename extension number exhausted",
    "for --log-bin option",
    "binary log index",
    "MYSQL_BIN_LOG::open",
    "MSYQL_BIN_LOG::open",
];

const RELAY_WORDS: [&str; 8] = [
    "relay log",
    "relay-log",
    "Relay_log_info",
    "master info structure",
    "Master_info index file",
    "multi master structures",
    "to master_info failed",
    "reading master configuration",
];

fn says_any(entry: &Entry<'_>, words: &[&str]) -> bool {
    let lower = entry.words();
    words.iter().any(|word| lower.contains_str(word.to_ascii_lowercase()))
}

/// The first of these options that the path in the line comes from.
fn naming<'a>(scene: &Scene<'a>, options: &[&str], entry: &Entry<'a>) -> Option<Given<'a>> {
    let path = path_of(entry)?;
    options.iter().filter_map(|option| scene.given(option)).find(|given| made_of(path, given.value))
}

/// `x.000001`, `x.index`, `x-bin.index` come from `x`, and `multi-m.info` from `m.info`.
fn made_of(path: &BStr, value: &BStr) -> bool {
    let bare = |path: &'_ [u8]| path.strip_prefix(b"./").unwrap_or(path).to_vec();
    let (path, value) = (bare(path), bare(value));
    let (dir, base) = value.rsplit_once_str("/").unwrap_or((b"", &value));
    if base.is_empty() {
        return path == value;
    }
    let after = path.strip_prefix(value.as_slice());
    let begins = after.is_some_and(|rest| rest.first().is_none_or(|byte| !byte.is_ascii_alphanumeric()));
    let (path_dir, path_base) = path.rsplit_once_str("/").unwrap_or((b"", &path));
    begins || (path_dir == dir && path_base.strip_prefix(b"multi-").is_some_and(|rest| rest == base))
}

/// What the server complains of as an error.
fn errors<'a>(scene: &Scene<'a>) -> impl Iterator<Item = Entry<'a>> {
    scene.dying().filter(|entry| entry.level == Level::Error)
}

/// Errors about a file of a binary log: by words, or since the file belongs to one.
fn binlog_errors<'a>(scene: &Scene<'a>) -> Vec<Entry<'a>> {
    let about = |entry: &Entry<'a>| {
        let file = entry.system_error().is_some()
            && entry
                .quoted()
                .first()
                .is_some_and(|path| path.ends_with(b".index") || naming(scene, &BINLOG, entry).is_some());
        // The server has the same words for its other logs.
        let off = entry.says("Turning logging off") && naming(scene, &BINLOG, entry).is_some();
        says_any(entry, &BINLOG_WORDS) || file || off
    };
    let relay = |entry: &Entry<'a>| says_any(entry, &RELAY_WORDS) || naming(scene, &RELAY, entry).is_some();
    errors(scene).filter(|entry| about(entry) && !relay(entry)).collect()
}

fn binary_log<'a>(scene: &Scene<'a>) -> Option<Finding<'a>> {
    let errors = binlog_errors(scene);
    let first = *errors.first()?;
    // Encryption that cannot be had is a cause of its own, and a server that served had its log.
    if served(scene) || scene.error(&["Failed to enable encryption"]).is_some() {
        return None;
    }
    let given = errors
        .iter()
        .find_map(|entry| naming(scene, &BINLOG, entry))
        .or_else(|| BINLOG.iter().find_map(|option| scene.given(option)));
    let numbers = || errors.iter().filter_map(Entry::system_error);
    let errno = numbers().find(|number| *number != libc::ENOENT).or_else(|| numbers().next());
    // What the disk or the limits refuse has causes of its own.
    let scarce = [libc::ENOSPC, libc::EDQUOT, libc::EFBIG, libc::EMFILE, libc::ENFILE, libc::ENOMEM];
    if errno.is_some_and(|number| scarce.contains(&number)) {
        return None;
    }
    let path = path_of(&first).or(given.map(|given| given.value)).unwrap_or_default();
    // Not all of these lines have the system's number.
    let refused = path_of(&first)
        .filter(|_| errno.is_none_or(|number| number == libc::EACCES))
        .and_then(|path| denied_by(scene, &absolute(scene, path), Access::Write));
    let (why, fix): (BString, &str) = if let Some((why, fix)) = &refused {
        (
            format!("the server may not write the binary log '{path}' or its index, as {why}").into(),
            fix.as_str(),
        )
    } else if first.says("is a directory name") {
        (
            format!("the binary log '{path}' is a directory").into(),
            "name a file: its name is the beginning of the names of all binary logs",
        )
    } else if first.says("number exhausted") {
        (
            "the numbers of binary logs are used up".into(),
            "begin with a fresh data directory (another --vardir); removing old binary logs and their lines in the index \
             loses what replicas and backups may still need of them",
        )
    } else if first.says("GTID state") {
        (
            format!("the state file of the binary log '{path}' cannot be read").into(),
            "begin with a fresh data directory (another --vardir); removing the .state file together with the binary \
             logs loses all that is in them",
        )
    } else if first.says("not found in binlog index") || first.says("needed for recovery") {
        (
            format!("a binary log that recovery needs is not in the index: {}", first.message).into(),
            "bring the file and its line in the index back, or begin with a fresh data directory (another --vardir)",
        )
    } else {
        match errno {
            Some(libc::EACCES | libc::EPERM | libc::EROFS) => (
                format!("the server may not write the binary log '{path}' or its index").into(),
                "let the server's user (--user) write there",
            ),
            Some(libc::ENOENT | libc::ENOTDIR) => (
                format!("the directory of the binary log '{path}' is not there").into(),
                "make the directory before the server starts, or name one that is there",
            ),
            Some(libc::EISDIR) => (
                format!("where the binary log '{path}' should be is a directory").into(),
                "give the binary log another name, or move the directory away",
            ),
            _ => (
                format!("the binary log or its index cannot be opened: {}", first.message).into(),
                "see the file and its directory",
            ),
        }
    };
    let written = given.as_ref().map(|given| format!(": {}", scene.written(given))).unwrap_or_default();
    let missing =
        obstacle(scene, &absolute(scene, path)).filter(|blocked| matches!(blocked, Obstacle::Missing(..)));
    let fix = missing.map_or_else(|| fix.to_owned(), |blocked| remedy(scene, &blocked));
    Some(
        Finding::new(BINLOG_INDEX, format!("{why}{written}"))
            .quoting(errors.into_iter().take(3))
            .blaming(given)
            .fix(scene.or_remove(fix, given)),
    )
}

/// The file that a line is about.
fn path_of<'a>(entry: &Entry<'a>) -> Option<&'a BStr> {
    let unique =
        entry.after("log-filename ").map(|rest| rest.strip_suffix(b".(1-999)").unwrap_or(rest).as_bstr());
    let used = entry.between("Could not use ", " for logging");
    unique
        .or(used)
        .or_else(|| entry.quoted().into_iter().find(|word| word.contains(&b'/') || word.contains(&b'.')))
}

/// Replication could not read its own state. Most servers go on without.
fn relay_log<'a>(scene: &Scene<'a>) -> Option<Finding<'a>> {
    let errors: Vec<Entry<'a>> = errors(scene)
        .filter(|entry| {
            let named = entry.system_error().is_some() && naming(scene, &RELAY, entry).is_some();
            says_any(entry, &RELAY_WORDS) || named
        })
        .collect();
    let first = *errors.first()?;
    let given = errors
        .iter()
        .find_map(|entry| naming(scene, &RELAY, entry))
        .or_else(|| RELAY.iter().find_map(|option| scene.given(option)));
    let written = given.as_ref().map(|given| format!(": {}", scene.written(given))).unwrap_or_default();
    let file = path_of(&first).map(|path| format!("'{path}' ")).unwrap_or_default();
    let (text, fix) = if says_any(&first, &["Failed to open the relay log", "Could not find target log"]) {
        (
            format!("the relay log {file}that the replica was at cannot be opened{written}"),
            "the relay logs, their index and relay-log.info belong together: bring the missing ones back; removing all \
             of them loses what the replica has fetched and not applied",
        )
    } else {
        (
            format!("the replica's state cannot be read: {}{written}", first.message),
            "bring back what is missing of master.info, relay-log.info and the relay logs; removing all of them loses \
             where the replica was and what it has fetched and not applied",
        )
    };
    let finding = Finding::new(RELAY_LOG, text).quoting(errors.into_iter().take(3)).blaming(given).fix(fix);
    // A server that goes on without its replica died of something else.
    let fatal = scene.error(&["multi master structures", "to master_info failed"]).is_some();
    Some(if fatal { finding } else { finding.likely().following() })
}

/// The two servers of a replication have one id. That ends the replication, and no server.
fn server_id<'a>(scene: &Scene<'a>) -> Option<Finding<'a>> {
    let line = scene.errors().find(|entry| {
        let lower = entry.words();
        let id = lower.contains_str("server id")
            || lower.contains_str("server_id")
            || lower.contains_str("server_uuid");
        let same = lower.contains_str("equal") || lower.contains_str("same server");
        id && same
    })?;
    let given = scene.given("server-id");
    let own = given.and_then(|given| given.value.to_str().ok()?.trim().parse::<u64>().ok());
    let twins = scene.evidence.others.iter().filter(|other| own.is_some() && other.server_id == own);
    let twins: Vec<String> = twins.map(|other| other.server.to_string()).collect();
    let written = given.as_ref().map(|given| format!(": {}", scene.written(given))).unwrap_or_default();
    let with = match twins.as_slice() {
        [] => String::new(),
        twins => format!(" with {}", twins.join(", ")),
    };
    let text = format!("{} shares its server id{with}{written}", scene.evidence.server);
    let finding = Finding::new(SERVER_ID, text)
        .quoting([line])
        .blaming(given)
        .fix("give each server of the test a server-id of its own");
    Some(finding.following())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::triage::evidence::OtherServer;
    use crate::triage::rules::judge::findings;
    use crate::triage::testing::{Vector, check, codes, failed};

    const VECTORS: &[Vector] = &[
        (
            "MTR-S087",
            &["--log-bin=/nosuch/x"],
            "t 0 [ERROR] Can't generate a unique log-filename /nosuch/x.(1-999)\n\
             t 0 [ERROR] MYSQL_BIN_LOG::open failed to generate new file name.\n\
             t 0 [ERROR] Could not use /nosuch/x for logging (error 2). Turning logging off for the whole duration of \
             the MariaDB server process.\nt 0 [ERROR] Aborting",
            Some("--log-bin=/nosuch/x"),
            "the directory of the binary log '/nosuch/x' is not there: --log-bin=/nosuch/x (x.opt:1)",
        ),
        (
            "MTR-S087",
            &["--log-bin=x", "--log-bin-index=/nosuch/i"],
            "t 0 [ERROR] mariadbd: File '/nosuch/i.index' not found (Errcode: 2 \"No such file or directory\")",
            Some("--log-bin-index=/nosuch/i"),
            "'/nosuch/i.index' is not there",
        ),
        // 10.4: the old spelling, no name of the server.
        (
            "MTR-S087",
            &["--log-bin=/v/tmp/x"],
            "2019-01-01 0:00:00 0 [ERROR] mysqld: File '/v/tmp/x.000001' not found (Errcode: 13 \"Permission denied\")\n\
             2019-01-01 0:00:00 0 [ERROR] Could not use /v/tmp/x for logging (error 13). Turning logging off for the \
             whole duration of the MySQL server process.",
            Some("--log-bin=/v/tmp/x"),
            "may not write the binary log '/v/tmp/x.000001'",
        ),
        (
            "MTR-S087",
            &["--log_bin=x.y/z/"],
            "t 0 [ERROR] Path 'x.y/z/' is a directory name, please specify a file name for --log-bin option",
            Some("--log_bin=x.y/z/"),
            "'x.y/z/' is a directory",
        ),
        (
            "MTR-S087",
            &["--log-bin"],
            "t 0 [ERROR] Log filename extension number exhausted: 2147483647. Please fix this by archiving old logs and \
             updating the index files.\nt 0 [ERROR] Can't generate a unique log-filename x.(1-999)",
            Some("--log-bin"),
            "numbers of binary logs are used up",
        ),
        (
            "MTR-S087",
            &["--log-bin=x"],
            "t 0 [ERROR] Error reading binlog GTID state from file './x.state'.\nt 0 [ERROR] Aborting",
            Some("--log-bin=x"),
            "'./x.state' cannot be read",
        ),
        (
            "MTR-S088",
            &["--relay-log=r"],
            "t 0 [ERROR] Failed to open the relay log './r.000005' (relay_log_pos 4)\n\
             t 0 [ERROR] Could not find target log during relay log initialization\n\
             t 0 [ERROR] Failed to initialize the master info structure",
            Some("--relay-log=r"),
            "the relay log './r.000005' that the replica was at cannot be opened: --relay-log=r (x.opt:1)",
        ),
        (
            "MTR-S088",
            &["--master-info-file=/nosuch/m"],
            "t 0 [ERROR] mariadbd: File '/nosuch/multi-m' not found (Errcode: 2 \"No such file or directory\")\n\
             t 0 [ERROR] Creation of Master_info index file '/nosuch/multi-m' failed\n\
             t 0 [ERROR] Failed to initialize multi master structures\nt 0 [ERROR] Aborting",
            Some("--master-info-file=/nosuch/m"),
            "/nosuch/multi-m",
        ),
    ];

    #[test]
    fn every_vector() {
        check(VECTORS);
    }

    #[test]
    fn the_servers_with_one_id_are_named() {
        for log in [
            "t 7 [ERROR] Slave I/O: Fatal error: The slave I/O thread stops because master and slave have equal MariaDB \
             server ids; these ids must be different for replication to work",
            "t 7 [ERROR] Slave I/O: Got fatal error 1236 from master: 'A slave with the same server_uuid/server_id as \
             this slave has connected to the master', Error_code: 1236",
        ] {
            let mut evidence = failed(1, &["--server-id=1"], log);
            evidence.others = vec![
                OtherServer { server: "mysqld.2".into(), server_id: Some(1), ..OtherServer::default() },
                OtherServer { server: "mysqld.3".into(), server_id: Some(3), ..OtherServer::default() },
            ];
            let found = findings(&Scene::new(&evidence));
            assert_eq!(found[0].cause.code, "MTR-S089");
            assert_eq!(found[0].text, "mysqld.1 shares its server id with mysqld.2: --server-id=1 (x.opt:1)");
        }
    }

    #[test]
    fn a_binary_log_that_cannot_be_encrypted_is_not_unopened() {
        let log = "t 0 [ERROR] Failed to enable encryption of binary logs\n\
                   t 0 [ERROR] Could not use x for logging (error 2). Turning logging off for the whole duration";
        assert!(!codes(&failed(1, &["--log-bin=x"], log)).contains(&"MTR-S087"));
    }
}
