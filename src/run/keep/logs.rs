//! What servers wrote to their error logs, kept with a failed test: a copy of the directory alone then tells why they died.

use std::path::Path;

use crate::error::{Error, Result};
use crate::run::servers::set::ServerSet;
use crate::triage::collect::log_file;

/// Writes what each server's log got since its start to `target/NAME.err`, below the name of the test.
///
/// # Errors
/// A file cannot be written.
pub fn save(set: &ServerSet, test: &str, target: &Path) -> Result<()> {
    for server in &set.servers {
        let Some(with) = &server.started else { continue };
        let part = log_file::from_offset(&server.group.log_error(), with.log_offset);
        let to = target.join(format!("{}.err", server.group.name()));
        let text = [b"CURRENT_TEST: ", test.as_bytes(), b"\n", &part.text].concat();
        crate::sys::files::write(&to, text).map_err(|error| Error::io("write", &to, error))?;
    }
    Ok(())
}
