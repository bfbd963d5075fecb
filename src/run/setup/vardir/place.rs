//! Where the vardir is to be: `--vardir`, a memory file system with `--mem`, else the layout's own.

use std::path::{Path, PathBuf};

use super::claim::{Claim, Purpose, Rules, check_base};
use super::contents::Contents;
use super::{removal, rotation};
use crate::cli::settings::Settings;
use crate::error::{Error, Result};
use crate::tree::layout::Layout;

/// What `--mem` calls its directories.
const IN_MEMORY: &str = "var_";

/// Where the vardir is.
#[derive(Debug)]
pub enum Place {
    /// A directory, and what the user calls it.
    Plain(PathBuf, Claim),
    /// In memory.
    Memory(Memory),
}

/// A directory in memory and the link to it in the test directory.
#[derive(Debug)]
pub struct Memory {
    claim: Claim,
    link: PathBuf,
    /// What is in the link's place and makes room for it.
    old: Old,
}

#[derive(Debug)]
enum Old {
    /// The link leads to the directory already.
    Right,
    /// Nothing.
    Nothing,
    /// A link to a directory that is gone, as after a restart of the machine.
    Dangling,
    /// A link to the directory of another run that is over.
    Link(Claim),
    /// A directory of a run that is over.
    Directory(Claim),
}

impl Place {
    /// Finds and takes it; `rules` are those of a vardir.
    ///
    /// # Errors
    /// It cannot be taken.
    pub fn find(settings: &Settings, layout: &Layout, cwd: &Path, rules: &Rules<'_>) -> Result<Place> {
        let plain = |path: PathBuf| Ok(Place::Plain(path.clone(), Claim::of(&path, rules)?));
        if let Some(given) = &settings.vardir {
            // Relative to where the user stands, which for the reference is always the test directory.
            return plain(
                std::path::absolute(cwd.join(given)).map_err(|error| Error::io("use", given, error))?,
            );
        }
        let default = layout.default_vardir.clone();
        let Some(base) = memory_base(settings)? else { return plain(default) };
        // The same directory again when `var` already points into this file system.
        if let Ok(target) = std::fs::read_link(&default)
            && target.starts_with(&base)
            && target.is_dir()
        {
            let claim = Claim::of(&default, rules)?;
            return Ok(Place::Memory(Memory { claim, link: default, old: Old::Right }));
        }
        let old = Old::of(&default, rules)?;
        let thread = settings.build_thread.map_or_else(|| "auto".to_owned(), |thread| thread.to_string());
        let dir = tempfile::Builder::new()
            .prefix(&format!("{IN_MEMORY}{thread}_"))
            .tempdir_in(&base)
            .map_err(|e| Error::io("create a directory in", &base, e))?
            .keep();
        let claim = Claim::of_new(dir, rules)?;
        Ok(Place::Memory(Memory { claim, link: default, old }))
    }

    /// The real path of the directory.
    pub fn root(&self) -> &Path {
        match self {
            Place::Plain(_, claim) | Place::Memory(Memory { claim, .. }) => &claim.dir,
        }
    }

    /// Whether the vardirs of `runs` earlier runs can be kept.
    ///
    /// # Errors
    /// They cannot.
    pub fn check_rotation(&self, runs: u32) -> Result<()> {
        match self {
            Place::Plain(given, claim) => rotation::check(&claim.dir, given, runs),
            Place::Memory(_) => {
                Err(Error::new("--keep-runs cannot be used with --mem: the vardir is a link")
                    .hint("give a directory in memory: --vardir=/dev/shm/DIR"))
            }
        }
    }

    /// Takes what is there as it is.
    ///
    /// # Errors
    /// A link cannot be made.
    pub fn take(self, messages: &mut Vec<String>) -> Result<Vec<Claim>> {
        match self {
            Place::Plain(_, mut claim) => {
                claim.keep();
                Ok(vec![claim])
            }
            Place::Memory(memory) => memory.link(messages),
        }
    }

