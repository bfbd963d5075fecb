//! The commands of the language: one table of names, arguments, and what running them does to the state.
//!
//! The table ([`COMMANDS`]) is the only list of the commands: the reader's classification, the interpreter, the
//! static check and `docs/language.md` all use it.

pub use crate::script::command_table::COMMANDS;

/// What a piece of a script is once it is classified.
///
/// All variants but the first three are commands with a row in [`COMMANDS`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Command {
    /// A statement that goes to the server as it is written.
    Sql,
    /// A comment, or a command that `disable_parsing` made one.
    Comment,
    /// The empty line that makes the reference forget a pending `error` (spec §2.5).
    EmptyLine,
    /// `append_file`: Appends the lines up to the delimiter (EOF) to a file.
    AppendFile,
    /// `assert`: Ends the test as failed unless the condition is true.
    Assert,
    /// `break`: Leaves the innermost loop.
    Break,
    /// `cat_file`: Prints a file, or its first lines.
    CatFile,
    /// `change_user`: Changes the user of the current connection.
    ChangeUser,
    /// `character_set`: Sets the character set of the script and of connections still to be opened.
    CharacterSet,
    /// `chmod`: Sets the permission bits of a file: four octal digits.
    Chmod,
    /// `connect`: Opens a connection and makes it the current one.
    Connect,
    /// `connection`: Makes a connection the current one.
    Connection,
    /// `copy_file`: Copies a file to one that does not exist.
    CopyFile,
    /// `dec`: Takes one from a variable.
    Dec,
    /// `delimiter`: Sets what ends a command.
    Delimiter,
    /// `die`: Ends the test as failed.
    Die,
    /// `diff_files`: Fails, and prints how they differ, if two files are not equal.
    DiffFiles,
    /// `dirty_close`: Closes the socket of a connection without a word to the server.
    DirtyClose,
    /// `disable_abort_on_error`: An error that was not expected is printed, and the test goes on.
    DisableAbortOnError,
    /// `disable_column_names`: Results are printed without the line of column names.
    DisableColumnNames,
    /// `disable_connect_log`: Changes of the connection are not printed.
    DisableConnectLog,
    /// `disable_cursor_protocol`: Results are read without cursors.
    DisableCursorProtocol,
    /// `disable_info`: Nothing is printed of affected rows.
    DisableInfo,
    /// `disable_metadata`: Results are printed without the description of their columns.
    DisableMetadata,
    /// `disable_non_blocking_api`: No effect; there for scripts that use it.
    DisableNonBlockingApi,
    /// `disable_parsing`: Takes all that follows for a comment.
    DisableParsing,
    /// `disable_prepare_warnings`: Warnings of the preparation of a statement are not printed.
    DisablePrepareWarnings,
    /// `disable_ps2_protocol`: Prepared statements are executed once.
    DisablePs2Protocol,
    /// `disable_ps_protocol`: Statements are sent as text.
    DisablePsProtocol,
    /// `disable_query_log`: Statements are not echoed.
    DisableQueryLog,
    /// `disable_reconnect`: A lost connection stays lost.
    DisableReconnect,
    /// `disable_result_log`: Results are not printed.
    DisableResultLog,
    /// `disable_service_connection`: Helper statements run on the connection of the test.
    DisableServiceConnection,
    /// `disable_session_track_info`: Nothing is printed of changes of the session.
    DisableSessionTrackInfo,
    /// `disable_view_protocol`: Statements do not run through views.
    DisableViewProtocol,
    /// `disable_warnings`: Warnings are not printed.
    DisableWarnings,
    /// `disconnect`: Closes a connection and waits until the server has seen it.
    Disconnect,
    /// `echo`: Prints a text with variables.
    Echo,
    /// `enable_abort_on_error`: An error that was not expected ends the test.
    EnableAbortOnError,
    /// `enable_column_names`: Prints the line of column names of a result.
    EnableColumnNames,
    /// `enable_connect_log`: Prints changes of the connection to the result.
    EnableConnectLog,
    /// `enable_cursor_protocol`: Cursors are used again if the command line asks for them.
    EnableCursorProtocol,
    /// `enable_info`: Prints affected rows and the information text after each statement.
    EnableInfo,
    /// `enable_metadata`: Prints the description of the columns before each result.
    EnableMetadata,
    /// `enable_non_blocking_api`: No effect; there for scripts that use it.
    EnableNonBlockingApi,
    /// `enable_parsing`: Ends disable_parsing.
    EnableParsing,
    /// `enable_prepare_warnings`: Prints the warnings of the preparation of a statement.
    EnablePrepareWarnings,
    /// `enable_ps2_protocol`: Statements are executed a second time again if the command line asks for it.
    EnablePs2Protocol,
    /// `enable_ps_protocol`: Prepared statements are used again if the command line asks for them.
    EnablePsProtocol,
    /// `enable_query_log`: Echoes statements to the result.
    EnableQueryLog,
    /// `enable_reconnect`: Lets the current connection be opened again by itself when it was lost.
    EnableReconnect,
    /// `enable_result_log`: Prints results.
    EnableResultLog,
    /// `enable_service_connection`: Helper statements run on a connection of their own.
    EnableServiceConnection,
    /// `enable_session_track_info`: Prints what the server says of changes of the session.
    EnableSessionTrackInfo,
    /// `enable_view_protocol`: Statements run through views again if the command line asks for it.
    EnableViewProtocol,
    /// `enable_warnings`: Prints the warnings of each statement.
    EnableWarnings,
    /// `end` or `}`: Closes a block, as the brace does.
    End,
    /// `end_timer`: Writes the timer file.
    EndTimer,
    /// `error`: Names the errors that the next command may end with.
    Error,
    /// `eval`: Sends a statement with variables; the expanded text is echoed.
    Eval,
    /// `eval_result`: Always fails: a command of old versions.
    EvalResult,
    /// `evalp`: Sends a statement with variables; the text as written is echoed.
    Evalp,
    /// `exec`: Runs a command in a shell and prints what it writes.
    Exec,
    /// `exit`: Ends the test; the result up to here counts.
    Exit,
    /// `expr`: Sets a variable to the result of one operation on two numbers.
    Expr,
    /// `file_exists`: Fails with error 1 if there is no such file.
    FileExists,
    /// `horizontal_results`: Prints results one row per line from now on.
    HorizontalResults,
    /// `if`: Runs the commands up to the closing brace if the condition is true.
    If,
    /// `inc`: Adds one to a variable.
    Inc,
    /// `let`: Sets a variable; without the dollar sign, an environment variable too.
    Let,
    /// `list_files`: Prints the sorted names of a directory.
    ListFiles,
    /// `list_files_append_file`: Appends the sorted names of a directory to a file.
    ListFilesAppendFile,
    /// `list_files_write_file`: Writes the sorted names of a directory to a file.
    ListFilesWriteFile,
    /// `lowercase_result`: Turns the output of the next command to lower case.
    LowercaseResult,
    /// `mkdir`: Makes a directory.
    Mkdir,
    /// `move_file`: Renames a file.
    MoveFile,
    /// `optimizer_trace`: Prints the optimizer trace of the next statement after its result.
    OptimizerTrace,
    /// `perl`: Runs the lines up to the delimiter (EOF) as a Perl program and prints what it writes.
    Perl,
    /// `ping`: Asks the server of the current connection whether it is alive.
    Ping,
    /// `ps_bind`: Binds values to the parameters of the prepared statement.
    PsBind,
    /// `ps_close`: Closes the prepared statement.
    PsClose,
    /// `ps_execute`: Executes the prepared statement and prints its result.
    PsExecute,
    /// `ps_prepare`: Prepares a statement on the current connection.
    PsPrepare,
    /// `query`: Sends a statement that would otherwise be taken for a command.
    Query,
    /// `query_attributes`: No effect; there for scripts that use it.
    QueryAttributes,
    /// `query_horizontal`: Sends a statement as it stands; vertical_results stays in force.
    QueryHorizontal,
    /// `query_vertical`: Sends a statement and prints its result one column per line.
    QueryVertical,
    /// `real_sleep`: Waits, whatever the command line says.
    RealSleep,
    /// `reap`: Reads the result of the statement sent before.
    Reap,
    /// `remove_file`: Removes a file.
    RemoveFile,
    /// `remove_files_wildcard`: Removes the files of a directory that match a pattern.
    RemoveFilesWildcard,
    /// `replace_column`: Replaces whole columns in the result of the next command.
    ReplaceColumn,
    /// `replace_numeric_round`: Rounds the numbers in the values of the next result.
    ReplaceNumericRound,
    /// `replace_regex`: Replaces what matches a regular expression in the output of the next command.
    ReplaceRegex,
    /// `replace_result`: Replaces texts in the output of the next command.
    ReplaceResult,
    /// `require`: Skips the test unless the output of the next statement is that of a file.
    Require,
    /// `reset_connection`: Resets the session of the current connection.
    ResetConnection,
    /// `result`: Always fails: a command of old versions.
    Result,
    /// `result_format`: Chooses the format of the result, 1 or 2.
    ResultFormat,
    /// `rmdir`: Removes a directory with all that is in it.
    Rmdir,
    /// `save_master_pos`: Remembers where the binary log of the current connection ends.
    SaveMasterPos,
    /// `send`: Sends a statement without reading its result; without a statement, so is the next one sent.
    Send,
    /// `send_eval`: Sends a statement with variables without reading its result.
    SendEval,
    /// `send_quit`: Tells the server that a connection ends, without closing it.
    SendQuit,
    /// `send_shutdown`: Tells the server to shut down.
    SendShutdown,
    /// `shutdown_server`: Shuts the server down and kills it if it is still there after so many seconds; 0 kills at once.
    ShutdownServer,
    /// `skip`: Ends the test as skipped.
    Skip,
    /// `sleep`: Waits; the command line can set another time.
    Sleep,
    /// `sorted_result`: Sorts the rows of the next result.
    SortedResult,
    /// `source`: Runs the commands of another file.
    Source,
    /// `start_timer`: Starts the timer anew.
    StartTimer,
    /// `sync_slave_with_master`: Remembers the position, goes to the connection of the replica and waits there.
    SyncSlaveWithMaster,
    /// `sync_with_master`: Waits until the replica of the current connection has come to the remembered position.
    SyncWithMaster,
    /// `system`: Runs a command in a shell; its output is not caught.
    System,
    /// `vertical_results`: Prints results one column per line from now on.
    VerticalResults,
    /// `wait_for_slave_to_stop`: Waits until the replica of the current connection has stopped.
    WaitForSlaveToStop,
    /// `while`: Runs the commands up to the closing brace as long as the condition is true.
    While,
    /// `write_file`: Writes the lines up to the delimiter (EOF) to a new file.
    WriteFile,
    /// `write_line`: Writes one line to a file, in place of all that was in it.
    WriteLine,
}

