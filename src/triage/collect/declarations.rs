//! The plugins that a library or a server declares, read from its data without running anything of it.
//!
//! A library has an array of structures under the name `_maria_plugin_declarations_` (or `_mysql_…`), a server has two
//! arrays of pointers to such arrays. The pointers in them are made by the loader: they are taken from the
//! relocations.

use std::cell::Cell;
use std::path::Path;

use bstr::BString;
use object::elf;
use object::read::ReadRef as _;
use object::read::elf::{
    FileHeader, ProgramHeader as _, Rel as _, Rela as _, SectionHeader as _, SectionTable, Sym as _,
};
use object::{Endian as _, Endianness, FileKind};

use crate::triage::collect::elf::whole_strings;
use crate::triage::collect::parts::Parts;
use crate::triage::evidence::{Declared, DeclaredPlugin};

/// No library has more plugins, and no plugin more variables.
const MANY: u64 = 1000;

/// No file has more segments, nor more pointers that lead to plugins and variables.
const MANY_SEGMENTS: usize = 1000;
const MANY_POINTERS: u32 = 100_000;

/// Longer names are garbage.
const LONG: u64 = 256;

/// What the plugin library at `path` declares; `None` where it declares nothing.
pub fn of_library(path: &Path) -> Option<Declared> {
    library_of(&Parts::of_file(path).ok()?)
}

/// What the plugin library `file` declares.
pub fn library_of(file: &Parts) -> Option<Declared> {
    image(file)?.library()
}

/// What is built into the server at `path`; `None` where its file does not tell.
pub fn built_in(path: &Path) -> Option<Declared> {
    server_of(&Parts::of_file(path).ok()?)
}

/// What is built into the server `file`.
pub fn server_of(file: &Parts) -> Option<Declared> {
    image(file)?.server()
}

fn image(file: &Parts) -> Option<Image<'_>> {
    match FileKind::parse(file).ok()? {
        FileKind::Elf32 => load::<elf::FileHeader32<Endianness>>(file),
        FileKind::Elf64 => load::<elf::FileHeader64<Endianness>>(file),
        _ => None,
    }
}

/// A part of the file at its address in memory.
struct Segment {
    address: u64,
    offset: u64,
    size: u64,
}

/// A file as it would be in memory.
struct Image<'data> {
    file: &'data Parts,
    endian: Endianness,
    /// Bytes of an address.
    word: u64,
    segments: Vec<Segment>,
    /// Names and addresses of what the file gives to others.
    symbols: Vec<(&'data [u8], u64)>,
    /// Addresses of pointers, and what the loader puts there; sorted.
    pointers: Vec<(u64, u64)>,
    /// How many more pointers are followed.
    left: Cell<u32>,
}

fn load<Elf: FileHeader<Endian = Endianness>>(file: &Parts) -> Option<Image<'_>> {
    let header = Elf::parse(file).ok()?;
    let endian = header.endian().ok()?;
    let loaded = header.program_headers(endian, file).ok()?.iter();
    let segments = loaded.filter(|segment| segment.p_type(endian) == elf::PT_LOAD).map(|segment| Segment {
        address: segment.p_vaddr(endian).into(),
        offset: segment.p_offset(endian).into(),
        size: segment.p_filesz(endian).into(),
    });
    let sections = header.sections(endian, file).ok()?;
    let mut image = Image {
        file,
        endian,
        word: if header.is_class_64() { 8 } else { 4 },
        segments: segments.take(MANY_SEGMENTS).collect(),
        symbols: Vec::new(),
        pointers: Vec::new(),
        left: Cell::new(MANY_POINTERS),
    };
    let dynamic = sections.iter().find(|section| section.sh_type(endian) == elf::SHT_DYNSYM)?;
    let symbols = dynamic.data_as_array::<Elf::Sym, _>(endian, file).ok()?;
    let strings = whole_strings::<Elf>(file, endian, &sections, dynamic.link(endian).0)?;
    let defined = symbols.iter().filter(|symbol| !symbol.is_undefined(endian));
    let named = defined.filter_map(|s| Some((strings.get(s.st_name(endian))?, s.st_value(endian).into())));
    image.symbols = named.filter(|(name, _)| interesting(name)).collect();
    let address = |index: usize| symbols.get(index).map_or(0, |symbol| symbol.st_value(endian).into());
    image.pointers = relocations::<Elf>(&image, header.is_mips64el(endian), &sections, &address);
    Some(image)
}

/// Names that lead to plugins.
fn interesting(name: &[u8]) -> bool {
    let beginnings: [&[u8]; 5] =
        [b"_maria_", b"_mysql_", b"builtin_maria_", b"mysql_mandatory_plugins", b"mysql_optional_plugins"];
    beginnings.iter().any(|beginning| name.starts_with(beginning))
}

/// Where the loader writes which address. Those of other kinds than a plain pointer have places of their own, which
/// nobody looks at here.
fn relocations<'data, Elf: FileHeader<Endian = Endianness>>(
    image: &Image<'data>,
    mips: bool,
    sections: &SectionTable<'data, Elf, &'data Parts>,
    address: &dyn Fn(usize) -> u64,
) -> Vec<(u64, u64)> {
    let (endian, file) = (image.endian, image.file);
    let mut pointers = Vec::new();
    for section in sections.iter() {
        if let Ok(Some((entries, _))) = section.rela(endian, file) {
            for entry in entries {
                let addend: i64 = entry.r_addend(endian).into();
                let symbol = entry.r_sym(endian, mips) as usize;
                let base = if symbol == 0 { 0 } else { address(symbol) };
                pointers.push((entry.r_offset(endian).into(), base.wrapping_add_signed(addend)));
            }
        }
        if let Ok(Some((entries, _))) = section.rel(endian, file) {
            for entry in entries {
                let (at, symbol) = (entry.r_offset(endian).into(), entry.r_sym(endian) as usize);
                if symbol != 0 {
                    pointers.push((at, address(symbol).wrapping_add(image.stored(at).unwrap_or(0))));
                }
            }
        }
    }
    pointers.sort_unstable();
    pointers
}

