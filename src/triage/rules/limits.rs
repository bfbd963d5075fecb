//! Limits of the system: open files, core files, asynchronous input and output, locked memory.

use bstr::ByteSlice;

use crate::triage::catalogue::{
    ADDRESS_SPACE, AIO, CORE_LIMIT, MEMLOCK, OPEN_FILES_LIMIT, THREADS, TOO_MANY_FILES,
};
use crate::triage::evidence::ExitKind;
use crate::triage::finding::Finding;
use crate::triage::finding::Rule;
use crate::triage::log::{Entry, Level};
use crate::triage::quantity;
use crate::triage::scene::{Given, Scene};

/// The rules of this file.
pub const RULES: &[Rule] = &[no_start, open_files, core_limit, locked_memory, asynchronous_io];

/// Options of which each unit takes an open file.
const FILE_TAKERS: [&str; 7] = [
    "thread-pool-size",
    "max-connections",
    "table-open-cache",
    "table-open-cache-instances",
    "innodb-open-files",
    "back-log",
    "innodb-read-io-threads",
];

/// The system has not even begun with the server: what it lacked, it lacked for the runner.
fn no_start<'a>(scene: &Scene<'a>) -> Option<Finding<'a>> {
    let ExitKind::NotRun(number) = scene.evidence.exit else { return None };
    Some(match number {
        libc::EMFILE => {
            Finding::new(TOO_MANY_FILES, "the server was not started: the runner has too many files open")
                .fix("raise the limit of open files where the run is started (ulimit -n), or give fewer workers (--parallel)")
        }
        libc::ENFILE => {
            Finding::new(TOO_MANY_FILES, "the server was not started: too many files are open in the whole system")
                .fix("end what holds them, or raise fs.file-max")
        }
        libc::EAGAIN => {
            Finding::new(THREADS, "the server was not started: the system makes no more processes for this user")
                .fix("raise the limit of processes where the run is started (ulimit -u, pids.max of the control group)")
        }
        libc::ENOMEM if scene.limit("as").is_some_and(|limit| limit.soft.is_some()) => {
            Finding::new(ADDRESS_SPACE, "the server was not started: the limit of address space leaves too little for that")
                .fix("raise or remove the limit where the run is started: ulimit -v unlimited")
        }
        libc::ENOMEM => {
            Finding::new(THREADS, "the server was not started: the system has no memory for another process")
                .fix("end what else uses memory, or let fewer servers run at a time (--parallel)")
        }
        _ => return None,
    })
}

/// Lines that tell of a file that could not be opened since too many are open.
fn out_of_files<'a>(scene: &Scene<'a>) -> Vec<Entry<'a>> {
    let refused = |entry: &Entry<'a>| {
        let number = entry.system_error();
        number == Some(libc::EMFILE) || number == Some(libc::ENFILE)
    };
    scene.dying().filter(|entry| entry.level != Level::Warning && refused(entry)).collect()
}

/// How many files the server may open: as it says itself, else as the system says.
fn files_allowed(scene: &Scene<'_>) -> Option<u64> {
    let told = scene.line(&["Could not increase number of max_open_files to more than "]).and_then(|entry| {
        let rest = entry.after("to more than ")?;
        rest.split(|byte| !byte.is_ascii_digit()).next()?.to_str().ok()?.parse().ok()
    });
    told.or_else(|| scene.limit("nofile")?.soft)
}

