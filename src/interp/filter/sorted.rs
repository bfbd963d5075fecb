//! `sorted_result`: the lines of one result set in the order of their bytes.

use bstr::ByteSlice;

/// Appends the lines of `set` to `out`, sorted bytewise, each ended by LF (mysqltest §7.6).
///
/// A line ends at LF, at a NUL or at the end of the set. A NUL where a line would start ends the set:
/// what follows it is lost.
pub fn sort_lines(set: &[u8], out: &mut Vec<u8>) {
    let mut lines = Vec::new();
    let mut rest = set;
    while rest.first().is_some_and(|&byte| byte != 0) {
        let end = rest.find_byteset(b"\n\0").unwrap_or(rest.len());
        lines.push(&rest[..end]);
        rest = &rest[(end + 1).min(rest.len())..];
    }
    // Lines are compared as C strings; a line holds no NUL, so that is the order of slices.
    lines.sort_unstable();
    out.reserve(set.len() + 1);
    for line in lines {
        out.extend_from_slice(line);
        out.push(b'\n');
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bstr::BString;

    fn sorted(set: &[u8]) -> BString {
        let mut out = b"head\n".to_vec();
        sort_lines(set, &mut out);
        out.into()
    }

    #[test]
    fn torn_at_every_line_end() {
        assert_eq!(sorted(b"b\n\nd\0a\na\n\nc\nzz\n"), "head\n\n\na\na\nb\nc\nd\nzz\n");
        assert_eq!(sorted(b"b\n\xff\nB\n"), BString::from(&b"head\nB\nb\n\xff\n"[..]));
    }

    #[test]
    fn a_last_line_without_end_is_ended() {
        assert_eq!(sorted(b"b\na"), "head\na\nb\n");
        assert_eq!(sorted(b""), "head\n");
    }

    #[test]
    fn nul_at_the_start_of_a_line_loses_the_rest() {
        assert_eq!(sorted(b"d\0\0a\nb\n"), "head\nd\n");
        assert_eq!(sorted(b"b\n\0a\nc\n"), "head\nb\n");
    }
}
