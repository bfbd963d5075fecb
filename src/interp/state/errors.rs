//! What an error of a statement or of a command does to the test (mysqltest §9).

use bstr::{BString, ByteSlice};

use crate::client::ClientError;
use crate::interp::state::properties::Property;
use crate::interp::state::stop::{Done, Stop};
use crate::interp::state::{Interp, Stored};
use crate::script::errnames;
use crate::script::error_list::ExpectedError;

/// The error of a command that is not a statement (mysqltest §9.4).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CommandError {
    /// What `--error` is compared with: 1 for file commands, an exit status for `perl`; 0 for none.
    pub error: i32,
    /// The `errno` of the library (`my_errno`).
    pub my_errno: i32,
    /// The operating system's number; -1 where there is none.
    pub errno: i32,
}

impl Interp {
    /// The name of an error number in messages: `<Unknown>` for one without name, nothing for 0.
    fn error_name(&self, number: u32) -> &'static str {
        if number == 0 { "" } else { errnames::name(number, self.flavour.error_names).unwrap_or("<Unknown>") }
    }

    /// An error number in messages: with its name, which 10.5 leaves out.
    fn error_label(&self, number: u32) -> String {
        if !self.flavour.error_names_in_messages {
            return number.to_string();
        }
        format!("{} ({number})", self.error_name(number))
    }

    /// Sets `$mysql_errno` and `$mysql_errname`.
    pub fn set_mysql_errno(&mut self, number: u32) {
        self.variables.set_number(b"mysql_errno", i64::from(number));
        self.variables.set(b"mysql_errname", self.error_name(number));
    }

    /// An SQL error of `command` (mysqltest §9.3).
    ///
    /// # Errors
    /// The script does not expect this error.
    pub fn handle_sql_error(&mut self, command: &Stored, error: &ClientError) -> Done {
        self.sql_error_handled = true;
        self.variables.set_number(b"errno", i64::from(error.code));
        let query = command.query_text();
        if let Some(file) = self.require.take() {
            return self.required_query_failed(&query, &file, error);
        }
        if self.aborts(command) {
            let mut text = BString::from("query '");
            text.extend_from_slice(&query);
            text.extend_from_slice(format!("' failed: {}: ", self.error_label(error.code)).as_bytes());
            text.extend_from_slice(&error.message);
            return self.report(text);
        }
        let expected = &command.expected;
        let found = expected.iter().any(|item| match item {
            ExpectedError::Number(number) => *number == error.code,
            // The state of a closed connection has a sixth digit, which does not count.
            ExpectedError::SqlState(state) => error.sqlstate.starts_with(state),
        });
        if found {
            if self.is(Property::ResultLog) {
                match expected.first() {
                    _ if expected.len() == 1 => self.write_error_line(error)?,
                    Some(ExpectedError::Number(0)) | None => {}
                    Some(_) => self.say(b"Got one of the listed errors"),
                }
            }
            self.revert_properties();
            return Ok(());
        }
        if self.is(Property::ResultLog) {
            self.write_error_line(error)?;
        }
        let Some(first) = expected.first() else {
            self.revert_properties();
            return Ok(());
        };
        let mut text = BString::from("query '");
        text.extend_from_slice(&query);
        match first {
            ExpectedError::Number(number) => {
                let what = format!("' failed with wrong errno {}: '", self.error_label(error.code));
                text.extend_from_slice(what.as_bytes());
                text.extend_from_slice(&error.message);
                text.extend_from_slice(format!("', instead of {}...", self.error_label(*number)).as_bytes());
            }
            ExpectedError::SqlState(state) => {
                text.extend_from_slice(b"' failed with wrong sqlstate ");
                text.extend_from_slice(&error.sqlstate);
                text.extend_from_slice(b": '");
                text.extend_from_slice(&error.message);
                text.extend_from_slice(b"', instead of ");
                text.extend_from_slice(state);
                text.extend_from_slice(b"...");
            }
        }
        self.revert_properties();
        self.report(text)
    }

    /// Writes `ERROR <sqlstate>: <message>` through the filters (mysqltest §7.8).
    fn write_error_line(&mut self, error: &ClientError) -> Done {
        self.out.extend_from_slice(b"ERROR ");
        self.filters.apply(&error.sqlstate, &mut self.out)?;
        self.out.extend_from_slice(b": ");
        self.filters.apply(&error.message, &mut self.out)?;
        self.out.push(b'\n');
        Ok(())
    }

    /// A statement that should have failed did not: only the first item of the list is looked at
    /// (mysqltest §9.3).
    ///
    /// # Errors
    /// The script expects an error.
    pub fn handle_success(&mut self, command: &Stored) -> Done {
        let mut text = BString::from("query '");
        match command.expected.first() {
            Some(ExpectedError::Number(number)) if *number != 0 => {
                text.extend_from_slice(&command.query_text());
                let what = if self.flavour.error_names_in_messages { "error" } else { "errno" };
                let label = self.error_label(*number);
                text.extend_from_slice(
                    format!("' succeeded - should have failed with {what} {label}...").as_bytes(),
                );
            }
            Some(ExpectedError::SqlState(state)) if state.as_slice() != b"00000" => {
                text.extend_from_slice(&command.query_text());
                text.extend_from_slice(b"' succeeded - should have failed with sqlstate ");
                text.extend_from_slice(state);
                text.extend_from_slice(b"...");
            }
            _ => return Ok(()),
        }
        self.report(text)
    }

    /// The end of a command of class H: well (`None`) or with an error (mysqltest §9.4).
    ///
    /// # Errors
    /// The script does not expect this outcome.
    pub fn handle_command(&mut self, command: &Stored, failed: Option<CommandError>) -> Done {
        let CommandError { error, my_errno, errno } = failed.unwrap_or_default();
        self.variables.set_number(b"sys_errno", i64::from(errno));
        self.variables.set_number(b"errno", i64::from(error));
        let word = &command.word;
        if error == 0 {
            if let Some(ExpectedError::Number(number)) = command.expected.first()
                && *number != 0
            {
                let text =
                    format!("command \"{word}\" succeeded - should have failed with errno {number}...");
                return self.report(text);
            }
            self.revert_properties();
            return Ok(());
        }
        let facts = format!("{}  my_errno: {my_errno}  errno: {errno}", error.cast_unsigned());
        if self.aborts(command) {
            return self.report(format!("command \"{word}\" failed with error: {facts}"));
        }
        if self.command_error_expected(command, error)? {
            self.revert_properties();
            return Ok(());
        }
        if !command.expected.is_empty() {
            return self.report(format!("command \"{word}\" failed with wrong error: {facts}"));
        }
        self.revert_properties();
        Ok(())
    }

    /// Whether `error` is in the list of `command`. A list with an SQLSTATE cannot stand before a command
    /// that is no statement (mysqltest §9.2).
    ///
    /// # Errors
    /// The script expects an error of another kind.
    pub fn command_error_expected(&self, command: &Stored, error: i32) -> Done<bool> {
        for item in command.expected.iter() {
            match item {
                ExpectedError::Number(number) if i64::from(*number) == i64::from(error) => return Ok(true),
                ExpectedError::Number(_) => {}
                ExpectedError::SqlState(state) => {
                    let mut text = BString::from("expecting a SQL-state (");
                    text.extend_from_slice(state);
                    text.extend_from_slice(b") from query '");
                    text.extend_from_slice(command.text.borrow().as_bytes());
                    text.extend_from_slice(b"' which cannot produce one...");
                    return Err(Stop::Die(text));
                }
            }
        }
        Ok(false)
    }

    /// A query whose output `require` wanted to compare has failed (mysqltest §6.9).
    fn required_query_failed(&mut self, query: &BString, _file: &BString, error: &ClientError) -> Done {
        if matches!(error.code, 2006 | 2013) {
            let mut text = BString::from("require query '");
            text.extend_from_slice(query);
            text.extend_from_slice(format!("' failed: {}: ", self.error_label(error.code)).as_bytes());
            text.extend_from_slice(&error.message);
            return Err(Stop::Die(text));
        }
        let mut text = BString::from("Query '");
        text.extend_from_slice(query);
        text.extend_from_slice(b"' failed, required functionality not supported");
        Err(Stop::Skip(text))
    }
}
