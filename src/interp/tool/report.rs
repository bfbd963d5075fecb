//! What a failed script tells: the reference's message, and for people who ask, where and why.

use bstr::{BStr, BString, ByteSlice, ByteVec};

use crate::interp::state::options::Options;
use crate::interp::state::output::Output;

/// Longest message (mysqltest §13.1).
const MAX_MESSAGE: usize = 64 * 1024;

/// Longest text shown of one command in an explanation.
const MAX_SHOWN: usize = 400;

/// A place in a script file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The file, as it was opened.
    pub file: BString,
    /// The line, from 1.
    pub line: u32,
}

/// A script that failed, with what helps to see why.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Failure {
    /// The message, without its place.
    pub message: BString,
    /// Where the reader was: the file with the command first, then the files that included it.
    pub stack: Vec<Place>,
    /// The first line of the command in the file, as written; `None`: not known.
    pub source: Option<BString>,
    /// The statement after expansion.
    pub query: Option<BString>,
    /// The commands that ran before it, oldest first, each with its place.
    pub recent: Vec<(Place, BString)>,
}

/// The explanation of a failure, for people, below the reference's message, which has the words; ends with a line end.
///
/// ```text
/// mtr-rs: t/x.inc:3
///     3 | select $column
///   included from t/a.test:2
///   query: select foo
///   before:
///     t/a.test:1: echo b
/// ```
pub fn explain(failure: &Failure) -> BString {
    let mut text = BString::from("mtr-rs: ");
    if let Some(place) = failure.stack.first() {
        push_place(&mut text, place);
    } else {
        text.push_str(shown(failure.message.lines().next().unwrap_or_default()));
    }
    text.push(b'\n');
    let line = failure.stack.first().map_or(0, |place| place.line);
    if let Some(source) = &failure.source {
        push_line(&mut text, line, source);
    }
    if let (Some(kind), Some(place)) =
        (failure.source.as_ref().and_then(|source| mark(source)), failure.stack.first())
    {
        text.push_str("  ");
        text.push_str(&place.file);
        text.push_str(kind);
        text.push(b'\n');
    }
    for place in failure.stack.iter().skip(1) {
        text.push_str("  included from ");
        push_place(&mut text, place);
        text.push(b'\n');
    }
    if let Some(query) = failure.query.as_ref().filter(|query| !told_by(failure.source.as_ref(), query)) {
        text.push_str("  query: ");
        text.push_str(shown(query));
        text.push(b'\n');
    }
    if !failure.recent.is_empty() {
        text.push_str("  before:\n");
        for (place, command) in &failure.recent {
            text.push_str("    ");
            push_place(&mut text, place);
            text.push_str(": ");
            text.push_str(shown(&bstr::join(" ", command.lines().map(<[u8]>::trim))));
            text.push(b'\n');
        }
    }
    text
}

/// What nobody sees of a file in its first line: marks of an encoding.
fn mark(source: &[u8]) -> Option<&'static str> {
    match source {
        [0xef, 0xbb, 0xbf, ..] => Some(" begins with a byte order mark (EF BB BF): save it without one"),
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => {
            Some(" is UTF-16, two bytes for each character: save it as UTF-8 without a byte order mark")
        }
        _ => None,
    }
}

/// Whether the line of the source shows the statement already.
fn told_by(source: Option<&BString>, query: &BString) -> bool {
    source.is_some_and(|source| source.trim().trim_end_with(|c| c == ';') == query.trim())
}

fn push_place(text: &mut BString, place: &Place) {
    text.push_str(&place.file);
    text.push_str(format!(":{}", place.line));
}

fn push_line(text: &mut BString, line: u32, command: &BString) {
    let mut mark = format!("{line:5} | ");
    for part in shown(command).lines() {
        text.push_str(&mark);
        text.push_str(part);
        text.push(b'\n');
        mark = format!("{:5} | ", "");
    }
}

/// As much of a text as is shown, with a sign where some is left out.
fn shown(text: &[u8]) -> BString {
    match text.get(..MAX_SHOWN) {
        Some(head) if text.len() > MAX_SHOWN => [head, b"..."].concat().into(),
        _ => text.into(),
    }
}

