//! Disks: directories for temporary files, space, inodes, quotas.

use std::path::{Path, PathBuf};

use bstr::{BStr, BString, ByteSlice};

use crate::triage::catalogue::{DISK_FULL, INODES, QUOTA, Rank, TMPDIR_FULL, TMPDIR_MISSING};
use crate::triage::evidence::{ExitKind, Space};
use crate::triage::files::{Access, absolute, denied_by};
use crate::triage::finding::Finding;
use crate::triage::finding::Rule;
use crate::triage::log::Entry;
use crate::triage::quantity;
use crate::triage::scene::{Given, Scene};

/// The rules of this file.
pub const RULES: &[Rule] = &[file_size, no_space, tmpdir];

/// Options that name a directory for temporary files.
const TMPDIRS: [&str; 3] = ["tmpdir", "innodb-tmpdir", "slave-load-tmpdir"];

/// Fewer free inodes than this and the next few files cannot be made.
const FEW_INODES: u64 = 4;

/// A directory for temporary files that the server was told to use.
struct TmpDir<'a> {
    path: &'a Path,
    given: Given<'a>,
}

fn tmpdirs<'a>(scene: &Scene<'a>) -> Vec<TmpDir<'a>> {
    let mut found = Vec::new();
    for given in TMPDIRS.iter().filter_map(|option| scene.given(option)) {
        // The server takes the directories of a list in turn.
        let words = given.value.split(|byte| *byte == b':').filter(|word| !word.is_empty());
        found.extend(words.filter_map(|word| Some(TmpDir { path: word.to_path().ok()?, given })));
    }
    found
}

/// Words by which the server speaks of temporary files without naming one.
const TEMPORARY: [&str; 3] = ["temporary file", "tmpdir", "temp file"];

/// The path that a line speaks of: the first quoted word that looks like one, or what follows `file`.
fn path_in<'a>(entry: &Entry<'a>) -> Option<&'a BStr> {
    let quoted = entry.quoted().into_iter().find(|word| word.contains(&b'/') || word.contains(&b'.'));
    quoted.or_else(|| {
        let rest = entry.after(" file ")?;
        let word = rest.split(|byte| b" ,;:".contains(byte)).next()?.as_bstr();
        word.contains(&b'/').then_some(word)
    })
}

/// What the line is about is in one of the directories for temporary files.
fn tmpdir_of<'a, 'b>(entry: &Entry<'a>, dirs: &'b [TmpDir<'a>]) -> Option<&'b TmpDir<'a>> {
    let parent = path_in(entry).and_then(|path| path.to_path().ok()?.parent());
    dirs.iter().find(|dir| parent.is_some_and(|parent| parent == dir.path))
}

fn tmpdir<'a>(scene: &Scene<'a>) -> Option<Finding<'a>> {
    let dirs = tmpdirs(scene);
    let refused = [libc::ENOENT, libc::ENOTDIR, libc::EACCES, libc::EROFS, libc::EPERM, libc::ELOOP];
    let lines: Vec<(Entry<'a>, i32)> = scene
        .dying()
        .filter_map(|entry| Some((entry, entry.system_error().filter(|number| refused.contains(number))?)))
        .filter(|(entry, _)| {
            tmpdir_of(entry, &dirs).is_some() || TEMPORARY.iter().any(|words| entry.says(words))
        })
        .collect();
    let (first, errno) = *lines.first()?;
    let named = tmpdir_of(&first, &dirs).or_else(|| dirs.first().filter(|_| dirs.len() == 1));
    let dir = match named {
        Some(dir) => Some(dir.path.to_owned()),
        None => path_in(&first).and_then(|path| Some(path.to_path().ok()?.parent()?.to_owned())),
    };
    let refused = dir.filter(|_| matches!(errno, libc::EACCES | libc::EPERM)).and_then(|dir| {
        let path = absolute(scene, dir.join("x").as_os_str().as_encoded_bytes().into());
        denied_by(scene, &path, Access::Write)
    });
    let denied = refused.as_ref().map(|(why, _)| format!("cannot be used: {why}"));
    let why = match errno {
        _ if denied.is_some() => denied.as_deref().unwrap_or_default(),
        libc::ENOENT => "does not exist",
        libc::ENOTDIR => "is not a directory",
        libc::EROFS => "is on a read-only file system",
        libc::ELOOP => "is a symbolic link to itself",
        _ => "is not writable for the server",
    };
    let text = match named {
        Some(dir) => format!(
            "the directory for temporary files {} {why}: {}",
            dir.path.display(),
            scene.written(&dir.given)
        ),
        None => match path_in(&first).and_then(|path| path.to_path().ok()?.parent()) {
            Some(parent) => format!("the directory for temporary files {} {why}", parent.display()),
            None => format!("the directory for temporary files {why}"),
        },
    };
    let elsewhere = refused
        .as_ref()
        .map(|(_, fix)| format!("name another directory: --tmpdir=$MYSQLTEST_VARDIR/tmp; or {fix}"));
    let fix = match errno {
        _ if elsewhere.is_some() => elsewhere.as_deref().unwrap_or_default(),
        libc::EACCES | libc::EPERM => {
            "let the server's user (--user) write there, or name another directory with --tmpdir"
        }
        libc::EROFS => "name a directory on a writable file system with --tmpdir",
        _ => {
            "make the directory before the server starts, or name one that is there: \
              --tmpdir=$MYSQLTEST_VARDIR/tmp"
        }
    };
    let blamed = named.map(|dir| dir.given);
    let entries = lines.iter().take(2).map(|(entry, _)| *entry);
    Some(Finding::new(TMPDIR_MISSING, text).quoting(entries).blaming(blamed).fix(fix))
}

