//! Reads the reports in a log or in a file of a sanitizer's own. Reports of several processes may stand in one
//! another, and lines of the server between their lines.

use std::path::Path;

use bstr::{BStr, BString, ByteSlice};

use crate::triage::evidence::LogPart;
use crate::triage::log::{Entry, Level, entries};
use crate::triage::sanitizer::report::{SanitizerReport, Stack, Tool};
use crate::triage::stack::Frame;

/// A report whose end was not yet seen.
struct Open {
    report: SanitizerReport,
    /// The last line that may be the title of a stack.
    title: BString,
    /// Frames were read since `title`: the next `#0` begins another stack.
    in_stack: bool,
}

/// All reports in a text, in the order of their first lines.
pub fn reports(part: &LogPart) -> Vec<SanitizerReport> {
    // Most logs have none, and are not taken apart for it.
    if !part.text.contains_str("Sanitizer") && !part.text.contains_str("runtime error: ") {
        return Vec::new();
    }
    reports_in(&entries(part), &part.path)
}

/// All reports in lines that were taken apart already.
pub fn reports_in(lines: &[Entry<'_>], file: &Path) -> Vec<SanitizerReport> {
    let mut done: Vec<SanitizerReport> = Vec::new();
    let mut open: Vec<Open> = Vec::new();
    for entry in lines {
        if entry.level != Level::None {
            continue;
        }
        let raw = entry.raw;
        if let Some(mut report) = head(raw) {
            // A second line of the same process about a report that has just begun.
            let same = |other: &Open| other.report.tool == report.tool && other.report.pid == report.pid;
            if open.last().is_some_and(|last| {
                same(last) && last.report.stacks.is_empty() && report.tool != Tool::Undefined
            }) {
                continue;
            }
            // UndefinedBehaviorSanitizer need not end its reports; no other stands in one of its.
            if open.last().is_some_and(|last| last.report.tool == Tool::Undefined) {
                done.extend(open.pop().map(|open| open.report));
            }
            report.file = file.to_owned();
            report.line = entry.line;
            open.push(Open { report, title: BString::default(), in_stack: false });
        } else if let Some(current) = open.last_mut() {
            if let Some(summary) = raw.trim().strip_prefix(b"SUMMARY: ") {
                let text = summary.split_once_str("Sanitizer: ").map_or(summary, |(_, text)| text);
                current.report.summary = Some(text.into());
                done.extend(open.pop().map(|open| open.report));
            } else {
                current.line(entry.line, raw);
            }
        }
    }
    done.extend(open.into_iter().map(|open| open.report));
    done.sort_by_key(|report| report.line);
    done
}

impl Open {
    fn line(&mut self, number: u32, raw: &BStr) {
        if let Some(frame) = Frame::of_report(raw) {
            let first = raw.trim_start().starts_with(b"#0 ");
            if first || self.report.stacks.is_empty() {
                let title = std::mem::take(&mut self.title);
                self.report.stacks.push(Stack { title, line: number, frames: Vec::new() });
            }
            if let Some(stack) = self.report.stacks.last_mut() {
                stack.frames.push(frame);
            }
            self.in_stack = true;
            return;
        }
        let said = raw.trim();
        if let Some(at) = said.find(" is located ") {
            let where_ = &said[at + " is located ".len()..];
            let end = where_.find(" [0x").unwrap_or(where_.len());
            self.report.location = Some(where_[..end].into());
        }
        if said.contains_str("<== Memory access") {
            self.report.location = Some(said.into());
        }
        if !said.is_empty() {
            self.title = said.into();
        }
    }
}

/// The first line of a report.
fn head(raw: &BStr) -> Option<SanitizerReport> {
    let (pid, rest) = match process_prefix(raw) {
        Some((pid, rest)) => (Some(pid), rest),
        None => (None, raw.as_bytes()),
    };
    let graded =
        ["ERROR: ", "WARNING: ", "FATAL: "].iter().find_map(|grade| rest.strip_prefix(grade.as_bytes()));
    if let Some((tool, said)) = graded.and_then(named_tool) {
        let (said, in_brackets) = match said.rsplit_once_str(" (pid=") {
            Some((said, pid)) => (said, number(pid)),
            None => (said, None),
        };
        return Some(new(tool, pid.or(in_brackets), kind(said), raw));
    }
    if let (Some(pid), Some((tool, said))) = (pid, named_tool(rest)) {
        // `==1==LeakSanitizer has encountered a fatal error.`, `==1==AddressSanitizer CHECK failed: …`.
        let fatal = said.contains_str("fatal error") || said.contains_str("CHECK failed");
        return fatal.then(|| new(tool, Some(pid), said.trim().into(), raw));
    }
    let (place, said) = raw.split_once_str(": runtime error: ")?;
    let has_line = place.rsplit_once_str(":").is_some_and(|(_, n)| n.iter().all(u8::is_ascii_digit));
    let unknown = place.ends_with(b"<unknown>");
    if !has_line && !unknown {
        return None;
    }
    let kind = said.split_once_str(": ").map_or(said, |(kind, _)| kind);
    let kind = kind.split_once_str(" 0x").map_or(kind, |(kind, _)| kind);
    Some(new(Tool::Undefined, pid, kind.into(), raw))
}

fn new(tool: Tool, pid: Option<i32>, kind: BString, headline: &BStr) -> SanitizerReport {
    SanitizerReport {
        tool,
        pid,
        kind,
        file: std::path::PathBuf::new(),
        line: 0,
        headline: headline.to_owned(),
        stacks: Vec::new(),
        location: None,
        summary: None,
    }
}

/// `==4711==rest`; with `log_exe_name=1` `==mariadbd==4711==rest`.
pub fn process_prefix(line: &[u8]) -> Option<(i32, &[u8])> {
    let (first, rest) = line.strip_prefix(b"==")?.split_once_str("==")?;
    let whole = |text: &[u8]| number(text).filter(|_| text.iter().all(u8::is_ascii_digit));
    if let Some(pid) = whole(first) {
        return Some((pid, rest));
    }
    let (second, rest) = rest.split_once_str("==")?;
    Some((whole(second)?, rest))
}

fn number(text: &[u8]) -> Option<i32> {
    let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    text[..digits].to_str().ok()?.parse().ok()
}

fn named_tool(text: &[u8]) -> Option<(Tool, &[u8])> {
    let text = text.strip_prefix(b"HW").unwrap_or(text);
    Tool::ALL.into_iter().find_map(|tool| {
        let rest = text.strip_prefix(tool.name().as_bytes())?;
        Some((tool, rest.strip_prefix(b":").unwrap_or(rest).trim_start()))
    })
}

/// `heap-use-after-free` of `heap-use-after-free on address 0x… at pc …`.
fn kind(said: &[u8]) -> BString {
    let said = said.strip_prefix(b"attempting ").unwrap_or(said);
    let ends =
        [" on address", " on unknown address", " on 0x", ": 0x", " (0x", " in thread", " (pc 0x", " 0x"];
    let end = ends.iter().filter_map(|end| said.find(end)).min().unwrap_or(said.len());
    said[..end].trim_end().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::triage::sanitizer::report::distinct;

    fn read(text: &str) -> Vec<SanitizerReport> {
        reports(&LogPart { path: "/v/x.err".into(), first_line: 10, text: text.into() })
    }

    const USE_AFTER_FREE: &str = "\
=================================================================
==31571==ERROR: AddressSanitizer: heap-use-after-free on address 0x603000000553 at pc 0x7fae2f1043a5 bp 0x7ffd sp 0x7ffd
READ of size 1 at 0x603000000553 thread T0
    #0 0x7fae2f1043a4 in start /dev/shm/p/faulty.c:20
    #1 0x558929e7f852  (/usr/sbin/mariadbd+0x84c852)
2026-11-23 19:05:35 5 [Note] the server goes on in another thread
    #2 0x558929e85f45 in plugin_init(int*, char**, int) (/usr/sbin/mariadbd+0x852f45)
    #3 0x558929d64ec0 in _start (/usr/sbin/mariadbd+0x731ec0)

0x603000000553 is located 3 bytes inside of 32-byte region [0x603000000550,0x603000000570)
freed by thread T0 here:
    #0 0x7fae304b76a8 in __interceptor_free ../../../../src/libsanitizer/asan/asan_malloc_linux.cpp:52
    #1 0x7fae2f10423b in drop_buffer /dev/shm/p/faulty.c:14

previously allocated by thread T0 here:
    #0 0x7fae304b89cf in __interceptor_malloc ../../../../src/libsanitizer/asan/asan_malloc_linux.cpp:69
    #1 0x7fae2f104226 in make_buffer /dev/shm/p/faulty.c:13

SUMMARY: AddressSanitizer: heap-use-after-free /dev/shm/p/faulty.c:20 in start
Shadow bytes around the buggy address:
==31571==ABORTING
261123 19:05:35 [ERROR] /usr/sbin/mariadbd got signal 6 ;

=================================================================
==31601==ERROR: LeakSanitizer: detected memory leaks

Direct leak of 298328 byte(s) in 1 object(s) allocated from:
    #0 0x7f61fc6b89cf in __interceptor_malloc ../../../../src/libsanitizer/asan/asan_malloc_linux.cpp:69
    #1 0x7f61fcd9d8b0  (/lib/x86_64-linux-gnu/libbfd-2.40-system.so+0xb98b0)

Indirect leak of 8 byte(s) in 1 object(s) allocated from:
    #0 0x7f61fc6b89cf in __interceptor_malloc ../../../../src/libsanitizer/asan/asan_malloc_linux.cpp:69

SUMMARY: AddressSanitizer: 298336 byte(s) leaked in 2 allocation(s).
";

    #[test]
    fn a_use_after_free_and_the_leak_of_a_child() {
        let all = read(USE_AFTER_FREE);
        assert_eq!(all.len(), 2, "{all:#?}");
        let report = &all[0];
        assert_eq!((report.tool, report.pid, report.line), (Tool::Address, Some(31571), 11));
        assert_eq!(
            report.in_short(),
            "AddressSanitizer: heap-use-after-free: READ of size 1 in start (p/faulty.c:20), of memory freed in \
             drop_buffer (p/faulty.c:14), allocated in make_buffer (p/faulty.c:13)"
        );
        let shown: Vec<String> = report.quotes().into_iter().map(|quote| quote.text.to_string()).collect();
        assert_eq!(
            shown,
            [
                "==31571==ERROR: AddressSanitizer: heap-use-after-free on address 0x603000000553",
                "3 bytes inside of 32-byte region",
                "READ of size 1:",
                "    start (p/faulty.c:20)",
                "    mariadbd+0x84c852",
                "    plugin_init(int*, char**, int) in mariadbd",
                "freed by thread T0:",
                "    drop_buffer (p/faulty.c:14)",
                "previously allocated by thread T0:",
                "    make_buffer (p/faulty.c:13)",
            ]
        );
        let leak = &all[1];
        assert_eq!((leak.tool, leak.pid, leak.stacks.len()), (Tool::Leak, Some(31601), 2));
        assert_eq!(
            leak.in_short(),
            "LeakSanitizer: 298336 byte(s) leaked in 2 allocation(s), allocated in libbfd-2.40-system.so+0xb98b0"
        );
    }

    #[test]
    fn a_report_within_another_one() {
        let text = "==7==ERROR: AddressSanitizer: heap-buffer-overflow on address 0x1 at pc 0x2\nWRITE of size 4 at 0x1 thread T3\n\
                    ==8==ERROR: LeakSanitizer: detected memory leaks\nDirect leak of 8 byte(s) in 1 object(s) allocated from:\n\
                    #0 0x1 in other x.c:1\nSUMMARY: AddressSanitizer: 8 byte(s) leaked in 1 allocation(s).\n    #0 0x1 in f x.c:2\n";
        let all = read(text);
        assert_eq!(all.len(), 2);
        assert_eq!(all[0].in_short(), "AddressSanitizer: heap-buffer-overflow: WRITE of size 4 in f (x.c:2)");
        assert_eq!(all[1].pid, Some(8));
    }

    #[test]
    fn undefined_behaviour_with_and_without_stack() {
        let text = "/b/sql/item.cc:7:5: runtime error: signed integer overflow: 3284 + 2147483647 cannot be represented in type 'int'\n\
                    /b/sql/item.h:25:67: runtime error: member access within null pointer of type 'struct THD'\n\
                    \x20   #0 0x1 in f(THD*) /b/sql/item.h:25\n    #1 0x1 in start_thread nptl/x.c:1\n\
                    SUMMARY: UndefinedBehaviorSanitizer: undefined-behavior /b/sql/item.h:25:67 in\n";
        let all = read(text);
        assert_eq!(all.len(), 2);
        assert_eq!(all[0].kind, "signed integer overflow");
        assert_eq!(
            all[1].in_short(),
            "UndefinedBehaviorSanitizer: sql/item.h:25:67: member access within null pointer of type 'struct THD' in f \
             (sql/item.h:25)"
        );
        assert!(read("SQL: std::runtime error: no\nx: runtime error: y\n").is_empty());
    }

    #[test]
    fn races_and_uninitialised_memory() {
        let text = "==================\nWARNING: ThreadSanitizer: data race (pid=42)\n  Write of size 4 at 0x7b by thread T1:\n    \
                    #0 f /b/x.cc:7 (mariadbd+0x12)\n\n  Previous write of size 4 at 0x7b by main thread:\n    #0 g /b/x.cc:9 \
                    (mariadbd+0x13)\n    #1 main x (mariadbd+0x14)\n\n  Thread T1 (tid=5, running) created by main thread at:\n    \
                    #0 pthread_create ../libsanitizer/x.cpp:1\n\nSUMMARY: ThreadSanitizer: data race /b/x.cc:7 in f\n\
                    ==9==WARNING: MemorySanitizer: use-of-uninitialized-value\n    #0 0x4 in h /b/y.cc:3\n\n  Uninitialized value \
                    was created by a heap allocation\n    #0 0x4 in malloc compiler-rt/lib/msan/x.cpp:1\n    #1 0x4 in k /b/y.cc:1\n";
        let all = read(text);
        assert_eq!((all[0].tool, all[0].pid), (Tool::Thread, Some(42)));
        assert_eq!(
            all[0].in_short(),
            "ThreadSanitizer: data race: Write of size 4 in f (b/x.cc:7); Previous write of size 4 in g (b/x.cc:9)"
        );
        assert_eq!(
            all[1].in_short(),
            "MemorySanitizer: use-of-uninitialized-value in h (b/y.cc:3), of memory created in k (b/y.cc:1)"
        );
    }

    #[test]
    fn other_heads() {
        let short =
            |text: &str| read(text).first().map(|report| report.in_short().to_string()).unwrap_or_default();
        assert_eq!(
            short(
                "==1==ERROR: AddressSanitizer: SEGV on unknown address 0x000000000000 (pc 0x5 bp 0x7 sp 0x7 T0)\n==1==The signal is \
                   caused by a WRITE memory access.\n    #0 0x1 in f x.c:2\n"
            ),
            "AddressSanitizer: SEGV in f (x.c:2)"
        );
        assert_eq!(
            short(
                "==1==ERROR: AddressSanitizer: attempting double-free on 0x60 in thread T0:\n    #0 0x1 in free x/libsanitizer/a.c:1\n    #1 0x1 in f x.c:2"
            ),
            "AddressSanitizer: double-free in f (x.c:2)"
        );
        assert_eq!(
            short(
                "==5==LeakSanitizer has encountered a fatal error.\n==5==HINT: LeakSanitizer does not work under ptrace (strace, gdb, etc)\n"
            ),
            "LeakSanitizer: has encountered a fatal error."
        );
        assert_eq!(
            short("FATAL: ThreadSanitizer: unexpected memory mapping 0x5-0x6\n"),
            "ThreadSanitizer: unexpected memory mapping"
        );
        assert_eq!(short("==5==ASan runtime does not come first in initial library list;\n"), "");
        assert_eq!(short("AddressSanitizer:DEADLYSIGNAL\n"), "");
        let named =
            read("==mariadbd==29805==ERROR: AddressSanitizer: stack-overflow on address 0x7 (pc 0x1)\n");
        assert_eq!((named[0].pid, named[0].kind.to_string()), (Some(29805), "stack-overflow".into()));
    }

    #[test]
    fn the_same_error_is_one() {
        let again = USE_AFTER_FREE.replace("0x603", "0x777").replace("31571", "400");
        let all = distinct(read(&format!("{USE_AFTER_FREE}{again}")));
        assert_eq!(all.iter().map(|(_, count)| *count).collect::<Vec<_>>(), [2, 2]);
    }
}
