//! `diff_files`: whether two files differ, and how.

use std::fs;
use std::time::UNIX_EPOCH;

use bstr::ByteSlice;
use similar::TextDiff;

use crate::sys::local_time;

/// A NUL within so many bytes of its start makes a file a binary one, as for `diff`.
const LOOKED_AT: usize = 4096;

/// How two contents differ: 0 not at all, 1 in bytes, 2 in length. This is the error that `--error` is
/// compared with.
pub fn compare(first: &[u8], second: &[u8]) -> i32 {
    if first.len() != second.len() { 2 } else { i32::from(first != second) }
}

/// The output of `diff -u first second`, for two files with these contents, if they differ.
pub fn unified(first: &[u8], first_content: &[u8], second: &[u8], second_content: &[u8]) -> Vec<u8> {
    let binary = |content: &[u8]| content[..content.len().min(LOOKED_AT)].contains(&0);
    if binary(first_content) || binary(second_content) {
        return [b"Binary files ", first, b" and ", second, b" differ\n"].concat();
    }
    let mut text = [&heading(b"--- ", first)[..], &heading(b"+++ ", second)].concat();
    let diff = TextDiff::from_lines(first_content, second_content);
    // Writing to a vector cannot fail.
    let _ = diff.unified_diff().context_radius(3).to_writer(&mut text);
    text
}

/// `--- path<TAB>time`.
fn heading(mark: &[u8], path: &[u8]) -> Vec<u8> {
    let time = fs::metadata(path.to_os_str_lossy()).and_then(|facts| facts.modified()).unwrap_or(UNIX_EPOCH);
    let time = local_time::format_with_zone(time);
    [mark, path, b"\t", time.as_bytes(), b"\n"].concat()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn length_counts_first() {
        assert_eq!(compare(b"a", b"a"), 0);
        assert_eq!(compare(b"a", b"b"), 1);
        assert_eq!(compare(b"a", b""), 2);
    }

    #[test]
    fn without_newline_at_the_end() {
        let text = unified(b"/a", b"abc\nabd\nxx\n", b"/b", b"abc\nabd\nxx");
        let text = text.to_str().unwrap();
        assert!(text.starts_with("--- /a\t1970-01-01 "), "{text}");
        assert!(
            text.ends_with("@@ -1,3 +1,3 @@\n abc\n abd\n-xx\n+xx\n\\ No newline at end of file\n"),
            "{text}"
        );
        let text = unified(b"/a", b"2\n", b"/b", b"1\n");
        assert!(text.ends_with(b"@@ -1 +1 @@\n-2\n+1\n"));
    }

    #[test]
    fn binary_files_are_not_shown() {
        assert_eq!(unified(b"/a", b"\0", b"/b", b""), b"Binary files /a and /b differ\n");
    }
}
