//! The lines of a server's error log, taken apart. All wordings since 10.4 are read: with and without time, thread
//! number, `[MY-…]` numbers and the program's name.

use bstr::{BStr, ByteSlice};

use crate::triage::evidence::LogPart;
use crate::triage::names;

/// What a line calls itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// `[ERROR]`.
    Error,
    /// `[Warning]`.
    Warning,
    /// `[Note]`, `[System]`.
    Note,
    /// No level: standard error of the program, its libraries, the loader.
    None,
}

/// One line of a log.
#[derive(Debug, Clone, Copy)]
pub struct Entry<'a> {
    /// 1-based in its file.
    pub line: u32,
    /// The line as it stands, without its newline.
    pub raw: &'a BStr,
    /// What it calls itself.
    pub level: Level,
    /// Who speaks: `InnoDB`, `WSREP`, `Aria`; empty for the server.
    pub subsystem: &'a BStr,
    /// What it says, without time, level, program name and subsystem.
    pub message: &'a BStr,
}

/// Whether a server got ready in this part of its log.
pub fn is_ready(log: &LogPart) -> bool {
    entries(log).iter().any(Entry::is_ready)
}

/// Takes a log apart.
pub fn entries(log: &LogPart) -> Vec<Entry<'_>> {
    let numbered = (log.first_line.max(1)..).zip(log.text.lines());
    numbered.map(|(line, raw)| entry(line, raw.as_bstr())).collect()
}

const LEVELS: [(&str, Level); 6] = [
    ("[ERROR]", Level::Error),
    ("[Warning]", Level::Warning),
    ("[Note]", Level::Note),
    ("[System]", Level::Note),
    ("[WARNING]", Level::Warning),
    ("[FATAL]", Level::Error),
];

/// Parts of the server that begin their messages with their name.
const SUBSYSTEMS: [&str; 5] = ["InnoDB", "WSREP", "Aria", "Slave", "mariabackup"];

fn entry(line: u32, raw: &BStr) -> Entry<'_> {
    // What a script of a state transfer says is nothing that the server says, whatever the script calls it.
    let levels: &[(&str, Level)] = if raw.contains_str("WSREP_SST: [") { &[] } else { &LEVELS };
    let leveled = levels
        .iter()
        .filter_map(|(word, level)| Some((raw.find(word)?, word.len(), *level)))
        .min_by_key(|l| l.0);
    let (level, mut message) = match leveled {
        Some((at, length, level)) => (level, raw[at + length..].trim_start().as_bstr()),
        None => (Level::None, raw),
    };
    // `[MY-010119] [Server] `: the message's number and part.
    while level != Level::None && message.starts_with(b"[") {
        let Some(end) = message.find("] ") else { break };
        message = message[end + 2..].trim_start().as_bstr();
    }
    message = without_program(message);
    let subsystem = SUBSYSTEMS
        .iter()
        .find(|name| message.strip_prefix(name.as_bytes()).is_some_and(|rest| rest.starts_with(b":")));
    let (subsystem, message) = match subsystem {
        Some(name) => (message[..name.len()].as_bstr(), message[name.len() + 1..].trim_start().as_bstr()),
        None => (BStr::new(""), message),
    };
    Entry { line, raw, level, subsystem, message }
}

/// The rest of `PROGRAM: rest`, where PROGRAM is a server, with or without directory.
fn without_program(message: &BStr) -> &BStr {
    let Some((program, rest)) = message.split_once_str(": ") else { return message };
    let name = program.rsplit_once_str("/").map_or(program, |(_, name)| name);
    let server = [&b"mariadbd"[..], b"mysqld", b"mariadbd-debug", b"mysqld-debug"].contains(&name);
    if server { rest.as_bstr() } else { message }
}

impl<'a> Entry<'a> {
    /// A connection or a thread of replication says it, not the server: `2026-01-01 10:00:00 12 [ERROR] …`. Before
    /// 10.2 the number is the system's name of the thread, a large one.
    pub fn of_connection(&self) -> bool {
        let head = self.raw.find_byte(b'[').map_or(&[][..], |end| &self.raw[..end]);
        let number = head.trim().rsplit_once_str(" ").and_then(|(_, word)| word.to_str().ok()?.parse().ok());
        number.is_some_and(|number: u64| (1..1 << 20).contains(&number))
    }

    /// It is the command line that the runner noted before a start, and no word of the server.
    pub fn is_command(&self) -> bool {
        self.raw.starts_with(b"$ ")
    }

    /// The server is ready: `ready for connections`, or in another language the line that tells socket and port.
    pub fn is_ready(&self) -> bool {
        self.says("ready for connections") || (self.says("socket: '") && self.says("port: "))
    }

    /// The message contains `needle`, and not as a part of a name that somebody chose (see [`names`]).
    pub fn says(&self, needle: &str) -> bool {
        names::says(self.message, needle.as_bytes())
    }

    /// The words of the message in lower case, names left out.
    pub fn words(&self) -> Vec<u8> {
        names::without_names(self.message).to_ascii_lowercase()
    }

