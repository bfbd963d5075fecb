//! An error log, cut into what each start of the server wrote.

use std::io;
use std::ops::Range;
use std::path::Path;

use bstr::{BStr, BString, ByteSlice};

use crate::sys::excerpt::{Lines, MOST_LINES};

/// What stands in front of a test's name in an error log (runner §10.5).
const MARKER: &[u8] = b"CURRENT_TEST: ";

/// What came after a start in the same log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Followed {
    /// Nothing: it is the last one.
    Nothing,
    /// Another start in the same test: the test wanted it, or its script asked for it.
    Restart,
    /// Another test.
    Test,
}

/// One start of a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Start {
    /// 1-based number of its first line.
    pub line: u32,
    /// Its bytes in the log, from its first line to the end of its last one.
    pub bytes: Range<u64>,
    /// The program and its arguments joined by blanks, where a runner noted them.
    pub command: Option<BString>,
    /// It is a start after another one in the same test.
    pub again: bool,
    /// The test for which it was started.
    pub test: Option<BString>,
    /// The tests that ran on it after that one.
    pub more_tests: Vec<BString>,
    /// What came after it.
    pub followed: Followed,
}

impl Start {
    /// The last test that ran on it.
    pub fn last_test(&self) -> Option<&BString> {
        self.more_tests.last().or(self.test.as_ref())
    }
}

/// Cuts a log into starts. A test runner notes each with a line `$ PROGRAM ARGUMENTS`; a log without such lines is
/// that of a server that was started by something else, and is cut by what the server says of itself.
///
/// # Errors
/// The log cannot be read.
pub fn split(log: &Path) -> io::Result<Vec<Start>> {
    let (mut noted, mut foreign) = (Noted::default(), Foreign::new());
    let mut has_commands = false;
    each_line(log, |line| {
        has_commands |= command(line.text).is_some();
        noted.take(&line);
        if !has_commands {
            foreign.take(&line);
        }
    })?;
    Ok(if has_commands { noted.starts() } else { foreign.starts })
}

/// Cuts a log of bootstraps: each begins with the command, which has `--bootstrap`.
///
/// # Errors
/// The log cannot be read.
pub fn split_bootstraps(log: &Path) -> io::Result<Vec<Start>> {
    let mut starts: Vec<Start> = Vec::new();
    each_line(log, |line| {
        let program = line.text.split_str(" ").next().unwrap_or_default();
        if program.contains(&b'/') && line.text.contains_str(" --bootstrap ") {
            if let Some(last) = starts.last_mut() {
                last.followed = Followed::Restart;
            }
            starts.push(Start { command: Some(line.text.into()), ..Start::at(&line) });
        } else if let Some(last) = starts.last_mut() {
            last.bytes.end = line.bytes.end;
        }
    })?;
    Ok(starts)
}

struct Line<'a> {
    number: u32,
    bytes: Range<u64>,
    text: &'a [u8],
}

