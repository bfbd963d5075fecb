//! A script file as plain data, without running it: every command, and every byte of the file in one of
//! the commands' spans.
//!
//! The text is cut by the rules of the reader. What running the script would tell is assumed: every block
//! is entered, `source` adds nothing, and `sql_mode` follows the `set` statements that are written out.

use std::ops::Range;

use bstr::{BString, ByteSlice};

use super::args;
use super::charset::{Charset, LATIN1};
use super::classify::{Classified, Format, classify};
use super::command::{Arguments, Command};
use super::input::Input;
use super::message::ScriptError;
use super::reader::{Lexing, RawCommand, Reader};

/// A script file, cut into commands.
#[derive(Clone, Debug)]
pub struct Script {
    /// The file.
    pub input: Input,
    /// The commands, in the order of the file; their spans follow one another without a gap.
    pub commands: Vec<Statement>,
    /// The bytes after the last command: blanks, a comment without an end, or the text that
    /// [`Script::problem`] is about.
    pub rest: Range<usize>,
    /// Why the reader could not go on at the end.
    pub problem: Option<ScriptError>,
}

/// A command of a script. The spans are offsets in the file.
#[derive(Clone, Debug)]
pub struct Statement {
    /// What it is. A `--` line without a command is a comment with a [`Statement::problem`].
    pub classified: Classified,
    /// The line on which it starts, from 1.
    pub line: u32,
    /// Blanks and line ends that were dropped before it.
    pub lead: Range<usize>,
    /// Its text.
    pub body: Range<usize>,
    /// What ended it: a delimiter or a line's end; empty after a brace.
    pub tail: Range<usize>,
    /// The lines that follow a `write_file`, `append_file` or `perl`.
    pub here_document: Option<HereDocument>,
    /// The delimiter in force when it was read.
    pub delimiter: BString,
    /// The character set in force when it was read.
    pub charset: Charset,
    /// What the reference would say when it reads the command.
    pub problem: Option<ScriptError>,
}

/// The lines that belong to a command (spec §6.6).
#[derive(Clone, Debug)]
pub struct HereDocument {
    /// The bytes from the end of the command to the end of the document's delimiter.
    pub span: Range<usize>,
    /// What ends the document.
    pub delimiter: BString,
    /// The text, as the command gets it.
    pub content: BString,
}

/// What a here-document ends with if the command does not say.
const HERE_DELIMITER: &[u8] = b"EOF";

/// The longest delimiter that `delimiter` sets, in bytes (spec §6.9).
const MAX_DELIMITER: usize = 15;

/// Cuts a file into commands. Never fails: what the reference would complain about is told by the
/// commands' problems.
pub fn parse(input: Input) -> Script {
    let mut parser = Parser::new(&input);
    let mut commands = Vec::new();
    let problem = loop {
        match parser.next() {
            Ok(Some(statement)) => commands.push(statement),
            Ok(None) => break None,
            Err(problem) => break Some(problem),
        }
    };
    let end = commands.last().map_or(0, Statement::end);
    Script { rest: end..input.text().len(), input, commands, problem }
}

impl Statement {
    /// The offset behind the last byte that belongs to the command.
    pub fn end(&self) -> usize {
        self.here_document.as_ref().map_or(self.tail.end, |document| document.span.end)
    }
}

/// A reader, and what the commands have told it so far.
struct Parser {
    reader: Reader,
    delimiter: BString,
    charset: Charset,
    modes: Modes,
    /// Between `disable_parsing` and `enable_parsing`.
    skipping: bool,
}

impl Parser {
    fn new(input: &Input) -> Self {
        Parser {
            reader: Reader::new(input.clone()),
            delimiter: BString::from(";"),
            charset: LATIN1,
            modes: Modes::default(),
            skipping: false,
        }
    }