    /// The text between `open` and the next `close` after it.
    pub fn between(&self, open: &str, close: &str) -> Option<&'a BStr> {
        let (_, rest) = self.message.split_once_str(open)?;
        rest.split_once_str(close).map(|(found, _)| found.as_bstr())
    }

    /// The text after `open`, to the end of the line.
    pub fn after(&self, open: &str) -> Option<&'a BStr> {
        self.message.split_once_str(open).map(|(_, rest)| rest.as_bstr())
    }

    /// What stands between quotes (`'…'`, `"…"`, `` `…` ``), in order. A quote within a word (`can't`) opens nothing.
    pub fn quoted(&self) -> Vec<&'a BStr> {
        let mut found = Vec::new();
        let mut rest: &'a [u8] = self.message;
        let mut before = b' ';
        while let Some((&byte, tail)) = rest.split_first() {
            let closing = match byte {
                b'\'' | b'"' => Some(byte),
                b'`' => Some(b'\''),
                _ => None,
            };
            if let Some(closing) = closing.filter(|_| !before.is_ascii_alphanumeric()) {
                let end = tail.find_byte(closing).or_else(|| tail.find_byte(byte));
                if let Some(end) = end {
                    found.push(tail[..end].as_bstr());
                    rest = &tail[end + 1..];
                    before = closing;
                    continue;
                }
            }
            before = byte;
            rest = tail;
        }
        found
    }

    /// The system's error number that the line names: `(Errcode: 2 "No such file…")`, `errno: 24`, `OS errno 13`,
    /// `error: 98`, `(errno = 2)`, or its text.
    pub fn system_error(&self) -> Option<i32> {
        // A line without a number or one of the texts is not taken apart.
        if !self.message.contains_str("rr") && !TEXTS.iter().any(|(text, _)| self.message.contains_str(text))
        {
            return None;
        }
        let message = names::without_names(self.message);
        for word in [
            "Errcode: ",
            "errno: ",
            "errno ",
            "errno = ",
            "errno=",
            "error number ",
            "system error ",
            "error: ",
            "error ",
        ] {
            for at in message.find_iter(word) {
                let digits: Vec<u8> =
                    message[at + word.len()..].iter().copied().take_while(u8::is_ascii_digit).collect();
                let number = digits.to_str().ok().and_then(|text| text.parse().ok());
                if let Some(number) = number.filter(|number| (1..200).contains(number)) {
                    return Some(number);
                }
            }
        }
        TEXTS.iter().find(|(text, _)| message.contains_str(text)).map(|(_, number)| *number)
    }
}

/// Texts of system errors that matter, as the C library words them.
const TEXTS: [(&str, i32); 10] = [
    ("No such file or directory", libc::ENOENT),
    ("Permission denied", libc::EACCES),
    ("No space left on device", libc::ENOSPC),
    ("Too many open files", libc::EMFILE),
    ("Address already in use", libc::EADDRINUSE),
    ("Cannot allocate memory", libc::ENOMEM),
    ("Disk quota exceeded", libc::EDQUOT),
    ("Read-only file system", libc::EROFS),
    ("File too large", libc::EFBIG),
    ("Operation not permitted", libc::EPERM),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn one(text: &str) -> Entry<'_> {
        entry(1, text.into())
    }

    #[test]
    fn all_wordings_give_the_same_message() {
        for text in [
            "2026-11-23 18:00:00 0 [ERROR] mariadbd: unknown option '--foo'",
            "2026-11-23 18:00:00 0 [ERROR] /usr/sbin/mariadbd: unknown option '--foo'",
            "2018-11-23 18:00:00 140037 [ERROR] mysqld: unknown option '--foo'",
            "181123 18:00:00 [ERROR] /x/sql/mysqld: unknown option '--foo'",
            "2026-11-23T18:00:00.123456Z 0 [ERROR] [MY-000068] [Server] unknown option '--foo'",
            "[ERROR] unknown option '--foo'",
        ] {
            let entry = one(text);
            assert_eq!(
                (entry.level, entry.message),
                (Level::Error, "unknown option '--foo'".into()),
                "{text}"
            );
        }
        let entry = one("2026-11-23 18:00:00 0 [ERROR] InnoDB: Unable to lock ./ibdata1 error: 11");
        assert_eq!(
            (entry.subsystem, entry.message),
            ("InnoDB".into(), "Unable to lock ./ibdata1 error: 11".into())
        );
        let entry = one("mariadbd: Too many arguments (first extra is '=').");
        assert_eq!(
            (entry.level, entry.message),
            (Level::None, "Too many arguments (first extra is '=').".into())
        );
    }

    #[test]
    fn who_speaks() {
        for (text, connection) in [
            ("2026-11-23 18:00:00 12 [ERROR] Slave I/O: x", true),
            ("2026-11-23 18:00:00 0 [ERROR] Aborting", false),
            ("2018-11-23 18:00:00 140037123456 [ERROR] mysqld: x", false),
            ("mariadbd: x [y]", false),
            ("", false),
        ] {
            assert_eq!(one(text).of_connection(), connection, "{text}");
        }
    }

    #[test]
    fn quotes_and_errors() {
        let entry = one("[ERROR] mariadbd: Can't change dir to '/no/such/' (Errcode: 2 \"No such file\")");
        assert_eq!(entry.quoted(), ["/no/such/", "No such file"]);
        assert_eq!(entry.system_error(), Some(2));
        assert_eq!(
            one("Bind on TCP/IP port. Got error: 98: Address already in use").system_error(),
            Some(98)
        );
        assert_eq!(
            one("InnoDB: Operating system error number 13 in a file operation.").system_error(),
            Some(13)
        );
        assert_eq!(one("it says Permission denied").system_error(), Some(13));
        assert_eq!(one("[ERROR] Aborting").system_error(), None);
    }
}