/// Files ran out. Healthy servers complain of `max_open_files` as well: without a file that could not be opened
/// that is no cause.
fn open_files<'a>(scene: &Scene<'a>) -> Option<Finding<'a>> {
    let lines = out_of_files(scene);
    let first = *lines.first()?;
    let whole_system = first.system_error() == Some(libc::ENFILE);
    let allowed = files_allowed(scene);
    let asked = scene
        .given("open-files-limit")
        .and_then(|given| Some((given, quantity::parse(given.value)?)))
        .filter(|(_, wanted)| allowed.is_some_and(|allowed| *wanted > allowed));
    let complaint = scene.line(&["max_open_files to more than", "Changed limits: max_open_files"]);
    let taker = largest_taker(scene);
    let finding = match (asked, allowed) {
        _ if whole_system => Finding::new(TOO_MANY_FILES, "too many files are open in the whole system")
            .fix("end what holds them, or raise fs.file-max"),
        (Some((given, _)), Some(allowed)) => {
            let written = scene.written(&given);
            let text = format!(
                "the server ran out of open files: {written} is above the limit of the system, {allowed}"
            );
            Finding::new(OPEN_FILES_LIMIT, text).quoting(complaint).blaming(given)
        }
        (_, allowed) => {
            let allowed = allowed.map(|count| format!(": it may open {count}")).unwrap_or_default();
            let taker = taker.map(|given| format!("; {}", scene.written(&given))).unwrap_or_default();
            Finding::new(TOO_MANY_FILES, format!("the server ran out of open files{allowed}{taker}"))
                .blaming(largest_taker(scene))
        }
    };
    let fix = match (finding.fix.clone(), taker) {
        (Some(fix), _) => fix,
        (None, Some(given)) => match scene.own(given) {
            Some(own) => {
                format!("remove {own} ({}), or lower it: each takes a file", scene.origin(&given)).into()
            }
            None => format!("let it need fewer files: {}", scene.written(&given)).into(),
        },
        (None, None) => {
            "let it need fewer files (connections, tables, threads); the runner gives servers 1024 \
                         or what the system allows (ulimit -Hn)"
                .into()
        }
    };
    Some(finding.quoting(lines.into_iter().take(2)).fix(fix))
}

/// The option with the largest number of things that each take a file.
fn largest_taker<'a>(scene: &Scene<'a>) -> Option<Given<'a>> {
    let counts = FILE_TAKERS.iter().filter_map(|option| {
        let given = scene.given(option)?;
        Some((given, quantity::parse(given.value)?))
    });
    counts.filter(|(_, count)| *count >= 500).max_by_key(|(_, count)| *count).map(|(given, _)| given)
}

/// A crash left no core file since the limit forbids it. By itself it ends no server.
fn core_limit<'a>(scene: &Scene<'a>) -> Option<Finding<'a>> {
    let dumps = [libc::SIGSEGV, libc::SIGABRT, libc::SIGBUS, libc::SIGILL, libc::SIGFPE, libc::SIGTRAP];
    let crashed = match scene.evidence.exit {
        ExitKind::Signal(signal) => dumps.contains(&signal),
        _ => scene.line(&["got signal ", "got exception "]).is_some(),
    };
    let told = scene.line(&["could not change the size of core files"]);
    let limit = scene.limit("core").and_then(|limit| limit.hard);
    if !crashed || scene.evidence.core.is_some() || (told.is_none() && limit != Some(0)) {
        return None;
    }
    let size = limit.map(|bytes| format!(" of {}", quantity::bytes(bytes))).unwrap_or_default();
    let text = format!("the limit of core files{size} cannot be raised: a crash leaves no usable core file");
    Some(
        Finding::new(CORE_LIMIT, text)
            .quoting(told)
            .fix("raise the hard limit where the run is started: ulimit -Hc unlimited"),
    )
}

/// Lines about the kernel's interfaces for asynchronous input and output.
const AIO_WORDS: [&str; 6] =
    ["io_uring", "create_uring", "io_setup", "native aio", "aio sub-system", "aio subsystem"];

fn about_aio(entry: &Entry<'_>) -> bool {
    let lower = entry.words();
    AIO_WORDS.iter().any(|words| lower.contains_str(words))
}

