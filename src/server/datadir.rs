//! Data directories: fast copies of the bootstrapped one, fresh at every start (runner §8.3).
//!
//! Nearly all of a fresh data directory is zeros (InnoDB's preallocated files). They are left out
//! of copies as holes, which read as the same zeros: on tmpfs a copy then takes a few milliseconds.

use std::fs::{self, DirEntry, File, Permissions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{FileExt, PermissionsExt};
use std::path::Path;
use std::sync::LazyLock;

use bstr::ByteSlice;
use pcre2::bytes::{Regex, RegexBuilder};
use rustix::fs::{SeekFrom, ioctl_ficlone, seek};

use super::bootstrap::Bootstrap;
use crate::case::ServerOption;
use crate::component::is_below;
use crate::config::server_group::ServerGroup;
use crate::error::{Error, Result};
use crate::sys::files;
use crate::sys::removal;

/// Zeros are looked for in steps of a page of memory, the smallest hole there can be on tmpfs.
const PAGE: usize = 4096;

/// What mode a copied file gets. Directories get 0755 where files do not keep theirs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Modes {
    /// What servers work on: 0644, whatever the umask. In a run by root, whose vardir nobody enters but the servers, which
    /// may be another user's, it is 0666, as the reference has it for all.
    Writable,
    /// 0444: what is only copied from.
    ReadOnly,
    /// Everything as it was.
    Keep,
}

/// Copies the tree `from` to `to` so that servers can write the files; see [`copy_with`].
///
/// # Errors
/// Those of [`copy_with`].
pub fn copy(from: &Path, to: &Path) -> Result<()> {
    copy_with(from, to, Modes::Writable)
}

/// Copies the plain files and directories below `from` to `to`, which need not exist.
///
/// Links are followed; sockets and the like are left out. Where the file system can share blocks
/// between files that is used, else holes and zero pages become holes.
///
/// # Errors
///
/// The first file that cannot be read or written; a part of the tree may then be there.
pub fn copy_with(from: &Path, to: &Path, modes: Modes) -> Result<()> {
    let mut copier = Copier { modes, can_clone: true, buffer: vec![0; 64 * PAGE] };
    copier.tree(from, to)
}

/// Copies `std_data` into a vardir: files at the top get 0644, those further down the mode of [`Modes::Writable`] (runner §8.1).
/// A test tree without it, as our own is, gives an empty directory.
///
/// # Errors
/// `from` cannot be read, or `to` not be written.
pub fn copy_std_data(from: &Path, to: &Path) -> Result<()> {
    if !from.exists() {
        return fs::create_dir_all(to).map_err(|e| Error::io("create", to, e));
    }
    let mut copier = Copier { modes: Modes::Writable, can_clone: true, buffer: vec![0; 64 * PAGE] };
    copier.tree(from, to)?;
    for entry in entries(to)? {
        let path = entry.path();
        if path.is_file() {
            set_mode(&path, 0o644)?;
        }
    }
    Ok(())
}

/// Gives every plain file below `dir` the mode 0444.
///
/// # Errors
/// A file cannot be looked at, or its mode not be changed.
pub fn make_read_only(dir: &Path) -> Result<()> {
    for entry in entries(dir)? {
        let path = entry.path();
        let metadata = fs::metadata(&path).map_err(|e| Error::io("look at", &path, e))?;
        if metadata.is_dir() {
            make_read_only(&path)?;
        } else if metadata.is_file() {
            set_mode(&path, 0o444)?;
        }
    }
    Ok(())
}

fn entries(dir: &Path) -> Result<Vec<DirEntry>> {
    let list = || fs::read_dir(dir)?.collect::<io::Result<Vec<_>>>();
    list().map_err(|e| Error::io("list", dir, e))
}

/// The mode of [`Modes::Writable`].
fn writable() -> u32 {
    if rustix::process::geteuid().is_root() { 0o666 } else { 0o644 }
}

fn set_mode(path: &Path, mode: u32) -> Result<()> {
    fs::set_permissions(path, Permissions::from_mode(mode))
        .map_err(|e| Error::io("change the mode of", path, e))
}

/// One copy of a tree.
struct Copier {
    modes: Modes,
    /// Cleared at the first refusal: the answer is the same for all files of a tree.
    can_clone: bool,
    buffer: Vec<u8>,
}

impl Copier {
    fn tree(&mut self, from: &Path, to: &Path) -> Result<()> {
        // List first: a source that is missing must not leave an empty copy behind.
        let list = entries(from)?;
        fs::create_dir_all(to).map_err(|e| Error::io("create", to, e))?;
        for entry in list {
            let (from, to) = (entry.path(), to.join(entry.file_name()));
            let metadata = fs::metadata(&from).map_err(|e| Error::io("look at", &from, e))?;
            if metadata.is_dir() {
                self.tree(&from, &to)?;
            } else if metadata.is_file() {
                self.file(&from, &to, &metadata)?;
            }
        }
        let mode = match self.modes {
            Modes::Writable | Modes::ReadOnly => 0o755,
            Modes::Keep => {
                fs::metadata(from).map_err(|e| Error::io("look at", from, e))?.permissions().mode() & 0o7777
            }
        };
        set_mode(to, mode)
    }

