//! What an ELF file is: machine, libraries, symbols. Only the parts that are asked for are read: of a server of 25 MB
//! its headers, its dynamic section and its dynamic symbols.

use std::path::{Path, PathBuf};

use bstr::{BString, ByteSlice};
use object::elf;
use object::read::elf::{Dyn as _, FileHeader, SectionHeader as _, SectionTable, Sym as _};
use object::{Endianness, FileKind};

use crate::triage::collect::parts::{Names, Parts};
use crate::triage::evidence::{ElfFacts, Evidence};

/// The most directories of `DT_RUNPATH` that are kept.
const MOST_DIRS: usize = 100;

/// The longest `DT_RUNPATH`, in bytes; `$ORIGIN` in it makes it longer.
const LONGEST_PATHS: usize = 4096;

/// Reads the program of the server.
pub fn add(evidence: &mut Evidence) {
    evidence.elf = facts(&evidence.program);
}

/// Everything of the file at `path`; `None` where it cannot be read or is no ELF file.
pub fn facts(path: &Path) -> Option<ElfFacts> {
    of(&Parts::of_file(path).ok()?, path)
}

/// Everything of a file that is at `path`.
pub fn of(file: &Parts, path: &Path) -> Option<ElfFacts> {
    match FileKind::parse(file).ok()? {
        FileKind::Elf32 => read::<elf::FileHeader32<Endianness>>(file, path),
        FileKind::Elf64 => read::<elf::FileHeader64<Endianness>>(file, path),
        _ => None,
    }
}

fn read<Elf: FileHeader<Endian = Endianness>>(file: &Parts, path: &Path) -> Option<ElfFacts> {
    let header = Elf::parse(file).ok()?;
    let endian = header.endian().ok()?;
    let mut facts = ElfFacts {
        machine: machine(header.e_machine(endian)),
        bits: if header.is_class_64() { 64 } else { 32 },
        loadable: header.e_type(endian) == elf::ET_DYN,
        ..ElfFacts::default()
    };
    // A file without sections, or one that was cut: what its header says is true all the same.
    if let Ok(sections) = header.sections(endian, file) {
        libraries::<Elf>(file, endian, &sections, path, &mut facts);
        symbols::<Elf>(file, endian, &sections, &mut facts);
    }
    facts.sanitizers = SANITIZERS
        .iter()
        .filter(|(_, library, symbol)| {
            facts.needed.iter().any(|needed| needed.starts_with(library.as_bytes()))
                || facts.exported.binary_search(&BString::from(*symbol)).is_ok()
        })
        .map(|(name, _, _)| *name)
        .collect();
    Some(facts)
}

/// Runtimes: name, beginning of the library's name, a function that a program exports that has it linked in.
const SANITIZERS: [(&str, &str, &str); 5] = [
    ("asan", "libasan.so", "__asan_init"),
    ("lsan", "liblsan.so", "__lsan_init"),
    ("msan", "libmsan.so", "__msan_init"),
    ("tsan", "libtsan.so", "__tsan_init"),
    ("ubsan", "libubsan.so", "__ubsan_handle_type_mismatch_v1"),
];

/// As `uname -m` spells it.
fn machine(number: elf::Machine) -> String {
    let name = match number {
        elf::EM_X86_64 => "x86_64",
        elf::EM_AARCH64 => "aarch64",
        elf::EM_386 => "i686",
        elf::EM_ARM => "arm",
        elf::EM_PPC64 => "ppc64",
        elf::EM_PPC => "ppc",
        elf::EM_S390 => "s390x",
        elf::EM_RISCV => "riscv64",
        elf::EM_LOONGARCH => "loongarch64",
        elf::EM_MIPS => "mips",
        elf::EM_SPARCV9 => "sparc64",
        elf::Machine(other) => return format!("machine {other}"),
    };
    name.to_owned()
}

