//! The errors that Valgrind's memcheck reports in a server's log.

use bstr::{BString, ByteSlice};

use crate::triage::log::Entry;
use crate::triage::sanitizer::parse::process_prefix;
use crate::triage::stack::{Frame, culprit, folded};

/// An error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    /// `Invalid read of size 4`.
    pub what: BString,
    /// Its line in the log.
    pub line: u32,
    /// Where it happened.
    pub frames: Vec<Frame>,
    /// What kind of report it is.
    pub kind: Kind,
}

/// What a report says of the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// It ended the server.
    End,
    /// An error, or memory that nothing points to.
    Error,
    /// Memory that was not freed and that something still points to.
    Kept,
}

impl Error {
    /// In one line: `Invalid read of size 4 in f (x.c:3)`.
    pub fn in_short(&self) -> BString {
        match culprit(&self.frames).filter(|frame| !frame.is_unknown() || !frame.module.is_empty()) {
            Some(frame) => format!("{} in {}", self.what, frame.in_short()).into(),
            None => self.what.clone(),
        }
    }

    /// Its frames in words.
    pub fn stack(&self) -> Vec<BString> {
        folded(&self.frames)
    }
}

/// How memcheck begins an error.
const ERRORS: [&str; 12] = [
    "Invalid ",
    "Jump to the invalid address",
    "Conditional jump or move depends on uninitialised",
    "Use of uninitialised value",
    "Uninitialised byte(s) found during client check request",
    "Unaddressable byte(s) found during client check request",
    "Syscall param ",
    "Mismatched ",
    "Source and destination overlap",
    TERMINATING,
    "Argument '",
    "realloc() with size 0",
];

/// How memcheck begins to tell that the process is ended by a signal.
const TERMINATING: &str = "Process terminating with default action";

/// How memcheck goes on then, before the stack.
const REASONS: [&str; 6] = [
    "Access not within mapped region",
    "Bad permissions for mapped region",
    "General Protection Fault",
    "Illegal opcode",
    "Integer divide by zero",
    "Non-existent physical address",
];

/// Records of memory that was not freed: the first two are losses, the third comes with one of them, the last may be
/// meant.
const RECORDS: [(&str, Kind); 4] = [
    (" definitely lost in loss record ", Kind::Error),
    (" possibly lost in loss record ", Kind::Error),
    (" indirectly lost in loss record ", Kind::Kept),
    (" still reachable in loss record ", Kind::Kept),
];

