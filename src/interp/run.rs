//! The loop: fetch a command, decide whether it runs, run it, tidy up after it (mysqltest §1).

use std::cell::{Cell, OnceCell, RefCell};
use std::rc::Rc;

use bstr::{BString, ByteSlice as _};

use crate::interp::dispatch::dispatch;
use crate::interp::state;
use crate::interp::state::header::Header;
use crate::interp::state::stop::{Done, Stop};
use crate::interp::state::{Interp, Stored};
use crate::script::args;
use crate::script::classify::classify;
use crate::script::command::{Arguments, Command, DropsFilters};

/// How many commands an explanation looks back.
const RECENT: usize = 5;

/// The most bytes that the values of all variables may have together: 512 MiB.
const MOST_OF_VARIABLES: usize = 512 << 20;

/// The most bytes that all commands may have that were read: 1 GiB. They are kept, for loops.
const MOST_OF_PROGRAM: usize = 1 << 30;

/// What a command takes beside its text.
const COMMAND: usize = 256;

impl Interp {
    /// Runs the script to its end.
    ///
    /// # Errors
    /// What ends the script: an error that it does not expect, a wrong command, or `exit`.
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
        let lexing = state::lexing(&self.delimiter, self.charset, status);
        let read = self.reader.read(&lexing);
        self.line = self.reader.command_line();
        if self.reader.ended() && !self.blocks.is_empty() {
            return Err(Stop::die("Missing end of block"));
        }
        let Some(raw) = read? else { return Ok(None) };
        let raw_length = raw.text.len();
        let classified = match classify(raw.text.into(), &lexing, self.result_format) {
            Ok(classified) => classified,
            Err(error) => {
                self.or_report(Err(error.into()))?;
                self.flush()?;
                return self.next_command();
            }
        };
        self.program_size += raw_length + COMMAND;
        if self.program_size > MOST_OF_PROGRAM {
            let most = MOST_OF_PROGRAM >> 20;
            return Err(Stop::die(format!("The script has more than {most} MiB with all that it sources")));
        }
        let word = classified.word().into();
        let stored = Rc::new(Stored {
            command: Cell::new(classified.command),
            text: RefCell::new(classified.text),
            word,
            arguments: classified.arguments,
            header: Header::default(),
            expected: Rc::clone(&self.pending_errors),
            document: OnceCell::new(),
            file: self.file_of_command(),
            line: raw.start_line,
        });
        self.program.push(Rc::clone(&stored));
        Ok(Some(stored))
    }

    /// Runs one command and does what follows each (mysqltest §1.3).
    fn step(&mut self, stored: &Rc<Stored>) -> Done {
        let mut kind = stored.command.get();
        if self.parsing_disabled && !matches!(kind, Command::EnableParsing | Command::DisableParsing) {
            kind = Command::Comment;
            stored.command.set(kind);
        }
        let spec = kind.spec();
        self.sql_error_handled = false;
        let ran = self.must_run(kind);
        if ran && !matches!(kind, Command::Comment | Command::EmptyLine | Command::End) {
            self.begins(stored);
        }
        match kind {
            Command::If | Command::While => {
                let opened = self.open_block(stored, kind == Command::While);
                self.or_report(opened)?;
            }
            Command::End => self.close_block(stored)?,
            _ => {
                if ran {
                    self.consumed = match spec.map(|spec| spec.arguments) {
                        Some(Arguments::None) => stored.arguments,
                        _ => usize::MAX,
                    };
                    if kind == Command::Exit {
                        self.check_rest(stored)?;
                        return Err(Stop::Exit);
                    }
                    self.waits.runs(kind);
                    let done = dispatch(self, stored, kind);
                    self.or_report(done)?;
                    self.check_rest(stored)?;
                }
                self.counter += 1;
            }
        }
        if !matches!(kind, Command::Error | Command::Comment) && !self.pending_errors.is_empty() {
            self.pending_errors = Rc::default();
        }
        if self.variables.held() > MOST_OF_VARIABLES {
            let most = MOST_OF_VARIABLES >> 20;
            return Err(Stop::die(format!("The variables of the script have more than {most} MiB")));
        }
        let counts = match kind {
            Command::Sql => true,
            _ => spec.is_some_and(|spec| spec.drops_filters == DropsFilters::Yes),
        };
        // `send` without a statement does nothing yet: what was set is for the query that follows.
        let nothing_sent = kind == Command::Send && stored.text.borrow().len() == stored.arguments;
        let counts = ran && counts && !nothing_sent;
        if counts || self.sql_error_handled {
            self.filters.clear();
        }
        let lists =
            matches!(kind, Command::ListFiles | Command::ListFilesWriteFile | Command::ListFilesAppendFile);
        if counts && !lists {
            self.executed += 1;
        }
        if self.options.mark_progress {
            self.log.progress(self.counter, &self.reader)?;
        }
        self.flush()
    }

    /// The name of the file that the command read last is from.
    fn file_of_command(&self) -> Rc<BString> {
        let name = self.reader.file();
        match self.program.last().filter(|last| last.file.as_bstr() == name) {
            Some(last) => Rc::clone(&last.file),
            None => Rc::new(name.to_owned()),
        }
    }

    /// A command is about to run: that is noted for the explanation of a failure, and for whoever started the script.
    fn begins(&mut self, stored: &Rc<Stored>) {
        self.last_statement.clear();
        if self.options.explain {
            if self.recent.len() > RECENT {
                self.recent.pop_front();
            }
            self.recent.push_back(Rc::clone(stored));
        }
        if let Some(whereabouts) = &mut self.whereabouts {
            whereabouts.begins(stored, &self.reader);
        }
    }

    /// Goes on after a report where `--continue-on-error` allows it.
    fn or_report(&mut self, done: Done) -> Done {
        match done {
            Err(Stop::Report(message)) => self.report(message),
            done => done,
        }
    }

    /// Whether a command of this kind runs where we are: in a block that runs; `delimiter` and `perl`
    /// always; `source`, `error` and the here-document writers also where a `while` further out may
    /// come back to them (mysqltest §1.3 step 4).
    fn must_run(&self, kind: Command) -> bool {
        if self.runs() || matches!(kind, Command::Delimiter | Command::Perl) {
            return true;
        }
        matches!(kind, Command::Source | Command::Error | Command::WriteFile | Command::AppendFile)
            && self.blocks.iter().rev().skip(1).any(|block| block.is_while)
    }

    /// What a command left of its text must be blank or a comment (mysqltest §3.5).
    fn check_rest(&mut self, stored: &Stored) -> Done {
        let text = stored.text.borrow();
        let Some(rest) = text.get(self.consumed..) else { return Ok(()) };
        if rest.is_empty() {
            return Ok(());
        }
        Ok(args::trailing_junk(rest, &self.delimiter, self.charset)?)
    }
}
