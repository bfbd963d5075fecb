//! Aria's control file and logs.

use std::fs;
use std::path::Path;

use crate::triage::collect::paths;
use crate::triage::collect::subject::Subject;
use crate::triage::evidence::{AriaFile, Evidence};
use crate::triage::scene::Scene;

/// Logs that are looked at: a server has few, as it removes those that it needs no more.
const MOST: usize = 100;

/// Looks at the files, the log with the highest number last.
pub fn add(evidence: &mut Evidence, subject: &Subject<'_>) {
    let scene = Scene::new(evidence);
    let dir = paths::in_datadir(&scene, subject.cwd, "aria-log-dir-path");
    evidence.system.aria_files = files(&dir);
}

fn files(dir: &Path) -> Vec<AriaFile> {
    let ours = |name: &[u8]| {
        let number = name.strip_prefix(b"aria_log.").unwrap_or_default();
        name == b"aria_log_control" || (number.len() == 8 && number.iter().all(u8::is_ascii_digit))
    };
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    let mut paths: Vec<_> = entries
        .filter(|entry| ours(entry.file_name().as_encoded_bytes()))
        .map(|entry| entry.path())
        .take(MOST)
        .collect();
    // The control file comes behind the logs by name.
    paths.sort_by_key(|path| (!path.ends_with("aria_log_control"), path.clone()));
    let file = |path: std::path::PathBuf| {
        let meta = fs::metadata(&path).ok()?;
        Some(AriaFile { path, bytes: meta.len(), regular: meta.is_file() })
    };
    paths.into_iter().filter_map(file).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::triage::testing::failed;

    #[test]
    fn logs_and_the_control_file_where_the_options_say() {
        let dir = tempfile::tempdir().unwrap();
        let here = dir.path();
        fs::create_dir_all(here.join("a/aria_log.00000002")).unwrap();
        for name in
            ["aria_log_control", "a/aria_log_control", "a/aria_log.00000001", "a/aria_log.x", "a/t.MAD"]
        {
            fs::write(here.join(name), name).unwrap();
        }
        let subject = Subject { pid: None, env: None, cwd: here, vardir: here, oom_kills_before: None };
        let found = |words: &[&str]| {
            let mut evidence = failed(1, words, "");
            add(&mut evidence, &subject);
            let files = evidence.system.aria_files.into_iter();
            let name = |path: &Path| path.strip_prefix(here).unwrap().display().to_string();
            files.map(|file| (name(&file.path), file.regular)).collect::<Vec<_>>()
        };
        assert_eq!(found(&["--datadir=."]), [("aria_log_control".to_owned(), true)]);
        assert_eq!(
            found(&["--datadir=.", "--aria-log-dir-path=a"]),
            [("a/aria_log_control", true), ("a/aria_log.00000001", true), ("a/aria_log.00000002", false)]
                .map(|(name, regular)| (name.to_owned(), regular))
        );
        assert!(found(&["--datadir=nosuch"]).is_empty());
    }
}
