//! Comparison of strings by latin1_swedish_ci, and search in them.

use std::cmp::Ordering;

use bstr::ByteSlice;

use crate::script::common::charset::name_key;

/// Compares as the server's latin1_swedish_ci does: without case and most accents, the shorter string padded with
/// blanks.
pub(super) fn collate(a: &[u8], b: &[u8]) -> Ordering {
    let (mut a, mut b) = (name_key(a), name_key(b));
    let len = a.len().max(b.len());
    a.resize(len, b' ');
    b.resize(len, b' ');
    a.cmp(&b)
}

/// Where `needle` is first found in `text`, without case and most accents.
pub(super) fn search(text: &[u8], needle: &[u8]) -> Option<usize> {
    name_key(text).find(name_key(needle))
}
