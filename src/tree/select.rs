//! Which tests the command line asks for: names, paths, patterns (runner §2.3, §2.4).

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use bstr::{BStr, BString, ByteSlice};
use pcre2::bytes::Regex;

use super::suites::{Found, Suites};
use crate::error::{Error, Result};

/// `[suite.]test[,combination...]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spec {
    /// The suite, where one is named.
    pub suite: Option<String>,
    /// The test's short name.
    pub test: String,
    /// The combinations to run.
    pub combinations: Vec<String>,
}

impl Spec {
    /// Reads a name. One that ends in `.test` is a file name, of which only the last part counts.
    ///
    /// # Errors
    /// It has more than one dot.
    pub fn parse(name: &BStr) -> Result<Spec> {
        let name = match name.ends_with(b".test") {
            true => name.rsplit_once_str("/").map_or(name.as_bytes(), |(_, base)| base),
            false => name.as_bytes(),
        };
        let name = name.to_str_lossy();
        let mut pieces = name.split(',').map(str::to_owned);
        let name = pieces.next().unwrap_or_default();
        let combinations = pieces.filter(|piece| !piece.is_empty()).collect();
        let (suite, test) = match *name.split('.').collect::<Vec<_>>() {
            [test] | [test, "test"] => (None, test),
            [suite, test] => (Some(suite.to_owned()), test),
            _ => {
                return Err(Error::new(format!("illegal format of test name: {name}"))
                    .hint("a name is '[suite.]test[,combination...]', or the path of a .test file"));
            }
        };
        Ok(Spec { suite, test: test.to_owned(), combinations })
    }

    /// Whether it means a test of the suite with this full and base name: `rpl-.x` means the base
    /// suite and its overlays, `rpl.x` only the base suite.
    pub fn fits(&self, full_name: &str, base_name: &str) -> bool {
        self.suite.as_deref().is_none_or(|suite| {
            suite == full_name || suite.strip_suffix('-').is_some_and(|suite| suite == base_name)
        })
    }

    /// Just a word: it may as well be a suite's name.
    pub fn is_word(&self) -> bool {
        self.suite.is_none() && self.combinations.is_empty()
    }
}

/// One argument that selects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Name {
    /// A test by name.
    Test {
        /// The name.
        spec: Spec,
        /// As it was given.
        text: String,
    },
    /// A test by path, in a suite that need not be the tree's.
    File {
        /// The suite.
        suite: Box<Found>,
        /// The test's short name, and the combinations to run.
        spec: Spec,
    },
    /// Whole suites, by the path of a directory.
    Directory(Vec<Found>),
}

impl Name {
    /// Reads one argument; paths are relative to the current directory of `suites`.
    ///
    /// # Errors
    /// It is a directory without tests, or no name.
    pub fn parse(argument: &BString, suites: &Suites) -> Result<Name> {
        let path = |bytes: &[u8]| Path::new(OsStr::from_bytes(bytes)).to_path_buf();
        let (file, combinations) = argument.split_once_str(",").unwrap_or((argument, b""));
        if file.contains(&b'/')
            && file.ends_with(b".test")
            && let Some((suite, test)) = suites.file(&path(file))
        {
            let combinations = combinations.to_str_lossy();
            let combinations = combinations.split(',').filter(|c| !c.is_empty()).map(str::to_owned).collect();
            let spec = Spec { suite: None, test, combinations };
            return Ok(Name::File { suite: Box::new(suite), spec });
        }
        if (argument.contains(&b'/') || *argument == "." || *argument == "..")
            && suites.is_directory(&path(argument))
        {
            return Ok(Name::Directory(suites.directory(&path(argument))?));
        }
        let spec = Spec::parse(argument.as_bstr())?;
        Ok(Name::Test { spec, text: argument.to_string() })
    }
}

/// `--do-test` or `--skip-test`.
///
/// A value of only `[a-z0-9.]` must match at the start; anything else is a regex that may match
/// anywhere.
#[derive(Debug, Clone)]
pub struct Pattern(Regex);

impl Pattern {
    /// Compiles the value of `option`.
    ///
    /// # Errors
    /// It is no valid regex.
    pub fn new(value: &BStr, option: &str) -> Result<Pattern> {
        let plain = value.iter().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || *b == b'.');
        let regex = value.to_str_lossy();
        let regex = if plain { format!("^{regex}") } else { regex.into_owned() };
        let invalid = |error| {
            Error::new(format!("invalid regex '{regex}' passed to {option}"))
                .caused_by(error)
                .hint("the syntax is that of Perl regular expressions")
        };
        Regex::new(&regex).map(Pattern).map_err(invalid)
    }

    /// Whether it matches.
    pub fn matches(&self, name: &str) -> bool {
        self.0.is_match(name.as_bytes()).unwrap_or(false)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn spec(name: &str) -> Option<(Option<String>, String, String)> {
        let spec = Spec::parse(name.into()).ok()?;
        Some((spec.suite, spec.test, spec.combinations.join("+")))
    }

    #[test]
    fn names_are_suite_test_combinations() {
        let of = |suite: Option<&str>, test: &str, combinations: &str| {
            Some((suite.map(str::to_owned), test.to_owned(), combinations.to_owned()))
        };
        assert_eq!(spec("alias"), of(None, "alias", ""));
        assert_eq!(spec("main.alias"), of(Some("main"), "alias", ""));
        assert_eq!(spec("main/alias.test"), of(None, "alias", ""));
        assert_eq!(spec("suite/rpl/t/rpl_alter.test"), of(None, "rpl_alter", ""));
        assert_eq!(spec("rpl.a,row,innodb"), of(Some("rpl"), "a", "row+innodb"));
        assert_eq!(spec("compat/oracle.x"), of(Some("compat/oracle"), "x", ""));
        assert_eq!(spec("a.b.c"), None);
    }

    #[test]
    fn a_dash_means_the_base_suite_and_its_overlays() {
        let fits = |spec: &str, full: &str| Spec::parse(spec.into()).unwrap().fits(full, "mtr");
        assert!(fits("x", "mtr") && fits("x", "mtr-example"));
        assert!(fits("mtr.x", "mtr") && !fits("mtr.x", "mtr-example"));
        assert!(fits("mtr-.x", "mtr") && fits("mtr-.x", "mtr-example"));
        assert!(!fits("mtr-example.x", "mtr") && fits("mtr-example.x", "mtr-example"));
    }

    #[test]
    fn plain_patterns_are_anchored() {
        let matches =
            |pattern: &str, name: &str| Pattern::new(pattern.into(), "--do-test").unwrap().matches(name);
        assert!(matches("alter", "alter_table") && !matches("alter", "rpl_alter"));
        assert!(matches("a.ter", "alter") && matches("al_", "xal_y") && matches("a|b", "cab"));
        assert!(Pattern::new("a(".into(), "--do-test").is_err());
    }
}
