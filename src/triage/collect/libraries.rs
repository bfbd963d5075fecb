//! Where the system's loader finds shared libraries, and which symbols they give together.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use bstr::{BStr, BString, ByteSlice};

use crate::sys::files;
use crate::triage::collect::elf;
use crate::triage::evidence::ElfFacts;

/// More libraries than any server needs.
const MANY: usize = 500;

/// The places of a system, and what was read there.
#[derive(Debug, Default)]
pub struct Libraries {
    /// `LD_LIBRARY_PATH`.
    first: Vec<PathBuf>,
    /// `/etc/ld.so.cache`: paths by name.
    cached: BTreeMap<BString, Vec<PathBuf>>,
    /// Asked last.
    last: Vec<PathBuf>,
    read: BTreeMap<PathBuf, Option<Rc<ElfFacts>>>,
}

/// What a file lacks.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lacking {
    /// Libraries that are nowhere.
    pub libraries: Vec<BString>,
    /// Symbols that nobody gives; empty where a library is missing, which may have them.
    pub symbols: Vec<BString>,
}

impl Libraries {
    /// Those of this system, for a process with this `LD_LIBRARY_PATH`.
    pub fn of_system(library_path: Option<&[u8]>) -> Self {
        let first = library_path.unwrap_or_default().split_str(":").filter(|dir| !dir.is_empty()).map(path);
        let bits = if usize::BITS == 64 { "64" } else { "" };
        let last = [format!("/lib{bits}"), format!("/usr/lib{bits}"), "/lib".into(), "/usr/lib".into()];
        Libraries {
            first: first.collect(),
            cached: files::read(Path::new("/etc/ld.so.cache"), files::MOST_OF_TEXT)
                .map(|text| cache(&text))
                .unwrap_or_default(),
            last: last.map(PathBuf::from).into(),
            read: BTreeMap::new(),
        }
    }

    /// The facts of the file at `path`, read once.
    pub fn facts(&mut self, path: &Path) -> Option<Rc<ElfFacts>> {
        if let Some(known) = self.read.get(path) {
            return known.clone();
        }
        let facts = elf::facts(path).map(Rc::new);
        self.read.insert(path.to_owned(), facts.clone());
        facts
    }

    /// The library `name` for a file of `needing`'s machine: the first that fits, as the loader takes it.
    pub fn find(&mut self, name: &BStr, needing: &ElfFacts) -> Option<Rc<ElfFacts>> {
        let file = path(name);
        let mut candidates: Vec<PathBuf> = Vec::new();
        if name.contains(&b'/') {
            candidates.push(file);
        } else {
            candidates.extend(self.first.iter().chain(&needing.runpath).map(|dir| dir.join(&file)));
            candidates.extend(self.cached.get(name).into_iter().flatten().cloned());
            candidates.extend(self.last.iter().map(|dir| dir.join(&file)));
        }
        candidates.into_iter().find_map(|path| {
            let facts = self.facts(&path)?;
            (facts.machine == needing.machine && facts.bits == needing.bits).then_some(facts)
        })
    }

    /// What `file` would lack if `program` loaded it.
    pub fn lacking(&mut self, file: &ElfFacts, program: &ElfFacts) -> Lacking {
        let gives = |facts: &ElfFacts, symbol: &BString| facts.exported.binary_search(symbol).is_ok();
        let mut open: Vec<BString> =
            file.undefined.iter().filter(|s| !gives(program, s) && !gives(file, s)).cloned().collect();
        let mut lacking = Lacking::default();
        let mut seen = BTreeSet::new();
        let mut queue: VecDeque<(Rc<ElfFacts>, bool)> =
            [(Rc::new(file.clone()), true), (Rc::new(program.clone()), false)].into();
        while let Some((facts, of_file)) = queue.pop_front() {
            for name in &facts.needed {
                if seen.len() >= MANY || !seen.insert(name.clone()) {
                    continue;
                }
                match self.find(name.as_bstr(), &facts) {
                    Some(library) => {
                        open.retain(|symbol| !gives(&library, symbol));
                        queue.push_back((library, of_file));
                    }
                    // The program runs: it found its own somewhere.
                    None if of_file => lacking.libraries.push(name.clone()),
                    None => return Lacking { symbols: Vec::new(), ..lacking },
                }
            }
        }
        if lacking.libraries.is_empty() {
            lacking.symbols = open;
        }
        lacking
    }
}

fn path(name: &[u8]) -> PathBuf {
    PathBuf::from(name.to_os_str_lossy().into_owned())
}

const CACHE_MAGIC: &[u8] = b"glibc-ld.so.cache1.1";
/// Bytes before the entries, and of each: flags, name, path, two numbers more.
const CACHE_HEADER: usize = 48;
const CACHE_ENTRY: usize = 24;

/// The loader's cache: paths by library name. An unknown format is an empty cache: the usual places are asked anyhow.
fn cache(text: &[u8]) -> BTreeMap<BString, Vec<PathBuf>> {
    let mut paths: BTreeMap<BString, Vec<PathBuf>> = BTreeMap::new();
    let Some(start) = text.find(CACHE_MAGIC) else { return paths };
    let text = &text[start..];
    let number = |at: usize| {
        let bytes = text.get(at..at.checked_add(4)?)?;
        Some(u32::from_ne_bytes(bytes.try_into().ok()?) as usize)
    };
    let string = |at: usize| {
        let rest = text.get(at..)?;
        Some(&rest[..rest.find_byte(0)?])
    };
    let count = number(CACHE_MAGIC.len()).unwrap_or(0).min(text.len() / CACHE_ENTRY);
    for i in 0..count {
        let entry = CACHE_HEADER + i * CACHE_ENTRY;
        let name = number(entry + 4).and_then(string);
        let file = number(entry + 8).and_then(string);
        if let (Some(name), Some(file)) = (name, file) {
            paths.entry(name.into()).or_default().push(path(file));
        }
    }
    paths
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_running_program_lacks_nothing() {
        let mut libraries = Libraries::of_system(None);
        let program = libraries.facts(&std::env::current_exe().unwrap()).unwrap();
        assert_eq!(libraries.lacking(&program, &ElfFacts::default()), Lacking::default());
    }

    #[test]
    fn what_nobody_gives_is_lacking() {
        let mut libraries = Libraries::of_system(None);
        let mut program = elf::facts(&std::env::current_exe().unwrap()).unwrap();
        program.undefined.push("no_such_function".into());
        let lacking = libraries.lacking(&program, &ElfFacts::default());
        assert_eq!(lacking.symbols, ["no_such_function"]);
        program.needed.push("libnosuch.so.7".into());
        let lacking = libraries.lacking(&program, &ElfFacts::default());
        assert_eq!((lacking.libraries, lacking.symbols), (vec![BString::from("libnosuch.so.7")], vec![]));
    }

    #[test]
    fn a_cache_that_is_cut_is_no_harm() {
        let mut text = CACHE_MAGIC.to_vec();
        text.extend(1000_u32.to_ne_bytes());
        text.resize(100, 1);
        assert!(cache(&text).is_empty());
        assert!(cache(b"something else").is_empty());
    }
}
