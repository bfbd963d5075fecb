//! `diff_files`: whether two files differ, and how.

use crate::interp::files::line_diff;

/// How two contents differ: 0 not at all, 1 in bytes, 2 in length. This is the error that `--error` is
/// compared with.
pub fn compare(first: &[u8], second: &[u8]) -> i32 {
    if first.len() != second.len() { 2 } else { i32::from(first != second) }
}

/// The output of `diff -u first second`, for two files with these contents, if they differ.
pub fn unified(first: &[u8], first_content: &[u8], second: &[u8], second_content: &[u8]) -> Vec<u8> {
    let mut text = Vec::new();
    // Writing to a vector cannot fail.
    let _ = line_diff::write(first, first_content, second, second_content, &mut text);
    text
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use bstr::ByteSlice;

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
