//! `--stop-file`: while the file exists no new test is handed out.

use std::path::Path;
use std::time::{Duration, Instant};

use crate::sys::poll;
use crate::sys::watch::DirWatch;

/// Waits until `file` is gone (true) or `patience` has passed (false).
/// A directory that cannot be watched counts as gone: a run never hangs on it.
pub fn wait_until_gone(file: &Path, patience: Option<Duration>) -> bool {
    let dir = file.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let Ok(watch) = DirWatch::new() else { return true };
    if watch.add(dir).is_err() {
        return true;
    }
    let deadline = patience.map(|patience| Instant::now() + patience);
    loop {
        if !file.exists() {
            return true;
        }
        match poll::readable(&[watch.fd()], deadline) {
            Ok(ready) if ready.is_empty() => return false,
            Ok(_) if watch.drain().is_ok() => {}
            _ => return true,
        }
    }
}
