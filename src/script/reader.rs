//! Cuts scripts into commands (mysqltest §2): a state machine over the bytes of a stack of files.
//!
//! The reader knows no commands but the first letters of `if` and `while`, which end at their brace. What
//! it hands out is the text of one command, without the delimiter; `classify` makes a command of it.

use std::ops::Range;

use bstr::{BStr, BString};

use crate::script::args;
use crate::script::common::charset::Charset;
use crate::script::common::message::ScriptError;
use crate::script::input::{Frame, Input};

/// How many files may be open at once: the test file and 15 levels of `source`.
const MAX_DEPTH: usize = 16;

/// What the text is read by: facts that commands, and `sql_mode` of the current connection, change.
#[derive(Clone, Copy, Debug)]
pub struct Lexing<'a> {
    /// What ends a command; an empty delimiter never matches.
    pub delimiter: &'a [u8],
    /// Tells spaces from other bytes, and how long a character is.
    pub charset: Charset,
    /// The server of the current connection says NO_BACKSLASH_ESCAPES: a backslash protects nothing.
    pub no_backslash_escapes: bool,
    /// The server of the current connection says ANSI_QUOTES: a backslash protects nothing after `"`.
    pub ansi_quotes: bool,
}

impl Lexing<'_> {
    /// The facts at the start of a script: `;`, latin1, and no special `sql_mode`.
    pub const START: Lexing<'static> = Lexing {
        delimiter: b";",
        charset: crate::script::common::charset::LATIN1,
        no_backslash_escapes: false,
        ansi_quotes: false,
    };
}

/// The text of one command as it was read.
#[derive(Clone, Debug)]
pub struct RawCommand {
    /// The text without leading spaces, without its delimiter, and without the CR of its line ends;
    /// not normalised.
    pub text: BString,
    /// The file in which the command ended.
    pub file: Input,
    /// The line of [`RawCommand::file`] at which the command started, or at which the file went on if
    /// the command started in an included file.
    pub start_line: u32,
    /// The bytes of [`RawCommand::file`] that were consumed: what was dropped before the command, the
    /// command, and what ended it.
    pub consumed: Range<usize>,
    /// The bytes of [`RawCommand::file`] that the text was made of: [`RawCommand::consumed`] without what
    /// was dropped before it and without the delimiter or LF that ended it.
    pub span: Range<usize>,
    /// What ended the command.
    pub end: CommandEnd,
}

/// What ended a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CommandEnd {
    /// The delimiter.
    Delimiter,
    /// The LF of a `#` or `-` line.
    Line,
    /// The `{` of an `if` or `while`, which is the last byte of the text.
    OpenBrace,
    /// The text is a `}`.
    CloseBrace,
    /// The text is the LF of an empty line.
    EmptyLine,
}

/// A stack of script files, read command by command.
#[derive(Debug)]
pub struct Reader {
    stack: Vec<Frame>,
    ended: bool,
    unended: Option<Unended>,
}

/// Text at the end of the test file that nothing ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unended {
    /// The offset at which the command starts.
    pub start: usize,
    /// What the command was in the middle of.
    pub inside: Inside,
    /// The offset at which that was opened.
    pub opened: usize,
}

/// What a text can be in the middle of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Inside {
    /// A statement without its delimiter.
    Statement,
    /// A `#` or `--` line without its line end.
    Line,
    /// A `/*` comment.
    Comment,
    /// The quotes that open with this byte.
    Quotes(u8),
}

impl Reader {
    /// A reader at the start of the test file.
    pub fn new(base: Input) -> Self {
        Reader { stack: vec![Frame::new(base)], ended: false, unended: None }
    }

    /// Goes on with `input`, and with the current file once that has ended (`source`).
    ///
    /// Dies with `Source directives are nesting too deep` at the seventeenth open file.
    ///
    /// # Errors
    /// Sixteen files are open already.
    pub fn push(&mut self, input: Input) -> Result<(), ScriptError> {
        if self.stack.len() >= MAX_DEPTH {
            return Err(ScriptError::die("Source directives are nesting too deep"));
        }
        self.stack.push(Frame::new(input));
        Ok(())
    }

