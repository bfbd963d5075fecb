//! What the command line and the option files decide: one plain struct (mysqltest §12.1).

use bstr::BString;

use crate::client::Tls;

/// How a connection reaches the server (`--protocol`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Protocol {
    /// By host name: the socket for none and `localhost`, TCP for every other.
    #[default]
    Default,
    /// TCP, also to `localhost`.
    Tcp,
    /// The Unix socket, whatever the host is.
    Socket,
    /// A named pipe of Windows: accepted, without effect here.
    Pipe,
}

/// Every option of the tool with its value, after the option files and the command line.
///
/// File and directory names stay the bytes the caller gave: the language joins them by plain
/// concatenation and prints them as they are (mysqltest §12.1, §14).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// Prefix of relative test files, sourced files and written files; concatenated, so it needs its `/`.
    pub basedir: BString,
    /// First place of sourced files (mysqltest §14); concatenated.
    pub suite_dir: BString,
    /// Place of sourced files before [`Options::suite_dir`]; concatenated.
    pub overlay_dir: Option<BString>,
    /// The script, with [`Options::basedir`] already in front of a relative name; standard input if none.
    pub test_file: Option<BString>,
    /// The file the result is compared with, or recorded in; none: the log goes to standard output.
    pub result_file: Option<BString>,
    /// Write the result file in place of comparing with it.
    pub record: bool,
    /// Directory of `.log` and `.progress`; empty: beside the result file.
    pub logdir: BString,
    /// Prefix of the socket names in `connect`.
    pub tmpdir: BString,
    /// Receives the elapsed milliseconds.
    pub timer_file: Option<BString>,
    /// Write a line with line number and elapsed time per command.
    pub mark_progress: bool,
    /// Number of last lines of the log in a failure's message, 0 to 10,000; 0: none.
    pub tail_lines: usize,
    /// No final word on standard output.
    pub silent: bool,
    /// Trace lines on standard error.
    pub verbose: bool,
    /// The server's host.
    pub host: Option<BString>,
    /// The server's TCP port; 0: the client's default.
    pub port: u32,
    /// The server's Unix socket; none: the client's default.
    pub socket: Option<BString>,
    /// The user; none: the operating system's.
    pub user: Option<BString>,
    /// The password.
    pub password: Option<BString>,
    /// The default database.
    pub database: Option<BString>,
    /// How to reach the server.
    pub protocol: Protocol,
    /// Compressed protocol.
    pub compress: bool,
    /// Whether connections ask for TLS; a server without it is then served in plain text unless
    /// [`Tls::verify`] is on (mysqltest §10.5).
    pub ssl: bool,
    /// TLS parameters.
    pub tls: Tls,
    /// Directory of character sets; accepted for the command line's sake, we have ours built in.
    pub character_sets_dir: Option<BString>,
    /// Directory of the client's authentication plugins.
    pub plugin_dir: Option<BString>,
    /// Seconds a connection attempt may take.
    pub connect_timeout: u32,
    /// Number of attempts of the first connection, 1 to 10,000.
    pub max_connect_retries: u32,
    /// Number of connections that may be open at once, 8 to 5,120.
    pub max_connections: usize,
    /// Seconds that commands which wait for a replication position wait.
    pub wait_for_pos_timeout: u32,
    /// Seconds that every `sleep` sleeps, if not negative; otherwise its argument decides.
    pub sleep: i32,
    /// Statements go through prepared statements.
    pub ps_protocol: bool,
    /// Selects go through stored procedures.
    pub sp_protocol: bool,
    /// Selects go through views.
    pub view_protocol: bool,
    /// Prepared statements use cursors.
    pub cursor_protocol: bool,
    /// The client's non-blocking interface; the result is the same, so without effect.
    pub non_blocking_api: bool,
    /// A "report" goes into the result and the run continues (mysqltest §13).
    pub continue_on_error: bool,
    /// A file that runs before the script.
    pub prologue: Option<BString>,
    /// How white space of statements is shown: 1 or 2 (mysqltest §2.6).
    pub result_format_version: u32,
    /// Accepted, without effect.
    pub debug_check: bool,
    /// Accepted, without effect.
    pub debug_info: bool,
    /// Ours: after a failure's message print where and why, for people ([`report`](crate::interp::tool::report)). Off unless
    /// asked for, since scripts compare what the tool prints.
    pub explain: bool,
    /// Ours: where the script is, for whoever started it (see [`position`](crate::sys::position)).
    pub position_file: Option<BString>,
    /// Ours: sleeps of loops that wait begin short (see [`waits`](crate::interp::state::waits)).
    pub quick_waits: bool,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            basedir: "./".into(),
            suite_dir: "./".into(),
            overlay_dir: None,
            test_file: None,
            result_file: None,
            record: false,
            logdir: BString::default(),
            tmpdir: BString::default(),
            timer_file: None,
            mark_progress: false,
            tail_lines: 0,
            silent: false,
            verbose: false,
            host: None,
            port: 0,
            socket: None,
            user: None,
            password: None,
            database: None,
            protocol: Protocol::Default,
            compress: false,
            ssl: true,
            tls: Tls::default(),
            character_sets_dir: None,
            plugin_dir: None,
            connect_timeout: 120,
            max_connect_retries: 500,
            max_connections: 64,
            wait_for_pos_timeout: 300,
            sleep: -1,
            ps_protocol: false,
            sp_protocol: false,
            view_protocol: false,
            cursor_protocol: false,
            non_blocking_api: false,
            continue_on_error: false,
            prologue: None,
            result_format_version: 1,
            debug_check: false,
            debug_info: false,
            explain: false,
            position_file: None,
            quick_waits: false,
        }
    }
}
