//! `--stop-file`: while the file exists no new test is handed out.

use std::path::Path;

use crate::sys::poll;
use crate::sys::watch::DirWatch;

/// Calls `changed` in a thread of its own whenever `file` has come or gone, until it answers false.
/// It need not exist yet, but its directory must.
///
/// # Errors
/// The directory cannot be watched.
pub fn watch(file: &Path, changed: impl Fn() -> bool + Send + 'static) -> std::io::Result<()> {
    let watch = DirWatch::on(file.parent().unwrap_or(Path::new("")))?;
    let file = file.to_path_buf();
    let follow = move || {
        let mut there = false;
        loop {
            if file.exists() != there {
                there = !there;
                if !changed() {
                    return;
                }
            }
            if poll::readable(&[watch.fd()], None).is_err() || watch.drain().is_err() {
                return;
            }
        }
    };
    std::thread::Builder::new().name("stop-file".into()).spawn(follow).map(drop)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::sync::mpsc;
    use std::time::Duration;

    use super::*;

    #[test]
    fn tells_when_the_file_comes_and_goes() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("stop");
        let (tell, told) = mpsc::channel();
        watch(&file, move || tell.send(()).is_ok()).unwrap();
        let soon = Duration::from_secs(20);
        std::fs::write(&file, "").unwrap();
        told.recv_timeout(soon).unwrap();
        std::fs::write(dir.path().join("other"), "").unwrap();
        std::fs::remove_file(&file).unwrap();
        told.recv_timeout(soon).unwrap();
        assert!(watch(&dir.path().join("no/such/dir"), || true).is_err());
    }
}
