//! The difference of two files in the unified form, as `diff -u` shows it.

use std::io::{self, Write};
use std::time::{Duration, Instant, SystemTime};

use bstr::ByteSlice;
use similar::{Algorithm, DiffOp, capture_diff_slices_deadline, group_diff_ops};

use crate::sys::deadline::deadline_after;
use crate::sys::local_time;

/// Lines shown around a change.
const CONTEXT: usize = 3;

/// How long to look for a short difference; after that any difference will do.
const PATIENCE: Duration = Duration::from_secs(2);

/// A zero byte within so many bytes of its start makes a file a binary one, as for `diff`.
const PROBE: usize = 4096;

/// Writes what `diff -u` says of two files with these names and contents; nothing if they are equal.
///
/// # Errors
/// Those of `out`.
pub fn write(
    old_name: &[u8],
    old: &[u8],
    new_name: &[u8],
    new: &[u8],
    out: &mut dyn Write,
) -> io::Result<()> {
    if old == new {
        return Ok(());
    }
    let binary = |text: &[u8]| text[..text.len().min(PROBE)].contains(&0);
    if binary(old) || binary(new) {
        return out.write_all(&[b"Binary files ", old_name, b" and ", new_name, b" differ\n"].concat());
    }
    for (mark, name) in [("---", old_name), ("+++", new_name)] {
        let time = std::fs::metadata(name.to_os_str_lossy()).and_then(|facts| facts.modified());
        let time = local_time::format_with_zone(time.unwrap_or(SystemTime::UNIX_EPOCH));
        out.write_all(&[mark.as_bytes(), b" ", name, b"\t", time.as_bytes(), b"\n"].concat())?;
    }
    hunks(old, new, out, Some(deadline_after(PATIENCE)))
}

fn hunks(old: &[u8], new: &[u8], out: &mut dyn Write, deadline: Option<Instant>) -> io::Result<()> {
    let old: Vec<&[u8]> = old.lines_with_terminator().collect();
    let new: Vec<&[u8]> = new.lines_with_terminator().collect();
    // Most results differ in few places: without the equal ends the search is short.
    let head = old.iter().zip(&new).take_while(|(a, b)| a == b).count();
    let tail = old[head..].iter().rev().zip(new[head..].iter().rev()).take_while(|(a, b)| a == b).count();
    let ops = capture_diff_slices_deadline(
        Algorithm::Myers,
        &old[head..old.len() - tail],
        &new[head..new.len() - tail],
        deadline,
    );
    let mut all = Vec::with_capacity(ops.len() + 2);
    all.push(DiffOp::Equal { old_index: 0, new_index: 0, len: head });
    all.extend(ops.into_iter().map(|op| shifted(op, head)));
    all.push(DiffOp::Equal { old_index: old.len() - tail, new_index: new.len() - tail, len: tail });
    all.retain(|op| !op.old_range().is_empty() || !op.new_range().is_empty());
    for group in group_diff_ops(all, CONTEXT) {
        let (Some(first), Some(last)) = (group.first(), group.last()) else { continue };
        let (old_from, old_to) = (first.old_range().start, last.old_range().end);
        let (new_from, new_to) = (first.new_range().start, last.new_range().end);
        writeln!(out, "@@ -{} +{} @@", span(old_from, old_to), span(new_from, new_to))?;
        for op in &group {
            if let DiffOp::Equal { .. } = op {
                lines(out, b" ", &old[op.old_range()])?;
            } else {
                lines(out, b"-", &old[op.old_range()])?;
                lines(out, b"+", &new[op.new_range()])?;
            }
        }
    }
    Ok(())
}

fn shifted(op: DiffOp, by: usize) -> DiffOp {
    match op {
        DiffOp::Equal { old_index, new_index, len } => {
            DiffOp::Equal { old_index: old_index + by, new_index: new_index + by, len }
        }
        DiffOp::Delete { old_index, old_len, new_index } => {
            DiffOp::Delete { old_index: old_index + by, old_len, new_index: new_index + by }
        }
        DiffOp::Insert { old_index, new_index, new_len } => {
            DiffOp::Insert { old_index: old_index + by, new_index: new_index + by, new_len }
        }
        DiffOp::Replace { old_index, old_len, new_index, new_len } => {
            DiffOp::Replace { old_index: old_index + by, old_len, new_index: new_index + by, new_len }
        }
    }
}

/// A hunk's place: first line and number of lines, which is left out if it is one.
fn span(from: usize, to: usize) -> String {
    match to - from {
        0 => format!("{from},0"),
        1 => (from + 1).to_string(),
        count => format!("{},{count}", from + 1),
    }
}

fn lines(out: &mut dyn Write, mark: &[u8], lines: &[&[u8]]) -> io::Result<()> {
    for line in lines {
        out.write_all(mark)?;
        out.write_all(line)?;
        if !line.ends_with(b"\n") {
            out.write_all(b"\n\\ No newline at end of file\n")?;
        }
    }
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn diff(old: &str, new: &str) -> String {
        let mut out = Vec::new();
        hunks(old.as_bytes(), new.as_bytes(), &mut out, None).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn changes_with_their_surroundings() {
        assert_eq!(
            diff("a\nselect 1;\n1\n2\nb\n", "a\nselect 1;\n1\n1\nb\n"),
            "@@ -1,5 +1,5 @@\n a\n select 1;\n 1\n-2\n+1\n b\n"
        );
        assert_eq!(diff("zz\n", "a\nb\n"), "@@ -1 +1,2 @@\n-zz\n+a\n+b\n");
        assert_eq!(diff("", "a\n"), "@@ -0,0 +1 @@\n+a\n");
        assert_eq!(diff("a\nb", "a\nb\n"), "@@ -1,2 +1,2 @@\n a\n-b\n\\ No newline at end of file\n+b\n");
        assert_eq!(diff("a\n", "a\n"), "");
    }

    #[test]
    fn binary_files_are_not_shown() {
        let mut out = Vec::new();
        write(b"/a", b"\0", b"/b", b"", &mut out).unwrap();
        assert_eq!(out, b"Binary files /a and /b differ\n");
    }

    #[test]
    fn far_changes_have_hunks_of_their_own() {
        let old: String = (0..40).map(|n| format!("{n}\n")).collect();
        let new = old.replace("5\n6\n", "five\n6\n").replace("30\n", "thirty\n");
        let shown = diff(&old, &new);
        assert_eq!(shown.matches("@@ -").count(), 2, "{shown}");
        assert!(shown.contains("@@ -28,7 +28,7 @@\n"), "{shown}");
    }

    #[test]
    fn a_big_difference_is_found_in_full() {
        let old: String = (0..200_000).map(|n| format!("{}\tsome value {n}\n", n * 7 % 1000)).collect();
        let new: String = old
            .lines()
            .enumerate()
            .map(|(n, line)| if n % 50 == 0 { format!("{line} changed\n") } else { format!("{line}\n") })
            .collect();
        let mut out = Vec::new();
        hunks(old.as_bytes(), new.as_bytes(), &mut out, None).unwrap();
        assert_eq!(out.split(|byte| *byte == b'\n').filter(|line| line.starts_with(b"-")).count(), 4000);
    }
}
