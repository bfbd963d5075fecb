//! The data directory as a whole, its locks, and Aria's files.

use std::path::PathBuf;

use bstr::{BStr, ByteSlice};

use crate::triage::catalogue::{
    ARIA_CONTROL, DATADIR_DENIED, DATADIR_EMPTY, DATADIR_LOCKED, DATADIR_MISSING, DATADIR_NEWER, PATH_DENIED,
};
use crate::triage::collect::holders::is_locked;
use crate::triage::evidence::{AriaFile, Holder, Resource};
use crate::triage::files::{
    Access, Obstacle, absolute, complaints, data_file, denied_by, describe, fresh, mentioned, named_by,
    obstacle, remedy, served, source, who,
};
use crate::triage::finding::Finding;
use crate::triage::finding::Rule;
use crate::triage::log::Entry;
use crate::triage::scene::Scene;

/// The rules of this file.
pub const RULES: &[Rule] =
    &[locked, missing, denied, denied_to_innodb, no_system_tables, other_version, aria, aria_files];

/// The data directory, as far as it is known.
fn datadir(scene: &Scene<'_>) -> Option<PathBuf> {
    let given = || Some(absolute(scene, scene.given("datadir")?.value)).filter(|path| path.is_absolute());
    scene.path("datadir").map(|fact| fact.path.clone()).or_else(given)
}

/// ` (--datadir=/x, t/x.opt:1)`.
fn whose(scene: &Scene<'_>) -> String {
    source(scene, "datadir").map(|source| format!(" ({source})")).unwrap_or_default()
}

/// The line in which the server cannot go to its data directory.
fn no_entry<'a>(scene: &Scene<'a>) -> Option<Entry<'a>> {
    complaints(scene)
        .find(|entry| entry.says("Can't change dir to '") || entry.says("failed to set datadir to"))
}

fn missing<'a>(scene: &Scene<'a>) -> Option<Finding<'a>> {
    let entry = no_entry(scene)?;
    let what = match entry.system_error() {
        Some(libc::ENOENT) => "does not exist",
        Some(libc::ENOTDIR) => "is not a directory",
        None if entry.says("Not a directory") => "is not a directory",
        _ => return None,
    };
    let path = mentioned(&entry)?;
    let text = format!("the data directory '{path}'{} {what}", whose(scene));
    let fix = match scene.own(scene.given("datadir")) {
        Some(own) => format!("remove {own}: the runner makes a data directory for each server"),
        None => {
            "something removed it: look at the test's -master.sh, and at other runs with the same --vardir"
                .to_owned()
        }
    };
    Some(Finding::new(DATADIR_MISSING, text).quoting([entry]).blaming(scene.given("datadir")).fix(fix))
}

/// Options that name directories of InnoDB's elsewhere than in the data directory.
const OF_INNODB: [&str; 3] = ["innodb-data-home-dir", "innodb-log-group-home-dir", "innodb-undo-directory"];

/// InnoDB may not use a directory that an option names; its words name no path.
fn denied_to_innodb<'a>(scene: &Scene<'a>) -> Option<Finding<'a>> {
    let entry = complaints(scene)
        .find(|entry| entry.subsystem == "InnoDB" && entry.says("does not have the access rights"))
        .filter(|_| !served(scene))?;
    OF_INNODB.iter().find_map(|option| {
        let given = scene.given(option).filter(|given| !given.value.is_empty())?;
        let dir = absolute(scene, given.value);
        let (why, fix) = denied_by(scene, &dir.join("x"), Access::Write)?;
        let text = format!("the directory of {} cannot be used: {why}", scene.written(&given));
        Some(Finding::new(PATH_DENIED, text).quoting([entry]).blaming(given).fix(fix).fatal())
    })
}

