//! Memory: what cannot be allocated, and what the kernel killed for want of it.

use bstr::ByteSlice;

use crate::triage::catalogue::{ADDRESS_SPACE, BUFFER_POOL, OUT_OF_MEMORY, THREADS};
use crate::triage::evidence::ExitKind;
use crate::triage::finding::Finding;
use crate::triage::finding::Rule;
use crate::triage::log::{Entry, Level};
use crate::triage::quantity;
use crate::triage::scene::{Given, Scene};

/// The rules of this file.
pub const RULES: &[Rule] = &[killed_for_memory, no_thread, no_memory];

fn killed_for_memory<'a>(scene: &Scene<'a>) -> Option<Finding<'a>> {
    let system = &scene.evidence.system;
    if scene.evidence.exit != ExitKind::Signal(libc::SIGKILL) || system.oom_kills == 0 {
        return None;
    }
    let limit = system.memory_limit.map(|bytes| format!(", which may use {}", quantity::bytes(bytes)));
    let kills = match system.oom_kills {
        1 => "one process".to_owned(),
        count => format!("{count} processes"),
    };
    let seen = format!("since its start the kernel has killed {kills} of its cgroup for want of memory");
    let limit = limit.unwrap_or_default();
    let finding = Finding::new(
        OUT_OF_MEMORY,
        format!("the kernel killed the server for want of memory in the cgroup of the run{limit}"),
    );
    let given = largest(scene);
    let fix = match &given {
        Some((given, _)) => format!("give it less memory: {}", scene.written(given)),
        None => "raise the limit of memory, or let fewer servers run at a time (--parallel)".to_owned(),
    };
    Some(finding.seen(seen).blaming(given.map(|(given, _)| given)).fix(fix))
}

/// Words for memory that could not be had. They may begin with a capital.
const NO_MEMORY: [&str; 8] = [
    "out of memory",
    "cannot allocate",
    "can't allocate",
    "couldn't allocate",
    "could not allocate",
    "failed to allocate",
    "std::bad_alloc",
    "cannot map innodb_buffer_pool",
];

/// The line tells of memory that could not be had.
fn wants_memory(entry: &Entry<'_>) -> bool {
    let lower = entry.words();
    let says = NO_MEMORY.iter().any(|words| lower.contains_str(words));
    says || (lower.contains_str("mmap") && entry.system_error() == Some(libc::ENOMEM))
}

/// Options whose value is memory that is taken at the start, and words of the messages about each.
const TAKERS: [(&str, &[&str]); 13] = [
    ("innodb-buffer-pool-size", &["buffer_pool", "buffer pool", "mmap"]),
    ("innodb-log-buffer-size", &["log_buffer", "log buffer"]),
    ("innodb-sort-buffer-size", &["sort_buffer"]),
    ("aria-pagecache-buffer-size", &["pagecache", "page cache"]),
    ("key-buffer-size", &["key cache", "key_buffer", "keycache"]),
    ("query-cache-size", &["query cache", "query_cache"]),
    ("rocksdb-block-cache-size", &["block cache"]),
    ("thread-stack", &["thread"]),
    ("table-open-cache", &["table cache"]),
    ("host-cache-size", &["host cache", "hostname cache"]),
    ("performance-schema-digests-size", &["performance_schema"]),
    ("max-connections", &["connection"]),
    ("tc-log-size", &["tc_log", "tc log"]),
];

/// Who asks for less is no reason for a refusal, in bytes.
const MUCH: u64 = 64 << 20;

/// The option with the largest value among those that take memory at the start.
fn largest<'a>(scene: &Scene<'a>) -> Option<(Given<'a>, u64)> {
    let sizes = TAKERS.iter().filter_map(|(option, _)| {
        let given = scene.given(option)?;
        Some((given, quantity::parse(given.value)?))
    });
    sizes.filter(|(_, size)| *size >= MUCH).max_by_key(|(_, size)| *size)
}