    /// Empties it, or moves it to where `runs` earlier runs are kept and makes it anew.
    ///
    /// # Errors
    /// Something cannot be removed or made.
    pub fn clear(self, runs: u32, mode: u32, messages: &mut Vec<String>) -> Result<Vec<Claim>> {
        let (given, mut claim) = match self {
            Place::Plain(given, claim) => (given, claim),
            Place::Memory(memory) => {
                removal::empty(&memory.claim.dir)?;
                return memory.link(messages);
            }
        };
        claim.keep();
        if runs == 0 || claim.contents == Contents::Empty {
            removal::empty(&claim.dir)?;
            return Ok(vec![claim]);
        }
        rotation::check(&claim.dir, &given, runs)?;
        super::contents::mark(&claim.dir)?;
        rotation::rotate(&claim.dir, runs)?;
        // Locked again before the old one is let go: nobody takes the place between.
        let rules = Rules { purpose: Purpose::Vardir, mode, cwd: Path::new("/"), never: &[], nested: true };
        let mut fresh = Claim::of(&claim.dir, &rules)?;
        fresh.keep();
        Ok(vec![fresh])
    }
}

impl Memory {
    /// Puts the link in its place.
    fn link(mut self, messages: &mut Vec<String>) -> Result<Vec<Claim>> {
        let removing = |error| Error::io("remove", &self.link, error);
        match &mut self.old {
            Old::Right | Old::Nothing => {}
            Old::Dangling => std::fs::remove_file(&self.link).map_err(removing)?,
            Old::Link(claim) => {
                std::fs::remove_file(&self.link).map_err(removing)?;
                // It takes memory that nobody would look for.
                claim.keep();
                removal::remove_ours(&claim.dir)?;
            }
            Old::Directory(claim) => {
                claim.keep();
                removal::remove_ours(&claim.dir)?;
            }
        }
        messages.push(format!(" - symlinking 'var' to '{}'", self.claim.dir.display()));
        if !matches!(self.old, Old::Right) {
            // Where another run was faster, this is an error and its link stays.
            std::os::unix::fs::symlink(&self.claim.dir, &self.link)
                .map_err(|error| Error::io("create", &self.link, error))?;
        }
        self.claim.keep();
        Ok(vec![self.claim])
    }
}

impl Old {
    /// What is at `path` and would make room.
    fn of(path: &Path, rules: &Rules<'_>) -> Result<Old> {
        let Ok(meta) = path.symlink_metadata() else { return Ok(Old::Nothing) };
        if !meta.is_symlink() {
            return Ok(Old::Directory(Claim::of(path, rules)?));
        }
        if path.exists() {
            return Ok(Old::Link(Claim::of(path, rules)?));
        }
        let target = std::fs::read_link(path).map_err(|error| Error::io("read", path, error))?;
        let name = target.file_name().unwrap_or_default().as_encoded_bytes();
        if name.starts_with(IN_MEMORY.as_bytes()) {
            return Ok(Old::Dangling);
        }
        Err(Error::new(format!("this is a link to {}, which is not there", target.display()))
            .at(path, None)
            .hint("--mem puts a link of its own here: remove this one, or give a directory: --vardir=DIR"))
    }
}

/// The directory that `--mem` names, or the first of the usual ones, that can be written; none: the vardir is where it
/// always is (runner §8.1).
fn memory_base(settings: &Settings) -> Result<Option<PathBuf>> {
    let Some(named) = &settings.mem else { return Ok(None) };
    let usual = ["/run/shm", "/dev/shm", "/tmp"].map(PathBuf::from);
    for dir in named.iter().cloned().chain(usual) {
        let meta = match dir.symlink_metadata() {
            Ok(meta) if meta.is_dir() => meta,
            _ => continue,
        };
        if rustix::fs::access(&dir, rustix::fs::Access::WRITE_OK).is_err() {
            continue;
        }
        match check_base(&dir, &meta) {
            Err(error) if named.as_ref() == Some(&dir) => return Err(error),
            Err(_) => {}
            Ok(()) => return dir.canonicalize().map(Some).map_err(|e| Error::io("use", &dir, e)),
        }
    }
    Ok(None)
}