fn denied<'a>(scene: &Scene<'a>) -> Option<Finding<'a>> {
    if served(scene) || denied_to_innodb(scene).is_some() {
        return None;
    }
    let refusal = |entry: &Entry<'a>| match entry.system_error() {
        Some(libc::EACCES | libc::EPERM | libc::EROFS) => !is_locked(entry) && is_inside(scene, entry),
        _ => entry.says("must be writable"),
    };
    let entry = no_entry(scene).filter(|entry| entry.system_error() == Some(libc::EACCES)).or_else(|| {
        let from_innodb = complaints(scene)
            .find(|entry| entry.subsystem == "InnoDB" && entry.says("does not have the access rights"));
        complaints(scene).find(refusal).or(from_innodb)
    })?;
    let path = data_file(scene, &entry);
    let file = path.as_ref().map(|path| absolute(scene, path.as_bstr()));
    let file = file.or_else(|| Some(datadir(scene)?.join("x")));
    let blocked = file.and_then(|file| obstacle(scene, &file)).filter(|b| matches!(b, Obstacle::Denied(..)));
    let why = match (&blocked, &path, entry.system_error()) {
        (_, _, Some(libc::EROFS)) => "its file system is read-only".to_owned(),
        (Some(blocked), ..) => describe(scene, blocked),
        (None, Some(path), _) => format!("{} may not use '{path}'", who(scene)),
        (None, None, _) => format!("{} may not write to it", who(scene)),
    };
    let fix = match &blocked {
        Some(blocked) => remedy(scene, blocked),
        None => "look at the owner and mode of the data directory and its files, and at --user".to_owned(),
    };
    let text = format!("the data directory{} cannot be used: {why}", whose(scene));
    let own = |option| scene.given(option).filter(|given| scene.own(*given).is_some());
    let given = own("datadir").or_else(|| own("user"));
    Some(Finding::new(DATADIR_DENIED, text).quoting([entry]).blaming(given).fix(fix))
}

/// The line is about the data directory or a file in it, which no other option named.
fn is_inside(scene: &Scene<'_>, entry: &Entry<'_>) -> bool {
    let Some(path) = mentioned(entry) else { return false };
    let file = absolute(scene, path);
    let own = path.starts_with(b".") || datadir(scene).is_some_and(|datadir| file.starts_with(datadir));
    own && named_by(scene, &file).is_none_or(|(name, _)| name == "datadir")
}

fn locked<'a>(scene: &Scene<'a>) -> Option<Finding<'a>> {
    if served(scene) {
        return None;
    }
    let entry = complaints(scene).find(is_locked)?;
    let path = mentioned(&entry);
    let file = path.map(|path| absolute(scene, path));
    let own = file.map(|file| scene.holders(&Resource::File(file))).unwrap_or_default();
    let locks = |holder: &&Holder| matches!(holder.resource, Resource::File(_));
    let any = || scene.evidence.system.holders.iter().filter(locks).collect();
    let holders: Vec<&Holder> = if own.is_empty() { any() } else { own };
    let what = path.map(|path| format!("; '{path}' is locked")).unwrap_or_default();
    let (text, fix) = match holders.first() {
        Some(holder) => {
            let other = scene.evidence.others.iter().find(|other| other.pid == Some(holder.pid));
            let by = other.map(|other| format!("{}, process", other.server)).unwrap_or("process".to_owned());
            (
                format!(
                    "the data directory{} is in use by {by} {} ({}){what}",
                    whose(scene),
                    holder.pid,
                    holder.command
                ),
                format!("end process {}, or use another --vardir", holder.pid),
            )
        }
        None => (
            format!("the data directory{} is in use by another server{what}", whose(scene)),
            "end the server that uses it, or use another --vardir".to_owned(),
        ),
    };
    let mut finding =
        Finding::new(DATADIR_LOCKED, text).quoting([entry]).blaming(scene.given("datadir")).fix(fix);
    for holder in holders {
        if let Resource::File(path) = &holder.resource {
            let path = path.display();
            finding = finding.seen(format!("process {} has {path}: {}", holder.pid, holder.command));
        }
    }
    Some(finding)
}

/// The line in which the server gives up on its system tables, and why.
fn tables<'a>(scene: &Scene<'a>) -> Option<(Entry<'a>, &'a BStr)> {
    let entry =
        complaints(scene).find(|entry| entry.says("Fatal error: Can't open and lock privilege tables"))?;
    Some((entry, entry.after("privilege tables: ").unwrap_or_default()))
}

