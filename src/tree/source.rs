//! One `.test` or `.inc` file as the runner reads it: tags and the files it sources (runner §4.1).
//!
//! Conditions are not evaluated and variables not expanded: what a file *could* source counts.

use std::collections::HashMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bstr::{BString, ByteSlice};
use rayon::prelude::*;

use crate::sys::files;

/// The most `source` lines that a file may have; one more is kept, to tell that there are more.
pub const MOST_SOURCES: usize = 10_000;

/// What a test declares by naming an include.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tags {
    /// `include/big_test.inc`
    pub big_test: bool,
    /// `include/long_test.inc`
    pub long_test: bool,
    /// `include/master-slave.inc`
    pub rpl_test: bool,
    /// `include/not_parallel.inc`: our own.
    pub not_parallel: bool,
}

impl Tags {
    /// Adds the tags of an included file.
    pub fn merge(&mut self, other: Tags) {
        self.big_test |= other.big_test;
        self.long_test |= other.long_test;
        self.rpl_test |= other.rpl_test;
        self.not_parallel |= other.not_parallel;
    }
}

/// What one file says, before any include is looked up.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Source {
    /// The tags named in this file itself.
    pub tags: Tags,
    /// What its `source` lines name, in order, repeated where they repeat.
    pub includes: Vec<BString>,
}

impl Source {
    /// Reads the text of a file.
    pub fn parse(text: &[u8]) -> Source {
        let mut source = Source::default();
        for line in text.split(|byte| *byte == b'\n') {
            if line.first() == Some(&b'#') {
                continue;
            }
            source.tag(line);
            if let Some(include) = include_of(line).filter(|_| source.includes.len() <= MOST_SOURCES) {
                source.includes.push(include.into());
            }
        }
        source
    }

    /// Sets the tag a line names: anywhere in it, without `source`. Only the leftmost counts.
    fn tag(&mut self, line: &[u8]) {
        let mut rest = line;
        while let Some(at) = rest.find(b"include/") {
            rest = &rest[at + b"include/".len()..];
            let tags = &mut self.tags;
            if rest.starts_with(b"big_test.inc") {
                return tags.big_test = true;
            } else if rest.starts_with(b"long_test.inc") {
                return tags.long_test = true;
            } else if rest.starts_with(b"master-slave.inc") {
                return tags.rpl_test = true;
            } else if rest.starts_with(b"not_parallel.inc") {
                return tags.not_parallel = true;
            }
        }
    }
}

/// The file that a line sources: `source FILE` or `--source FILE`, the name up to `;` or white space.
fn include_of(line: &[u8]) -> Option<&[u8]> {
    let blank = |byte: u8| matches!(byte, b' ' | b'\t' | b'\r' | 0x0b | 0x0c);
    let trim = |text: &'_ [u8]| text.iter().take_while(|byte| blank(**byte)).count();
    let mut rest = &line[trim(line)..];
    rest = rest.strip_prefix(b"--").unwrap_or(rest);
    rest = rest[trim(rest)..].strip_prefix(b"source")?;
    let blanks = trim(rest);
    rest = &rest[blanks..];
    let end = rest.iter().position(|byte| *byte == b';' || blank(*byte)).unwrap_or(rest.len());
    (blanks > 0 && end > 0).then(|| &rest[..end])
}

/// Every file that was read, by its path as spelled.
#[derive(Debug, Default)]
pub struct Sources {
    read: HashMap<OsString, Result<Arc<Source>, Arc<std::io::Error>>>,
}

impl Sources {
    /// Reads files that will be asked for, all at once on all cores.
    pub fn prefetch(&mut self, paths: Vec<PathBuf>) {
        let unread: Vec<PathBuf> =
            paths.into_iter().filter(|path| !self.read.contains_key(path.as_os_str())).collect();
        let read: Vec<_> = unread.into_par_iter().map(|path| (read(&path), path)).collect();
        self.read.extend(read.into_iter().map(|(source, path)| (path.into_os_string(), source)));
    }

    /// What the file at `path` says.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn get(&mut self, path: &Path) -> Result<Arc<Source>, Arc<std::io::Error>> {
        if let Some(source) = self.read.get(path.as_os_str()) {
            return source.clone();
        }
        let source = read(path);
        self.read.insert(path.as_os_str().to_owned(), source.clone());
        source
    }
}

fn read(path: &Path) -> Result<Arc<Source>, Arc<std::io::Error>> {
    match files::read(path, files::MOST_OF_TEXT) {
        Ok(text) => Ok(Arc::new(Source::parse(&text))),
        // `source $dir/;` names a directory, which exists and says nothing.
        Err(error) if error.kind() == std::io::ErrorKind::IsADirectory => Ok(Arc::default()),
        Err(error) => Err(Arc::new(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn includes_are_what_source_lines_name() {
        let text = b"--source include/a.inc\nsource include/b.inc;\n  -- source\tc.inc ; x\n\
            # source no.inc\n #source no.inc\nsourced no.inc\n--Source no.inc\nsource $dir/d.inc\r\n\
            if (1) source no.inc\n--source 'q.inc'\nsource ;\nsource a\xff.inc\n";
        let includes = Source::parse(text).includes;
        let expected: [&[u8]; 6] =
            [b"include/a.inc", b"include/b.inc", b"c.inc", b"$dir/d.inc", b"'q.inc'", b"a\xff.inc"];
        assert_eq!(includes, expected);
    }

    #[test]
    fn tags_count_anywhere_but_after_a_leading_hash() {
        let tags = |text: &str| Source::parse(text.as_bytes()).tags;
        assert!(tags("echo include/big_test.inc").big_test);
        assert!(tags(" # include/long_test.inc").long_test);
        assert!(tags("--source include/master-slave.inc").rpl_test);
        assert!(tags("--source include/not_parallel.inc").not_parallel);
        assert_eq!(tags("#include/big_test.inc"), Tags::default());
        let both = tags("include/x.inc include/long_test.inc include/big_test.inc");
        assert!(both.long_test && !both.big_test);
    }
}
