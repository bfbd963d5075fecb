//! The reference's tidying of file names given on the command line.

use bstr::{BStr, BString, ByteSlice, ByteVec};

/// Whether `name` stands for itself, without the base directory: it is absolute, or starts in `home`.
pub fn is_hard(name: &[u8], home: Option<&[u8]>) -> bool {
    name.starts_with(b"/") || (name.starts_with(b"~/") && home.is_some_and(|home| !home.is_empty()))
}

/// `name` with `~/` replaced and its directories made plain: no empty ones, no `.` but a leading one, and
/// `a/..` is gone. Steps above a leading `.` continue from `current`, the working directory.
pub fn tidy(name: &[u8], home: Option<&[u8]>, current: impl Fn() -> Option<BString>) -> BString {
    let mut full = Vec::new();
    let name = match (name.strip_prefix(b"~/"), home) {
        (Some(rest), Some(home)) if !home.is_empty() => {
            full.extend_from_slice(home.strip_suffix(b"/").unwrap_or(home));
            full.push(b'/');
            full.extend_from_slice(rest);
            full.as_slice()
        }
        _ => name,
    };
    let (directory, file) = name.split_at(name.rfind_byte(b'/').map_or(0, |at| at + 1));
    let mut rooted = directory.starts_with(b"/");
    let mut steps: Vec<BString> = Vec::new();
    for (index, step) in directory.split_str("/").enumerate() {
        match step {
            b"" => {}
            b"." if index == 0 => steps.push(step.into()),
            b"." => {}
            b".." => match steps.last().map(|last| last.as_bstr()) {
                Some(last) if last == BStr::new(b".") => match current() {
                    Some(path) => {
                        rooted = true;
                        steps =
                            path.split_str("/").filter(|step| !step.is_empty()).map(BString::from).collect();
                        steps.pop();
                    }
                    None => steps.push(step.into()),
                },
                Some(last) if last != BStr::new(b"..") => {
                    steps.pop();
                }
                _ => steps.push(step.into()),
            },
            _ => steps.push(step.into()),
        }
    }
    let mut tidied = BString::default();
    if rooted {
        tidied.push(b'/');
    }
    for step in &steps {
        tidied.push_str(step);
        tidied.push(b'/');
    }
    tidied.push_str(file);
    tidied
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tidied(name: &str) -> String {
        tidy(name.as_bytes(), Some(b"/h/"), || Some("/dev/shm/tool".into())).to_string()
    }

    #[test]
    fn directories_become_plain_and_the_last_part_stays() {
        for (name, plain) in [
            ("./a//b/../foo", "./a/foo"),
            ("/a/b/../foo", "/a/foo"),
            ("./././foo", "./foo"),
            ("~/foo", "/h/foo"),
            ("./~root/foo", "./~root/foo"),
            ("./a/..", "./a/.."),
            ("./a/.", "./a/."),
            ("/../foo", "/../foo"),
            ("./x//", "./x/"),
            ("q../foo", "q../foo"),
            ("a/b/c/../../../../foo", "../foo"),
            ("../a/../../foo", "../../foo"),
            ("foo", "foo"),
            ("", ""),
        ] {
            assert_eq!(tidied(name), plain, "{name}");
        }
    }

    #[test]
    fn above_the_working_directory_it_becomes_absolute() {
        assert_eq!(tidied("./../foo"), "/dev/shm/foo");
        assert_eq!(tidied("./../../foo"), "/dev/foo");
        assert_eq!(tidied("./a/../../foo"), "/dev/shm/foo");
    }

    #[test]
    fn home_counts_only_if_it_is_known() {
        assert!(is_hard(b"~/x", Some(b"/h")));
        assert!(!is_hard(b"~/x", Some(b"")));
        assert!(!is_hard(b"~x/y", Some(b"/h")));
        assert!(is_hard(b"/x", None));
    }
}