fn no_system_tables<'a>(scene: &Scene<'a>) -> Option<Finding<'a>> {
    let (entry, why) = tables(scene)?;
    // `Table 'mysql.db' doesn't exist`, `'mysql.user' is not of type 'TABLE'`: the view without its table.
    if !why.contains_str("doesn't exist") && !why.contains_str("is not of type") {
        return None;
    }
    // One table may be lost; where the server misses the next as well, all are. How it complains of those depends on
    // the release: `Could not open mysql.plugin table: …`, from 11.x on a warning of `mysql.servers`.
    let table = |words: &'a BStr| {
        let (_, rest) =
            words.split_once_str("Table 'mysql.").filter(|(_, rest)| rest.contains_str("doesn't exist"))?;
        rest.split_once_str("'").map(|(table, _)| table)
    };
    let other = table(why).and_then(|lost| {
        scene.log.iter().copied().find(|other| table(other.message).is_some_and(|table| table != lost))
    });
    let text = if other.is_some() {
        format!("the data directory{} is not initialised: it has no system tables ({why})", whose(scene))
    } else {
        format!("the data directory{} lacks system tables: {why}", whose(scene))
    };
    let fix = match scene.own(scene.given("datadir")) {
        Some(own) => format!("remove {own}, or initialise it first: mariadb-install-db --datadir=…"),
        None => "look at log/bootstrap.log, and whether the test's -master.sh changes the data directory; start with a \
                 fresh --vardir"
            .to_owned(),
    };
    Some(
        Finding::new(DATADIR_EMPTY, text)
            .quoting(other.into_iter().chain([entry]))
            .blaming(scene.given("datadir"))
            .fix(fix),
    )
}

/// The version that made a redo log, as a line names it, unless it is this server's own.
pub fn maker<'a>(scene: &Scene<'a>, entry: &Entry<'a>) -> Option<&'a BStr> {
    let by = entry.after("created with ")?;
    let end = [". ", " We", ", and", "; "].iter().filter_map(|end| by.find(end)).min().unwrap_or(by.len());
    let by = by[..end].trim_end_with(|c| c == '.').as_bstr();
    let own = scene.evidence.facts.as_ref().is_some_and(|facts| by.contains_str(&facts.version));
    (!own).then_some(by)
}

/// Messages of InnoDB's redo log and system tablespace, and of system tables, that tell of another version.
fn other_version<'a>(scene: &Scene<'a>) -> Option<Finding<'a>> {
    if served(scene) {
        return None;
    }
    let of_innodb = complaints(scene).find(|entry| {
        let unsupported = entry.says("Unsupported") && entry.says("redo log format");
        // A single table of another version is the affair of that table.
        let tablespace = entry.says("MySQL-8.0 tablespace") && entry.says("ibdata");
        maker(scene, entry).is_some() || unsupported || tablespace
    });
    let of_tables = || {
        let (entry, why) = tables(scene)?;
        let wrong = [
            "Incorrect information in file",
            "Column count",
            "Incorrect definition",
            "is probably corrupted",
        ];
        wrong.iter().any(|words| why.contains_str(words)).then_some(entry)
    };
    let damaged = || complaints(scene).find(|entry| entry.says("mysql.user table is damaged"));
    let entry = of_innodb.or_else(of_tables).or_else(damaged)?;
    let noted = scene.evidence.system.datadir_version.as_ref().map(|version| version.as_bstr());
    let mysql = entry.says("MySQL-8.0").then_some(BStr::new("MySQL 8.0"));
    let by = maker(scene, &entry).or(mysql).or(noted).map(|by| format!(" by {by}")).unwrap_or_default();
    let own = scene.evidence.facts.as_ref().map(|facts| format!(" ({})", facts.version)).unwrap_or_default();
    let whose = whose(scene);
    let text = match of_innodb {
        Some(_) => format!("the data directory{whose} was made{by}; this server{own} does not take it"),
        None => {
            format!(
                "the system tables of the data directory{whose} are corrupt or were made by another version{by}"
            )
        }
    };
    let fix = "start with a fresh data directory (another --vardir), or with the server that made it; to bring an older \
               one forward, shut that server down cleanly (innodb_fast_shutdown=0) and run mariadb-upgrade";
    let fix = fresh(scene, fix);
    let finding = Finding::new(DATADIR_NEWER, text).quoting([entry]).blaming(scene.given("datadir")).fix(fix);
    Some(if of_innodb.is_some() { finding } else { finding.likely() })
}