/// Words for a lack of room without its number.
const FULL: [&str; 4] = ["out of disk space", "disk is full", "disk full", "no space left"];

/// The lack of room that a line tells of, as a system error.
fn lack(entry: &Entry<'_>) -> Option<i32> {
    let by_number = entry.system_error().filter(|number| match *number {
        libc::ENOSPC | libc::EFBIG => true,
        // As "error 122" it is a storage engine's own number.
        libc::EDQUOT => entry.says("Errcode: ") || entry.says("errno") || entry.says("Disk quota exceeded"),
        _ => false,
    });
    let lower = entry.words();
    by_number.or_else(|| FULL.iter().any(|words| lower.contains_str(words)).then_some(libc::ENOSPC))
}

/// Options that say how large a file is to be: what the file's name begins with, and the option.
const SIZED: [(&str, &str); 5] = [
    ("ib_logfile", "innodb-log-file-size"),
    ("ibtmp", "innodb-temp-data-file-path"),
    ("ibdata", "innodb-data-file-path"),
    ("undo", "innodb-max-undo-log-size"),
    ("aria_log", "aria-log-file-size"),
];

/// The option that made the server want the file, and so much of it.
fn wanted_by<'a>(scene: &Scene<'a>, file: &BStr) -> Option<Given<'a>> {
    let base = file.rsplit_once_str("/").map_or(file.as_bytes(), |(_, base)| base);
    let paths = ["innodb-data-file-path", "innodb-temp-data-file-path"];
    let mentioned = paths.into_iter().filter_map(|option| scene.given(option)).find(|given| {
        given.value.split(|byte| *byte == b';').any(|part| {
            let name = part.split(|byte| *byte == b':').next().unwrap_or_default();
            name.rsplit_once_str("/").map_or(name, |(_, name)| name) == base
        })
    });
    mentioned.or_else(|| {
        let (_, option) = SIZED.iter().find(|(begin, _)| base.starts_with(begin.as_bytes()))?;
        scene.given(option)
    })
}

fn no_space<'a>(scene: &Scene<'a>) -> Option<Finding<'a>> {
    let lines: Vec<(Entry<'a>, i32)> =
        scene.dying().filter_map(|entry| Some((entry, lack(&entry)?))).collect();
    let (first, errno) = *lines.first()?;
    let dirs = tmpdirs(scene);
    let tmpdir = tmpdir_of(&first, &dirs);
    let temporary = tmpdir.is_some() || TEMPORARY.iter().any(|words| first.says(words));
    let file = lines.iter().find_map(|(entry, _)| path_in(entry));
    let space = room(scene, temporary, file, tmpdir.map(|dir| dir.path));
    let no_inodes = space.and_then(|space| space.free_inodes).is_some_and(|free| free < FEW_INODES);
    let what = file.map(|file| format!(" for '{file}'")).unwrap_or_default();
    let (cause, mut text, fix) = match errno {
        libc::EDQUOT => (
            QUOTA,
            format!("the disk quota of the server's user leaves no room{what}"),
            "make room within the quota (quota -s shows it), or use a --vardir without one",
        ),
        libc::EFBIG => (
            QUOTA,
            format!("the system allows no file as large as the server wants{what}"),
            "raise the limit of file sizes (ulimit -f), or make the file smaller",
        ),
        _ if no_inodes => (
            INODES,
            format!("no inodes are left to make a file{what}"),
            "point --vardir (or --mem) to a file system with free inodes (df -i), or make some free there",
        ),
        _ if temporary => (
            TMPDIR_FULL,
            format!("no space is left for temporary files{what}"),
            "make room there, or name another directory with --tmpdir",
        ),
        _ => (
            DISK_FULL,
            format!("no space is left on the disk{what}"),
            "make room, or point --vardir (or --mem) to a file system with more space",
        ),
    };
    let needed = lines.iter().find_map(|(entry, _)| {
        let digits = entry.between("preallocating ", " bytes")?;
        digits.to_str().ok()?.parse::<u64>().ok()
    });
    let given = match tmpdir {
        Some(dir) => Some(dir.given),
        None => file.and_then(|file| wanted_by(scene, file)),
    };
    let more = [needed.map(|bytes| quantity::bytes(bytes) + " wanted")]
        .into_iter()
        .flatten()
        .chain(given.map(|given| scene.written(&given).to_string()));
    let more: Vec<String> = more.collect();
    if !more.is_empty() {
        text = format!("{text}: {}", more.join(", "));
    }
    let mut finding = Finding::new(cause, text)
        .quoting(lines.iter().take(3).map(|(entry, _)| *entry))
        .blaming(given)
        .fix(scene.or_remove(fix, given));
    if let Some(space) = space {
        finding = finding.seen(in_words(space));
    }
    Some(finding)
}

