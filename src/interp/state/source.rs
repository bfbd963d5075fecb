//! Where `source` finds its file (mysqltest §14).

use bstr::{BStr, BString, ByteSlice};

use crate::interp::state::Interp;
use crate::interp::state::stop::{Done, Stop};
use crate::script::input::Input;
use crate::sys::files;

/// Opens the file that `source NAME` means and puts it on top of the reader's stack.
pub(in crate::interp) fn push(interp: &mut Interp, name: &BStr) -> Done {
    let mut last = None;
    for path in candidates(interp, name) {
        match files::read(&path.to_path_lossy(), files::MOST_OF_TEXT) {
            Ok(text) => {
                return interp.reader.push(Input::new(path, text)).map_err(|error| Stop::Die(error.message));
            }
            Err(error) => last = Some(error),
        }
    }
    Err(Stop::Die(unreadable(name, &last.unwrap_or_else(|| std::io::ErrorKind::NotFound.into()))))
}

/// What is said of a script that cannot be read: the system's number, or what the reference would have opened and we do
/// not.
pub(in crate::interp) fn unreadable(name: &[u8], error: &std::io::Error) -> BString {
    let why = match error.raw_os_error() {
        Some(number) => format!(", errno: {number}"),
        None => format!(": {error}"),
    };
    [b"Could not open '", name, b"' for reading", why.as_bytes()].concat().into()
}

/// The paths that are tried, in their order: plain concatenations.
fn candidates(interp: &Interp, name: &BStr) -> Vec<BString> {
    if name.starts_with(b"/") || name.starts_with(b"~/") {
        return vec![name.into()];
    }
    let options = &interp.options;
    let current = interp.reader.file();
    let folder = |path: &[u8]| -> BString { path[..path.rfind_byte(b'/').map_or(0, |at| at + 1)].into() };
    let join = |prefix: &[u8], rest: &[u8]| -> BString { [prefix, rest, name].concat().into() };
    let overlay = options.overlay_dir.as_ref().map(|dir| dir.as_bytes());
    let suite = options.suite_dir.as_bytes();
    let inside = |dir: &[u8]| !dir.is_empty() && current.starts_with(dir);
    let mut paths = Vec::new();
    let below = match overlay {
        Some(dir) if inside(dir) => Some(folder(&current[dir.len()..])),
        Some(_) if inside(suite) => Some(folder(&current[suite.len()..])),
        _ => None,
    };
    match (overlay, below) {
        (Some(overlay), Some(below)) => {
            let path = join(overlay, &below);
            if path.as_bstr() != current.as_bstr() {
                paths.push(path);
            }
            paths.push(join(suite, &below));
        }
        _ => paths.push(join(&folder(current), b"")),
    }
    paths.extend(overlay.map(|dir| join(dir, b"")));
    paths.push(join(suite, b""));
    paths.push(join(&options.basedir, b""));
    paths
}