    fn file(&mut self, from: &Path, to: &Path, metadata: &fs::Metadata) -> Result<()> {
        let source = files::open(from).map_err(|e| Error::io("read", from, e))?;
        let target = File::create(to).map_err(|e| Error::io("create", to, e))?;
        self.contents(&source, &target, metadata.len()).map_err(|e| Error::io("write", to, e))?;
        let mode = match self.modes {
            Modes::Writable => writable(),
            Modes::ReadOnly => 0o444,
            Modes::Keep => metadata.permissions().mode() & 0o7777,
        };
        target
            .set_permissions(Permissions::from_mode(mode))
            .map_err(|e| Error::io("change the mode of", to, e))
    }

    fn contents(&mut self, source: &File, target: &File, size: u64) -> io::Result<()> {
        if size == 0 {
            return Ok(());
        }
        // Small files are not worth the system calls that sharing or holes cost.
        if size > self.buffer.len() as u64 {
            if self.can_clone {
                match ioctl_ficlone(target, source) {
                    Ok(()) => return Ok(()),
                    Err(_) => self.can_clone = false,
                }
            }
            let mut at = 0;
            while let Some((start, end)) = next_data(source, at, size)? {
                self.range(source, target, start, end)?;
                at = end;
            }
            return target.set_len(size);
        }
        let wrote = self.range(source, target, 0, size)?;
        if wrote < size { target.set_len(size) } else { Ok(()) }
    }

    /// Copies a range except for pages of zeros; returns where the last written byte ends.
    fn range(&mut self, source: &File, target: &File, start: u64, end: u64) -> io::Result<u64> {
        let (mut at, mut written) = (start, start);
        while at < end {
            let want = usize::try_from(end - at).unwrap_or(usize::MAX).min(self.buffer.len());
            let got = source.read_at(&mut self.buffer[..want], at)?;
            if got == 0 {
                return Err(io::Error::new(ErrorKind::UnexpectedEof, "the source became shorter meanwhile"));
            }
            let block = &self.buffer[..got];
            let mut from = 0;
            while from < got {
                let zeros = pages(&block[from..], true);
                from += zeros;
                let data = pages(&block[from..], false);
                if data > 0 {
                    target.write_all_at(&block[from..from + data], at + from as u64)?;
                    from += data;
                    written = at + from as u64;
                }
            }
            at += got as u64;
        }
        Ok(written)
    }
}

/// The next range of a file at or after `at` that is no hole; `None` at the end of the data.
fn next_data(file: &File, at: u64, size: u64) -> io::Result<Option<(u64, u64)>> {
    match seek(file, SeekFrom::Data(at)) {
        Ok(start) => {
            let end = seek(file, SeekFrom::Hole(start))?;
            Ok((start < size).then_some((start, end.min(size))))
        }
        Err(rustix::io::Errno::NXIO) => Ok(None),
        // A file system that knows nothing of holes: everything is data.
        Err(rustix::io::Errno::INVAL | rustix::io::Errno::OPNOTSUPP) => Ok((at < size).then_some((at, size))),
        Err(e) => Err(e.into()),
    }
}

/// The length of the run of pages at the start that are all zeros, or of those that are not.
fn pages(block: &[u8], zero: bool) -> usize {
    let is_zero = |page: &&[u8]| page.iter().all(|byte| *byte == 0);
    block.chunks(PAGE).take_while(|page| is_zero(page) == zero).map(<[u8]>::len).sum()
}

/// Options with which InnoDB's files are laid out in another way, so that the bootstrapped
/// directory does not fit (runner §8.3): 137 test files of MariaDB 10.11 have one.
static OWN_BOOTSTRAP: LazyLock<Regex> = LazyLock::new(|| {
    let pattern = "--innodb[-_](?:page[-_]size|checksum[-_]algorithm|undo[-_]tablespaces\
                   |log[-_]group[-_]home[-_]dir|data[-_]home[-_]dir)|data[-_]file[-_]path|force_rebootstrap";
    RegexBuilder::new().build(pattern).expect("the pattern is a constant that the tests compile")
});

/// Whether a server with this option needs a bootstrap of its own.
fn needs_bootstrap(option: &[u8]) -> bool {
    // Matching fails only at limits that a pattern without repetition cannot reach.
    OWN_BOOTSTRAP.is_match(option).unwrap_or(false)
}

