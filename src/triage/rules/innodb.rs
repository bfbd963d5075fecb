//! InnoDB's files: page size, redo log, undo tablespaces, system tablespace.

use bstr::{BStr, ByteSlice};

use crate::triage::catalogue::{
    Cause, DATA_FILE_SIZE, INNODB, PAGE_SIZE, PATH_MISSING, REDO_LOG, UNDO_TABLESPACE,
};
use crate::triage::files::{
    Obstacle, absolute, complaints, describe, mentioned, named_by, obstacle, remedy, served, source,
};
use crate::triage::finding::Finding;
use crate::triage::judge::Rule;
use crate::triage::log::{Entry, Level};
use crate::triage::scene::Scene;

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
    })
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
    Finding::new(cause, text).quoting([entry]).blaming(scene.argument(option))
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
        let text = entry.message.to_ascii_lowercase();
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
    Some(blames(scene, DATA_FILE_SIZE, option, &what, entry).fix(belongs(option)))
}

/// The first data file is not there, though other files of InnoDB are.
fn no_system_tablespace<'a>(scene: &Scene<'a>) -> Option<Finding<'a>> {
    let exists =
        of_innodb(scene).find(|entry| entry.says("exists. Creating system tablespace with existing"));
    let gone = |entry: &Entry<'a>| {
        entry.level != Level::None
            && entry.subsystem == "InnoDB"
            && entry.says("first data file")
            && entry.says("did not exist")
    };
    let first = scene.log.iter().copied().find(gone);
    let readonly = || {
        let option =
            ["--innodb-read-only", "--innodb-force-recovery", "innodb_read_only", "innodb_force_recovery"];
        of_innodb(scene).find(|entry| entry.says("Can't create file") && says_one(entry, &option))
    };
    let entry = exists.or_else(readonly)?;
    let path = first.as_ref().and_then(mentioned).or_else(|| mentioned(&entry))?;
    let file = absolute(scene, path);
    if let Some(blocked @ (Obstacle::Missing(_) | Obstacle::NotADirectory(_))) = obstacle(scene, &file) {
        let named = named_by(scene, &file);
        let whose = named.as_ref().map(|(name, _)| aside(scene, &name.to_str_lossy())).unwrap_or_default();
        let text = format!("'{path}'{whose} cannot be used: {}", describe(scene, &blocked));
        let argument = named.and_then(|(_, given)| given.argument);
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
        let argument = scene.argument(option);
        return Some(
            Finding::new(DATA_FILE_SIZE, text).quoting(quotes).blaming(argument).fix(belongs(option)),
        );
    }
    let text = format!("InnoDB's system tablespace '{path}' is missing, other files of InnoDB are there");
    Some(Finding::new(INNODB, text).quoting(quotes).fix(FRESH))
}

/// What always helps in a test.
const FRESH: &str = "start with a fresh data directory (another --vardir); look whether the test's -master.sh or an \
                     earlier test changed its files";

fn undo<'a>(scene: &Scene<'a>) -> Option<Finding<'a>> {
    let entry = of_innodb(scene).find(|entry| {
        let text = entry.message.to_ascii_lowercase();
        let file = text.find_iter("undo").any(|at| text.get(at + 4).is_some_and(u8::is_ascii_digit));
        (file || text.contains_str("undo tablespace") || text.contains_str("undo_tablespaces"))
            && !text.contains_str("creating system tablespace")
    })?;
    let option = "innodb-undo-tablespaces";
    let what = format!("an undo tablespace is missing or unusable: {}", entry.message.trim_end().as_bstr());
    let dir = scene.given("innodb-undo-directory").filter(|given| !given.value.is_empty());
    let finding = match dir {
        Some(_) => blames(scene, UNDO_TABLESPACE, "innodb-undo-directory", &what, entry),
        None => blames(scene, UNDO_TABLESPACE, option, &what, entry),
    };
    let fix = "write --innodb-undo-tablespaces and --innodb-undo-directory into the test's .opt, so that the data \
               directory is made with them, and leave the files undo001… where they are";
    Some(finding.fix(fix))
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
    let mut all = of_innodb(scene).filter(|entry| {
        says_one(entry, &REDO_WORDS)
            && !entry.says("Creating system tablespace")
            && entry.system_error() != Some(libc::EACCES)
    });
    let entry = all.next()?;
    if !failed(scene) && entry.level != Level::Error {
        return None;
    }
    // Logs of other versions are another cause.
    let by = entry.says("created with") || entry.says("Unsupported redo log format");
    if by && !entry.says("header block") {
        return None;
    }
    let option = "innodb-log-group-home-dir";
    let path = mentioned(&entry).unwrap_or("ib_logfile0".into());
    if let Some(Obstacle::Missing(_)) = obstacle(scene, &absolute(scene, path)) {
        // The directory is to blame, and the option that names it.
        return None;
    }
    let what = if says_one(&entry, &["was not found", "not find"]) {
        format!("InnoDB's redo log '{path}' is missing")
    } else if entry.says("is empty") {
        format!("InnoDB's redo log '{path}' is empty")
    } else if entry.says("too small") || entry.says("not a multiple") || entry.says("different size") {
        format!("InnoDB's redo log '{path}' has been cut or is of another size: {}", entry.message)
    } else if entry.says("before MariaDB 10.2.2") {
        "InnoDB's redo log has no valid header: it was overwritten, or is of a version before 10.2.2"
            .to_owned()
    } else {
        format!("InnoDB's redo log is corrupt: {}", entry.message)
    };
    let finding = match scene.given(option).filter(|given| !given.value.is_empty()) {
        Some(_) => blames(scene, REDO_LOG, option, &what, entry).fix(belongs(option)),
        None => Finding::new(REDO_LOG, what).quoting([entry]).fix(FRESH),
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
        let advice = |entry: &Entry<'a>| {
            ["Set ", "set ", "may set", "You can set", "Retry with"].iter().any(|word| entry.says(word))
        };
        let entry = of_innodb(scene).find(|entry| says_one(entry, words) && !advice(entry))?;
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
    // What InnoDB noticed before it gave up tells more.
    let before = scene.log.iter().copied().find(|other| {
        other.subsystem == "InnoDB"
            && other.level == Level::Note
            && says_one(other, &["in datafile:", "zero bytes"])
    });
    let path = mentioned(&entry).or_else(|| before.as_ref().and_then(mentioned));
    let file = path.map(|path| format!("'{path}'")).unwrap_or("a file".to_owned());
    let why = before.unwrap_or(entry).message;
    let text = format!("InnoDB's file {file} is corrupt: {why}");
    Some(Finding::new(INNODB, text).quoting(before.into_iter().chain([entry])).fix(FRESH))
}