/// One row of the table of commands.
#[derive(Debug)]
pub struct Spec {
    /// The first word, in lower case; a script may write it in any case.
    pub name: &'static str,
    /// The command of that name.
    pub command: Command,
    /// How the rest of the command's text is read.
    pub arguments: Arguments,
    /// Whether the filters (`replace_result` and its like) are dropped after the command.
    pub drops_filters: DropsFilters,
    /// Whether a failure is held against the list of `error` (spec §9.4).
    pub handles_errors: bool,
    /// Where the command is known.
    pub origin: Origin,
    /// How the command is written.
    pub syntax: &'static str,
    /// What the command does, in one sentence.
    pub summary: &'static str,
}

/// How the rest of a command's text is read (spec §6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arguments {
    /// Named arguments, divided by `separator`, each of them expanded (spec §3.3).
    List {
        /// A blank or a comma.
        separator: u8,
        /// The arguments in their order.
        args: &'static [Arg],
        /// Whether the list may stand in parentheses (spec §3.4).
        parentheses: bool,
    },
    /// `ONCE` or nothing (spec §8).
    Property,
    /// The whole rest, expanded.
    Rest,
    /// One word, not expanded.
    Word,
    /// Nothing may follow.
    None,
    /// The command reads the rest in a way of its own.
    Raw,
}

