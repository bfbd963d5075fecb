//! Reports that sanitizers left in files (`log_path=` in `ASAN_OPTIONS` and its like), found by what is in them.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::path::Path;

use bstr::{BStr, ByteSlice};

use crate::env::Env;
use crate::grammar::sanitizer_options::{VARIABLES, value};
use crate::sys::files;
use crate::sys::local_time;
use crate::triage::evidence::TextFile;

/// How deep below a var directory reports are looked for.
const DEPTH: usize = 4;

/// The most bytes read of one report.
const MOST: u64 = 1 << 20;

/// A report, and the process that it is about.
#[derive(Debug, Clone)]
pub struct ReportFile {
    /// The process.
    pub pid: i32,
    /// It lies in the var directory; others may be about processes of another run.
    pub of_run: bool,
    /// When it was written, local time as logs have it.
    pub written: String,
    /// The file.
    pub file: TextFile,
}

/// Reports below a var directory. Their names end with the id of the process; data directories and the copies of
/// test data are passed over.
pub fn below(vardir: &Path) -> Vec<ReportFile> {
    let wanted = |entry: &walkdir::DirEntry| {
        let name = entry.file_name();
        !entry.file_type().is_dir() || !["std_data", "install.db", "data"].iter().any(|other| name == *other)
    };
    let walk = walkdir::WalkDir::new(vardir).max_depth(DEPTH).sort_by_file_name();
    let entries = walk.into_iter().filter_entry(wanted).flatten();
    let files = entries.filter(|entry| entry.file_type().is_file());
    files.filter_map(|entry| report(entry.path(), true)).collect()
}

/// Reports where the environment says that they go; a run that was started with the same one left its there.
pub fn by_environment(env: &Env) -> Vec<ReportFile> {
    let options = VARIABLES.iter().filter_map(|(name, _)| env.get(name)).map(OsStr::as_encoded_bytes);
    let prefixes: BTreeSet<&BStr> =
        options.filter_map(|options| value(options.as_bstr(), "log_path")).collect();
    prefixes.into_iter().filter(|prefix| prefix.contains(&b'/')).flat_map(beginning_with).collect()
}

fn beginning_with(prefix: &BStr) -> Vec<ReportFile> {
    let prefix = prefix.to_path_lossy();
    let (Some(dir), Some(name)) = (prefix.parent(), prefix.file_name()) else { return Vec::new() };
    let entries = std::fs::read_dir(dir).into_iter().flatten().flatten();
    let own = entries.filter(|entry| {
        entry.file_name().as_encoded_bytes().starts_with(name.as_encoded_bytes()) && entry.path().is_file()
    });
    own.filter_map(|entry| report(&entry.path(), false)).collect()
}

fn report(path: &Path, of_run: bool) -> Option<ReportFile> {
    let pid = path.extension()?.to_str()?.parse().ok()?;
    let mut text = Vec::new();
    let file = files::open(path).ok()?;
    let written = local_time::format(file.metadata().and_then(|meta| meta.modified()).ok()?);
    std::io::Read::read_to_end(&mut std::io::Read::take(file, MOST), &mut text).ok()?;
    let ours = text.contains_str("Sanitizer") || text.contains_str("runtime error: ");
    ours.then(|| ReportFile {
        pid,
        of_run,
        written,
        file: TextFile { path: path.to_owned(), text: text.into() },
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn reports_are_known_by_name_and_content() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(dir.path().join("log")).unwrap();
        std::fs::create_dir_all(dir.path().join("mysqld.1/data")).unwrap();
        for (name, text) in [
            ("log/asan.71", "==71==ERROR: AddressSanitizer: heap-use-after-free\n"),
            ("log/bin.000001", "no report\n"),
            ("log/asan.txt", "==71==ERROR: AddressSanitizer\n"),
            ("mysqld.1/data/x.72", "AddressSanitizer\n"),
        ] {
            std::fs::write(dir.path().join(name), text).unwrap();
        }
        let pids = |reports: Vec<ReportFile>| reports.iter().map(|report| report.pid).collect::<Vec<_>>();
        assert_eq!(pids(below(dir.path())), [71]);
        let mut env = Env::default();
        let options = format!("abort_on_error=1:log_path={}/mysqld.1/data/x", dir.path().display());
        env.set("ASAN_OPTIONS", options);
        assert_eq!(pids(by_environment(&env)), [72]);
    }
}
