//! Paths in the words of a server: which path a line is about, which option named it, what is in its way.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};

use bstr::{BStr, BString, ByteSlice};

use crate::triage::argument::{name, value};
use crate::triage::evidence::PathFact;
use crate::triage::log::{Entry, Level};
use crate::triage::scene::{Given, Scene};

/// Lines in which something is refused: those of level ERROR, and those without level that are not the command line
/// which begins the log.
pub fn complaints<'a>(scene: &Scene<'a>) -> impl Iterator<Item = Entry<'a>> {
    scene.log.iter().copied().filter(|entry| match entry.level {
        Level::Error => true,
        Level::None => !entry.is_command(),
        Level::Warning | Level::Note => false,
    })
}

/// The server got as far as serving, so nothing before was what ended its start.
pub fn served(scene: &Scene<'_>) -> bool {
    scene.log.iter().any(Entry::is_ready)
}

/// The path that a line is about: the first one in quotes, else the first word that is one.
pub fn mentioned<'a>(entry: &Entry<'a>) -> Option<&'a BStr> {
    let is_path = |word: &&BStr| {
        [&b"/"[..], b"./", b"../", b".//"].iter().any(|start| word.starts_with(start)) && word.len() > 1
    };
    let quoted = entry.quoted().into_iter().map(|word| cut(word).as_bstr()).find(is_path);
    quoted.or_else(|| {
        let words = entry.message.fields().map(|word| {
            let word = word.trim_start_with(|c| "'\"`(".contains(c));
            let end = word.find_byteset(b"'\"`(").unwrap_or(word.len());
            word[..end].trim_end_with(|c| ".,:;)?".contains(c)).as_bstr()
        });
        words.into_iter().find(is_path)
    })
}

/// Without the blanks and line ends that some messages put into their quotes.
fn cut(word: &BStr) -> &[u8] {
    word.trim()
}

/// The path as the server's process sees it: relative ones are below the data directory.
pub fn absolute(scene: &Scene<'_>, path: &BStr) -> PathBuf {
    let path = Path::new(OsStr::from_bytes(path));
    let datadir = scene.path("datadir").map(|fact| fact.path.clone());
    let joined = datadir.map_or_else(|| path.to_owned(), |datadir| datadir.join(path));
    joined.components().filter(|part| *part != Component::CurDir).collect()
}

/// The data file of InnoDB that a line names. Up to 10.5 (`data file 'ibdata1'`) it is named without its directory, which
/// is `innodb_data_home_dir` or else the data directory.
pub fn data_file(scene: &Scene<'_>, entry: &Entry<'_>) -> Option<BString> {
    if let Some(path) = mentioned(entry) {
        return Some(path.to_owned());
    }
    let file = entry.between("data file '", "'").filter(|file| !file.is_empty())?;
    let home = scene.given("innodb-data-home-dir").filter(|given| !given.value.is_empty());
    Some(home.map_or_else(
        || file.to_owned(),
        |home| [home.value.trim_end_with(|c| c == '/'), b"/", file].concat().into(),
    ))
}

/// What a server wants of a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// To read it.
    Read,
    /// To write to it, or to make it.
    Write,
}

/// What a server's user may not do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// To go through this directory, to whatever is in it.
    Enter,
    /// To read this file or directory.
    Read,
    /// To write to it; in a directory, to make files.
    Write,
}

/// Something in the way of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Obstacle<'a> {
    /// This directory is not there, and with it that one, which is in it or the same and which is wanted.
    Missing(&'a Path, PathBuf),
    /// This should be a directory and is none.
    NotADirectory(&'a Path),
    /// The server's user may not do this with it.
    Denied(&'a PathFact, Refused),
}

/// What keeps the server from creating or writing `path`, as far as facts are known; the first obstacle from the
/// root on.
pub fn obstacle<'a>(scene: &Scene<'a>, path: &Path) -> Option<Obstacle<'a>> {
    obstacle_to(scene, path, Access::Write)
}

