//! What the command line asks for, as plain data: one field an option, named after the option.
//!
//! Filled by [`super::parse`]; the meaning of every field is that of the option of the same name
//! (runner §1.3, `docs/options.md`). Values taken from the environment (`MTR_PARALLEL`, …) are
//! already in here, so nothing below `cli` reads an environment twin of an option.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::PathBuf;
use std::time::Duration;

use bstr::{BString, ByteSlice as _};

/// How many workers: `--parallel`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Parallel {
    /// A number, at least 1.
    Fixed(usize),
    /// From cores and memory.
    Auto,
}

/// Options for the runtimes of sanitizers (`--sanitizer-options`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SanitizerOptions {
    /// Those of this program: as much is found as can be.
    Usual,
    /// Those that MariaDB's Buildbot gives.
    Buildbot,
}

/// Whose network servers listen in: `--network`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Network {
    /// One of the run's own where root runs ordinary tests, else the machine's.
    Auto,
    /// One of the run's own.
    Private,
    /// The machine's.
    Host,
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
#[derive(Debug, Clone, PartialEq)]
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
    /// Options and variables without an option that somebody gave, by their names in the table.
    pub given: Vec<&'static str>,

    // scheduling
    pub force: u32,
    pub parallel: Option<Parallel>,
    pub reorder: bool,
    pub repeat: u32,
    pub retry: u32,
    pub retry_failure: u32,
    pub max_test_fail: u32,
    pub testcase_timeout: Duration,
    pub suite_timeout: Duration,
    pub shutdown_timeout: Duration,
    /// `MTR_START_TIMEOUT`.
    pub start_timeout: Duration,
    /// `asan`, `ubsan`, `lsan`, `msan`, `tsan`.
    pub sanitizer: Option<String>,
    /// Which options the sanitizers get.
    pub sanitizer_options: SanitizerOptions,
    pub fast: bool,
    pub force_restart: bool,
    pub stop_file: Option<PathBuf>,
    pub stop_keep_alive: Option<Duration>,
    pub sleep: Option<Duration>,
    /// Sleeps of loops that wait begin short.
    pub quick_waits: bool,

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
    pub port_group_size: u16,
    pub network: Network,
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
    pub debug_sync_timeout: Duration,
    pub gcov: bool,
    pub gprof: bool,
    pub core_on_failure: bool,
    pub max_save_core: u32,
    pub max_save_datadir: u32,
    /// Vardirs of earlier runs that are kept beside the vardir.
    pub keep_runs: u32,
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

/// The parts of `NAME=VALUE`.
pub(super) fn variable(pair: &[u8]) -> Option<(&OsStr, &OsStr)> {
    let (name, value) = pair.split_once_str("=")?;
    (!name.starts_with(b"--")).then(|| (OsStr::from_bytes(name), OsStr::from_bytes(value)))
}

impl Settings {
    /// The variables of `--mysqld-env`: names and values, in order. What has no `=` is none; such a value is refused when
    /// the command line is read.
    pub fn server_variables(&self) -> impl DoubleEndedIterator<Item = (&OsStr, &OsStr)> {
        self.mysqld_env.iter().filter_map(|pair| variable(pair))
    }

    /// Settings that nobody has filled in: what the table's defaults are written into.
    pub(super) fn unset() -> Self {
        Settings {
            argv: Vec::new(),
            embedded_server: false,
            ps_protocol: false,
            sp_protocol: false,
            view_protocol: false,
            cursor_protocol: false,
            non_blocking_api: false,
            ssl: false,
            skip_ssl: false,
            compress: false,
            vs_config: None,
            combination: Vec::new(),
            mysqltest: None,
            suite: None,
            suite_dir: Vec::new(),
            do_test: None,
            skip_test: None,
            start_from: None,
            skip_rpl: false,
            big_test: 0,
            staging_run: false,
            enable_disabled: false,
            skip_not_found: false,
            skip_test_list: Vec::new(),
            print_testcases: false,
            dry_run: false,
            explain: None,
            experimental: Vec::new(),
            names: Vec::new(),
            given: Vec::new(),
            force: 0,
            parallel: None,
            reorder: false,
            repeat: 0,
            retry: 0,
            retry_failure: 0,
            max_test_fail: 0,
            testcase_timeout: Duration::ZERO,
            suite_timeout: Duration::ZERO,
            shutdown_timeout: Duration::ZERO,
            start_timeout: Duration::ZERO,
            sanitizer: None,
            sanitizer_options: SanitizerOptions::Usual,
            fast: false,
            force_restart: false,
            stop_file: None,
            stop_keep_alive: None,
            sleep: None,
            quick_waits: false,
            basedir: None,
            testdir: None,
            vardir: None,
            tmpdir: None,
            mem: None,
            clean_vardir: false,
            client_bindir: None,
            client_libdir: None,
            build_thread: None,
            port_base: None,
            port_group_size: 0,
            network: Network::Auto,
            user: String::new(),
            open_files_limit: 0,
            max_connections: None,
            mysqld: Vec::new(),
            mysqld_env: Vec::new(),
            extern_server: Vec::new(),
            defaults_file: None,
            defaults_extra_file: None,
            record: false,
            check_testcases: false,
            mark_progress: false,
            warnings: false,
            timer: false,
            timestamp: false,
            timediff: false,
            comment: None,
            verbose: 0,
            verbose_restart: false,
            report_times: false,
            result_file: false,
            xml_report: None,
            junit: None,
            events: None,
            tail_lines: 0,
            start: false,
            start_and_exit: false,
            start_dirty: false,
            user_args: false,
            wait_all: false,
            debug: false,
            debug_common: false,
            debug_server: false,
            debug_sync_timeout: Duration::ZERO,
            gcov: false,
            gprof: false,
            core_on_failure: false,
            max_save_core: 0,
            max_save_datadir: 0,
            keep_runs: 0,
            stress: None,
            print_core: String::new(),
            print_method: String::new(),
            debugger: None,
            client_debugger: None,
            boot_debugger: None,
            without_effect: Vec::new(),
        }
    }

    /// How long a program may take that makes a data directory, is asked what it can, or evaluates a `suite.pm`: as long as
    /// a server to start, but ten seconds at least.
    pub fn patience(&self) -> Duration {
        self.start_timeout.max(Duration::from_secs(10))
    }

    /// `--start`, `--start-and-exit` or `--start-dirty`.
    pub fn start_only(&self) -> bool {
        self.start || self.start_and_exit || self.start_dirty
    }

    /// The tests that are asked for: those named, and that of `--explain`. Empty: whole suites.
    pub fn wanted(&self) -> Vec<BString> {
        let explained = self.explain.iter().map(|name| BString::from(name.as_str()));
        self.names.iter().cloned().chain(explained).collect()
    }

    /// `--extern` was given: the server is not ours.
    pub fn using_extern(&self) -> bool {
        !self.extern_server.is_empty()
    }
}