/// All errors in a log, those that only repeat another one left out, what ended the server first and what is the least
/// last; losses of memory are errors as well.
pub fn errors(log: &[Entry<'_>]) -> Vec<Error> {
    let mut found: Vec<Error> = Vec::new();
    // Stacks that tell where memory came from belong to the error and are not shown.
    let mut reading = false;
    for entry in log {
        let Some((_, said)) = process_prefix(entry.raw) else { continue };
        let said = said.trim();
        if let Some((what, kind)) = begins(said) {
            found.push(Error { what: what.into(), line: entry.line, frames: Vec::new(), kind });
            reading = true;
        } else if reading && REASONS.iter().any(|reason| said.starts_with(reason.as_bytes())) {
            // The stack is yet to come.
        } else if let Some(frame) = frame(said) {
            if let (true, Some(error)) = (reading, found.last_mut()) {
                error.frames.push(frame);
            }
        } else {
            reading = false;
        }
    }
    let mut seen = Vec::new();
    found.retain(|error| {
        let key = (error.what.clone(), error.stack());
        let new = !seen.contains(&key);
        seen.push(key);
        new
    });
    found.sort_by_key(|error| error.kind);
    found
}

/// The stack of the error that ended the process, as memcheck tells it.
pub fn ended_at(log: &[Entry<'_>]) -> Option<Error> {
    errors(log).into_iter().find(|error| error.kind == Kind::End)
}

/// What a line says that begins an error; the number of a record tells nothing.
fn begins(said: &[u8]) -> Option<(&[u8], Kind)> {
    for (words, kind) in RECORDS {
        if let Some(at) = said.find(words) {
            return Some((&said[..at + words.len() - " in loss record ".len()], kind));
        }
    }
    let kind = if said.starts_with(TERMINATING.as_bytes()) { Kind::End } else { Kind::Error };
    ERRORS.iter().any(|begin| said.starts_with(begin.as_bytes())).then_some((said, kind))
}

/// `at 0x4C2B: f (x.c:3)`, `by 0x4C2C: g (in /usr/sbin/mariadbd)`.
fn frame(said: &[u8]) -> Option<Frame> {
    let rest = said.strip_prefix(b"at 0x").or_else(|| said.strip_prefix(b"by 0x"))?;
    let (_, rest) = rest.split_once_str(": ")?;
    // `???`, and nothing behind it, is an address where no code is.
    let behind = rest.strip_suffix(b")").and_then(|rest| rest.rsplit_once_str(" ("));
    let (function, place) = behind.unwrap_or((rest, b""));
    let mut frame = Frame { function: function.into(), ..Frame::default() };
    match place.strip_prefix(b"in ") {
        Some(module) => frame.module = module.rsplit_once_str("/").map_or(module, |(_, name)| name).into(),
        None => frame.place = place.into(),
    }
    match frame.function.as_slice() {
        b"???" => frame.function.clear(),
        // What calls it.
        b"(below main)" => frame.function = "_start".into(),
        _ => {}
    }
    Some(frame)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::triage::evidence::LogPart;
    use crate::triage::log::entries;

    /// What memcheck 3.19 says of a program with each of these faults, and of two that crash.
    const RECORDED: &str = include_str!("recorded/memcheck-3.19.txt");

    #[test]
    fn what_memcheck_says() {
        let part = LogPart { text: RECORDED.into(), ..LogPart::default() };
        let found = errors(&entries(&part));
        let told: Vec<String> = found.iter().map(|error| error.in_short().to_string()).collect();
        assert_eq!(
            told,
            [
                "Process terminating with default action of signal 11 (SIGSEGV)",
                "Process terminating with default action of signal 11 (SIGSEGV)",
                "Process terminating with default action of signal 11 (SIGSEGV) in deep (faults.c:20)",
                "Invalid read of size 1 in invalid_read (faults.c:8)",
                "Invalid write of size 1 in invalid_write (faults.c:9)",
                "Conditional jump or move depends on uninitialised value(s) in uninit (faults.c:10)",
                "Use of uninitialised value of size 8 in use (faults.c:11)",
                "Syscall param write(buf) points to uninitialised byte(s) in param (faults.c:12)",
                "Invalid free() / delete / delete[] / realloc() in bad_free (faults.c:14)",
                "Invalid free() / delete / delete[] / realloc() in twice (faults.c:15)",
                "Argument 'size' of function malloc has a fishy (possibly negative) value: -2 in fishy (faults.c:16)",
                "32 bytes in 1 blocks are definitely lost",
                "64 bytes in 1 blocks are possibly lost in half (faults.c:18)",
                "108 (8 direct, 100 indirect) bytes in 1 blocks are definitely lost in lose (faults.c:17)",
                "Invalid write of size 4",
                "Jump to the invalid address stated on the next line",
                "Mismatched free() / delete / delete []",
                "10 bytes in 1 blocks are still reachable",
                "100 bytes in 1 blocks are indirectly lost in lose (faults.c:17)",
            ],
        );
        let ended = ended_at(&entries(&part)).map(|error| (error.kind, error.frames.len()));
        assert_eq!(ended, Some((Kind::End, 1)));
    }

    #[test]
    fn errors_and_losses() {
        let text = "==7== Invalid read of size 4\n==7==    at 0x4C2B: f(int) (x.c:3)\n==7==    by 0x4C: g (in /usr/sbin/mariadbd)\n\
                    ==7==  Address 0x5 is 0 bytes inside a block of size 4 free'd\n==7==    at 0x1: free (vg.c:1)\n\
                    ==7== 8 bytes in 1 blocks are definitely lost in loss record 1 of 2\n==7==    at 0x1: malloc (vg_replace_malloc.c:1)\n\
                    ==7==    by 0x4: h (y.c:5)\n==7==\n==7== Invalid read of size 4\n==7==    at 0x4C2F: f(int) (x.c:3)\n\
                    ==7==    by 0x4C: g (in /usr/sbin/mariadbd)\n==7== HEAP SUMMARY:\n";
        let part = LogPart { text: text.into(), ..LogPart::default() };
        let told: Vec<BString> = errors(&entries(&part)).iter().map(Error::in_short).collect();
        assert_eq!(
            told,
            ["Invalid read of size 4 in f (x.c:3)", "8 bytes in 1 blocks are definitely lost in h (y.c:5)"]
        );
    }
}
