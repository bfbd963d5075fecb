//! Resource limits.

use rustix::process::{Resource, getrlimit};

use crate::server::process::SERVER_OPEN_FILES;
use crate::sys::files;
use crate::triage::collect::subject::Subject;
use crate::triage::evidence::{Evidence, ExitKind, Limit};

/// The resources that a server runs into: our name, the kernel's name in `/proc/PID/limits`, and what asks for it.
const RESOURCES: [(&str, &str, Resource); 6] = [
    ("nofile", "Max open files", Resource::Nofile),
    ("core", "Max core file size", Resource::Core),
    ("memlock", "Max locked memory", Resource::Memlock),
    ("as", "Max address space", Resource::As),
    ("fsize", "Max file size", Resource::Fsize),
    ("nproc", "Max processes", Resource::Nproc),
];

/// The limits of the server while it lives, else those of the runner, which it inherited. A server whose end
/// nobody saw ran elsewhere: its limits are not known.
pub fn add(evidence: &mut Evidence, subject: &Subject<'_>) {
    if evidence.exit == ExitKind::Unknown {
        return;
    }
    // The id of a process that has ended may be another's by now.
    let alive = subject.pid.filter(|_| evidence.exit == ExitKind::Running);
    let proc = alive.map(|pid| format!("/proc/{pid}"));
    let text = proc.as_ref().and_then(|dir| files::text_of_kernel(format!("{dir}/limits")).ok());
    evidence.system.limits = match &text {
        Some(text) => parse(text),
        None => inherited(),
    };
}

/// What a server gets from the runner.
fn inherited() -> Vec<Limit> {
    let limit = |(name, _, resource): (&'static str, &str, Resource)| {
        let own = getrlimit(resource);
        let (mut soft, mut hard) = (own.current, own.maximum);
        if resource == Resource::Nofile {
            hard = Some(hard.unwrap_or(SERVER_OPEN_FILES).min(SERVER_OPEN_FILES));
            soft = hard;
        }
        Limit { name, soft, hard }
    };
    RESOURCES.into_iter().map(limit).collect()
}

/// Reads the table of `/proc/PID/limits`: `Max open files            1024                 4096                 files`.
fn parse(table: &str) -> Vec<Limit> {
    let mut limits = Vec::new();
    for line in table.lines() {
        let found = RESOURCES.iter().find_map(|(name, title, _)| Some((*name, line.strip_prefix(title)?)));
        let Some((name, rest)) = found else { continue };
        let mut values = rest.split_whitespace().map(|word| word.parse().ok());
        if let (Some(soft), Some(hard)) = (values.next(), values.next()) {
            limits.push(Limit { name, soft, hard });
        }
    }
    limits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_of_a_process() {
        let table = "Limit                     Soft Limit           Hard Limit           Units     \n\
                     Max cpu time              unlimited            unlimited            seconds   \n\
                     Max core file size        0                    unlimited            bytes     \n\
                     Max open files            1024                 20000                files     \n";
        let limit = |name, soft, hard| Limit { name, soft, hard };
        assert_eq!(parse(table), [limit("core", Some(0), None), limit("nofile", Some(1024), Some(20000))]);
    }

    #[test]
    fn a_server_inherits_all_but_the_number_of_open_files() {
        let limits = inherited();
        assert_eq!(limits.len(), RESOURCES.len());
        let files = limits.iter().find(|limit| limit.name == "nofile");
        assert!(files.is_some_and(|limit| limit.hard.is_some_and(|hard| hard <= SERVER_OPEN_FILES)));
    }

    #[test]
    fn a_living_process_is_asked_itself() {
        let own = std::process::id().cast_signed();
        let mut evidence = Evidence { exit: ExitKind::Running, ..Evidence::default() };
        let here = std::path::Path::new("/");
        add(
            &mut evidence,
            &Subject { pid: Some(own), env: None, cwd: here, vardir: here, oom_kills_before: None },
        );
        let core = evidence.system.limits.iter().find(|limit| limit.name == "core");
        assert_eq!(core.map(|limit| limit.soft), Some(getrlimit(Resource::Core).current));
    }
}
