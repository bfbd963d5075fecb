//! Names from files as parts of paths. What a test, a suite, a combination or a group of a configuration is called is
//! written by people: a name may hold a slash, lead upwards, or be longer than a file system takes. Every name that
//! becomes a file's or a directory's goes through here.

use std::path::{Component, Path};

use sha2::{Digest as _, Sha256};

/// The longest component, in bytes: file systems take 255, and endings such as `-shutdown.12.warnings` follow.
const LONGEST: usize = 200;

/// Digits of the hash behind a name that was changed.
const DIGITS: usize = 12;

/// What stands before them.
const MARK: char = '~';

/// `name` as one component of a path. A name that can stand as it is stays; in any other `/`, `\` and control
/// characters become `_`, as does a dot at its beginning, and a hash of the whole name follows, so that different names
/// stay different.
pub fn component(name: &str) -> String {
    let cleaned = cleaned(name);
    if cleaned == name && !looks_hashed(name) {
        return cleaned;
    }
    let mut text = cleaned;
    let room = LONGEST - DIGITS - MARK.len_utf8();
    shorten(&mut text, room);
    text.push(MARK);
    let hash = Sha256::digest(name.as_bytes());
    for byte in &hash[..DIGITS / 2] {
        text.push_str(&format!("{byte:02x}"));
    }
    text
}

/// What a component made of `name` begins with: the same without the hash.
pub fn cleaned(name: &str) -> String {
    let mut text: String = name
        .chars()
        .enumerate()
        .map(|(at, c)| match c {
            '/' | '\\' => '_',
            '.' if at == 0 => '_',
            c if c.is_control() => '_',
            c => c,
        })
        .collect();
    if text.is_empty() {
        text.push('_');
    }
    shorten(&mut text, LONGEST);
    text
}

/// Cuts to at most `most` bytes, between characters.
fn shorten(text: &mut String, most: usize) {
    let end = (0..=most.min(text.len())).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    text.truncate(end);
}

/// Whether `path`, going by its text, lies below `dir`: a path that leads upwards does not.
pub fn is_below(path: &Path, dir: &Path) -> bool {
    let leads_up = path.components().any(|part| part == Component::ParentDir);
    !leads_up && path != dir && !dir.as_os_str().is_empty() && path.starts_with(dir)
}

/// Whether the name can stand in a path as it is.
pub fn is_component(name: &str) -> bool {
    component(name) == name
}

/// A name that ends like one that was changed could be taken for it.
fn looks_hashed(name: &str) -> bool {
    name.rsplit_once(MARK).is_some_and(|(_, end)| {
        end.len() == DIGITS && end.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_are_safe_stay() {
        for name in ["main.alias", "rpl.rpl_x-mix,row", "a b", "ä.ö", "x~1", "main.a-b,c.2", "a..b", "it's"]
        {
            assert_eq!(component(name), name);
            assert!(is_component(name));
        }
    }

    #[test]
    fn no_name_leads_anywhere() {
        for name in [
            "../x",
            "/etc",
            "..",
            ".",
            "",
            "a/../../b",
            "a\\b",
            ".hidden",
            "a\nb",
            "a\0b",
            "\u{85}",
            "\u{7f}",
        ] {
            let made = component(name);
            assert!(!made.starts_with('.') && !made.is_empty(), "{name:?}: {made:?}");
            assert!(
                !made.contains(['/', '\\', '\0']) && !made.contains(char::is_control),
                "{name:?}: {made:?}"
            );
            assert!(!is_component(name) && made.starts_with(&cleaned(name)), "{name:?}: {made:?}");
        }
    }

    #[test]
    fn no_name_is_too_long() {
        for name in ["x".repeat(10_000), "ä".repeat(300), "€".repeat(300), "/".repeat(300), "x".repeat(201)]
        {
            let made = component(&name);
            assert!(made.len() <= LONGEST, "{}", made.len());
        }
        assert_eq!(component(&"x".repeat(200)), "x".repeat(200));
    }

    #[test]
    fn below_is_below() {
        let below = |path: &str| is_below(Path::new(path), Path::new("/v/1"));
        assert!(below("/v/1/mysqld.1/data") && below("/v/1/./x") && below("/v//1/x"));
        for path in ["/v/1", "/v/1/", "/v/2/x", "/v/1/../2", "/v/1/x/..", "/v/11", "v/1/x", "", "/"] {
            assert!(!below(path), "{path}");
        }
        assert!(!is_below(Path::new("/x"), Path::new("")));
    }

    #[test]
    fn different_names_stay_different() {
        let mut names: Vec<String> =
            ["a/b", "a_b", "a\\b", "a\nb", "", "_", ".", "..", "._", "a/b.c", "a_b.c"]
                .map(String::from)
                .into();
        names.extend(["x".repeat(300), "x".repeat(301), component("a/b"), component(&component("a/b"))]);
        let made: std::collections::BTreeSet<String> = names.iter().map(|name| component(name)).collect();
        assert_eq!(made.len(), names.len(), "{made:?}");
    }
}
