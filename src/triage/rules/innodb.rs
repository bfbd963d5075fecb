//! InnoDB's files: page size, redo log, undo tablespaces, system tablespace.

use bstr::{BStr, ByteSlice};

use crate::triage::catalogue::{
    Cause, DATA_FILE_SIZE, INNODB, PAGE_SIZE, PATH_MISSING, REDO_LOG, UNDO_TABLESPACE,
};
use crate::triage::files::{
    Obstacle, absolute, complaints, data_file as data_file_named, describe, fresh, mentioned, named_by,
    obstacle, remedy, served, source,
};
use crate::triage::finding::Finding;
use crate::triage::finding::Rule;
use crate::triage::log::{Entry, Level};
use crate::triage::names;
use crate::triage::rules::datadir::maker;
use crate::triage::scene::{Given, Scene};

/// The rules of this file.
pub const RULES: &[Rule] = &[page_size, data_file, no_system_tablespace, undo, redo_log, refused, corrupt];

/// What InnoDB complains of while it starts.
fn of_innodb<'a>(scene: &Scene<'a>) -> impl Iterator<Item = Entry<'a>> {
    let up = served(scene);
    complaints(scene).filter(move |entry| !up && (entry.subsystem == "InnoDB" || entry.says("InnoDB: ")))
}

/// InnoDB did not start, and said so.
fn failed(scene: &Scene<'_>) -> bool {
    complaints(scene).any(|entry| {
        (entry.says("Plugin 'InnoDB'") && (entry.says("failed") || entry.says("returned error")))
            || (entry.subsystem == "InnoDB"
                && (entry.says("initialization aborted") || entry.says("creation was aborted")))
            || entry.raw.contains_str("[FATAL] InnoDB: ")
    })
}

/// The system refused the file: no rights, no room, no descriptors. That is another cause.
fn denied(entry: &Entry<'_>) -> bool {
    entry.system_error().is_some_and(|number| number != libc::ENOENT)
}

fn says_one(entry: &Entry<'_>, needles: &[&str]) -> bool {
    needles.iter().any(|needle| entry.says(needle))
}

/// ` (--innodb-page-size=8k, t/x.opt:1)`.
fn aside(scene: &Scene<'_>, option: &str) -> String {
    source(scene, option).map(|source| format!(" ({source})")).unwrap_or_default()
}

/// A finding that blames an option of InnoDB, which is written into the text.
fn blames<'a>(
    scene: &Scene<'a>,
    cause: &'static Cause,
    option: &str,
    what: &str,
    entry: Entry<'a>,
) -> Finding<'a> {
    let text = format!("{what}{}", aside(scene, option));
    Finding::new(cause, text).quoting([entry]).blaming(scene.given(option))
}

/// Where an option belongs that shapes InnoDB's files.
fn belongs(option: &str) -> String {
    format!(
        "remove the option, or write --{option}=… into the test's .opt: the runner then makes the data directory with it"
    )
}

fn page_size<'a>(scene: &Scene<'a>) -> Option<Finding<'a>> {
    let option = "innodb-page-size";
    let entry = of_innodb(scene).find(|entry| {
        let text = entry.words();
        let size = text.contains_str("page size") || text.contains_str("page_size");
        size && (text.contains_str("uses page")
            || text.contains_str("but the")
            || text.contains_str("different page size"))
    })?;
    let (found, wanted) = (number_after(&entry, "uses page size "), number_after(&entry, " is "));
    let path = mentioned(&entry).map(|path| format!(" of '{path}'")).unwrap_or_default();
    let what = match (found, wanted) {
        (Some(found), Some(wanted)) => {
            format!("the pages{path} have {found} bytes, the server is to use {wanted}")
        }
        _ => format!("the pages{path} have another size than the server is to use"),
    };
    Some(blames(scene, PAGE_SIZE, option, &what, entry).fix(belongs(option)))
}

/// The digits after a word.
fn number_after<'a>(entry: &Entry<'a>, word: &str) -> Option<&'a BStr> {
    let (_, rest) = entry.message.rsplit_once_str(word)?;
    let end = rest.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(rest.len());
    (end > 0).then(|| rest[..end].as_bstr())
}

