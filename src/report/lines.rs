//! The text of events that stand between the results: servers, processes, core files, what is kept.
//!
//! What the reference prints is kept to the byte.

use std::path::Path;
use std::time::Duration;

use bstr::{BString, ByteSlice, ByteVec};

use crate::event::{Process, ProcessExit, RestartReason, UserServer};
use crate::report::layout::worker_prefix;
use crate::report::text;
use crate::triage::stack::folded;
use crate::triage::threads;

/// `[mysqld.1 - pid: P, winpid: P]`, and `, exit: N` in it once it ended: how the reference names a process
/// everywhere. N is a wait status; every signal has that of status 1.
pub fn process(process: &Process) -> String {
    let pid = process.pid.unwrap_or(0);
    let exit = match process.exit {
        Some(ProcessExit::Status(status)) => format!(", exit: {}", status << 8),
        Some(ProcessExit::Signal(_)) => ", exit: 256".to_owned(),
        None => String::new(),
    };
    format!("[{} - pid: {pid}, winpid: {pid}{exit}]", process.server)
}

/// Why a server cannot stay as it is (`--verbose-restart`).
pub fn unfit(server: &Process, reason: &RestartReason) -> BString {
    let mut text = BString::from(format!("Restart {} - ", process(server)));
    match reason {
        RestartReason::Forced => text.push_str("forced restart turned on"),
        RestartReason::Configuration => text.push_str("using different config file"),
        RestartReason::ShellScript => text.push_str("sh script to run"),
        RestartReason::NotStarted => text.push_str("not started"),
        RestartReason::Timezone => text.push_str("different timezone"),
        RestartReason::Options { wanted, running } => {
            text.push_str("running with different options '");
            text.push_str(wanted);
            text.push_str("' != '");
            text.push_str(running);
            text.push_str("'");
        }
    }
    text
}

/// A server that did not start.
pub fn start_failed(server: &Process, waited: Duration, timed_out: bool, pid_file: &Path) -> String {
    let process = process(server);
    if timed_out {
        let waited = waited.as_secs();
        format!(
            "Timeout after mysql-test-run waited {waited} seconds for the process {process} to create a pid file."
        )
    } else {
        let waited = waited.as_secs_f64();
        let file = pid_file.display();
        format!(
            "Process {process} died after mysql-test-run waited {waited:.1} seconds for {file} to be created."
        )
    }
}

/// Servers for a person: which they are, for which test, how to connect, and what follows (runner §12.1).
pub fn user_servers(worker: usize, test: &str, servers: &[UserServer], waits: bool) -> String {
    let processes: Vec<String> = servers.iter().map(|server| process(&server.process)).collect();
    let mut lines = vec![
        format!("\nStarted {}", processes.join(" ")),
        format!("Using config for test {}", text::name(test)),
        "Port and socket path for server(s):".to_owned(),
    ];
    for server in servers {
        lines.push(format!("{}  {}  {}", server.process.server, server.port, server.socket.display()));
    }
    lines.push(match waits {
        true => "Waiting for server(s) to exit...".to_owned(),
        false => "Server(s) started, not waiting for them to finish".to_owned(),
    });
    lines.iter().map(|line| format!("{}{line}\n", worker_prefix(Some(worker)))).collect()
}

/// One of them ended.
pub fn user_server_died(worker: usize, server: &Process) -> String {
    format!("{}Server {} died\n", worker_prefix(Some(worker)), process(server))
}

/// All of them ended.
pub fn user_servers_exited(worker: usize) -> String {
    format!("{}All servers exited\n", worker_prefix(Some(worker)))
}

/// A server that a person is to start in a debugger.
pub fn start_by_hand(server: &str, debugger: &str, command: &[u8]) -> BString {
    let mut text = BString::from(format!("\nTo start {debugger} for {server}, type in another window:\n"));
    text.push_str(text::continued(command));
    text.push(b'\n');
    text
}