/// What keeps the server from this access to `path`, as far as facts are known; the first obstacle from the root on.
pub fn obstacle_to<'a>(scene: &Scene<'a>, path: &Path, access: Access) -> Option<Obstacle<'a>> {
    let system = &scene.evidence.system;
    let fact = |path: &Path| system.paths.iter().find(|fact| fact.path == path);
    let may = |fact: &PathFact, needed| allowed(fact, system.uid, system.gid, needed);
    let mut above: Vec<&Path> = path.ancestors().skip(1).collect();
    let parent = *above.first()?;
    above.reverse();
    for dir in above {
        let Some(fact) = fact(dir) else { continue };
        let makes = access == Access::Write && dir == parent && !self::exists(scene, path);
        match fact {
            PathFact { exists: false, .. } => return Some(Obstacle::Missing(&fact.path, parent.to_owned())),
            PathFact { directory: false, .. } => return Some(Obstacle::NotADirectory(&fact.path)),
            _ if !may(fact, 0o1) => return Some(Obstacle::Denied(fact, Refused::Enter)),
            _ if makes && !may(fact, 0o3) => return Some(Obstacle::Denied(fact, Refused::Write)),
            _ => {}
        }
    }
    let own = fact(path).filter(|fact| fact.exists)?;
    let (needed, refused) = match access {
        Access::Read if own.directory => (0o5, Refused::Read),
        Access::Read => (0o4, Refused::Read),
        Access::Write if own.directory => (0o3, Refused::Write),
        Access::Write => (0o2, Refused::Write),
    };
    (!may(own, needed)).then_some(Obstacle::Denied(own, refused))
}

/// Who or what denies the server this access to `path`, and what to do: words for the cause and for the fix. `None` where
/// nothing is known that does.
pub fn denied_by(scene: &Scene<'_>, path: &Path, access: Access) -> Option<(String, String)> {
    let blocked = obstacle_to(scene, path, access)?;
    matches!(blocked, Obstacle::Denied(..)).then(|| (describe(scene, &blocked), remedy(scene, &blocked)))
}

/// The path is known to exist.
pub fn exists(scene: &Scene<'_>, path: &Path) -> bool {
    scene.evidence.system.paths.iter().any(|fact| fact.path == path && fact.exists)
}

/// The permission bits give `needed` (of `rwx`) to this user.
fn allowed(fact: &PathFact, uid: u32, gid: u32, needed: u32) -> bool {
    let shift = match () {
        () if uid == 0 => return true,
        () if fact.uid == uid => 6,
        () if fact.gid == gid => 3,
        () => 0,
    };
    (fact.mode >> shift) & needed == needed
}

/// Words for an obstacle: `the directory '/x' does not exist`.
pub fn describe(scene: &Scene<'_>, obstacle: &Obstacle<'_>) -> String {
    match obstacle {
        Obstacle::Missing(dir, _) => format!("the directory '{}' does not exist", dir.display()),
        Obstacle::NotADirectory(path) => format!("'{}' is not a directory", path.display()),
        Obstacle::Denied(fact, refused) => format!(
            "{} may not {} '{}' (mode {:04o}, owned by user id {})",
            who(scene),
            match (refused, fact.directory) {
                (Refused::Enter, _) => "enter the directory",
                (Refused::Read, true) => "read the directory",
                (Refused::Read, false) => "read",
                (Refused::Write, true) => "write to the directory",
                (Refused::Write, false) => "write to",
            },
            fact.path.display(),
            fact.mode,
            fact.uid
        ),
    }
}

/// What to change so that an obstacle goes. What a run makes anew cannot be changed for the next one.
pub fn remedy(scene: &Scene<'_>, obstacle: &Obstacle<'_>) -> String {
    match obstacle {
        Obstacle::Missing(_, dir) if is_made_anew(scene, dir) => format!(
            "let the test make {} before its server starts (-master.sh), or name a directory that is there",
            dir.display()
        ),
        Obstacle::Missing(_, dir) => format!("create the directory: mkdir -p {}", dir.display()),
        Obstacle::NotADirectory(path) => format!("move {} away, or name another path", path.display()),
        Obstacle::Denied(fact, _) if is_made_anew(scene, &fact.path) => {
            let path = fact.path.display();
            let given = scene.given("user");
            match (given, given.and_then(|given| given.argument)) {
                (Some(given), Some(at)) => format!(
                    "remove {} ({}): every run makes {path} anew, for the user that starts it",
                    scene.evidence.argv[at].text,
                    scene.origin(&given)
                ),
                (Some(given), None) => format!(
                    "remove user={} ({}): every run makes {path} anew, for the user that starts it",
                    given.value,
                    scene.origin(&given)
                ),
                (None, _) => {
                    format!("look at what makes {path} in every run: the test's -master.sh, its umask")
                }
            }
        }
        Obstacle::Denied(fact, refused) => {
            let user = scene
                .given("user")
                .map_or_else(|| scene.evidence.system.uid.to_string(), |given| given.value.to_string());
            let path = fact.path.display();
            match (refused, fact.directory) {
                (Refused::Enter, _) => format!("let the server's user enter the directory: chmod a+x {path}"),
                (Refused::Read, true) => {
                    format!("let the server's user read the directory: chmod a+rx {path}")
                }
                (Refused::Read, false) => format!("let the server's user read the file: chmod a+r {path}"),
                (Refused::Write, _) => format!("chown {user} {path}, or let another --user run the server"),
            }
        }
    }
}

