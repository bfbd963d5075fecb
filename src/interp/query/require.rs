//! `require FILE`: the next query's output decides whether the test can run here (mysqltest §6.9).

use std::rc::Rc;

use bstr::ByteSlice;

use crate::interp::state::stop::{Done, Stop};
use crate::interp::state::{Interp, Stored};
use crate::sys::files;

/// `require FILE`.
///
/// # Errors
/// The output differs from what is required, or wrong arguments.
pub fn require(interp: &mut Interp, command: &Rc<Stored>) -> Done {
    let file = interp.word(command);
    if file.is_empty() {
        return Err(Stop::die("Missing file name argument"));
    }
    interp.require = Some(file);
    Ok(())
}

/// Compares the output of the query that is just over with the file, in place of showing it; skips the
/// test if they differ. After an error that was handled otherwise there is nothing to compare any more.
pub(super) fn compare(interp: &mut Interp) -> Done {
    let Some(file) = interp.require.take() else { return Ok(()) };
    let output = std::mem::take(&mut interp.out);
    let wanted = files::read(&file.to_path_lossy(), files::MOST_OF_TEXT)
        .map_err(|_| Stop::Die([b"Failed to open second file: '", file.as_slice(), b"'"].concat().into()))?;
    if wanted == output {
        return Ok(());
    }
    Err(Stop::Skip([b"Test requires: '", feature(&file), b"'"].concat().into()))
}

/// What a file asks for: its name without directories and extension.
fn feature(file: &[u8]) -> &[u8] {
    let name = file.rsplit_str("/").next().unwrap_or_default();
    &name[..name.find_byte(b'.').unwrap_or(name.len())]
}

#[cfg(test)]
mod tests {
    use super::feature;

    #[test]
    fn the_feature_is_the_name_up_to_its_first_point() {
        assert_eq!(feature(b"rq/a.b.require"), b"a");
        assert_eq!(feature(b"r/have_x"), b"have_x");
    }
}
