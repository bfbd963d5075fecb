//! Files and directories that options name: the pid file, logs, directories of storage engines.

use bstr::{BString, ByteSlice};

use crate::triage::catalogue::{PATH_DENIED, PATH_MISSING, PID_FILE_DIRECTORY};
use crate::triage::evidence::ExitKind;
use crate::triage::files::{
    Obstacle, absolute, complaints, describe, mentioned, named_by, obstacle, remedy, served, source,
    source_of, who,
};
use crate::triage::finding::Finding;
use crate::triage::finding::Rule;
use crate::triage::log::Entry;
use crate::triage::scene::{Given, Scene};

/// The rules of this file.
pub const RULES: &[Rule] = &[pid_file, missing, denied, not_normal, silent];

/// Options whose paths have a cause of their own.
const OTHERS: [&str; 20] = [
    "datadir",
    "basedir",
    "socket",
    "pid-file",
    "tmpdir",
    "innodb-tmpdir",
    "plugin-dir",
    "plugin-load",
    "plugin-load-add",
    "lc-messages-dir",
    "character-sets-dir",
    "init-file",
    "ssl-ca",
    "ssl-cert",
    "ssl-key",
    "ssl-capath",
    "ssl-crl",
    "wsrep-provider",
    "file-key-management-filename",
    "file-key-management-filekey",
];

/// Logs without which the server goes on.
const DISPENSABLE: [&str; 4] =
    ["general-log-file", "slow-query-log-file", "log-slow-query-file", "log-error"];

fn pid_file<'a>(scene: &Scene<'a>) -> Option<Finding<'a>> {
    let entry = complaints(scene).find(|entry| entry.says("PID file")).filter(|_| !served(scene))?;
    // The line before it names the file.
    let detail = complaints(scene).take_while(|other| other.line < entry.line).last();
    let detail =
        detail.filter(|other| other.system_error() == entry.system_error() && mentioned(other).is_some());
    let given = scene.given("pid-file");
    let path = detail.as_ref().and_then(mentioned).or_else(|| given.map(|given| given.value))?;
    let origin = given.map(|given| format!(" ({})", scene.origin(&given))).unwrap_or_default();
    let blocked = obstacle(scene, &absolute(scene, path));
    let why = match &blocked {
        Some(blocked) => describe(scene, blocked),
        None => {
            entry.message.rsplit_once_str(": ").map_or(entry.message, |(_, why)| why.as_bstr()).to_string()
        }
    };
    let fix = match &blocked {
        Some(blocked) => remedy(scene, blocked),
        None => "see whether its directory exists and the server's user may write to it".to_owned(),
    };
    let fix = scene.remove_or(given, ": the runner waits for the file of the configuration", fix);
    let text = format!("the pid file '{path}'{origin} cannot be written: {why}");
    Some(
        Finding::new(PID_FILE_DIRECTORY, text)
            .quoting(detail.into_iter().chain([entry]))
            .blaming(given)
            .fix(fix),
    )
}

/// A line that complains of a path which an option named.
struct Refused<'a> {
    entry: Entry<'a>,
    path: BString,
    error: i32,
    option: Option<(BString, Given<'a>)>,
}

impl Refused<'_> {
    /// The server goes on without it.
    fn is_dispensable(&self) -> bool {
        self.option.as_ref().is_some_and(|(name, _)| DISPENSABLE.iter().any(|other| name == other))
    }
}

/// The first line with one of these system errors; one that the server can do without only if there is no other.
fn refused<'a>(scene: &Scene<'a>, errors: &[i32]) -> Option<Refused<'a>> {
    if served(scene) {
        return None;
    }
    let mut all: Vec<Refused<'a>> = complaints(scene).filter_map(|entry| one(scene, entry, errors)).collect();
    all.sort_by_key(|refused| (refused.is_dispensable(), refused.option.is_none()));
    all.into_iter().next()
}

