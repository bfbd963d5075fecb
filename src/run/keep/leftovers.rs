//! Files that programs leave beside the tests: warnings of the script engine, and core files in the
//! test directory (runner §3, §6.4).

use std::fs::File;
use std::io::Read as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use crate::case::TestCase;
use crate::event::{Event, TestId, WarningKind};
use crate::sys::files;

/// The file in which the script engine leaves warnings about the script: `t.warnings` beside `t.result`.
pub fn warnings_file(case: &TestCase) -> Option<PathBuf> {
    let path = case.result.as_ref()?.base.with_extension("warnings");
    path.is_file().then_some(path)
}

/// Core files that crashed clients left in the test directory, which is their current one, in order of their names.
pub fn cores_in(test_dir: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(test_dir).into_iter().flatten().flatten();
    let mut cores: Vec<PathBuf> = entries.map(|entry| entry.path()).filter(|path| is_core(path)).collect();
    cores.sort();
    cores
}

/// Moves such a core file to what is kept of the failure.
pub fn move_core(core: &Path, to: &Path, id: Option<&TestId>, events: &mut Vec<Event>) {
    let name = core.file_name().unwrap_or_default();
    events.push(Event::CoreMoved { id: id.cloned(), core: core.to_owned(), to: to.to_owned() });
    // Across file systems a rename is impossible.
    let place = to.join(name);
    let moved = std::fs::rename(core, &place)
        .or_else(|_| files::copy(core, &place).and_then(|()| std::fs::remove_file(core)));
    if let Err(error) = moved {
        let text = format!("cannot move {}: {error}", core.display());
        events.push(Event::Warning {
            worker: None,
            id: id.cloned(),
            kind: WarningKind::Keeping,
            text: text.into(),
        });
    }
}

/// A plain file named `core…` or `….dmp` that is one: the directory is the user's, and so may be a file of such a name.
fn is_core(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().as_encoded_bytes();
    let named = name.starts_with(b"core") || name.ends_with(b".dmp");
    // A test directory may have a suite called `core`.
    named && path.symlink_metadata().is_ok_and(|meta| meta.is_file()) && has_core(path).unwrap_or(false)
}

/// Whether a file begins like a core file of the kernel's (ELF of type `ET_CORE`), or like a minidump.
fn has_core(path: &Path) -> std::io::Result<bool> {
    let mut head = [0; 18];
    let mut file = File::options().read(true).custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK).open(path)?;
    file.read_exact(&mut head)?;
    // The type is the first number behind the 16 bytes of identification, in the byte order of the machine.
    let elf = head.starts_with(b"\x7fELF") && (head[16..18] == [4, 0] || head[16..18] == [0, 4]);
    Ok(elf || head.starts_with(b"MDMP"))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn cores_are_moved_and_nothing_else() {
        let root = tempfile::tempdir().unwrap();
        let (from, to) = (root.path().join("tests"), root.path().join("saved"));
        for dir in [&from, &to, &from.join("core_suite")] {
            std::fs::create_dir_all(dir).unwrap();
        }
        let core = b"\x7fELF............\x04\x00";
        let files = [("core.12", &core[..]), ("x.dmp", b"MDMP..............."), ("mtr", core)];
        let own = [
            ("core-ideas.txt", &b"ideas of the user's"[..]),
            ("table.dmp", b"a dump of a table, in SQL"),
            ("core", b""),
        ];
        for (name, text) in files.into_iter().chain(own) {
            std::fs::write(from.join(name), text).unwrap();
        }
        let mut events = Vec::new();
        for core in cores_in(&from) {
            move_core(&core, &to, None, &mut events);
        }
        assert_eq!(events.len(), 2);
        let names = |dir: &Path| {
            let mut names: Vec<_> = std::fs::read_dir(dir)
                .unwrap()
                .map(|e| e.unwrap().file_name().into_string().unwrap())
                .collect();
            names.sort();
            names
        };
        assert_eq!(names(&from), ["core", "core-ideas.txt", "core_suite", "mtr", "table.dmp"]);
        assert_eq!(names(&to), ["core.12", "x.dmp"]);
    }
}
