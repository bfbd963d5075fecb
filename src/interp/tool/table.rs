//! The table of the command line: every option's name, letter, kind of value and help (mysqltest §12.1).

/// What an option is, for code: the place its value goes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "each is the option of its name, explained in the table's help")]
pub enum Id {
    Help,
    Basedir,
    CharacterSetsDir,
    Compress,
    ContinueOnError,
    CursorProtocol,
    Database,
    Debug,
    DebugCheck,
    DebugInfo,
    Host,
    Prologue,
    Logdir,
    MarkProgress,
    MaxConnectRetries,
    MaxConnections,
    Password,
    Protocol,
    Port,
    PsProtocol,
    NonBlockingApi,
    Quiet,
    Record,
    ResultFile,
    ResultFormatVersion,
    ServerArg,
    ServerFile,
    Silent,
    Sleep,
    Socket,
    SpProtocol,
    Ssl,
    SslCa,
    SslCapath,
    SslCert,
    SslCipher,
    SslKey,
    SslCrl,
    SslCrlpath,
    TlsVersion,
    SslVerifyServerCert,
    TailLines,
    TestFile,
    TimerFile,
    Tmpdir,
    User,
    Verbose,
    Version,
    ViewProtocol,
    ConnectTimeout,
    WaitForPosTimeout,
    PluginDir,
    OverlayDir,
    SuiteDir,
}

/// What value an option takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// None, ever.
    Plain,
    /// A word of the debug build; its use is an error (`-#`).
    Disabled,
    /// On without a value; `=1`, `=0`, `=on`… are understood, other values ignored with a warning.
    Switch,
    /// On without a value; a value that is not understood switches off, with a warning.
    Boolean,
    /// A whole number, adjusted into `min..=max`.
    Signed {
        /// Smallest value.
        min: i64,
        /// Largest value.
        max: i64,
    },
    /// A whole number without sign, adjusted to at most `max`.
    Unsigned {
        /// Largest value.
        max: u64,
    },
    /// Any text.
    Text,
    /// Any text, only in the same argument; none means "ask".
    OptionalText,
}

/// One option.
#[derive(Debug)]
pub struct Entry {
    /// Its meaning.
    pub id: Id,
    /// Its name without dashes, spelled as messages show it.
    pub name: &'static str,
    /// Its one-letter form, or 0.
    pub letter: u8,
    /// What it takes.
    pub kind: Kind,
    /// What it does, for `--help`.
    pub help: &'static str,
}

const fn entry(id: Id, name: &'static str, letter: u8, kind: Kind, help: &'static str) -> Entry {
    Entry { id, name, letter, kind, help }
}

const fn signed(min: i64, max: i64) -> Kind {
    Kind::Signed { min, max }
}

/// Half a day: the longest time-out in seconds.
const HALF_DAY: u64 = 43_200;

