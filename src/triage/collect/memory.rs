//! Memory: what the kernel killed, and what it refuses.

use std::path::{Path, PathBuf};

use crate::sys::files;
use crate::sys::memory::{groups, number};
use crate::triage::collect::subject::Subject;
use crate::triage::evidence::Evidence;

/// Reads the counters of the cgroup and the kernel's switches.
pub fn add(evidence: &mut Evidence, subject: &Subject<'_>) {
    let system = &mut evidence.system;
    if let (Some(before), Some(now)) = (subject.oom_kills_before, oom_kills()) {
        system.oom_kills = now.saturating_sub(before);
    }
    system.memory_limit = limit(&groups(Path::new("/")));
    system.memory_total = number(Path::new("/proc/meminfo"), "MemTotal:").map(|kib| kib * 1024);
    let switch = files::text_of_kernel("/proc/sys/kernel/io_uring_disabled");
    system.io_uring_disabled = switch.ok().and_then(|text| text.trim().parse().ok());
}

/// How many processes of the runner's cgroup the kernel has killed for want of memory so far, or, where the cgroup
/// does not count, of the whole system. `None` where nobody counts.
pub fn oom_kills() -> Option<u64> {
    kills(Path::new("/"))
}

fn kills(root: &Path) -> Option<u64> {
    let of_group = |group: &PathBuf| {
        ["memory.events", "memory.oom_control"].iter().find_map(|file| number(&group.join(file), "oom_kill"))
    };
    groups(root).iter().find_map(of_group).or_else(|| number(&root.join("proc/vmstat"), "oom_kill"))
}

/// The lowest limit of memory that a cgroup above the runner sets, in bytes.
fn limit(groups: &[PathBuf]) -> Option<u64> {
    let files = groups.iter().flat_map(|group| {
        ["memory.max", "memory.limit_in_bytes"].map(|file| files::text_of_kernel(group.join(file)))
    });
    let limits = files.filter_map(|text| text.ok()?.trim().parse::<u64>().ok());
    // The older interface gives the largest multiple of a page where there is no limit.
    limits.filter(|bytes| *bytes < 1 << 60).min()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use std::fs;

    fn root(files: &[(&str, &str)]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = dir.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        dir
    }

    #[test]
    fn the_unified_layout() {
        let root = root(&[
            ("proc/self/cgroup", "0::/user/run\n"),
            ("sys/fs/cgroup/user/memory.max", "1073741824\n"),
            ("sys/fs/cgroup/user/run/memory.max", "max\n"),
            ("sys/fs/cgroup/user/run/memory.events", "low 0\noom 3\noom_kill 2\noom_group_kill 0\n"),
        ]);
        assert_eq!((kills(root.path()), limit(&groups(root.path()))), (Some(2), Some(1 << 30)));
    }

    #[test]
    fn the_layout_by_controllers_in_a_container_that_shows_the_path_of_the_host() {
        let root = root(&[
            ("proc/self/cgroup", "8:pids:/\n4:cpu,memory:/docker/abc\n0::/\n"),
            ("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n"),
            ("sys/fs/cgroup/memory/memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 5\n"),
        ]);
        assert_eq!((kills(root.path()), limit(&groups(root.path()))), (Some(5), None));
    }

    #[test]
    fn without_cgroups_the_whole_system_counts() {
        let root = root(&[("proc/vmstat", "nr_free_pages 1\noom_kill 7\n")]);
        assert_eq!((kills(root.path()), limit(&groups(root.path()))), (Some(7), None));
        assert_eq!(kills(tempfile::tempdir().unwrap().path()), None);
    }
}