/// What to do about a data directory with which nothing can be done. Where an option names another than the runner's, it can go.
pub fn fresh(scene: &Scene<'_>, fix: impl Into<String>) -> String {
    let fix = fix.into();
    match scene.own(scene.given("datadir")) {
        Some(own) => format!("remove {own}: the runner makes a data directory for each server; or {fix}"),
        None => fix,
    }
}

/// The path is below the run's var directory, which every run makes anew.
fn is_made_anew(scene: &Scene<'_>, path: &Path) -> bool {
    let vardir = &scene.evidence.system.vardir;
    vardir.is_absolute() && path.starts_with(vardir)
}

/// `the user 'nobody' (--user=nobody (t/x.opt:1))`, or the user id.
pub fn who(scene: &Scene<'_>) -> String {
    match source(scene, "user") {
        Some(source) => format!("the server's user ({source})"),
        // Nothing is closed to root: who it was is not known, as of a log that somebody copied.
        None if scene.evidence.system.uid == 0 => "the server's user".to_owned(),
        None => format!("the server's user (id {})", scene.evidence.system.uid),
    }
}

/// The option with its value as it was written, and where: `--port=1, t/x.opt:3`. `None` where it was not given.
pub fn source(scene: &Scene<'_>, option: &str) -> Option<BString> {
    Some(source_of(scene, &scene.given(option)?))
}

/// See [`source`].
pub fn source_of(scene: &Scene<'_>, given: &Given<'_>) -> BString {
    let origin = scene.origin(given);
    match (given.argument, given.setting) {
        (Some(at), _) => {
            let option = &scene.evidence.argv[at].text;
            let apart = !option.contains(&b'=') && !given.value.is_empty();
            let value = if apart { format!(" {}", given.value) } else { String::new() };
            format!("{option}{value}, {origin}").into()
        }
        (None, Some(setting)) => match &setting.value {
            Some(value) => format!("{}={value}, {origin}", setting.name).into(),
            None => format!("{}, {origin}", setting.name).into(),
        },
        (None, None) => BString::default(),
    }
}

/// The option whose value is `path`, a directory above it, or its beginning (`--log-bin=x` for `x.000001`), with the
/// longest value; that of an argument before that of a setting.
pub fn named_by<'a>(scene: &Scene<'a>, path: &Path) -> Option<(BString, Given<'a>)> {
    let arguments = (0..scene.evidence.argv.len()).filter_map(|at| {
        let given = Given { value: value(&scene.evidence.argv, at)?, argument: Some(at), setting: None };
        Some((without_prefix(&scene.evidence.argv[at].text), given))
    });
    let settings = scene.evidence.settings.iter().filter_map(|setting| {
        let given =
            Given { value: setting.value.as_ref()?.as_bstr(), argument: None, setting: Some(setting) };
        Some((without_prefix(&setting.name), given))
    });
    let fits = |value: &BStr| {
        let value = value.trim();
        let is_path = value.contains(&b'/');
        let own = absolute(scene, value.as_bstr());
        is_path && value != b"/" && (path.starts_with(&own) || is_stem(own.as_os_str().as_bytes(), path))
    };
    arguments
        .rev()
        .chain(settings.rev())
        .filter(|(_, given)| fits(given.value))
        .reduce(|best, other| if other.1.value.len() > best.1.value.len() { other } else { best })
}

/// `path` is `stem` with an extension.
fn is_stem(stem: &[u8], path: &Path) -> bool {
    path.as_os_str().as_bytes().strip_prefix(stem).is_some_and(|rest| rest.starts_with(b"."))
}

