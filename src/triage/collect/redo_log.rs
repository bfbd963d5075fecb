//! InnoDB's redo log.

use std::io::Read;
use std::path::Path;

use crate::sys::files;
use crate::triage::collect::paths;
use crate::triage::collect::subject::Subject;
use crate::triage::evidence::Evidence;
use crate::triage::scene::Scene;

/// Reads how the redo log begins.
pub fn add(evidence: &mut Evidence, subject: &Subject<'_>) {
    let scene = Scene::new(evidence);
    let dir = paths::in_datadir(&scene, subject.cwd, "innodb-log-group-home-dir");
    evidence.system.redo_log_encrypted = is_encrypted(&dir.join("ib_logfile0"));
}

/// The highest bit of the format, which is the beginning of the file, says whether it is encrypted (MariaDB 10.1 to
/// 12).
fn is_encrypted(log: &Path) -> Option<bool> {
    let mut format = [0; 4];
    files::open(log).ok()?.read_exact(&mut format).ok()?;
    Some(format[0] & 0x80 != 0)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::triage::testing::failed;

    #[test]
    fn the_format_tells() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("redo")).unwrap();
        let here = dir.path();
        let subject = Subject { pid: None, env: None, cwd: here, vardir: here, oom_kills_before: None };
        let found = |words: &[&str]| {
            let mut evidence = failed(1, words, "");
            add(&mut evidence, &subject);
            evidence.system.redo_log_encrypted
        };
        assert_eq!(found(&["--datadir=."]), None);
        std::fs::write(here.join("ib_logfile0"), b"Phys rest").unwrap();
        std::fs::write(here.join("redo/ib_logfile0"), b"\xd0hys rest").unwrap();
        assert_eq!(found(&["--datadir=."]), Some(false));
        assert_eq!(found(&["--datadir=.", "--innodb-log-group-home-dir=./redo"]), Some(true));
    }
}
