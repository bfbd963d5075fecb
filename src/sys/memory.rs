//! How much memory is left to this process and to what it starts.

use std::path::{Path, PathBuf};

use super::files;

/// Memory that is left, and who says so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Available {
    /// How much can be taken, in bytes, caches that the kernel gives up included.
    pub bytes: u64,
    /// What limits it: `MemAvailable`, or the file with the limit of a control group.
    pub limited_by: PathBuf,
}

/// The least of what the machine has left (`MemAvailable`) and of what each control group on the way to this process's
/// leaves it, in both layouts of control groups. `None` where nobody tells.
pub fn available() -> Option<Available> {
    available_in(Path::new("/"))
}

fn available_in(root: &Path) -> Option<Available> {
    let meminfo = root.join("proc/meminfo");
    let machine = number(&meminfo, "MemAvailable:").map(|kib| (kib.saturating_mul(1024), meminfo));
    let groups = groups(root);
    let groups = groups.iter().flat_map(|group| [unified(group), by_controllers(group)]).flatten();
    let (bytes, limited_by) = machine.into_iter().chain(groups).min()?;
    Some(Available { bytes, limited_by })
}

/// What a group of the unified layout leaves: its limit without what it has, but for caches.
fn unified(group: &Path) -> Option<(u64, PathBuf)> {
    let limits = ["memory.max", "memory.high"].map(|name| group.join(name));
    let (limit, file) = limits.into_iter().filter_map(|file| Some((whole(&file)?, file))).min()?;
    let used = whole(&group.join("memory.current"))?;
    let stat = group.join("memory.stat");
    let caches = ["inactive_file", "active_file", "slab_reclaimable"].map(|name| number(&stat, name));
    Some((left(limit, used, &caches), file))
}

/// The same of a group of the layout by controllers.
fn by_controllers(group: &Path) -> Option<(u64, PathBuf)> {
    let file = group.join("memory.limit_in_bytes");
    let limit = whole(&file)?;
    let used = whole(&group.join("memory.usage_in_bytes"))?;
    let stat = group.join("memory.stat");
    let caches = ["total_inactive_file", "total_active_file"].map(|name| number(&stat, name));
    Some((left(limit, used, &caches), file))
}

fn left(limit: u64, used: u64, caches: &[Option<u64>]) -> u64 {
    let caches = caches.iter().flatten().fold(0, |sum: u64, bytes| sum.saturating_add(*bytes));
    limit.saturating_sub(used.saturating_sub(caches))
}

/// The directories of this process's control group and of those above it, in the two layouts (`/sys/fs/cgroup/…` and
/// `/sys/fs/cgroup/memory/…`), the innermost first. In a container the path may be the host's: then only the mount
/// point is there.
pub fn groups(root: &Path) -> Vec<PathBuf> {
    let Ok(own) = files::text_of_kernel(root.join("proc/self/cgroup")) else { return Vec::new() };
    let mount = root.join("sys/fs/cgroup");
    let mut found = Vec::new();
    for line in own.lines() {
        let mut fields = line.splitn(3, ':');
        let (Some(_), Some(controllers), Some(path)) = (fields.next(), fields.next(), fields.next()) else {
            continue;
        };
        let base = match controllers {
            "" => mount.clone(),
            list if list.split(',').any(|one| one == "memory") => mount.join("memory"),
            _ => continue,
        };
        let inner = base.join(path.trim_start_matches('/'));
        found.extend(inner.ancestors().take_while(|dir| dir.starts_with(&base)).map(PathBuf::from));
    }
    found
}

/// The number after `key` at the beginning of a line.
pub fn number(file: &Path, key: &str) -> Option<u64> {
    let text = files::text_of_kernel(file).ok()?;
    text.lines().find_map(|line| {
        let mut words = line.split_whitespace();
        (words.next() == Some(key)).then(|| words.next()?.parse().ok())?
    })
}

