//! Where a script may change files: below `$MYSQLTEST_VARDIR` and `$MYSQL_TMP_DIR`.

use bstr::BString;

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
    /// Whether `path` may be changed.
    ///
    /// # Errors
    ///
    /// `Path '…' is not a subdirectory of …`, without a blank before `or`.
    pub fn check(&self, path: &[u8]) -> Result<(), ScriptError> {
        if below(self.vardir, path) || below(self.tmpdir, path) {
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

/// Whether `path` lies below `directory`, going by the text alone. The last byte of the directory's name
/// is not compared.
fn below(directory: Option<&[u8]>, path: &[u8]) -> bool {
    // The reference crashes at some names where the directory is empty.
    let Some(directory) = directory.filter(|directory| !directory.is_empty()) else { return false };
    let compared = directory.len().saturating_sub(1);
    path.get(directory.len()) == Some(&b'/') && path[..compared] == directory[..compared]
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
        // The last byte is not looked at.
        assert!(sandbox.check(b"/x/a").is_ok());
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
