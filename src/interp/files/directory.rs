//! `list_files` and `remove_files_wildcard`: names in a directory.

use std::fs;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;

use bstr::{BString, ByteSlice};

use crate::interp::files::failure::Failure;

/// The names in a directory that match `pattern`, sorted bytewise, without `.` and `..`.
///
/// # Errors
///
/// The directory cannot be read; the file layer is silent about that.
pub fn list(directory: &[u8], pattern: Option<&[u8]>) -> Result<Vec<BString>, Failure> {
    let mut names = read(directory).map_err(|error| Failure::silent(&error))?;
    names.retain(|name| pattern.is_none_or(|pattern| matches(pattern, name)));
    names.sort_unstable();
    Ok(names)
}

/// Removes the files in a directory that match `pattern`, hidden ones too, directories and links to them
/// not. Returns lines for standard error about entries that cannot be looked at; those stay.
///
/// # Errors
///
/// The directory cannot be read, or a file not be removed; the files behind that one stay.
pub fn remove_matching(directory: &[u8], pattern: Option<&[u8]>) -> (Vec<BString>, Result<(), Failure>) {
    let mut warnings = Vec::new();
    let names = match read(directory) {
        Ok(names) => names,
        Err(error) => {
            let failure = Failure::told(&error, &[b"Can't read dir of '", directory, b"'"]);
            return (warnings, Err(failure));
        }
    };
    let mut files = Vec::new();
    for name in names {
        let path = [directory, b"/", &name].concat();
        match fs::metadata(path.to_os_str_lossy()) {
            Ok(facts) if facts.is_dir() => {}
            Ok(_) => files.push((name, path)),
            Err(error) => {
                warnings.extend(Failure::told(&error, &[b"Can't get stat of '", &path, b"'"]).message);
            }
        }
    }
    for (name, path) in files {
        if pattern.is_none_or(|pattern| matches(pattern, &name))
            && let Err(failure) = super::remove(&path)
        {
            return (warnings, Err(failure));
        }
    }
    (warnings, Ok(()))
}

/// Whether `name` is what `pattern` describes: `*` stands for any bytes, `?` for any one, all else for
/// itself; there is no escape.
pub fn matches(pattern: &[u8], name: &[u8]) -> bool {
    let (mut at, mut here) = (0, 0);
    // Where to try again with one more byte for the last star.
    let mut again = None;
    while here < name.len() {
        match pattern.get(at) {
            Some(b'*') => {
                at += 1;
                again = Some((at, here));
            }
            Some(&byte) if byte == b'?' || byte == name[here] => {
                at += 1;
                here += 1;
            }
            _ => {
                let Some((star, from)) = again else { return false };
                again = Some((star, from + 1));
                (at, here) = (star, from + 1);
            }
        }
    }
    pattern[at..].iter().all(|&byte| byte == b'*')
}

fn read(directory: &[u8]) -> std::io::Result<Vec<BString>> {
    let path = Path::new(std::ffi::OsStr::from_bytes(directory));
    fs::read_dir(path)?.map(|entry| Ok(entry?.file_name().into_vec().into())).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn patterns() {
        for (pattern, name, expected) in [
            ("*", "", true),
            ("", "", true),
            ("", "a", false),
            ("a*b", "ab", true),
            ("a**b", "axb", true),
            ("a?b", "ab", false),
            ("a?b", "axb", true),
            ("*?", "a", true),
            ("*?", "", false),
            ("a\\*b", "a\\b", true),
            ("a\\*b", "a*b", false),
            ("*.ib*.x", "a.ibd.ib.x", true),
            ("*a*b", "aaaaaaaac", false),
        ] {
            assert_eq!(matches(pattern.as_bytes(), name.as_bytes()), expected, "{pattern} {name}");
        }
    }

    #[test]
    fn stars_do_not_multiply_the_work() {
        let pattern = [&b"*a".repeat(2000)[..], b"b"].concat();
        assert!(!matches(&pattern, &b"a".repeat(20_000)));
    }

    #[test]
    fn listing_and_removing() {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path().as_os_str().as_bytes();
        for name in ["b", "B", ".hid", "axb"] {
            fs::write(directory.path().join(name), "").unwrap();
        }
        fs::create_dir(directory.path().join("sub")).unwrap();
        std::os::unix::fs::symlink("sub", directory.path().join("link")).unwrap();
        std::os::unix::fs::symlink("nowhere", directory.path().join("dangling")).unwrap();
        assert_eq!(list(root, None).unwrap(), [".hid", "B", "axb", "b", "dangling", "link", "sub"]);
        assert_eq!(list(root, Some(b"*b")).unwrap(), ["axb", "b", "sub"]);
        let (warnings, removed) = remove_matching(root, Some(b"?*b"));
        assert_eq!(removed, Ok(()));
        assert_eq!(warnings.len(), 1);
        assert!(warnings[0].starts_with(b"Can't get stat of '"), "{warnings:?}");
        assert_eq!(list(root, None).unwrap(), [".hid", "B", "b", "dangling", "link", "sub"]);
        assert_eq!(remove_matching(root, None).1, Ok(()));
        assert_eq!(list(root, None).unwrap(), ["dangling", "link", "sub"]);
    }

    #[test]
    fn what_is_no_directory() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let path = file.path().as_os_str().as_bytes();
        let failure = list(path, None).unwrap_err();
        assert_eq!((failure.errno, failure.message), (20, None));
        let failure = remove_matching(path, None).1.unwrap_err();
        assert!(failure.message.unwrap().starts_with(b"Can't read dir of '"));
    }
}
