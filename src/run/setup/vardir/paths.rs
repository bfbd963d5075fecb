//! Which paths a run can work in: they stand in option files, in scripts and in the addresses of sockets.

use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use bstr::ByteSlice;

use crate::env::{Env, is_one_word};
use crate::error::{Error, Result};

/// The longest path of a vardir, in bytes: servers take paths of 512, and do not start from 465 on, as what they keep has
/// names behind it.
const LONGEST: usize = 400;

/// The longest path a Unix socket can have (`sun_path`, runner §7.5).
const LONGEST_SOCKET: usize = 108;

/// Room that worker directories and socket names need below `TMP0`; a directory that the user chose
/// is taken as long as the socket of a server fits.
const SOCKET_NAME: &str = "/mysql_testsocket.sock";
const SHORTEST_NAME: &str = "/testsocket.sock";

/// Refuses a path with which no server starts, or no test passes; `option` is where it came from.
///
/// # Errors
/// It has a backslash or a control character, which option files do not keep, or is too long.
pub fn check(path: &Path, name: &str, option: &str) -> Result<()> {
    let bytes = path.as_os_str().as_bytes();
    let what = if let Some(byte) = bytes.iter().find(|byte| **byte == b'\\' || byte.is_ascii_control()) {
        let shown = [*byte].as_bstr().escape_bytes().to_string();
        format!("the path of the {name} has a character that option files of servers do not keep: {shown}")
    } else if bytes.len() > LONGEST {
        format!("the path of the {name} is too long: {} bytes, and servers take {LONGEST}", bytes.len())
    } else {
        return Ok(());
    };
    Err(Error::new(what).at(path, None).hint(format!("give another one: {option}=DIR")))
}

/// Whether sockets fit in a directory for temporary files.
pub fn sockets_fit(tmp: &Path, chosen: bool) -> bool {
    let name = if chosen { SHORTEST_NAME } else { SOCKET_NAME };
    tmp.as_os_str().len() + name.len() <= LONGEST_SOCKET
}

/// Where a short directory for sockets can be made: `$TMPDIR`, else those that every system has. One that is itself
/// long, or cannot be written, is passed over.
pub fn short_bases(env: &Env) -> Vec<PathBuf> {
    let given = env.non_empty("TMPDIR").map(PathBuf::from).filter(|dir| dir.is_absolute());
    let all = given.into_iter().chain(["/tmp", "/dev/shm", "/var/tmp"].map(PathBuf::from));
    // As `mtr-XXXXXX`.
    let fits = |dir: &PathBuf| {
        sockets_fit(&dir.join("mtr-123456"), false)
            && check(dir, "", "").is_ok()
            && is_one_word(dir.as_os_str())
    };
    all.filter(|dir| dir.is_dir() && fits(dir)).collect()
}
