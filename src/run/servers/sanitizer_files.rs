//! Reports that sanitizers of servers write to files of their own (`log_path=`), as they come.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use crate::env::Env;
use crate::sys::excerpt;
use crate::triage::collect::sanitizers::files_of;
use crate::triage::evidence::TextFile;

/// Which files were read, and how far.
#[derive(Debug)]
pub struct SanitizerFiles {
    read: BTreeMap<PathBuf, u64>,
    /// Older files are those of other processes that had the same number.
    since: SystemTime,
}

impl SanitizerFiles {
    /// Nothing was read; files from before now do not count.
    pub fn new() -> Self {
        // File systems keep times less exactly than the clock does.
        let since = SystemTime::now().checked_sub(Duration::from_secs(2)).unwrap_or(SystemTime::UNIX_EPOCH);
        SanitizerFiles { read: BTreeMap::new(), since }
    }

    /// What the files of the process `pid` gained since the last look. A relative path is below one of `dirs`.
    pub fn gained(&mut self, env: &Env, pid: i32, dirs: &[&Path]) -> Vec<TextFile> {
        let mut gained = Vec::new();
        for path in files_of(env, pid, dirs) {
            let read = self.read.get(&path).copied().unwrap_or(0);
            let Ok(meta) = std::fs::metadata(&path) else { continue };
            let fresh = meta.modified().is_ok_and(|written| written >= self.since);
            if fresh
                && let Ok(text) = excerpt::head(&path, read, excerpt::MOST)
                && !text.is_empty()
            {
                // What a longer text ends with is not told, now or later.
                let end = read + text.len() as u64;
                self.read.insert(
                    path.clone(),
                    if text.len() as u64 == excerpt::MOST { end.max(meta.len()) } else { end },
                );
                gained.push(TextFile { path, text: text.into() });
            }
        }
        gained
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::fs::File;
    use std::io::Write as _;

    use super::*;

    #[test]
    fn each_report_is_read_once() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("asan.7");
        let mut env = Env::default();
        env.set("ASAN_OPTIONS", format!("log_path={}/asan", dir.path().display()));
        let mut files = SanitizerFiles::new();
        let mut gained =
            || files.gained(&env, 7, &[]).into_iter().map(|file| file.text.to_string()).collect::<Vec<_>>();
        assert!(gained().is_empty());
        std::fs::write(&path, "one\n").unwrap();
        assert_eq!(gained(), ["one\n"]);
        assert!(gained().is_empty());
        File::options().append(true).open(&path).unwrap().write_all(b"two\n").unwrap();
        assert_eq!(gained(), ["two\n"]);
    }
}
