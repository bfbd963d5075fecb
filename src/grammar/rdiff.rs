//! Applying `.rdiff` files: unified diffs against another result file (runner §3.5).
//!
//! The diffs of the test tree are often older than the results they apply to: lines have moved, and
//! context next to a change may have changed (10.11: `main/alter_table_combinations,heap.rdiff`).
//! Some name files in ways no parser of diffs likes (`r\sysvars_debug.result`), some have lost
//! their last line (`suite/versioning/r/replace,trx_id.rdiff`). GNU `patch`, which the reference
//! calls, copes with all of it; so does this.

use std::path::Path;

use bstr::ByteSlice;

use crate::error::{Error, Result};

/// Lines of context at either end of a hunk that may differ, as with `patch`.
const MAX_FUZZ: usize = 2;

/// How many lines are compared while places are looked for, at most: a second's worth. All diffs of MariaDB's tree
/// need fewer.
const MOST_COMPARED: u64 = 200_000_000;

/// The most lines that a diff may lack at its very end, as with `patch`, which gives up at more.
const MAX_MISSING: usize = 3;

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
/// `rdiff` is no diff, or one of so many hunks that fit nowhere in so long a text that looking for their places takes
/// too long; the error names `path`, the file that it is, and the line.
pub fn apply(base: &[u8], rdiff: &[u8], path: &Path) -> Result<Vec<u8>> {
    Ok(patch(base, rdiff, path, MOST_COMPARED)?.0)
}

/// The lines of `rdiff`, from 1, at which the hunks start that apply nowhere in `base`.
///
/// # Errors
/// As [`apply`].
pub fn misfits(base: &[u8], rdiff: &[u8], path: &Path) -> Result<Vec<usize>> {
    Ok(patch(base, rdiff, path, MOST_COMPARED)?.1)
}

/// The patched text, and the lines of the hunks that were left out; no more than `left` lines are compared.
fn patch(base: &[u8], rdiff: &[u8], path: &Path, mut left: u64) -> Result<(Vec<u8>, Vec<usize>)> {
    let hunks = parse(rdiff).map_err(|Malformed { line, what }| {
        Error::new(format!("not a unified diff: {what}"))
            .at(path, u32::try_from(line).ok())
            .hint("make it with: diff -u base.result combination.result")
    })?;
    let lines: Vec<&[u8]> = base.lines_with_terminator().collect();
    let mut out = Vec::with_capacity(base.len());
    let mut misfits = Vec::new();
    let (mut done, mut offset) = (0, 0_isize);
    for hunk in hunks {
        let place = hunk.place(&lines, done, offset, &mut left).map_err(|TooLong| {
            Error::new("the hunks of this diff fit nowhere, and finding that out takes too long")
                .at(path, u32::try_from(hunk.line).ok())
                .hint("make it anew with: diff -u base.result combination.result")
        })?;
        let Some((at, fuzz)) = place else {
            misfits.push(hunk.line);
            continue;
        };
        offset = at as isize - isize::try_from(hunk.at).unwrap_or(isize::MAX);
        let (front, back) = hunk.fuzzed(fuzz);
        out.extend(lines[done..at + front].concat());
        out.extend(hunk.new[front..hunk.new.len() - back].concat());
        done = at + hunk.old.len() - back;
    }
    out.extend(lines[done..].concat());
    Ok((out, misfits))
}

/// Looking for the place of a hunk takes too long.
struct TooLong;

/// Why a text is no diff.
struct Malformed {
    /// From 1.
    line: usize,
    what: String,
}

