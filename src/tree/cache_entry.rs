//! Entries of the cache: what their names are made of, and that what is read is what was written.
//!
//! An entry is named by a hash of all that its contents depend on, so that what has changed is asked anew.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, SystemTime};

use bstr::ByteSlice as _;
use object::read::elf::{FileHeader, ProgramHeader as _};
use object::{Endianness, FileKind, ReadRef, elf};
use sha2::{Digest as _, Sha256};

use crate::env::Env;
use crate::sys::bounded;
use crate::sys::files;
use crate::sys::removal;
use crate::sys::replacement::{UNFINISHED, replace};

/// The name of an entry, as it is collected.
#[derive(Clone)]
pub struct CacheKey(Sha256);

impl CacheKey {
    /// A key of entries of the kind and format `format`, of this user on this host.
    pub fn new(format: &[u8]) -> Self {
        let mut key = CacheKey(Sha256::new());
        key.add(format);
        key.add(&rustix::process::geteuid().as_raw().to_le_bytes());
        key.add(rustix::system::uname().nodename().to_bytes());
        key
    }

    /// Adds a part; its length goes in too, so that parts cannot run into each other.
    pub fn add(&mut self, part: &[u8]) {
        self.0.update((part.len() as u64).to_le_bytes());
        self.0.update(part);
    }

    /// Adds which file `path` is and when it changed; one that is not there is a part of the key as well.
    pub fn add_file(&mut self, path: &Path) {
        let real = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        self.add(real.as_os_str().as_bytes());
        let Ok(facts) = fs::metadata(&real) else { return self.add(b"missing") };
        let place = (facts.dev(), facts.ino(), facts.size());
        let times = (facts.mtime(), facts.mtime_nsec(), facts.ctime(), facts.ctime_nsec());
        self.add(format!("{place:?} {times:?}").as_bytes());
    }

    /// Adds the files in the directory `dir`, not those below it.
    pub fn add_files_in(&mut self, dir: &Path) {
        let entries = fs::read_dir(dir).into_iter().flatten().flatten();
        let mut files: Vec<_> = entries.map(|entry| entry.path()).filter(|path| path.is_file()).collect();
        files.sort();
        self.add(dir.as_os_str().as_bytes());
        files.iter().for_each(|file| self.add_file(file));
    }

    /// Adds a program and the shared libraries that it would be started with in `env`. False for anything but a binary:
    /// what a script runs is not seen from its file, so what it answers must not be kept.
    pub fn add_program(&mut self, program: &Path, env: &Env) -> bool {
        self.add_file(program);
        let Some(dynamic) = is_dynamic(program) else { return false };
        if dynamic {
            // The dynamic linker lists what it would load, and does not start the program; where it does not know the
            // variable, the program prints its help.
            let mut command = Command::new(program);
            command
                .args(["--no-defaults", "--help"])
                .env_clear()
                .envs(env.iter())
                .env("LD_TRACE_LOADED_OBJECTS", "1")
                .stdin(Stdio::null());
            let Ok(list) = bounded::output(&mut command, bounded::PATIENCE) else { return false };
            libraries(&list.stdout).for_each(|library| self.add_file(library));
        }
        true
    }

    /// Adds the variables `names` of `env`; one that is not set differs from an empty one.
    pub fn add_variables(&mut self, env: &Env, names: &[&str]) {
        for name in names {
            self.add(env.get(name).map_or(b"unset".as_slice(), OsStrExt::as_bytes));
            self.add(&[u8::from(env.get(name).is_some())]);
        }
    }

    /// 64 hexadecimal digits.
    pub fn hex(&self) -> String {
        hex(&self.0.clone().finalize())
    }
}

