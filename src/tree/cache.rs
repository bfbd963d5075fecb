//! Where facts that outlive a run are kept: probe answers, unpacked assets, bootstrapped databases.
//!
//! Everything in the cache can be deleted at any time; every entry is written beside its place and
//! renamed into it, so that a reader never sees half of one.

use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::env::Env;
use crate::error::{Error, Result};
use crate::sys::files::is_writable;
use crate::sys::ownership;
use crate::sys::scratch::Scratch;

/// A place that the environment names for the cache.
struct Candidate {
    dir: PathBuf,
    /// It is named for this alone.
    chosen: bool,
}

fn candidates(env: &Env) -> impl Iterator<Item = Candidate> {
    let named = |name: &str| env.non_empty(name).map(PathBuf::from).filter(|dir| dir.is_absolute());
    let chosen = named("MTR_CACHE_DIR").map(|dir| Candidate { dir, chosen: true });
    let usual = [("XDG_CACHE_HOME", "mtr-rs"), ("HOME", ".cache/mtr-rs")]
        .map(|(name, below)| named(name).map(|dir| Candidate { dir: dir.join(below), chosen: false }));
    std::iter::once(chosen).chain(usual).flatten()
}

/// The cache directory: `$MTR_CACHE_DIR`, `$XDG_CACHE_HOME/mtr-rs` or `$HOME/.cache/mtr-rs`,
/// whichever is set first and can be written, else a directory of this user's own below the
/// system's temporary directory. It exists on return, unless none of them can be made.
///
/// What lies there decides what is run, so a directory that belongs to somebody else or that others may write is passed
/// over; [`passed_over`] says so.
///
/// # Errors
/// `$MTR_CACHE_DIR` is such a directory.
pub fn cache_dir(env: &Env) -> Result<PathBuf> {
    for Candidate { dir, chosen } in candidates(env) {
        match distrusted(&dir) {
            Some(why) if chosen => {
                return Err(Error::new(format!("MTR_CACHE_DIR cannot be trusted: {why}"))
                    .at(&dir, None)
                    .hint("what is in it would be run: name a directory that only you can write"));
            }
            Some(_) => {}
            None if make(&dir).is_ok() && is_writable(&dir) => return Ok(dir),
            None => {}
        }
    }
    Ok(temporary_cache(&temp_dir(env)))
}

/// What is to be told of places that [`cache_dir`] passes over because others decide on what is in them.
pub fn passed_over(env: &Env) -> Vec<String> {
    let mut told = Vec::new();
    for Candidate { dir, chosen } in candidates(env) {
        match distrusted(&dir) {
            Some(why) if !chosen => told.push(format!(
                "the cache {} is not used: {why}; remove it, or set MTR_CACHE_DIR to a directory of your own",
                dir.display()
            )),
            None if dir.is_dir() && is_writable(&dir) => break,
            _ => {}
        }
    }
    told
}

/// Why the cache must not be at `dir`, which need not exist yet.
fn distrusted(dir: &Path) -> Option<String> {
    if dir.exists() { ownership::distrusted(dir) } else { ownership::distrusted_above(dir) }
}

/// Makes a directory, which nobody but this user may write whatever the umask is.
fn make(dir: &Path) -> io::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o755).create(dir)
}

/// The cache directory, or where that has a blank in its path a directory without one: test scripts name unquoted what
/// lies there.
///
/// # Errors
/// As [`cache_dir`].
pub fn cache_dir_for_scripts(env: &Env) -> Result<PathBuf> {
    let has_blank = |path: &Path| path.as_os_str().as_encoded_bytes().contains(&b' ');
    let usual = cache_dir(env)?;
    if !has_blank(&usual) {
        return Ok(usual);
    }
    let temp = temp_dir(env);
    Ok(temporary_cache(if has_blank(&temp) { Path::new("/tmp") } else { &temp }))
}

/// `$TMPDIR` or `/tmp`.
fn temp_dir(env: &Env) -> PathBuf {
    env.non_empty("TMPDIR").map_or_else(|| PathBuf::from("/tmp"), PathBuf::from)
}

/// Directories of this process that it has for want of better ones.
static OF_THIS_PROCESS: Mutex<Vec<Scratch>> = Mutex::new(Vec::new());

fn of_this_process() -> MutexGuard<'static, Vec<Scratch>> {
    OF_THIS_PROCESS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Removes what this process had as its cache for want of a lasting one. To be called at its end.
pub fn close() {
    of_this_process().clear();
}