/// A named argument of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arg {
    /// The name, as the message on a missing argument prints it.
    pub name: &'static str,
    /// Whether an empty value ends the test.
    pub required: bool,
}

/// Whether the filters are dropped after a command (spec §1.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DropsFilters {
    /// Never.
    No,
    /// Always.
    Yes,
    /// Only if the command ended with an error of the server that was expected or tolerated.
    OnSqlError,
}

/// Where a command is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// To MariaDB and to MySQL.
    Common,
    /// To MariaDB only.
    MariaDb,
    /// To releases of MariaDB after 10.11 only.
    Newer,
    /// To MySQL 8 only: an extension of ours. It is a command only behind the two dashes of a `--` line, where
    /// MariaDB's program knows no such name and fails; anywhere else the word begins a statement, as it does there.
    MySql,
    /// To old versions; still a name, but it always fails.
    Deprecated,
}

/// The row of the command whose name is `first_word`, in any case; no abbreviations (spec §3.1).
pub fn find(first_word: &[u8]) -> Option<&'static Spec> {
    let lower = |byte: &u8| byte.to_ascii_lowercase();
    let at = COMMANDS.binary_search_by(|spec| spec.name.bytes().cmp(first_word.iter().map(lower))).ok()?;
    COMMANDS.get(at)
}