/// The hash of `bytes` in 64 hexadecimal digits.
pub fn hash_of(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

fn hex(digest: &[u8]) -> String {
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Whether the binary `program` is loaded by the dynamic linker; `None` if it is no ELF file.
fn is_dynamic(program: &Path) -> Option<bool> {
    // Header and program headers are at the front of what a linker writes.
    let mut front = Vec::new();
    files::open(program).ok()?.take(64 << 10).read_to_end(&mut front).ok()?;
    let front = front.as_slice();
    match FileKind::parse(front).ok()? {
        FileKind::Elf32 => has_interpreter::<elf::FileHeader32<Endianness>, _>(front),
        FileKind::Elf64 => has_interpreter::<elf::FileHeader64<Endianness>, _>(front),
        _ => None,
    }
}

fn has_interpreter<'a, H: FileHeader<Endian = Endianness>, R: ReadRef<'a>>(data: R) -> Option<bool> {
    let header = H::parse(data).ok()?;
    let endian = header.endian().ok()?;
    let segments = header.program_headers(endian, data).ok()?;
    Some(segments.iter().any(|segment| segment.p_type(endian) == elf::PT_INTERP))
}

/// The files that a dynamic linker's list names: `libz.so.1 => /lib/libz.so.1 (0x…)`, `/lib64/ld-linux.so.2 (0x…)`.
fn libraries(list: &[u8]) -> impl Iterator<Item = &Path> {
    list.lines().filter_map(|line| {
        let line = line.trim();
        let file = line.split_once_str(" => ").map_or(line, |(_, file)| file);
        let end = file.rfind(" (0x")?;
        file.starts_with(b"/").then(|| Path::new(std::ffi::OsStr::from_bytes(&file[..end])))
    })
}

/// Writes `bytes` to the entry `path`, with their hash.
///
/// # Errors
/// The entry cannot be written.
pub fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut text = hash_of(bytes).into_bytes();
    text.push(b'\n');
    text.extend_from_slice(bytes);
    path.parent().map_or(Ok(()), fs::create_dir_all)?;
    replace(path, &text)
}

/// What was written to the entry `path`; `None` if it is not there, or is not what was written.
pub fn read(path: &Path) -> Option<Vec<u8>> {
    let mut text = files::read(path, files::MOST_OF_TEXT).ok()?;
    let end = text.find_byte(b'\n')?;
    let hash = text.drain(..=end).take(end).collect::<Vec<u8>>();
    if hash_of(&text).as_bytes() != hash {
        return None;
    }
    // Only the order in which entries are dropped depends on it.
    let _ = File::options().append(true).open(path).and_then(|file| file.set_modified(SystemTime::now()));
    Some(text)
}

/// An unfinished entry that is this old was left by a run that was killed.
const ABANDONED: Duration = Duration::from_secs(3600);

/// Removes the entries of `dir` whose names begin with `prefix` and that nobody has used for `unused`, but the `kept` ones
/// used last; and what killed runs have left of entries. What cannot be removed is left to the next time.
pub fn prune(dir: &Path, prefix: &str, kept: usize, unused: Duration) {
    let old = |path: &Path, age: Duration| {
        let modified = fs::symlink_metadata(path).and_then(|facts| facts.modified());
        modified.is_ok_and(|time| time.elapsed().is_ok_and(|elapsed| elapsed >= age))
    };
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        let abandoned = entry.file_name().as_encoded_bytes().starts_with(UNFINISHED.as_bytes());
        if abandoned && old(&entry.path(), ABANDONED) {
            let _ = removal::remove(&entry.path());
        }
    }
    let mut entries: Vec<_> = fs::read_dir(dir)
        .into_iter()
        .flatten()
        .flatten()
        .filter(|entry| entry.file_name().as_encoded_bytes().starts_with(prefix.as_bytes()))
        .filter_map(|entry| Some((entry.metadata().ok()?.modified().ok()?, entry.path())))
        .collect();
    entries.sort();
    let surplus = entries.len().saturating_sub(kept);
    for (_, path) in entries.drain(..surplus).filter(|(_, path)| old(path, unused)) {
        let _ = removal::remove(&path);
    }
}

