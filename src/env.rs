//! A process environment as a value: the process's own one is read once, by `main`, and never changed.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};

/// Variables of a child process: everything it gets, nothing is inherited behind its back.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Env(BTreeMap<OsString, OsString>);

impl Env {
    /// The environment this process was started with.
    pub fn of_process() -> Self {
        Env(std::env::vars_os().collect())
    }

    /// The value of `name`, if it is set.
    pub fn get(&self, name: impl AsRef<OsStr>) -> Option<&OsStr> {
        self.0.get(name.as_ref()).map(OsString::as_os_str)
    }

    /// The value of `name` if it is set and not empty.
    pub fn non_empty(&self, name: impl AsRef<OsStr>) -> Option<&OsStr> {
        self.get(name).filter(|value| !value.is_empty())
    }

    /// Sets `name` to `value`; returns what it was.
    pub fn set(&mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Option<OsString> {
        self.0.insert(name.into(), value.into())
    }

    /// Removes `name`; returns what it was.
    pub fn remove(&mut self, name: impl AsRef<OsStr>) -> Option<OsString> {
        self.0.remove(name.as_ref())
    }

    /// All variables, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&OsStr, &OsStr)> {
        self.0.iter().map(|(name, value)| (name.as_os_str(), value.as_os_str()))
    }
}

/// Whether a shell takes `text` for one word as it is.
pub fn is_one_word(text: &OsStr) -> bool {
    !text.as_bytes().iter().any(|byte| b" \t\n'\"`$&|;<>()[]{}*?!\\".contains(byte))
}

/// A word of a variable that holds a command for a shell: as it is where that is one word, else in quotes.
pub fn shell_word(text: &OsStr) -> Cow<'_, OsStr> {
    if is_one_word(text) {
        return Cow::Borrowed(text);
    }
    let mut quoted = vec![b'\''];
    for byte in text.as_bytes() {
        match byte {
            b'\'' => quoted.extend_from_slice(br"'\''"),
            byte => quoted.push(*byte),
        }
    }
    quoted.push(b'\'');
    Cow::Owned(OsString::from_vec(quoted))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_quoted_where_a_shell_would_take_them_apart() {
        for (word, shell) in [
            ("--defaults-file=/var/job@2/a#b/my.cnf", "--defaults-file=/var/job@2/a#b/my.cnf"),
            ("--defaults-file=/a b/my.cnf", "'--defaults-file=/a b/my.cnf'"),
            ("/it's", r"'/it'\''s'"),
            ("/\"q\"", "'/\"q\"'"),
            ("/$HOME", "'/$HOME'"),
        ] {
            assert_eq!(&*shell_word(OsStr::new(word)), OsStr::new(shell));
        }
    }
}
