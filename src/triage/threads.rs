//! Where the threads of a process are, from what a debugger printed: threads in the same place together, those that
//! work for somebody first.

use bstr::{BString, ByteSlice};

use crate::sys::child::signal_number;
use crate::triage::stack::{Frame, folded};

/// Groups of threads that are shown.
const GROUPS: usize = 6;

/// Functions that a thread is in while it executes a statement.
const WORKING: [&str; 5] =
    ["dispatch_command", "mysql_execute_command", "mysql_parse", "handle_slave_sql", "handle_slave_io"];

/// Functions that threads of a server are in which wait for something to do.
const IDLE: [&str; 17] = [
    "handle_connections_sockets",
    "signal_hand",
    "timer_handler",
    "handle_manager",
    "handle_one_connection",
    "do_command",
    "thread_cache::park",
    "ma_service_thread_control",
    "my_service_thread_sleep",
    "wait_for_tasks",
    "get_task",
    "thread_timer::",
    "timer_generic::",
    "getevent_thread_routine",
    "buf_flush_page_cleaner",
    "binlog_background_thread",
    "handle_slave_background",
];

/// The functions in which such a thread waits; one in another place does something.
const WAITING: [&str; 7] =
    ["poll", "cond_wait", "cond_timedwait", "sigwait", "vio_io_wait", "inline_mysql_cond", "getevents"];

/// One thread.
struct Thread {
    number: u32,
    frames: Vec<Frame>,
}

/// The threads in the output of `thread apply all bt`, folded: a line for each group and its frames below it. Threads that wait
/// for something to do are only counted.
pub fn summary(text: &[u8]) -> Vec<BString> {
    let mut threads = read(text);
    let all = threads.len();
    threads.retain(|thread| !is_idle(thread));
    let idle = all - threads.len();
    threads.sort_by_key(|thread| (!is_working(thread), thread.number));
    let mut groups: Vec<(Vec<u32>, Vec<BString>)> = Vec::new();
    for thread in threads {
        let frames = folded(&thread.frames);
        match groups.iter_mut().find(|(_, known)| *known == frames) {
            Some((numbers, _)) => numbers.push(thread.number),
            None => groups.push((vec![thread.number], frames)),
        }
    }
    // Threads of which nobody knows anything are told of by their number only.
    let silent = |group: &(Vec<u32>, Vec<BString>)| {
        !group.1.is_empty() && group.1.iter().all(|frame| says_nothing(frame))
    };
    let unknown: usize = groups.iter().filter(|group| silent(group)).map(|(numbers, _)| numbers.len()).sum();
    groups.retain(|group| !silent(group));
    let mut lines = Vec::new();
    for (numbers, frames) in groups.iter().take(GROUPS) {
        let list: Vec<String> = numbers.iter().map(u32::to_string).collect();
        let what = if numbers.len() == 1 { "thread" } else { "threads" };
        let idle = if frames.is_empty() { " waits in the C library" } else { ":" };
        lines.push(format!("{what} {}{idle}", list.join(", ")).into());
        lines.extend(frames.iter().map(|frame| [b"    ", frame.as_bytes()].concat().into()));
    }
    if let more @ 1.. = groups.len().saturating_sub(GROUPS) {
        lines.push(format!("({more} more places)").into());
    }
    if unknown > 0 {
        lines.push(format!("({unknown} threads without symbols)").into());
    }
    if idle > 0 {
        let threads = if idle == 1 { "thread waits" } else { "threads wait" };
        lines.push(format!("({idle} {threads} for something to do)").into());
    }
    lines
}

fn says_nothing(frame: &[u8]) -> bool {
    frame == b"?" || frame.contains_str(" without symbols)") || frame.ends_with(b" more)")
}

/// The signal that ended the process, in what a debugger says of its core file: `Program terminated with signal SIGSEGV,
/// …` of gdb, `stop reason = signal SIGSEGV` of lldb.
pub fn ended_by(text: &[u8]) -> Option<i32> {
    let said = ["terminated with signal ", "stop reason = signal "];
    let name = text.lines().find_map(|line| {
        let at = said.iter().find_map(|words| Some(line.find(words)? + words.len()))?;
        line[at..].split(|byte| !byte.is_ascii_alphanumeric()).next()
    })?;
    signal_number(name.to_str().ok()?)
}

/// Whether a debugger names the threads of a core file, and the process `pid` has none of them: a process has the
/// number of its first thread.
pub fn is_of_another(text: &[u8], pid: i32) -> bool {
    let mut named = text.find_iter("LWP ").map(|at| {
        let digits = &text[at + 4..];
        let end = digits.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(digits.len());
        digits[..end].to_str().ok().and_then(|digits| digits.parse::<i32>().ok())
    });
    text.contains_str("LWP ") && !named.any(|thread| thread == Some(pid))
}

/// The frames of the first thread that is shown in what a debugger says of a core file: the one that failed.
pub fn failing(text: &[u8]) -> Vec<Frame> {
    let mut threads = read(text);
    match threads.iter().position(|thread| thread.number == 1) {
        Some(at) => threads.swap_remove(at).frames,
        None => text.lines().filter_map(Frame::of_gdb).collect(),
    }
}

