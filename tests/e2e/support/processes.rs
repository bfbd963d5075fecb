//! The processes of a run, found from outside by what they cannot hide.

use std::fs;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::time::{Duration, Instant};

use bstr::ByteSlice;
use mtr::sys::guardian;
use mtr::sys::poll::readable;
use rustix::process::{Pid, PidfdFlags, pidfd_open};

/// Processes whose command line or environment names a run's directory.
pub struct Herd {
    marks: Vec<Vec<u8>>,
}

impl Herd {
    /// Those of a directory, such as a test's whole site or one vardir in it. Guardians are none of them: theirs is the
    /// environment of the runner, and they end a moment after it, when they see that it did.
    pub fn of(dir: &Path) -> Herd {
        Herd { marks: vec![dir.as_os_str().as_encoded_bytes().to_vec()] }
    }

    /// And the guardian of the runner that has or had this pid.
    pub fn and_guardian_of(mut self, runner: Pid) -> Herd {
        self.marks.push(format!("--guardian-of-run\0{}-", runner.as_raw_nonzero()).into());
        self
    }

    /// Their pids and command lines, as of now.
    pub fn members(&self) -> Vec<(i32, String)> {
        let mut found = Vec::new();
        for entry in fs::read_dir("/proc").unwrap().flatten() {
            let Ok(pid) = entry.file_name().to_string_lossy().parse::<i32>() else { continue };
            let read = |name: &str| fs::read(entry.path().join(name)).unwrap_or_default();
            let (command, environment) = (read("cmdline"), read("environ"));
            let is_guardian = command.contains_str(format!("\0{}\0", guardian::ARGUMENT));
            let ours = self
                .marks
                .iter()
                .any(|mark| command.contains_str(mark) || (environment.contains_str(mark) && !is_guardian));
            if ours && pid != std::process::id().cast_signed() {
                found.push((pid, command.replace(b"\0", b" ").to_str_lossy().into_owned()));
            }
        }
        found
    }

    /// Those that are left at `deadline`; none as soon as there is none.
    pub fn left_at(&self, deadline: Instant) -> Vec<(i32, String)> {
        loop {
            let members = self.members();
            let held = members.iter().filter_map(|(pid, _)| hold(*pid));
            for fd in held.collect::<Vec<_>>() {
                if readable(&[fd.as_fd()], Some(deadline)).unwrap().is_empty() {
                    return self.members();
                }
            }
            if members.is_empty() {
                return members;
            }
        }
    }

    /// Nothing is left, or at least nothing that does not end by itself within `patience`.
    pub fn assert_gone(&self, patience: Duration) {
        let deadline = Instant::now() + patience;
        loop {
            let members = self.members();
            let fds: Vec<OwnedFd> = members.iter().filter_map(|(pid, _)| hold(*pid)).collect();
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

fn hold(pid: i32) -> Option<OwnedFd> {
    pidfd_open(Pid::from_raw(pid)?, PidfdFlags::empty()).ok()
}

/// The three processes of the program, as they are seen from outside.
#[derive(Debug, Clone, Copy)]
pub struct Family {
    /// The one that was started.
    pub front: Pid,
    /// Its child that guards the run.
    pub guardian: Option<Pid>,
    /// The one that starts servers and scripts.
    pub runner: Option<Pid>,
}

impl Family {
    /// That of the program which was started as `front`, as it is now.
    pub fn of(front: Pid) -> Family {
        let children = |of: Pid| {
            let tasks =
                fs::read_dir(format!("/proc/{}/task", of.as_raw_nonzero())).into_iter().flatten().flatten();
            let lists = tasks.filter_map(|task| fs::read_to_string(task.path().join("children")).ok());
            let pids = lists.flat_map(|list| {
                list.split_whitespace().filter_map(|pid| pid.parse().ok()).collect::<Vec<i32>>()
            });
            pids.filter_map(Pid::from_raw).collect::<Vec<Pid>>()
        };
        let command =
            |pid: &Pid| fs::read(format!("/proc/{}/cmdline", pid.as_raw_nonzero())).unwrap_or_default();
        let is_guardian = |pid: &Pid| command(pid).contains_str(format!("\0{}\0", guardian::ARGUMENT));
        let of_front = children(front);
        let same = command(&front);
        // One that has just begun is still the program that it was made of.
        let has_begun = |pid: &Pid| children(*pid).iter().any(|child| command(child) == same);
        let guardian = of_front.iter().copied().find(is_guardian);
        let guardian = guardian.or_else(|| of_front.iter().copied().find(has_begun));
        let below = guardian.map(children).unwrap_or_default();
        let runner = below.into_iter().chain(of_front).find(|pid| command(pid) == same);
        Family { front, guardian, runner }
    }
}