/// Calls `take` with each line of the file at `path`.
fn each_line(path: &Path, mut take: impl FnMut(Line<'_>)) -> io::Result<()> {
    let mut lines = Lines::of(path, 0..u64::MAX)?;
    let mut number = 1;
    while let Some((start, line)) = lines.read()? {
        let bytes = start..start + line.len() as u64;
        let text = line.strip_suffix(b"\n").unwrap_or(line);
        take(Line { number, bytes, text: text.strip_suffix(b"\r").unwrap_or(text) });
        // Of a line that comes in parts, the others have its number.
        number = MOST_LINES.min(number + u32::from(text.len() < line.len()));
    }
    Ok(())
}

/// The command of a line that a runner wrote before a start.
fn command(line: &[u8]) -> Option<&BStr> {
    let command = line.strip_prefix(b"$ ")?;
    let program = command.split_str(" ").next().unwrap_or_default();
    let of_a_server = program.contains(&b'/') || command.contains_str(" --defaults-");
    of_a_server.then(|| command.as_bstr())
}

impl Start {
    fn at(line: &Line<'_>) -> Start {
        Start {
            line: line.number,
            bytes: line.bytes.clone(),
            command: None,
            again: false,
            test: None,
            more_tests: Vec::new(),
            followed: Followed::Nothing,
        }
    }
}

/// Cuts a log by the lines that a test runner wrote before each start.
#[derive(Default)]
struct Noted {
    starts: Vec<Start>,
    /// Markers since the last other line, each with its end: the last of them belongs to a start that follows it at
    /// once.
    markers: Vec<(BString, u64)>,
    test: Option<BString>,
}

impl Noted {
    fn take(&mut self, line: &Line<'_>) {
        let Noted { starts, markers, test } = self;
        if let Some(name) = line.text.strip_prefix(MARKER) {
            *test = Some(name.trim().into());
            markers.push((name.trim().into(), line.bytes.end));
        } else if let Some(command) = command(line.text) {
            let own = markers.pop();
            if let Some(last) = starts.last_mut() {
                last.followed = if own.is_some() { Followed::Test } else { Followed::Restart };
                last.take(markers);
            }
            markers.clear();
            let again = own.is_none() && starts.last().is_some_and(|last| last.last_test() == test.as_ref());
            let command = Some(command.into());
            starts.push(Start { command, test: test.clone(), again, ..Start::at(line) });
        } else if let Some(last) = starts.last_mut() {
            last.take(markers);
            last.bytes.end = line.bytes.end;
        } else {
            markers.clear();
        }
    }

    fn starts(mut self) -> Vec<Start> {
        if let Some(last) = self.starts.last_mut() {
            last.take(&mut self.markers);
        }
        self.starts
    }
}

impl Start {
    /// Tests that ran on it without a new start.
    fn take(&mut self, markers: &mut Vec<(BString, u64)>) {
        for (name, end) in markers.drain(..) {
            self.more_tests.push(name);
            self.bytes.end = end;
        }
    }
}

/// How a line of a foreign log divides it.
#[derive(PartialEq)]
enum Divides {
    /// A server, or the script that starts it, introduces itself.
    Begins,
    /// It is the last thing that a server says.
    Ends,
    /// It is no log line of a server: the dying words of libraries and tools.
    Tail,
    No,
}

fn divides(line: &[u8]) -> Divides {
    let program = [&b"mariadbd: "[..], b"mysqld: "].iter().any(|name| line.starts_with(name));
    if line.contains_str(" as process ") || line.contains_str("mysqld_safe Starting ") {
        Divides::Begins
    } else if line.ends_with(b": Shutdown complete")
        || line.ends_with(b"[ERROR] Aborting")
        || (line.contains_str("mysqld_safe ") && line.ends_with(b" ended"))
    {
        Divides::Ends
    } else if !program && !line.first().is_some_and(u8::is_ascii_digit) {
        Divides::Tail
    } else {
        Divides::No
    }
}

/// Cuts a log by what servers say of themselves.
struct Foreign {
    starts: Vec<Start>,
    introduced: bool,
    ended: bool,
}

impl Foreign {
    fn new() -> Foreign {
        Foreign { starts: Vec::new(), introduced: false, ended: true }
    }

    fn take(&mut self, line: &Line<'_>) {
        let starts = &mut self.starts;
        let divides = divides(line.text);
        let begins = divides == Divides::Begins;
        // A server says a few things before it introduces itself, so the first line after an end begins a start.
        let new = match divides {
            Divides::Begins => self.introduced || self.ended,
            Divides::Tail => starts.is_empty(),
            Divides::No => self.ended,
            Divides::Ends => starts.is_empty(),
        };
        if new {
            if let Some(last) = starts.last_mut() {
                last.followed = Followed::Restart;
            }
            starts.push(Start::at(line));
            (self.introduced, self.ended) = (false, false);
        }
        self.introduced |= begins;
        self.ended |= divides == Divides::Ends;
        if let Some(last) = starts.last_mut() {
            last.bytes.end = line.bytes.end;
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn names(names: &[BString]) -> Vec<String> {
        names.iter().map(BString::to_string).collect()
    }

    fn file(text: &str) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        file
    }

    fn text<'l>(log: &'l str, start: &Start) -> &'l str {
        let place = |at: u64| usize::try_from(at).unwrap();
        &log[place(start.bytes.start)..place(start.bytes.end)]
    }

    #[test]
    fn a_start_ends_where_the_next_one_is_announced() {
        let log = "CURRENT_TEST: main.a\n$ /x/mariadbd --a\nt 0 [Note] ready for connections.\nCURRENT_TEST: main.b\n\
                   CURRENT_TEST: main.c\nt 1 [Note] x\nCURRENT_TEST: main.d\nCURRENT_TEST: main.e\n\
                   $ /x/mariadbd --b\nt 0 [ERROR] y\n$ /x/mariadbd --c\nz";
        let starts = split(file(log).path()).unwrap();
        let shown: Vec<(u32, String, bool, Followed)> = starts
            .iter()
            .map(|s| (s.line, s.test.clone().unwrap().to_string(), s.again, s.followed))
            .collect();
        assert_eq!(
            shown,
            [
                (2, "main.a".into(), false, Followed::Test),
                (9, "main.e".into(), false, Followed::Restart),
                (11, "main.e".into(), true, Followed::Nothing),
            ]
        );
        assert_eq!(names(&starts[0].more_tests), ["main.b", "main.c", "main.d"]);
        assert!(text(log, &starts[0]).ends_with("CURRENT_TEST: main.d\n"));
        assert_eq!(text(log, &starts[1]), "$ /x/mariadbd --b\nt 0 [ERROR] y\n");
        assert_eq!(text(log, &starts[2]), "$ /x/mariadbd --c\nz");
        assert_eq!(starts[1].command.as_ref().unwrap(), "/x/mariadbd --b");
    }

    #[test]
    fn a_server_that_nobody_announced_is_known_by_its_own_words() {
        let log = "2026-01-01 10:00:00 0 [Warning] Could not increase number of max_open_files\n\
                   2026-01-01 10:00:00 0 [Note] Starting MariaDB 10.11.19 source revision 5 as process 7\n\
                   2026-01-01 10:00:01 0 [Note] mariadbd: ready for connections.\n\
                   2026-01-01 10:00:02 0 [Note] mariadbd: Shutdown complete\n\
                   \n\
                   2026-01-01 11:00:00 0 [ERROR] mariadbd: unknown option '--x'\n\
                   2026-01-01 11:00:00 0 [ERROR] Aborting\n\
                   mariadbd: Too many arguments (first extra is 'x').\n\
                   2026-01-01 12:00:00 0 [ERROR] Aborting\n\
                   2026-01-01 13:00:00 0 [Note] mariadbd (server 10.6.1) starting as process 8 ...\n\
                   2026-01-01 14:00:00 0 [Note] mariadbd (server 10.6.1) starting as process 9 ...\n";
        let lines: Vec<u32> = split(file(log).path()).unwrap().iter().map(|start| start.line).collect();
        assert_eq!(lines, [1, 6, 8, 10, 11]);
        assert!(split(file("").path()).unwrap().is_empty());
    }

    #[test]
    fn bootstraps_begin_with_their_command() {
        let log = "/x/mariadbd --no-defaults --bootstrap --datadir=/v/install.db\nt 0 [Note] x\n\
                   /x/mariadbd --no-defaults --bootstrap --datadir=/v/2\nt 0 [ERROR] Aborting\n";
        let starts = split_bootstraps(file(log).path()).unwrap();
        assert_eq!(starts.iter().map(|start| start.line).collect::<Vec<_>>(), [1, 3]);
        assert!(text(log, &starts[1]).ends_with("Aborting\n"));
    }
}
