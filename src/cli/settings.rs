//! What the command line asks for, as plain data: one field an option, named after the option.
//!
//! Filled by [`super::parse`]; the meaning of every field is that of the option of the same name
//! (runner §1.3, `docs/options.md`). Values taken from the environment (`MTR_PARALLEL`, …) are
//! already in here, so nothing below `cli` reads an environment twin of an option.

use std::path::PathBuf;

use bstr::BString;

/// How many workers: `--parallel`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Parallel {
    /// A number, at least 1.
    Fixed(usize),
    /// From cores and memory.
    Auto,
}

/// One `--gdb`-like option in use (runner §12.5).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DebuggerChoice {
    /// `gdb`, `lldb`, `valgrind`, …; aliases resolved.
    pub name: String,
    /// The text after `=`; empty where the option was given bare.
    pub args: BString,
    /// `--manual-X`: print the command and wait instead of starting it.
    pub manual: bool,
}

/// Everything the command line says.
#[derive(Debug, Clone, Default, PartialEq)]
#[expect(missing_docs, reason = "each field is the option of the same name in docs/options.md")]
pub struct Settings {
    /// `argv[0]` and the arguments as given, for the `Logging:` line.
    pub argv: Vec<BString>,

    // engine and protocol
    pub embedded_server: bool,
    pub ps_protocol: bool,
    pub sp_protocol: bool,
    pub view_protocol: bool,
    pub cursor_protocol: bool,
    pub non_blocking_api: bool,
    pub ssl: bool,
    pub skip_ssl: bool,
    pub compress: bool,
    pub vs_config: Option<String>,
    pub combination: Vec<BString>,
    /// `--mysqltest=PATH` or `$MYSQL_TEST`: the program that runs scripts; `None`: the interpreter inside
    /// this program.
    pub mysqltest: Option<PathBuf>,

    // selection
    /// Elements of `--suite`, split at commas; `None` without the option.
    pub suite: Option<Vec<String>>,
    /// `--suite-dir`: directories searched for suites beside the installed tree.
    pub suite_dir: Vec<PathBuf>,
    pub do_test: Option<BString>,
    pub skip_test: Option<BString>,
    pub start_from: Option<String>,
    pub skip_rpl: bool,
    /// 0, 1 or 2; already 1 where test names were given.
    pub big_test: u32,
    pub staging_run: bool,
    pub enable_disabled: bool,
    pub skip_not_found: bool,
    pub skip_test_list: Vec<PathBuf>,
    pub print_testcases: bool,
    /// `--dry-run`, `--list`.
    pub dry_run: bool,
    /// `--explain TEST`: print everything known about one test.
    pub explain: Option<String>,
    pub experimental: Vec<PathBuf>,
    /// Names of tests, paths and suites on the command line, in order.
    pub names: Vec<BString>,

    // scheduling
    pub force: u32,
    pub parallel: Option<Parallel>,
    pub reorder: bool,
    pub repeat: u32,
    pub retry: u32,
    pub retry_failure: u32,
    pub max_test_fail: u32,
    /// Minutes.
    pub testcase_timeout: u64,
    /// Minutes.
    pub suite_timeout: u64,
    /// Seconds.
    pub shutdown_timeout: u64,
    /// Seconds; `MTR_START_TIMEOUT`.
    pub start_timeout: u64,
    /// `asan`, `ubsan`, `lsan`, `msan`, `tsan`.
    pub sanitizer: Option<String>,
    pub fast: bool,
    pub force_restart: bool,
    pub stop_file: Option<PathBuf>,
    /// Seconds.
    pub stop_keep_alive: Option<u64>,
    /// Seconds.
    pub sleep: Option<u64>,

    // places
    pub basedir: Option<PathBuf>,
    pub testdir: Option<PathBuf>,
    pub vardir: Option<PathBuf>,
    pub tmpdir: Option<PathBuf>,
    /// `--mem`, `MTR_MEM`; with the directory if one was named.
    pub mem: Option<Option<PathBuf>>,
    pub clean_vardir: bool,
    pub client_bindir: Option<PathBuf>,
    pub client_libdir: Option<PathBuf>,
    /// `None`: auto.
    pub build_thread: Option<u32>,
    /// `None`: auto.
    pub port_base: Option<u32>,
    pub port_group_size: u32,
    pub user: String,
    pub open_files_limit: u64,
    pub max_connections: Option<u64>,

    // servers
    /// The values of `--mysqld` and `--mariadbd` in command-line order, then the `--skip-*` arguments.
    pub mysqld: Vec<BString>,
    /// `NAME=VALUE` pairs of `--mysqld-env`.
    pub mysqld_env: Vec<BString>,
    /// Pairs of `--extern`; empty without the option.
    pub extern_server: Vec<(BString, BString)>,
    pub defaults_file: Option<PathBuf>,
    pub defaults_extra_file: Option<PathBuf>,

    // authoring and output
    pub record: bool,
    pub check_testcases: bool,
    pub mark_progress: bool,
    pub warnings: bool,
    pub timer: bool,
    pub timestamp: bool,
    pub timediff: bool,
    pub comment: Option<String>,
    pub verbose: u32,
    pub verbose_restart: bool,
    pub report_times: bool,
    pub result_file: bool,
    pub xml_report: Option<PathBuf>,
    /// `--junit=FILE`.
    pub junit: Option<PathBuf>,
    /// `--events=FILE`.
    pub events: Option<PathBuf>,
    pub tail_lines: u32,

    // start modes
    pub start: bool,
    pub start_and_exit: bool,
    pub start_dirty: bool,
    pub user_args: bool,
    pub wait_all: bool,

    // debugging and coverage
    pub debug: bool,
    pub debug_common: bool,
    pub debug_server: bool,
    /// Seconds.
    pub debug_sync_timeout: u64,
    pub gcov: bool,
    pub gprof: bool,
    pub core_on_failure: bool,
    pub max_save_core: u32,
    pub max_save_datadir: u32,
    pub stress: Option<BString>,
    /// `no`, `short`, `medium`, `detailed`, `custom` or `custom:…`.
    pub print_core: String,
    pub print_method: String,
    pub debugger: Option<DebuggerChoice>,
    pub client_debugger: Option<DebuggerChoice>,
    pub boot_debugger: Option<DebuggerChoice>,

    /// Options that were given and have no effect, as `--name`; a warning names each.
    pub without_effect: Vec<String>,
}

impl Settings {
    /// `--start`, `--start-and-exit` or `--start-dirty`.
    pub fn start_only(&self) -> bool {
        self.start || self.start_and_exit || self.start_dirty
    }

    /// `--extern` was given: the server is not ours.
    pub fn using_extern(&self) -> bool {
        !self.extern_server.is_empty()
    }
}