/// `--record` of a test that has a difference to a result file.
pub fn recorded(result: &Path, base: &Path, rdiff: &Path) -> String {
    let [result, base, rdiff] = [result, base, rdiff].map(Path::display);
    format!("The result was written to {result}; to record it: diff -u {base} {result} > {rdiff}\n")
}

/// A process is told to dump core.
pub fn core_requested(asked: &Process) -> String {
    format!("Trying to dump core for {}\n", process(asked))
}

/// A core file in `dir`, what is kept of a failure. Verdicts of other tests may stand before the line: the file is named
/// with the directory.
pub fn core_found(core: &Path, dir: &Path, kept: u32, limit: u32) -> String {
    let name = dir.parent().and_then(|above| core.strip_prefix(above).ok()).unwrap_or(core);
    format!(" - found '{}' ({kept}/{limit})\n", name.display())
}

/// A core file of a client program.
pub fn core_moved(core: &Path, to: &Path) -> String {
    let name = core.file_name().unwrap_or_default();
    format!(" - found '{}', moving it to '{}'\n", name.display(), to.display())
}

/// Lines shown of what a debugger said, where no stack is recognised in it.
const TRACE_LINES: usize = 40;

/// What a debugger read in a core file: the stack of the thread that failed, frames that tell nothing left out. All of
/// it is in `file`; where that could not be written, it is shown.
pub fn core_traced(program: &Path, debugger: &str, file: Option<&Path>, trace: &[u8]) -> BString {
    let mut text = BString::from(format!("Core generated by '{}'\n", program.display()));
    let Some(file) = file else {
        text.push_str(format!(
            "Output from {debugger} follows. The first stack trace is from the failing thread.\n"
        ));
        text.push_str(text::marked(trace));
        return text;
    };
    let mut shown = folded(&threads::failing(trace));
    let what = if shown.is_empty() {
        shown = trace.lines().take(TRACE_LINES).map(BString::from).collect();
        "the first lines"
    } else {
        "the failing thread"
    };
    let place = file.display();
    text.push_str(format!("Output from {debugger}: {what}; all of it is in '{place}'\n"));
    shown.iter().for_each(|line| text.push_str(text::marked(line)));
    text
}

/// A core file too many.
pub fn core_deleted(limit: u32) -> String {
    format!(" - deleting it, already saved {limit}\n")
}

/// A core file that was compressed.
pub fn core_compressed(core: &Path) -> String {
    format!("Compressed file {}\n", core.display())
}

/// A process that a test left running.
pub fn leftover_killed(pid: i32) -> String {
    format!("killed process {pid} that the test left running")
}

/// What valgrind reported at the end of a server (runner §10.8).
pub fn valgrind_report(log: &Path, tests: &[String], report: &[u8]) -> BString {
    let mut text = BString::from(format!("Valgrind report from {} after tests:\n", log.display()));
    for test in tests {
        text.push_str(format!(" {}", text::name(test)));
    }
    text.push_str(format!("\n{}\n", "-".repeat(74)));
    text.push_str(text::marked(report));
    text
}

