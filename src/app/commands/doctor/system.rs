//! What of the machine matters to servers and to those who look for causes.

use std::path::{Path, PathBuf};

use rustix::process::{Resource, getrlimit};

use super::report::{Fact, Limit, Report, Severity, Tool};
use crate::env::Env;
use crate::sys::files;
use crate::tree::programs::{Program, Programs};

/// Limits, tools, the kernel's settings.
pub fn examine(report: &mut Report, programs: &Programs, env: &Env) {
    limits(report);
    tools(report, programs, env);
    kernel(report);
    memory(report);
}

fn limits(report: &mut Report) {
    for (name, resource) in [
        ("nofile", Resource::Nofile),
        ("core", Resource::Core),
        ("memlock", Resource::Memlock),
        ("as", Resource::As),
        ("fsize", Resource::Fsize),
        ("nproc", Resource::Nproc),
    ] {
        let limit = getrlimit(resource);
        let limit = Limit { name, soft: limit.current, hard: limit.maximum };
        let worry = match (name, limit.hard) {
            ("nofile", Some(0..4096)) => {
                Some(("servers want some thousand open files", "raise it: ulimit -Hn"))
            }
            ("core", Some(0)) => {
                Some(("crashes leave no core file, and diagnoses no stack", "raise it: ulimit -Hc"))
            }
            ("as", Some(_)) => {
                Some(("servers and sanitizers reserve much address space", "lift it: ulimit -v unlimited"))
            }
            ("fsize", Some(_)) => Some(("larger files cannot be written", "lift it: ulimit -f unlimited")),
            _ => None,
        };
        if let (Some((why, hint)), Some(hard)) = (worry, limit.hard) {
            report.problem(Severity::Warning, format!("the limit '{name}' is at most {hard}: {why}"), hint);
        }
        report.limits.push(limit);
    }
}

/// Tools of the server, and what they are for.
const OF_SERVER: [(&str, Program, &str); 6] = [
    ("mariadb", Program::Client, "many tests call it"),
    ("mariadb-test", Program::Test, "not needed: test scripts are run by this program"),
    ("mariadb-dump", Program::Dump, "many tests call it"),
    ("mariadb-binlog", Program::Binlog, "many tests call it"),
    ("mariadb-backup", Program::Backup, "the suite mariabackup is skipped"),
    ("my_print_defaults", Program::PrintDefaults, "some tests call it"),
];

/// Tools of the system.
const OF_SYSTEM: [(&str, &str); 6] = [
    ("gdb", "no stacks of crashes and hangs"),
    ("lldb", "not needed where there is gdb"),
    ("rr", "--rr does not work"),
    ("valgrind", "--valgrind does not work"),
    ("perf", "not needed"),
    ("cc", "not needed"),
];

fn tools(report: &mut Report, programs: &Programs, env: &Env) {
    let perl = programs.path(Program::Perl).map(PathBuf::from);
    if perl.is_none() {
        let hint =
            "install perl: blocks of perl in test scripts, and the rules of most suites, are written in it";
        report.problem(Severity::Warning, "perl is not there", hint);
    }
    report.tools.push(Tool { name: "perl", path: perl, purpose: "tests with perl blocks fail" });
    for (name, program, purpose) in OF_SERVER {
        let path = programs.path(program).map(PathBuf::from);
        if path.is_none() && program == Program::Client && report.server.is_some() {
            let hint = "install the client programs (Debian, Ubuntu: mariadb-client)";
            report.problem(Severity::Warning, "the client program mariadb is not there", hint);
        }
        report.tools.push(Tool { name, path, purpose });
    }
    for (name, purpose) in OF_SYSTEM {
        let path = env.get("PATH").and_then(|dirs| which::which_in_global(name, Some(dirs)).ok()?.next());
        report.tools.push(Tool { name, path, purpose });
    }
    let missing = |name: &str| report.tools.iter().any(|tool| tool.name == name && tool.path.is_none());
    if missing("gdb") && missing("lldb") {
        let text = "there is no debugger: crashes and hangs are reported without stacks";
        report.problem(Severity::Warning, text, "install gdb or lldb");
    }
}

/// Settings of the kernel, below `/proc/sys`.
const SETTINGS: [&str; 8] = [
    "kernel/core_pattern",
    "kernel/core_uses_pid",
    "kernel/io_uring_disabled",
    "kernel/perf_event_paranoid",
    "kernel/yama/ptrace_scope",
    "fs/aio-max-nr",
    "fs/aio-nr",
    "vm/overcommit_memory",
];

fn kernel(report: &mut Report) {
    let release = rustix::system::uname().release().to_string_lossy().into_owned();
    report.system.push(Fact { name: "kernel".into(), value: release });
    for setting in SETTINGS {
        let Ok(value) = files::text_of_kernel(Path::new("/proc/sys").join(setting)) else { continue };
        let value = value.trim().to_owned();
        let advice = match (setting, value.as_str()) {
            ("kernel/core_pattern", pattern) if pattern.starts_with('|') => Some((
                "core files go to a program, where a test run does not find them",
                "sysctl kernel.core_pattern=core.%p",
            )),
            ("vm/overcommit_memory", "2") => Some((
                "the kernel promises no more memory than it has: buffers and sanitizers may be refused",
                "sysctl vm.overcommit_memory=0",
            )),
            ("kernel/yama/ptrace_scope", "2" | "3") => {
                Some(("debuggers may not look at running servers", "sysctl kernel.yama.ptrace_scope=1"))
            }
            _ => None,
        };
        if let Some((text, hint)) = advice {
            report.problem(Severity::Warning, format!("{text} ({setting})"), hint);
        }
        report.system.push(Fact { name: setting.replace('/', "."), value });
    }
}

/// A worker's servers write about 200 MB where `--mem` has them.
const ENOUGH: u64 = 512 << 20;

fn memory(report: &mut Report) {
    let shm = Path::new("/dev/shm");
    let Ok(space) = rustix::fs::statvfs(shm) else { return };
    let (size, free) = (space.f_blocks * space.f_frsize, space.f_bavail * space.f_frsize);
    let value = format!("{} MB, {} MB free", size >> 20, free >> 20);
    report.system.push(Fact { name: "/dev/shm".into(), value });
    if free < ENOUGH {
        let text = format!("/dev/shm has {} MB free: --mem runs out of space", free >> 20);
        report.problem(Severity::Warning, text, "enlarge it (docker: --shm-size), or run without --mem");
    }
}