fn data_file<'a>(scene: &Scene<'a>) -> Option<Finding<'a>> {
    let option = "innodb-data-file-path";
    let tail = of_innodb(scene).find(|entry| entry.says("sum of data file sizes"));
    let needles = [
        "is of a different size",
        "was not found but one of the other data files",
        "only one of the other data files",
        "innodb_data_file_path",
        "syntax error in file path",
        "Tablespace size must be at least",
        "tail of the system tablespace is missing",
    ];
    let entry = tail.or_else(|| of_innodb(scene).find(|entry| says_one(entry, &needles)))?;
    // It is a file, no option, where the server stumbles over what it makes itself.
    let what = if entry.says("is of a different size") {
        let path = mentioned(&entry).unwrap_or("ibdata1".into());
        let pages = entry.between("different size ", " pages").unwrap_or_default();
        match entry.between("than the ", " pages") {
            Some(wanted) => format!(
                "the data file '{path}' has {pages} pages, and innodb_data_file_path asks for {wanted}"
            ),
            None => {
                format!("the data file '{path}' has {pages} pages, less than innodb_data_file_path asks for")
            }
        }
    } else if entry.says("other data files") {
        format!("data files of the system tablespace are missing: {}", entry.message)
    } else if says_one(&entry, &["sum of data file", "tail of the system"]) {
        format!("the system tablespace has lost its end: {}", entry.message)
    } else {
        format!("InnoDB does not take its data file path: {}", entry.message)
    };
    // A file that grows by itself is smaller than at its birth only where something has cut it.
    let cut = entry.says("different size") && entry.says("uto-extending");
    let fix = if cut { fresh(scene, FRESH) } else { belongs(option) };
    Some(blames(scene, DATA_FILE_SIZE, option, &what, entry).fix(fix))
}

/// The first data file is not there, though other files of InnoDB are.
fn no_system_tablespace<'a>(scene: &Scene<'a>) -> Option<Finding<'a>> {
    let exists =
        of_innodb(scene).find(|entry| entry.says("exists. Creating system tablespace with existing"));
    let gone = |entry: &Entry<'a>| {
        entry.level != Level::None
            && entry.subsystem == "InnoDB"
            // Up to 10.5 the first "innodb_system" data file.
            && entry.says("The first ")
            && entry.says("data file '")
            && entry.says("did not exist")
    };
    let first = scene.log.iter().copied().find(gone);
    let readonly = || {
        let option =
            ["--innodb-read-only", "--innodb-force-recovery", "innodb_read_only", "innodb_force_recovery"];
        of_innodb(scene).find(|entry| entry.says("Can't create file") && says_one(entry, &option))
    };
    let entry = exists.or_else(readonly)?;
    // What exists is another file: the redo log up to 10.7, an undo tablespace later.
    let path = match (&first, exists) {
        (Some(first), _) => data_file_named(scene, first)?,
        (None, Some(_)) => "./ibdata1".into(),
        (None, None) => data_file_named(scene, &entry)?,
    };
    let file = absolute(scene, path.as_bstr());
    if let Some(blocked @ (Obstacle::Missing(..) | Obstacle::NotADirectory(_))) = obstacle(scene, &file) {
        let named = named_by(scene, &file);
        let whose = named.as_ref().map(|(name, _)| aside(scene, &name.to_str_lossy())).unwrap_or_default();
        let text = format!("'{path}'{whose} cannot be used: {}", describe(scene, &blocked));
        let argument = named.map(|(_, given)| given);
        let finding = Finding::new(PATH_MISSING, text).quoting(first.into_iter().chain([entry]));
        return Some(finding.blaming(argument).fix(remedy(scene, &blocked)));
    }
    let other = scene
        .given("innodb-data-file-path")
        .filter(|given| given.value.split_str(":").next() != Some(b"ibdata1"));
    let quotes = first.into_iter().chain([entry]);
    if other.is_some() || scene.given("innodb-data-home-dir").is_some_and(|given| !given.value.is_empty()) {
        let option = if other.is_some() { "innodb-data-file-path" } else { "innodb-data-home-dir" };
        let text = format!(
            "the data directory was made with other data files: '{path}' is not there{}",
            aside(scene, option)
        );
        let given = scene.given(option);
        return Some(Finding::new(DATA_FILE_SIZE, text).quoting(quotes).blaming(given).fix(belongs(option)));
    }
    let text = format!("InnoDB's system tablespace '{path}' is missing, other files of InnoDB are there");
    Some(Finding::new(INNODB, text).quoting(quotes).blaming(own_datadir(scene)).fix(fresh(scene, FRESH)))
}

