//! Names in the words of a server: paths, options, values, tables. Whoever chose a name chose its words, and they say
//! nothing of what went wrong: a directory may be called `block`, and a database `out of memory`.

use std::ops::Range;

use bstr::{BStr, BString, ByteSlice};

/// Words after which a quoted text is a name though it has blanks; elsewhere a quoted text with blanks is a sentence.
const BEFORE_NAMES: [&str; 18] = [
    "value",
    "values",
    "variable",
    "option",
    "argument",
    "engine",
    "plugin",
    "table",
    "database",
    "db",
    "user",
    "file",
    "directory",
    "dir",
    "path",
    "socket",
    "to",
    "of",
];

/// How a path begins.
const PATHS: [&[u8]; 4] = [b"/", b"./", b"../", b".//"];

/// Where the names in `text` are, in order: quoted ones (without their quotes) and paths without quotes.
pub fn names(text: &BStr) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut at = 0;
    let mut before = b' ';
    while let Some(&byte) = text.get(at) {
        if let Some(closing) = closing(byte).filter(|_| !before.is_ascii_alphanumeric()) {
            let tail = &text[at + 1..];
            if let Some(length) = quoted(tail, closing).or_else(|| tail.find_byte(byte)) {
                if is_name(&text[..at], &tail[..length]) {
                    found.push(at + 1..at + 1 + length);
                }
                at += length + 2;
                before = closing;
                continue;
            }
        }
        let begins = before.is_ascii_whitespace() || b"'\"`([=:".contains(&before);
        if begins && PATHS.iter().any(|start| text[at..].starts_with(start)) {
            let rest = &text[at..];
            let length = rest.find_byteset(b" \t'\"`(),;").unwrap_or(rest.len());
            if length > 1 {
                found.push(at..at + length);
                at += length;
                before = b'/';
                continue;
            }
        }
        before = byte;
        at += 1;
    }
    found
}

/// What closes a quote that `byte` opens.
fn closing(byte: u8) -> Option<u8> {
    match byte {
        b'\'' | b'"' => Some(byte),
        b'`' => Some(b'\''),
        _ => None,
    }
}

/// The length of what `closing` ends. An apostrophe inside of a word ends nothing.
fn quoted(text: &[u8], closing: u8) -> Option<usize> {
    let letter = |at: usize| text.get(at).is_some_and(u8::is_ascii_alphanumeric);
    let inside = |at: usize| closing == b'\'' && letter(at + 1) && at > 0 && letter(at - 1);
    text.find_iter(&[closing]).find(|at| !inside(*at))
}

/// Whether `quoted`, which stands behind `before`, is a name and no sentence.
fn is_name(before: &[u8], quoted: &[u8]) -> bool {
    let path = PATHS.iter().any(|start| quoted.starts_with(start));
    if path || !quoted.contains(&b' ') {
        return true;
    }
    let word = before.trim_end_with(|c| c == ' ' || c == ':' || c == '=');
    let word = word.rfind_byte(b' ').map_or(word, |at| &word[at + 1..]).to_ascii_lowercase();
    BEFORE_NAMES.iter().any(|known| word == known.as_bytes())
}

/// `text` with a blank for every byte of a name.
pub fn without_names(text: &BStr) -> BString {
    let mut text = text.to_owned();
    for name in names(text.as_bstr()) {
        text[name].fill(b' ');
    }
    text
}

/// Whether `needle` stands in `text` outside of names; or begins the name of a file or an option, and is one itself.
pub fn says(text: &BStr, needle: &[u8]) -> bool {
    let mut found = text.find_iter(needle).peekable();
    if found.peek().is_none() {
        return false;
    }
    let names = names(text);
    found.any(|at| {
        let inside = names.iter().find(|name| name.start <= at && at + needle.len() <= name.end);
        inside.is_none_or(|name| is_identifier(needle) && begins(&text[name.clone()], at - name.start))
    })
}

/// A needle that is itself the name of a file or an option: `ib_logfile`, `wsrep_on`.
fn is_identifier(needle: &[u8]) -> bool {
    !needle.contains(&b' ') && needle.iter().any(|byte| b"_./".contains(byte) || byte.is_ascii_digit())
        || needle == b"ibdata"
}

/// `at` is the beginning of the last component of the name, or of what follows dashes.
fn begins(name: &[u8], at: usize) -> bool {
    let last = name.rfind_byte(b'/').map_or(0, |slash| slash + 1);
    let bare = last + name[last..].iter().take_while(|byte| **byte == b'-').count();
    at == last || at == bare
}

/// The base name of a path.
pub fn base(path: &BStr) -> &BStr {
    path.rfind_byte(b'/').map_or(path, |slash| path[slash + 1..].as_bstr())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(text: &str) -> Vec<String> {
        names(text.into()).into_iter().map(|name| text[name].to_owned()).collect()
    }

    #[test]
    fn names_are_quoted_or_paths() {
        for (text, found) in [
            (
                "Can't lock '/dev/shm/block chain/x' (Errcode: 13 \"Permission denied\")",
                &["/dev/shm/block chain/x"][..],
            ),
            ("InnoDB: File ./ib_logfile0 was not found", &["./ib_logfile0"]),
            ("Error while setting value 'out of memory' to 'sql_mode'", &["out of memory", "sql_mode"]),
            ("Got error 'Can't create file' when using '/x/aria'", &["/x/aria"]),
            ("from master: 'A slave with the same server_id', Error_code: 1236", &[]),
            ("Assertion `a' failed in /b/c.cc line 12", &["a", "/b/c.cc"]),
            ("ratio 1/2, and/or none", &[]),
            ("never closed '", &[]),
        ] {
            assert_eq!(told(text), found, "{text}");
        }
    }

    #[test]
    fn words_of_names_are_nobody_s() {
        for (text, needle, expected) in [
            ("Can't create/write to file '/dev/shm/lock/x'", "lock", false),
            ("Unable to lock ./ibdata1 error: 11", "lock", true),
            ("File ./ib_logfile0 was not found", "ib_logfile", true),
            ("File /ib_logfile/x was not found", "ib_logfile", false),
            ("unknown option '--innodb_x'", "innodb_x", true),
            ("Plugin 'InnoDB' failed", "Plugin 'InnoDB'", true),
            ("Database 'out of memory' unknown", "out of memory", false),
            ("No space", "no space", false),
        ] {
            assert_eq!(says(text.into(), needle.as_bytes()), expected, "{text}: {needle}");
        }
        assert_eq!(without_names("a '/lock' b".into()), "a '     ' b");
    }
}
