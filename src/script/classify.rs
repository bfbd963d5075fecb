//! Makes a command of the text that the reader cut out: white space, first word, kind (mysqltest §2.5, §2.6, §3.2).

use std::ops::Range;

use bstr::BString;

use crate::script::command;
use crate::script::command::{Command, Origin};
use crate::script::common::message::ScriptError;
use crate::script::reader::Lexing;

/// How the result is written, and how much of a command's white space is kept (`result_format`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Format {
    /// Continuation lines lose their indentation.
    #[default]
    One,
    /// The text is kept as it is.
    Two,
}

/// A command of a known kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Classified {
    /// The kind.
    pub command: Command,
    /// The text: normalised, without the two dashes of a `--` line, without leading spaces.
    /// The word `query` is not part of it.
    pub text: BString,
    /// The first word in the text, as it was typed; empty for [`Command::Sql`], comments and empty lines.
    pub first_word: Range<usize>,
    /// Where in the text the part begins that the command works on; 0 for [`Command::Sql`].
    pub arguments: usize,
}

impl Classified {
    /// A comment, or a command that must not be one.
    pub fn comment(text: impl Into<BString>) -> Self {
        Classified::whole(Command::Comment, text)
    }

    /// A command that works on its whole text.
    fn whole(command: Command, text: impl Into<BString>) -> Self {
        Classified { command, text: text.into(), first_word: 0..0, arguments: 0 }
    }

    /// The first word, as it was typed.
    pub fn word(&self) -> &[u8] {
        self.text.get(self.first_word.clone()).unwrap_or_default()
    }

    /// The part of the text that the command works on.
    pub fn rest(&self) -> &[u8] {
        self.text.get(self.arguments..).unwrap_or_default()
    }
}

/// Finds out what kind of command `text` is.
///
/// Reports `Found line beginning with --  …` if a `--` line does not start with the name of a command.
///
/// # Errors
/// A line that begins with `--` and no name of a command.
pub fn classify(text: Vec<u8>, lexing: &Lexing<'_>, format: Format) -> Result<Classified, ScriptError> {
    let mut text = text;
    if format == Format::One {
        normalise(&mut text, lexing);
    }
    match *text {
        [b'#', ..] => return Ok(Classified::whole(Command::Comment, text)),
        [b'\n'] => return Ok(Classified::whole(Command::EmptyLine, text)),
        _ => {}
    }
    let dashes = text.starts_with(b"--");
    let is_space = |byte: u8| lexing.charset.is_space(byte);
    let start = text.iter().skip(if dashes { 2 } else { 0 }).position(|&byte| !is_space(byte));
    let start = start.map_or(text.len(), |start| start + if dashes { 2 } else { 0 });
    text.drain(..start);

    let word = first_word(&text, lexing);
    let spaces = text[word..].iter().position(|&byte| !is_space(byte));
    let arguments = spaces.map_or(text.len(), |spaces| word + spaces);
    // A NUL is part of the word, but its name ends there.
    let name = text[..word].split(|&byte| byte == 0).next().unwrap_or_default();
    let command = match command::find(name) {
        _ if text.first() == Some(&b'}') => Command::End,
        Some(spec) if dashes || spec.origin != Origin::MySql => spec.command,
        _ if dashes => return Err(ScriptError::report(UNKNOWN)),
        _ => Command::Sql,
    };
    match command {
        Command::Sql => Ok(Classified::whole(Command::Sql, text)),
        Command::Query => {
            text.drain(..arguments);
            Ok(Classified::whole(Command::Sql, text))
        }
        _ => Ok(Classified { command, text: text.into(), first_word: 0..word, arguments }),
    }
}

/// What a `--` line without a command is answered with; two blanks after the first dashes.
const UNKNOWN: &str = "Found line beginning with --  that didn't contain a valid mysqltest command, \
                       check your syntax or use # if you intended to write a comment";

/// The length of the first word: up to a space, a parenthesis or the delimiter.
fn first_word(text: &[u8], lexing: &Lexing<'_>) -> usize {
    let ends = |at: usize, byte: u8| {
        byte == b'('
            || lexing.charset.is_space(byte)
            || (lexing.delimiter.first() == Some(&byte) && text[at..].starts_with(lexing.delimiter))
    };
    text.iter().enumerate().position(|(at, &byte)| ends(at, byte)).unwrap_or(text.len())
}