/// What always helps in a test.
/// The data directory, where somebody names another than the runner's.
fn own_datadir<'a>(scene: &Scene<'a>) -> Option<Given<'a>> {
    scene.given("datadir").filter(|given| scene.own(*given).is_some())
}

const FRESH: &str = "start with a fresh data directory (another --vardir); look whether the test's -master.sh or an \
                     earlier test changed its files";

fn undo<'a>(scene: &Scene<'a>) -> Option<Finding<'a>> {
    let entry = of_innodb(scene).find(|entry| {
        let text = entry.words();
        let numbered =
            |text: &[u8]| text.find_iter("undo").any(|at| text.get(at + 4).is_some_and(u8::is_ascii_digit));
        let file = numbered(&text) || mentioned(entry).is_some_and(|path| numbered(names::base(path)));
        (file || text.contains_str("undo tablespace") || text.contains_str("undo_tablespaces"))
            && !text.contains_str("creating system tablespace")
            && !denied(entry)
    })?;
    let option = "innodb-undo-tablespaces";
    let what = format!("an undo tablespace is missing or unusable: {}", entry.message.trim_end().as_bstr());
    let dir = scene.given("innodb-undo-directory").filter(|given| !given.value.is_empty());
    let finding = match dir {
        Some(_) => blames(scene, UNDO_TABLESPACE, "innodb-undo-directory", &what, entry),
        None => blames(scene, UNDO_TABLESPACE, option, &what, entry),
    };
    let fix = "leave the files undo001… where they are, and write --innodb-undo-tablespaces and --innodb-undo-directory into \
               the test's .opt, so that the data directory is made with them";
    let given = scene.given("innodb-undo-directory").or_else(|| scene.given(option));
    Some(finding.fix(scene.or_remove(fix, given)))
}

/// How the redo log is called in messages.
const REDO_WORDS: [&str; 12] = [
    "ib_logfile",
    "redo log",
    "Redo log",
    "log header",
    "log checkpoint",
    "Log scan aborted",
    "MLOG_CHECKPOINT",
    "FILE_CHECKPOINT",
    "LOG RECORD FOUND",
    "log record",
    "only one log file",
    "valid checkpoint",
];

fn redo_log<'a>(scene: &Scene<'a>) -> Option<Finding<'a>> {
    let fits = |entry: &Entry<'a>| {
        says_one(entry, &REDO_WORDS)
            && !entry.says("Creating system tablespace")
            // A disk without room for it says nothing of the log.
            && !entry.says("Cannot set log file")
            && !entry.says("Cannot create ")
            && !denied(entry)
    };
    // Some complaints of the log do not keep InnoDB from starting.
    // Up to 10.7 the end of a scan is only warned of, and what follows names no cause.
    let aborted = || {
        let scan = |entry: &&Entry<'a>| entry.subsystem == "InnoDB" && entry.says("Log scan aborted");
        scene.log.iter().find(scan).copied().filter(|_| !served(scene))
    };
    // With these InnoDB goes no further; what it says next may be cut off.
    let fatal = |entry: &Entry<'a>| {
        says_one(entry, &["Malformed log record", "Missing MLOG_CHECKPOINT", "Missing FILE_CHECKPOINT"])
            && !served(scene)
            // With a wrong key it says the same.
            && scene.evidence.system.redo_log_encrypted != Some(true)
    };
    let entry = of_innodb(scene).find(fits).or_else(aborted).filter(|entry| failed(scene) || fatal(entry))?;
    // Logs of other versions are another cause.
    if maker(scene, &entry).is_some() || entry.says("Unsupported") {
        return None;
    }
    let option = "innodb-log-group-home-dir";
    let path = mentioned(&entry).unwrap_or("ib_logfile0".into());
    if let Some(Obstacle::Missing(..)) = obstacle(scene, &absolute(scene, path)) {
        // The directory is to blame, and the option that names it.
        return None;
    }
    let what = if entry.says("before MariaDB 10.2.2") {
        "InnoDB's redo log has no valid header: it was overwritten, or is of a version before 10.2.2"
            .to_owned()
    } else if entry.says("was not found") {
        format!("InnoDB's redo log '{path}' is missing")
    } else if entry.says("is empty") {
        format!("InnoDB's redo log '{path}' is empty")
    } else if says_one(&entry, &["too small", "not a multiple", "different size"]) {
        format!("InnoDB's redo log '{path}' has been cut or is of another size: {}", entry.message)
    } else {
        format!("InnoDB's redo log is corrupt: {}", entry.message)
    };
    let finding = match scene.given(option).filter(|given| !given.value.is_empty()) {
        Some(_) => blames(scene, REDO_LOG, option, &what, entry).fix(belongs(option)),
        None => {
            Finding::new(REDO_LOG, what).quoting([entry]).blaming(own_datadir(scene)).fix(fresh(scene, FRESH))
        }
    };
    Some(finding)
}

