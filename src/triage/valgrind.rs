//! The errors that Valgrind's memcheck reports in a server's log.

use bstr::{BString, ByteSlice};

use super::log::Entry;
use super::sanitizer::parse::process_prefix;
use super::stack::{Frame, culprit, folded};

/// An error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    /// `Invalid read of size 4`.
    pub what: BString,
    /// Its line in the log.
    pub line: u32,
    /// Where it happened.
    pub frames: Vec<Frame>,
}

impl Error {
    /// In one line: `Invalid read of size 4 in f (x.c:3)`.
    pub fn in_short(&self) -> BString {
        match culprit(&self.frames) {
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
const ERRORS: [&str; 8] = [
    "Invalid ",
    "Conditional jump or move depends on uninitialised",
    "Use of uninitialised value",
    "Syscall param ",
    "Mismatched free()",
    "Source and destination overlap",
    "Process terminating with default action",
    "Argument '",
];

/// All errors in a log, those that only repeat another one left out; losses of memory are errors as well.
pub fn errors(log: &[Entry<'_>]) -> Vec<Error> {
    let mut found: Vec<Error> = Vec::new();
    // Stacks that tell where memory came from belong to the error and are not shown.
    let mut reading = false;
    for entry in log {
        let Some((_, said)) = process_prefix(entry.raw) else { continue };
        let said = said.trim();
        let lost =
            said.contains_str(" are definitely lost in ") || said.contains_str(" are possibly lost in ");
        if lost || ERRORS.iter().any(|begin| said.starts_with(begin.as_bytes())) {
            found.push(Error { what: said.into(), line: entry.line, frames: Vec::new() });
            reading = true;
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
    found
}

/// `at 0x4C2B: f (x.c:3)`, `by 0x4C2C: g (in /usr/sbin/mariadbd)`.
fn frame(said: &[u8]) -> Option<Frame> {
    let rest = said.strip_prefix(b"at 0x").or_else(|| said.strip_prefix(b"by 0x"))?;
    let (_, rest) = rest.split_once_str(": ")?;
    let (function, place) = rest.strip_suffix(b")")?.rsplit_once_str(" (")?;
    let mut frame = Frame { function: function.into(), ..Frame::default() };
    match place.strip_prefix(b"in ") {
        Some(module) => frame.module = module.rsplit_once_str("/").map_or(module, |(_, name)| name).into(),
        None => frame.place = place.into(),
    }
    if frame.function == "???" {
        frame.function.clear();
    }
    Some(frame)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::triage::evidence::LogPart;
    use crate::triage::log::entries;

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
            [
                "Invalid read of size 4 in f (x.c:3)",
                "8 bytes in 1 blocks are definitely lost in loss record 1 of 2 in h (y.c:5)"
            ]
        );
    }
}