fn one<'a>(scene: &Scene<'a>, entry: Entry<'a>, errors: &[i32]) -> Option<Refused<'a>> {
    let path = mentioned(&entry)?;
    // InnoDB tells the number in a line of its own, and then a number that is not the system's.
    let numbered =
        |other: &&Entry<'a>| other.line < entry.line && other.says("Operating system error number");
    let error = match entry.subsystem == "InnoDB" && entry.says("returned OS error") {
        true => scene.log.iter().rev().find(numbered)?.system_error(),
        false => entry.system_error().or_else(|| entry.says("was not found").then_some(libc::ENOENT)),
    }?;
    let library = entry.says("shared library") || entry.says("shared object") || entry.says("dlopen");
    if library || entry.says("PID file") || !errors.contains(&error) {
        return None;
    }
    let file = absolute(scene, path);
    let option = named_by(scene, &file);
    if let Some((name, _)) = &option {
        // What is below the data directory is its affair.
        if OTHERS.iter().any(|other| name == other) {
            return None;
        }
    }
    Some(Refused { entry, path: path.to_owned(), error, option })
}

/// ` of --log-bin=/x, t/x.opt:3`.
fn of_option(scene: &Scene<'_>, option: &Option<(BString, Given<'_>)>) -> String {
    option.as_ref().map(|(_, given)| format!(" ({})", source_of(scene, given))).unwrap_or_default()
}

fn missing<'a>(scene: &Scene<'a>) -> Option<Finding<'a>> {
    let refused = refused(scene, &[libc::ENOENT, libc::ENOTDIR, libc::EISDIR])?;
    let whose = of_option(scene, &refused.option);
    let file = absolute(scene, refused.path.as_bstr());
    let blocked = obstacle(scene, &file).filter(|blocked| !matches!(blocked, Obstacle::Denied(..)));
    // A file that is missing is a cause only where an option named it.
    let (_, given) = refused.option.as_ref()?;
    let (text, fix) = match &blocked {
        Some(blocked) => (
            format!("'{}'{whose} cannot be used: {}", refused.path, describe(scene, blocked)),
            remedy(scene, blocked),
        ),
        None if refused.error == libc::EISDIR => {
            (format!("'{}'{whose} is a directory", refused.path), "name a file in it".to_owned())
        }
        None => (
            format!("'{}'{whose} is not there", refused.path),
            "create it, or correct the option's value".to_owned(),
        ),
    };
    let fix = scene.or_remove(fix, *given);
    let finding = Finding::new(PATH_MISSING, text).quoting([refused.entry]).blaming(*given).fix(fix);
    Some(if refused.is_dispensable() { finding.likely() } else { finding })
}

fn denied<'a>(scene: &Scene<'a>) -> Option<Finding<'a>> {
    let refused = refused(scene, &[libc::EACCES, libc::EPERM, libc::EROFS])?;
    let file = absolute(scene, refused.path.as_bstr());
    // The data directory has a cause of its own.
    if refused.option.is_none() && scene.path("datadir").is_some_and(|dir| file.starts_with(&dir.path)) {
        return None;
    }
    let whose = of_option(scene, &refused.option);
    let blocked = obstacle(scene, &file).filter(|blocked| matches!(blocked, Obstacle::Denied(..)));
    let (why, fix) = match (&blocked, refused.error) {
        (_, libc::EROFS) => {
            ("its file system is read-only".to_owned(), "name a path on another file system".to_owned())
        }
        (Some(blocked), _) => (describe(scene, blocked), remedy(scene, blocked)),
        (None, _) => (
            format!("{} has no permission", who(scene)),
            "look at its owner and mode, and at those of the directories above".to_owned(),
        ),
    };
    let text = format!("'{}'{whose} cannot be used: {why}", refused.path);
    let blamed = refused.option.as_ref().map(|(_, given)| *given);
    let finding = Finding::new(PATH_DENIED, text).quoting([refused.entry]).blaming(blamed).fix(fix);
    Some(if refused.is_dispensable() || refused.option.is_none() { finding.likely() } else { finding })
}

