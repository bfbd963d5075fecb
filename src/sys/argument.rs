//! Arguments of other programs.

use std::ffi::{OsStr, OsString};

/// The argument `name` with `value` right behind it, as in `--datadir=/tmp/data`; `name` ends with what separates them.
///
/// A directory that is to end with a slash is given as `dir.join("")`.
pub fn argument(name: &str, value: impl AsRef<OsStr>) -> OsString {
    let mut text = OsString::from(name);
    text.push(value);
    text
}

#[cfg(test)]
mod tests {
    use std::os::unix::ffi::OsStrExt as _;
    use std::path::Path;

    use super::*;

    #[test]
    fn any_bytes_can_be_a_value() {
        assert_eq!(argument("--x=", OsStr::from_bytes(b"\xff")).as_bytes(), b"--x=\xff");
        assert_eq!(argument("--dir=", Path::new("/a b").join("")), "--dir=/a b/");
    }
}