impl<'data> Image<'data> {
    fn symbol(&self, wanted: &[u8]) -> Option<u64> {
        self.symbols.iter().find(|(name, _)| *name == wanted).map(|(_, address)| *address)
    }

    fn offset(&self, address: u64) -> Option<u64> {
        let inside = |segment: &&Segment| {
            address.checked_sub(segment.address).is_some_and(|distance| distance < segment.size)
        };
        let segment = self.segments.iter().find(inside)?;
        segment.offset.checked_add(address - segment.address)
    }

    /// The 32-bit number at `address`.
    fn number(&self, address: u64) -> Option<u32> {
        let bytes = self.file.read_bytes_at(self.offset(address)?, 4).ok()?;
        Some(self.endian.read_u32(bytes.try_into().ok()?))
    }

    /// The pointer at `address` as the file has it.
    fn stored(&self, address: u64) -> Option<u64> {
        if self.word == 4 {
            return self.number(address).map(u64::from);
        }
        let bytes = self.file.read_bytes_at(self.offset(address)?, 8).ok()?;
        Some(self.endian.read_u64(bytes.try_into().ok()?))
    }

    /// The pointer at `address` as it will be in memory; `None` for a null pointer, and after too many.
    fn pointer(&self, address: u64) -> Option<u64> {
        self.left.set(self.left.get().checked_sub(1)?);
        let relocated = self.pointers.binary_search_by_key(&address, |(at, _)| *at);
        let value = match relocated {
            Ok(at) => self.pointers[at].1,
            Err(_) => self.stored(address)?,
        };
        (value != 0).then_some(value)
    }

    fn text(&self, address: u64) -> Option<BString> {
        let at = self.offset(address)?;
        let end = at.checked_add(LONG)?.min(self.file.len().ok()?);
        self.file.read_bytes_at_until(at..end, 0).ok().map(Into::into)
    }

    fn library(&self) -> Option<Declared> {
        let kinds = [(true, "_maria"), (false, "_mysql")];
        let (maria, prefix, at) = kinds.iter().find_map(|&(maria, prefix)| {
            Some((maria, prefix, self.symbol(format!("{prefix}_plugin_declarations_").as_bytes())?))
        })?;
        let number = |name: &str| self.number(self.symbol(format!("{prefix}_{name}").as_bytes())?);
        let stride = number("sizeof_struct_st_plugin_").map_or(self.word * 13, u64::from);
        let interface = number("plugin_interface_version_").unwrap_or_default();
        Some(Declared { maria, interface, plugins: self.declarations(at, stride, maria) })
    }

    fn server(&self) -> Option<Declared> {
        let lists = [&b"mysql_mandatory_plugins"[..], b"mysql_optional_plugins"];
        let mut plugins = Vec::new();
        for list in lists {
            let start = self.symbol(list)?;
            let arrays = (0..MANY).map_while(|i| self.pointer(start.checked_add(i * self.word)?));
            plugins.extend(arrays.flat_map(|array| self.declarations(array, self.word * 13, true)));
        }
        let version = |(name, _): &&(&[u8], u64)| {
            name.starts_with(b"builtin_maria_") && name.ends_with(b"_interface_version")
        };
        let interface = self.symbols.iter().find(version).and_then(|(_, address)| self.number(*address));
        Some(Declared { maria: true, interface: interface.unwrap_or_default(), plugins })
    }

    /// The declarations from `start` on, each of `stride` bytes, up to the one that is all zero.
    fn declarations(&self, start: u64, stride: u64, maria: bool) -> Vec<DeclaredPlugin> {
        if stride < self.word * 11 {
            return Vec::new();
        }
        let one = |i: u64| {
            let field = |index: u64| start.checked_add(i * stride)?.checked_add(index * self.word);
            let info = self.pointer(field(1)?)?;
            let maturity = field(12).filter(|_| maria && stride >= self.word * 13);
            Some(DeclaredPlugin {
                kind: self.number(field(0)?)?,
                // Some names are made when the server starts, and are not in its file.
                name: field(2).and_then(|at| self.text(self.pointer(at)?)).unwrap_or_default(),
                api: self.number(info).unwrap_or_default(),
                maturity: maturity.and_then(|at| self.number(at)).unwrap_or_default(),
                variables: field(10)
                    .and_then(|at| self.pointer(at))
                    .map_or_else(Vec::new, |at| self.variables(at)),
            })
        };
        (0..MANY).map_while(one).filter(|plugin| !plugin.name.is_empty()).collect()
    }

    /// The names of an array of pointers to variables: flags, then the name.
    fn variables(&self, start: u64) -> Vec<BString> {
        let variables = (0..MANY).map_while(|i| self.pointer(start.checked_add(i * self.word)?));
        variables.filter_map(|at| self.text(self.pointer(at.checked_add(self.word)?)?)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_is_no_server_declares_nothing() {
        let program = std::env::current_exe().expect("the path of the tests");
        assert_eq!(of_library(&program), None);
        assert_eq!(built_in(&program), None);
        assert_eq!(of_library(Path::new("/dev/null")), None);
    }
}