/// A directory of which the server wants the real name, as `--secure-file-priv`: the line names the option only.
fn not_normal<'a>(scene: &Scene<'a>) -> Option<Finding<'a>> {
    let needle = "Failed to normalize the argument for ";
    let entry = scene.line(&[needle]).filter(|_| !served(scene))?;
    let option =
        entry.after(needle)?.trim_end_with(|c| ". '".contains(c)).trim_start_with(|c| "-'".contains(c));
    let option = option.to_str().ok()?;
    let source = source(scene, option).map(|source| format!(" ({source})")).unwrap_or_default();
    let fact = scene.given(option).map(|given| absolute(scene, given.value));
    let blocked = fact.as_deref().and_then(|path| obstacle(scene, &path.join("x")));
    let why = blocked.as_ref().map_or_else(
        || "is not there or cannot be reached".to_owned(),
        |blocked| format!("cannot be used: {}", describe(scene, blocked)),
    );
    let fix =
        blocked.as_ref().map_or_else(|| "create the directory".to_owned(), |blocked| remedy(scene, blocked));
    let text = format!("the directory of --{option}{source} {why}");
    let given = scene.given(option);
    let fix = scene.or_remove(fix, given);
    Some(Finding::new(PATH_MISSING, text).quoting([entry]).blaming(given).fix(fix))
}

/// Options that name directories which have to be there.
const DIRECTORIES: [&str; 5] =
    ["secure-file-priv", "slave-load-tmpdir", "aria-log-dir-path", "tmpdir", "innodb-tmpdir"];

/// The server gave up without an error in its log, and a directory that it was given is not there.
fn silent<'a>(scene: &Scene<'a>) -> Option<Finding<'a>> {
    let gave_up = matches!(scene.evidence.exit, ExitKind::Status(status) if status != 0);
    if !gave_up || served(scene) || complaints(scene).next().is_some() {
        return None;
    }
    let blocked = |option: &'static str| {
        let fact = scene.path(option)?;
        let blocked = obstacle(scene, &fact.path.join("x"))?;
        Some((option, blocked))
    };
    let (option, blocked) = DIRECTORIES.iter().find_map(|option| blocked(option))?;
    let source = source(scene, option).map(|source| format!(" ({source})")).unwrap_or_default();
    let text = format!("the directory of --{option}{source} cannot be used: {}", describe(scene, &blocked));
    let finding = Finding::new(PATH_MISSING, text).seen("the error log of this start has no error");
    let given = scene.given(option);
    Some(finding.blaming(given).fix(scene.or_remove(remedy(scene, &blocked), given)).likely())
}

#[cfg(test)]
mod tests {
    use crate::triage::evidence::PathFact;
    use crate::triage::finding::Confidence;
    use crate::triage::rules::judge::findings;
    use crate::triage::scene::Scene;
    use crate::triage::testing::{Vector, check, codes, failed};

    const VECTORS: &[Vector] = &[
        (
            // 10.5: the number of the system, then one of InnoDB's own.
            "MTR-S037",
            &["--innodb-log-group-home-dir=/nonexist"],
            "t 0 [ERROR] InnoDB: Operating system error number 2 in a file operation.\n\
             t 0 [ERROR] InnoDB: The error means the system cannot find the path specified.\n\
             t 0 [ERROR] InnoDB: File /nonexist/ib_logfile101: 'create' returned OS error 71.\n\
             t 0 [ERROR] InnoDB: Cannot create /nonexist/ib_logfile101\n\
             t 0 [ERROR] InnoDB: Plugin initialization aborted with error Generic error",
            Some("--innodb-log-group-home-dir=/nonexist"),
            "'/nonexist/ib_logfile101' (--innodb-log-group-home-dir=/nonexist, x.opt:1) is not there",
        ),
        (
            "MTR-S036",
            &["--pid-file=/n/x.pid"],
            "mariadbd: Can't create file '/v/x.err' (errno: 2 \"No such file or directory\")\n\
             t 0 [ERROR] mysqld: Can't create/write to file '/n/x.pid' (Errcode: 2 \"No such file or directory\")\n\
             t 0 [ERROR] Can't start server: can't create PID file: No such file or directory",
            Some("--pid-file=/n/x.pid"),
            "the pid file '/n/x.pid' (x.opt:1) cannot be written: No such file or directory",
        ),
        (
            "MTR-S087",
            &["--general-log-file=/m/g.log", "--log-bin=/n/y"],
            "t 0 [ERROR] mariadbd: File '/m/g.log' not found (Errcode: 2 \"No such file or directory\")\n\
             t 0 [ERROR] Can't generate a unique log-filename /n/y.(1-999)\n\
             t 0 [ERROR] Could not use /n/y for logging (error 2). Turning logging off\nt 0 [ERROR] Aborting",
            Some("--log-bin=/n/y"),
            "--log-bin=/n/y (x.opt:2)",
        ),
        (
            "MTR-S037",
            &["--loose-aria-log-dir-path=/n"],
            "t 0 [ERROR] mariadbd: Can't create/write to file '/n/aria_log_control' (Errcode: 2 \"No such file or \
             directory\")\nt 0 [ERROR] mariadbd: Got error 'Can't create file' when trying to use aria control file \
             '/n/aria_log_control'",
            Some("--loose-aria-log-dir-path=/n"),
            "'/n/aria_log_control' (--loose-aria-log-dir-path=/n, x.opt:1)",
        ),
        (
            "MTR-S037",
            &["--secure_file_priv=/n"],
            "t 0 [Warning] Failed to normalize the argument for --secure-file-priv.",
            Some("--secure_file_priv=/n"),
            "the directory of --secure-file-priv (--secure_file_priv=/n, x.opt:1)",
        ),
        (
            "MTR-S037",
            &["--rocksdb-datadir=/n/rocks"],
            "t 0 [ERROR] RocksDB: Error opening instance: IO error: While opening '/n/rocks/LOCK' (errno: 20)",
            Some("--rocksdb-datadir=/n/rocks"),
            "/n/rocks/LOCK",
        ),
        (
            "MTR-S087",
            &["--log-bin=/n/y", "--user=nobody"],
            "t 0 [ERROR] mariadbd: File '/n/y.000001' not found (Errcode: 13 \"Permission denied\")\n\
             t 0 [ERROR] Could not use /n/y for logging (error 13). Turning logging off\nt 0 [ERROR] Aborting",
            Some("--log-bin=/n/y"),
            "may not write the binary log",
        ),
        (
            "MTR-S038",
            &["--innodb-undo-directory=/n"],
            "t 0 [ERROR] InnoDB: Cannot create /n/undo001: Read-only file system",
            Some("--innodb-undo-directory=/n"),
            "its file system is read-only",
        ),
    ];