    /// The next command; `None` at the end of the test file.
    ///
    /// Included files are left when their end is met, in the middle of a command if need be: a last line
    /// without an end goes on with the text after the `source` (mysqltest §2.2).
    ///
    /// Text without delimiter at the end of the test file dies, like what follows the arguments of a command
    /// (mysqltest §3.5). If a block is still open, that is what the caller has to complain about instead:
    /// [`Reader::ended`] tells it that the end was met.
    ///
    /// # Errors
    /// Text without a delimiter at the end of the test file, or a command that is too long.
    pub fn read(&mut self, lexing: &Lexing<'_>) -> Result<Option<RawCommand>, ScriptError> {
        let mut scan = Scan::new(lexing);
        if let Some(frame) = self.stack.last_mut() {
            frame.command_line = frame.line;
        }
        loop {
            let Some(frame) = self.stack.last_mut() else { return Ok(None) };
            let from = frame.at;
            if let Some((end, span)) = scan.run(frame) {
                return Ok(Some(RawCommand {
                    text: scan.text.into(),
                    file: frame.input.clone(),
                    start_line: frame.command_line,
                    consumed: from..frame.at,
                    span,
                    end,
                }));
            }
            if self.stack.len() == 1 {
                self.ended = true;
                self.unended = scan.unended(from);
                args::trailing_junk(&scan.text, lexing.delimiter, lexing.charset)?;
                return Ok(None);
            }
            self.stack.pop();
            if let Some(parent) = self.stack.last_mut() {
                parent.command_line = parent.line;
            }
        }
    }

    /// Reads the lines after a `write_file`, `append_file` or `perl` up to the first `end`, at the start of
    /// a line or not (mysqltest §6.6). The text goes to just before `end`; what follows `end` is read as the
    /// next command. Every CR is dropped, but not a CR that follows a dropped one.
    ///
    /// If the command has ended on the line on which it started, then the rest of that line must be empty:
    /// reports `Trailing characters found after command` otherwise. Without `end` before the end of the
    /// file: reports `End of file encountered before '<end>' delimiter was found`.
    ///
    /// # Errors
    /// Text behind the command on its line, or no `end` before the end of the file.
    pub fn here_document(&mut self, end: &[u8]) -> Result<Vec<u8>, ScriptError> {
        let mut content = Vec::new();
        if let Some(frame) = self.stack.last_mut() {
            let command_line = frame.command_line;
            let input = frame.input.clone();
            let text = input.text();
            while let Some(&first) = text.get(frame.at) {
                let mut byte = first;
                frame.at += 1;
                if byte == b'\r' {
                    let Some(&next) = text.get(frame.at) else { break };
                    byte = next;
                    frame.at += 1;
                }
                if byte == b'\n' {
                    frame.line += 1;
                    if frame.line - 1 == command_line {
                        continue;
                    }
                } else if frame.line == command_line {
                    return Err(ScriptError::report("Trailing characters found after command"));
                }
                if end.first() == Some(&byte) && text[frame.at..].starts_with(&end[1..]) {
                    frame.at += end.len() - 1;
                    return Ok(content);
                }
                content.push(byte);
            }
        }
        Err(ScriptError::report_with(&[b"End of file encountered before '", end, b"' delimiter was found"]))
    }

    /// The open files, innermost first, each with the line that is read next.
    pub fn stack(&self) -> impl Iterator<Item = (&BStr, u32)> {
        self.stack.iter().rev().map(|frame| (frame.input.name(), frame.line))
    }

    /// The name of the file that is read now.
    pub fn file(&self) -> &BStr {
        self.stack.last().map(|frame| frame.input.name()).unwrap_or_default()
    }

    /// The line of that file that is read next, from 1.
    pub fn line(&self) -> u32 {
        self.stack.last().map_or(0, |frame| frame.line)
    }

