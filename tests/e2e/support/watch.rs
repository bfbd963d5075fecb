//! Waiting for files.

use std::fs;
use std::path::Path;
use std::time::Instant;

use mtr::sys::poll::readable;
use mtr::sys::watch::DirWatch;

use super::PATIENCE;

/// Waits until `file` exists and `wanted` is true of its contents. Its directory may be made meanwhile.
pub fn wait_for(file: &Path, wanted: impl Fn(&str) -> bool) {
    let deadline = Instant::now() + PATIENCE;
    let there = |path: &Path| fs::read(path).is_ok_and(|text| wanted(&String::from_utf8_lossy(&text)));
    while !there(file) {
        // The nearest directory that exists tells of the next one; a watch before another look
        // misses nothing.
        let dir = file.ancestors().skip(1).find(|dir| dir.is_dir()).unwrap();
        let watch = DirWatch::new().unwrap();
        if watch.add(dir).is_err() || there(file) {
            continue;
        }
        let nearest = file.ancestors().skip(1).find(|dir| dir.is_dir());
        if nearest != Some(dir) {
            continue;
        }
        let ready = readable(&[watch.fd()], Some(deadline)).unwrap();
        assert!(!ready.is_empty(), "{} did not come to what was waited for", file.display());
    }
}