fn is_working(thread: &Thread) -> bool {
    thread.frames.iter().any(|frame| WORKING.iter().any(|name| frame.function.contains_str(name)))
}

/// Whether a thread of a server waits for something to do: a connection for its next statement, a pool for a task.
fn is_idle(thread: &Thread) -> bool {
    let within = |names: &[&str]| {
        thread.frames.iter().any(|frame| names.iter().any(|name| frame.function.contains_str(name)))
    };
    // Below what waits there may be calls that nobody knows the names of.
    let mut named = thread.frames.iter().filter(|frame| !frame.function.is_empty() && !frame.is_machinery());
    let Some(first) = named.next() else { return false };
    let waits = WAITING.iter().chain(&IDLE).any(|name| first.function.contains_str(name));
    waits && !is_working(thread) && (within(&IDLE) || named.next().is_none())
}

fn read(text: &[u8]) -> Vec<Thread> {
    let mut threads: Vec<Thread> = Vec::new();
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix(b"Thread ") {
            let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
            if let Some(number) = rest[..digits].to_str().ok().and_then(|digits| digits.parse().ok()) {
                threads.push(Thread { number, frames: Vec::new() });
            }
        } else if let (Some(frame), Some(thread)) = (Frame::of_gdb(line), threads.last_mut()) {
            thread.frames.push(frame);
        }
    }
    threads
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_core_file_names_its_signal_and_its_process() {
        let gdb = b"[New LWP 23870]\n[New LWP 23878]\nCore was generated by `/usr/sbin/mariadbd --x'.\n\
                    Program terminated with signal SIGBUS, Bus error.\n#0  0x1 in f ()\n";
        assert_eq!(ended_by(gdb), Some(libc::SIGBUS));
        assert!(!is_of_another(gdb, 23878) && is_of_another(gdb, 2387));
        let lldb =
            b"* thread #1, name = 'mariadbd', stop reason = signal SIGSEGV\n  * frame #0: 0x1 mariadbd`f\n";
        assert_eq!(ended_by(lldb), Some(libc::SIGSEGV));
        assert!(!is_of_another(lldb, 7));
        assert_eq!(ended_by(b"nothing"), None);
    }

    #[test]
    fn threads_in_one_place_are_together_and_working_ones_first() {
        let text = b"[New LWP 7]\n#0  0x1 in poll () from /lib/libc.so.6\n\nThread 3 (Thread 0x7 (LWP 7) \"mariadbd\"):\n#0  0x1 in f ()\n\
                     \nThread 2 (Thread 0x7 (LWP 6)):\n#0  0x1 in f ()\n\nThread 1 (Thread 0x7 (LWP 5)):\n#0  poll (x=1) at \
                     ../sysdeps/x.c:3\n#1  0x5 in dispatch_command(THD*) ()\n\nThread 4 (LWP 9):\n#0  0x1 in clone3 ()\n\nThread 5 (LWP 9):\n#0  0x1 in ?? ()\n";
        assert_eq!(
            summary(text),
            [
                "thread 1:",
                "    dispatch_command(THD*)",
                "threads 2, 3:",
                "    f",
                "thread 4 waits in the C library",
                "(1 threads without symbols)"
            ]
        );
        assert!(summary(b"ptrace: Operation not permitted.\n").is_empty());
    }

    /// A connection between two statements, a pool without a task, the thread that takes connections; and one that waits for
    /// a lock.
    #[test]
    fn threads_that_wait_for_something_to_do_are_counted() {
        let thread = |number: u32, frames: &[&str]| {
            let frames = frames.iter().map(|frame| format!("#1  0x1 in {frame}\n"));
            format!("Thread {number} (LWP {number}):\n{}", frames.collect::<String>())
        };
        let end = "start_thread () from /lib/libc.so.6";
        let idle = [
            thread(
                2,
                &[
                    "poll () from /lib/libc.so.6",
                    "handle_connections_sockets ()",
                    "mysqld_main (int, char**) ()",
                ],
            ),
            thread(3, &["vio_io_wait ()", "my_net_read_packet ()", "do_command(THD*, bool) ()", end]),
            thread(4, &["psi_cond_wait ()", "?? ()", end]),
            thread(5, &["?? ()", "handle_one_connection ()", "?? ()", end]),
            thread(6, &["signal_hand ()", "?? ()", end]),
        ];
        let busy = [
            thread(7, &["psi_cond_wait ()", "Wait_for_it::now() ()", end]),
            thread(
                8,
                &[
                    "psi_cond_wait ()",
                    "MDL_context::acquire_lock() ()",
                    "dispatch_command(THD*) ()",
                    "do_command ()",
                    end,
                ],
            ),
        ];
        let told = summary((idle.concat() + &busy.concat()).as_bytes());
        assert_eq!(told[0], "thread 8:", "{told:?}");
        assert!(told.contains(&"thread 7:".into()), "{told:?}");
        assert_eq!(
            told.last().map(ToString::to_string).as_deref(),
            Some("(5 threads wait for something to do)")
        );
        assert!(!told.iter().any(|line| line.contains_str("handle_connections")), "{told:?}");
    }
}