    /// The line at which the command that was read last has started, or the one that has not ended yet.
    pub fn command_line(&self) -> u32 {
        self.stack.last().map_or(0, |frame| frame.command_line)
    }

    /// The offset in that file of the next byte to read.
    pub fn offset(&self) -> usize {
        self.stack.last().map_or(0, |frame| frame.at)
    }

    /// All bytes of that file.
    pub fn text(&self) -> &[u8] {
        self.stack.last().map(|frame| frame.input.text()).unwrap_or_default()
    }

    /// How many files are open.
    pub fn depth(&self) -> usize {
        self.stack.len()
    }

    /// The text without an end that [`Reader::read`] met at the end of the test file.
    pub fn unended(&self) -> Option<Unended> {
        self.unended
    }

    /// Whether the end of the test file was met.
    pub fn ended(&self) -> bool {
        self.ended
    }
}

/// Where in a command the reader is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    LineStart,
    Comment,
    Normal,
    CComment,
    Quoted,
    QuotedEscape,
}

/// The state of reading one command, which may go on from an included file to the one below.
struct Scan<'a> {
    lexing: &'a Lexing<'a>,
    multibyte: bool,
    state: State,
    /// The byte before, kept or dropped; 0 at the start.
    last: u8,
    /// The quote that was opened last, even if it is closed; 0 if there was none.
    quote: u8,
    /// The byte before was a backslash that protects a quote, outside of quotes.
    escaped: bool,
    text: Vec<u8>,
    /// The offset of the first kept byte in the file read now.
    first_kept: Option<usize>,
    /// The offset of the quote or comment that was opened last.
    opened: usize,
}

impl<'a> Scan<'a> {
    fn new(lexing: &'a Lexing<'a>) -> Self {
        Scan {
            lexing,
            multibyte: lexing.charset.is_multibyte(),
            state: State::LineStart,
            last: 0,
            quote: 0,
            escaped: false,
            text: Vec::new(),
            first_kept: None,
            opened: 0,
        }
    }

    /// What the file's end cut off; the file was read from the offset `from`.
    fn unended(&self, from: usize) -> Option<Unended> {
        let start = self.first_kept.unwrap_or(from);
        let (inside, opened) = match self.state {
            State::LineStart => return None,
            State::Normal => (Inside::Statement, start),
            State::Comment => (Inside::Line, start),
            State::CComment => (Inside::Comment, self.opened),
            State::Quoted | State::QuotedEscape => (Inside::Quotes(self.quote), self.opened),
        };
        Some(Unended { start, inside, opened })
    }