fn aria<'a>(scene: &Scene<'a>) -> Option<Finding<'a>> {
    if served(scene) {
        return None;
    }
    let control = |entry: &Entry<'a>| entry.says("aria control file") && !is_locked(entry);
    let recovery = |entry: &Entry<'a>| {
        entry.says("Aria recovery failed")
            || entry.says("Aria engine: log")
            || entry.says("Maria recovery aborted")
    };
    if let Some(entry) = complaints(scene).find(control) {
        let why = entry.between("Got error '", "' when").unwrap_or(entry.message);
        // These have a cause of their own: the directory, or permissions.
        let others = ["Can't create file", "Can't open file", "exclusive lock", "in use"];
        if others.iter().any(|other| why.contains_str(other)) {
            return None;
        }
        let path = entry.quoted().into_iter().rev().find(|word| word.contains(&b'/')).unwrap_or_default();
        let (text, given, fix) = if why.contains_str("aria_block_size") {
            let source = source(scene, "aria-block-size").map(|s| format!(" ({s})")).unwrap_or_default();
            (
                format!("Aria's files have another block size than the server is to use{source}: {why}"),
                scene.given("aria-block-size"),
                scene.remove_or(
                    scene.given("aria-block-size"),
                    ", or set it where the data directory is made",
                    "set it where the data directory is made",
                ),
            )
        } else {
            (
                format!("Aria's control file '{path}' is corrupt: {why}"),
                scene.given("datadir"),
                fresh(
                    scene,
                    "use a fresh data directory (another --vardir); to keep this one, remove aria_log_control and aria_log.*, \
                 which loses changes that are in the logs only, and run aria_chk -r --zerofill on its Aria tables",
                ),
            )
        };
        return Some(Finding::new(ARIA_CONTROL, text).quoting([entry]).blaming(given).fix(fix));
    }
    let entry = complaints(scene).find(recovery)?;
    let text = format!("Aria's log does not fit its tables: {}", entry.message);
    let fix = "use a fresh data directory (another --vardir); to keep this one, run aria_chk -r on all Aria tables and \
               remove aria_log.*, which loses changes that are in the logs only";
    Some(Finding::new(ARIA_CONTROL, text).quoting([entry]).fix(fix))
}

/// The least a log of Aria's has: a page with its header and one with records, of 8 KiB each whatever the block size.
const ARIA_LOG_BYTES: u64 = 2 * 8192;

/// Files that are no files, and a last log that is cut, which the server reads for ever without a word (seen with 10.5 to
/// 11.8).
fn aria_files<'a>(scene: &Scene<'a>) -> Option<Finding<'a>> {
    if served(scene) {
        return None;
    }
    let files = &scene.evidence.system.aria_files;
    let odd = files.iter().find(|file| !file.regular);
    let is_control = |file: &AriaFile| file.path.ends_with("aria_log_control");
    let last = || files.iter().rfind(|file| !is_control(file));
    let file = odd.or_else(|| last().filter(|log| log.bytes < ARIA_LOG_BYTES))?;
    let path = file.path.display();
    let what = if is_control(file) { "control file" } else { "log" };
    let fix = "use a fresh data directory (another --vardir); to keep this one, remove it, which loses changes that are in it \
         only, and run aria_chk -r on all Aria tables";
    let (text, seen) = if file.regular {
        (
            format!("Aria's {what} '{path}' is cut"),
            format!("it has {} bytes, and a log has {ARIA_LOG_BYTES} at least", file.bytes),
        )
    } else {
        (format!("Aria's {what} '{path}' is no file"), "it is a directory, a pipe or a device".to_owned())
    };
    let finding = Finding::new(ARIA_CONTROL, text).seen(seen).quoting(aria_complaint(scene));
    let finding = finding.blaming(scene.given("datadir")).fix(fresh(scene, fix));
    let certain = scene.evidence.timed_out || aria_complaint(scene).is_some();
    Some(if certain { finding } else { finding.likely() })
}

fn aria_complaint<'a>(scene: &Scene<'a>) -> Option<Entry<'a>> {
    complaints(scene).find(|entry| entry.says("Aria") || entry.says("aria_log") || entry.says("aria control"))
}

#[cfg(test)]
mod tests {
    use crate::triage::evidence::{Evidence, Holder, OtherServer, PathFact, Resource};
    use crate::triage::finding::Confidence;
    use crate::triage::rules::judge::findings;
    use crate::triage::scene::Scene;
    use crate::triage::testing::{Vector, check, codes, failed};

