//! The data directory as a whole, its locks, and Aria's files.

use std::path::PathBuf;

use bstr::{BStr, ByteSlice};

use crate::triage::catalogue::{
    ARIA_CONTROL, DATADIR_DENIED, DATADIR_EMPTY, DATADIR_LOCKED, DATADIR_MISSING, DATADIR_NEWER,
};
use crate::triage::collect::holders::is_locked;
use crate::triage::evidence::{Holder, Resource};
use crate::triage::files::{
    Obstacle, absolute, complaints, describe, mentioned, named_by, obstacle, remedy, served, source, who,
};
use crate::triage::finding::Finding;
use crate::triage::judge::Rule;
use crate::triage::log::Entry;
use crate::triage::scene::Scene;

/// The rules of this file.
pub const RULES: &[Rule] = &[locked, missing, denied, no_system_tables, other_version, aria];

/// The data directory, as far as it is known.
fn datadir(scene: &Scene<'_>) -> Option<PathBuf> {
    scene.path("datadir").map(|fact| fact.path.clone())
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
    let fix = match scene.argument("datadir") {
        Some(at) => format!(
            "remove {}: the runner makes a data directory for each server",
            scene.evidence.argv[at].text
        ),
        None => {
            "something removed it: look at the test's -master.sh, and at other runs with the same --vardir"
                .to_owned()
        }
    };
    Some(Finding::new(DATADIR_MISSING, text).quoting([entry]).blaming(scene.argument("datadir")).fix(fix))
}

fn denied<'a>(scene: &Scene<'a>) -> Option<Finding<'a>> {
    if served(scene) {
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
    let path = mentioned(&entry);
    let file = path.map(|path| absolute(scene, path)).or_else(|| Some(datadir(scene)?.join("x")));
    let blocked = file.and_then(|file| obstacle(scene, &file)).filter(|b| matches!(b, Obstacle::Denied(_)));
    let why = match (&blocked, path, entry.system_error()) {
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
    let argument = scene.argument("datadir").or_else(|| scene.argument("user"));
    Some(Finding::new(DATADIR_DENIED, text).quoting([entry]).blaming(argument).fix(fix))
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
            let fellow = scene.evidence.fellows.iter().find(|fellow| fellow.pid == Some(holder.pid));
            let by =
                fellow.map(|fellow| format!("{}, process", fellow.server)).unwrap_or("process".to_owned());
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
        Finding::new(DATADIR_LOCKED, text).quoting([entry]).blaming(scene.argument("datadir")).fix(fix);
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
    let others = scene.line(&["Could not open mysql.plugin table"]);
    let whole = others.is_some_and(|other| other.says("doesn't exist"));
    let text = if whole {
        format!("the data directory{} is not initialised: it has no system tables ({why})", whose(scene))
    } else {
        format!("the data directory{} lacks system tables: {why}", whose(scene))
    };
    let fix = match scene.argument("datadir") {
        Some(at) => format!(
            "remove {}, or initialise it first: mariadb-install-db --datadir=…",
            scene.evidence.argv[at].text
        ),
        None => "look at log/bootstrap.log, and whether the test's -master.sh changes the data directory; start with a \
                 fresh --vardir"
            .to_owned(),
    };
    Some(
        Finding::new(DATADIR_EMPTY, text)
            .quoting(others.into_iter().chain([entry]))
            .blaming(scene.argument("datadir"))
            .fix(fix),
    )
}

/// Messages of InnoDB's redo log and system tablespace, and of system tables, that tell of another version.
fn other_version<'a>(scene: &Scene<'a>) -> Option<Finding<'a>> {
    if served(scene) {
        return None;
    }
    let told = complaints(scene).find(|entry| {
        let redo = (entry.says("redo log") || entry.says("Redo log") || entry.says("log was created with"))
            && (entry.says("Unsupported") || entry.says("created with") || entry.says("format"));
        redo && !entry.says("before MariaDB 10.2.2") || entry.says("MySQL-8.0 tablespace")
    });
    let damaged = || {
        let (entry, why) = tables(scene)?;
        let wrong = [
            "Incorrect information in file",
            "Column count",
            "Incorrect definition",
            "is probably corrupted",
        ];
        wrong.iter().any(|words| why.contains_str(words)).then_some(entry)
    };
    let table = || complaints(scene).find(|entry| entry.says("mysql.user table is damaged"));
    let (entry, certain) = match told {
        Some(entry) => (entry, true),
        None => (damaged().or_else(table)?, false),
    };
    let by = entry.after("created with ").or_else(|| entry.says("MySQL-8.0").then_some("MySQL 8.0".into()));
    let by = by.map(|by| by.split_once_str(" We").map_or(by.as_bytes(), |(by, _)| by).as_bstr());
    let by =
        by.map(|by| by.split_once_str(". ").map_or(by.as_bytes(), |(by, _)| by).trim_end_with(|c| c == '.'));
    let noted = scene.evidence.system.datadir_version.as_ref().map(|version| version.as_bytes());
    let by = by.or(noted).map(|by| format!(" by {}", by.as_bstr())).unwrap_or_default();
    let own = scene.evidence.facts.as_ref().map(|facts| format!(" ({})", facts.version)).unwrap_or_default();
    let text = if certain {
        format!("the data directory{} was made{by}, and this server{own} does not take it", whose(scene))
    } else {
        format!(
            "the system tables of the data directory{} are corrupt or were made by another version{by}",
            whose(scene)
        )
    };
    let fix = "start with a fresh data directory (another --vardir), or with the server that made it; to bring an older \
               one forward, shut that server down cleanly (innodb_fast_shutdown=0) and run mariadb-upgrade";
    let finding =
        Finding::new(DATADIR_NEWER, text).quoting([entry]).blaming(scene.argument("datadir")).fix(fix);
    Some(if certain { finding } else { finding.likely() })
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
        if why.contains_str("Can't create file") || why.contains_str("Can't open file") {
            return None;
        }
        let path = entry.quoted().into_iter().rev().find(|word| word.contains(&b'/')).unwrap_or_default();
        if why.contains_str("lock") || why.contains_str("in use") {
            return None;
        }
        let (text, argument, fix) = if why.contains_str("aria_block_size") {
            let source = source(scene, "aria-block-size").map(|s| format!(" ({s})")).unwrap_or_default();
            (
                format!("Aria's files have another block size than the server is to use{source}: {why}"),
                scene.argument("aria-block-size"),
                "remove --aria-block-size, or set it where the data directory is made",
            )
        } else {
            (
                format!("Aria's control file '{path}' is corrupt: {why}"),
                scene.argument("datadir"),
                "use a fresh data directory; to keep this one, remove aria_log_control and aria_log.* and run \
                 aria_chk -r --zerofill on its Aria tables",
            )
        };
        return Some(Finding::new(ARIA_CONTROL, text).quoting([entry]).blaming(argument).fix(fix));
    }
    let entry = complaints(scene).find(recovery)?;
    let text = format!("Aria's log does not fit its tables: {}", entry.message);
    let fix = "use a fresh data directory; to keep this one, run aria_chk -r on all Aria tables and remove aria_log.*";
    Some(Finding::new(ARIA_CONTROL, text).quoting([entry]).fix(fix))
}