/// Notes that an entry that is a directory is used. Only the order in which entries are dropped depends on it.
pub fn note_use(dir: &Path) {
    let now = fs::FileTimes::new().set_modified(SystemTime::now());
    let _ = files::open_directory(dir).and_then(|dir| dir.set_times(now));
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn key(add: impl Fn(&mut CacheKey)) -> String {
        let mut key = CacheKey::new(b"test");
        add(&mut key);
        key.hex()
    }

    #[test]
    fn an_entry_that_was_cut_or_changed_is_not_believed() {
        let temp = tempfile::tempdir().unwrap();
        let entry = temp.path().join("entry");
        write(&entry, b"line\nline\n").unwrap();
        assert_eq!(read(&entry).unwrap(), b"line\nline\n");
        let whole = fs::read(&entry).unwrap();
        for length in 0..whole.len() {
            fs::write(&entry, &whole[..length]).unwrap();
            assert_eq!(read(&entry), None, "cut to {length} bytes");
        }
        for at in 0..whole.len() {
            let mut changed = whole.clone();
            changed[at] ^= 1;
            fs::write(&entry, changed).unwrap();
            assert_eq!(read(&entry), None, "byte {at} changed");
        }
    }

    #[test]
    fn the_key_follows_a_file() {
        let temp = tempfile::tempdir().unwrap();
        let file = temp.path().join("file");
        let now = || key(|key| key.add_file(&file));
        let missing = now();
        fs::write(&file, "1").unwrap();
        let first = now();
        let later = SystemTime::now() + Duration::from_secs(5);
        File::options().append(true).open(&file).unwrap().set_modified(later).unwrap();
        let touched = now();
        assert!(missing != first && first != touched);
        assert_eq!(touched, now());
    }

    #[test]
    fn the_key_follows_the_files_of_a_directory() {
        let temp = tempfile::tempdir().unwrap();
        let now = || key(|key| key.add_files_in(temp.path()));
        let empty = now();
        fs::write(temp.path().join("latin1.xml"), "").unwrap();
        assert_ne!(empty, now());
    }

    #[test]
    fn what_a_script_runs_is_not_known() {
        let temp = tempfile::tempdir().unwrap();
        let script = temp.path().join("mariadbd");
        fs::write(&script, "#!/bin/sh\nexec mariadbd \"$@\"\n").unwrap();
        assert!(!CacheKey::new(b"test").add_program(&script, &Env::default()));
    }

    #[test]
    fn libraries_belong_to_a_program() {
        let list = b"\tlinux-vdso.so.1 (0x00007ffc)\n\tlibz.so.1 => /a b/libz.so.1 (0x00007f)\n\
                     \tlibgone.so => not found\n\t/lib64/ld-linux-x86-64.so.2 (0x00007f)\n";
        let files: Vec<&Path> = libraries(list).collect();
        assert_eq!(files, [Path::new("/a b/libz.so.1"), Path::new("/lib64/ld-linux-x86-64.so.2")]);

        // This program is dynamic, and its libraries are found where LD_LIBRARY_PATH says.
        let program = std::env::current_exe().unwrap();
        let name = |env: &Env| key(|key| assert!(key.add_program(&program, env)));
        let temp = tempfile::tempdir().unwrap();
        let traced = Command::new(&program).env("LD_TRACE_LOADED_OBJECTS", "1").output().unwrap();
        let libc = libraries(&traced.stdout).find(|file| file.ends_with("libc.so.6")).unwrap();
        fs::copy(libc, temp.path().join("libc.so.6")).unwrap();
        let mut other = Env::default();
        other.set("LD_LIBRARY_PATH", temp.path());
        assert_ne!(name(&Env::default()), name(&other));
    }

    #[test]
    fn the_entries_used_last_are_kept() {
        let temp = tempfile::tempdir().unwrap();
        for number in 0..5 {
            let file = temp.path().join(format!("probe-{number}"));
            fs::write(&file, "").unwrap();
            let time = SystemTime::UNIX_EPOCH + Duration::from_secs(number);
            File::options().append(true).open(file).unwrap().set_modified(time).unwrap();
        }
        fs::write(temp.path().join("other"), "").unwrap();
        prune(temp.path(), "probe-", 2, Duration::ZERO);
        let mut left: Vec<_> =
            fs::read_dir(temp.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        left.sort();
        assert_eq!(left, ["other", "probe-3", "probe-4"]);
    }
}
