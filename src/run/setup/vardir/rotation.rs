//! `--keep-runs`: the vardirs of earlier runs as `VAR.1`, the last one, `VAR.2` and so on.

use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::claim::is_locked;
use super::contents::Contents;
use super::removal;
use crate::error::{Error, Result};

/// Finds out whether the vardir `dir`, which the user calls `given`, can be moved, and whether those of `runs` earlier
/// runs are where they ought to be.
///
/// # Errors
/// It is a link or a mount point, or one of the names is taken by something else.
pub fn check(dir: &Path, given: &Path, runs: u32) -> Result<()> {
    let refused = |what: &str| {
        Error::new(format!("--keep-runs cannot move the vardir: it is {what}"))
            .at(given, None)
            .hint("give a plain directory: --vardir=DIR")
    };
    if given.symlink_metadata().is_ok_and(|meta| meta.is_symlink()) {
        return Err(refused("a symbolic link"));
    }
    let meta = dir.metadata().map_err(|error| Error::io("look at", dir, error))?;
    let above = dir.parent().and_then(|above| above.metadata().ok());
    if above.is_none_or(|above| above.dev() != meta.dev()) {
        return Err(refused("a mount point"));
    }
    for kept in kept(dir, runs)? {
        let Ok(meta) = kept.symlink_metadata() else { continue };
        let ours = meta.is_dir() && meta.uid() == rustix::process::geteuid().as_raw();
        if !ours || !Contents::of(&kept)?.is_ours() || is_locked(&kept) {
            return Err(Error::new(
                "--keep-runs needs this name, and what has it is no vardir of a run that is over",
            )
            .at(kept, None)
            .hint("move it away, or give another directory: --vardir=DIR"));
        }
    }
    Ok(())
}

/// Moves `dir` to `dir.1`, and those of earlier runs one further each; the one that would be number `runs` + 1 is
/// removed first. Each step is a rename: when it is broken off, no run's directory is in parts.
///
/// # Errors
/// A directory cannot be renamed or removed.
pub fn rotate(dir: &Path, runs: u32) -> Result<()> {
    let is_there = |number: u32| numbered(dir, number).symlink_metadata().is_ok();
    let free = (1..=runs).find(|number| !is_there(*number));
    if free.is_none() {
        removal::remove_ours(&numbered(dir, runs))?;
    }
    for number in (1..free.unwrap_or(runs)).rev() {
        rename(&numbered(dir, number), &numbered(dir, number + 1))?;
    }
    rename(dir, &numbered(dir, 1))
}

/// What has one of the names of the last `runs` runs: it is looked for among what is there, as there may be any number of
/// names.
fn kept(dir: &Path, runs: u32) -> Result<Vec<PathBuf>> {
    let (Some(above), Some(name)) = (dir.parent(), dir.file_name()) else { return Ok(Vec::new()) };
    let failed = |error| Error::io("list", above, error);
    let mut found = Vec::new();
    for entry in above.read_dir().map_err(failed)? {
        let other = entry.map_err(failed)?.file_name();
        let number = other.as_bytes().strip_prefix(name.as_bytes()).and_then(|rest| rest.strip_prefix(b"."));
        let number = number.and_then(|number| std::str::from_utf8(number).ok()?.parse::<u32>().ok());
        let of_a_run =
            |number: &u32| (1..=runs).contains(number) && numbered(dir, *number).file_name() == Some(&other);
        found.extend(number.filter(of_a_run).map(|number| numbered(dir, number)));
    }
    found.sort();
    Ok(found)
}

fn rename(from: &Path, to: &Path) -> Result<()> {
    std::fs::rename(from, to).map_err(|error| {
        Error::io("move", from, error)
            .hint("--keep-runs needs a vardir that can be renamed: give a plain directory")
    })
}

/// `VAR.N`.
fn numbered(dir: &Path, number: u32) -> PathBuf {
    let mut path = dir.as_os_str().to_os_string();
    path.push(format!(".{number}"));
    path.into()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::contents::mark;
    use super::*;

    /// A run's directory with a file that has its number in it.
    fn run(dir: &Path, number: usize) {
        std::fs::create_dir_all(dir).unwrap();
        mark(dir).unwrap();
        std::fs::write(dir.join("number"), number.to_string()).unwrap();
    }

    fn number(dir: &Path) -> Option<String> {
        std::fs::read_to_string(dir.join("number")).ok()
    }

    #[test]
    fn the_last_runs_stay_in_order() {
        let site = tempfile::tempdir().unwrap();
        let dir = site.path().join("var");
        for n in 1..=5 {
            run(&dir, n);
            check(&dir, &dir, 3).unwrap();
            rotate(&dir, 3).unwrap();
            assert!(!dir.exists());
        }
        let kept = [1, 2, 3, 4].map(|n| number(&numbered(&dir, n)));
        assert_eq!(kept, [Some("5".into()), Some("4".into()), Some("3".into()), None]);
    }

    #[test]
    fn a_gap_is_filled_and_nothing_removed() {
        let site = tempfile::tempdir().unwrap();
        let dir = site.path().join("var");
        for (name, n) in [("var", 9), ("var.1", 1), ("var.3", 3)] {
            run(&site.path().join(name), n);
        }
        rotate(&dir, 3).unwrap();
        let kept = [1, 2, 3].map(|n| number(&numbered(&dir, n)));
        assert_eq!(kept, [Some("9".into()), Some("1".into()), Some("3".into())]);
    }

    #[test]
    fn what_is_no_runs_is_left_alone() {
        let site = tempfile::tempdir().unwrap();
        let (dir, link) = (site.path().join("var"), site.path().join("link"));
        run(&dir, 1);
        std::os::unix::fs::symlink(&dir, &link).unwrap();
        assert!(check(&dir, &link, 1).unwrap_err().message().ends_with("a symbolic link"));
        std::fs::create_dir(site.path().join("var.2")).unwrap();
        std::fs::write(site.path().join("var.2/mine"), "").unwrap();
        assert!(check(&dir, &dir, 1).is_ok());
        let error = check(&dir, &dir, 2).unwrap_err();
        assert!(error.message().contains("no vardir of a run"), "{error}");
        std::fs::write(site.path().join("var.1"), "a file").unwrap();
        assert!(check(&dir, &dir, 1).is_err());
        let mount = Path::new("/proc");
        assert!(check(mount, mount, 1).unwrap_err().message().ends_with("a mount point"));
    }
}
