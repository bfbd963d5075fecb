//! A script file as plain data, without running it: every command, and every byte of the file in one of
//! the commands' spans.
//!
//! The text is cut by the rules of the reader. What only running the script would tell is assumed: every block
//! is entered unless its condition is a number, `source` adds nothing, and `sql_mode` follows the `set`
//! statements that are written out.

use std::ops::Range;
use std::rc::Rc;

use bstr::{BString, ByteSlice};

use crate::script::args;
use crate::script::assignment::Value;
use crate::script::classify::{Classified, Format, classify};
use crate::script::command::{Arguments, Command};
use crate::script::common::charset::{Charset, LATIN1};
use crate::script::common::message::ScriptError;
use crate::script::common::text::until_nul;
use crate::script::condition;
use crate::script::condition::Test;
use crate::script::input::Input;
use crate::script::reader::{Lexing, RawCommand, Reader, Unended};

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
    pub here_document: Option<Box<HereDocument>>,
    /// The delimiter in force when it was read.
    pub delimiter: Rc<[u8]>,
    /// The character set in force when it was read.
    pub charset: Charset,
    /// Whether it is run, for all that the text tells: not if it is in a block whose condition is a false number.
    pub runs: bool,
    /// What the reference says when it reads the command.
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

/// The longest delimiter of a here-document, in bytes (spec §6.6).
const MAX_HERE_DELIMITER: usize = 16;

/// The longest delimiter that `delimiter` sets, in bytes (spec §6.9).
const MAX_DELIMITER: usize = 15;

/// Cuts a file into commands. Never fails: what the reference would complain about is told by the
/// commands' problems.
pub fn parse(input: Input) -> Script {
    let mut statements = Statements::new(&input);
    let commands: Vec<_> = statements.by_ref().collect();
    let problem = statements.problem().cloned();
    let end = commands.last().map_or(0, Statement::end);
    Script { rest: end..input.text().len(), input, commands, problem }
}

impl Statement {
    /// The offset behind the last byte that belongs to the command.
    pub fn end(&self) -> usize {
        self.here_document.as_ref().map_or(self.tail.end, |document| document.span.end)
    }
}

/// The commands of a file, cut one after the other.
pub struct Statements {
    reader: Reader,
    delimiter: Rc<[u8]>,
    charset: Charset,
    modes: Modes,
    /// Between `disable_parsing` and `enable_parsing`.
    skipping: bool,
    blocks: Vec<Block>,
    problem: Option<ScriptError>,
}

/// A block that is open.
struct Block {
    is_while: bool,
    runs: bool,
    /// The delimiter at its start, to which a block that does not run returns (spec §5.1).
    delimiter: Rc<[u8]>,
}

impl Iterator for Statements {
    type Item = Statement;

    fn next(&mut self) -> Option<Statement> {
        if self.problem.is_some() {
            return None;
        }
        let lexing = Lexing {
            delimiter: &self.delimiter,
            charset: self.charset,
            no_backslash_escapes: self.modes.no_backslash_escapes,
            ansi_quotes: self.modes.ansi_quotes,
        };
        let RawCommand { text, file, start_line, consumed, span, .. } = match self.reader.read(&lexing) {
            Ok(raw) => raw?,
            Err(problem) => {
                self.problem = Some(problem);
                return None;
            }
        };
        let (classified, problem) = match classify(text.into(), &lexing, Format::One) {
            Ok(classified) => (classified, None),
            Err(problem) => {
                let text = file.text().get(span.clone()).unwrap_or_default();
                (Classified::comment(text), Some(problem))
            }
        };
        let mut statement = Statement {
            classified,
            line: start_line,
            lead: consumed.start..span.start,
            tail: span.end..consumed.end,
            body: span,
            here_document: None,
            delimiter: self.delimiter.clone(),
            charset: self.charset,
            runs: self.runs(),
            problem,
        };
        self.follow(&mut statement);
        Some(statement)
    }
}

impl Statements {
    /// The commands of `input`, from its start.
    pub fn new(input: &Input) -> Self {
        Statements {
            reader: Reader::new(input.clone()),
            delimiter: Rc::from(&b";"[..]),
            charset: LATIN1,
            modes: Modes::default(),
            skipping: false,
            blocks: Vec::new(),
            problem: None,
        }
    }

    /// Why there are no more commands, if it is not because the file ends there.
    pub fn problem(&self) -> Option<&ScriptError> {
        self.problem.as_ref()
    }

    /// The text at the end of the file that nothing ended, once that is met.
    pub fn unended(&self) -> Option<Unended> {
        self.reader.unended()
    }

