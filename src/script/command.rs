//! The commands of the language: one table of names, arguments, and what running them does to the state.
//!
//! The table is the only list of the commands: the reader's classification, the interpreter, the
//! static check and `docs/language.md` all use it.

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
    /// `cat_file`: Prints a file.
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

const fn required(name: &'static str) -> Arg {
    Arg { name, required: true }
}

const fn optional(name: &'static str) -> Arg {
    Arg { name, required: false }
}

const fn list(separator: u8, args: &'static [Arg]) -> Arguments {
    Arguments::List { separator, args, parentheses: false }
}

/// The commands, sorted by name and in the order of [`Command`].
pub static COMMANDS: &[Spec] = &[
    Spec {
        name: "append_file",
        command: Command::AppendFile,
        arguments: list(b' ', &[required("filename"), optional("delimiter"), optional("eval")]),
        drops_filters: DropsFilters::No,
        handles_errors: false,
        origin: Origin::Common,
        syntax: "append_file FILE [DELIMITER [eval]]",
        summary: "Appends the lines up to the delimiter (EOF) to a file.",
    },
    Spec {
        name: "cat_file",
        command: Command::CatFile,
        arguments: list(b' ', &[required("filename")]),
        drops_filters: DropsFilters::No,
        handles_errors: true,
        origin: Origin::Common,
        syntax: "cat_file FILE",
        summary: "Prints a file.",
    },
    Spec {
        name: "change_user",
        command: Command::ChangeUser,
        arguments: list(b',', &[optional("user"), optional("password"), optional("database")]),
        drops_filters: DropsFilters::OnSqlError,
        handles_errors: false,
        origin: Origin::Common,
        syntax: "change_user [USER[, PASSWORD[, DATABASE]]]",
        summary: "Changes the user of the current connection.",
    },
    Spec {
        name: "character_set",
        command: Command::CharacterSet,
        arguments: Arguments::Word,
        drops_filters: DropsFilters::No,
        handles_errors: false,
        origin: Origin::Common,
        syntax: "character_set NAME",
        summary: "Sets the character set of the script and of connections still to be opened.",
    },
    Spec {
        name: "chmod",
        command: Command::Chmod,
        arguments: list(b' ', &[required("mode"), required("filename")]),
        drops_filters: DropsFilters::No,
        handles_errors: true,
        origin: Origin::Common,
        syntax: "chmod OCTAL FILE",
        summary: "Sets the permission bits of a file: four octal digits.",
    },
    Spec {
        name: "connect",
        command: Command::Connect,
        arguments: Arguments::List {
            separator: b',',
            args: &[
                required("connection name"),
                required("host"),
                optional("user"),
                optional("password"),
                optional("database"),
                optional("port"),
                optional("socket"),
                optional("options"),
                optional("default_auth"),
            ],
            parentheses: true,
        },
        drops_filters: DropsFilters::OnSqlError,
        handles_errors: false,
        origin: Origin::Common,
        syntax: "connect (NAME, HOST[, USER[, PASSWORD[, DATABASE[, PORT[, SOCKET[, OPTIONS[, AUTH]]]]]]])",
        summary: "Opens a connection and makes it the current one.",
    },
    Spec {
        name: "connection",
        command: Command::Connection,
        arguments: list(b' ', &[required("connection_name")]),
        drops_filters: DropsFilters::No,
        handles_errors: false,
        origin: Origin::Common,
        syntax: "connection NAME",
        summary: "Makes a connection the current one.",
    },
    Spec {
        name: "copy_file",
        command: Command::CopyFile,
        arguments: list(b' ', &[required("from_file"), required("to_file")]),
        drops_filters: DropsFilters::No,
        handles_errors: true,
        origin: Origin::Common,
        syntax: "copy_file FROM TO",
        summary: "Copies a file to one that does not exist.",
    },
    Spec {
        name: "dec",
        command: Command::Dec,
        arguments: Arguments::Raw,
        drops_filters: DropsFilters::OnSqlError,
        handles_errors: false,
        origin: Origin::Common,
        syntax: "dec $NAME",
        summary: "Takes one from a variable.",
    },
    Spec {
        name: "delimiter",
        command: Command::Delimiter,
        arguments: Arguments::Raw,
        drops_filters: DropsFilters::No,
        handles_errors: false,
        origin: Origin::Common,
        syntax: "delimiter TEXT",
        summary: "Sets what ends a command.",
    },
    Spec {
        name: "die",
        command: Command::Die,
        arguments: Arguments::Rest,
        drops_filters: DropsFilters::No,
        handles_errors: false,
        origin: Origin::Common,
        syntax: "die [TEXT]",
        summary: "Ends the test as failed.",
    },
    Spec {
        name: "diff_files",
        command: Command::DiffFiles,
        arguments: list(b' ', &[required("file1"), required("file2")]),
        drops_filters: DropsFilters::No,
        handles_errors: true,
        origin: Origin::Common,
        syntax: "diff_files FILE FILE",
        summary: "Fails, and prints how they differ, if two files are not equal.",
    },
    Spec {
        name: "dirty_close",
        command: Command::DirtyClose,
        arguments: list(b' ', &[required("connection_name")]),
        drops_filters: DropsFilters::No,
        handles_errors: false,
        origin: Origin::Common,
        syntax: "dirty_close NAME",
        summary: "Closes the socket of a connection without a word to the server.",
    },
    Spec {
        name: "disable_abort_on_error",
        command: Command::DisableAbortOnError,
        arguments: Arguments::Property,
        drops_filters: DropsFilters::No,
        handles_errors: false,
        origin: Origin::Common,
        syntax: "disable_abort_on_error [ONCE]",
        summary: "An error that was not expected is printed, and the test goes on.",
    },
    Spec {
        name: "disable_column_names",
        command: Command::DisableColumnNames,
        arguments: Arguments::None,
        drops_filters: DropsFilters::No,
        handles_errors: false,
        origin: Origin::MariaDb,
        syntax: "disable_column_names",
        summary: "Results are printed without the line of column names.",
    },
    Spec {
        name: "disable_connect_log",
        command: Command::DisableConnectLog,
        arguments: Arguments::Property,
        drops_filters: DropsFilters::No,
        handles_errors: false,
        origin: Origin::Common,
        syntax: "disable_connect_log [ONCE]",
        summary: "Changes of the connection are not printed.",
    },
    Spec {
        name: "disable_cursor_protocol",
        command: Command::DisableCursorProtocol,
        arguments: Arguments::Property,
        drops_filters: DropsFilters::No,
        handles_errors: false,
        origin: Origin::MariaDb,
        syntax: "disable_cursor_protocol [ONCE]",
        summary: "Results are read without cursors.",
    },
    Spec {
        name: "disable_info",
        command: Command::DisableInfo,
        arguments: Arguments::Property,
        drops_filters: DropsFilters::No,
        handles_errors: false,
        origin: Origin::Common,
        syntax: "disable_info [ONCE]",
        summary: "Nothing is printed of affected rows.",
    },
    Spec {
        name: "disable_metadata",
        command: Command::DisableMetadata,
        arguments: Arguments::Property,
        drops_filters: DropsFilters::No,
        handles_errors: false,
        origin: Origin::Common,
        syntax: "disable_metadata [ONCE]",
        summary: "Results are printed without the description of their columns.",
    },
    Spec {
        name: "disable_non_blocking_api",
        command: Command::DisableNonBlockingApi,
        arguments: Arguments::None,
        drops_filters: DropsFilters::No,
        handles_errors: false,
        origin: Origin::MariaDb,
        syntax: "disable_non_blocking_api",
        summary: "No effect; there for scripts that use it.",
    },
    Spec {
        name: "disable_parsing",
        command: Command::DisableParsing,
        arguments: Arguments::None,
        drops_filters: DropsFilters::No,
        handles_errors: false,
        origin: Origin::Common,
        syntax: "disable_parsing",
        summary: "Takes all that follows for a comment.",
    },
    Spec {
        name: "disable_prepare_warnings",
        command: Command::DisablePrepareWarnings,
        arguments: Arguments::None,
        drops_filters: DropsFilters::No,
        handles_errors: false,
        origin: Origin::MariaDb,
        syntax: "disable_prepare_warnings",
        summary: "Warnings of the preparation of a statement are not printed.",
    },
    Spec {
        name: "disable_ps2_protocol",
        command: Command::DisablePs2Protocol,
        arguments: Arguments::Property,
        drops_filters: DropsFilters::No,
        handles_errors: false,
        origin: Origin::MariaDb,
        syntax: "disable_ps2_protocol [ONCE]",
        summary: "Prepared statements are executed once.",
    },
    Spec {
        name: "disable_ps_protocol",
        command: Command::DisablePsProtocol,
        arguments: Arguments::Property,
        drops_filters: DropsFilters::No,
        handles_errors: false,
        origin: Origin::Common,
        syntax: "disable_ps_protocol [ONCE]",
        summary: "Statements are sent as text.",
    },
    Spec {
        name: "disable_query_log",
        command: Command::DisableQueryLog,
        arguments: Arguments::Property,
        drops_filters: DropsFilters::No,
        handles_errors: false,
        origin: Origin::Common,
        syntax: "disable_query_log [ONCE]",
        summary: "Statements are not echoed.",
    },
    Spec {
        name: "disable_reconnect",
        command: Command::DisableReconnect,
        arguments: Arguments::None,
        drops_filters: DropsFilters::No,
        handles_errors: false,
        origin: Origin::Common,
        syntax: "disable_reconnect",
        summary: "A lost connection stays lost.",
    },
    Spec {
        name: "disable_result_log",
        command: Command::DisableResultLog,
        arguments: Arguments::Property,
        drops_filters: DropsFilters::No,
        handles_errors: false,
        origin: Origin::Common,
        syntax: "disable_result_log [ONCE]",
        summary: "Results are not printed.",
    },
    Spec {
        name: "disable_service_connection",
        command: Command::DisableServiceConnection,
        arguments: Arguments::Property,
        drops_filters: DropsFilters::No,
        handles_errors: false,
        origin: Origin::MariaDb,
        syntax: "disable_service_connection [ONCE]",
        summary: "Helper statements run on the connection of the test.",
    },
    Spec {
        name: "disable_session_track_info",
        command: Command::DisableSessionTrackInfo,
        arguments: Arguments::Property,
        drops_filters: DropsFilters::No,
        handles_errors: false,
        origin: Origin::Common,
        syntax: "disable_session_track_info [ONCE]",
        summary: "Nothing is printed of changes of the session.",
    },
    Spec {
        name: "disable_view_protocol",
        command: Command::DisableViewProtocol,
        arguments: Arguments::Property,
        drops_filters: DropsFilters::No,
        handles_errors: false,
        origin: Origin::MariaDb,
        syntax: "disable_view_protocol [ONCE]",
        summary: "Statements do not run through views.",
    },
    Spec {
        name: "disable_warnings",
        command: Command::DisableWarnings,
        arguments: Arguments::Property,
        drops_filters: DropsFilters::No,
        handles_errors: false,
        origin: Origin::Common,
        syntax: "disable_warnings [ONCE]",
        summary: "Warnings are not printed.",
    },
    Spec {
        name: "disconnect",
        command: Command::Disconnect,
        arguments: list(b' ', &[required("connection_name")]),
        drops_filters: DropsFilters::No,
        handles_errors: false,
        origin: Origin::Common,
        syntax: "disconnect NAME",
        summary: "Closes a connection and waits until the server has seen it.",
    },
    Spec {
        name: "echo",
        command: Command::Echo,
        arguments: Arguments::Rest,
        drops_filters: DropsFilters::Yes,
        handles_errors: false,
        origin: Origin::Common,
        syntax: "echo TEXT",
        summary: "Prints a text with variables.",
    },
    Spec {
        name: "enable_abort_on_error",
        command: Command::EnableAbortOnError,
        arguments: Arguments::Property,
        drops_filters: DropsFilters::No,
        handles_errors: false,
        origin: Origin::Common,
        syntax: "enable_abort_on_error [ONCE]",
        summary: "An error that was not expected ends the test.",
    },
    Spec {
        name: "enable_column_names",
        command: Command::EnableColumnNames,
        arguments: Arguments::None,
        drops_filters: DropsFilters::No,
        handles_errors: false,
        origin: Origin::MariaDb,
        syntax: "enable_column_names",
        summary: "Prints the line of column names of a result.",
    },
    Spec {
        name: "enable_connect_log",
        command: Command::EnableConnectLog,
        arguments: Arguments::Property,
        drops_filters: DropsFilters::No,
        handles_errors: false,
        origin: Origin::Common,
        syntax: "enable_connect_log [ONCE]",
        summary: "Prints changes of the connection to the result.",
    },
    Spec {
        name: "enable_cursor_protocol",
        command: Command::EnableCursorProtocol,
        arguments: Arguments::Property,
        drops_filters: DropsFilters::No,
        handles_errors: false,
        origin: Origin::MariaDb,
        syntax: "enable_cursor_protocol [ONCE]",
        summary: "Cursors are used again if the command line asks for them.",
    },
    Spec {
        name: "enable_info",
        command: Command::EnableInfo,
        arguments: Arguments::Property,
        drops_filters: DropsFilters::No,
        handles_errors: false,
        origin: Origin::Common,
        syntax: "enable_info [ONCE]",
        summary: "Prints affected rows and the information text after each statement.",
    },
    Spec {
        name: "enable_metadata",
        command: Command::EnableMetadata,
        arguments: Arguments::Property,
        drops_filters: DropsFilters::No,
        handles_errors: false,
        origin: Origin::Common,
        syntax: "enable_metadata [ONCE]",
        summary: "Prints the description of the columns before each result.",
    },
    Spec {
        name: "enable_non_blocking_api",
        command: Command::EnableNonBlockingApi,
        arguments: Arguments::None,
        drops_filters: DropsFilters::No,
        handles_errors: false,
        origin: Origin::MariaDb,
        syntax: "enable_non_blocking_api",
        summary: "No effect; there for scripts that use it.",
    },
    Spec {
        name: "enable_parsing",
        command: Command::EnableParsing,
        arguments: Arguments::None,
        drops_filters: DropsFilters::No,
        handles_errors: false,
        origin: Origin::Common,
        syntax: "enable_parsing",
        summary: "Ends disable_parsing.",
    },
    Spec {
        name: "enable_prepare_warnings",
        command: Command::EnablePrepareWarnings,
        arguments: Arguments::None,
        drops_filters: DropsFilters::No,
        handles_errors: false,
        origin: Origin::MariaDb,
        syntax: "enable_prepare_warnings",
        summary: "Prints the warnings of the preparation of a statement.",
    },
    Spec {
        name: "enable_ps2_protocol",
        command: Command::EnablePs2Protocol,
        arguments: Arguments::Property,
        drops_filters: DropsFilters::No,
        handles_errors: false,
        origin: Origin::MariaDb,
        syntax: "enable_ps2_protocol [ONCE]",
        summary: "Statements are executed a second time again if the command line asks for it.",
    },
    Spec {
        name: "enable_ps_protocol",
        command: Command::EnablePsProtocol,
        arguments: Arguments::Property,
        drops_filters: DropsFilters::No,
        handles_errors: false,
        origin: Origin::Common,
        syntax: "enable_ps_protocol [ONCE]",
        summary: "Prepared statements are used again if the command line asks for them.",
    },
    Spec {
        name: "enable_query_log",
        command: Command::EnableQueryLog,
        arguments: Arguments::Property,
        drops_filters: DropsFilters::No,
        handles_errors: false,
        origin: Origin::Common,
        syntax: "enable_query_log [ONCE]",
        summary: "Echoes statements to the result.",
    },
    Spec {
        name: "enable_reconnect",
        command: Command::EnableReconnect,
        arguments: Arguments::None,
        drops_filters: DropsFilters::No,
        handles_errors: false,
        origin: Origin::Common,
        syntax: "enable_reconnect",
        summary: "Lets the current connection be opened again by itself when it was lost.",
    },
    Spec {
        name: "enable_result_log",
        command: Command::EnableResultLog,
        arguments: Arguments::Property,
        drops_filters: DropsFilters::No,
        handles_errors: false,
        origin: Origin::Common,
        syntax: "enable_result_log [ONCE]",
        summary: "Prints results.",
    },
    Spec {
        name: "enable_service_connection",
        command: Command::EnableServiceConnection,
        arguments: Arguments::Property,
        drops_filters: DropsFilters::No,
        handles_errors: false,
        origin: Origin::MariaDb,
        syntax: "enable_service_connection [ONCE]",
        summary: "Helper statements run on a connection of their own.",
    },
    Spec {
        name: "enable_session_track_info",
        command: Command::EnableSessionTrackInfo,
        arguments: Arguments::Property,
        drops_filters: DropsFilters::No,
        handles_errors: false,
        origin: Origin::Common,
        syntax: "enable_session_track_info [ONCE]",
        summary: "Prints what the server says of changes of the session.",
    },
    Spec {
        name: "enable_view_protocol",
        command: Command::EnableViewProtocol,
        arguments: Arguments::Property,
        drops_filters: DropsFilters::No,
        handles_errors: false,
        origin: Origin::MariaDb,
        syntax: "enable_view_protocol [ONCE]",
        summary: "Statements run through views again if the command line asks for it.",
    },
    Spec {
        name: "enable_warnings",
        command: Command::EnableWarnings,
        arguments: Arguments::Property,
        drops_filters: DropsFilters::No,
        handles_errors: false,
        origin: Origin::Common,
        syntax: "enable_warnings [ONCE]",
        summary: "Prints the warnings of each statement.",
    },
    Spec {
        name: "end",
        command: Command::End,
        arguments: Arguments::None,
        drops_filters: DropsFilters::No,
        handles_errors: false,
        origin: Origin::Common,
        syntax: "end",
        summary: "Closes a block, as the brace does.",
    },
    Spec {
        name: "end_timer",
        command: Command::EndTimer,
        arguments: Arguments::None,
        drops_filters: DropsFilters::No,
        handles_errors: false,
        origin: Origin::Common,
        syntax: "end_timer",
        summary: "Writes the timer file.",
    },
    Spec {
        name: "error",
        command: Command::Error,
        arguments: Arguments::Raw,
        drops_filters: DropsFilters::No,
        handles_errors: false,
        origin: Origin::Common,
        syntax: "error NUMBER|NAME|SQLSTATE, ...",
        summary: "Names the errors that the next command may end with.",
    },
    Spec {
        name: "eval",
        command: Command::Eval,
        arguments: Arguments::Rest,
        drops_filters: DropsFilters::Yes,
        handles_errors: false,
        origin: Origin::Common,
        syntax: "eval STATEMENT",
        summary: "Sends a statement with variables; the expanded text is echoed.",
    },
    Spec {
        name: "eval_result",
        command: Command::EvalResult,
        arguments: Arguments::Raw,
        drops_filters: DropsFilters::No,
        handles_errors: false,
        origin: Origin::Deprecated,
        syntax: "eval_result",
        summary: "Always fails: a command of old versions.",
    },
    Spec {
        name: "evalp",
        command: Command::Evalp,
        arguments: Arguments::Rest,
        drops_filters: DropsFilters::Yes,
        handles_errors: false,
        origin: Origin::MariaDb,
        syntax: "evalp STATEMENT",
        summary: "Sends a statement with variables; the text as written is echoed.",
    },
    Spec {
        name: "exec",
        command: Command::Exec,
        arguments: Arguments::Rest,
        drops_filters: DropsFilters::Yes,
        handles_errors: false,
        origin: Origin::Common,
        syntax: "exec COMMAND",
        summary: "Runs a command in a shell and prints what it writes.",
    },
    Spec {
        name: "exit",
        command: Command::Exit,
        arguments: Arguments::None,
        drops_filters: DropsFilters::No,
        handles_errors: false,
        origin: Origin::Common,
        syntax: "exit",
        summary: "Ends the test; the result up to here counts.",
    },
    Spec {
        name: "file_exists",
        command: Command::FileExists,
        arguments: list(b' ', &[required("filename")]),
        drops_filters: DropsFilters::No,
        handles_errors: true,
        origin: Origin::Common,
        syntax: "file_exists FILE",
        summary: "Fails with error 1 if there is no such file.",
    },
    Spec {
        name: "horizontal_results",
        command: Command::HorizontalResults,
        arguments: Arguments::None,
        drops_filters: DropsFilters::No,
        handles_errors: false,
        origin: Origin::Common,
        syntax: "horizontal_results",
        summary: "Prints results one row per line from now on.",
    },
    Spec {
        name: "if",
        command: Command::If,
        arguments: Arguments::Raw,
        drops_filters: DropsFilters::No,
        handles_errors: false,
        origin: Origin::Common,
        syntax: "if (CONDITION) {",
        summary: "Runs the commands up to the closing brace if the condition is true.",
    },
    Spec {
        name: "inc",
        command: Command::Inc,
        arguments: Arguments::Raw,
        drops_filters: DropsFilters::OnSqlError,
        handles_errors: false,
        origin: Origin::Common,
        syntax: "inc $NAME",
        summary: "Adds one to a variable.",
    },
    Spec {
        name: "let",
        command: Command::Let,
        arguments: Arguments::Raw,
        drops_filters: DropsFilters::OnSqlError,
        handles_errors: false,
        origin: Origin::Common,
        syntax: "let $NAME = VALUE",
        summary: "Sets a variable; without the dollar sign, an environment variable too.",
    },
    Spec {
        name: "list_files",
        command: Command::ListFiles,
        arguments: list(b' ', &[required("dirname"), optional("file")]),
        drops_filters: DropsFilters::Yes,
        handles_errors: true,
        origin: Origin::Common,
        syntax: "list_files DIRECTORY [PATTERN]",
        summary: "Prints the sorted names of a directory.",
    },
    Spec {
        name: "list_files_append_file",
        command: Command::ListFilesAppendFile,
        arguments: list(b' ', &[required("filename"), required("dirname"), optional("file")]),
        drops_filters: DropsFilters::Yes,
        handles_errors: true,
        origin: Origin::Common,
        syntax: "list_files_append_file FILE DIRECTORY [PATTERN]",
        summary: "Appends the sorted names of a directory to a file.",
    },
    Spec {
        name: "list_files_write_file",
        command: Command::ListFilesWriteFile,
        arguments: list(b' ', &[required("filename"), required("dirname"), optional("file")]),
        drops_filters: DropsFilters::Yes,
        handles_errors: true,
        origin: Origin::Common,
        syntax: "list_files_write_file FILE DIRECTORY [PATTERN]",
        summary: "Writes the sorted names of a directory to a file.",
    },
    Spec {
        name: "lowercase_result",
        command: Command::LowercaseResult,
        arguments: Arguments::None,
        drops_filters: DropsFilters::No,
        handles_errors: false,
        origin: Origin::Common,
        syntax: "lowercase_result",
        summary: "Turns the output of the next command to lower case.",
    },
    Spec {
        name: "mkdir",
        command: Command::Mkdir,
        arguments: list(b' ', &[required("dirname")]),
        drops_filters: DropsFilters::No,
        handles_errors: true,
        origin: Origin::Common,
        syntax: "mkdir DIRECTORY",
        summary: "Makes a directory.",
    },
    Spec {
        name: "move_file",
        command: Command::MoveFile,
        arguments: list(b' ', &[required("from_file"), required("to_file")]),
        drops_filters: DropsFilters::No,
        handles_errors: true,
        origin: Origin::Common,
        syntax: "move_file FROM TO",
        summary: "Renames a file.",
    },
    Spec {
        name: "optimizer_trace",
        command: Command::OptimizerTrace,
        arguments: Arguments::None,
        drops_filters: DropsFilters::No,
        handles_errors: false,
        origin: Origin::MariaDb,
        syntax: "optimizer_trace",
        summary: "Prints the optimizer trace of the next statement after its result.",
    },
    Spec {
        name: "perl",
        command: Command::Perl,
        arguments: list(b' ', &[optional("delimiter")]),
        drops_filters: DropsFilters::No,
        handles_errors: true,
        origin: Origin::Common,
        syntax: "perl [DELIMITER]",
        summary: "Runs the lines up to the delimiter (EOF) as a Perl program and prints what it writes.",
    },
    Spec {
        name: "ping",
        command: Command::Ping,
        arguments: Arguments::None,
        drops_filters: DropsFilters::No,
        handles_errors: true,
        origin: Origin::Common,
        syntax: "ping",
        summary: "Asks the server of the current connection whether it is alive.",
    },
    Spec {
        name: "ps_bind",
        command: Command::PsBind,
        arguments: Arguments::Raw,
        drops_filters: DropsFilters::Yes,
        handles_errors: false,
        origin: Origin::MariaDb,
        syntax: "PS_bind VALUE ...",
        summary: "Binds values to the parameters of the prepared statement.",
    },
    Spec {
        name: "ps_close",
        command: Command::PsClose,
        arguments: Arguments::None,
        drops_filters: DropsFilters::Yes,
        handles_errors: false,
        origin: Origin::MariaDb,
        syntax: "PS_close",
        summary: "Closes the prepared statement.",
    },
    Spec {
        name: "ps_execute",
        command: Command::PsExecute,
        arguments: Arguments::None,
        drops_filters: DropsFilters::Yes,
        handles_errors: false,
        origin: Origin::MariaDb,
        syntax: "PS_execute",
        summary: "Executes the prepared statement and prints its result.",
    },
    Spec {
        name: "ps_prepare",
        command: Command::PsPrepare,
        arguments: Arguments::Raw,
        drops_filters: DropsFilters::Yes,
        handles_errors: false,
        origin: Origin::MariaDb,
        syntax: "PS_prepare STATEMENT",
        summary: "Prepares a statement on the current connection.",
    },
    Spec {
        name: "query",
        command: Command::Query,
        arguments: Arguments::Raw,
        drops_filters: DropsFilters::Yes,
        handles_errors: false,
        origin: Origin::Common,
        syntax: "query STATEMENT",
        summary: "Sends a statement that would otherwise be taken for a command.",
    },
    Spec {
        name: "query_horizontal",
        command: Command::QueryHorizontal,
        arguments: Arguments::Raw,
        drops_filters: DropsFilters::Yes,
        handles_errors: false,
        origin: Origin::Common,
        syntax: "query_horizontal STATEMENT",
        summary: "Sends a statement as it stands; vertical_results stays in force.",
    },
    Spec {
        name: "query_vertical",
        command: Command::QueryVertical,
        arguments: Arguments::Raw,
        drops_filters: DropsFilters::Yes,
        handles_errors: false,
        origin: Origin::Common,
        syntax: "query_vertical STATEMENT",
        summary: "Sends a statement and prints its result one column per line.",
    },
    Spec {
        name: "real_sleep",
        command: Command::RealSleep,
        arguments: list(b' ', &[required("sleep_delay")]),
        drops_filters: DropsFilters::No,
        handles_errors: false,
        origin: Origin::Common,
        syntax: "real_sleep SECONDS",
        summary: "Waits, whatever the command line says.",
    },
    Spec {
        name: "reap",
        command: Command::Reap,
        arguments: Arguments::None,
        drops_filters: DropsFilters::Yes,
        handles_errors: false,
        origin: Origin::Common,
        syntax: "reap",
        summary: "Reads the result of the statement sent before.",
    },
    Spec {
        name: "remove_file",
        command: Command::RemoveFile,
        arguments: list(b' ', &[required("filename")]),
        drops_filters: DropsFilters::No,
        handles_errors: true,
        origin: Origin::Common,
        syntax: "remove_file FILE",
        summary: "Removes a file.",
    },
    Spec {
        name: "remove_files_wildcard",
        command: Command::RemoveFilesWildcard,
        arguments: list(b' ', &[required("directory"), optional("filename")]),
        drops_filters: DropsFilters::No,
        handles_errors: true,
        origin: Origin::Common,
        syntax: "remove_files_wildcard DIRECTORY [PATTERN]",
        summary: "Removes the files of a directory that match a pattern.",
    },
    Spec {
        name: "replace_column",
        command: Command::ReplaceColumn,
        arguments: Arguments::Raw,
        drops_filters: DropsFilters::No,
        handles_errors: false,
        origin: Origin::Common,
        syntax: "replace_column NUMBER TEXT ...",
        summary: "Replaces whole columns in the result of the next command.",
    },
    Spec {
        name: "replace_regex",
        command: Command::ReplaceRegex,
        arguments: Arguments::Raw,
        drops_filters: DropsFilters::No,
        handles_errors: false,
        origin: Origin::Common,
        syntax: "replace_regex /PATTERN/REPLACEMENT/[i] ...",
        summary: "Replaces what matches a regular expression in the output of the next command.",
    },
    Spec {
        name: "replace_result",
        command: Command::ReplaceResult,
        arguments: Arguments::Raw,
        drops_filters: DropsFilters::No,
        handles_errors: false,
        origin: Origin::Common,
        syntax: "replace_result FROM TO ...",
        summary: "Replaces texts in the output of the next command.",
    },
    Spec {
        name: "require",
        command: Command::Require,
        arguments: Arguments::Word,
        drops_filters: DropsFilters::No,
        handles_errors: false,
        origin: Origin::Common,
        syntax: "require FILE",
        summary: "Skips the test unless the output of the next statement is that of a file.",
    },
    Spec {
        name: "reset_connection",
        command: Command::ResetConnection,
        arguments: Arguments::None,
        drops_filters: DropsFilters::No,
        handles_errors: false,
        origin: Origin::Common,
        syntax: "reset_connection",
        summary: "Resets the session of the current connection.",
    },
    Spec {
        name: "result",
        command: Command::Result,
        arguments: Arguments::Raw,
        drops_filters: DropsFilters::No,
        handles_errors: false,
        origin: Origin::Deprecated,
        syntax: "result",
        summary: "Always fails: a command of old versions.",
    },
    Spec {
        name: "result_format",
        command: Command::ResultFormat,
        arguments: list(b' ', &[required("version")]),
        drops_filters: DropsFilters::No,
        handles_errors: false,
        origin: Origin::Common,
        syntax: "result_format VERSION",
        summary: "Chooses the format of the result, 1 or 2.",
    },
    Spec {
        name: "rmdir",
        command: Command::Rmdir,
        arguments: list(b' ', &[required("dirname")]),
        drops_filters: DropsFilters::No,
        handles_errors: true,
        origin: Origin::Common,
        syntax: "rmdir DIRECTORY",
        summary: "Removes a directory with all that is in it.",
    },
    Spec {
        name: "save_master_pos",
        command: Command::SaveMasterPos,
        arguments: Arguments::None,
        drops_filters: DropsFilters::No,
        handles_errors: false,
        origin: Origin::Common,
        syntax: "save_master_pos",
        summary: "Remembers where the binary log of the current connection ends.",
    },
    Spec {
        name: "send",
        command: Command::Send,
        arguments: Arguments::Raw,
        drops_filters: DropsFilters::Yes,
        handles_errors: false,
        origin: Origin::Common,
        syntax: "send [STATEMENT]",
        summary: "Sends a statement without reading its result; without a statement, so is the next one sent.",
    },
    Spec {
        name: "send_eval",
        command: Command::SendEval,
        arguments: Arguments::Rest,
        drops_filters: DropsFilters::Yes,
        handles_errors: false,
        origin: Origin::Common,
        syntax: "send_eval STATEMENT",
        summary: "Sends a statement with variables without reading its result.",
    },
    Spec {
        name: "send_quit",
        command: Command::SendQuit,
        arguments: Arguments::Word,
        drops_filters: DropsFilters::No,
        handles_errors: false,
        origin: Origin::Common,
        syntax: "send_quit CONNECTION",
        summary: "Tells the server that a connection ends, without closing it.",
    },
    Spec {
        name: "send_shutdown",
        command: Command::SendShutdown,
        arguments: Arguments::None,
        drops_filters: DropsFilters::No,
        handles_errors: true,
        origin: Origin::Common,
        syntax: "send_shutdown",
        summary: "Tells the server to shut down.",
    },
    Spec {
        name: "shutdown_server",
        command: Command::ShutdownServer,
        arguments: list(b' ', &[optional("timeout")]),
        drops_filters: DropsFilters::OnSqlError,
        handles_errors: false,
        origin: Origin::Common,
        syntax: "shutdown_server [SECONDS]",
        summary: "Shuts the server down and kills it if it is still there after so many seconds; 0 kills at once.",
    },
    Spec {
        name: "skip",
        command: Command::Skip,
        arguments: Arguments::Rest,
        drops_filters: DropsFilters::No,
        handles_errors: false,
        origin: Origin::Common,
        syntax: "skip REASON",
        summary: "Ends the test as skipped.",
    },
    Spec {
        name: "sleep",
        command: Command::Sleep,
        arguments: list(b' ', &[required("sleep_delay")]),
        drops_filters: DropsFilters::No,
        handles_errors: false,
        origin: Origin::Common,
        syntax: "sleep SECONDS",
        summary: "Waits; the command line can set another time.",
    },
    Spec {
        name: "sorted_result",
        command: Command::SortedResult,
        arguments: Arguments::None,
        drops_filters: DropsFilters::No,
        handles_errors: false,
        origin: Origin::Common,
        syntax: "sorted_result",
        summary: "Sorts the rows of the next result.",
    },
    Spec {
        name: "source",
        command: Command::Source,
        arguments: list(b' ', &[required("filename")]),
        drops_filters: DropsFilters::No,
        handles_errors: false,
        origin: Origin::Common,
        syntax: "source FILE",
        summary: "Runs the commands of another file.",
    },
    Spec {
        name: "start_timer",
        command: Command::StartTimer,
        arguments: Arguments::None,
        drops_filters: DropsFilters::No,
        handles_errors: false,
        origin: Origin::Common,
        syntax: "start_timer",
        summary: "Starts the timer anew.",
    },
    Spec {
        name: "sync_slave_with_master",
        command: Command::SyncSlaveWithMaster,
        arguments: list(b' ', &[optional("connection_name")]),
        drops_filters: DropsFilters::No,
        handles_errors: false,
        origin: Origin::Common,
        syntax: "sync_slave_with_master [CONNECTION]",
        summary: "Remembers the position, goes to the connection of the replica and waits there.",
    },
    Spec {
        name: "sync_with_master",
        command: Command::SyncWithMaster,
        arguments: Arguments::Raw,
        drops_filters: DropsFilters::No,
        handles_errors: false,
        origin: Origin::Common,
        syntax: "sync_with_master [OFFSET[, 'CONNECTION']]",
        summary: "Waits until the replica of the current connection has come to the remembered position.",
    },
    Spec {
        name: "system",
        command: Command::System,
        arguments: Arguments::Rest,
        drops_filters: DropsFilters::No,
        handles_errors: false,
        origin: Origin::Common,
        syntax: "system COMMAND",
        summary: "Runs a command in a shell; its output is not caught.",
    },
    Spec {
        name: "vertical_results",
        command: Command::VerticalResults,
        arguments: Arguments::None,
        drops_filters: DropsFilters::No,
        handles_errors: false,
        origin: Origin::Common,
        syntax: "vertical_results",
        summary: "Prints results one column per line from now on.",
    },
    Spec {
        name: "wait_for_slave_to_stop",
        command: Command::WaitForSlaveToStop,
        arguments: Arguments::None,
        drops_filters: DropsFilters::No,
        handles_errors: false,
        origin: Origin::Common,
        syntax: "wait_for_slave_to_stop",
        summary: "Waits until the replica of the current connection has stopped.",
    },
    Spec {
        name: "while",
        command: Command::While,
        arguments: Arguments::Raw,
        drops_filters: DropsFilters::No,
        handles_errors: false,
        origin: Origin::Common,
        syntax: "while (CONDITION) {",
        summary: "Runs the commands up to the closing brace as long as the condition is true.",
    },
    Spec {
        name: "write_file",
        command: Command::WriteFile,
        arguments: list(b' ', &[required("filename"), optional("delimiter"), optional("eval")]),
        drops_filters: DropsFilters::No,
        handles_errors: false,
        origin: Origin::Common,
        syntax: "write_file FILE [DELIMITER [eval]]",
        summary: "Writes the lines up to the delimiter (EOF) to a new file.",
    },
    Spec {
        name: "write_line",
        command: Command::WriteLine,
        arguments: list(b' ', &[optional("line"), required("filename")]),
        drops_filters: DropsFilters::No,
        handles_errors: false,
        origin: Origin::MariaDb,
        syntax: "write_line TEXT FILE",
        summary: "Writes one line to a file, in place of all that was in it.",
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted_and_complete() {
        assert!(COMMANDS.is_sorted_by(|a, b| a.name < b.name));
        assert_eq!(COMMANDS.len(), 111);
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
        for word in ["", "ech", "echoo", "select", "}", "resetconnection", "assert", "break"] {
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
