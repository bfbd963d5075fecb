//! Expect files: how a script says that a server's end is wanted, and what is to follow (runner §10.3).

use std::io;
use std::path::{Path, PathBuf};

use bstr::{BString, ByteSlice};

use crate::sys::excerpt;

/// What an expect file asks for when its server has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expect {
    /// No file: the end is not expected.
    Nothing,
    /// Expected; what follows is not said yet (`wait`, an empty file, anything unknown).
    Wait,
    /// Start it again with the options it had before any expect file.
    Restart,
    /// Start it again with these options added.
    RestartWith(Vec<BString>),
    /// Start the server program found below this directory, once.
    RestartFrom(PathBuf),
}

/// The most bytes of an expect file that are looked at, from its end: its last line counts.
const MOST: u64 = 64 << 10;

/// The expect file of server `group` (`mysqld.1`) below `var_tmp`.
pub fn path(var_tmp: &Path, group: &str) -> PathBuf {
    var_tmp.join(format!("{group}.expect"))
}

/// Reads an expect file.
///
/// # Errors
/// What reading says, except that a missing file is [`Expect::Nothing`].
pub fn read(file: &Path) -> io::Result<Expect> {
    read_with_oddity(file).map(|(expect, _)| expect)
}

/// Reads an expect file, and says what is wrong with it.
///
/// # Errors
/// Those of [`read`].
pub fn read_with_oddity(file: &Path) -> io::Result<(Expect, Option<Oddity>)> {
    match excerpt::end_of(file, MOST) {
        Ok(text) => Ok((parse(&text), text.lines().next_back().and_then(oddity))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok((Expect::Nothing, None)),
        Err(error) => Err(error),
    }
}

/// What is wrong with an expect file that is taken as it is all the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Oddity {
    /// Its last line is neither empty nor `wait…` nor `restart…`: nobody knows it, and it is taken for `wait`.
    Unknown(BString),
    /// The server is started again, without the options in this line: only those behind `restart:` count.
    Dropped(BString),
}

/// The last line of an expect file; `None` where there is no file, or nothing in it.
pub fn last_line(file: &Path) -> Option<BString> {
    let text = excerpt::end_of(file, MOST).ok()?;
    text.lines().next_back().map(BString::from)
}

/// What is wrong with the last line of an expect file, if anything is.
fn oddity(line: &[u8]) -> Option<Oddity> {
    let known = line.trim().is_empty() || line.starts_with(b"wait") || line.starts_with(b"restart");
    if !known {
        return Some(Oddity::Unknown(line.into()));
    }
    let takes = line.starts_with(b"restart:") && !line.contains_str("restart_bindir");
    let has_options = line.starts_with(b"restart") && line.contains_str("--");
    (has_options && !takes).then(|| Oddity::Dropped(line.into()))
}

/// The last line decides; `restart_bindir PATH` may stand anywhere in it.
fn parse(text: &[u8]) -> Expect {
    let Some(line) = text.lines().next_back().filter(|line| line.starts_with(b"restart")) else {
        return Expect::Wait;
    };
    if let Some(at) = line.find("restart_bindir") {
        let rest = &line[at + "restart_bindir".len()..];
        // The path ends at the first blank: a `: options` part behind it is lost, as in the reference.
        let path = rest.trim_start().fields().next();
        if let Some(path) = path.filter(|_| rest.first().is_some_and(u8::is_ascii_whitespace)) {
            return Expect::RestartFrom(path.to_path_lossy().into_owned());
        }
    }
    match line.strip_prefix(b"restart:") {
        Some(options) if !options.is_empty() => {
            Expect::RestartWith(options.fields().map(BString::from).collect())
        }
        _ => Expect::Restart,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_knows_and_what_is_dropped() {
        for line in
            ["", "  ", "wait", "wait:--x", "restart", "restart: --x", "restart_abort", "restart_bindir /x"]
        {
            assert_eq!(oddity(line.as_bytes()), None, "{line}");
        }
        for line in ["rstart:", "rstart: --x", "Restart", "--x"] {
            assert_eq!(oddity(line.as_bytes()), Some(Oddity::Unknown(line.into())), "{line}");
        }
        for line in
            ["restart_abort: --x", "restart --x", "restart_bindir /x: --y", "restart: restart_bindir /x --y"]
        {
            assert_eq!(oddity(line.as_bytes()), Some(Oddity::Dropped(line.into())), "{line}");
        }
    }

    #[test]
    fn the_last_line_decides() {
        let vectors: [(&str, Expect); 8] = [
            ("", Expect::Wait),
            ("wait\n", Expect::Wait),
            ("restart", Expect::Restart),
            ("wait\nrestart\n", Expect::Restart),
            ("restart\nwait\n", Expect::Wait),
            ("restart_abort\n", Expect::Restart),
            (
                "restart: --a --b=1  --c\n",
                Expect::RestartWith(vec!["--a".into(), "--b=1".into(), "--c".into()]),
            ),
            ("restart_bindir /opt/x: --a\n", Expect::RestartFrom("/opt/x:".into())),
        ];
        for (text, wanted) in vectors {
            assert_eq!(parse(text.as_bytes()), wanted, "{text:?}");
        }
    }
}