/// A sign of life while the stop file keeps tests back.
pub fn tests_held(completed: usize) -> String {
    format!("\n-STOPPED- [pass] {completed}\n")
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn server(exit: Option<ProcessExit>) -> Process {
        Process { server: "mysqld.1".into(), pid: Some(7), exit }
    }

    #[test]
    fn a_process_is_named_with_its_wait_status() {
        assert_eq!(process(&server(None)), "[mysqld.1 - pid: 7, winpid: 7]");
        let exited = server(Some(ProcessExit::Status(7)));
        assert_eq!(process(&exited), "[mysqld.1 - pid: 7, winpid: 7, exit: 1792]");
        let killed = server(Some(ProcessExit::Signal(9)));
        assert_eq!(process(&killed), "[mysqld.1 - pid: 7, winpid: 7, exit: 256]");
        let none = Process { server: "mysqld.1".into(), pid: None, exit: None };
        assert_eq!(process(&none), "[mysqld.1 - pid: 0, winpid: 0]");
    }

    #[test]
    fn reasons_of_restarts_are_the_references() {
        let text = |reason| unfit(&server(None), &reason).to_string();
        let start = "Restart [mysqld.1 - pid: 7, winpid: 7] - ";
        assert_eq!(text(RestartReason::Forced), format!("{start}forced restart turned on"));
        assert_eq!(text(RestartReason::Configuration), format!("{start}using different config file"));
        assert_eq!(text(RestartReason::ShellScript), format!("{start}sh script to run"));
        assert_eq!(text(RestartReason::NotStarted), format!("{start}not started"));
        assert_eq!(text(RestartReason::Timezone), format!("{start}different timezone"));
        let options = RestartReason::Options { wanted: "--a --b".into(), running: "".into() };
        assert_eq!(text(options), format!("{start}running with different options '--a --b' != ''"));
    }

    #[test]
    fn the_first_line_of_started_servers_breaks_after_the_prefix() {
        let server = UserServer { process: server(None), port: 22000, socket: "/t/mysqld.1.sock".into() };
        insta::assert_snapshot!(user_servers(1, "main.alias", &[server], true), @r"
        worker[01] 
        Started [mysqld.1 - pid: 7, winpid: 7]
        worker[01] Using config for test main.alias
        worker[01] Port and socket path for server(s):
        worker[01] mysqld.1  22000  /t/mysqld.1.sock
        worker[01] Waiting for server(s) to exit...
        ");
    }

    #[test]
    fn a_core_is_named_with_the_directory_of_its_failure() {
        let dir = Path::new("/v/log/main.a");
        let found = core_found(&dir.join("mysqld.1/data/core"), dir, 0, 5);
        assert_eq!(found, " - found 'main.a/mysqld.1/data/core' (0/5)\n");
    }

    #[test]
    fn of_a_core_the_failing_thread_is_shown_and_the_file_named() {
        let trace = b"[New LWP 9]\nThread 2 (LWP 9):\n#0  0x1 in poll () from /lib/libc.so.6\n#1  0x1 in waits (x=1) at a.cc:1\n\n\
                      Thread 1 (LWP 7):\n#0  0x1 in raise () from /lib/libc.so.6\n#1  0x1 in abort () from /lib/libc.so.6\n\
                      #2  0x1 in THD::~THD (this=0x1) at /b/sql/sql_class.cc:12\n";
        let file = Some(Path::new("/v/log/main.a/stacks-core.txt"));
        insta::assert_snapshot!(core_traced(Path::new("/b/mariadbd"), "gdb", file, trace), @r"
        Core generated by '/b/mariadbd'
        Output from gdb: the failing thread; all of it is in '/v/log/main.a/stacks-core.txt'
          | THD::~THD (sql/sql_class.cc:12)
        ");
        let long = "what a script of gdb says\n".repeat(100);
        let told = core_traced(Path::new("/b/mariadbd"), "gdb", file, long.as_bytes()).to_string();
        assert_eq!(told.lines().count(), 2 + TRACE_LINES);
        // Where nothing was kept, nothing is left out.
        let told = core_traced(Path::new("/b/mariadbd"), "gdb", None, trace).to_string();
        assert!(told.contains("  | #1  0x1 in waits (x=1) at a.cc:1\n"), "{told}");
    }

    #[test]
    fn a_start_that_failed_says_how() {
        let file = Path::new("/v/mysqld.1.pid");
        assert_eq!(
            start_failed(&server(Some(ProcessExit::Status(1))), Duration::from_millis(70), false, file),
            "Process [mysqld.1 - pid: 7, winpid: 7, exit: 256] died after mysql-test-run waited 0.1 seconds for \
             /v/mysqld.1.pid to be created."
        );
        assert_eq!(
            start_failed(&server(None), Duration::from_secs(180), true, file),
            "Timeout after mysql-test-run waited 180 seconds for the process [mysqld.1 - pid: 7, winpid: 7] to create \
             a pid file."
        );
    }
}
