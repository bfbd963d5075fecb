//! Where a script may change files: below `$MYSQLTEST_VARDIR` and `$MYSQL_TMP_DIR`.

use bstr::{BString, ByteSlice};

use crate::script::common::message::ScriptError;

/// The two directories, as they stand in the environment at the moment.
#[derive(Clone, Copy, Debug)]
pub struct Sandbox<'a> {
    /// `$MYSQLTEST_VARDIR`.
    pub vardir: Option<&'a [u8]>,
    /// `$MYSQL_TMP_DIR`.
    pub tmpdir: Option<&'a [u8]>,
}

/// What the reference prints for an environment variable that is not set.
const NOT_SET: &[u8] = b"(null)";

impl Sandbox<'_> {
    /// Whether the file `path` may be changed. It may lie above the directory, if it is named from there:
    /// sys_vars.secure_file_priv removes `$MYSQLTEST_VARDIR/../bug50373.txt`.
    ///
    /// # Errors
    ///
    /// `Path '…' is not a subdirectory of …`, without a blank before `or`.
    pub fn check(&self, path: &[u8]) -> Result<(), ScriptError> {
        self.check_that(path, starts_in)
    }

    /// Whether what is in the directory `path` may be removed: here `..` does not lead out.
    ///
    /// # Errors
    ///
    /// As [`Sandbox::check`].
    pub fn check_tree(&self, path: &[u8]) -> Result<(), ScriptError> {
        self.check_that(path, below)
    }

    fn check_that(&self, path: &[u8], lies: fn(Option<&[u8]>, &[u8]) -> bool) -> Result<(), ScriptError> {
        if lies(self.vardir, path) || lies(self.tmpdir, path) {
            return Ok(());
        }
        let (vardir, tmpdir) = self.shown();
        Err(ScriptError::report(join(&[
            b"Path '",
            path,
            b"' is not a subdirectory of MYSQLTEST_VARDIR '",
            vardir,
            b"'or MYSQL_TMP_DIR '",
            tmpdir,
            b"'",
        ])))
    }

    /// Whether `from` may be moved to `to`: both must be below the same directory.
    ///
    /// # Errors
    ///
    /// `Paths '…' and '…' are not both under …`.
    pub fn check_both(&self, from: &[u8], to: &[u8]) -> Result<(), ScriptError> {
        let both = |directory| below(directory, from) && below(directory, to);
        if both(self.vardir) || both(self.tmpdir) {
            return Ok(());
        }
        let (vardir, tmpdir) = self.shown();
        Err(ScriptError::report(join(&[
            b"Paths '",
            from,
            b"' and '",
            to,
            b"' are not both under MYSQLTEST_VARDIR '",
            vardir,
            b"' or both under MYSQL_TMP_DIR '",
            tmpdir,
            b"'",
        ])))
    }

    fn shown(&self) -> (&[u8], &[u8]) {
        (self.vardir.unwrap_or(NOT_SET), self.tmpdir.unwrap_or(NOT_SET))
    }
}

/// Whether `path` begins with `directory` as a directory. The reference does not compare the last byte of it, so that
/// a worker may change the files of another.
fn starts_in(directory: Option<&[u8]>, path: &[u8]) -> bool {
    // The reference crashes at some names where the directory is empty.
    let Some(directory) = directory.filter(|directory| !directory.is_empty()) else { return false };
    path.strip_prefix(directory).is_some_and(|rest| rest.starts_with(b"/"))
}

/// Whether `path` lies below `directory`, going by the text alone.
fn below(directory: Option<&[u8]>, path: &[u8]) -> bool {
    if !starts_in(directory, path) {
        return false;
    }
    let rest = &path[directory.map_or(0, <[u8]>::len)..];
    let mut depth = 0_usize;
    for step in rest.split_str("/") {
        match step {
            b"" | b"." => {}
            b".." if depth == 0 => return false,
            b".." => depth -= 1,
            _ => depth += 1,
        }
    }
    true
}

fn join(pieces: &[&[u8]]) -> BString {
    pieces.concat().into()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn below_one_of_the_two() {
        let sandbox = Sandbox { vardir: Some(b"/v"), tmpdir: Some(b"/t/t") };
        assert!(sandbox.check(b"/v/a").is_ok() && sandbox.check(b"/t/t/../x").is_ok());
        assert!(sandbox.check(b"/v/").is_ok());
        assert_eq!(
            sandbox.check(b"/v").unwrap_err().message,
            "Path '/v' is not a subdirectory of MYSQLTEST_VARDIR '/v'or MYSQL_TMP_DIR '/t/t'"
        );
        assert!(sandbox.check(b"/vv/a").is_err() && sandbox.check(b"").is_err());
        assert!(sandbox.check(b"/x/a").is_err());
    }

    #[test]
    fn trees_are_removed_inside_only() {
        let sandbox = Sandbox { vardir: Some(b"/v"), tmpdir: Some(b"/t/t") };
        for inside in [&b"/v/a"[..], b"/v//./a/b/../../c", b"/t/t/x/../y", b"/v/"] {
            assert!(sandbox.check_tree(inside).is_ok(), "{}", inside.as_bstr());
        }
        for outside in [&b"/t/t/../x"[..], b"/v/a/../../x", b"/v/..", b"/v/./../x", b"/x/a", b"/v"] {
            assert!(sandbox.check_tree(outside).is_err(), "{}", outside.as_bstr());
        }
        assert!(sandbox.check_both(b"/v/a", b"/v/../b").is_err());
    }

    #[test]
    fn both_below_the_same() {
        let sandbox = Sandbox { vardir: Some(b"/v"), tmpdir: Some(b"/ttt") };
        assert!(sandbox.check_both(b"/v/a", b"/v/b").is_ok());
        assert_eq!(
            sandbox.check_both(b"/v/a", b"/ttt/b").unwrap_err().message,
            "Paths '/v/a' and '/ttt/b' are not both under MYSQLTEST_VARDIR '/v' or both under MYSQL_TMP_DIR \
             '/ttt'"
        );
    }
}
