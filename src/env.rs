//! A process environment as a value: the process's own one is read once, by `main`, and never changed.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};

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
