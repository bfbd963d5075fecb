//! What the paths are that the server was given.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::io::ErrorKind;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf};

use bstr::{BString, ByteSlice};

use crate::sys::excerpt;
use crate::sys::files::{MOST_OF_TEXT, read};
use crate::triage::argument::{name, value};
use crate::triage::collect::subject::Subject;
use crate::triage::evidence::{Evidence, PathFact};
use crate::triage::files;
use crate::triage::scene::Scene;

/// Options whose value is a path, or the beginning of one (`log-bin`).
const OPTIONS: &[&str] = &[
    "datadir",
    "tmpdir",
    "socket",
    "pid-file",
    "plugin-dir",
    "log-bin",
    "log-bin-index",
    "relay-log",
    "relay-log-index",
    "relay-log-info-file",
    "general-log-file",
    "slow-query-log-file",
    "log-slow-query-file",
    "log-error",
    "log-basename",
    "log-isam",
    "log-tc",
    "init-file",
    "lc-messages-dir",
    "character-sets-dir",
    "secure-file-priv",
    "slave-load-tmpdir",
    "aria-log-dir-path",
    "innodb-data-home-dir",
    "innodb-log-group-home-dir",
    "innodb-undo-directory",
    "innodb-tmpdir",
    "rocksdb-datadir",
    "ssl-ca",
    "ssl-cert",
    "ssl-key",
    "ssl-capath",
    "ssl-crl",
    "ssl-crlpath",
    "file-key-management-filename",
    "wsrep-provider",
];

/// Paths looked at for one server, those above them included.
const MOST: usize = 400;

/// Paths taken from the lines of a log.
const MOST_OF_LOG: usize = 16;

/// Longest file of a version that is read.
const VERSION_BYTES: u64 = 100;

/// The directory that `option` names, relative to the data directory, which it is unless the server is told otherwise.
pub fn in_datadir(scene: &Scene<'_>, cwd: &Path, option: &str) -> PathBuf {
    let dirs = ["datadir", option].into_iter().filter_map(|option| scene.given(option));
    dirs.fold(cwd.to_owned(), |dir, given| dir.join(OsStr::from_bytes(given.value)))
}

/// Looks at each path that an option or a setting names or that the log complains of, and at the directories above.
pub fn add(evidence: &mut Evidence, subject: &Subject<'_>) {
    let mut facts = Facts::default();
    let scene = Scene::new(evidence);
    let (uid, gid) = user(&scene);
    let datadir = scene.given("datadir").map(|given| subject.cwd.join(to_path(given.value)));
    // The server changes to its data directory before it uses other paths.
    let base = datadir.clone().unwrap_or_else(|| subject.cwd.to_owned());
    for option in OPTIONS {
        let Some(given) = scene.given(option).filter(|given| !given.value.is_empty()) else { continue };
        let parts: Vec<&[u8]> = match *option {
            "tmpdir" => given.value.split(|byte| *byte == b':').collect(),
            _ => vec![given.value.as_bytes()],
        };
        let base = if *option == "datadir" { subject.cwd } else { &base };
        for part in parts.into_iter().filter(|part| !part.is_empty()) {
            facts.look(option, &base.join(to_path(part)));
        }
    }
    for path in others(evidence) {
        facts.look("", &base.join(path));
    }
    let complaints = files::complaints(&scene).filter_map(|entry| files::data_file(&scene, &entry));
    for path in complaints.take(MOST_OF_LOG) {
        facts.look("", &base.join(to_path(&path)));
    }
    let version = datadir.as_deref().and_then(version);
    evidence.system.paths = facts.all();
    evidence.system.datadir_version = version;
    evidence.system.vardir = plain(subject.vardir);
    (evidence.system.uid, evidence.system.gid) = (uid, gid);
}

/// Absolute paths that other options and settings have as their value.
fn others(evidence: &Evidence) -> Vec<PathBuf> {
    let arguments = (0..evidence.argv.len()).filter_map(|at| {
        let option = name(&evidence.argv[at].text);
        (!OPTIONS.contains(&option.to_str_lossy().as_ref())).then(|| value(&evidence.argv, at))?
    });
    let settings = evidence.settings.iter().filter_map(|setting| setting.value.as_ref().map(|v| v.as_bstr()));
    arguments
        .chain(settings)
        .map(|value| value.strip_prefix(b"FILE:").map_or(value, ByteSlice::as_bstr))
        .filter(|value| value.starts_with(b"/"))
        .map(|value| to_path(value).to_owned())
        .collect()
}

fn to_path(bytes: &[u8]) -> &Path {
    Path::new(OsStr::from_bytes(bytes.trim()))
}

/// Each path once.
#[derive(Default)]
struct Facts {
    named: Vec<PathFact>,
    above: Vec<PathFact>,
    seen: BTreeSet<PathBuf>,
}

