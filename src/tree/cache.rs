//! Where facts that outlive a run are kept: probe answers, unpacked assets, bootstrapped databases.
//!
//! Everything in the cache can be deleted at any time; every entry is written beside its place and
//! renamed into it, so that a reader never sees half of one.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use crate::env::Env;
use crate::sys::files::is_writable;

/// The cache directory: `$MTR_CACHE_DIR`, `$XDG_CACHE_HOME/mtr-rs` or `$HOME/.cache/mtr-rs`,
/// whichever is set first and can be written, else a directory of this user's own below the
/// system's temporary directory. It exists on return, unless none of them can be made.
pub fn cache_dir(env: &Env) -> PathBuf {
    let candidates = [
        env.non_empty("MTR_CACHE_DIR").map(PathBuf::from),
        env.non_empty("XDG_CACHE_HOME").map(|dir| Path::new(dir).join("mtr-rs")),
        env.non_empty("HOME").map(|dir| Path::new(dir).join(".cache/mtr-rs")),
    ];
    for dir in candidates.into_iter().flatten().filter(|dir| dir.is_absolute()) {
        if fs::create_dir_all(&dir).is_ok() && is_writable(&dir) {
            return dir;
        }
    }
    temporary_cache(&temp_dir(env))
}

/// The cache directory, or where that has a blank in its path a directory without one: test scripts name unquoted what
/// lies there.
pub fn cache_dir_for_scripts(env: &Env) -> PathBuf {
    let has_blank = |path: &Path| path.as_os_str().as_encoded_bytes().contains(&b' ');
    let usual = cache_dir(env);
    if !has_blank(&usual) {
        return usual;
    }
    let temp = temp_dir(env);
    temporary_cache(if has_blank(&temp) { Path::new("/tmp") } else { &temp })
}

/// `$TMPDIR` or `/tmp`.
fn temp_dir(env: &Env) -> PathBuf {
    env.non_empty("TMPDIR").map_or_else(|| PathBuf::from("/tmp"), PathBuf::from)
}

/// A directory below `temp` that only this user can write: one that somebody else made under the
/// expected name is not used, its contents could be anything. One with a random name takes its place then, the same for
/// the whole of this process.
fn temporary_cache(temp: &Path) -> PathBuf {
    let uid = rustix::process::geteuid().as_raw();
    let dir = temp.join(format!("mtr-rs-cache-{uid}"));
    let made = fs::DirBuilder::new().mode(0o700).create(&dir);
    let ours = fs::symlink_metadata(&dir)
        .is_ok_and(|meta| meta.is_dir() && meta.uid() == uid && meta.mode() & 0o022 == 0);
    if made.is_ok() || ours {
        return dir;
    }
    static MADE: Mutex<BTreeMap<PathBuf, PathBuf>> = Mutex::new(BTreeMap::new());
    let mut all = MADE.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(made) = all.get(&dir) {
        return made.clone();
    }
    let name = format!("mtr-rs-cache-{uid}-");
    match tempfile::Builder::new().prefix(&name).tempdir_in(temp) {
        Ok(made) => all.entry(dir).or_insert(made.keep()).clone(),
        // A place where nothing can be made, by nobody; whoever needs a cache says so.
        Err(_) => PathBuf::from("/dev/null/mtr-rs-cache"),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn env(pairs: &[(&str, &Path)]) -> Env {
        let mut env = Env::default();
        for (name, value) in pairs {
            env.set(*name, *value);
        }
        env
    }

    #[test]
    fn the_most_specific_variable_wins() {
        let temp = tempfile::tempdir().unwrap();
        let (own, xdg, home) = (temp.path().join("own"), temp.path().join("xdg"), temp.path().join("home"));
        let all = [("MTR_CACHE_DIR", own.as_path()), ("XDG_CACHE_HOME", &xdg), ("HOME", &home)];
        assert_eq!(cache_dir(&env(&all)), own);
        assert_eq!(cache_dir(&env(&all[1..])), xdg.join("mtr-rs"));
        assert_eq!(cache_dir(&env(&all[2..])), home.join(".cache/mtr-rs"));
    }

    #[test]
    fn what_scripts_name_has_no_blank_in_its_path() {
        let temp = tempfile::tempdir().unwrap();
        let (blank, plain) = (temp.path().join("a b"), temp.path().join("plain"));
        assert_eq!(cache_dir_for_scripts(&env(&[("MTR_CACHE_DIR", &plain)])), plain);
        let uid = rustix::process::geteuid().as_raw();
        assert_eq!(
            cache_dir_for_scripts(&env(&[("MTR_CACHE_DIR", &blank), ("TMPDIR", temp.path())])),
            temp.path().join(format!("mtr-rs-cache-{uid}"))
        );
        let both = cache_dir_for_scripts(&env(&[("MTR_CACHE_DIR", &blank), ("TMPDIR", &blank)]));
        assert_eq!(both.parent(), Some(Path::new("/tmp")));
    }

    #[test]
    fn a_home_that_cannot_be_written_is_passed_over() {
        let temp = tempfile::tempdir().unwrap();
        let file = temp.path().join("file");
        fs::write(&file, "").unwrap();
        let dir = cache_dir(&env(&[("HOME", &file), ("TMPDIR", temp.path())]));
        assert_eq!(dir.parent(), Some(temp.path()));
        assert_eq!(fs::metadata(&dir).unwrap().mode() & 0o777, 0o700);
        assert_eq!(cache_dir(&env(&[("HOME", &file), ("TMPDIR", temp.path())])), dir, "reused");
    }

    #[test]
    fn a_temporary_cache_open_to_others_is_not_trusted() {
        let temp = tempfile::tempdir().unwrap();
        let dir = temporary_cache(temp.path());
        fs::set_permissions(&dir, std::os::unix::fs::PermissionsExt::from_mode(0o777)).unwrap();
        let other = temporary_cache(temp.path());
        assert_ne!(other, dir);
        assert_eq!(fs::metadata(&other).unwrap().mode() & 0o777, 0o700);
        assert_eq!(temporary_cache(temp.path()), other, "reused");
        // Names that can be guessed are names that others can take first.
        let guess = format!("mtr-rs-cache-{}-{}", rustix::process::geteuid().as_raw(), std::process::id());
        assert_ne!(other, temp.path().join(guess));
    }
}