fn libraries<'data, Elf: FileHeader<Endian = Endianness>>(
    file: &'data Parts,
    endian: Endianness,
    sections: &SectionTable<'data, Elf, &'data Parts>,
    path: &Path,
    facts: &mut ElfFacts,
) {
    let Ok(Some((entries, link))) = sections.dynamic(endian, file) else { return };
    let Some(strings) = whole_strings::<Elf>(file, endian, sections, link.0) else { return };
    let origin = path.parent().unwrap_or(Path::new("."));
    for entry in entries {
        let tag = entry.tag(endian);
        let text = || strings.get(u32::try_from(entry.val(endian)).unwrap_or(u32::MAX)).unwrap_or_default();
        if tag == elf::DT_NEEDED {
            facts.needed.push(text().into());
        } else if (tag == elf::DT_RUNPATH || tag == elf::DT_RPATH) && text().len() <= LONGEST_PATHS {
            let room = MOST_DIRS.saturating_sub(facts.runpath.len());
            facts.runpath.extend(text().split_str(":").map(|dir| expanded(dir, origin)).take(room));
        }
    }
}

/// A directory of `DT_RUNPATH` with `$ORIGIN` replaced.
fn expanded(dir: &[u8], origin: &Path) -> PathBuf {
    let origin = origin.as_os_str().as_encoded_bytes();
    let dir = dir.replace("${ORIGIN}", origin).replace("$ORIGIN", origin);
    PathBuf::from(dir.to_os_str_lossy().into_owned())
}

fn symbols<'data, Elf: FileHeader<Endian = Endianness>>(
    file: &'data Parts,
    endian: Endianness,
    sections: &SectionTable<'data, Elf, &'data Parts>,
    facts: &mut ElfFacts,
) {
    let found = sections.iter().find(|section| section.sh_type(endian) == elf::SHT_DYNSYM);
    let Some(section) = found else { return };
    let Ok(all) = section.data_as_array::<Elf::Sym, _>(endian, file) else { return };
    let Some(strings) = whole_strings::<Elf>(file, endian, sections, section.link(endian).0) else { return };
    for symbol in all {
        let Some(name) = strings.get(symbol.st_name(endian)) else { continue };
        if name.is_empty() || symbol.st_bind() == elf::STB_LOCAL {
            continue;
        }
        if symbol.is_undefined(endian) {
            if symbol.st_bind() != elf::STB_WEAK {
                facts.undefined.push(name.into());
            }
        } else {
            facts.exported.push(name.into());
        }
    }
    facts.exported.sort_unstable();
    facts.exported.dedup();
}

/// The strings of a section, read at once: one by one, they would each be a read of the file.
pub(super) fn whole_strings<'data, Elf: FileHeader<Endian = Endianness>>(
    file: &'data Parts,
    endian: Endianness,
    sections: &SectionTable<'data, Elf, &'data Parts>,
    section: usize,
) -> Option<Names<'data>> {
    let section = sections.section(object::SectionIndex(section)).ok()?;
    Some(Names::new(section.data(endian, file).ok()?))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn our_own_program_is_an_elf_file() {
        let facts = facts(&std::env::current_exe().unwrap()).unwrap();
        assert_eq!(facts.machine, rustix::system::uname().machine().to_str().unwrap());
        assert_eq!(u32::from(facts.bits), usize::BITS);
        assert!(facts.loadable);
        assert!(facts.needed.iter().any(|library| library.starts_with(b"libc.so")), "{:?}", facts.needed);
        assert!(facts.undefined.iter().any(|symbol| symbol == "write"), "{:?}", facts.undefined);
        assert!(facts.sanitizers.is_empty());
    }

    #[test]
    fn what_is_no_elf_file_has_no_facts() {
        let temp = tempfile::tempdir().unwrap();
        let path = temp.path().join("x");
        for text in [&b""[..], b"hello", b"\x7fELF", b"\x7fELF\x02\x01\x01"] {
            std::fs::write(&path, text).unwrap();
            assert_eq!(facts(&path), None);
        }
        assert_eq!(facts(&temp.path().join("none")), None);
    }

    #[test]
    fn the_origin_of_a_library_is_its_directory() {
        assert_eq!(expanded(b"$ORIGIN/../lib", Path::new("/a/b")), Path::new("/a/b/../lib"));
        assert_eq!(expanded(b"${ORIGIN}", Path::new("/a/b")), Path::new("/a/b"));
    }
}