fn no_memory<'a>(scene: &Scene<'a>) -> Option<Finding<'a>> {
    let lines: Vec<Entry<'a>> = scene.dying().filter(wants_memory).collect();
    // A warning is of what the server does without: large pages, a part of the performance schema.
    let fatal = lines.iter().any(|entry| entry.level != Level::Warning);
    if !fatal {
        return None;
    }
    let lines: Vec<Entry<'a>> = lines.into_iter().filter(|entry| entry.level != Level::Warning).collect();
    let told = TAKERS.iter().find_map(|(option, words)| {
        let about = lines.iter().any(|entry| {
            let lower = entry.words();
            words.iter().any(|word| lower.contains_str(word))
        });
        let given = scene.given(option).filter(|_| about)?;
        Some((given, quantity::parse(given.value)?)).filter(|(_, size)| *size >= MUCH)
    });
    let taker = told.or_else(|| largest(scene));
    let asked =
        taker.map(|(given, size)| format!(": {} asks for {}", scene.written(&given), quantity::bytes(size)));
    let asked = asked.unwrap_or_default();
    let limit = scene.limit("as").and_then(|limit| limit.soft);
    let system = &scene.evidence.system;
    let finding = match limit {
        Some(limit) => {
            let size = quantity::bytes(limit);
            Finding::new(
                ADDRESS_SPACE,
                format!("the limit of address space, {size}, leaves the server too little memory{asked}"),
            )
            .seen(format!("the limit of address space of {size} is in force: ulimit -v"))
            .fix(scene.or_remove(
                "raise or remove the limit where the run is started (ulimit -v unlimited)",
                taker.map(|(given, _)| given),
            ))
        }
        None => {
            let there = system.memory_limit.into_iter().chain(system.memory_total).min();
            let mut finding =
                Finding::new(BUFFER_POOL, format!("memory for a buffer cannot be allocated{asked}"));
            if let Some(there) = there {
                finding = finding.seen(format!("the machine has {} of memory", quantity::bytes(there)));
            }
            match taker {
                Some((given, size)) if there.is_none_or(|there| size > there / 2) => {
                    let fix = "let it ask for less, or run it where there is more memory";
                    finding.fix(scene.or_remove(fix, given))
                }
                _ => {
                    finding.fix("end what else uses memory, or let fewer servers run at a time (--parallel)")
                }
            }
        }
    };
    let blamed = taker.map(|(given, _)| given);
    Some(finding.quoting(lines.into_iter().take(3)).blaming(blamed))
}