/// The option's name without `loose-`.
fn without_prefix(word: &[u8]) -> BString {
    let name = name(word);
    name.strip_prefix(b"loose-").map_or_else(|| name.clone(), BString::from)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::triage::evidence::Evidence;
    use crate::triage::testing::failed;

    fn fact(path: &str, mode: u32, directory: bool) -> PathFact {
        PathFact { path: path.into(), exists: mode != 0, directory, mode, ..PathFact::default() }
    }

    #[test]
    fn the_path_of_a_line() {
        for (line, path) in [
            (
                "[ERROR] mariadbd: Can't create/write to file '/n/x.pid' (Errcode: 2 \"No such file\")",
                "/n/x.pid",
            ),
            ("[ERROR] InnoDB: File ./ib_logfile0 was not found", "./ib_logfile0"),
            ("[ERROR] Can't generate a unique log-filename /n/y.(1-999)", "/n/y"),
            ("[ERROR] Could not use /n/y for logging (error 2). Turning logging off", "/n/y"),
            ("[ERROR] DDL_LOG: Failed to create ddl log file: ./ddl_recovery.log", "./ddl_recovery.log"),
            ("[ERROR] Can't start server: can't create PID file: No such file or directory", ""),
        ] {
            let evidence = failed(1, &[], line);
            let scene = Scene::new(&evidence);
            assert_eq!(mentioned(&scene.log[0]).unwrap_or_default(), path, "{line}");
        }
    }

    #[test]
    fn the_option_that_named_a_path() {
        let evidence = failed(
            1,
            &["--datadir=/v/data", "--log-bin=/v/data/x/bin", "--loose_Aria-Log_dir-path=/a", "--port=1"],
            "",
        );
        let scene = Scene::new(&evidence);
        let name = |path: &str| named_by(&scene, Path::new(path)).map(|(name, _)| name.to_string());
        assert_eq!(name("/v/data/x/bin.000001").as_deref(), Some("log-bin"));
        assert_eq!(name("/v/data/x/binary").as_deref(), Some("datadir"));
        assert_eq!(name("/a/aria_log_control").as_deref(), Some("Aria-Log-dir-path"));
        assert_eq!(name("/b"), None);
        assert_eq!(source(&scene, "log-bin").unwrap(), "--log-bin=/v/data/x/bin, x.opt:2");
    }

    #[test]
    fn what_is_in_the_way() {
        let mut evidence: Evidence = failed(1, &["--user=nobody"], "");
        evidence.system.paths = vec![
            fact("/", 0o755, true),
            fact("/a", 0o755, true),
            fact("/a/f", 0o600, false),
            fact("/c", 0o700, true),
            fact("/c/d", 0o777, true),
            fact("/n", 0, false),
        ];
        for (path, uid, words) in [
            ("/a/new", 7, "may not write to the directory '/a' (mode 0755, owned by user id 0)"),
            ("/c/d/e", 7, "may not enter the directory '/c' (mode 0700, owned by user id 0)"),
            ("/a/new", 0, ""),
            ("/a/f", 7, "may not write to '/a/f'"),
            ("/a/f/g", 7, "'/a/f' is not a directory"),
            ("/n/g", 7, "the directory '/n' does not exist"),
        ] {
            evidence.system.uid = uid;
            evidence.system.gid = uid;
            let scene = Scene::new(&evidence);
            let found = obstacle(&scene, Path::new(path));
            let told = found.map(|obstacle| describe(&scene, &obstacle)).unwrap_or_default();
            assert!(told.contains(words) && (words.is_empty() == told.is_empty()), "{path} {uid}: {told}");
        }
    }

    /// A file that is readable by itself is not to be made readable: the directory above is closed.
    #[test]
    fn the_closed_directory_is_to_be_opened_at_whichever_level_it_is() {
        let mut evidence: Evidence = failed(1, &["--user=nobody"], "");
        evidence.system.paths = vec![
            fact("/", 0o755, true),
            fact("/c", 0o700, true),
            fact("/c/d", 0o755, true),
            fact("/c/d/f", 0o644, false),
            fact("/o", 0o755, true),
            fact("/o/f", 0o600, false),
        ];
        (evidence.system.uid, evidence.system.gid) = (7, 7);
        evidence.system.vardir = "/v".into();
        let denied =
            |evidence: &Evidence, path: &str| denied_by(&Scene::new(evidence), Path::new(path), Access::Read);
        let fix = |evidence: &Evidence, path: &str| denied(evidence, path).unwrap().1;
        assert!(fix(&evidence, "/c/d/f").ends_with(": chmod a+x /c"));
        assert!(fix(&evidence, "/o/f").ends_with(": chmod a+r /o/f"));
        assert_eq!(denied(&evidence, "/o"), None);
        // What every run makes anew cannot be changed.
        evidence.system.vardir = "/c".into();
        assert!(fix(&evidence, "/c/d/f").starts_with("remove --user=nobody (x.opt:1): "));
    }
}
