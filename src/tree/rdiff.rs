//! Applying `.rdiff` files: unified diffs against another result file (spec §3.5).

use bstr::ByteSlice;

use crate::error::{Error, Result};

/// The text that `rdiff` makes of `base`.
///
/// Line numbers may be off: a hunk applies where its context is found, as with GNU `patch`, which
/// the reference calls. A hunk that applies nowhere is left out, also like there; the test then
/// shows the difference.
///
/// # Errors
/// Where `rdiff` is no unified diff.
pub fn apply(base: &[u8], rdiff: &[u8]) -> Result<Vec<u8>> {
    // What stands before the first file header is prose to `patch`.
    let start = rdiff.find("--- ").unwrap_or(0);
    let malformed = |error: diffy::ParsePatchError| {
        Error::new("not a unified diff")
            .caused_by(error)
            .hint("make it with: diff -u base.result combination.result")
    };
    let patch = diffy::Patch::from_bytes(&rdiff[start..]).map_err(malformed)?;
    diffy::apply_bytes(base, &patch).map_err(|error| Error::new("the diff does not apply").caused_by(error))
}
