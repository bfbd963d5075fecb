//! What an interpreter knows while a script runs.

pub mod errors;
pub mod header;
pub mod options;
pub mod output;
pub mod pool;
pub mod properties;
pub mod session;
pub mod source;
pub mod stop;
pub mod variables;
pub mod waits;
pub mod whereabouts;

use std::cell::{Cell, OnceCell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;
use std::time::Instant;

use bstr::{BStr, BString};

use crate::flavour::Flavour;
use crate::interp::files::Modes;
use crate::interp::filter::Filters;
use crate::interp::state::header::Header;
use crate::interp::state::options::Options;
use crate::interp::state::output::Output;
use crate::interp::state::pool::Pool;
use crate::interp::state::properties::{Properties, Property};
use crate::interp::state::stop::{Done, Stop};
use crate::interp::state::variables::Variables;
use crate::interp::state::waits::Waits;
use crate::interp::state::whereabouts::Whereabouts;
use crate::script::classify::Format;
use crate::script::command::Command;
use crate::script::common::charset::Charset;
use crate::script::common::message::{Kind, ScriptError};
use crate::script::error_list::ExpectedError;
use crate::script::expand;
use crate::script::reader::{Lexing, Reader};

/// One command of the list that the program counter walks over (mysqltest §1.2).
#[derive(Debug)]
pub struct Stored {
    /// What it is; `disable_parsing` makes it a comment for good.
    pub command: Cell<Command>,
    /// The whole text after white-space normalisation, without the dashes of a `--` line. A command may
    /// change it for its own later runs: `connect (…)` loses its parentheses.
    pub text: RefCell<BString>,
    /// The first word, as typed.
    pub word: BString,
    /// Where the arguments start in `text`.
    pub arguments: usize,
    /// Where the parts of its arguments are, once they were found.
    pub header: Header,
    /// What `--error` in front of it said when it was first read.
    pub expected: Rc<[ExpectedError]>,
    /// The here-document that follows it, once it was read.
    pub document: OnceCell<BString>,
    /// The file it was read from.
    pub file: Rc<BString>,
    /// The line its text starts at in that file.
    pub line: u32,
}

impl Stored {
    /// The text from the arguments on.
    pub fn argument_text(&self) -> BString {
        self.text.borrow()[self.arguments..].into()
    }

    /// What messages call the query: without the word of `eval`, `query`, `send` and their like, which
    /// is gone once the command ran; all of the text for other commands.
    pub fn query_text(&self) -> BString {
        let text = self.text.borrow();
        match self.command.get() {
            Command::Eval
            | Command::Evalp
            | Command::Query
            | Command::QueryVertical
            | Command::QueryHorizontal
            | Command::Send
            | Command::SendEval => text[self.arguments..].into(),
            _ => text.clone(),
        }
    }
}

/// An open `if` or `while`.
#[derive(Debug, Clone)]
pub struct Block {
    /// Whether it is a `while`.
    pub is_while: bool,
    /// Whether its commands run.
    pub runs: bool,
    /// The number of its header in the list of commands.
    pub header: usize,
    /// The delimiter to come back to at its end: that of a block that does not run (mysqltest §5.1).
    pub delimiter: Option<BString>,
}

/// Runs one script.
pub struct Interp {
    /// The command line.
    pub options: Options,
    /// Where commands come from.
    pub reader: Reader,
    /// All commands read so far.
    pub program: Vec<Rc<Stored>>,
    /// About how many bytes they take.
    pub program_size: usize,
    /// The number of the command that runs next.
    pub counter: usize,
    /// What ends a statement.
    pub delimiter: BString,
    /// The character set of the reader and of later connections.
    pub charset: Charset,
    /// How much white space of a command is kept (`result_format`).
    pub result_format: Format,
    /// The script's variables and the environment of its children.
    pub variables: Variables,
    /// The loops that run, and whether they wait.
    pub waits: Waits,
    /// Open blocks, outermost first.
    pub blocks: Vec<Block>,
    /// What the last `--error` said, until another command is over.
    pub pending_errors: Rc<[ExpectedError]>,
    /// `disable_parsing` was said.
    pub parsing_disabled: bool,
    /// The switches that take `ONCE`.
    pub properties: Properties,
    /// `disable_column_names` was not said.
    pub column_names: bool,
    /// `vertical_results` was said.
    pub vertical: bool,
    /// `enable_prepare_warnings` was said.
    pub prepare_warnings: bool,
    /// `optimizer_trace` was said, and no query took it yet.
    pub optimizer_trace: bool,
    /// `send` without a text was said: the next query is only sent.
    pub send_next: bool,
    /// The transformations of the next output.
    pub filters: Filters,
    /// The last expanded value of a `let`: a buffer.
    pub expanded: Vec<u8>,
    /// What the command at hand wrote; appended to the log when it is over.
    pub out: Vec<u8>,
    /// What went to the log last: a failing `exec` without output shows it (mysqltest §6.7).
    pub flushed: Vec<u8>,
    /// The error number that the file layer remembers of its last failure (mysqltest §9.4).
    pub my_errno: i32,
    /// The permission bits of new files and directories.
    pub modes: Modes,
    /// The log: the file or standard output.
    pub log: Output,
    /// The connections.
    pub pool: Pool,
    /// The file that the next query's output is compared with (`require`).
    pub require: Option<BString>,
    /// What the last `save_master_pos` read.
    pub master_position: Option<(BString, u64)>,
    /// How far the command at hand used its text; what is left must be blank or a comment (mysqltest §3.5).
    pub consumed: usize,
    /// The command at hand counts as executed though its table row does not say so: it had an SQL error.
    pub sql_error_handled: bool,
    /// How many commands of the kind that counts were run (mysqltest §12.3).
    pub executed: u64,
    /// A `report` was written to the result instead of ending the test.
    pub reported: bool,
    /// The statement at hand after expansion, for the explanation of a failure; empty where the command has none.
    pub last_statement: BString,
    /// The commands that ran last, the one at hand among them, oldest first.
    pub recent: VecDeque<Rc<Stored>>,
    /// Tells whoever started the script where it is.
    pub whereabouts: Option<Whereabouts>,
    /// The flavour of the server connected to last; before the first, the newest.
    pub flavour: Flavour,
    /// The line of the command read last; 0 before the first and after the last.
    pub line: u32,
    /// When the timer started.
    pub started: Instant,
}

/// What the reader must know: the delimiter, the character set, and from the server's status how strings
/// are quoted (mysqltest §2.4).
pub(in crate::interp) fn lexing(delimiter: &BString, charset: Charset, status: u16) -> Lexing<'_> {
    const NO_BACKSLASH_ESCAPES: u16 = 512;
    const ANSI_QUOTES: u16 = 32768;
    Lexing {
        delimiter,
        charset,
        no_backslash_escapes: status & NO_BACKSLASH_ESCAPES != 0,
        ansi_quotes: status & ANSI_QUOTES != 0,
    }
}

