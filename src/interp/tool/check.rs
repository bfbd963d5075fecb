//! `--check FILE…`: what is wrong with scripts, without running them.

use std::ffi::OsStr;
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;

use bstr::BString;

use super::main::FAILED;
use crate::script::input::Input;
use crate::script::static_check;

/// Writes one line `FILE:LINE:COLUMN: MESSAGE` to standard output for everything that is wrong with `files`.
/// The exit status: 0 if nothing is, [`FAILED`] otherwise or if a file cannot be read, which is told on standard error.
pub fn check(files: &[BString]) -> u8 {
    let mut out = io::BufWriter::new(io::stdout().lock());
    let mut status = 0;
    for file in files {
        match std::fs::read(OsStr::from_bytes(file)) {
            Ok(text) => {
                for finding in static_check::check(&Input::new(file.clone(), text)) {
                    status = FAILED;
                    // Whoever closed standard output does not want to know.
                    let _ = writeln!(out, "{file}:{finding}");
                }
            }
            Err(error) => {
                status = FAILED;
                let _ = writeln!(io::stderr(), "mysqltest: cannot read {file}: {error}");
            }
        }
    }
    let _ = out.flush();
    status
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_status_tells_whether_all_is_well() {
        let dir = tempfile::tempdir().unwrap();
        let file = |name: &str, text: &str| {
            let path = dir.path().join(name);
            std::fs::write(&path, text).unwrap();
            BString::from(path.to_str().unwrap())
        };
        let (good, bad) = (file("a.test", "select 1;\n"), file("b.test", "--ehco\n"));
        assert_eq!(check(std::slice::from_ref(&good)), 0);
        assert_eq!(check(&[bad, good]), FAILED);
        assert_eq!(check(&["/no/such/file".into()]), FAILED);
    }
}
