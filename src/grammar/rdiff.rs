//! Applying `.rdiff` files: unified diffs against another result file (spec §3.5).
//!
//! The diffs of the test tree are often older than the results they apply to: lines have moved, and
//! context next to a change may have changed (10.11: `main/alter_table_combinations,heap.rdiff`).
//! Some name files in ways no parser of diffs likes (`r\sysvars_debug.result`), some have lost
//! their last line (`suite/versioning/r/replace,trx_id.rdiff`). GNU `patch`, which the reference
//! calls, copes with all of it; so does this.

use bstr::ByteSlice;

use crate::error::{Error, Result};

/// Lines of context at either end of a hunk that may differ, as with `patch`.
const MAX_FUZZ: usize = 2;

/// One hunk: lines with their line ends.
struct Hunk<'d> {
    /// The line of the diff on which it starts, from 1.
    line: usize,
    /// Where the old lines should be: index of the first one.
    at: usize,
    old: Vec<&'d [u8]>,
    new: Vec<&'d [u8]>,
    /// Lines of context in front and behind.
    prefix: usize,
    suffix: usize,
}

/// The text that `rdiff` makes of `base`.
///
/// A hunk whose lines have moved applies where they are found, nearest first. A hunk that applies
/// nowhere is left out, as `patch` does it; the test then shows the difference.
///
/// # Errors
/// Where `rdiff` is no unified diff; the line is that of `rdiff`.
pub fn apply(base: &[u8], rdiff: &[u8]) -> Result<Vec<u8>> {
    Ok(patch(base, rdiff)?.0)
}

/// The lines of `rdiff`, from 1, at which the hunks start that apply nowhere in `base`.
///
/// # Errors
/// As [`apply`].
pub fn misfits(base: &[u8], rdiff: &[u8]) -> Result<Vec<usize>> {
    Ok(patch(base, rdiff)?.1)
}

/// The patched text, and the lines of the hunks that were left out.
fn patch(base: &[u8], rdiff: &[u8]) -> Result<(Vec<u8>, Vec<usize>)> {
    let hunks = parse(rdiff)?;
    let lines: Vec<&[u8]> = base.lines_with_terminator().collect();
    let mut out = Vec::with_capacity(base.len());
    let mut misfits = Vec::new();
    let (mut done, mut offset) = (0, 0_isize);
    for hunk in hunks {
        let Some((at, fuzz)) = hunk.place(&lines, done, offset) else {
            misfits.push(hunk.line);
            continue;
        };
        offset = at as isize - hunk.at as isize;
        let (front, back) = hunk.fuzzed(fuzz);
        out.extend(lines[done..at + front].concat());
        out.extend(hunk.new[front..hunk.new.len() - back].concat());
        done = at + hunk.old.len() - back;
    }
    out.extend(lines[done..].concat());
    Ok((out, misfits))
}

