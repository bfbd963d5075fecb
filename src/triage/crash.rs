//! What the server says of its own crash: the signal, the assertion, the stack, the statement.

use bstr::{BStr, BString, ByteSlice};

use crate::triage::log::{Entry, Level};
use crate::triage::stack::Frame;

/// The parts of a server's last words that were found.
#[derive(Debug, Clone, Default)]
pub struct CrashText<'a> {
    /// `… got signal 11 ;` and the signal.
    pub signal: Option<(Entry<'a>, i32)>,
    /// `…: Assertion `x' failed.`, `InnoDB: Assertion failure in file … line …`.
    pub assertion: Option<Entry<'a>>,
    /// `[FATAL]`: the server ended itself and says why.
    pub fatal: Option<Entry<'a>>,
    /// The stack, machinery included.
    pub frames: Vec<Frame>,
    /// The line with the first frame.
    pub first_frame: Option<u32>,
    /// `Query (0x…): `: the statement of the thread that crashed.
    pub query: Option<Query<'a>>,
}

/// A statement that a thread was executing.
#[derive(Debug, Clone)]
pub struct Query<'a> {
    /// The line where it begins.
    pub entry: Entry<'a>,
    /// All of it.
    pub text: BString,
    /// `Connection ID (thread ID): 4`.
    pub connection: Option<&'a BStr>,
}

/// Whether a process that ends by this signal went wrong itself, as against being told to end.
pub fn is_own_signal(signal: i32) -> bool {
    use libc::{SIGABRT, SIGBUS, SIGFPE, SIGILL, SIGSEGV, SIGSYS, SIGTRAP};
    [SIGSEGV, SIGABRT, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS].contains(&signal)
}

/// Lines of a statement that are read.
const QUERY_LINES: usize = 50;

/// Reads the last words in the log of one start: those of the last crash, if a log has several.
pub fn read<'a>(log: &[Entry<'a>]) -> CrashText<'a> {
    let mut text = CrashText::default();
    let mut connection = None;
    for (at, entry) in log.iter().enumerate() {
        if let Some(signal) = got_signal(entry) {
            text.signal = Some((*entry, signal));
            text.frames.clear();
            text.first_frame = None;
            text.query = None;
            connection = None;
        } else if is_assertion(entry) {
            text.assertion = Some(*entry);
        } else if entry.raw.contains_str("[FATAL]") {
            text.fatal = Some(*entry);
        } else if text.signal.is_some() && entry.level == Level::None {
            if let Some(frame) = Frame::of_server(entry.raw) {
                text.first_frame.get_or_insert(entry.line);
                text.frames.push(frame);
            } else if let Some(id) = entry.raw.strip_prefix(b"Connection ID (thread ID): ") {
                // Before the statement or behind it, by version.
                connection = Some(id.as_bstr());
            } else if let Some(query) = query(&log[at..]) {
                text.query = Some(query);
            }
        }
    }
    if let Some(query) = &mut text.query {
        query.connection = connection;
    }
    text
}

/// `mariadbd got signal 11 ;`, `mysqld got exception 0x… ;`.
fn got_signal(entry: &Entry<'_>) -> Option<i32> {
    let rest = entry.raw.split_once_str(" got signal ")?.1;
    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    rest[..digits].to_str().ok()?.parse().ok()
}

fn is_assertion(entry: &Entry<'_>) -> bool {
    let raw = entry.raw;
    let libc = raw.contains_str(": Assertion `") && raw.contains_str("' failed");
    libc || raw.contains_str("Assertion failure in file") || raw.contains_str("Assertion failed:")
}

/// What follows a statement, whose own lines may be empty.
const AFTER_QUERY: [&str; 5] = [
    "Connection ID (thread ID): ",
    "Status: ",
    "Optimizer switch: ",
    "The manual page at",
    "Writing a core file",
];

fn query<'a>(lines: &[Entry<'a>]) -> Option<Query<'a>> {
    let entry = *lines.first()?;
    let rest = entry.raw.strip_prefix(b"Query (")?;
    let (_, first) = rest.split_once_str("): ")?;
    let goes_on =
        |entry: &&Entry<'_>| !AFTER_QUERY.iter().any(|words| entry.raw.starts_with(words.as_bytes()));
    let mut text = BString::from(first);
    for line in lines.iter().skip(1).take(QUERY_LINES).take_while(goes_on) {
        text.push(b'\n');
        text.extend_from_slice(line.raw);
    }
    Some(Query { entry, text: text.trim_end().into(), connection: None })
}