/// Drops the spaces at the start of continuation lines, in place (mysqltest §2.6).
///
/// Quotes are paired without a look at backslashes or comments, and the line after one that ends in a
/// closing quote keeps its spaces.
fn normalise(text: &mut Vec<u8>, lexing: &Lexing<'_>) {
    if !text.contains(&b'\n') {
        return;
    }
    let mut from = 0;
    let mut to = 0;
    let mut after_quotation = false;
    while let Some(&byte) = text.get(from) {
        let end = match byte {
            b'\'' | b'"' | b'`' => {
                let rest = &text[from + 1..];
                let close = rest.iter().position(|&next| next == byte || next == 0);
                after_quotation = true;
                close.map_or(text.len(), |close| from + close + 2)
            }
            _ => {
                let line_end = byte == b'\n' && !after_quotation;
                after_quotation = false;
                if line_end {
                    text[to] = byte;
                    to += 1;
                    let rest = &text[from + 1..];
                    let spaces = rest.iter().position(|&next| !lexing.charset.is_space(next));
                    from = spaces.map_or(text.len(), |spaces| from + 1 + spaces);
                    continue;
                }
                from + 1
            }
        };
        text.copy_within(from..end, to);
        to += end - from;
        from = end;
    }
    text.truncate(to);
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn classified(text: &str) -> Classified {
        classify(text.as_bytes().to_vec(), &Lexing::START, Format::One).unwrap()
    }

    fn normal(text: &str) -> String {
        let mut bytes = text.as_bytes().to_vec();
        normalise(&mut bytes, &Lexing::START);
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn kinds() {
        for (text, command, word, rest) in [
            ("# echo", Command::Comment, "", "# echo"),
            ("\n", Command::EmptyLine, "", "\n"),
            ("--echo  a b ", Command::Echo, "echo", "a b "),
            ("--   ECHO", Command::Echo, "ECHO", ""),
            ("--disable_query_log;", Command::DisableQueryLog, "disable_query_log", ";"),
            ("let\n\t$a= 1", Command::Let, "let", "$a= 1"),
            ("if ($a)\n{", Command::If, "if", "($a)\n{"),
            ("while($a) {", Command::While, "while", "($a) {"),
            ("}", Command::End, "", "}"),
            ("END", Command::End, "END", ""),
            ("-1", Command::Sql, "", "-1"),
            ("", Command::Sql, "", ""),
            ("select 1", Command::Sql, "", "select 1"),
            ("echoes", Command::Sql, "", "echoes"),
            ("query  sleep 1", Command::Sql, "", "sleep 1"),
            ("query\0x (1)", Command::Sql, "", "(1)"),
            ("echo\0(a", Command::Echo, "echo\0", "(a"),
            ("PS_prepare select 1", Command::PsPrepare, "PS_prepare", "select 1"),
            ("--Assert($a)", Command::Assert, "Assert", "($a)"),
            ("-- expr $a= 1", Command::Expr, "expr", "$a= 1"),
        ] {
            let found = classified(text);
            let end = found.command == Command::End && found.text == "}";
            assert_eq!(found.command, command, "{text}");
            assert_eq!(found.rest(), if end { b"" } else { rest.as_bytes() }, "{text}");
            assert_eq!(found.word(), if end { b"}" } else { word.as_bytes() }, "{text}");
        }
    }

    #[test]
    fn extensions_need_the_dashes() {
        for text in ["assert(1)", "expr $a= 1 + 1", "query_attributes a b", "replace_numeric_round 3"] {
            assert_eq!(classified(text).command, Command::Sql, "{text}");
            assert_ne!(classified(&format!("--{text}")).command, Command::Sql, "{text}");
        }
    }

    #[test]
    fn lines_that_are_no_command() {
        for text in ["--", "-- ", "--echoo", "--select 1", "---echo"] {
            let error = classify(text.into(), &Lexing::START, Format::One).unwrap_err();
            assert!(error.message.starts_with(b"Found line beginning with --  that didn't"), "{text}");
        }
    }

    #[test]
    fn the_delimiter_ends_the_first_word() {
        let lexing = Lexing { delimiter: b"//", ..Lexing::START };
        let found = classify(b"--echo//x".to_vec(), &lexing, Format::One).unwrap();
        assert_eq!((found.word(), found.rest()), (&b"echo"[..], &b"//x"[..]));
    }

    #[test]
    fn indentation_goes_but_after_a_quote() {
        assert_eq!(normal("a\n   b\n\n\t c"), "a\nb\nc");
        assert_eq!(normal("select `x`\n   from"), "select `x`\n   from");
        assert_eq!(normal("select `x` \n   from"), "select `x` \nfrom");
        assert_eq!(normal("'a\n  b'\n  c\n  d"), "'a\n  b'\n  c\nd");
        assert_eq!(normal("'a\\'b'\n  c\n  d'\n e\n f"), "'a\\'b'\n  c\n  d'\n e\nf");
        assert_eq!(normal("\"it's\"x\n 'y\n  z"), "\"it's\"x\n'y\n  z");
        assert_eq!(normal("'a\0'\n  b\n  'c\nd'"), "'a\0'\n  b\n  'c\nd'");
        assert_eq!(normal("a \n"), "a \n");
    }

    #[test]
    fn format_two_keeps_the_text() {
        let found = classify(b"select\n  1".to_vec(), &Lexing::START, Format::Two).unwrap();
        assert_eq!(found.text, "select\n  1");
    }
}