impl Interp {
    /// The first word of the arguments as it stands; what follows it must be blank or a comment.
    pub fn word(&mut self, stored: &Stored) -> BString {
        let text = stored.text.borrow();
        let rest = &text[stored.arguments..];
        let length = rest.iter().position(|byte| self.charset.is_space(*byte)).unwrap_or(rest.len());
        self.consumed = stored.arguments + length;
        rest[..length].into()
    }

    /// Whether the commands at hand run: the innermost block does.
    pub fn runs(&self) -> bool {
        self.blocks.last().is_none_or(|block| block.runs)
    }

    /// Whether an unexpected error of `command` ends the test (mysqltest §1.3).
    pub fn aborts(&self, command: &Stored) -> bool {
        command.expected.is_empty() && self.properties.is(Property::AbortOnError)
    }

    /// The value of a property.
    pub fn is(&self, property: Property) -> bool {
        self.properties.is(property)
    }

    /// Sets a property and the variable that shows it.
    pub fn set_property(&mut self, property: Property, on: bool, once: bool) {
        self.properties.set(property, on, once);
        self.show_property(property, on);
    }

    /// Takes back what was set with `ONCE` (mysqltest §8).
    pub fn revert_properties(&mut self) {
        for (property, on) in self.properties.revert() {
            self.show_property(property, on);
        }
    }