/// A directory below `temp` that only this user can write: one that somebody else made under the
/// expected name is not used, its contents could be anything. There is one of a random name for this process then.
fn temporary_cache(temp: &Path) -> PathBuf {
    let uid = rustix::process::geteuid().as_raw();
    let dir = temp.join(format!("mtr-rs-cache-{uid}"));
    let made = fs::DirBuilder::new().mode(0o700).create(&dir);
    let ours = fs::symlink_metadata(&dir)
        .is_ok_and(|meta| meta.is_dir() && meta.uid() == uid && meta.mode() & 0o022 == 0);
    if (made.is_ok() || ours) && ownership::distrusted_above(&dir).is_none() {
        return dir;
    }
    let mut known = of_this_process();
    if let Some(dir) = known.iter().find(|dir| dir.path().parent() == Some(temp)) {
        return dir.path().to_owned();
    }
    let own = fs::Permissions::from_mode(0o700);
    match Scratch::begin(tempfile::Builder::new().prefix("mtr-rs-cache-").permissions(own), temp) {
        Ok(dir) => {
            let path = dir.path().to_owned();
            known.push(dir);
            path
        }
        // A place where nothing can be made, by nobody; whoever needs a cache says so.
        Err(_) => PathBuf::from("/dev/null/mtr-rs-cache"),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::skip;

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
        assert_eq!(cache_dir(&env(&all)).unwrap(), own);
        assert_eq!(cache_dir(&env(&all[1..])).unwrap(), xdg.join("mtr-rs"));
        assert_eq!(cache_dir(&env(&all[2..])).unwrap(), home.join(".cache/mtr-rs"));
    }

    #[test]
    fn what_scripts_name_has_no_blank_in_its_path() {
        let temp = tempfile::tempdir().unwrap();
        let (blank, plain) = (temp.path().join("a b"), temp.path().join("plain"));
        assert_eq!(cache_dir_for_scripts(&env(&[("MTR_CACHE_DIR", &plain)])).unwrap(), plain);
        let uid = rustix::process::geteuid().as_raw();
        assert_eq!(
            cache_dir_for_scripts(&env(&[("MTR_CACHE_DIR", &blank), ("TMPDIR", temp.path())])).unwrap(),
            temp.path().join(format!("mtr-rs-cache-{uid}"))
        );
        let both = cache_dir_for_scripts(&env(&[("MTR_CACHE_DIR", &blank), ("TMPDIR", &blank)])).unwrap();
        assert_eq!(both.parent(), Some(Path::new("/tmp")));
    }

    #[test]
    fn a_home_that_cannot_be_written_is_passed_over() {
        let temp = tempfile::tempdir().unwrap();
        let file = temp.path().join("file");
        fs::write(&file, "").unwrap();
        let dir = cache_dir(&env(&[("HOME", &file), ("TMPDIR", temp.path())])).unwrap();
        assert_eq!(dir.parent(), Some(temp.path()));
        assert_eq!(fs::metadata(&dir).unwrap().mode() & 0o777, 0o700);
        assert_eq!(cache_dir(&env(&[("HOME", &file), ("TMPDIR", temp.path())])).unwrap(), dir, "reused");
    }

    #[test]
    fn a_temporary_cache_open_to_others_is_not_trusted() {
        let temp = tempfile::tempdir().unwrap();
        let dir = temporary_cache(temp.path());
        fs::set_permissions(&dir, fs::Permissions::from_mode(0o777)).unwrap();
        let other = temporary_cache(temp.path());
        assert_ne!(other, dir);
        assert_eq!(fs::metadata(&other).unwrap().mode() & 0o777, 0o700, "nobody else can make it first");
        assert_eq!(temporary_cache(temp.path()), other, "one for this process");
        // A link to a directory of ours is another user's choice of one.
        let links = tempfile::tempdir().unwrap();
        fs::set_permissions(&dir, fs::Permissions::from_mode(0o700)).unwrap();
        let name = dir.file_name().unwrap();
        std::os::unix::fs::symlink(&dir, links.path().join(name)).unwrap();
        assert_ne!(temporary_cache(links.path()), links.path().join(name));
    }

    #[test]
    fn a_cache_that_others_may_write_is_passed_over_or_refused() {
        let temp = tempfile::tempdir().unwrap();
        let (open, plain) = (temp.path().join("open"), temp.path().join("home"));
        fs::create_dir_all(open.join("mtr-rs")).unwrap();
        fs::set_permissions(open.join("mtr-rs"), fs::Permissions::from_mode(0o775)).unwrap();
        let both = env(&[("XDG_CACHE_HOME", &open), ("HOME", &plain)]);
        assert_eq!(cache_dir(&both).unwrap(), plain.join(".cache/mtr-rs"));
        let told = passed_over(&both);
        assert!(told.len() == 1 && told[0].contains("others may write in it (mode 0775)"), "{told:?}");
        let error =
            cache_dir(&env(&[("MTR_CACHE_DIR", &open.join("mtr-rs")), ("HOME", &plain)])).unwrap_err();
        assert!(error.message().starts_with("MTR_CACHE_DIR cannot be trusted: others may"), "{error}");
        assert!(passed_over(&env(&[("HOME", &plain)])).is_empty());
    }

    #[test]
    fn a_cache_in_the_home_of_another_user_is_not_used_by_root() {
        if !skip::root_is_there("to give directories away") {
            return;
        }
        let temp = tempfile::tempdir().unwrap();
        let home = temp.path().join("home");
        fs::create_dir(&home).unwrap();
        std::os::unix::fs::chown(&home, Some(65534), None).unwrap();
        let theirs = env(&[("HOME", &home), ("TMPDIR", temp.path())]);
        assert_eq!(cache_dir(&theirs).unwrap().parent(), Some(temp.path()));
        assert!(!home.join(".cache").exists(), "nothing is made there");
        assert!(passed_over(&theirs)[0].contains("belongs to user 65534"));
    }
}