/// `kept == NULL' and where, in words: `the assertion 'kept == NULL' failed in start (faulty.c:23)`.
pub fn assertion_words(entry: &Entry<'_>) -> BString {
    let raw = entry.raw;
    // `mariadbd: faulty.c:23: start: Assertion `kept == NULL' failed.`
    if let Some((before, rest)) = raw.split_once_str(": Assertion `") {
        let what = rest.rfind("' failed").map_or(rest, |end| &rest[..end]);
        let mut parts = before.splitn_str(3, ": ");
        let (_, place, function) = (parts.next(), parts.next(), parts.next());
        let function = function.map(|f| format!(" in {}", f.as_bstr())).unwrap_or_default();
        let place = place.map(|place| format!(" ({})", place.as_bstr())).unwrap_or_default();
        return format!("the assertion '{}' failed{function}{place}", what.as_bstr()).into();
    }
    // `InnoDB: Assertion failure in file /x/dict0dict.cc line 1234`, then `InnoDB: Failing assertion: x`.
    if let Some(rest) = entry.after("Assertion failure in file ") {
        return format!("an assertion failed in {rest}").into();
    }
    format!("an assertion failed: {}", entry.message).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::triage::evidence::LogPart;
    use crate::triage::log::entries;

    const LOG: &str = "\
2026-11-23 19:06:04 0 [Note] Starting MariaDB 10.11.19 as process 3564
mariadbd: /b/sql/sql_base.cc:23: bool THD::f(int): Assertion `kept == NULL' failed.
261123 19:06:04 [ERROR] /usr/sbin/mariadbd got signal 6 ;
Attempting backtrace. Include this in the bug report.
/usr/sbin/mariadbd(handle_fatal_signal+0x269)[0x563cf587a0f9]
sql/sql_base.cc:24(THD::f(int))[0x7f6f5374a2f8]

Trying to get some variables.
Query (0x7f9c50010470): select 1
from t1
Connection ID (thread ID): 4
Status: NOT_KILLED
";

    #[test]
    fn last_words() {
        let part = LogPart { text: LOG.into(), first_line: 5, ..LogPart::default() };
        let log = entries(&part);
        let text = read(&log);
        assert_eq!(text.signal.map(|(entry, signal)| (entry.line, signal)), Some((7, 6)));
        assert_eq!(
            text.assertion.map(|entry| assertion_words(&entry)),
            Some("the assertion 'kept == NULL' failed in bool THD::f(int) (/b/sql/sql_base.cc:23)".into())
        );
        assert_eq!((text.frames.len(), text.first_frame), (2, Some(9)));
        let query = text.query.unwrap_or_else(|| panic!("no query"));
        assert_eq!(query.text, "select 1\nfrom t1");
        assert_eq!(query.connection, Some("4".into()));
    }

    #[test]
    fn the_statement_of_later_versions() {
        let log = "260101 1:00:00 [ERROR] mariadbd got signal 11 ;\nConnection ID (thread ID): 5\nStatus: NOT_KILLED\n\
                   Query (0x7f): select 1\n\nfrom t\n\nOptimizer switch: a=on\n\nWriting a core file...\n";
        let part = LogPart { text: log.into(), ..LogPart::default() };
        let log = entries(&part);
        let query = read(&log).query.unwrap_or_else(|| panic!("no query"));
        assert_eq!((query.text, query.connection), ("select 1\n\nfrom t".into(), Some("5".into())));
    }

    #[test]
    fn assertions_in_other_words() {
        for (line, words) in [
            (
                "2020-01-01 00:00:00 0x7f InnoDB: Assertion failure in file /b/dict0dict.cc line 1234",
                "an assertion failed in /b/dict0dict.cc line 1234",
            ),
            ("mysqld: ./x.h:5: Assertion `a' failed.", "the assertion 'a' failed (./x.h:5)"),
            (
                "Assertion failed: (x > 0), function f, file y.c, line 3.",
                "an assertion failed: Assertion failed: (x > 0), function f, file y.c, line 3.",
            ),
        ] {
            let part = LogPart { text: line.into(), ..LogPart::default() };
            let log = entries(&part);
            assert_eq!(read(&log).assertion.map(|entry| assertion_words(&entry)), Some(words.into()));
        }
    }
}