/// The hunks of a unified diff. What stands before the first of them is names of files, and prose.
fn parse(rdiff: &[u8]) -> Result<Vec<Hunk<'_>>> {
    let malformed = |line: usize, what: &str| {
        Error::new(format!("not a unified diff: {what} (line {})", line + 1))
            .hint("make it with: diff -u base.result combination.result")
    };
    let lines: Vec<&[u8]> = rdiff.lines_with_terminator().collect();
    let mut hunks = Vec::new();
    let mut at = 0;
    while at < lines.len() {
        if !lines[at].starts_with(b"@@ ") {
            at += 1;
            continue;
        }
        let Some([old_start, old_count, new_count]) = ranges(lines[at]) else {
            return Err(malformed(at, "a hunk starts with @@ -LINE,COUNT +LINE,COUNT @@"));
        };
        at += 1;
        let mut hunk = Hunk {
            line: at,
            // A hunk without old lines names the line it comes after.
            at: if old_count == 0 { old_start } else { old_start.saturating_sub(1) },
            old: Vec::new(),
            new: Vec::new(),
            prefix: 0,
            suffix: 0,
        };
        let mut changed = false;
        while hunk.old.len() < old_count || hunk.new.len() < new_count {
            // Lines missing at the very end were empty ones that somebody's editor cut off.
            let line = lines.get(at).copied().unwrap_or(b" \n");
            match line.split_first() {
                Some((b' ', text)) => hunk.context(text, changed),
                Some((b'\n', _)) => hunk.context(line, changed),
                Some((b'-', text)) => {
                    hunk.old.push(text);
                    (hunk.suffix, changed) = (0, true);
                }
                Some((b'+', text)) => {
                    hunk.new.push(text);
                    (hunk.suffix, changed) = (0, true);
                }
                Some((b'\\', _)) => {}
                _ => return Err(malformed(at, "lines of a hunk start with a blank, +, - or \\")),
            }
            at += 1;
            // "\ No newline at end of file" takes the line end off the line before.
            if lines.get(at).is_some_and(|next| next.starts_with(b"\\")) {
                let cut = |list: &mut Vec<&[u8]>| {
                    if let Some(last) = list.last_mut() {
                        *last = last.strip_suffix(b"\n").unwrap_or(last);
                    }
                };
                if !line.starts_with(b"+") {
                    cut(&mut hunk.old);
                }
                if !line.starts_with(b"-") {
                    cut(&mut hunk.new);
                }
            }
        }
        hunks.push(hunk);
    }
    if hunks.is_empty() && !rdiff.trim().is_empty() {
        return parse_normal(&lines).ok_or_else(|| malformed(0, "it has no hunk"));
    }
    Ok(hunks)
}

/// The hunks of a diff made without `-u` (10.11: `suite/innodb/r/row_size_error_log_warnings_3,4k.rdiff`):
/// `91a92`, `3,4c3`, `5d4`, each followed by `< old` and `> new` lines.
fn parse_normal<'d>(lines: &[&'d [u8]]) -> Option<Vec<Hunk<'d>>> {
    let mut hunks: Vec<Hunk<'d>> = Vec::new();
    for (number, line) in (1..).zip(lines) {
        if let Some(text) = line.strip_prefix(b"< ") {
            hunks.last_mut()?.old.push(text);
        } else if let Some(text) = line.strip_prefix(b"> ") {
            hunks.last_mut()?.new.push(text);
        } else if line.trim() != b"---" {
            let kind = line.find_byteset(b"acd")?;
            let first: usize = line[..kind].split_str(",").next()?.to_str().ok()?.parse().ok()?;
            let at = if line[kind] == b'a' { first } else { first.checked_sub(1)? };
            hunks.push(Hunk { line: number, at, old: Vec::new(), new: Vec::new(), prefix: 0, suffix: 0 });
        }
    }
    Some(hunks)
}

/// First old line, number of old lines, number of new lines of `@@ -a,b +c,d @@`.
fn ranges(line: &[u8]) -> Option<[usize; 3]> {
    let mut words = line.fields().skip(1);
    let mut range = |sign: &str| {
        let text = words.next()?.strip_prefix(sign.as_bytes())?.to_str().ok()?;
        let (start, count) = text.split_once(',').unwrap_or((text, "1"));
        Some((start.parse::<usize>().ok()?, count.parse::<usize>().ok()?))
    };
    let (old, new) = (range("-")?, range("+")?);
    Some([old.0, old.1, new.1])
}

impl<'d> Hunk<'d> {
    fn context(&mut self, text: &'d [u8], changed: bool) {
        self.old.push(text);
        self.new.push(text);
        if !changed {
            self.prefix += 1;
        }
        self.suffix += 1;
    }

    /// Lines of context ignored in front and behind at this fuzz: the longer side gives first.
    fn fuzzed(&self, fuzz: usize) -> (usize, usize) {
        let longest = self.prefix.max(self.suffix);
        let ignored = |context: usize| (fuzz + context).saturating_sub(longest).min(context);
        (ignored(self.prefix), ignored(self.suffix))
    }