/// The room where the file was to be written.
fn room<'a>(
    scene: &Scene<'a>,
    temporary: bool,
    file: Option<&BStr>,
    tmpdir: Option<&Path>,
) -> Option<&'a Space> {
    let spaces = &scene.evidence.system.space;
    let absolute = file.and_then(|file| file.to_path().ok()).filter(|file| file.is_absolute());
    // The deepest directory that the path is in.
    let holding = absolute.and_then(|file| {
        spaces
            .iter()
            .filter(|space| file.starts_with(&space.path))
            .max_by_key(|space| space.path.as_os_str().len())
    });
    holding
        .or_else(|| spaces.iter().find(|space| tmpdir.is_some_and(|dir| dir == space.path)))
        .or_else(|| scene.space(if temporary { "tmpdir" } else { "datadir" }))
}

/// `VAR/mysqld.1/data (datadir): 12 KiB and 5000 inodes free`.
fn in_words(space: &Space) -> BString {
    let inodes = space.free_inodes.map(|count| format!(" and {count} inodes")).unwrap_or_default();
    let path: &PathBuf = &space.path;
    format!("{} ({}): {}{inodes} free now", path.display(), space.what, quantity::bytes(space.free_bytes))
        .into()
}

/// The server was ended because a file grew over the limit of file sizes.
fn file_size<'a>(scene: &Scene<'a>) -> Option<Finding<'a>> {
    let told = scene.line(&["File size limit exceeded", "got signal 25 "]);
    if scene.evidence.exit != ExitKind::Signal(libc::SIGXFSZ) && told.is_none() {
        return None;
    }
    let limit = scene.limit("fsize").and_then(|limit| limit.soft);
    let limit = limit.map(|bytes| format!(" of {}", quantity::bytes(bytes))).unwrap_or_default();
    let text = format!(
        "the server was ended by SIGXFSZ: a file would have grown over the limit of file sizes{limit}"
    );
    Some(
        Finding::new(QUOTA, text)
            .ranked(Some(Rank::Death))
            .quoting(told)
            .seen(format!("the limit of file sizes{limit} is in force: ulimit -f"))
            .fix("raise or remove the limit where the run is started: ulimit -f unlimited"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::triage::evidence::Limit;
    use crate::triage::rules::judge::findings;
    use crate::triage::testing::{Vector, check, codes, failed};

    const VECTORS: &[Vector] = &[
        (
            "MTR-S055",
            &["--tmpdir=/nosuch/dir"],
            "t 0 [ERROR] mariadbd: Can't create/write to file '/nosuch/dir/ibj3hJ29' (Errcode: 2 \"No such file or \
             directory\")\nt 0 [ERROR] InnoDB: Unable to create temporary file; errno: 2\n\
             t 0 [ERROR] Plugin 'InnoDB' registration as a STORAGE ENGINE failed.\nt 0 [ERROR] Aborting",
            Some("--tmpdir=/nosuch/dir"),
            "/nosuch/dir does not exist: --tmpdir=/nosuch/dir (x.opt:1)",
        ),
        // A list, of which the second is missing; Perl-era wording without a number.
        (
            "MTR-S055",
            &["--tmpdir=/dev/shm/:/nosuch"],
            "t 0 [ERROR] mysqld: Can't create/write to file '/nosuch/ib0Yoj4I' (Errcode: 13 - Permission denied)",
            Some("--tmpdir=/dev/shm/:/nosuch"),
            "/nosuch is not writable for the server",
        ),
        // Without an option: TMPDIR of the environment, or /tmp.
        (
            "MTR-S055",
            &[],
            "2019-01-01 10:00:00 0 [ERROR] InnoDB: Unable to create temporary file; errno: 30",
            None,
            "the directory for temporary files is on a read-only file system",
        ),
        (
            "MTR-S055",
            &["--slave-load-tmpdir=/etc/passwd"],
            "mysqld: Can't get stat of '/etc/passwd/SQL_LOAD' (Errcode: 20 \"Not a directory\")",
            Some("--slave-load-tmpdir=/etc/passwd"),
            "/etc/passwd is not a directory",
        ),
        (
            "MTR-S057",
            &["--innodb-log-file-size=500G"],
            "t 0 [ERROR] InnoDB: preallocating 536870912000 bytes for file ./ib_logfile101 failed with error 28\n\
             t 0 [ERROR] InnoDB: Cannot set log file ./ib_logfile101 size to 500.000GiB\n\
             t 0 [ERROR] Plugin 'InnoDB' registration as a STORAGE ENGINE failed.",
            Some("--innodb-log-file-size=500G"),
            "'./ib_logfile101': 500 GiB wanted, --innodb-log-file-size=500G (x.opt:1)",
        ),
        (
            "MTR-S057",
            &["--innodb_data_file_path=ibdata1:12M;more/big:900G"],
            "2016-01-01 0:00:00 139873210 [ERROR] InnoDB: Could not set the file size of './more/big'. Probably out of disk \
             space",
            Some("--innodb_data_file_path=ibdata1:12M;more/big:900G"),
            "no space is left on the disk for './more/big'",
        ),
        (
            "MTR-S057",
            &["--log-bin=x"],
            "t 0 [ERROR] mysqld: Disk is full writing './x.000001' (Errcode: 28). Waiting for someone to free space... \
             (Expect up to 60 secs delay for server to continue after freeing disk space)",
            None,
            "'./x.000001'",
        ),
        (
            "MTR-S056",
            &["--tmpdir=/small"],
            "t 0 [ERROR] mariadbd: Error writing file '/small/MLfd=3' (Errcode: 28 \"No space left on device\")",
            Some("--tmpdir=/small"),
            "no space is left for temporary files for '/small/MLfd=3'",
        ),
        (
            "MTR-S056",
            &[],
            "t 0 [ERROR] InnoDB: Unable to create temporary file; errno: 28",
            None,
            "no space is left for temporary files",
        ),
        (
            "MTR-S059",
            &[],
            "t 0 [ERROR] mariadbd: Error writing file './aria_log.00000001' (Errcode: 122 \"Disk quota exceeded\")",
            None,
            "quota of the server's user leaves no room for './aria_log.00000001'",
        ),
        (
            "MTR-S059",
            &[],
            "t 0 [ERROR] InnoDB: preallocating 12582912 bytes for file ./ibtmp1 failed with error 27",
            None,
            "no file as large as the server wants for './ibtmp1': 12 MiB wanted",
        ),
    ];

    #[test]
    fn every_vector() {
        check(VECTORS);
    }

    #[test]
    fn a_disk_without_inodes_is_not_called_full() {
        let mut evidence = failed(
            1,
            &[],
            "t 0 [ERROR] mariadbd: Can't create/write to file '/v/data/x.index' (Errcode: 28 \"No space left on device\")",
        );
        let space = |path: &str, free_inodes| Space {
            what: "datadir",
            path: path.into(),
            free_bytes: 1 << 30,
            free_inodes,
        };
        evidence.system.space = vec![space("/v", Some(99)), space("/v/data", Some(0))];
        let found = findings(&Scene::new(&evidence));
        assert_eq!(found[0].cause.code, "MTR-S058");
        assert_eq!(found[0].quotes[0].text, "/v/data (datadir): 1 GiB and 0 inodes free now");
        evidence.system.space[1].free_inodes = Some(1000);
        assert_eq!(codes(&evidence), ["MTR-S057"]);
    }

    #[test]
    fn a_file_that_grew_over_the_limit() {
        let mut evidence = failed(1, &[], "");
        evidence.exit = ExitKind::Signal(libc::SIGXFSZ);
        evidence.system.limits = vec![Limit { name: "fsize", soft: Some(100_000), hard: None }];
        let found = findings(&Scene::new(&evidence));
        assert_eq!(found[0].cause.code, "MTR-S059");
        assert!(found[0].text.contains_str("over the limit of file sizes of 97.7 KiB"));
    }

    #[test]
    fn numbers_of_storage_engines_and_notes_are_no_lack_of_room() {
        for log in [
            "t 0 [ERROR] mariadbd: Got error 122 from storage engine",
            "t 0 [Note] InnoDB: the disk is full of joy",
            "t 0 [ERROR] mariadbd: Can't create/write to file '/else/where' (Errcode: 2 \"No such file\")",
        ] {
            let found = codes(&failed(1, &["--tmpdir=/t"], log));
            assert!(found.iter().all(|code| !code.starts_with("MTR-S05")), "{log}: {found:?}");
        }
    }
}