/// The number that is all of a file; `max` is none.
fn whole(file: &Path) -> Option<u64> {
    files::text_of_kernel(file).ok()?.trim().parse().ok()
}

/// The most memory that the process `pid` has had so far, in bytes, what it shares with others included. `None` once it
/// has ended.
pub fn peak_of(pid: i32) -> Option<u64> {
    number(&PathBuf::from(format!("/proc/{pid}/status")), "VmHWM:").map(|kib| kib.saturating_mul(1024))
}

/// The memory that the process `pid` has now, in bytes, what it shares with others included.
pub fn taken_by(pid: i32) -> Option<u64> {
    number(&PathBuf::from(format!("/proc/{pid}/status")), "VmRSS:").map(|kib| kib.saturating_mul(1024))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use std::fs;

    const MEMINFO: (&str, &str) = ("proc/meminfo", "MemTotal: 2000 kB\nMemAvailable:    1000 kB\n");

    fn root(files: &[(&str, &str)]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        for (name, text) in files.iter().chain([&MEMINFO]) {
            let path = dir.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        dir
    }

    fn left_in(files: &[(&str, &str)]) -> (u64, String) {
        let root = root(files);
        let found = available_in(root.path()).unwrap();
        (found.bytes, found.limited_by.strip_prefix(root.path()).unwrap().display().to_string())
    }

    #[test]
    fn without_groups_the_machine_counts() {
        assert_eq!(left_in(&[]), (1_024_000, "proc/meminfo".into()));
        assert_eq!(left_in(&[("proc/self/cgroup", "0::/\n")]), (1_024_000, "proc/meminfo".into()));
        assert_eq!(available_in(Path::new("/nonexistent")), None);
    }

    #[test]
    fn the_narrowest_group_on_the_way_counts() {
        let files = [
            ("proc/self/cgroup", "0::/user/run\n"),
            ("sys/fs/cgroup/user/memory.max", "900000\n"),
            ("sys/fs/cgroup/user/memory.current", "500000\n"),
            (
                "sys/fs/cgroup/user/memory.stat",
                "anon 1\ninactive_file 100\nactive_file 20\nslab_reclaimable 3\n",
            ),
            ("sys/fs/cgroup/user/run/memory.max", "max\n"),
            ("sys/fs/cgroup/user/run/memory.current", "400000\n"),
        ];
        assert_eq!(left_in(&files), (400_123, "sys/fs/cgroup/user/memory.max".into()));
        let high = [&files[..], &[("sys/fs/cgroup/user/run/memory.high", "400001\n")]].concat();
        assert_eq!(left_in(&high), (1, "sys/fs/cgroup/user/run/memory.high".into()));
        let over = [&files[..], &[("sys/fs/cgroup/user/run/memory.high", "1\n")]].concat();
        assert_eq!(left_in(&over).0, 0);
    }

    #[test]
    fn the_layout_by_controllers() {
        let files = [
            ("proc/self/cgroup", "8:pids:/\n4:cpu,memory:/docker/abc\n0::/\n"),
            ("sys/fs/cgroup/memory/memory.limit_in_bytes", "800000\n"),
            ("sys/fs/cgroup/memory/memory.usage_in_bytes", "700000\n"),
            (
                "sys/fs/cgroup/memory/memory.stat",
                "inactive_file 9\ntotal_inactive_file 50\ntotal_active_file 6\n",
            ),
            ("sys/fs/cgroup/memory/docker/abc/memory.limit_in_bytes", "9223372036854771712\n"),
            ("sys/fs/cgroup/memory/docker/abc/memory.usage_in_bytes", "700000\n"),
        ];
        assert_eq!(left_in(&files), (100_056, "sys/fs/cgroup/memory/memory.limit_in_bytes".into()));
    }

    #[test]
    fn a_process_has_a_peak_until_it_ends() {
        assert!(peak_of(std::process::id().cast_signed()).unwrap() > 1 << 20);
        assert_eq!(peak_of(i32::MAX), None);
    }
}