    /// Reads from the file until the command ends: what ended it, and the bytes of the file that make up
    /// its text. `None` if the file ended first.
    fn run(&mut self, frame: &mut Frame) -> Option<(CommandEnd, Range<usize>)> {
        let input = frame.input.clone();
        let text = input.text();
        let delimiter = self.lexing.delimiter;
        let charset = self.lexing.charset;
        let mut at = frame.at;
        let mut line = frame.line;
        // Kept bytes are appended to the command's text in long pieces: `copied` is where the next piece starts.
        let mut copied = at;
        self.first_kept = None;

        /// Ends the command before or after the current byte.
        macro_rules! finish {
            ($end:expr, $upto:expr, $next:expr) => {{
                self.text.extend_from_slice(&text[copied..$upto]);
                frame.at = $next;
                frame.line = line;
                let start = self.first_kept.unwrap_or(at);
                return Some(($end, start..$upto));
            }};
        }

        while let Some(&byte) = text.get(at) {
            if byte == b'\n' {
                line += 1;
                // The CR of a line's end is dropped if it is in the text already.
                if at > copied && text[at - 1] == b'\r' {
                    self.text.extend_from_slice(&text[copied..at - 1]);
                    copied = at;
                } else if at == copied && self.text.last() == Some(&b'\r') {
                    self.text.pop();
                }
            }
            match self.state {
                State::Normal => {
                    if delimiter.first() == Some(&byte) && text[at..].starts_with(delimiter) {
                        finish!(CommandEnd::Delimiter, at, at + delimiter.len());
                    }
                    match byte {
                        b'{' => {
                            self.text.extend_from_slice(&text[copied..at]);
                            copied = at;
                            if opens_block(&self.text) {
                                finish!(CommandEnd::OpenBrace, at + 1, at + 1);
                            }
                            self.escaped = false;
                        }
                        b'\'' | b'"' | b'`' => {
                            if !self.escaped {
                                self.quote = byte;
                                self.opened = at;
                                self.state = State::Quoted;
                            }
                            self.escaped = false;
                        }
                        b'*' if self.last == b'/' => {
                            self.opened = at.saturating_sub(1);
                            self.state = State::CComment;
                        }
                        _ => self.escaped = self.is_escape(byte),
                    }
                }
                State::Quoted => {
                    if byte == self.quote {
                        self.state = State::Normal;
                    } else if self.is_escape(byte) {
                        self.state = State::QuotedEscape;
                    }
                }
                State::QuotedEscape => self.state = State::Quoted,
                State::Comment => {
                    if byte == b'\n' {
                        finish!(CommandEnd::Line, at, at + 1);
                    }
                }
                State::CComment => {
                    if byte == b'!' || (byte == b'/' && self.last == b'*') {
                        self.state = State::Normal;
                    }
                }
                State::LineStart => {
                    let keep = match byte {
                        b'#' | b'-' => {
                            self.state = State::Comment;
                            true
                        }
                        b'\n' if self.last == b'\n' => {
                            finish!(CommandEnd::EmptyLine, at + 1, at + 1);
                        }
                        b'\n' => {
                            frame.command_line = line;
                            false
                        }
                        _ if charset.is_space(byte) => false,
                        _ if delimiter.first() == Some(&byte) && text[at..].starts_with(delimiter) => {
                            finish!(CommandEnd::Delimiter, at, at + delimiter.len());
                        }
                        b'}' => finish!(CommandEnd::CloseBrace, at + 1, at + 1),
                        b'\'' | b'"' | b'`' => {
                            self.quote = byte;
                            self.opened = at;
                            self.state = State::Quoted;
                            true
                        }
                        _ => {
                            self.state = State::Normal;
                            true
                        }
                    };
                    if !keep {
                        self.last = byte;
                        at += 1;
                        copied = at;
                        continue;
                    }
                }
            }
            self.first_kept.get_or_insert(at);
            self.last = byte;
            // The rest of a character of several bytes is kept without a look at it.
            at += match self.multibyte {
                true => charset.char_len(&text[at..]).unwrap_or(1),
                false => 1,
            };
        }
        self.text.extend_from_slice(&text[copied..at]);
        frame.at = at;
        frame.line = line;
        None
    }

    /// Whether `byte` protects the next one: a backslash, unless the quote opened last, or the server's
    /// `sql_mode`, says otherwise (mysqltest §2.4).
    #[inline]
    fn is_escape(&self, byte: u8) -> bool {
        byte == b'\\'
            && self.quote != b'`'
            && !self.lexing.no_backslash_escapes
            && !(self.lexing.ansi_quotes && self.quote == b'"')
    }
}

