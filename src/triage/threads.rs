//! Where the threads of a process are, from what a debugger printed: threads in the same place together, those that
//! work for somebody first.

use bstr::{BString, ByteSlice};

use super::stack::{Frame, folded};

/// Groups of threads that are shown.
const GROUPS: usize = 6;

/// Functions that a thread is in while it executes a statement.
const WORKING: [&str; 5] =
    ["dispatch_command", "mysql_execute_command", "mysql_parse", "handle_slave_sql", "handle_slave_io"];

/// One thread.
struct Thread {
    number: u32,
    frames: Vec<Frame>,
}

/// The threads in the output of `thread apply all bt`, folded: a line for each group and its frames below it.
pub fn summary(text: &[u8]) -> Vec<BString> {
    let mut threads = read(text);
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
    lines
}

fn says_nothing(frame: &[u8]) -> bool {
    frame == b"?" || frame.contains_str(" without symbols)") || frame.ends_with(b" more)")
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
}