/// Options with which InnoDB refuses to change its files.
const CAREFUL: [(&str, &[&str]); 2] = [
    ("innodb-read-only", &["innodb_read_only", "innodb-read-only", "read-only mode", "read only mode"]),
    ("innodb-force-recovery", &["innodb_force_recovery", "innodb-force-recovery"]),
];

fn refused<'a>(scene: &Scene<'a>) -> Option<Finding<'a>> {
    CAREFUL.iter().find_map(|(option, words)| {
        scene.given(option).filter(|given| !["0", "OFF", "off"].iter().any(|off| given.value == off))?;
        if served(scene) || !failed(scene) || no_system_tablespace(scene).is_some() {
            return None;
        }
        // What it only warns of is a reason as well, where it did not start.
        let serious = |entry: &Entry<'a>| {
            entry.subsystem == "InnoDB" && matches!(entry.level, Level::Error | Level::Warning)
        };
        let advice = ["Set ", "set ", "may set", "You can set", "Retry with"];
        let entry = scene
            .log
            .iter()
            .copied()
            .find(|entry| serious(entry) && says_one(entry, words) && !says_one(entry, &advice))?;
        let what = format!("InnoDB may not do with this option what it would have to: {}", entry.message);
        let fix = format!(
            "remove --{option} for one start with an orderly shutdown, or use a fresh data directory"
        );
        Some(blames(scene, INNODB, option, &what, entry).fix(fix))
    })
}

/// Words for files that are not what they should be.
const CORRUPT: [&str; 16] = [
    "wrong space ID",
    "Inconsistent tablespace ID",
    "consists of zero bytes",
    "ablespace flags",
    "nvalid flags",
    "Space id and page no stored in the page",
    "page corruption",
    "age read from tablespace is corrupted",
    "Corrupted page",
    "corrupted page",
    "is corrupted",
    "checksum mismatch",
    "Checksum mismatch",
    "Cannot read first page",
    "Unable to read first page",
    "trying to read a page outside",
];

fn corrupt<'a>(scene: &Scene<'a>) -> Option<Finding<'a>> {
    let entry = of_innodb(scene).find(|entry| says_one(entry, &CORRUPT)).filter(|_| failed(scene))?;
    // With pages of another size everything looks corrupt; undo tablespaces have a cause of their own.
    if page_size(scene).is_some() || undo(scene).is_some() {
        return None;
    }
    // What InnoDB noticed before it gave up tells more.
    let before = scene.log.iter().copied().find(|other| {
        other.subsystem == "InnoDB"
            && other.level == Level::Note
            && says_one(other, &["in datafile:", "zero bytes"])
    });
    let path = mentioned(&entry).or_else(|| before.as_ref().and_then(mentioned));
    let path = path.or_else(|| {
        of_innodb(scene).filter(|entry| says_one(entry, &CORRUPT)).find_map(|entry| mentioned(&entry))
    });
    let file = path.map(|path| format!("'{path}'")).unwrap_or("a file".to_owned());
    let why = before.unwrap_or(entry).message;
    let text = format!("InnoDB's file {file} is corrupt: {why}");
    let finding = Finding::new(INNODB, text).quoting(before.into_iter().chain([entry]));
    Some(finding.blaming(own_datadir(scene)).fix(fresh(scene, FRESH)))
}

