//! Text of others on the console and in files: what tests print, what servers log, what people call things. None of it
//! may be taken for a line of ours, for a command to the system that reads the console (`::error` of GitHub,
//! `##vso[…]` of Azure, `##teamcity[…]`), or move the cursor of a terminal.

use std::borrow::Cow;

use bstr::{BStr, BString, ByteSlice, ByteVec};

use crate::sys::excerpt;

/// What stands before each line of a text that is not ours. With the blanks it is no verdict to whoever reads
/// verdicts, with the bar no workflow command to those who read past blanks.
pub const MARK: &str = crate::triage::posthumous::console::MARK;

/// The most that is shown of one text, in bytes: 128 KiB. CI systems refuse files of some tens of megabytes, nobody reads more
/// on a console, and all of it is in the log directory.
pub const MOST: usize = 128 * 1024;

/// `text`, or of one that is longer than [`MOST`] its beginning and its end, with a line between them that counts what is
/// left out.
pub fn shortened(text: &[u8]) -> Cow<'_, [u8]> {
    if text.len() <= MOST {
        return Cow::Borrowed(text);
    }
    let (head, rest) = text.split_at(MOST / 2);
    let (cut, tail) = rest.split_at(rest.len() - MOST / 2);
    Cow::Owned([head, left_out(cut.len() as u64).as_bytes(), tail].concat())
}

/// What stands in the place of `bytes` bytes that are left out.
pub fn left_out(bytes: u64) -> String {
    excerpt::left_out(bytes)
}

/// `text` on one line: control characters, line ends too, and what is no UTF-8 as they are written in source code.
pub fn visible(text: &[u8]) -> BString {
    written(text, |c| c == '\t')
}

/// A name of a suite or a test on the console: no blanks, brackets or quotes, which would end it or make it a verdict.
pub fn name(text: &str) -> String {
    within(text, |c| c == ' ')
}

/// Names of combinations: what stands between the quotes behind a test's name.
pub fn combination(text: &str) -> String {
    within(text, |_| false)
}

fn within(text: &str, more: impl Fn(char) -> bool) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '[' | ']' | '\'' | '\t' => push_escape(&mut out, c),
            c if is_hidden(c) || more(c) => push_escape(&mut out, c),
            c => out.push(c),
        }
    }
    let out = guarded(out.as_bytes());
    out.to_string()
}

/// Each line of a text that is not ours, marked as such and made visible; ends with a newline if it is not empty. Of a very
/// long text the middle is left out.
pub fn marked(text: &[u8]) -> BString {
    lines(&shortened(text), |_, _| true)
}

/// The same, where lines of ours are among the others: those that begin with a blank, as no verdict does, stay.
pub fn indented(text: &[u8]) -> BString {
    lines(&shortened(text), |_, line| !line.starts_with(b" ") && !line.is_empty())
}

/// A text that stands behind something of ours: the first line stays where it is, the others are marked, but for those
/// that errors of ours have. Without a newline at its end.
pub fn continued(text: &[u8]) -> BString {
    let is_own =
        |line: &[u8]| ["caused by: ", "hint: ", " "].iter().any(|own| line.starts_with(own.as_bytes()));
    let mut text = lines(&shortened(text), |at, line| at > 0 && !line.is_empty() && !is_own(line));
    let end = text.trim_end_with(|c| c == '\n').len();
    text.truncate(end);
    text
}

fn lines(text: &[u8], is_marked: impl Fn(usize, &[u8]) -> bool) -> BString {
    let mut out = BString::from(Vec::with_capacity(text.len() + text.len() / 8));
    for (at, line) in text.lines_with_terminator().enumerate() {
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        if is_marked(at, line) {
            out.push_str(if line.is_empty() { MARK.trim_end() } else { MARK });
        }
        out.push_str(visible(line));
        out.push(b'\n');
    }
    out
}

/// The last look at whatever goes out, lines of ours too: no control characters but line ends and tabs, no line that is
/// a command to its reader. Text that is harmless stays as it is.
pub fn guarded(text: &[u8]) -> BString {
    let mut out = written(text, |c| c == '\t' || c == '\n');
    if out.contains_str("##") {
        out = without_commands(&out);
    }
    if out.contains_str("::") {
        out = out.lines_with_terminator().map(without_colons).collect::<Vec<_>>().concat().into();
    }
    out
}

/// `##word[`, wherever it stands, as `#\x23word[`.
fn without_commands(text: &[u8]) -> BString {
    let mut out = BString::default();
    let mut rest = text;
    while let Some(at) = rest.find("##") {
        let behind = &rest[at + 2..];
        let word = behind.iter().take_while(|byte| byte.is_ascii_alphabetic()).count();
        out.push_str(&rest[..at]);
        out.push_str(if behind.get(word) == Some(&b'[') { r"#\x23" } else { "#" });
        // Of `###[`, the last two count.
        rest = if behind.get(word) == Some(&b'[') { behind } else { &rest[at + 1..] };
    }
    out.push_str(rest);
    out
}

/// A line that begins with `::`, behind blanks or not, begins with `\x3A:`.
fn without_colons(line: &[u8]) -> Vec<u8> {
    let blank = line.len() - line.trim_start().len();
    match line[blank..].strip_prefix(b"::") {
        Some(rest) => [&line[..blank], br"\x3A:", rest].concat(),
        None => line.to_vec(),
    }
}