/// The line with which InnoDB gives up. Where it goes on without the interface, that is no death.
fn refused_aio<'a>(scene: &Scene<'a>) -> Option<Entry<'a>> {
    let goes_on = scene.log.iter().any(|entry| {
        let lower = entry.words();
        about_aio(entry) && (lower.contains_str("falling back") || lower.contains_str("disabled."))
    });
    let complaint =
        || scene.dying().find(|entry| entry.level == Level::Error && about_aio(entry)).filter(|_| !goes_on);
    scene.dying().find(|entry| entry.says("Cannot initialize AIO")).or_else(complaint)
}

/// Lines before the death that say why.
fn aio_lines<'a>(scene: &Scene<'a>, fatal: Entry<'a>) -> Vec<Entry<'a>> {
    let about = scene.log.iter().copied().filter(|entry| entry.level != Level::Note && about_aio(entry));
    let mut lines: Vec<Entry<'a>> = about.filter(|entry| entry.line <= fatal.line).take(3).collect();
    if !lines.iter().any(|entry| entry.line == fatal.line) {
        lines.push(fatal);
    }
    lines
}

fn locked_memory<'a>(scene: &Scene<'a>) -> Option<Finding<'a>> {
    let locking = |entry: &Entry<'a>| {
        let lower = entry.words();
        lower.contains_str("locked limit")
            || lower.contains_str("memlock")
            || (lower.contains_str("mlock") && entry.system_error().is_some())
            || lower.contains_str("failed to lock memory")
    };
    let complaint = scene.dying().find(locking)?;
    let fatal = refused_aio(scene).or_else(|| Some(complaint).filter(|entry| entry.level == Level::Error))?;
    let limit = scene.limit("memlock").and_then(|limit| limit.soft);
    let size = limit.map(|bytes| format!(", {}", quantity::bytes(bytes))).unwrap_or_default();
    let text = format!("the limit of locked memory{size} is too low for the server");
    let mut lines = aio_lines(scene, fatal);
    if !lines.iter().any(|entry| entry.line == complaint.line) {
        lines.insert(0, complaint);
    }
    let given = scene.given("memlock");
    Some(
        Finding::new(MEMLOCK, text)
            .quoting(lines)
            .blaming(given)
            .fix("raise it where the run is started (ulimit -l), or use --mysqld=--innodb-use-native-aio=0"),
    )
}

fn asynchronous_io<'a>(scene: &Scene<'a>) -> Option<Finding<'a>> {
    let fatal = refused_aio(scene).filter(|_| locked_memory(scene).is_none())?;
    let lines = aio_lines(scene, fatal);
    let errno = lines.iter().find_map(|entry| entry.system_error().or_else(|| named_error(entry)));
    let switch = scene.evidence.system.io_uring_disabled.filter(|value| *value > 0);
    let uring = lines.iter().any(|entry| entry.words().contains_str("uring"));
    let (why, fix) = match (errno, switch) {
        (_, Some(value)) if uring => (
            format!("kernel.io_uring_disabled is {value}"),
            "sysctl kernel.io_uring_disabled=0, or use --mysqld=--innodb-use-native-aio=0",
        ),
        (Some(libc::EPERM | libc::EACCES), _) => (
            "it is not permitted here".to_owned(),
            "allow it (kernel.io_uring_disabled, the seccomp profile of a container), or use \
             --mysqld=--innodb-use-native-aio=0",
        ),
        (Some(libc::ENOSYS), _) => {
            ("the kernel does not have it".to_owned(), "use --mysqld=--innodb-use-native-aio=0")
        }
        (Some(libc::EAGAIN), _) => (
            "the system's number of requests (fs.aio-max-nr) is used up".to_owned(),
            "raise fs.aio-max-nr, let fewer servers run at a time (--parallel), or use \
             --mysqld=--innodb-use-native-aio=0",
        ),
        (Some(libc::EMFILE | libc::ENFILE), _) => (
            "too many files are open".to_owned(),
            "let the server need fewer files, or use --mysqld=--innodb-use-native-aio=0",
        ),
        _ => (
            "it does not say why".to_owned(),
            "raise fs.aio-max-nr and ulimit -l, allow io_uring in the container, or use \
             --mysqld=--innodb-use-native-aio=0",
        ),
    };
    let given = scene.given("innodb-use-native-aio");
    Some(
        Finding::new(AIO, format!("the kernel refuses InnoDB's asynchronous input and output: {why}"))
            .quoting(lines)
            .blaming(given)
            .fix(fix),
    )
}

