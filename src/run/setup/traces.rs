//! What debuggers read in core files: workers and the keeper come upon the same ones.

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use bstr::BString;

/// The stack traces that were read in core files of this run. A core file is read once, also where it is moved
/// between two looks.
#[derive(Debug, Default)]
pub struct Traces(Mutex<BTreeMap<CoreId, BString>>);

/// What a core file keeps when it is renamed: device, inode, time of its last change, size.
type CoreId = (u64, u64, i64, i64, u64);

impl Traces {
    /// What was read in `core`, or what `read` reads, which is remembered where it is anything.
    pub fn of(&self, core: &Path, read: impl FnOnce() -> BString) -> BString {
        let id = core
            .metadata()
            .map(|meta| (meta.dev(), meta.ino(), meta.mtime(), meta.mtime_nsec(), meta.len()))
            .ok();
        let known = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(trace) = id.and_then(|id| known().get(&id).cloned()) {
            return trace;
        }
        let trace = read();
        if let Some(id) = id.filter(|_| !trace.is_empty()) {
            known().insert(id, trace.clone());
        }
        trace
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_core_is_read_once_wherever_it_is_moved() {
        let dir = tempfile::tempdir().unwrap();
        let (core, moved) = (dir.path().join("core"), dir.path().join("moved"));
        std::fs::write(&core, "a core").unwrap();
        let traces = Traces::default();
        assert_eq!(traces.of(&core, BString::default), "", "what failed is tried again");
        assert_eq!(traces.of(&core, || "a trace".into()), "a trace");
        std::fs::rename(&core, &moved).unwrap();
        assert_eq!(traces.of(&moved, || panic!("it is known")), "a trace");
        std::fs::write(&core, "another core").unwrap();
        assert_eq!(traces.of(&core, || "another".into()), "another");
    }
}