/// How a data directory was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Prepared {
    /// A copy of the bootstrapped one.
    Copied,
    /// Bootstrapped for the options of the server; `cached`: that bootstrap had been made before.
    Bootstrapped {
        /// It was taken from the cache.
        cached: bool,
    },
}

/// Gives a server that is about to start a pristine data directory and its temporary directory.
///
/// `options` is the server's option list as runner §3.3 orders it, expanded; `install_db` the
/// bootstrapped directory; `bootstrap` how that one was made. Files named by the `log-bin` and
/// `relay-log` options of the configuration are removed first.
///
/// # Errors
///
/// `install_db` is missing, a bootstrap fails, or files cannot be removed or written.
pub fn prepare(
    server: &ServerGroup,
    options: &[ServerOption],
    install_db: &Path,
    bootstrap: &Bootstrap<'_>,
) -> Result<Prepared> {
    let datadir = server.datadir();
    for log in [server.log_bin(), server.relay_log()].into_iter().flatten() {
        let log = bootstrap.layout.test_dir.join(log);
        if !is_below(&log, bootstrap.vardir) {
            continue;
        }
        if !log.as_os_str().as_encoded_bytes().ends_with_str("/") && log.exists() {
            fs::remove_file(&log).map_err(|e| Error::io("remove", &log, e))?;
        }
    }
    removal::remove(&datadir)?;
    let own: Vec<ServerOption> = options.iter().filter(|o| needs_bootstrap(&o.text)).cloned().collect();
    let prepared = if server.basedir() != bootstrap.basedir {
        let other = bootstrap.for_basedir(&server.basedir())?;
        Prepared::Bootstrapped { cached: other.install(&datadir, &[])?.cached }
    } else if !own.is_empty() {
        Prepared::Bootstrapped { cached: bootstrap.install(&datadir, &own)?.cached }
    } else {
        copy(install_db, &datadir).map_err(|e| {
            Error::new(format!("Failed to copy system db to '{}'", datadir.display())).caused_by(e)
        })?;
        Prepared::Copied
    };
    let tmpdir = server.tmpdir();
    fs::create_dir_all(&tmpdir).map_err(|e| Error::io("create", &tmpdir, e))?;
    Ok(prepared)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use std::os::unix::fs::{MetadataExt, symlink};

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().mode() & 0o7777
    }

    /// Bytes with data at the given places and zeros elsewhere.
    fn sparse(size: usize, at: &[usize]) -> Vec<u8> {
        let mut bytes = vec![0; size];
        at.iter().for_each(|at| bytes[*at] = 7);
        bytes
    }

    #[test]
    fn contents_are_the_same_whatever_is_zero() {
        let dir = tempfile::tempdir().unwrap();
        let from = dir.path().join("from");
        fs::create_dir_all(from.join("sub")).unwrap();
        let files = [
            ("empty", vec![]),
            ("small", b"abc".to_vec()),
            ("zeros", sparse(10_000, &[])),
            ("tail", sparse(5000, &[0])),
            ("page", sparse(PAGE, &[PAGE - 1])),
            ("sub/large", sparse(3_000_001, &[1_000_000, 2_999_999])),
            ("sub/ends in zeros", sparse(3_000_000, &[0, 70_000, 270_000])),
            ("sub/all zeros", sparse(1_000_000, &[])),
        ];
        for (name, bytes) in &files {
            fs::write(from.join(name), bytes).unwrap();
        }
        let hole = File::create(from.join("hole")).unwrap();
        hole.set_len(2_000_000).unwrap();
        hole.write_all_at(b"x", 1_000_000).unwrap();
        let (once, twice) = (dir.path().join("once"), dir.path().join("to/twice"));
        copy(&from, &once).unwrap();
        copy(&once, &twice).unwrap();
        for to in [&once, &twice] {
            for (name, bytes) in &files {
                assert!(fs::read(to.join(name)).unwrap() == *bytes, "{name}");
            }
            assert!(fs::read(to.join("hole")).unwrap() == fs::read(from.join("hole")).unwrap());
        }
        let large = fs::metadata(twice.join("sub/large")).unwrap();
        assert!(large.blocks() * 512 < 300_000, "{} blocks", large.blocks());
    }

    #[test]
    fn modes_are_what_was_asked_for() {
        let dir = tempfile::tempdir().unwrap();
        let from = dir.path().join("from");
        fs::create_dir_all(from.join("mtr")).unwrap();
        fs::write(from.join("mtr/t.frm"), "x").unwrap();
        fs::write(from.join("top"), "x").unwrap();
        symlink("top", from.join("link")).unwrap();
        rustix::fs::mkfifoat(rustix::fs::CWD, from.join("fifo"), rustix::fs::Mode::RWXU).unwrap();
        set_mode(&from.join("mtr/t.frm"), 0o440).unwrap();
        set_mode(&from.join("mtr"), 0o770).unwrap();
        for (modes, expected) in [
            (Modes::Writable, (writable(), 0o755)),
            (Modes::ReadOnly, (0o444, 0o755)),
            (Modes::Keep, (0o440, 0o770)),
        ] {
            let to = dir.path().join(format!("{modes:?}"));
            copy_with(&from, &to, modes).unwrap();
            assert_eq!((mode(&to.join("mtr/t.frm")), mode(&to.join("mtr"))), expected, "{modes:?}");
            assert!(to.join("link").symlink_metadata().unwrap().is_file() && !to.join("fifo").exists());
        }
        let std_data = dir.path().join("std_data");
        copy_std_data(&from, &std_data).unwrap();
        assert_eq!((mode(&std_data.join("top")), mode(&std_data.join("mtr/t.frm"))), (0o644, writable()));
        make_read_only(&std_data).unwrap();
        assert_eq!((mode(&std_data.join("top")), mode(&std_data.join("mtr/t.frm"))), (0o444, 0o444));
    }

    #[test]
    fn a_missing_source_leaves_no_copy() {
        let dir = tempfile::tempdir().unwrap();
        let to = dir.path().join("to");
        assert!(copy(&dir.path().join("from"), &to).is_err());
        assert!(!to.exists());
    }

    #[test]
    fn options_that_change_the_files_of_innodb_are_known() {
        for option in [
            "--innodb-page-size=8k",
            "--innodb_checksum_algorithm=none",
            "--innodb-undo_tablespaces=2",
            "--innodb-log-group-home-dir=x",
            "--innodb-data-home-dir=x",
            "--loose-innodb-data-file-path=ibdata1:10M",
            "--data_file_path=x",
            "--loose-force_rebootstrap",
        ] {
            assert!(needs_bootstrap(option.as_bytes()), "{option}");
        }
        // `--loose-innodb…` has no `--innodb`, so only the unanchored alternatives see it.
        for option in
            ["--innodb", "--innodb-file-per-table=1", "--loose-innodb-page-size=8k", "--force-rebootstrap"]
        {
            assert!(!needs_bootstrap(option.as_bytes()), "{option}");
        }
    }

    #[test]
    fn a_server_starts_from_a_pristine_directory() {
        use crate::config::generate::{ConfigInputs, generate};
        use crate::env::Env;
        use crate::server::bootstrap::tests::{bootstrap, fake, installation};
        use crate::tree::config_file::read_text;
        use std::sync::atomic::AtomicUsize;

        let dir = tempfile::tempdir().unwrap();
        let root = dir.path();
        let layout = installation(root);
        let (env, calls) = (Env::default(), AtomicUsize::new(0));
        let runner = fake(&calls);
        let bootstrap = bootstrap(&layout, root, &env, &runner);
        let text = b"[mysqld.1]\nlog-bin=mbin\nrelay-log=none\n";
        let template = read_text(text, Path::new("my.cnf"), root).unwrap();
        let config = generate(&ConfigInputs {
            template: &template,
            template_path: Path::new("my.cnf"),
            layout: &layout,
            vardir: root,
            tmpdir: &root.join("tmp"),
            first_port: 1,
            user: "root",
            optional_plugins: &[],
            env: &env,
        })
        .unwrap();
        let server = &config.servers()[0];
        let install_db = root.join("install.db");
        let start = |options: &[&str]| {
            prepare(server, &crate::triage::testing::argv(options), &install_db, &bootstrap)
        };
        let error = start(&[]).unwrap_err();
        assert!(error.message().starts_with("Failed to copy system db to '"), "{error}");
        super::super::bootstrap::install_db(&bootstrap, &install_db).unwrap();
        fs::create_dir_all(server.datadir()).unwrap();
        fs::write(server.datadir().join("left over"), "").unwrap();
        fs::write(layout.test_dir.join("mbin"), "").unwrap();
        assert_eq!(start(&["--innodb"]).unwrap(), Prepared::Copied);
        assert!(!server.datadir().join("left over").exists() && !layout.test_dir.join("mbin").exists());
        assert_eq!(mode(&server.datadir().join("mysql/t.frm")), writable());
        assert!(server.tmpdir().is_dir());
        let own = ["--innodb", "--innodb-page-size=4k"];
        assert_eq!(start(&own).unwrap(), Prepared::Bootstrapped { cached: false });
        assert_eq!(fs::read(server.datadir().join("mysql/t.frm")).unwrap(), b"1");
        assert_eq!(start(&own).unwrap(), Prepared::Bootstrapped { cached: true });
        let log = fs::read_to_string(root.join("log/bootstrap.log")).unwrap();
        assert!(log.ends_with("charsets --innodb-page-size=4k\n"), "{log}");
    }
}
