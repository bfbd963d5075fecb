//! The program file of a server.

use std::fs;
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use bstr::{BStr, BString, ByteSlice};

use crate::sys::files;
use crate::triage::evidence::{Evidence, ProgramFile};

/// So much of a program is looked at: its ELF and program headers, or the line that names its interpreter.
const HEAD: u64 = 4096;

/// Looks at the file and its interpreter.
pub fn add(evidence: &mut Evidence) {
    evidence.program_file = Some(program(&evidence.program));
}

/// What the file at `path` is.
fn program(path: &Path) -> ProgramFile {
    let Ok(meta) = fs::metadata(path) else { return ProgramFile::default() };
    let mut file = ProgramFile {
        exists: true,
        directory: meta.is_dir(),
        mode: meta.mode() & 0o7777,
        ..ProgramFile::default()
    };
    if meta.is_file() {
        let mut head = Vec::new();
        // What cannot be read stays empty: the mode tells of it.
        let _ = files::open(path).and_then(|file| file.take(HEAD).read_to_end(&mut head));
        file.head = BString::from(head);
        file.interpreter = interpreter(file.head.as_bstr());
        file.interpreter_missing = file.interpreter.as_ref().is_some_and(|path| !path.exists());
    }
    file
}

/// What the system runs to run the file that begins so.
fn interpreter(head: &BStr) -> Option<PathBuf> {
    if let Some(line) = head.strip_prefix(b"#!") {
        let word = line.lines().next()?.fields().next()?;
        return word.to_path().ok().map(PathBuf::from);
    }
    if !head.starts_with(b"\x7fELF") {
        return None;
    }
    // The header and program headers of the ELF specification, in both sizes and byte orders.
    let wide = head.get(4) == Some(&2);
    let little = head.get(5) != Some(&2);
    let number = |at: usize, size: usize| -> Option<usize> {
        let bytes = head.get(at..at.checked_add(size)?)?;
        let join = |sum: u64, byte: &u8| sum << 8 | u64::from(*byte);
        let value = if little { bytes.iter().rev().fold(0, join) } else { bytes.iter().fold(0, join) };
        usize::try_from(value).ok()
    };
    let (table, entry, count) = match wide {
        true => (number(32, 8)?, number(54, 2)?, number(56, 2)?),
        false => (number(28, 4)?, number(42, 2)?, number(44, 2)?),
    };
    const PT_INTERP: usize = 3;
    let headers = (0..count).filter_map(|i| table.checked_add(i.checked_mul(entry)?));
    let at = headers.into_iter().find(|at| number(*at, 4) == Some(PT_INTERP))?;
    let (offset, size) = match wide {
        true => (number(at.checked_add(8)?, 8)?, number(at.checked_add(32)?, 8)?),
        false => (number(at.checked_add(4)?, 4)?, number(at.checked_add(16)?, 4)?),
    };
    let name = head.get(offset..offset.checked_add(size)?)?;
    let name = name.split(|byte| *byte == 0).next()?;
    name.to_path().ok().map(PathBuf::from)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn programs_and_their_interpreters() {
        let own = program(&std::env::current_exe().unwrap());
        assert!(own.exists && own.mode & 0o100 != 0 && own.head.starts_with(b"\x7fELF"));
        assert!(own.interpreter.unwrap().to_string_lossy().contains("ld-"));
        assert!(!own.interpreter_missing);
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x");
        fs::write(&path, "#! /no/such/interpreter -x\n").unwrap();
        let script = program(&path);
        assert_eq!(script.interpreter.unwrap(), Path::new("/no/such/interpreter"));
        assert!(script.interpreter_missing);
        assert_eq!(interpreter(b"\x7fELF\x02\x01cut short".as_bstr()), None);
        assert!(program(dir.path()).directory);
        assert!(!program(&dir.path().join("none")).exists);
    }
}
