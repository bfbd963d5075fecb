//! Room on disks.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use bstr::ByteSlice;

use crate::triage::collect::subject::Subject;
use crate::triage::evidence::{Evidence, Space};
use crate::triage::scene::Scene;

/// Free bytes and inodes where the server writes.
pub fn add(evidence: &mut Evidence, subject: &Subject<'_>) {
    let mut dirs: Vec<(&'static str, PathBuf)> = Vec::new();
    let scene = Scene::new(evidence);
    if let Some(datadir) = scene.given("datadir") {
        dirs.push(("datadir", subject.cwd.join(path(datadir.value))));
    }
    match scene.given("tmpdir") {
        // A list: the server takes them in turn.
        Some(tmpdir) => {
            for dir in tmpdir.value.split(|byte| *byte == b':').filter(|dir| !dir.is_empty()) {
                dirs.push(("tmpdir", subject.cwd.join(path(dir))));
            }
        }
        None => {
            let named = subject.env.and_then(|env| env.get("TMPDIR"));
            dirs.push(("tmpdir", PathBuf::from(named.unwrap_or(OsStr::new("/tmp")))));
        }
    }
    dirs.push(("vardir", subject.vardir.to_owned()));
    evidence.system.space = dirs.iter().filter_map(|(what, dir)| space(what, dir)).collect();
}

fn path(bytes: &[u8]) -> &Path {
    Path::new(OsStr::from_bytes(bytes.trim()))
}

/// The room in `dir`, or in the nearest directory above it that exists.
fn space(what: &'static str, dir: &Path) -> Option<Space> {
    let (path, facts) = dir.ancestors().find_map(|path| Some((path, rustix::fs::statvfs(path).ok()?)))?;
    Some(Space {
        what,
        path: path.to_owned(),
        free_bytes: facts.f_bavail.saturating_mul(facts.f_frsize),
        // File systems without a table of inodes count none.
        free_inodes: (facts.f_files > 0).then_some(facts.f_favail),
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::triage::testing::failed;

    #[test]
    fn every_directory_that_the_server_writes_to() {
        let dir = tempfile::tempdir().unwrap();
        let missing = dir.path().join("not/there");
        let tmpdir = format!("--tmpdir={}:{}", dir.path().display(), missing.display());
        let mut evidence = failed(1, &["--datadir=.", &tmpdir], "");
        let subject =
            Subject { pid: None, env: None, cwd: dir.path(), vardir: &missing, oom_kills_before: None };
        add(&mut evidence, &subject);
        let found: Vec<(&str, &Path)> =
            evidence.system.space.iter().map(|space| (space.what, space.path.as_path())).collect();
        let here = dir.path();
        assert_eq!(
            found,
            [("datadir", here.join(".").as_path()), ("tmpdir", here), ("tmpdir", here), ("vardir", here)]
        );
        assert!(evidence.system.space.iter().all(|space| space.free_bytes > 0));
    }

    #[test]
    fn a_file_system_without_inodes_has_none_to_use_up() {
        assert_eq!(space("datadir", Path::new("/proc/self")).unwrap().free_inodes, None);
    }
}