#[cfg(test)]
mod tests {
    use crate::triage::evidence::PathFact;
    use crate::triage::testing::{Vector, check, codes, failed};

    const END: &str = "t 0 [ERROR] Plugin 'InnoDB' registration as a STORAGE ENGINE failed.";

    const VECTORS: &[Vector] = &[
        (
            "MTR-S045",
            &["--innodb_page_size=8k"],
            "t 0 [ERROR] InnoDB: Data file './ibdata1' uses page size 16384, but the innodb_page_size start-up parameter is \
             8192\nt 0 [ERROR] InnoDB: The data file './ibdata1' has the wrong space ID. It should be 0, but 0 was found\n\
             t 0 [ERROR] Plugin 'InnoDB' registration as a STORAGE ENGINE failed.",
            Some("--innodb_page_size=8k"),
            "the pages of './ibdata1' have 16384 bytes, the server is to use 8192 (--innodb_page_size=8k, x.opt:1)",
        ),
        (
            "MTR-S046",
            &[],
            "t 0 [ERROR] InnoDB: File ./ib_logfile0 was not found\n\
             t 0 [ERROR] InnoDB: Plugin initialization aborted with error Generic error",
            None,
            "InnoDB's redo log './ib_logfile0' is missing",
        ),
        (
            // 10.4
            "MTR-S046",
            &[],
            "t 0 [ERROR] InnoDB: No valid checkpoint found (corrupted redo log). You can try --innodb-force-recovery=6 as a \
             last resort.\nt 0 [ERROR] InnoDB: Plugin initialization aborted with error Generic error\n\
             t 0 [ERROR] Plugin 'InnoDB' init function returned error.",
            None,
            "redo log is corrupt",
        ),
        (
            "MTR-S046",
            &["--innodb-log-group-home-dir=/l"],
            "t 0 [ERROR] InnoDB: Log file /l/ib_logfile1 is of different size 1048576 bytes than other log files 50331648 \
             bytes!\nt 0 [ERROR] InnoDB: Plugin initialization aborted with error Generic error",
            Some("--innodb-log-group-home-dir=/l"),
            "redo log '/l/ib_logfile1' has been cut or is of another size",
        ),
        (
            "MTR-S046",
            &[],
            "t 0 [ERROR] InnoDB: Missing MLOG_CHECKPOINT at 1629834 between the checkpoint 1629834 and the end 1630005.\n\
             t 0 [ERROR] InnoDB: Plugin initialization aborted with error Generic error",
            None,
            "redo log is corrupt",
        ),
        (
            "MTR-S047",
            &["--innodb-undo-tablespaces=3"],
            "t 0 [ERROR] InnoDB: Failed to open the undo tablespace undo002\n\
             t 0 [Note] InnoDB: Retry with innodb_force_recovery=5",
            Some("--innodb-undo-tablespaces=3"),
            "Failed to open the undo tablespace undo002 (--innodb-undo-tablespaces=3, x.opt:1)",
        ),
        (
            // 10.4
            "MTR-S047",
            &["--innodb-undo-tablespaces=3", "--innodb-undo-directory=/u"],
            "t 0 [ERROR] InnoDB: Expected to open 3 undo tablespaces but was able to find only 1 undo tablespaces. Set the \
             innodb_undo_tablespaces parameter to the correct value and retry. Suggested value is 1",
            Some("--innodb-undo-directory=/u"),
            "find only 1 undo tablespaces",
        ),
        (
            "MTR-S049",
            &["--innodb-data-file-path=ibdata1:99M"],
            "t 0 [ERROR] InnoDB: The data file './ibdata1' is of a different size 768 pages than the 6336 pages specified by \
             innodb_data_file_path\nt 0 [ERROR] Unknown/unsupported storage engine: InnoDB",
            Some("--innodb-data-file-path=ibdata1:99M"),
            "has 768 pages, and innodb_data_file_path asks for 6336",
        ),
        (
            // 10.4
            "MTR-S049",
            &["--innodb-data-file-path=ibdata1:99M"],
            "t 0 [ERROR] InnoDB: The innodb_system data file './ibdata1' is of a different size 768 pages (rounded down to \
             MB) than the 6336 pages specified in the .cnf file!",
            Some("--innodb-data-file-path=ibdata1:99M"),
            "has 768 pages, and innodb_data_file_path asks for 6336",
        ),
        (
            "MTR-S049",
            &["--innodb-data-file-path=other:12M"],
            "t 0 [Note] InnoDB: The first data file './other' did not exist. A new tablespace will be created!\n\
             t 0 [ERROR] InnoDB: redo log file './ib_logfile0' exists. Creating system tablespace with existing redo log file \
             is not recommended. Please delete redo log file before creating new system tablespace.",
            Some("--innodb-data-file-path=other:12M"),
            "made with other data files: './other' is not there",
        ),
        (
            "MTR-S050",
            &[],
            "t 0 [Note] InnoDB: The first data file './ibdata1' did not exist. A new tablespace will be created!\n\
             t 0 [ERROR] InnoDB: redo log file './ib_logfile0' exists. Creating system tablespace with existing redo log file \
             is not recommended. Please delete redo log file before creating new system tablespace.",
            None,
            "system tablespace './ibdata1' is missing",
        ),
        (
            // 10.5 names data files without their directory; what exists is the redo log.
            "MTR-S050",
            &[],
            "t 0 [Note] InnoDB: The first innodb_system data file 'ibdata1' did not exist. A new tablespace will be created!\n\
             t 0 [ERROR] InnoDB: redo log file './ib_logfile0' exists. Creating system tablespace with existing redo log file \
             is not recommended. Please delete redo log file before creating new system tablespace.\n\
             t 0 [ERROR] InnoDB: Database creation was aborted with error Generic error. You may need to delete the ibdata1 \
             file before trying to start up again.",
            None,
            "system tablespace 'ibdata1' is missing",
        ),
        (
            "MTR-S049",
            &["--innodb-data-home-dir=/h/", "--innodb-data-file-path=other1:12M"],
            "t 0 [Note] InnoDB: The first innodb_system data file 'other1' did not exist. A new tablespace will be created!\n\
             t 0 [ERROR] InnoDB: redo log file './ib_logfile0' exists. Creating system tablespace with existing redo log file \
             is not recommended. Please delete redo log file before creating new system tablespace.",
            Some("--innodb-data-file-path=other1:12M"),
            "made with other data files: '/h/other1' is not there",
        ),
        (
            // 11.8: undo tablespaces are there by default.
            "MTR-S050",
            &[],
            "t 0 [Note] InnoDB: The first data file './ibdata1' did not exist. A new tablespace will be created!\n\
             t 0 [ERROR] InnoDB: undo tablespace './/undo001' exists. Creating system tablespace with existing undo \
             tablespaces is not supported. Please delete all undo tablespaces before creating new system tablespace.\n\
             t 0 [ERROR] InnoDB: Database creation was aborted with error Generic error. You may need to delete the ibdata1 \
             file before trying to start up again.",
            None,
            "system tablespace './ibdata1' is missing",
        ),
        (
            // 10.5 warns of the redo log, and gives no reason why it ends.
            "MTR-S046",
            &[],
            "t 0 [Warning] InnoDB: Log scan aborted at LSN 47616\n\
             t 0 [ERROR] InnoDB: Plugin initialization aborted with error Generic error\n\
             t 0 [ERROR] Plugin 'InnoDB' registration as a STORAGE ENGINE failed.",
            None,
            "redo log is corrupt: Log scan aborted at LSN 47616",
        ),
        (
            "MTR-S050",
            &["--innodb-read-only"],
            "t 0 [ERROR] InnoDB: innodb_read_only prevents crash recovery\n\
             t 0 [ERROR] InnoDB: Plugin initialization aborted with error Read only transaction",
            Some("--innodb-read-only"),
            "InnoDB may not do with this option what it would have to: innodb_read_only prevents crash recovery",
        ),
        (
            "MTR-S050",
            &[],
            "t 0 [Note] InnoDB: Tablespace flags are invalid in datafile: ./ibdata1, Space ID: 0, Flags: 4294901781\n\
             t 0 [ERROR] InnoDB: The data file './ibdata1' has the wrong space ID. It should be 0, but 0 was found\n\
             t 0 [ERROR] InnoDB: Plugin initialization aborted with error Data structure corruption",
            None,
            "InnoDB's file './ibdata1' is corrupt: Tablespace flags are invalid",
        ),
        (
            "MTR-S050",
            &[],
            "t 0 [ERROR] InnoDB: Database page corruption on disk or a failed file read of tablespace innodb_system page \
             [page id: space=0, page number=5]. You may have to recover from a backup.\n\
             t 0 [ERROR] InnoDB: Plugin initialization aborted with error Page read from tablespace is corrupted.",
            None,
            "is corrupt",
        ),
    ];