    #[test]
    fn every_vector_finds_its_cause_argument_and_words() {
        check(VECTORS);
    }

    #[test]
    fn a_silent_end_is_blamed_on_a_directory_that_is_not_there() {
        let fact = |exists| PathFact {
            option: "secure-file-priv",
            path: "/n".into(),
            exists,
            directory: exists,
            mode: 0o777,
            ..PathFact::default()
        };
        let codes_of = |log: &str, exists| {
            let mut evidence = failed(1, &["--secure-file-priv=/n"], log);
            evidence.system.paths = vec![fact(exists)];
            codes(&evidence)
        };
        assert_eq!(codes_of("$ /usr/sbin/mariadbd", false), ["MTR-S037"]);
        assert_eq!(codes_of("$ /usr/sbin/mariadbd", true), ["MTR-S104"]);
        assert_eq!(codes_of("t 0 [ERROR] odd", false), ["MTR-S103"]);
    }

    #[test]
    fn a_log_that_the_server_can_do_without_is_likely_only() {
        let log =
            "t 0 [ERROR] mariadbd: File '/n/g.log' not found (Errcode: 2 \"No such file or directory\")";
        let evidence = failed(1, &["--general-log-file=/n/g.log"], log);
        let scene = Scene::new(&evidence);
        let found = findings(&scene);
        assert_eq!((found[0].cause.code, found[0].confidence), ("MTR-S037", Confidence::Likely));
    }

    #[test]
    fn no_cause_where_no_option_named_the_path_or_the_server_serves() {
        let gone =
            "t 0 [ERROR] mariadbd: File '/d/aria_log.00000001' not found (Errcode: 2 \"No such file\")";
        assert_eq!(codes(&failed(1, &["--datadir=/d"], gone)), ["MTR-S103"]);
        assert_eq!(codes(&failed(1, &[], gone)), ["MTR-S103"]);
        let library = "t 0 [ERROR] mariadbd: Can't open shared library '/n/x.so' (errno: 2, no such file)";
        assert!(!codes(&failed(1, &["--plugin-dir=/n"], library)).contains(&"MTR-S037"));
        for (_, words, log, ..) in VECTORS {
            let log = format!("{log}\nt 0 [Note] mariadbd: ready for connections.");
            let found = codes(&failed(1, words, &log));
            assert!(found.iter().all(|code| *code > "MTR-S100"), "{found:?} {log}");
        }
    }
}