    fn show_property(&mut self, property: Property, on: bool) {
        let (name, inverted) = property.variable();
        self.variables.set_number(name.as_bytes(), i64::from(on != inverted));
    }

    /// Expands `text` (mysqltest §4.3).
    ///
    /// # Errors
    /// A reference or an expression that is malformed.
    pub fn expand(&mut self, text: &[u8]) -> Done<BString> {
        self.expand_with(text, false)
    }

    /// Expands `text`; a protecting backslash stays, for `exec`, `system` and `error`.
    ///
    /// # Errors
    /// A reference or an expression that is malformed.
    pub fn expand_keeping_escapes(&mut self, text: &[u8]) -> Done<BString> {
        self.expand_with(text, true)
    }

    fn expand_with(&mut self, text: &[u8], keep_escapes: bool) -> Done<BString> {
        let mut expanded = Vec::with_capacity(text.len());
        let done = expand::expand_into(&mut expanded, text, self.charset, keep_escapes, &mut self.variables);
        self.or_what_came_before(done)?;
        Ok(expanded.into())
    }

    /// Appends the expanded `text` to `out`.
    ///
    /// # Errors
    /// A reference or an expression that is malformed.
    pub fn expand_into(&mut self, out: &mut Vec<u8>, text: &[u8]) -> Done {
        let done = expand::expand_into(out, text, self.charset, false, &mut self.variables);
        self.or_what_came_before(done)
    }

    /// After a report, what came before the error is what the command works with.
    fn or_what_came_before(&mut self, expanded: Result<(), ScriptError>) -> Done {
        match expanded {
            Err(error) if error.kind == Kind::Report => self.report(error.message),
            expanded => Ok(expanded?),
        }
    }

    /// An error after which `--continue-on-error` goes on (mysqltest §13.1).
    ///
    /// # Errors
    /// The script ends with this message.
    pub fn report(&mut self, message: impl Into<BString>) -> Done {
        let message = message.into();
        if !self.options.continue_on_error {
            return Err(Stop::Die(message));
        }
        self.reported = true;
        let line = self.placed(&message);
        self.filters.apply(&line, &mut self.out)?;
        self.out.push(b'\n');
        Ok(())
    }

    /// `message` with the place in front that the reader has reached (mysqltest §13.1).
    pub fn placed(&self, message: &BString) -> BString {
        let mut text = BString::from("mysqltest: ");
        let mut stack = self.reader.stack();
        if let Some((file, line)) = stack.next() {
            let outer: Vec<(&BStr, u32)> = stack.collect();
            if !outer.is_empty() {
                text.extend_from_slice(b"In included file \"");
                text.extend_from_slice(file);
                text.extend_from_slice(b"\": \n");
                for (file, line) in outer {
                    text.extend_from_slice(b"included from ");
                    text.extend_from_slice(file);
                    text.extend_from_slice(format!(" at line {line}:\n").as_bytes());
                }
            }
            let _ = line;
        }
        if self.line > 0 {
            text.extend_from_slice(format!("At line {}: ", self.line).as_bytes());
        }
        text.extend_from_slice(message);
        text
    }

    /// Writes the output of the command at hand to the log.
    ///
    /// # Errors
    /// The output cannot be written.
    pub fn flush(&mut self) -> Done {
        if !self.out.is_empty() {
            self.log.write(&self.out)?;
            std::mem::swap(&mut self.out, &mut self.flushed);
            self.out.clear();
        }
        Ok(())
    }

    /// Writes `line` and a line end to the output, past the filters.
    pub fn say(&mut self, line: &[u8]) {
        self.out.extend_from_slice(line);
        self.out.push(b'\n');
    }
}