    const VECTORS: &[Vector] = &[
        (
            "MTR-S040",
            &["--datadir=/nonexist"],
            "t 0 [Warning] Can't create test file '/nonexist/x.lower-test' (Errcode: 2 \"No such file or directory\")\n\
             /usr/sbin/mysqld: Can't change dir to '/nonexist/' (Errcode: 2 \"No such file or directory\")\n\
             t 0 [ERROR] Aborting",
            Some("--datadir=/nonexist"),
            "the data directory '/nonexist/' (--datadir=/nonexist, x.opt:1) does not exist / remove --datadir",
        ),
        (
            "MTR-S040",
            &[],
            "t 0 [ERROR] mariadbd: Can't change dir to '/v/f/' (Errcode: 20 \"Not a directory\")",
            None,
            "'/v/f/' is not a directory",
        ),
        (
            "MTR-S041",
            &["--datadir=/root/x", "--user=mysql"],
            "mariadbd: Can't change dir to '/root/x/' (Errcode: 13 \"Permission denied\")\nt 0 [ERROR] Aborting",
            Some("--datadir=/root/x"),
            "the server's user (--user=mysql, x.opt:2) may not use '/root/x/'",
        ),
        (
            "MTR-S041",
            &["--user=nobody"],
            "t 0 [ERROR] mysqld: Can't create/write to file './ddl_recovery.log' (Errcode: 13 \"Permission denied\")\n\
             t 0 [ERROR] DDL_LOG: Failed to create ddl log file: ./ddl_recovery.log",
            Some("--user=nobody"),
            "may not use './ddl_recovery.log'",
        ),
        (
            // 10.4: InnoDB's own words, and the number in a line of its own.
            "MTR-S041",
            &[],
            "t 0 [ERROR] InnoDB: The innodb_system data file 'ibdata1' must be writable\n\
             t 0 [ERROR] InnoDB: The innodb_system data file 'ibdata1' must be writable\n\
             t 0 [ERROR] Plugin 'InnoDB' init function returned error.",
            None,
            "may not use 'ibdata1'",
        ),
        (
            "MTR-S041",
            &["--datadir=/d"],
            "t 0 [ERROR] mariadbd: Can't create/write to file '/d/aria_log_control' (Errcode: 30 \"Read-only file system\")",
            Some("--datadir=/d"),
            "its file system is read-only",
        ),
        (
            "MTR-S042",
            &["--datadir=/empty"],
            "t 0 [ERROR] Could not open mysql.plugin table: \"Table 'mysql.plugin' doesn't exist\". Some plugins may be not \
             loaded\nt 0 [ERROR] Fatal error: Can't open and lock privilege tables: Table 'mysql.user' doesn't exist",
            Some("--datadir=/empty"),
            "is not initialised: it has no system tables (Table 'mysql.user' doesn't exist) / remove --datadir=/empty",
        ),
        (
            // 11.8 says nothing of mysql.plugin.
            "MTR-S042",
            &["--datadir=/empty"],
            "t 0 [Warning] Can't open and lock privilege tables: Table 'mysql.servers' doesn't exist\n\
             t 0 [ERROR] Fatal error: Can't open and lock privilege tables: Table 'mysql.db' doesn't exist",
            Some("--datadir=/empty"),
            "is not initialised: it has no system tables (Table 'mysql.db' doesn't exist) / remove --datadir=/empty",
        ),
        (
            "MTR-S042",
            &[],
            "t 0 [ERROR] Fatal error: Can't open and lock privilege tables: Table 'mysql.db' doesn't exist",
            None,
            "lacks system tables: Table 'mysql.db'",
        ),
        (
            "MTR-S042",
            &[],
            "t 0 [ERROR] Fatal error: Can't open and lock privilege tables: 'mysql.user' is not of type 'TABLE'",
            None,
            "lacks system tables",
        ),
        (
            "MTR-S043",
            &["--datadir=/d"],
            "t 0 [ERROR] mysqld: Can't lock aria control file '/d/aria_log_control' for exclusive use, error: 11. Will \
             retry for 30 seconds",
            Some("--datadir=/d"),
            "is in use by another server; '/d/aria_log_control' is locked",
        ),
        (
            "MTR-S043",
            &[],
            "t 0 [ERROR] mysqld: Got error 'Could not get an exclusive lock; file is probably in use by another process' \
             when trying to use aria control file '/d/aria_log_control'\n\
             t 0 [ERROR] Plugin 'Aria' init function returned error.",
            None,
            "in use by another server",
        ),
        (
            "MTR-S043",
            &["--plugin-load-add=ha_rocksdb.so"],
            "t 0 [ERROR] RocksDB: Error opening instance, Status Code: 5, Status: IO error: While lock file: \
             ./#rocksdb/LOCK: Resource temporarily unavailable",
            None,
            "'./#rocksdb/LOCK' is locked",
        ),
        (
            "MTR-S044",
            &[],
            "t 0 [ERROR] InnoDB: Unsupported redo log format. The redo log was created with MariaDB 12.1.2.\n\
             t 0 [ERROR] InnoDB: Plugin initialization aborted with error Generic error",
            None,
            "was made by MariaDB 12.1.2; this server",
        ),
        (
            "MTR-S044",
            &[],
            "t 0 [ERROR] InnoDB: Upgrade after a crash is not supported. The redo log was created with MariaDB 10.5.8, and \
             it appears corrupted.",
            None,
            "was made by MariaDB 10.5.8; this",
        ),
        (
            "MTR-S044",
            &[],
            "t 0 [ERROR] InnoDB: MySQL-8.0 tablespace in ./ibdata1\n\
             t 0 [ERROR] InnoDB: Plugin initialization aborted with error Unsupported",
            None,
            "made by MySQL 8.0",
        ),
        (
            "MTR-S048",
            &["--aria-block-size=16384"],
            "t 0 [ERROR] mariadbd: Got error 'Block size in control file (8192) is different than given aria_block_size: \
             16384' when trying to use aria control file '/d/aria_log_control'",
            Some("--aria-block-size=16384"),
            "another block size than the server is to use (--aria-block-size=16384, x.opt:1)",
        ),
        (
            "MTR-S048",
            &[],
            "t 0 [ERROR] mysqld: Aria recovery failed. Please run aria_chk -r on all Aria tables and delete all \
             aria_log.######## files\nt 0 [ERROR] Plugin 'Aria' init function returned error.",
            None,
            "does not fit its tables",
        ),
    ];

