//! Reports that sanitizers left in files (`log_path=` in `ASAN_OPTIONS` and its like), found by what is in them.

use std::path::Path;

use bstr::ByteSlice;

use crate::triage::evidence::TextFile;

/// How deep below a var directory reports are looked for.
const DEPTH: usize = 4;

/// The most bytes read of one report.
const MOST: u64 = 1 << 20;

/// A report, and the process that it is about.
#[derive(Debug, Clone)]
pub struct Report {
    /// The process.
    pub pid: i32,
    /// The file.
    pub file: TextFile,
}

/// Reports below a var directory. Their names end with the id of the process; data directories and the copies of
/// test data are passed over.
pub fn below(vardir: &Path) -> Vec<Report> {
    let wanted = |entry: &walkdir::DirEntry| {
        let name = entry.file_name();
        !entry.file_type().is_dir() || !["std_data", "install.db", "data"].iter().any(|other| name == *other)
    };
    let walk = walkdir::WalkDir::new(vardir).max_depth(DEPTH).sort_by_file_name();
    let entries = walk.into_iter().filter_entry(wanted).flatten();
    let files = entries.filter(|entry| entry.file_type().is_file());
    files.filter_map(|entry| report(entry.path())).collect()
}

fn report(path: &Path) -> Option<Report> {
    let pid = path.extension()?.to_str()?.parse().ok()?;
    let mut text = Vec::new();
    let file = std::fs::File::open(path).ok()?;
    std::io::Read::read_to_end(&mut std::io::Read::take(file, MOST), &mut text).ok()?;
    let ours = text.contains_str("Sanitizer") || text.contains_str("runtime error: ");
    ours.then(|| Report { pid, file: TextFile { path: path.to_owned(), text: text.into() } })
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
        assert_eq!(below(dir.path()).iter().map(|report| report.pid).collect::<Vec<_>>(), [71]);
    }
}