/// The hunks of a unified diff. What stands before the first of them is names of files, and prose.
fn parse(rdiff: &[u8]) -> Result<Vec<Hunk<'_>>, Malformed> {
    let malformed = |at: usize, what: &str| Malformed { line: at + 1, what: what.to_owned() };
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
            if at >= lines.len() + MAX_MISSING {
                let most = old_count.max(new_count);
                return Err(malformed(
                    hunk.line - 1,
                    &format!("the hunk of {most} lines ends before they do"),
                ));
            }
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
        if !changed {
            // All of it is context in front; counted at both ends, fuzz could ignore more lines than there are.
            hunk.suffix = 0;
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

    /// Where the hunk applies, and with which fuzz; no more than `left` lines are compared for it.
    fn place(
        &self,
        lines: &[&[u8]],
        from: usize,
        offset: isize,
        left: &mut u64,
    ) -> Result<Option<(usize, usize)>, TooLong> {
        // A hunk that names a line behind the end is looked for from the end on.
        let named = isize::try_from(self.at).unwrap_or(isize::MAX).saturating_add(offset);
        let wanted = usize::try_from(named).unwrap_or(0).min(lines.len());
        let longest = self.prefix.max(self.suffix).min(MAX_FUZZ);
        for fuzz in 0..=longest {
            let (front, back) = self.fuzzed(fuzz);
            let old = &self.old[front..self.old.len() - back];
            let mut fits = |at: usize| {
                *left = left.checked_sub(1).ok_or(TooLong)?;
                if at + front < from || at + front + old.len() > lines.len() {
                    return Ok(false);
                }
                let there = lines[at + front..].iter();
                let same = there.zip(old).take_while(|(line, old)| line == old).count();
                *left = left.saturating_sub(same as u64);
                Ok(same == old.len())
            };
            // Less context in front than behind: the hunk was made for the very start of the file.
            let at_start = self.prefix < self.suffix && self.at == 0 && fuzz == 0;
            if at_start && fits(0)? {
                return Ok(Some((0, fuzz)));
            }
            for distance in 0..=lines.len() {
                let after = wanted + distance;
                if after <= lines.len() && fits(after)? {
                    return Ok(Some((after, fuzz)));
                }
                if distance > 0 && distance <= wanted && fits(wanted - distance)? {
                    return Ok(Some((wanted - distance, fuzz)));
                }
            }
        }
        Ok(None)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const DIFF: &str = "--- a\n+++ b\n@@ -2,5 +2,5 @@\n 2\n 3\n-4\n+four\n 5\n 6\n";

    fn applied(base: &str, diff: &str) -> String {
        String::from_utf8(apply(base.as_bytes(), diff.as_bytes(), Path::new("t.rdiff")).unwrap()).unwrap()
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
        assert_eq!(misfits(b"a\nb\n", DIFF.as_bytes(), Path::new("t.rdiff")).unwrap(), [3]);
        assert_eq!(misfits(b"1\n2\n3\n4\n5\n6\n7\n", DIFF.as_bytes(), Path::new("t.rdiff")).unwrap(), [0; 0]);
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
    fn a_hunk_that_lacks_more_lines_than_an_editor_cuts_off_is_an_error() {
        for most in ["7", "99999999999", "18446744073709551615"] {
            let diff = format!("--- a\n+++ b\n@@ -1,{most} +1,{most} @@\n 1\n-2\n+two\n 3\n");
            let error = apply(b"1\n2\n3\n", diff.as_bytes(), Path::new("t.rdiff")).unwrap_err();
            let told = format!("not a unified diff: the hunk of {most} lines ends before they do");
            assert_eq!(error.to_string(), format!("t.rdiff:3: {told}"));
            assert_eq!(error.hint_text(), Some("make it with: diff -u base.result combination.result"));
        }
        let diff = "--- a\n+++ b\n@@ -1,6 +1,6 @@\n 1\n-2\n+two\n 3\n";
        assert_eq!(applied("1\n2\n3\n\n\n\n", diff), "1\ntwo\n3\n\n\n\n");
    }

    #[test]
    fn a_hunk_far_behind_the_end_is_looked_for_from_the_end() {
        for line in ["99999999999", "9223372036854775808", "18446744073709551615"] {
            let diff = format!("@@ -{line},2 +{line},2 @@\n-a\n+b\n x\n@@ -{line},1 +{line},1 @@\n-a\n+c\n");
            assert_eq!(applied("a\nx\na\n", &diff), "b\nx\nc\n", "{line}");
            assert_eq!(misfits(b"q\n", diff.as_bytes(), Path::new("t.rdiff")).unwrap(), [1, 5]);
        }
    }

    /// Hunks of many lines that are nearly everywhere in the text.
    #[test]
    fn places_are_not_looked_for_without_end() {
        let base = "a\n".repeat(1000);
        let hunk = format!("@@ -1,501 +0,0 @@\n{}-b\n", "-a\n".repeat(500));
        let diff = format!("{hunk}{hunk}");
        assert_eq!(misfits(base.as_bytes(), diff.as_bytes(), Path::new("t.rdiff")).unwrap(), [1, 503]);
        let error = patch(base.as_bytes(), diff.as_bytes(), Path::new("t.rdiff"), 300_000).unwrap_err();
        assert_eq!(
            error.to_string(),
            "t.rdiff:503: the hunks of this diff fit nowhere, and finding that out takes too long"
        );
        assert!(error.hint_text().is_some());
    }

    #[test]
    fn a_hunk_of_context_alone_changes_nothing() {
        assert_eq!(applied("q\nr\ns\n", "@@ -1,3 +1,3 @@\n a\n b\n c\n"), "q\nr\ns\n");
    }

    #[test]
    fn what_is_no_diff_is_an_error() {
        let error = apply(b"1\n", b"--- a\n+++ b\n@@ nonsense @@\n", Path::new("t.rdiff")).unwrap_err();
        let told = "t.rdiff:3: not a unified diff: a hunk starts with @@ -LINE,COUNT +LINE,COUNT @@";
        assert_eq!(error.to_string(), told);
    }
}