/// The system error that a line names by its symbol: `failed with EAGAIN`.
fn named_error(entry: &Entry<'_>) -> Option<i32> {
    let names = [
        ("EPERM", libc::EPERM),
        ("EACCES", libc::EACCES),
        ("ENOSYS", libc::ENOSYS),
        ("EAGAIN", libc::EAGAIN),
        ("EMFILE", libc::EMFILE),
        ("ENFILE", libc::ENFILE),
        ("ENOMEM", libc::ENOMEM),
    ];
    names.iter().find(|(name, _)| entry.says(name)).map(|(_, number)| *number)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::triage::evidence::{Evidence, Limit};
    use crate::triage::rules::judge::findings;
    use crate::triage::testing::{Vector, check, codes, failed};

    const LOWERED: &str = "t 0 [Warning] Could not increase number of max_open_files to more than 1024 (request: 32184)\n\
                           t 0 [Warning] Changed limits: max_open_files: 1024  max_connections: 151 (was 151)  \
                           table_cache: 421 (was 2000)\n";

    const VECTORS: &[Vector] = &[
        (
            "MTR-S069",
            &["--thread-pool-size=100000"],
            "t 0 [Warning] Could not increase number of max_open_files to more than 1024 (request: 32184)\n\
             t 0 [ERROR] io_poll_create() failed, errno=24\n\
             t 0 [ERROR] Failed to create a socket for IPv4 '127.0.0.1': errno: 24.\nt 0 [ERROR] Aborting",
            Some("--thread-pool-size=100000"),
            "it may open 1024; --thread-pool-size=100000 (x.opt:1)",
        ),
        (
            "MTR-S069",
            &[],
            "t 0 [ERROR] mysqld: Can't open file: './mysql/db.frm' (Errcode: 24 - Too many open files)",
            None,
            "ran out of open files",
        ),
        (
            "MTR-S069",
            &["--open-files-limit=500"],
            "t 0 [ERROR] mysqld: Out of resources when opening file './x' (Errcode: 23 \"Too many open files in system\")",
            None,
            "in the whole system / end what holds them",
        ),
        (
            "MTR-S068",
            &["--open_files_limit=65535"],
            "t 0 [Warning] Could not increase number of max_open_files to more than 1024 (request: 65535)\n\
             t 0 [ERROR] mariadbd: File './x' not found (Errcode: 24 \"Too many open files\")",
            Some("--open_files_limit=65535"),
            "--open_files_limit=65535 (x.opt:1) is above the limit of the system, 1024",
        ),
        (
            "MTR-S074",
            &[],
            "t 0 [Warning] mariadbd: io_uring_queue_init() failed with EPERM: sysctl kernel.io_uring_disabled\n\
             t 0 [ERROR] InnoDB: Cannot initialize AIO sub-system\n\
             t 0 [ERROR] Plugin 'InnoDB' registration as a STORAGE ENGINE failed.",
            None,
            "it is not permitted here",
        ),
        (
            "MTR-S074",
            &["--innodb-use-native-aio=1"],
            "2018-01-01 0:00:00 0 [Warning] InnoDB: io_setup() failed with EAGAIN. Will make 5 attempts before giving up.\n\
             2018-01-01 0:00:03 0 [ERROR] InnoDB: io_setup() failed with EAGAIN after 5 attempts.\n\
             2018-01-01 0:00:03 0 [ERROR] InnoDB: Cannot initialize AIO sub-system",
            Some("--innodb-use-native-aio=1"),
            "fs.aio-max-nr",
        ),
        (
            "MTR-S075",
            &[],
            "t 0 [Warning] mariadbd: io_uring_queue_init() failed with ENOMEM: try larger memory locked limit, ulimit -l, \
             or https://mariadb.com/kb/en/systemd/#configuring-limitmemlock under systemd (262144 bytes required)\n\
             t 0 [ERROR] InnoDB: Cannot initialize AIO sub-system\n\
             t 0 [ERROR] Plugin 'InnoDB' registration as a STORAGE ENGINE failed.",
            None,
            "the limit of locked memory is too low",
        ),
    ];

    #[test]
    fn every_vector() {
        check(VECTORS);
    }

    #[test]
    fn what_healthy_servers_say_is_no_cause() {
        let fallback = "t 0 [Warning] mariadbd: io_uring_queue_init() failed with ENOMEM: try larger memory locked \
                        limit, ulimit -l\ncreate_uring failed: falling back to libaio\n\
                        t 0 [ERROR] InnoDB: io_setup() failed with EAGAIN after 5 attempts.\n\
                        t 0 [Warning] InnoDB: Linux Native AIO disabled.\n\
                        t 0 [Note] InnoDB: Using io_uring\n\
                        t 0 [Warning] Failed to lock memory. Errno: 12\n\
                        t 0 [Warning] setrlimit could not change the size of core files to 'infinity';  We may not \
                        be able to generate a core file on signals\n";
        let log = format!("{LOWERED}{fallback}");
        for words in [&[][..], &["--open-files-limit=65535"], &["--thread-pool-size=100000"]] {
            assert_eq!(codes(&failed(1, words, &log)), ["MTR-S103"], "{words:?}");
        }
    }

    #[test]
    fn what_the_runner_lacks_to_start_a_server_is_named() {
        for (number, code, says) in [
            (libc::EMFILE, "MTR-S069", "the runner has too many files open"),
            (libc::ENFILE, "MTR-S069", "in the whole system"),
            (libc::EAGAIN, "MTR-S076", "no more processes"),
            (libc::ENOMEM, "MTR-S076", "no memory for another process"),
        ] {
            let evidence = Evidence { exit: ExitKind::NotRun(number), ..failed(1, &[], "") };
            let found = findings(&Scene::new(&evidence));
            assert_eq!(found[0].cause.code, code);
            assert!(found[0].text.contains_str(says), "{found:?}");
        }
        let limits = vec![Limit { name: "as", soft: Some(1 << 20), hard: None }];
        let mut evidence = Evidence { exit: ExitKind::NotRun(libc::ENOMEM), ..failed(1, &[], "") };
        evidence.system.limits = limits;
        assert_eq!(codes(&evidence)[0], "MTR-S072");
    }

    #[test]
    fn a_switched_off_io_uring_is_named() {
        let log = "t 0 [Warning] mariadbd: io_uring_queue_init() failed with errno 1\n\
                   t 0 [ERROR] InnoDB: Cannot initialize AIO sub-system";
        let mut evidence = failed(1, &[], log);
        evidence.system.io_uring_disabled = Some(2);
        let found = findings(&Scene::new(&evidence));
        assert!(found[0].text.contains_str("kernel.io_uring_disabled is 2"));
    }

    #[test]
    fn a_crash_tells_of_the_core_file_that_is_not_there() {
        let mut evidence = failed(1, &[], "t 0 [ERROR] mariadbd got signal 11 ;");
        evidence.exit = ExitKind::Signal(libc::SIGSEGV);
        evidence.system.limits = vec![Limit { name: "core", soft: Some(0), hard: Some(0) }];
        assert!(codes(&evidence).contains(&"MTR-S070"));
        evidence.system.limits[0].hard = None;
        assert!(!codes(&evidence).contains(&"MTR-S070"));
    }
}
