//! Gives arbitrary bytes to every grammar of a suite's files.

use std::path::Path;

use bstr::ByteSlice;

use crate::error::Error;
use crate::grammar::mycnf::{self, ConfigFile, MOST_GROUPS, MOST_OPTIONS};
use crate::grammar::{disabled, option_file, rdiff};

/// A result file may have as many bytes here.
const MOST_OF_BASE: usize = 64 << 10;

/// Reads `bytes` as each kind of file.
///
/// # Panics
/// If a grammar does, or if what it gives cannot be.
pub fn fuzz(bytes: &[u8]) {
    config(bytes);
    for (number, words) in option_file::lines(bytes) {
        assert!(number > 0);
        assert!(words.iter().map(|word| word.len()).sum::<usize>() <= bytes.len());
    }
    for (number, entry) in disabled::entries(bytes) {
        assert!(number > 0);
        if let Some(entry) = entry {
            let _ = disabled::pattern(entry.test).map(|pattern| pattern.is_match(b"aaaaaaaaaaaaaaaa"));
        }
    }
    diff(bytes);
}

/// As a template or a combinations file; every second name of a file is that of a small one.
fn config(bytes: &[u8]) {
    let path = Path::new("my.cnf");
    let lines = u32::try_from(bytes.lines().count()).unwrap_or(u32::MAX);
    let include = |name: &[u8]| match name.len() % 2 {
        0 => mycnf::parse(b"[a]\nplugin-load-add=x\nb=@a.b\n", Path::new("small.cnf"), |_| {
            Ok(ConfigFile::default())
        }),
        _ => Err(Error::new("no such file")),
    };
    match mycnf::parse(bytes, path, include) {
        Ok(config) => {
            assert!(config.groups().len() <= MOST_GROUPS);
            let options: Vec<_> = config.groups().iter().flat_map(|group| &group.options).collect();
            assert!(options.len() <= MOST_OPTIONS);
            let own = options.iter().filter(|option| option.location.file == path);
            assert!(own.filter_map(|option| option.location.line).all(|line| (1..=lines).contains(&line)));
        }
        Err(error) => assert!(error.location().is_some(), "{error}"),
    }
}

/// As a diff of what stands before the first zero.
fn diff(bytes: &[u8]) {
    let (base, diff) = bytes.split_once_str("\0").unwrap_or((b"a\nb\nc\n", bytes));
    let base = &base[..base.len().min(MOST_OF_BASE)];
    let path = Path::new("x.rdiff");
    if let Ok(patched) = rdiff::apply(base, diff, path) {
        assert!(patched.len() <= base.len() + diff.len() + 3, "lines out of nothing");
        assert!(rdiff::misfits(base, diff, path).is_ok());
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Pieces that change the state of a grammar.
    const PIECES: [&str; 31] = [
        "[mysqld.1]\n",
        "[ENV]\n",
        "[a]",
        "\n",
        "\r\n",
        "a=b\n",
        "#!x y\n",
        "!include ",
        "x\n",
        "@a.b",
        "=",
        "plugin-load-add=",
        "--opt",
        " ",
        "\"",
        "'",
        "\\",
        "main.a* : why\n",
        ":",
        "#",
        "\0",
        "@@ -1,2 +1,2 @@\n",
        "@@ -0,0 +1 @@\n",
        "-a\n",
        "+b\n",
        " c\n",
        "\\ No newline\n",
        "1,2c3\n",
        "< a\n",
        "> b\n",
        "99999999999",
    ];

    proptest! {
        #[test]
        fn arbitrary_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            fuzz(&bytes);
        }

        #[test]
        fn pieces_of_files(pieces in proptest::collection::vec(0..PIECES.len(), 0..60)) {
            fuzz(pieces.into_iter().map(|piece| PIECES[piece]).collect::<String>().as_bytes());
        }
    }
}