impl Command {
    /// The row of this command; `None` for statements, comments and empty lines.
    pub fn spec(self) -> Option<&'static Spec> {
        COMMANDS.get((self as usize).checked_sub(Command::AppendFile as usize)?)
    }

    /// Whether lines up to a delimiter follow the command (spec §6.6).
    pub fn takes_here_document(self) -> bool {
        matches!(self, Command::WriteFile | Command::AppendFile | Command::Perl)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted_and_complete() {
        assert!(COMMANDS.is_sorted_by(|a, b| a.name < b.name));
        let extensions = COMMANDS.iter().filter(|spec| spec.origin == Origin::MySql);
        let extensions: Vec<_> = extensions.map(|spec| spec.name).collect();
        assert_eq!(extensions, ["assert", "expr", "query_attributes", "replace_numeric_round"]);
        assert_eq!(COMMANDS.len() - extensions.len(), 112, "commands of MariaDB");
    }

    #[test]
    fn every_row_is_found_by_name_and_by_command() {
        for spec in COMMANDS {
            let found = |word: &str| find(word.as_bytes()).map(|spec| spec.command);
            assert_eq!(found(spec.name), Some(spec.command));
            assert_eq!(found(&spec.name.to_uppercase()), Some(spec.command));
            assert_eq!(spec.command.spec().map(|spec| spec.name), Some(spec.name));
            assert!(spec.syntax.to_lowercase().starts_with(spec.name), "{}", spec.name);
            assert!(spec.summary.ends_with('.'), "{}", spec.name);
        }
    }

    #[test]
    fn no_other_word_is_a_command() {
        for word in ["", "ech", "echoo", "select", "}", "resetconnection", "asserts"] {
            assert!(find(word.as_bytes()).is_none(), "{word}");
        }
        for command in [Command::Sql, Command::Comment, Command::EmptyLine] {
            assert!(command.spec().is_none());
        }
    }

    #[test]
    fn required_arguments_come_first_but_in_write_line() {
        for spec in COMMANDS {
            if let Arguments::List { separator, args, parentheses } = spec.arguments {
                assert!(separator == b' ' || separator == b',');
                assert!(!args.is_empty());
                assert_eq!(parentheses, spec.command == Command::Connect);
                let sorted = args.is_sorted_by_key(|arg| !arg.required);
                assert!(sorted || spec.command == Command::WriteLine, "{}", spec.name);
            }
        }
    }
}