    /// Whether the current block is run.
    fn runs(&self) -> bool {
        self.blocks.last().is_none_or(|block| block.runs)
    }

    /// Does what the command does to the reading of the next ones.
    fn follow(&mut self, statement: &mut Statement) {
        let classified = &statement.classified;
        let runs = self.runs();
        match classified.command {
            Command::EnableParsing if runs || self.skipping => self.skipping = false,
            Command::DisableParsing if runs => self.skipping = true,
            Command::Comment | Command::EmptyLine => {}
            _ if self.skipping => {
                let text = std::mem::take(&mut statement.classified.text);
                statement.classified = Classified::comment(text);
            }
            command @ (Command::If | Command::While) => self.blocks.push(Block {
                is_while: command == Command::While,
                runs: runs && !is_false(classified, self.charset),
                delimiter: self.delimiter.clone(),
            }),
            Command::End => {
                if let Some(block) = self.blocks.pop()
                    && !block.runs
                {
                    self.delimiter = block.delimiter;
                }
            }
            Command::Delimiter => statement.problem = self.set_delimiter(classified.rest()),
            Command::CharacterSet if runs => {
                let name = classified.rest().split(|&byte| self.charset.is_space(byte)).next();
                self.charset = name.and_then(Charset::named).unwrap_or(self.charset);
            }
            Command::Sql if runs => self.modes.follow(&classified.text),
            command if command.takes_here_document() => {
                let outer = self.blocks.split_last().map(|(_, outer)| outer).unwrap_or_default();
                if runs || command == Command::Perl || outer.iter().any(|block| block.is_while) {
                    self.read_document(statement);
                }
            }
            _ => {}
        }
    }

    /// Reads the lines that follow the command.
    fn read_document(&mut self, statement: &mut Statement) {
        let from = self.reader.offset();
        let delimiter = here_delimiter(&statement.classified);
        if delimiter.len() > MAX_HERE_DELIMITER {
            let message = format!("Max delimiter length({MAX_HERE_DELIMITER}) exceeded");
            statement.problem = Some(ScriptError::die(message));
            return;
        }
        let content = self.reader.here_document(delimiter);
        statement.here_document = Some(Box::new(HereDocument {
            span: from..self.reader.offset(),
            delimiter: delimiter.into(),
            content: content.as_deref().unwrap_or_default().into(),
        }));
        statement.problem = content.err();
    }

    /// Takes `rest` for the delimiter of what follows.
    fn set_delimiter(&mut self, rest: &[u8]) -> Option<ScriptError> {
        let rest = until_nul(rest);
        if rest.is_empty() {
            return Some(ScriptError::die("Can't set empty delimiter"));
        }
        let (delimiter, junk) = rest.split_at(rest.len().min(MAX_DELIMITER));
        self.delimiter = delimiter.into();
        args::trailing_junk(junk, delimiter, self.charset).err()
    }
}