    fn next(&mut self) -> Result<Option<Statement>, ScriptError> {
        let lexing = Lexing {
            delimiter: &self.delimiter,
            charset: self.charset,
            no_backslash_escapes: self.modes.no_backslash_escapes,
            ansi_quotes: self.modes.ansi_quotes,
        };
        let Some(RawCommand { text, start_line, consumed, span, .. }) = self.reader.read(&lexing)? else {
            return Ok(None);
        };
        let (mut classified, mut problem) = match classify(text.into(), &lexing, Format::One) {
            Ok(classified) => (classified, None),
            Err(problem) => (Classified::comment(self.input_text(&span)), Some(problem)),
        };
        let mut statement = Statement {
            line: start_line,
            lead: consumed.start..span.start,
            body: span.clone(),
            tail: span.end..consumed.end,
            here_document: None,
            delimiter: self.delimiter.clone(),
            charset: self.charset,
            classified: Classified::comment(BString::default()),
            problem: None,
        };
        match classified.command {
            Command::EnableParsing => self.skipping = false,
            Command::DisableParsing => self.skipping = true,
            _ if self.skipping => classified = Classified::comment(classified.text),
            Command::Delimiter => problem = self.set_delimiter(classified.rest()),
            Command::CharacterSet => {
                self.charset = Charset::named(first_word(classified.rest())).unwrap_or(self.charset);
            }
            Command::Sql => self.modes.follow(&classified.text),
            command if command.takes_here_document() => {
                let from = self.reader.offset();
                let delimiter = here_delimiter(&classified);
                let content = self.reader.here_document(delimiter);
                statement.here_document = Some(HereDocument {
                    span: from..self.reader.offset(),
                    delimiter: delimiter.into(),
                    content: content.as_deref().unwrap_or_default().into(),
                });
                problem = content.err();
            }
            _ => {}
        }
        Ok(Some(Statement { classified, problem, ..statement }))
    }

    /// Takes `rest` for the delimiter of what follows.
    fn set_delimiter(&mut self, rest: &[u8]) -> Option<ScriptError> {
        let rest = rest.split(|&byte| byte == 0).next().unwrap_or_default();
        if rest.is_empty() {
            return Some(ScriptError::die("Can't set empty delimiter"));
        }
        let (delimiter, junk) = rest.split_at(rest.len().min(MAX_DELIMITER));
        let before = std::mem::replace(&mut self.delimiter, delimiter.into());
        args::trailing_junk(junk, &before, self.charset).err()
    }

    fn input_text(&self, span: &Range<usize>) -> BString {
        self.reader.text().get(span.clone()).unwrap_or_default().into()
    }
}

/// What ends the lines that follow a command.
fn here_delimiter(classified: &Classified) -> &[u8] {
    let Some(Arguments::List { separator, args, .. }) = classified.command.spec().map(|spec| spec.arguments)
    else {
        return HERE_DELIMITER;
    };
    let at = args.iter().position(|arg| arg.name == "delimiter");
    let values = args::split(classified.rest(), args.len(), separator).values;
    match at.and_then(|at| values.get(at).copied()) {
        None | Some(b"") => HERE_DELIMITER,
        Some(delimiter) => delimiter,
    }
}

/// Everything up to the first space.
fn first_word(text: &[u8]) -> &[u8] {
    text.split(|&byte| byte.is_ascii_whitespace() || byte == 0).next().unwrap_or_default()
}

/// The part of `sql_mode` that changes how quotes are read.
#[derive(Clone, Copy, Default)]
struct Modes {
    no_backslash_escapes: bool,
    ansi_quotes: bool,
}

impl Modes {
    /// Looks whether a statement sets the session's `sql_mode`.
    fn follow(&mut self, statement: &[u8]) {
        let is_set = |word: &[u8]| word.eq_ignore_ascii_case(b"set");
        if !is_set(first_word(statement)) || statement.len() > 1000 {
            return;
        }
        let text = statement.to_ascii_lowercase();
        let Some(at) = text.find("sql_mode") else { return };
        if text[..at].contains_str("global") {
            return;
        }
        let value = &text[at..];
        self.no_backslash_escapes = value.contains_str("no_backslash_escapes");
        self.ansi_quotes = [&b"ansi"[..], b"oracle", b"mssql", b"postgresql", b"db2", b"maxdb"]
            .iter()
            .any(|mode| value.contains_str(mode));
    }
}
