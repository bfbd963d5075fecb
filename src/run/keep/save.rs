//! After a failure: what is kept of the servers, and the core files in it (runner §9.8).

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};

use crate::case::TestCase;
use crate::component::component;
use crate::error::{Error, Result};
use crate::run::keep::logs;
use crate::run::servers::set::ServerSet;
use crate::server::process::ServerProcess;
use crate::sys::files;
use crate::sys::poll::Waker;

/// Moves config, temporary files and data directories of a failed test to
/// `VAR/log/<test>`; a second failure of the same test gets `<test>.2` and so on.
///
/// # Errors
/// A directory cannot be made, or a file not be moved.
pub fn save(set: &ServerSet, case: &TestCase) -> Result<PathBuf> {
    let log = set.dirs.log();
    let target = fresh(&log, &case.file_name());
    make(&target)?;
    write_listing(&set.dirs.var, &log.join("files.log"))?;
    let my_cnf = set.dirs.my_cnf();
    if my_cnf.exists() {
        copy(&my_cnf, &target.join("my.cnf"))?;
    }
    copy_tree(&set.dirs.var_tmp(), &target.join("tmp"))?;
    logs::save(set, &case.name(), &target)?;
    move_servers(set, &target, set.servers.iter())?;
    Ok(target)
}

/// Moves the data directories of the `crashed` servers, which nobody needs any more, to `VAR/log/<test>-shutdown`.
/// `None` where there is none: that of a test that failed is kept with the test's.
///
/// # Errors
/// A directory cannot be made, or a file not be moved.
pub fn save_crashed(set: &ServerSet, crashed: &BTreeSet<usize>, test: &str) -> Result<Option<PathBuf>> {
    let servers = || crashed.iter().map(|i| &set.servers[*i]);
    if !servers().any(|server| set.dirs.var.join(server.group.name().to_string()).is_dir()) {
        return Ok(None);
    }
    let target = fresh(&set.dirs.log(), &component(&format!("{test}-shutdown")));
    make(&target)?;
    let my_cnf = set.dirs.my_cnf();
    if my_cnf.exists() {
        copy(&my_cnf, &target.join("my.cnf"))?;
    }
    move_servers(set, &target, servers())?;
    Ok(Some(target))
}

/// A path in `dir` that does not exist: `name`, `name.2` and so on. `name` is one component.
pub fn fresh(dir: &Path, name: &str) -> PathBuf {
    let mut target = dir.join(name);
    for n in 2.. {
        // A link that leads nowhere is there as well.
        if target.symlink_metadata().is_err() {
            break;
        }
        target = dir.join(format!("{name}.{n}"));
    }
    target
}

fn move_servers<'s>(
    set: &ServerSet,
    target: &Path,
    servers: impl Iterator<Item = &'s ServerProcess>,
) -> Result<()> {
    for server in servers {
        let group = server.group.name().to_string();
        let from = set.dirs.var.join(&group);
        if from.is_dir() {
            let to = target.join(&group);
            std::fs::rename(&from, &to).map_err(|error| Error::io("move", &from, error))?;
        }
    }
    Ok(())
}

/// `ls -lR` in effect: what the vardir held when the test failed.
fn write_listing(var: &Path, to: &Path) -> Result<()> {
    let mut text = String::new();
    for entry in walkdir::WalkDir::new(var).sort_by_file_name().into_iter().flatten() {
        let size = entry.metadata().map_or(0, |meta| meta.len());
        let _ = writeln!(text, "{size:>12} {}", entry.path().display());
    }
    files::write(to, text).map_err(|error| Error::io("write", to, error))
}

fn make(dir: &Path) -> Result<()> {
    std::fs::create_dir_all(dir).map_err(|error| Error::io("create", dir, error))
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    files::copy(from, to).map_err(|error| Error::io("copy", from, error))
}

/// Copies plain files and directories; sockets and what vanishes meanwhile are passed over.
fn copy_tree(from: &Path, to: &Path) -> Result<()> {
    make(to)?;
    for entry in walkdir::WalkDir::new(from).min_depth(1).into_iter().flatten() {
        let Ok(inside) = entry.path().strip_prefix(from) else { continue };
        let target = to.join(inside);
        if entry.file_type().is_dir() {
            make(&target)?;
        } else if entry.file_type().is_file() {
            let _ = files::copy(entry.path(), &target);
        }
    }
    Ok(())
}

/// Compresses a core file in place, as `<core>.gz`. Where `abort` is woken meanwhile the core file stays as it was;
/// returns whether it was compressed.
///
/// # Errors
/// A file cannot be read, written or removed.
pub fn compress(core: &Path, abort: &Waker) -> Result<bool> {
    let mut name = core.as_os_str().to_os_string();
    name.push(".gz");
    let target = PathBuf::from(name);
    let mut from = files::open(core).map_err(|error| Error::io("read", core, error))?;
    let failed = |error| Error::io("write", &target, error);
    let to = files::create(&target).map_err(failed)?;
    let mut to = flate2::write::GzEncoder::new(to, flate2::Compression::fast());
    let mut buffer = vec![0; 1 << 20];
    loop {
        let count = from.read(&mut buffer).map_err(|error| Error::io("read", core, error))?;
        if count == 0 {
            break;
        }
        if abort.is_awake() {
            std::fs::remove_file(&target).map_err(|error| Error::io("remove", &target, error))?;
            return Ok(false);
        }
        to.write_all(&buffer[..count]).map_err(failed)?;
    }
    to.finish().map_err(failed)?;
    std::fs::remove_file(core).map_err(|error| Error::io("remove", core, error))?;
    Ok(true)
}