/// The system refused a thread: its stack does not fit into memory, or there are too many.
fn no_thread<'a>(scene: &Scene<'a>) -> Option<Finding<'a>> {
    let lines: Vec<Entry<'a>> = scene
        .dying()
        .filter(|entry| {
            let lower = entry.words();
            let thread = lower.contains_str("create") && lower.contains_str("thread");
            let refused = [libc::EAGAIN, libc::ENOMEM].map(Some).contains(&entry.system_error());
            thread && refused || entry.says("Can't initialize timers")
        })
        .collect();
    let fatal = lines.iter().find(|entry| entry.level != Level::Warning)?;
    let stack = scene
        .given("thread-stack")
        .and_then(|given| Some((given, quantity::parse(given.value)?)))
        .filter(|(_, size)| *size >= MUCH);
    let processes = scene.limit("nproc").and_then(|limit| limit.soft).filter(|count| *count < 4096);
    let (text, fix) = match (&stack, processes) {
        (Some((given, size)), _) => {
            let (given, size) = (scene.written(given), quantity::bytes(*size));
            (
                format!("the system makes no thread with a stack of {size}: {given}"),
                "make the stack smaller; 256K to 1M are usual".to_owned(),
            )
        }
        (None, Some(count)) => (
            format!("the system makes no more threads: the server's user may have {count}"),
            "raise the limit of processes and threads where the run is started: ulimit -u".to_owned(),
        ),
        (None, None) => (
            format!("the system makes no more threads: {}", fatal.message),
            "raise the limits of threads (ulimit -u, the cgroup's pids.max) or of memory".to_owned(),
        ),
    };
    let blamed = stack.map(|(given, _)| given);
    let fix = scene.or_remove(fix, blamed);
    Some(Finding::new(THREADS, text).quoting(lines.into_iter().take(2)).blaming(blamed).fix(fix))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::triage::evidence::Limit;
    use crate::triage::rules::judge::findings;
    use crate::triage::testing::{Vector, check, codes, failed};

    const VECTORS: &[Vector] = &[
        (
            "MTR-S071",
            &["--key-buffer-size=900G", "--innodb-buffer-pool-size=1000G"],
            "t 0 [ERROR] mariadbd: Out of memory (Needed 0 bytes)\n\
             t 0 [ERROR] InnoDB: Cannot map innodb_buffer_pool_size_max=8388608m\n\
             t 0 [ERROR] InnoDB: Plugin initialization aborted with error Generic error\n\
             t 0 [ERROR] Plugin 'InnoDB' registration as a STORAGE ENGINE failed.",
            Some("--innodb-buffer-pool-size=1000G"),
            "--innodb-buffer-pool-size=1000G (x.opt:2) asks for 1000 GiB",
        ),
        // 10.4 to 10.6.
        (
            "MTR-S071",
            &["--innodb_buffer_pool_size=2T"],
            "2020-01-01 1:00:00 0 [Note] InnoDB: Initializing buffer pool, total size = 2T, instances = 1\n\
             2020-01-01 1:00:00 0 [ERROR] InnoDB: Cannot allocate memory for the buffer pool\n\
             2020-01-01 1:00:00 0 [ERROR] InnoDB: Plugin initialization aborted with error Generic error",
            Some("--innodb_buffer_pool_size=2T"),
            "asks for 2 TiB",
        ),
        (
            "MTR-S071",
            &[],
            "InnoDB: mmap(137428992 bytes) failed; errno 12\n\
             2014-01-01 1:00:00 139873210 [ERROR] InnoDB: Cannot allocate memory for the buffer pool",
            None,
            "memory for a buffer cannot be allocated / end what else uses memory",
        ),
        // The line does not say for what; the largest taker is blamed.
        (
            "MTR-S071",
            &["--aria-pagecache-buffer-size=1000G", "--key_buffer_size=128M"],
            "t 0 [ERROR] mariadbd: Out of memory (Needed 3300564992 bytes)",
            Some("--aria-pagecache-buffer-size=1000G"),
            "1000 GiB",
        ),
        (
            "MTR-S071",
            &[],
            "terminate called after throwing an instance of 'std::bad_alloc'\n  what():  std::bad_alloc",
            None,
            "memory",
        ),
        (
            "MTR-S076",
            &["--thread-stack=100G"],
            "t 0 [Warning] Can't create handle_manager thread (errno: 11 \"Resource temporarily unavailable\")\n\
             t 0 [ERROR] Can't create interrupt-thread (error 11, errno: 12)",
            Some("--thread-stack=100G"),
            "no thread with a stack of 100 GiB: --thread-stack=100G (x.opt:1)",
        ),
        (
            "MTR-S076",
            &[],
            "t 0 [ERROR] Can't create thread to handle bootstrap (errno: 11)",
            None,
            "ulimit -u",
        ),
    ];

    #[test]
    fn every_vector() {
        check(VECTORS);
    }

    #[test]
    fn a_limit_of_address_space_is_named() {
        let mut evidence = failed(
            1,
            &[],
            "t 0 [ERROR] InnoDB: Cannot map innodb_buffer_pool_size_max=87m\nt 0 [ERROR] Aborting",
        );
        evidence.system.limits = vec![Limit { name: "as", soft: Some(400 << 20), hard: None }];
        let found = findings(&Scene::new(&evidence));
        assert_eq!(found[0].cause.code, "MTR-S072");
        assert!(found[0].text.contains_str("the limit of address space, 400 MiB,"));
    }

    #[test]
    fn a_killed_server_is_blamed_on_memory_only_where_the_kernel_counted() {
        let mut evidence = failed(1, &[], "t 0 [Note] Starting");
        evidence.exit = ExitKind::Signal(libc::SIGKILL);
        assert!(!codes(&evidence).contains(&"MTR-S073"));
        evidence.system.oom_kills = 1;
        evidence.system.memory_limit = Some(1 << 30);
        let found = findings(&Scene::new(&evidence));
        assert_eq!(found[0].cause.code, "MTR-S073");
        assert!(found[0].text.contains_str("which may use 1 GiB"));
    }

    #[test]
    fn what_the_server_does_without_is_no_cause() {
        let log = "t 0 [Warning] mariadbd: Couldn't allocate 8388608 bytes (Large/HugeTLB memory page size 2097152); \
                   errno 12; continuing to smaller size\n\
                   t 0 [Warning] Failed to allocate 2883584 bytes for buffer 'memory/performance_schema/file_instances' \
                   due to out-of-memory";
        assert_eq!(codes(&failed(1, &["--large-pages"], log)), ["MTR-S104"]);
    }
}
