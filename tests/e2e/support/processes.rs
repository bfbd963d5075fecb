//! The processes of a run, found from outside by the run's vardir.

use std::fs;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use bstr::ByteSlice;
use mtr::sys::poll::readable;
use rustix::process::{Pid, PidfdFlags, pidfd_open};

/// Processes whose command line or environment names one vardir.
pub struct Herd {
    vardir: PathBuf,
}

impl Herd {
    /// Those of `vardir`, whose path no other test's contains.
    pub fn of(vardir: &Path) -> Herd {
        Herd { vardir: vardir.into() }
    }

    /// Their pids and command lines, as of now.
    pub fn members(&self) -> Vec<(i32, String)> {
        let marks = [self.vardir.as_os_str().as_encoded_bytes()];
        let mut found = Vec::new();
        for entry in fs::read_dir("/proc").unwrap().flatten() {
            let Ok(pid) = entry.file_name().to_string_lossy().parse::<i32>() else { continue };
            let read = |name: &str| fs::read(entry.path().join(name)).unwrap_or_default();
            let (command, environment) = (read("cmdline"), read("environ"));
            let ours = marks.iter().any(|mark| command.contains_str(mark) || environment.contains_str(mark));
            if ours && pid != std::process::id().cast_signed() {
                found.push((pid, command.replace(b"\0", b" ").to_str_lossy().into_owned()));
            }
        }
        found
    }

    /// Nothing is left, or at least nothing that does not end by itself within `patience`.
    pub fn assert_gone(&self, patience: Duration) {
        let deadline = Instant::now() + patience;
        loop {
            let members = self.members();
            let fds: Vec<OwnedFd> = members
                .iter()
                .filter_map(|(pid, _)| pidfd_open(Pid::from_raw(*pid)?, PidfdFlags::empty()).ok())
                .collect();
            if members.is_empty() {
                return;
            }
            for fd in fds {
                let ended = readable(&[fd.as_fd()], Some(deadline)).unwrap();
                assert!(!ended.is_empty(), "still there after {patience:?}: {members:#?}");
            }
        }
    }
}