    #[test]
    fn every_vector_finds_its_cause_argument_and_words() {
        check(VECTORS);
    }

    #[test]
    fn whoever_locks_is_named() {
        let log = "t 0 [ERROR] InnoDB: Unable to lock ./ibdata1 error: 11";
        let mut evidence = failed(1, &["--datadir=/d"], log);
        evidence.system.paths =
            vec![PathFact { option: "datadir", path: "/d".into(), exists: true, ..PathFact::default() }];
        evidence.system.holders = vec![Holder {
            resource: Resource::File("/d/ibdata1".into()),
            pid: 77,
            command: "mariadbd --datadir=/d".into(),
        }];
        fn told(evidence: &Evidence) -> String {
            findings(&Scene::new(evidence)).remove(0).text.to_string()
        }
        assert!(
            told(&evidence).contains("in use by process 77 (mariadbd --datadir=/d); './ibdata1' is locked")
        );
        evidence.others =
            vec![OtherServer { server: "mysqld.2".into(), pid: Some(77), ..OtherServer::default() }];
        assert!(told(&evidence).contains("in use by mysqld.2, process 77"));
    }

    #[test]
    fn system_tables_of_another_version_are_likely_only() {
        let log = "t 0 [ERROR] Fatal error: Can't open and lock privilege tables: Incorrect information in file: \
                   './mysql/db.frm'";
        let mut evidence = failed(1, &[], log);
        evidence.system.datadir_version = Some("12.3.1-MariaDB".into());
        let scene = Scene::new(&evidence);
        let found = findings(&scene);
        assert_eq!((found[0].cause.code, found[0].confidence), ("MTR-S044", Confidence::Likely));
        assert!(
            found[0].text.to_string().ends_with("another version by 12.3.1-MariaDB"),
            "{}",
            found[0].text
        );
    }

    #[test]
    fn a_server_that_serves_has_none_of_this() {
        for (_, words, log, ..) in VECTORS {
            let log = format!("{log}\nt 0 [Note] mariadbd: ready for connections.");
            let found = codes(&failed(1, words, &log));
            let fatal = ["MTR-S040", "MTR-S042"];
            assert!(found.iter().all(|code| *code > "MTR-S100" || fatal.contains(code)), "{found:?} {log}");
        }
        // No other engine's trouble is the data directory's.
        let log =
            "t 0 [ERROR] Fatal error: Can't open and lock privilege tables: Unknown storage engine 'Aria'";
        assert_eq!(codes(&failed(1, &[], log)), ["MTR-S103"]);
    }
}
