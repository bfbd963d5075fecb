//! Which tests `disabled.def` files and `--skip-test-list` disable (runner §2.5).

use std::collections::HashMap;
use std::io::ErrorKind;
use std::path::Path;

use bstr::ByteSlice;
use pcre2::bytes::Regex;

use crate::error::{Error, Result};
use crate::grammar::disabled::{entries, pattern};
use crate::sys::files;

/// Every test that some list disables, with the reason.
#[derive(Debug, Clone, Default)]
pub struct Disabled {
    /// `suite.test`, or `.test` for an entry without a suite.
    exact: HashMap<String, String>,
    /// Entries with `*`, in file order.
    wildcards: Vec<(Regex, String)>,
}

impl Disabled {
    /// Adds the entries of a file; one that is not there adds nothing, as a suite
    /// need not have one. `suite` is the suite whose `disabled.def` it is; `None` for a
    /// `--skip-test-list`, whose entries name their suite or mean a test of any suite.
    ///
    /// # Errors
    /// It cannot be read; a line that is no entry, or one that names another suite.
    pub fn add_file(&mut self, path: &Path, suite: Option<&str>) -> Result<()> {
        match files::read(path, files::MOST_OF_SETTINGS) {
            Ok(text) => self.add_text(&text, path, suite),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            // Without it, tests would run that must not.
            Err(error) => Err(Error::io("read", path, error).at(path, None)),
        }
    }

    fn add_text(&mut self, text: &[u8], path: &Path, suite: Option<&str>) -> Result<()> {
        for (number, entry) in entries(text) {
            let entry = entry.ok_or_else(|| {
                Error::new("syntax error in a list of disabled tests")
                    .at(path, Some(number))
                    .hint("a line is '[suite.]test : reason'")
            })?;
            if let (Some(named), Some(suite)) = (entry.suite, suite)
                && named != suite
            {
                let message = format!("wrong suite name: the suite is {suite} but the line says {named}");
                return Err(Error::new(message).at(path, Some(number)));
            }
            let key = format!("{}.{}", entry.suite.or(suite).unwrap_or_default(), entry.test);
            let reason = entry.reason.to_str_lossy().into_owned();
            if entry.test.contains('*') {
                let regex = pattern(&key).map_err(|error| error.at(path, Some(number)))?;
                self.wildcards.push((regex, reason));
            } else {
                self.exact.insert(key, reason);
            }
        }
        Ok(())
    }

    /// Why `suite.test` is disabled, if it is; the reason may be empty. `parent` is the base suite
    /// of an overlay, whose entries count where the overlay has none.
    pub fn reason(&self, suite: &str, test: &str, parent: Option<&str>) -> Option<&str> {
        let name = format!("{suite}.{test}");
        let any = self.exact.get(&format!(".{test}")).filter(|reason| !reason.is_empty());
        let own = any.or_else(|| self.exact.get(&name));
        if let Some(reason) = own.filter(|reason| !reason.is_empty()) {
            return Some(reason);
        }
        let matches = |regex: &Regex| regex.is_match(name.as_bytes()).unwrap_or(false);
        if let Some((_, reason)) = self.wildcards.iter().find(|(regex, _)| matches(regex)) {
            return Some(reason);
        }
        own.or_else(|| parent.and_then(|parent| self.exact.get(&format!("{parent}.{test}"))))
            .map(String::as_str)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn list(text: &str, suite: Option<&str>) -> Result<Disabled> {
        let mut list = Disabled::default();
        list.add_text(text.as_bytes(), Path::new("disabled.def"), suite)?;
        Ok(list)
    }

    #[test]
    fn reasons_keep_their_comments() {
        let list = list("# c\n\n  a : MDEV-1 # note\nrpl.b:x\nb-c#p : y : z\n", Some("rpl")).unwrap();
        assert_eq!(list.reason("rpl", "a", None), Some("MDEV-1 # note"));
        assert_eq!(list.reason("rpl", "b", None), Some("x"));
        assert_eq!(list.reason("rpl", "b-c#p", None), Some("y : z"));
        assert_eq!(list.reason("main", "a", None), None);
        assert_eq!(list.reason("rpl-x", "a", Some("rpl")), Some("MDEV-1 # note"));
    }

    #[test]
    fn entries_without_a_suite_hit_every_suite() {
        let list = list("a : r\nmain.b : s\nempty :\n", None).unwrap();
        assert_eq!(list.reason("rpl", "a", None), Some("r"));
        assert_eq!(list.reason("main", "b", None), Some("s"));
        assert_eq!(list.reason("rpl", "b", None), None);
        assert_eq!(list.reason("rpl", "empty", None), None);
    }

    #[test]
    fn an_empty_reason_disables() {
        let list = list("a :\n", Some("s")).unwrap();
        assert_eq!(list.reason("s", "a", None), Some(""));
    }

    #[test]
    fn a_star_is_the_star_of_a_regex() {
        let list = list("rpl.rpl_x* : w\n", None).unwrap();
        assert_eq!(list.reason("rpl", "rpl_anything", None), Some("w"));
        assert_eq!(list.reason("rpl", "other", None), None);
    }

    #[test]
    fn errors_name_the_line() {
        let syntax = list("a : b\nno colon\n", Some("s")).unwrap_err();
        assert_eq!(syntax.location().unwrap().line, Some(2));
        let wrong = list("other.a : b\n", Some("s")).unwrap_err();
        assert_eq!(wrong.message(), "wrong suite name: the suite is s but the line says other");
    }
}
