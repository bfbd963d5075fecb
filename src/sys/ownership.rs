//! Whose directories are: what another user of the machine made, or may change at any time, is not to be trusted.

use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

/// Why what lies in `dir` may be somebody else's; `None` where it belongs to this user, who alone may write in it, and
/// nobody but root decides which directory has this path. `None`, too, if there is no such directory.
pub fn distrusted(dir: &Path) -> Option<String> {
    let meta = fs::metadata(dir).ok()?;
    let uid = rustix::process::geteuid().as_raw();
    if meta.uid() != uid {
        return Some(format!("it belongs to user {}, not to user {uid}", meta.uid()));
    }
    if meta.mode() & 0o022 != 0 {
        return Some(format!("others may write in it (mode {:04o})", meta.mode() & 0o7777));
    }
    distrusted_above(dir)
}

/// Why the path of `dir` may lead elsewhere at any time: a directory on the way, or a link, belongs to a user who is
/// neither root nor this one, or everybody may write there and it is not sticky.
///
/// A group that may write is no reason: many systems give each user a group of his own and a mask that lets it write.
pub fn distrusted_above(dir: &Path) -> Option<String> {
    // Both ways: what links lead through, and where they lead.
    let real = fs::canonicalize(dir).ok();
    let ways = [Some(dir), real.as_deref()];
    let above = ways.into_iter().flatten().flat_map(|way| way.ancestors().skip(1));
    let link = Some(dir).filter(|dir| dir.is_symlink());
    above.chain(link).find_map(|path| {
        let meta = fs::symlink_metadata(path).ok()?;
        owner(&meta).map(|why| format!("{} on the way to it {why}", path.display()))
    })
}

fn owner(meta: &Metadata) -> Option<String> {
    let uid = rustix::process::geteuid().as_raw();
    if meta.uid() != uid && meta.uid() != 0 {
        return Some(format!("belongs to user {}", meta.uid()));
    }
    let open = meta.is_dir() && meta.mode() & 0o002 != 0 && meta.mode() & 0o1000 == 0;
    open.then(|| format!("may be changed by everybody (mode {:04o})", meta.mode() & 0o7777))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::skip;
    use std::os::unix::fs::{PermissionsExt as _, chown, symlink};
    use std::path::PathBuf;

    fn made(path: PathBuf, mode: u32) -> PathBuf {
        fs::create_dir_all(&path).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        path
    }

    #[test]
    fn what_others_may_write() {
        let temp = tempfile::tempdir().unwrap();
        for (mode, open) in [(0o755, false), (0o700, false), (0o775, true), (0o757, true), (0o1777, true)] {
            let dir = made(temp.path().join(format!("{mode:o}")), mode);
            assert_eq!(distrusted(&dir).is_some(), open, "{mode:o}");
        }
        assert_eq!(distrusted(&temp.path().join("none")), None);
    }

    #[test]
    fn a_way_that_others_may_change() {
        let temp = tempfile::tempdir().unwrap();
        for (mode, open) in [(0o775, false), (0o777, true), (0o1777, false)] {
            let way = made(temp.path().join(format!("{mode:o}")), mode);
            let dir = made(way.join("dir"), 0o700);
            assert_eq!(distrusted(&dir).is_some(), open, "{mode:o}");
            let link = temp.path().join(format!("link-{mode:o}"));
            symlink(&dir, &link).unwrap();
            assert_eq!(distrusted(&link).is_some(), open, "{mode:o}, through a link");
        }
    }

    #[test]
    fn what_belongs_to_another_user() {
        if !skip::root_is_there("to give directories away") {
            return;
        }
        let temp = tempfile::tempdir().unwrap();
        let home = made(temp.path().join("home"), 0o755);
        let dir = made(home.join("cache"), 0o755);
        chown(&home, Some(65534), None).unwrap();
        assert!(distrusted(&dir).unwrap().contains("/home on the way to it belongs to user 65534"));
        chown(&home, Some(0), None).unwrap();
        assert_eq!(distrusted(&dir), None);
        chown(&dir, Some(65534), None).unwrap();
        assert_eq!(distrusted(&dir).unwrap(), "it belongs to user 65534, not to user 0");
    }
}
