//! The loop: fetch a command, decide whether it runs, run it, tidy up after it (spec §1).

use std::cell::{Cell, OnceCell, RefCell};
use std::rc::Rc;

use super::dispatch::dispatch;
use super::state::{Interp, Stored};
use super::stop::{Done, Stop};
use crate::script::args;
use crate::script::classify::classify;
use crate::script::command::{self, Command, DropsFilters};

impl Interp {
    /// Runs the script to its end.
    pub fn run(&mut self) -> Done {
        while let Some(command) = self.next_command()? {
            self.step(&command)?;
        }
        Ok(())
    }

    /// The command the counter stands at: a stored one, or the next of the files.
    fn next_command(&mut self) -> Done<Option<Rc<Stored>>> {
        if let Some(stored) = self.program.get(self.counter) {
            return Ok(Some(Rc::clone(stored)));
        }
        let status = self.pool.server_status();
        let lexing = super::state::lexing(&self.delimiter, self.charset, status);
        let raw = match self.reader.read(&lexing) {
            Ok(raw) => raw,
            Err(error) => {
                self.line = self.reader.command_line();
                self.fail(error)?;
                None
            }
        };
        let Some(raw) = raw else {
            if !self.blocks.is_empty() {
                return Err(Stop::die("Missing end of block"));
            }
            return Ok(None);
        };
        self.line = raw.start_line;
        let classified = match classify(raw.text, &lexing, self.result_format) {
            Ok(classified) => classified,
            Err(error) => {
                self.fail(error)?;
                return self.next_command();
            }
        };
        let stored = Rc::new(Stored {
            command: Cell::new(classified.command),
            text: RefCell::new(classified.text),
            word: classified.word,
            arguments: classified.arguments,
            expected: Rc::clone(&self.pending_errors),
            document: OnceCell::new(),
            line: raw.start_line,
        });
        self.program.push(Rc::clone(&stored));
        Ok(Some(stored))
    }

    /// Runs one command and does what follows each (spec §1.3).
    fn step(&mut self, stored: &Rc<Stored>) -> Done {
        let mut kind = stored.command.get();
        if self.parsing_disabled && !matches!(kind, Command::EnableParsing | Command::DisableParsing) {
            kind = Command::Comment;
            stored.command.set(kind);
        }
        let spec = command::spec(kind);
        let counter = self.counter;
        self.sql_error_handled = false;
        match kind {
            Command::If | Command::While => self.open_block(stored, kind == Command::While)?,
            Command::End | Command::CloseBrace => self.close_block(stored)?,
            _ => {
                if self.must_run(kind) {
                    self.consumed = match spec.arguments {
                        command::Arguments::None => stored.arguments,
                        _ => usize::MAX,
                    };
                    dispatch(self, stored, kind)?;
                    self.check_rest(stored)?;
                }
                self.counter += 1;
            }
        }
        if !matches!(kind, Command::Error | Command::Comment) && !self.pending_errors.is_empty() {
            self.pending_errors = Rc::default();
        }
        let ran = self.runs_now(kind, counter);
        let counts = ran && spec.drops_filters == DropsFilters::Yes;
        if counts || self.sql_error_handled {
            self.executed += 1;
            self.filters.clear();
        }
        if self.options.mark_progress {
            self.log.progress(self.program.len(), &self.reader).map_err(Stop::Die)?;
        }
        self.flush()
    }

    /// Whether a command of this kind runs where we are: in a block that runs; `delimiter` and `perl`
    /// always; `source`, `error` and the here-document writers also where a `while` further out may
    /// come back to them (spec §1.3 step 4).
    fn must_run(&self, kind: Command) -> bool {
        if self.runs() || matches!(kind, Command::Delimiter | Command::Perl) {
            return true;
        }
        matches!(kind, Command::Source | Command::Error | Command::WriteFile | Command::AppendFile)
            && self.blocks.iter().rev().skip(1).any(|block| block.is_while)
    }

    fn runs_now(&self, kind: Command, _counter: usize) -> bool {
        self.must_run(kind)
    }

    /// What a command left of its text must be blank or a comment (spec §3.5).
    fn check_rest(&mut self, stored: &Stored) -> Done {
        let text = stored.text.borrow();
        let Some(rest) = text.get(self.consumed..) else { return Ok(()) };
        if rest.is_empty() {
            return Ok(());
        }
        args::trailing_junk(rest, &self.delimiter, self.charset).map_err(|error| Stop::Die(error.message))
    }
}