/// The reference's text of a failure: `placed`, the message with its place, and the last lines of the log if
/// there are any to show (mysqltest §12.3).
pub fn die_text(placed: &BStr, options: &Options, output: &Output) -> BString {
    let mut text = BString::from(&placed[..placed.len().min(MAX_MESSAGE)]);
    text.push(b'\n');
    if options.tail_lines == 0 || output.is_empty() {
        return text;
    }
    let (Some((tail, more)), Some(name)) = (output.tail(options.tail_lines), output.name()) else {
        return text;
    };
    text.push_str("\nThe result from queries just before the failure was:\n");
    if more {
        text.push_str("< snip >\n");
    }
    text.push_str(&tail);
    if more {
        text.push_str("\nMore results from queries before failure can be found in ");
        text.push_str(name);
        text.push(b'\n');
    }
    text
}

/// The rows of `SHOW WARNINGS` as the reference shows them after a failure: all but the last, which is the
/// error itself; nothing for one row (mysqltest §12.3).
pub fn warnings_text(rows: &[Vec<BString>]) -> BString {
    let mut text = BString::default();
    let Some((_, shown @ [_, ..])) = rows.split_last() else { return text };
    text.push_str("\nWarnings from just before the error:\n");
    for row in shown {
        for field in row {
            text.push_str(field);
            text.push(b' ');
        }
        text.push(b'\n');
    }
    text
}

/// What a skipped script tells (mysqltest §12.4): `stack` is where the reader is, innermost first.
pub fn skip_text(base: &[u8], stack: &[Place], reason: &[u8]) -> BString {
    let mut text = BString::from("The test '");
    text.push_str(base);
    text.push_str("' is not supported by this installation\n");
    if let Some((current, outer)) = stack.split_first() {
        text.push_str("Detected in file ");
        text.push_str(&current.file);
        text.push_str(format!(" at line {}\n", current.line));
        for place in outer {
            text.push_str("included from ");
            text.push_str(&place.file);
            text.push_str(format!(" at line {}:\n", place.line));
        }
    }
    text.push_str("reason: ");
    text.push_str(reason);
    text.push(b'\n');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(file: &str, line: u32) -> Place {
        Place { file: file.into(), line }
    }

    #[test]
    fn an_explanation_names_place_query_and_history() {
        let failure = Failure {
            message: "query 'select foo' failed: ER_BAD_FIELD_ERROR (1054): Unknown column\nmore".into(),
            stack: vec![place("t/x.inc", 3), place("t/a.test", 2)],
            source: Some("select $column;".into()),
            query: Some("select foo".into()),
            recent: vec![
                (place("t/a.test", 1), "let $column = foo".into()),
                (place("t/x.inc", 2), "select\n 1".into()),
            ],
        };
        let text = "mtr-rs: t/x.inc:3\n    \
                    3 | select $column;\n  included from t/a.test:2\n  query: select foo\n  before:\n    \
                    t/a.test:1: let $column = foo\n    t/x.inc:2: select 1\n";
        assert_eq!(explain(&failure), text);
    }

    #[test]
    fn a_query_is_not_told_twice() {
        let failure = Failure {
            message: "m".into(),
            stack: vec![place("a.test", 1)],
            source: Some("select 1;".into()),
            query: Some("select 1".into()),
            recent: Vec::new(),
        };
        assert_eq!(explain(&failure), "mtr-rs: a.test:1\n    1 | select 1;\n");
        let long = Failure { message: "x".repeat(1000).into(), ..Failure::default() };
        assert_eq!(explain(&long).len(), "mtr-rs: ...\n".len() + MAX_SHOWN);
    }

    #[test]
    fn the_last_warning_is_the_error_itself() {
        let row = |text: &str| vec![BString::from("Warning"), "1292".into(), text.into()];
        assert_eq!(warnings_text(&[]), "");
        assert_eq!(warnings_text(&[row("a")]), "");
        assert_eq!(
            warnings_text(&[row("a"), row("b")]),
            "\nWarnings from just before the error:\nWarning 1292 a \n"
        );
    }

    #[test]
    fn a_skip_names_the_files() {
        assert_eq!(
            skip_text(b"./t/a.test", &[place("i.inc", 3), place("./t/a.test", 2)], b"why"),
            "The test './t/a.test' is not supported by this installation\nDetected in file i.inc at line 3\n\
             included from ./t/a.test at line 2:\nreason: why\n"
        );
    }
}