/// All options. The order shows: an ambiguous prefix is answered with the first and the last match.
pub static OPTIONS: &[Entry] = &[
    entry(Id::Help, "help", b'?', Kind::Plain, "this text"),
    entry(Id::Basedir, "basedir", b'b', Kind::Text, "prefix of relative file names; needs its final slash"),
    entry(Id::CharacterSetsDir, "character-sets-dir", 0, Kind::Text, "accepted; character sets are built in"),
    entry(Id::Compress, "compress", b'C', Kind::Switch, "compressed protocol"),
    entry(
        Id::ContinueOnError,
        "continue-on-error",
        0,
        Kind::Switch,
        "put failed commands into the result and go on",
    ),
    entry(
        Id::CursorProtocol,
        "cursor-protocol",
        0,
        Kind::Switch,
        "prepared statements fetch through cursors",
    ),
    entry(Id::Database, "database", b'D', Kind::Text, "default database"),
    entry(Id::Debug, "debug", b'#', Kind::Disabled, "for debug builds only: an error"),
    entry(Id::DebugCheck, "debug-check", 0, Kind::Switch, "accepted without effect"),
    entry(Id::DebugInfo, "debug-info", 0, Kind::Switch, "accepted without effect"),
    entry(Id::Host, "host", b'h', Kind::Text, "the server's host"),
    entry(Id::Prologue, "prologue", 0, Kind::Text, "script that runs before the test"),
    entry(Id::Logdir, "logdir", 0, Kind::Text, "directory of .log and .progress files"),
    entry(
        Id::MarkProgress,
        "mark-progress",
        0,
        Kind::Switch,
        "time and line of every command into .progress",
    ),
    entry(
        Id::MaxConnectRetries,
        "max-connect-retries",
        0,
        signed(1, 10_000),
        "attempts of the first connection",
    ),
    entry(Id::MaxConnections, "max-connections", 0, signed(8, 5_120), "connections a script may hold open"),
    entry(Id::Password, "password", b'p', Kind::OptionalText, "password; asked for if none is given"),
    entry(Id::Protocol, "protocol", 0, Kind::Text, "how to reach the server: tcp, socket or pipe"),
    entry(
        Id::Port,
        "port",
        b'P',
        signed(0, i32::MAX as i64),
        "the server's TCP port; 0 is the client's default",
    ),
    entry(Id::PsProtocol, "ps-protocol", 0, Kind::Switch, "statements run as prepared statements"),
    entry(Id::NonBlockingApi, "non-blocking-api", 0, Kind::Switch, "accepted; the result is the same"),
    entry(Id::Quiet, "quiet", b's', Kind::Switch, "no final word on standard output"),
    entry(Id::Record, "record", b'r', Kind::Plain, "write the result file instead of comparing"),
    entry(Id::ResultFile, "result-file", b'R', Kind::Text, "the expected result"),
    entry(Id::ResultFormatVersion, "result-format-version", 0, signed(1, 2), "how statements are shown"),
    entry(Id::ServerArg, "server-arg", b'A', Kind::Text, "accepted; for embedded servers"),
    entry(Id::ServerFile, "server-file", b'F', Kind::Text, "accepted if readable; for embedded servers"),
    entry(Id::Silent, "silent", b's', Kind::Switch, "same as --quiet"),
    entry(
        Id::Sleep,
        "sleep",
        b'T',
        signed(-1, i32::MAX as i64),
        "seconds for every sleep command; -1: its own",
    ),
    entry(Id::Socket, "socket", b'S', Kind::Text, "the server's Unix socket"),
    entry(Id::SpProtocol, "sp-protocol", 0, Kind::Switch, "selects run in stored procedures"),
    entry(Id::Ssl, "ssl", 0, Kind::Boolean, "TLS where the server has it"),
    entry(Id::SslCa, "ssl-ca", 0, Kind::Text, "file of certificate authorities; turns TLS on"),
    entry(Id::SslCapath, "ssl-capath", 0, Kind::Text, "directory of certificate authorities; turns TLS on"),
    entry(Id::SslCert, "ssl-cert", 0, Kind::Text, "the client's certificate; turns TLS on"),
    entry(Id::SslCipher, "ssl-cipher", 0, Kind::Text, "ciphers allowed; turns TLS on"),
    entry(Id::SslKey, "ssl-key", 0, Kind::Text, "the client's key; turns TLS on"),
    entry(Id::SslCrl, "ssl-crl", 0, Kind::Text, "file of revoked certificates; turns TLS on"),
    entry(Id::SslCrlpath, "ssl-crlpath", 0, Kind::Text, "directory of revoked certificates; turns TLS on"),
    entry(Id::TlsVersion, "tls-version", 0, Kind::Text, "TLS versions allowed"),
    entry(
        Id::SslVerifyServerCert,
        "ssl-verify-server-cert",
        0,
        Kind::Boolean,
        "refuse a server whose certificate does not prove its name",
    ),
    entry(Id::TailLines, "tail-lines", 0, signed(0, 10_000), "last lines of the log shown with a failure"),
    entry(Id::TestFile, "test-file", b'x', Kind::Text, "the script; standard input if none"),
    entry(Id::TimerFile, "timer-file", b'm', Kind::Text, "file that receives the elapsed milliseconds"),
    entry(Id::Tmpdir, "tmpdir", b't', Kind::Text, "directory of relative socket names"),
    entry(Id::User, "user", b'u', Kind::Text, "user name; the operating system's if none"),
    entry(Id::Verbose, "verbose", b'v', Kind::Switch, "trace on standard error"),
    entry(Id::Version, "version", b'V', Kind::Plain, "what program this is"),
    entry(Id::ViewProtocol, "view-protocol", 0, Kind::Switch, "selects run through views"),
    entry(
        Id::ConnectTimeout,
        "connect_timeout",
        0,
        Kind::Unsigned { max: HALF_DAY },
        "seconds a connection attempt may take",
    ),
    entry(
        Id::WaitForPosTimeout,
        "wait_for_pos_timeout",
        0,
        Kind::Unsigned { max: HALF_DAY },
        "seconds to wait for a replication position",
    ),
    entry(Id::PluginDir, "plugin_dir", 0, Kind::Text, "directory of authentication plugins"),
    entry(
        Id::OverlayDir,
        "overlay-dir",
        0,
        Kind::Text,
        "first place of sourced files; needs its final slash",
    ),
    entry(Id::SuiteDir, "suite-dir", 0, Kind::Text, "place of sourced files; needs its final slash"),
];