impl Facts {
    /// Looks at `path`, and at the directories above it.
    fn look(&mut self, option: &'static str, path: &Path) {
        let path = plain(path);
        let again = option.is_empty() && self.seen.contains(&path);
        if self.seen.len() < MOST
            && !again
            && let Some(fact) = fact(option, &path)
        {
            self.seen.insert(path.clone());
            self.named.push(fact);
        }
        for dir in path.ancestors().skip(1) {
            if dir.as_os_str().is_empty() || self.seen.len() >= MOST || !self.seen.insert(dir.to_owned()) {
                break;
            }
            self.above.extend(fact("", dir));
        }
    }

    fn all(mut self) -> Vec<PathFact> {
        self.named.append(&mut self.above);
        self.named
    }
}

/// `path` without `.` components and doubled slashes.
fn plain(path: &Path) -> PathBuf {
    path.components().filter(|part| *part != Component::CurDir).collect()
}

/// `None` where it cannot be told whether the path exists.
fn fact(option: &'static str, path: &Path) -> Option<PathFact> {
    let missing = PathFact { option, path: path.to_owned(), ..PathFact::default() };
    match fs::metadata(path) {
        Ok(meta) => Some(PathFact {
            exists: true,
            directory: meta.is_dir(),
            mode: meta.mode() & 0o7777,
            uid: meta.uid(),
            gid: meta.gid(),
            ..missing
        }),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Some(missing),
        Err(_) => None,
    }
}

/// The user and group that the server runs as: those of `--user` where it may change to them, else the runner's.
fn user(scene: &Scene<'_>) -> (u32, u32) {
    let own = (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw());
    let Some(given) = scene.given("user").filter(|_| own.0 == 0) else { return own };
    let passwd = read(Path::new("/etc/passwd"), MOST_OF_TEXT).unwrap_or_default();
    passwd.lines().find_map(|line| named_user(line, given.value)).unwrap_or(own)
}

/// User and group id of a line of `/etc/passwd`, if it is about `wanted` (a name or a number).
fn named_user(line: &[u8], wanted: &[u8]) -> Option<(u32, u32)> {
    let fields: Vec<&[u8]> = line.split(|byte| *byte == b':').collect();
    let [login, _, uid, gid, ..] = fields[..] else { return None };
    let number = |field: &[u8]| field.to_str().ok()?.parse().ok();
    (login == wanted || uid == wanted).then_some((number(uid)?, number(gid)?))
}

fn version(datadir: &Path) -> Option<BString> {
    let names = ["mariadb_upgrade_info", "mysql_upgrade_info"];
    let text = names.iter().find_map(|name| excerpt::head(&datadir.join(name), 0, VERSION_BYTES).ok())?;
    let first = text.lines().next()?.trim();
    (!first.is_empty()).then(|| first.into())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::triage::testing::failed;

    fn subject(cwd: &Path) -> Subject<'_> {
        Subject { pid: None, env: None, cwd, vardir: cwd, oom_kills_before: None }
    }

    #[test]
    fn paths_of_options_of_the_log_and_those_above() {
        let dir = tempfile::tempdir().unwrap();
        let data = dir.path().join("data");
        fs::create_dir(&data).unwrap();
        fs::write(data.join("mysql_upgrade_info"), "11.4.2-MariaDB\nx").unwrap();
        fs::set_permissions(&data, fs::Permissions::from_mode(0o750)).unwrap();
        let mut evidence = failed(
            1,
            &["--datadir=data", "--loose-socket=/nonexist/sub/s", "--log-bin=sub/bin", "--odd-file=/odd/x"],
            "t 0 [ERROR] mariadbd: Can't create/write to file './a/b' (Errcode: 2 \"No such file or directory\")",
        );
        add(&mut evidence, &subject(dir.path()));
        let scene = Scene::new(&evidence);
        let fact = scene.path("datadir").unwrap();
        assert!(fact.exists && fact.directory && fact.mode == 0o750, "{fact:?}");
        assert_eq!(evidence.system.datadir_version.as_ref().unwrap(), "11.4.2-MariaDB");
        assert_eq!(scene.path("log-bin").unwrap().path, data.join("sub/bin"));
        let exists =
            |path: &Path| evidence.system.paths.iter().find(|fact| fact.path == path).unwrap().exists;
        for path in ["/nonexist/sub/s", "/nonexist/sub", "/nonexist", "/odd/x"] {
            assert!(!exists(Path::new(path)), "{path}");
        }
        assert!(!exists(&data.join("a")) && exists(dir.path()) && exists(Path::new("/")));
    }

    #[test]
    fn users_by_name_and_number() {
        let line = b"nobody:x:65534:65533:nobody:/:/bin/false";
        assert_eq!(named_user(line, b"nobody"), Some((65534, 65533)));
        assert_eq!(named_user(line, b"65534"), Some((65534, 65533)));
        assert_eq!(named_user(line, b"nob"), None);
    }
}
