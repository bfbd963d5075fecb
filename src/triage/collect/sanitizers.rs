//! Reports that sanitizers wrote to files, and the variables that rule them.

use std::ffi::OsString;
use std::io::Read as _;
use std::os::unix::ffi::OsStringExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use bstr::{BStr, BString, ByteSlice};

use crate::env::Env;
use crate::grammar::sanitizer_options::{VARIABLES, pairs, value};
use crate::sys::files;
use crate::triage::collect::subject::Subject;
use crate::triage::evidence::{Evidence, TextFile};

/// Bytes of a file that are read.
const MAX_BYTES: u64 = 1 << 20;

/// Clocks and file times may differ by this much.
const SLACK: Duration = Duration::from_secs(2);

/// Reads the files of exactly this process, and notes what the environment asks for.
pub fn add(evidence: &mut Evidence, subject: &Subject<'_>) {
    let Some(env) = subject.env else { return };
    evidence.environment.extend(asked_for(env));
    let Some(pid) = subject.pid.or(evidence.pid) else { return };
    let began = evidence.lived.and_then(|lived| SystemTime::now().checked_sub(lived + SLACK));
    let datadir = evidence.settings.iter().rfind(|setting| setting.name == "datadir");
    let datadir = datadir.and_then(|setting| setting.value.as_ref()?.to_path().ok().map(PathBuf::from));
    let dirs: Vec<&Path> = std::iter::once(subject.cwd).chain(datadir.as_deref()).collect();
    for path in files_of(env, pid, &dirs) {
        let Ok(file) = files::open(&path) else { continue };
        // A process id is used again: a file from before this start is another process's.
        let written = file.metadata().and_then(|meta| meta.modified());
        if let (Some(began), Ok(written)) = (began, written)
            && written < began
        {
            continue;
        }
        let mut text = Vec::new();
        if file.take(MAX_BYTES).read_to_end(&mut text).is_ok() && !text.is_empty() {
            evidence.sanitizer_files.push(TextFile { path, text: text.into() });
        }
    }
}

/// The files that `log_path=` makes the process `pid` write its reports to, where they exist: `PATH.PID`, or
/// `PATH.PROGRAM.PID` with `log_exe_name=1`. A relative path is below one of `dirs`: the server changes its
/// directory while it starts.
pub fn files_of(env: &Env, pid: i32, dirs: &[&Path]) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = Vec::new();
    for prefix in log_paths(env, pid) {
        let prefix = PathBuf::from(OsString::from_vec(prefix.into()));
        let places = if prefix.is_absolute() {
            vec![prefix]
        } else {
            dirs.iter().map(|dir| dir.join(&prefix)).collect()
        };
        for place in places {
            for path in beginning_with(&place, pid) {
                if !found.contains(&path) {
                    found.push(path);
                }
            }
        }
    }
    found
}

/// The values of `log_path`, `%p` replaced.
fn log_paths(env: &Env, pid: i32) -> Vec<BString> {
    let mut paths: Vec<BString> = Vec::new();
    for (variable, _) in VARIABLES {
        let text = env.get(variable).unwrap_or_default().as_encoded_bytes();
        let Some(path) = value(text.as_bstr(), "log_path") else { continue };
        let path = BString::from(path.replace("%p", pid.to_string()));
        if !["", "stderr", "stdout", "1", "2"].iter().any(|none| path == *none) && !paths.contains(&path) {
            paths.push(path);
        }
    }
    paths
}

/// Whether the environment sends reports anywhere but to the error log.
pub fn has_log_path(env: &Env) -> bool {
    !log_paths(env, 0).is_empty()
}

/// `prefix.PID` and `prefix.PROGRAM.PID`.
fn beginning_with(prefix: &Path, pid: i32) -> Vec<PathBuf> {
    let (Some(dir), Some(name)) = (prefix.parent(), prefix.file_name()) else { return Vec::new() };
    let dir = if dir.as_os_str().is_empty() { Path::new(".") } else { dir };
    let (begin, end) = ([name.as_encoded_bytes(), b"."].concat(), format!(".{pid}"));
    let Ok(entries) = std::fs::read_dir(dir) else { return Vec::new() };
    let fits = |file: &[u8]| file.starts_with(&begin) && file.ends_with(end.as_bytes());
    let mut files: Vec<PathBuf> = entries
        .flatten()
        .filter(|entry| fits(entry.file_name().as_encoded_bytes()))
        .map(|entry| entry.path())
        .collect();
    files.sort();
    files
}

/// The variables that rule sanitizers, without what the runner adds to them by itself.
fn asked_for(env: &Env) -> Vec<(BString, BString)> {
    let mut found = Vec::new();
    for (variable, _) in VARIABLES {
        let text = env.get(variable).unwrap_or_default().as_encoded_bytes().as_bstr();
        let asked: Vec<BString> =
            pairs(text).into_iter().filter(|pair| !is_ours(*pair)).map(written).collect();
        if !asked.is_empty() {
            found.push((variable.into(), bstr::join(":", asked).into()));
        }
    }
    if let Some(libraries) = env.non_empty("LD_PRELOAD") {
        found.push(("LD_PRELOAD".into(), libraries.as_encoded_bytes().into()));
    }
    found
}

fn written((name, value): (&BStr, &BStr)) -> BString {
    [name.as_bytes(), b"=", value.as_bytes()].concat().into()
}

fn is_ours((name, value): (&BStr, &BStr)) -> bool {
    [("abort_on_error", "1"), ("print_suppressions", "0")]
        .contains(&(&*name.to_str_lossy(), &*value.to_str_lossy()))
        || (name == "suppressions" && value.ends_with(b"san.supp"))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn files_of_exactly_one_process() {
        let dir = tempfile::tempdir().unwrap();
        for name in
            ["asan.31", "asan.mariadbd.31", "asan.131", "asan.addr2line.32", "asan", "ubsan.31", "x.31"]
        {
            std::fs::write(dir.path().join(name), "r").unwrap();
        }
        let mut env = Env::default();
        env.set("ASAN_OPTIONS", format!("abort_on_error=1:log_path={}/asan:x=1", dir.path().display()));
        env.set("UBSAN_OPTIONS", "log_path=ubsan");
        env.set("TSAN_OPTIONS", "log_path=stderr");
        let found = files_of(&env, 31, &[Path::new("/nowhere"), dir.path()]);
        let names: Vec<_> = found.iter().filter_map(|path| path.file_name()?.to_str()).collect();
        assert_eq!(names, ["asan.31", "asan.mariadbd.31", "ubsan.31"]);
    }

    #[test]
    fn what_the_runner_adds_is_not_what_the_user_asked_for() {
        let mut env = Env::default();
        env.set("ASAN_OPTIONS", "suppressions=/m/asan.supp:abort_on_error=1:");
        env.set("LSAN_OPTIONS", "suppressions=/m/lsan.supp:print_suppressions=0:report_objects=1");
        assert_eq!(asked_for(&env), [("LSAN_OPTIONS".into(), "report_objects=1".into())]);
    }
}