/// What a name or its beginning leads to.
#[derive(Debug, Clone, Copy)]
pub enum Found {
    /// No option.
    None,
    /// The option of this very name, or the only one that begins so.
    One(&'static Entry),
    /// Several; the first and the last of them.
    Several(&'static Entry, &'static Entry),
}

/// The option called `name`, or the one that `name` is a beginning of.
pub fn find(name: &[u8]) -> Found {
    let mut found = Found::None;
    for entry in OPTIONS {
        if !begins(entry.name.as_bytes(), name) {
            continue;
        }
        if entry.name.len() == name.len() {
            return Found::One(entry);
        }
        found = match found {
            Found::None => Found::One(entry),
            Found::One(first) | Found::Several(first, _) => Found::Several(first, entry),
        };
    }
    found
}

/// The option of `letter`.
pub fn by_letter(letter: u8) -> Option<&'static Entry> {
    OPTIONS.iter().find(|entry| entry.letter != 0 && entry.letter == letter)
}

/// Whether `name` begins with `start`; case and the kind of dash do not count.
pub fn begins(name: &[u8], start: &[u8]) -> bool {
    name.len() >= start.len() && name.iter().zip(start).all(|(a, b)| fold(*a) == fold(*b))
}

fn fold(byte: u8) -> u8 {
    if byte == b'_' { b'-' } else { byte.to_ascii_lowercase() }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn names(start: &str) -> (&'static str, &'static str) {
        match find(start.as_bytes()) {
            Found::None => ("", ""),
            Found::One(one) => (one.name, one.name),
            Found::Several(first, last) => (first.name, last.name),
        }
    }

    #[test]
    fn whole_names_win_over_longer_ones() {
        assert_eq!(names("ssl"), ("ssl", "ssl"));
        assert_eq!(names("DEBUG"), ("debug", "debug"));
    }

    #[test]
    fn prefixes_find_one_or_tell_the_first_and_the_last() {
        assert_eq!(names("tail"), ("tail-lines", "tail-lines"));
        assert_eq!(names("s"), ("server-arg", "suite-dir"));
        assert_eq!(names("p"), ("prologue", "plugin_dir"));
        assert_eq!(names("con"), ("continue-on-error", "connect_timeout"));
        assert_eq!(names(""), ("help", "suite-dir"));
        assert_eq!(names("ta_l"), ("", ""));
    }

    #[test]
    fn dashes_and_case_do_not_count() {
        assert_eq!(names("Connect-Timeout"), ("connect_timeout", "connect_timeout"));
        assert_eq!(names("tail_"), ("tail-lines", "tail-lines"));
    }
}