    /// Where the hunk applies, and with which fuzz.
    fn place(&self, lines: &[&[u8]], from: usize, offset: isize) -> Option<(usize, usize)> {
        let last = lines.len().checked_sub(self.old.len().min(lines.len()))?;
        let wanted = usize::try_from(self.at as isize + offset).unwrap_or(0);
        let longest = self.prefix.max(self.suffix).min(MAX_FUZZ);
        for fuzz in 0..=longest {
            let (front, back) = self.fuzzed(fuzz);
            let fits = |at: usize| {
                at + front >= from
                    && at + self.old.len() - back <= lines.len()
                    && lines[at + front..at + self.old.len() - back] == self.old[front..self.old.len() - back]
            };
            // Less context in front than behind: the hunk was made for the very start of the file.
            let at_start = self.prefix < self.suffix && self.at == 0 && fuzz == 0;
            if at_start && fits(0) {
                return Some((0, fuzz));
            }
            let furthest = wanted.max(last.saturating_sub(wanted.min(last)));
            for distance in 0..=furthest.max(lines.len()) {
                let after = wanted + distance;
                if after <= lines.len() && fits(after) {
                    return Some((after, fuzz));
                }
                if distance > 0 && distance <= wanted && fits(wanted - distance) {
                    return Some((wanted - distance, fuzz));
                }
            }
        }
        None
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const DIFF: &str = "--- a\n+++ b\n@@ -2,5 +2,5 @@\n 2\n 3\n-4\n+four\n 5\n 6\n";

    fn applied(base: &str, diff: &str) -> String {
        String::from_utf8(apply(base.as_bytes(), diff.as_bytes()).unwrap()).unwrap()
    }

    #[test]
    fn applies_where_it_says() {
        assert_eq!(applied("1\n2\n3\n4\n5\n6\n7\n", DIFF), "1\n2\n3\nfour\n5\n6\n7\n");
    }

    #[test]
    fn follows_lines_that_moved() {
        assert_eq!(applied("x\ny\n1\n2\n3\n4\n5\n6\n", DIFF), "x\ny\n1\n2\n3\nfour\n5\n6\n");
        assert_eq!(applied("2\n3\n4\n5\n6\n", DIFF), "2\n3\nfour\n5\n6\n");
    }

    #[test]
    fn outer_context_may_differ() {
        assert_eq!(applied("1\nX\n3\n4\n5\nY\n7\n", DIFF), "1\nX\n3\nfour\n5\nY\n7\n");
    }

    #[test]
    fn a_hunk_that_fits_nowhere_is_left_out() {
        assert_eq!(applied("a\nb\n", DIFF), "a\nb\n");
        assert_eq!(misfits(b"a\nb\n", DIFF.as_bytes()).unwrap(), [3]);
        assert_eq!(misfits(b"1\n2\n3\n4\n5\n6\n7\n", DIFF.as_bytes()).unwrap(), [0; 0]);
    }

    #[test]
    fn text_before_the_header_is_prose() {
        assert_eq!(applied("1\n2\n3\n4\n5\n6\n", &format!("why --- so\n{DIFF}")), "1\n2\n3\nfour\n5\n6\n");
    }

    #[test]
    fn a_last_line_that_was_cut_off_is_context() {
        let diff = DIFF.strip_suffix(" 6\n").unwrap();
        assert_eq!(applied("1\n2\n3\n4\n5\n6\n7\n", diff), "1\n2\n3\nfour\n5\n6\n7\n");
    }

    #[test]
    fn a_diff_without_context_applies_too() {
        assert_eq!(applied("1\n2\n3\n", "1a2\n> new\n3c4\n< 3\n---\n> three\n"), "1\nnew\n2\nthree\n");
        assert_eq!(applied("1\n2\n3\n", "2d1\n< 2\n"), "1\n3\n");
    }

    #[test]
    fn a_missing_final_newline_is_kept() {
        let diff = "--- a\n+++ b\n@@ -1,2 +1,2 @@\n 1\n-2\n\\ No newline at end of file\n+two\n";
        assert_eq!(applied("1\n2", diff), "1\ntwo\n");
    }

    #[test]
    fn what_is_no_diff_is_an_error() {
        assert!(apply(b"1\n", b"--- a\n+++ b\n@@ nonsense @@\n").is_err());
    }
}