    #[test]
    fn every_vector_finds_its_cause_argument_and_words() {
        check(VECTORS);
    }

    #[test]
    fn a_page_of_which_10_5_dies_is_the_cause_and_not_its_death() {
        check(&[(
            "MTR-S050",
            &[],
            "t 0 [ERROR] InnoDB: Space id and page no stored in the page, read in are [page id: space=461532808, page \
             number=3604467468], should be [page id: space=0, page number=7]\n\
             t 0 [ERROR] InnoDB: Database page corruption on disk or a failed read of file './ibdata1' page [page id: \
             space=0, page number=7]. You may have to recover from a backup.\n\
             t 0 [ERROR] [FATAL] InnoDB: Aborting because of a corrupt database page.\n\
             260101 1:00:00 [ERROR] mysqld got signal 6 ;",
            None,
            "InnoDB's file './ibdata1' is corrupt: Space id and page no stored in the page",
        )]);
    }

    #[test]
    fn the_directory_is_to_blame_where_it_is_missing() {
        let cases = [
            ("--innodb-log-group-home-dir=/n", "t 0 [ERROR] InnoDB: File /n/ib_logfile0 was not found"),
            (
                "--innodb-data-home-dir=/n",
                "t 0 [Note] InnoDB: The first data file '/n/ibdata1' did not exist. A new tablespace will be created!\n\
                 t 0 [ERROR] InnoDB: redo log file './ib_logfile0' exists. Creating system tablespace with existing redo log \
                 file is not recommended.",
            ),
            // 10.5
            (
                "--innodb-data-home-dir=/n",
                "t 0 [Note] InnoDB: The first innodb_system data file 'ibdata1' did not exist. A new tablespace will be \
                 created!\n\
                 t 0 [ERROR] InnoDB: redo log file './ib_logfile0' exists. Creating system tablespace with existing redo log \
                 file is not recommended.",
            ),
        ];
        for (word, log) in cases {
            let mut evidence = failed(1, &[word], &format!("{log}\n{END}"));
            evidence.system.paths = vec![PathFact { path: "/n".into(), ..PathFact::default() }];
            assert_eq!(codes(&evidence), ["MTR-S037"], "{log}");
        }
    }

    #[test]
    fn a_table_that_is_corrupt_does_not_keep_innodb_from_starting() {
        let log =
            "t 0 [ERROR] InnoDB: Table test/t1 is corrupted. Please drop the table.\nt 0 [ERROR] Aborting";
        assert_eq!(codes(&failed(1, &[], log)), ["MTR-S103"]);
        for (_, words, log, ..) in VECTORS {
            let log = format!("{log}\nt 0 [Note] mariadbd: ready for connections.");
            let found = codes(&failed(1, words, &log));
            assert!(found.iter().all(|code| *code > "MTR-S100" || *code == "MTR-S016"), "{found:?} {log}");
        }
    }
}
