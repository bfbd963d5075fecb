//! What became of a server, as far as its own log tells.

use std::io;
use std::ops::Range;
use std::path::Path;

use bstr::{BStr, ByteSlice};

use crate::sys::excerpt::Lines;
use crate::triage::evidence::LogPart;
use crate::triage::log::{Entry, Level, entries};

/// What a log tells of one start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Fate {
    /// It accepted connections.
    pub ready: bool,
    /// It complained before it accepted connections, or without ever doing so.
    pub complained: bool,
    /// It has the traces of a violent death: a signal, an assertion, a sanitizer's report.
    pub violent: bool,
    /// It was told to shut down before that, or had done so.
    pub stopping: bool,
    /// Its process id.
    pub pid: Option<i32>,
    /// The signal that ended it, as whoever started it says.
    pub signal: Option<i32>,
}

/// How much of a long log is looked at at once, in bytes.
const PIECE: usize = 1 << 20;

/// Reads the log of one start: the bytes `range` of the file at `path`.
///
/// # Errors
/// The file cannot be read.
pub fn read(path: &Path, range: Range<u64>) -> io::Result<Fate> {
    let mut fate = Fate::default();
    let mut lines = Lines::of(path, range)?;
    let mut piece = LogPart { path: path.to_owned(), first_line: 1, ..LogPart::default() };
    while let Some((_, line)) = lines.read()? {
        piece.text.extend_from_slice(line);
        if piece.text.len() >= PIECE {
            fate.add(&piece);
            piece.text.clear();
        }
    }
    fate.add(&piece);
    Ok(fate)
}

impl Fate {
    /// What a further part of the log tells.
    fn add(&mut self, log: &LogPart) {
        for entry in entries(log) {
            self.ready |= entry.is_ready();
            self.complained |= !self.ready && complains(&entry);
            if !self.violent {
                self.stopping |= entry.says("Normal shutdown") || entry.says("Shutdown complete");
            }
            self.signal = self.signal.or_else(|| signal(&entry));
            self.violent |= is_violent(&entry) || self.signal.is_some();
            self.pid = self.pid.or_else(|| pid(&entry));
        }
    }
}

/// An error, or what a program says on standard error, unless it calls that a warning.
fn complains(entry: &Entry<'_>) -> bool {
    let by_program = || {
        let (program, rest) = entry.raw.split_once_str(":").unwrap_or_default();
        let name = program.rsplit_once_str("/").map_or(program, |(_, name)| name);
        rest.starts_with(b" ")
            && !program.contains(&b' ')
            && [&b"mariadbd"[..], b"mysqld"].iter().any(|known| name.starts_with(known))
    };
    let warns = entry.message.starts_with(b"Warning: ");
    entry.level == Level::Error || (entry.level == Level::None && !warns && by_program())
}

fn is_violent(entry: &Entry<'_>) -> bool {
    let of_program = |word: &str| entry.says(word) && entry.raw.contains_str(";");
    let assertion = entry.level == Level::None && entry.says("Assertion `") && entry.says("failed");
    let sanitizer = entry.level == Level::None
        && (entry.says("Sanitizer: ") || entry.says("Sanitizer:DEADLYSIGNAL"))
        && (entry.says("==ERROR") || entry.says("WARNING: ") || entry.raw.starts_with(b"SUMMARY: "));
    assertion
        || sanitizer
        || of_program(" got signal ")
        || of_program(" got exception ")
        || entry.says("InnoDB: Assertion failure in file")
        || (entry.subsystem == "InnoDB" && entry.message.starts_with(b"Assertion failure in file"))
        || entry.raw.starts_with(b"terminate called ")
}

/// The signal in a line of systemd: `mariadb.service: Main process exited, code=dumped, status=6/ABRT`.
fn signal(entry: &Entry<'_>) -> Option<i32> {
    let words = ["code=dumped, status=", "code=killed, status="];
    let of_service = entry.raw.contains_str("systemd") && entry.raw.contains_str("ain process exited, ");
    words.iter().filter(|_| of_service).find_map(|words| number(entry.after(words)?))
}

/// The process id in `… starting as process 7 ...`, `Starting MariaDB … as process 7` or `==7==ERROR`.
fn pid(entry: &Entry<'_>) -> Option<i32> {
    number(entry.after(" as process ").unwrap_or_default())
}

/// The number with which `text` begins.
pub fn number(text: &BStr) -> Option<i32> {
    let end = text.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(text.len());
    text[..end].to_str().ok()?.parse().ok()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn fate(text: &str) -> Fate {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        read(file.path(), 0..u64::MAX).unwrap()
    }

    #[test]
    fn a_server_is_ready_in_any_language() {
        let head =
            "2026-01-01 10:00:00 0 [Note] Starting MariaDB 10.11.19 source revision 5 as process 4711\n";
        let ready = fate(&format!("{head}t 0 [Note] mariadbd: ready for connections.\nt 9 [ERROR] later\n"));
        assert_eq!(ready, Fate { ready: true, pid: Some(4711), ..Fate::default() });
        assert!(fate("t 0 [Note] Version: '10.11'  socket: '/s'  port: 3306  x").ready);
        assert!(!fate(head).ready);
    }

    #[test]
    fn systemd_tells_of_a_signal() {
        let dumped = fate(
            "Mar 03 08:14:22 h systemd[1]: x.service: main process exited, code=dumped, status=6/ABRT\n",
        );
        assert_eq!((dumped.signal, dumped.violent), (Some(6), true));
        let exited = fate(
            "Mar 03 08:14:22 h systemd[1]: x.service: Main process exited, code=exited, status=1/FAILURE\n",
        );
        assert_eq!((exited.signal, exited.violent), (None, false));
    }

    #[test]
    fn complaints_are_errors_and_what_programs_say() {
        for text in [
            "t 0 [ERROR] mariadbd: unknown option '--x'",
            "mariadbd: Too many arguments (first extra is 'x').",
            "/usr/sbin/mariadbd: error while loading shared libraries: libx.so.1",
        ] {
            assert!(fate(text).complained, "{text}");
        }
        for text in [
            "$ /usr/sbin/mariadbd --x: y",
            "t 0 [Warning] mariadbd: ignored",
            "mariadbd: Warning: x",
            "CURRENT_TEST: a.b",
        ] {
            assert!(!fate(text).complained, "{text}");
        }
    }

    #[test]
    fn violence_leaves_traces() {
        for text in [
            "251123 18:00:00 [ERROR] mysqld got signal 11 ;",
            "251123 18:00:00 [ERROR] /usr/sbin/mariadbd got signal 6 ;",
            "mariadbd: /src/sql/x.cc:7: void f(): Assertion `a' failed.",
            "2026-01-01 10:00:00 0x7f InnoDB: Assertion failure in file /x.cc line 7",
            "==71==ERROR: AddressSanitizer: heap-use-after-free on address 0x1",
            "WARNING: ThreadSanitizer: data race (pid=7)",
            "SUMMARY: UndefinedBehaviorSanitizer: undefined-behavior x.cc:7:1 in ",
            "terminate called after throwing an instance of 'std::bad_alloc'",
        ] {
            assert!(fate(text).violent, "{text}");
        }
        for text in ["t 0 [Note] InnoDB: x", "t 5 [Warning] Aborted connection 5 (got signal to stop)"] {
            assert!(!fate(text).violent, "{text}");
        }
        let later = fate(
            "t 0 [Note] m: ready for connections.\nt 0 [Note] m (a): Normal shutdown\n\
                          ==71==ERROR: LeakSanitizer: detected memory leaks\n",
        );
        assert!(later.ready && later.stopping && later.violent);
    }
}