fn written(text: &[u8], is_kept: impl Fn(char) -> bool) -> BString {
    let is_plain =
        |byte: u8| matches!(byte, b' '..=b'~') || (byte.is_ascii_control() && is_kept(char::from(byte)));
    if text.iter().all(|byte| is_plain(*byte)) {
        return text.into();
    }
    let mut out = String::with_capacity(text.len() + 16);
    for chunk in text.utf8_chunks() {
        for c in chunk.valid().chars() {
            match is_hidden(c) && !is_kept(c) {
                true => push_escape(&mut out, c),
                false => out.push(c),
            }
        }
        for byte in chunk.invalid() {
            out.push_str(&format!(r"\x{byte:02X}"));
        }
    }
    out.into()
}

/// Characters that are not seen, or change how others are: controls, separators of lines, those that turn the direction
/// of writing.
fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{2028}' | '\u{2029}' | '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
}

fn push_escape(out: &mut String, c: char) {
    match u32::from(c) {
        code @ ..0x80 => out.push_str(&format!(r"\x{code:02X}")),
        code => out.push_str(&format!(r"\u{{{code:X}}}")),
    }
}

/// Writes to `inner` what [`guarded`] makes of it, whole lines at a time.
#[derive(Debug)]
pub struct Guard<W: std::io::Write> {
    inner: W,
    line: Vec<u8>,
}

impl<W: std::io::Write> Guard<W> {
    /// A guard before `inner`.
    pub fn new(inner: W) -> Guard<W> {
        Guard { inner, line: Vec::new() }
    }
}

impl<W: std::io::Write> std::io::Write for Guard<W> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.line.extend_from_slice(bytes);
        if let Some(end) = self.line.rfind_byte(b'\n') {
            let rest = self.line.split_off(end + 1);
            let whole = std::mem::replace(&mut self.line, rest);
            self.inner.write_all(&guarded(BStr::new(&whole)))?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        let rest = std::mem::take(&mut self.line);
        self.inner.write_all(&guarded(&rest))?;
        self.inner.flush()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::io::Write as _;

    use super::*;

    /// What others may print, each a line.
    const HOSTILE: [&str; 12] = [
        "main.alias                               [ pass ]      7",
        "main.alias 'x'   w1 [ pass ]      7",
        "::error file=a.test,line=1::forged",
        "  ::set-output name=x::y",
        "\u{a0}::warning::x",
        "##[error]forged",
        "text ##vso[task.complete result=Succeeded]",
        "###[section]x",
        "##teamcity[testFinished name='x']",
        "a\r::error::x",
        "\x1b]0;title\x07\x1b[2Jgone",
        "Completed: All 7 tests were successful.",
    ];

    #[track_caller]
    fn is_harmless(text: &BString) {
        for line in text.lines() {
            assert!(!line.trim_start().starts_with(b"::"), "{text}");
            for at in line.find_iter("##") {
                let behind = line[at + 2..].iter().find(|byte| !byte.is_ascii_alphabetic());
                assert_ne!(behind, Some(&b'['), "{text}");
            }
            assert!(!line.iter().any(|byte| byte.is_ascii_control() && *byte != b'\t'), "{text}");
        }
    }

    #[test]
    fn no_line_of_others_looks_like_ours() {
        for line in HOSTILE {
            let text = format!("{line}\n{line}");
            for made in [marked(text.as_bytes()), guarded(&marked(text.as_bytes())), guarded(text.as_bytes())]
            {
                is_harmless(&guarded(&made));
            }
            for made in marked(text.as_bytes()).lines().chain(indented(text.as_bytes()).lines()) {
                assert!(made.starts_with(b" "), "{}", made.as_bstr());
            }
            for made in continued(text.as_bytes()).lines().skip(1) {
                assert!(made.starts_with(b"  "), "{}", made.as_bstr());
            }
            assert!(!visible(text.as_bytes()).contains(&b'\n'));
        }
    }

    #[test]
    fn names_are_one_word() {
        assert_eq!(name("main.alias"), "main.alias");
        assert_eq!(combination("row,innodb 4k"), "row,innodb 4k");
        assert_eq!(name("x   [ pass ]  1"), r"x\x20\x20\x20\x5B\x20pass\x20\x5D\x20\x201");
        assert_eq!(combination("x'  [ pass ]"), r"x\x27  \x5B pass \x5D");
        assert_eq!(name("::error::x"), r"\x3A:error::x");
        assert_eq!(name("a\nb\u{202e}ä"), r"a\x0Ab\u{202E}ä");
    }

    #[test]
    fn what_is_harmless_stays() {
        let text = "S.a [ pass ]  7\n\ta ## b\n# [x]\na::b ä \u{1F600}\n";
        assert_eq!(guarded(text.as_bytes()), text);
        assert_eq!(guarded(b"\xe9\x80\n"), "\\xE9\\x80\n");
    }

    #[test]
    fn lines_are_marked() {
        assert_eq!(marked(b"a\n\nb"), "  | a\n  |\n  | b\n");
        assert_eq!(marked(b""), "");
        assert_eq!(indented(b"  ours\ntheirs\n\n"), "  ours\n  | theirs\n\n");
        let error = b"cannot start\nmain.a [ pass ]\ncaused by: x\nhint: y\n";
        assert_eq!(continued(error), "cannot start\n  | main.a [ pass ]\ncaused by: x\nhint: y");
    }

    #[test]
    fn a_writer_is_guarded_whatever_pieces_it_gets() {
        for line in HOSTILE {
            let mut out = Guard::new(Vec::new());
            for byte in line.as_bytes() {
                out.write_all(&[*byte]).unwrap();
            }
            out.flush().unwrap();
            is_harmless(&out.inner.into());
        }
    }
}