/// Whether a text starts like a command that ends at its brace.
fn opens_block(text: &[u8]) -> bool {
    let starts = |word: &[u8]| text.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word));
    starts(b"while") || starts(b"if")
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// The texts of all commands of a file, and the message that ends it.
    fn read_with(text: &[u8], lexing: &Lexing<'_>) -> (Vec<String>, Option<String>) {
        let mut reader = Reader::new(Input::new("t", text));
        let mut texts = Vec::new();
        loop {
            match reader.read(lexing) {
                Ok(Some(raw)) => texts.push(raw.text.to_string()),
                Ok(None) => return (texts, None),
                Err(error) => return (texts, Some(error.to_string())),
            }
        }
    }

    fn read(text: &str) -> Vec<String> {
        read_with(text.as_bytes(), &Lexing::START).0
    }

    #[test]
    fn statements_and_lines() {
        assert_eq!(read("select 1; select\n 2;\n"), ["select 1", "select\n 2"]);
        assert_eq!(read("# it's\n--echo it's;\n select 1;"), ["# it's", "--echo it's;", "select 1"]);
        assert_eq!(read("-1\nselect 1;"), ["-1", "select 1"]);
        assert_eq!(read(";;"), ["", ""]);
    }

    #[test]
    fn quotes_and_comments_hide_the_delimiter() {
        assert_eq!(read("';' \";\" `;` /* ; ' */ x;"), ["';' \";\" `;` /* ; ' */ x"]);
        assert_eq!(read("'a\\';';"), ["'a\\';'"]);
        assert_eq!(read("`a\\`;"), ["`a\\`"]);
        assert_eq!(read("a \\' b;"), ["a \\' b"]);
        assert_eq!(read("a \\\\' b;"), ["a \\\\' b"]);
        assert_eq!(read("/*/ a;"), ["/*/ a"]);
        assert_eq!(read("/* it's! a; b */"), ["/* it's! a"]);
        assert_eq!(read("`a` \\';' b;"), ["`a` \\';' b"]);
    }

    #[test]
    fn sql_mode_takes_the_backslash_its_meaning() {
        let lexing = Lexing { no_backslash_escapes: true, ..Lexing::START };
        assert_eq!(read_with(b"'\\';'a';", &lexing).0, ["'\\'", "'a'"]);
        let lexing = Lexing { ansi_quotes: true, ..Lexing::START };
        assert_eq!(read_with(b"\"\\\";'\\';';", &lexing).0, ["\"\\\"", "'\\';'"]);
    }

    #[test]
    fn blocks() {
        assert_eq!(read("if ($a)\n{ echo b; }"), ["if ($a)\n{", "echo b", "}"]);
        assert_eq!(read("WHILE(`select '{'`){}"), ["WHILE(`select '{'`){", "}"]);
        assert_eq!(read("--if ($a) {\n}\nx {;"), ["--if ($a) {", "}", "x {"]);
    }

    #[test]
    fn empty_lines() {
        assert_eq!(read("a;\n\nb;"), ["a", "\n", "b"]);
        assert_eq!(read("a;\n \nb;"), ["a", "b"]);
        assert_eq!(read("--echo\n\nb;"), ["--echo", "b"]);
        assert_eq!(read("--echo\n\n\nb;"), ["--echo", "\n", "b"]);
    }

    #[test]
    fn carriage_returns_of_line_ends_go() {
        assert_eq!(read("--echo a\r\nselect\r\n1\r;\r\n\r\n"), ["--echo a", "select\n1\r"]);
        assert_eq!(read("'a\r\n\r\r\nb';"), ["'a\n\r\nb'"]);
    }

    #[test]
    fn text_at_the_end() {
        let end = |text: &str| read_with(text.as_bytes(), &Lexing::START).1;
        assert_eq!(end("select 1").unwrap(), "End of line junk detected: \"select 1\"");
        assert_eq!(end("--echo x").unwrap(), "End of line junk detected: \"--echo x\"");
        assert_eq!(end("select 1;\n# x"), None);
        assert_eq!(end("  \n\t"), None);
        assert_eq!(end(""), None);
    }

    #[test]
    fn delimiters_of_several_bytes() {
        let lexing = Lexing { delimiter: b"//", ..Lexing::START };
        assert_eq!(read_with(b"a / b //c///d//", &lexing).0, ["a / b ", "c", "/d"]);
    }

    #[test]
    fn multibyte_characters_hide_what_is_in_them() {
        let charset = Charset::named(b"sjis").unwrap();
        let lexing = Lexing { charset, delimiter: b"A", ..Lexing::START };
        let (texts, _) = read_with(b"'\x83\\'A \x83AA\x83", &lexing);
        assert_eq!(texts.len(), 2);
    }

    #[test]
    fn an_included_file_ends_in_the_middle_of_a_command() {
        let mut reader = Reader::new(Input::new("a", "source b;\n\n+ 1;\n"));
        assert_eq!(reader.read(&Lexing::START).unwrap().unwrap().text, "source b");
        reader.push(Input::new("b", "\nselect 1")).unwrap();
        assert_eq!(
            reader.stack().map(|(name, line)| format!("{name}:{line}")).collect::<Vec<_>>(),
            ["b:1", "a:1"]
        );
        let raw = reader.read(&Lexing::START).unwrap().unwrap();
        assert_eq!((raw.text, raw.start_line, raw.consumed), ("select 1\n\n+ 1".into(), 1, 9..15));
        assert_eq!(reader.depth(), 1);
    }

    #[test]
    fn files_nest_sixteen_deep() {
        let mut reader = Reader::new(Input::new("a", ""));
        for _ in 1..16 {
            reader.push(Input::new("b", "")).unwrap();
        }
        let error = reader.push(Input::new("b", "")).unwrap_err();
        assert_eq!(error.message, "Source directives are nesting too deep");
        assert!(reader.read(&Lexing::START).unwrap().is_none() && reader.ended());
    }

    /// What follows `command` up to `EOF`, and the commands after it.
    fn here(text: &str) -> Result<(String, Vec<String>), String> {
        let mut reader = Reader::new(Input::new("t", text));
        reader.read(&Lexing::START).unwrap().unwrap();
        let content = reader.here_document(b"EOF").map_err(|error| error.to_string())?;
        let mut texts = Vec::new();
        while let Ok(Some(raw)) = reader.read(&Lexing::START) {
            texts.push(raw.text.to_string());
        }
        Ok((String::from_utf8(content).unwrap(), texts))
    }

    #[test]
    fn here_documents() {
        let ok = |content: &str, rest: &[&str]| {
            Ok((content.to_owned(), rest.iter().map(|&text| text.to_owned()).collect()))
        };
        assert_eq!(here("perl;\nabc\nEOF\n"), ok("abc\n", &[]));
        assert_eq!(here("--perl\nabEO EOEOF a;\n"), ok("abEO EO", &["a"]));
        assert_eq!(here("--perl\n\nEOF;"), ok("\n", &[""]));
        assert_eq!(here("perl;\r\na\r\rb\r\nc\r\r\nEOF"), ok("a\rb\nc\r\n", &[]));
        assert_eq!(here("--perl\na\rEO\rF EOF"), ok("aEOF ", &[]));
        assert_eq!(here("perl\n; x\nEOF"), ok(" x\n", &[]));
        assert_eq!(here("perl\n;\nEOF"), ok("\n", &[]));
        let trailing = Err("Trailing characters found after command".to_owned());
        assert_eq!(here("perl; # x\nEOF"), trailing);
        assert_eq!(here("perl;EOF\n"), trailing);
        let end = Err("End of file encountered before 'EOF' delimiter was found".to_owned());
        assert_eq!(here("--perl\nabc\nEO"), end);
        assert_eq!(here("perl;\r"), end);
    }

    #[test]
    fn lines_and_spans() {
        let text = "\n  select\n1;\n# c\r\n}\n";
        let mut reader = Reader::new(Input::new("t", text));
        let mut found = Vec::new();
        while let Some(raw) = reader.read(&Lexing::START).unwrap() {
            found.push((raw.start_line, &text[raw.consumed], &text[raw.span], raw.end));
        }
        assert_eq!(
            found,
            [
                (2, "\n  select\n1;", "select\n1", CommandEnd::Delimiter),
                (4, "\n# c\r\n", "# c\r", CommandEnd::Line),
                (5, "}", "}", CommandEnd::CloseBrace),
            ]
        );
    }
}
