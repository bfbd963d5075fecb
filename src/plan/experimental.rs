//! Tests whose failure is expected: the files of `--experimental` (runner §6.7).

use std::path::Path;

use bstr::ByteSlice;

use crate::case::TestCase;
use crate::error::{Error, Result};

/// The platform that `@platform` in a file means, as perl calls it.
const PLATFORM: &str = std::env::consts::OS;

/// The entries of all files, in order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Experimental {
    entries: Vec<String>,
    /// Lines for the console.
    messages: Vec<String>,
}

impl Experimental {
    /// What the files of `--experimental` say, whose contents `read` gives.
    ///
    /// # Errors
    /// One cannot be read.
    pub fn read<'p>(
        files: impl IntoIterator<Item = &'p Path>,
        read: impl Fn(&Path) -> std::io::Result<Vec<u8>>,
    ) -> Result<Experimental> {
        let mut experimental = Experimental::default();
        for file in files {
            let text = read(file).map_err(|error| {
                Error::io("read", file, error).hint("--experimental names a file of tests")
            })?;
            experimental.messages.push(format!("Using experimental file: {}", file.display()));
            experimental.add(&text, PLATFORM);
        }
        Ok(experimental)
    }

    fn add(&mut self, text: &[u8], platform: &str) {
        for entry in text.lines().filter_map(|line| entry(&line.to_str_lossy(), platform)) {
            self.messages.push(format!(" - {entry}"));
            self.entries.push(entry);
        }
    }

    /// What to print when collecting starts: each file and its entries.
    pub fn messages(&self) -> &[String] {
        &self.messages
    }

    /// Whether a failure of the instance is expected.
    pub fn contains(&self, case: &TestCase) -> bool {
        self.contains_name(&case.full_name())
    }

    /// [`contains`](Experimental::contains) for a full name: an entry is the name, with or without its
    /// combinations, or the start of one where it ends in `*`.
    pub fn contains_name(&self, full_name: &str) -> bool {
        self.entries.iter().any(|entry| match entry.strip_suffix('*') {
            Some(start) => full_name.starts_with(start),
            None => {
                full_name.strip_prefix(entry.as_str()).is_some_and(|r| r.is_empty() || r.starts_with(' '))
            }
        })
    }
}

/// The entry of a line for this platform; `name @linux` counts only there, `name @!linux` only elsewhere.
fn entry(line: &str, platform: &str) -> Option<String> {
    let comment = line.char_indices().find(|(at, c)| {
        *c == '#' && (*at == 0 || line[..*at].ends_with(|before: char| before.is_ascii_whitespace()))
    });
    let line = &line[..comment.map_or(line.len(), |(at, _)| at)];
    let name = match line.split_once('@') {
        Some(_) if line.contains(&format!("@!{platform}")) => return None,
        Some(_) if !line.contains(&format!("@{platform}")) && !line.contains("@!") => return None,
        Some((name, _)) => name,
        None => line,
    };
    Some(name.trim()).filter(|name| !name.is_empty()).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_for_a_platform() {
        for (line, expected) in [
            ("main.alias  # BUG#1", Some("main.alias")),
            ("# main.alias", None),
            ("main.a#b", Some("main.a#b")),
            ("main.x @linux", Some("main.x")),
            ("main.x @windows", None),
            ("main.x @!linux", None),
            ("main.x @!windows  # c", Some("main.x")),
            ("main.x @!windows @!linux", None),
            ("", None),
        ] {
            assert_eq!(entry(line, "linux").as_deref(), expected, "{line}");
        }
    }

    #[test]
    fn entries_match_with_and_without_combinations() {
        let mut experimental = Experimental::default();
        experimental.add(b"rpl.a\nrpl.b 'row'\nfuncs_1.*\n", "linux");
        assert_eq!(experimental.messages(), [" - rpl.a", " - rpl.b 'row'", " - funcs_1.*"]);
        for name in ["rpl.a", "rpl.a 'row'", "rpl.b 'row'", "funcs_1.x 'y'"] {
            assert!(experimental.contains_name(name), "{name}");
        }
        for name in ["rpl.ab", "rpl.b", "rpl.b 'stmt'", "main.rpl.a"] {
            assert!(!experimental.contains_name(name), "{name}");
        }
    }
}