/// Whether the condition of an `if` or `while` is a number that is false.
fn is_false(classified: &Classified, charset: Charset) -> bool {
    match condition::parse(classified.rest(), "if", charset) {
        Ok(condition) => match condition.test {
            Test::Truth(Value::Text(value)) => condition::is_true(value, charset) == condition.negate,
            _ => false,
        },
        Err(_) => false,
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

/// The part of `sql_mode` that changes how quotes are read.
#[derive(Clone, Copy, Default)]
struct Modes {
    no_backslash_escapes: bool,
    ansi_quotes: bool,
}

/// The modes that imply ANSI_QUOTES.
const ANSI_MODES: [&[u8]; 6] = [b"ansi", b"oracle", b"mssql", b"postgresql", b"db2", b"maxdb"];

/// A `set` of `sql_mode` is short; longer statements are not looked at.
const MAX_SET: usize = 1000;

impl Modes {
    /// Looks whether a statement sets the session's `sql_mode`.
    fn follow(&mut self, statement: &[u8]) {
        let is_set = statement.get(..3).is_some_and(|word| word.eq_ignore_ascii_case(b"set"));
        if !is_set || statement.len() > MAX_SET {
            return;
        }
        let text = statement.to_ascii_lowercase();
        let Some(at) = text.find("sql_mode") else { return };
        let (before, value) = text.split_at(at);
        if before.contains_str("global") {
            return;
        }
        self.no_backslash_escapes = value.contains_str("no_backslash_escapes");
        self.ansi_quotes = ANSI_MODES.iter().any(|mode| value.contains_str(mode));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::script::unparse::unparse;

    /// The commands, their lines and texts; checks that no byte is left out.
    fn parsed(text: &str) -> Vec<(u32, Command, String)> {
        let script = parse(Input::new("t", text));
        assert_eq!(unparse(&script).as_bstr(), text);
        let commands = script.commands.into_iter();
        commands.map(|one| (one.line, one.classified.command, one.classified.text.to_string())).collect()
    }

    /// The texts of the commands.
    fn texts(text: &str) -> Vec<String> {
        parsed(text).into_iter().map(|(_, _, text)| text).collect()
    }

    #[test]
    fn delimiters_are_followed() {
        assert_eq!(
            texts("delimiter //;\na;b//\ndelimiter ;//c;"),
            ["delimiter //", "a;b", "delimiter ;", "c"]
        );
        assert_eq!(texts("--delimiter  | \na;b| c;"), ["delimiter  | ", "a;b"]);
    }

    #[test]
    fn delimiters_of_blocks_that_do_not_run_are_forgotten() {
        assert_eq!(texts("if (0)\n{ delimiter |; a|\n}\nb; c;").last().map(String::as_str), Some("c"));
        assert_eq!(texts("if (1)\n{ delimiter |; a|\n}\nb; c|").last().map(String::as_str), Some("b; c"));
        assert_eq!(texts("if (!1)\n{ delimiter |; a|\n}\nb; c;").last().map(String::as_str), Some("c"));
    }

    #[test]
    fn character_sets_are_followed() {
        let script = parse(Input::new("t", &b"--character_set sjis\n'\x83\\';a;--character_set x\nb;"[..]));
        assert_eq!(script.commands.len(), 5);
    }

    #[test]
    fn modes_of_the_server_are_followed() {
        let text = "SET sql_mode='NO_BACKSLASH_ESCAPES'; '\\'; set global sql_mode=''; '\\'; set sql_mode=''; '\\'';";
        assert_eq!(texts(text).len(), 6);
        assert_eq!(texts("set @@sql_mode=ansi; \"\\\"; a;").len(), 3);
    }

    #[test]
    fn documents_belong_to_their_command() {
        let text = "write_file f;\nit's\nEOF\n--perl END\n}\nENDa;\n--append_file f '' eval\nEOF";
        let script = parse(Input::new("t", text));
        let documents: Vec<_> = script.commands.iter().filter_map(|one| one.here_document.as_ref()).collect();
        assert_eq!(documents[0].content, "it's\n");
        assert_eq!(documents[1].content, "}\n");
        assert_eq!(documents[2].delimiter, "EOF");
        assert_eq!(unparse(&script).as_bstr(), text);
        assert_eq!(script.commands.len(), 4);
    }

    #[test]
    fn documents_in_blocks_that_do_not_run_are_commands() {
        assert_eq!(texts("if (0) {\n--write_file f\na;\n}\n"), ["if (0) {", "write_file f", "a", "}"]);
        assert_eq!(texts("if (0) {\n--perl\na;\nEOF\n}\n"), ["if (0) {", "perl", "}"]);
        let looped = "while ($a) {\nif (0) {\n--write_file f\na;\nEOF\n}\n}\n";
        assert_eq!(texts(looped), ["while ($a) {", "if (0) {", "write_file f", "}", "}"]);
    }

    #[test]
    fn disabled_parsing_makes_comments() {
        let found = parsed("--disable_parsing\n--delimiter |\nif (0) {\n--enable_parsing\na;");
        let kinds: Vec<_> = found.into_iter().map(|(_, command, _)| command).collect();
        let comment = Command::Comment;
        let (on, off) = (Command::EnableParsing, Command::DisableParsing);
        assert_eq!(kinds, [off, comment, comment, on, Command::Sql]);
    }

    #[test]
    fn problems() {
        let problems = |text: &str| -> Vec<String> {
            let script = parse(Input::new("t", text));
            assert_eq!(unparse(&script).as_bstr(), text);
            let commands = script.commands.into_iter().filter_map(|one| one.problem);
            commands.chain(script.problem).map(|problem| problem.to_string()).collect()
        };
        assert_eq!(problems("--delimiter\n"), ["Can't set empty delimiter"]);
        assert_eq!(problems("--delimiter 12345678901234567\n"), ["End of line junk detected: \"67\""]);
        assert_eq!(problems("--perl 12345678901234567\n"), ["Max delimiter length(16) exceeded"]);
        assert_eq!(problems("--perl\nx"), ["End of file encountered before 'EOF' delimiter was found"]);
        assert_eq!(problems("a"), ["End of line junk detected: \"a\""]);
        assert_eq!(problems("--x\n").len(), 1);
        assert_eq!(problems("# x"), [""; 0]);
    }
}
