//! What is known of a server that failed: plain data. [`super::collect`] gathers it, rules read it.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bstr::BString;

use crate::case::ServerOption;
use crate::grammar::suppression::Suppression;
use crate::tree::probe::ServerFacts;

/// How a server process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ExitKind {
    /// With this exit status.
    Status(i32),
    /// By this signal.
    Signal(i32),
    /// The system refused to run its program, with this error number.
    NotRun(i32),
    /// It has not: it was still running when patience ended.
    Running,
    /// Nobody noted it: the evidence was found later.
    #[default]
    Unknown,
}

/// What the server was doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Stage {
    /// `--bootstrap`: making the first data directory.
    Bootstrap,
    /// Between its spawn and its pid file.
    #[default]
    Start,
    /// Serving a test.
    Running,
    /// Shutting down, or gone after an orderly shutdown.
    Stopped,
}

/// A part of a log: what one start wrote.
#[derive(Debug, Clone, Default)]
pub struct LogPart {
    /// The file.
    pub path: PathBuf,
    /// 1-based number of the first line of `text` in the file.
    pub first_line: u32,
    /// Its bytes.
    pub text: BString,
}

/// A small text file.
#[derive(Debug, Clone, Default)]
pub struct TextFile {
    /// Where it is.
    pub path: PathBuf,
    /// Its bytes.
    pub text: BString,
}

/// A line of the server's configuration file that applies to it.
#[derive(Debug, Clone)]
pub struct Setting {
    /// As written, without value.
    pub name: BString,
    /// After the `=`; `None` without one.
    pub value: Option<BString>,
    /// The file and its 1-based line.
    pub location: crate::error::Location,
}

impl Setting {
    /// As it is written on one line without blanks: `name=value`, or `name`.
    pub fn text(&self) -> BString {
        match &self.value {
            Some(value) => format!("{}={value}", self.name).into(),
            None => self.name.clone(),
        }
    }
}

/// An option file that a server reads, by `--defaults-file` or by an `!include` in one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OptionFile {
    /// Where it is.
    pub path: PathBuf,
    /// The `!include` that names it; `None` for the file of an argument.
    pub included: Option<crate::error::Location>,
    /// The system's error number, where it cannot be read.
    pub error: Option<i32>,
    /// Permission bits; 0 where it does not exist.
    pub mode: u32,
    /// Its groups in order, whether they apply to the server or not.
    pub groups: Vec<BString>,
}

/// What the program file of a server is, as far as that decides whether it can be run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProgramFile {
    /// It exists.
    pub exists: bool,
    /// It is a directory.
    pub directory: bool,
    /// Permission bits; 0 where it does not exist.
    pub mode: u32,
    /// Its first bytes: enough for an ELF header or the line that names an interpreter.
    pub head: BString,
    /// What runs it: the interpreter of a script, the loader of an ELF file.
    pub interpreter: Option<PathBuf>,
    /// The interpreter is not there.
    pub interpreter_missing: bool,
}

/// A resource limit of the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limit {
    /// `nofile`, `core`, `memlock`, `as`, `fsize`, `nproc`.
    pub name: &'static str,
    /// The value in force; `None`: unlimited.
    pub soft: Option<u64>,
    /// The value it may be raised to; `None`: unlimited.
    pub hard: Option<u64>,
}

/// Room on the file system of a directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Space {
    /// `datadir`, `tmpdir`, `vardir`.
    pub what: &'static str,
    /// The directory, or the nearest one above it that exists.
    pub path: PathBuf,
    /// Bytes that an unprivileged process may still write.
    pub free_bytes: u64,
    /// Files that may still be made; `None` where the file system does not count them.
    pub free_inodes: Option<u64>,
}

/// What a path that the server was given is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PathFact {
    /// The option: `datadir`, `tmpdir`, `socket`, `pid-file`, `plugin-dir`, …; empty for a directory above such a
    /// path, and for a path that only the log names.
    pub option: &'static str,
    /// The path.
    pub path: PathBuf,
    /// It exists.
    pub exists: bool,
    /// It is a directory.
    pub directory: bool,
    /// Permission bits; 0 where it does not exist.
    pub mode: u32,
    /// Its owner's user id; 0 where it does not exist.
    pub uid: u32,
    /// Its group's id; 0 where it does not exist.
    pub gid: u32,
}

/// Something of which there is one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Resource {
    /// A listening TCP port.
    Port(u16),
    /// A listening unix socket.
    Socket(PathBuf),
    /// A file that is locked or open.
    File(PathBuf),
}

/// A process that holds a resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// What it holds.
    pub resource: Resource,
    /// Its process id.
    pub pid: i32,
    /// Its command line, words joined by blanks.
    pub command: BString,
}

/// Another server of the same run.
#[derive(Debug, Clone, Default)]
pub struct OtherServer {
    /// `mysqld.2`.
    pub server: BString,
    /// Its port, as its options and configuration say.
    pub port: Option<u16>,
    /// Its socket.
    pub socket: Option<PathBuf>,
    /// Its data directory.
    pub datadir: Option<PathBuf>,
    /// Its `server-id`.
    pub server_id: Option<u64>,
    /// Its process, if it runs.
    pub pid: Option<i32>,
    /// What its error log got since its start, or where that is not known, the end of it.
    pub log: LogPart,
    /// What programs that work for it wrote into its data directory, as the tools of state transfers do.
    pub notes: Vec<TextFile>,
}

/// The machine at the moment of the failure.
#[derive(Debug, Clone, Default)]
pub struct System {
    /// Effective user id of the server.
    pub uid: u32,
    /// Its group id.
    pub gid: u32,
    /// Its limits.
    pub limits: Vec<Limit>,
    /// Room on the disks it uses.
    pub space: Vec<Space>,
    /// Paths it was given.
    pub paths: Vec<PathFact>,
    /// The var directory of the run's worker; empty where that is not known.
    pub vardir: PathBuf,
    /// What `mariadb-upgrade` noted in the data directory: the version that last used it.
    pub datadir_version: Option<BString>,
    /// Who holds what it wants.
    pub holders: Vec<Holder>,
    /// Processes of the runner's cgroup that the kernel killed for want of memory since the server was started.
    pub oom_kills: u64,
    /// Bytes of memory that the runner's cgroup may use; `None` without a limit.
    pub memory_limit: Option<u64>,
    /// Bytes of memory of the machine.
    pub memory_total: Option<u64>,
    /// InnoDB's redo log says that it is encrypted; `None` where there is none.
    pub redo_log_encrypted: Option<bool>,
    /// Aria's control file and logs, in this order.
    pub aria_files: Vec<AriaFile>,
    /// `kernel.io_uring_disabled`, where the kernel has it.
    pub io_uring_disabled: Option<u8>,
}

/// A file of Aria's in the data directory, or where its logs are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AriaFile {
    /// `aria_log_control` or `aria_log.00000001`.
    pub path: PathBuf,
    /// Its length.
    pub bytes: u64,
    /// It is a file, and no directory, pipe or socket.
    pub regular: bool,
}

/// Facts of an ELF file; see [`super::collect::elf`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ElfFacts {
    /// `x86_64`, `aarch64`, …, as `uname -m` spells it.
    pub machine: String,
    /// Bits of an address: 32 or 64.
    pub bits: u8,
    /// It can be loaded: a shared library or a position-independent program, no object file and no core.
    pub loadable: bool,
    /// Libraries it needs.
    pub needed: Vec<BString>,
    /// Where the loader looks for them first (`DT_RUNPATH`, `DT_RPATH`), `$ORIGIN` already replaced.
    pub runpath: Vec<PathBuf>,
    /// Dynamic symbols it needs from elsewhere (weak ones left out).
    pub undefined: Vec<BString>,
    /// Dynamic symbols it gives; sorted.
    pub exported: Vec<BString>,
    /// Sanitizer runtimes it needs: `asan`, `lsan`, `msan`, `tsan`, `ubsan`.
    pub sanitizers: Vec<&'static str>,
}

/// A plugin library that the server was told to load.
#[derive(Debug, Clone, Default)]
pub struct PluginFile {
    /// As written: `handlersocket.so`, `example=ha_example.so`.
    pub wanted: BString,
    /// Where the server looks for it.
    pub path: PathBuf,
    /// It is there.
    pub exists: bool,
    /// What it is, if it is an ELF file.
    pub elf: Option<ElfFacts>,
    /// The plugins in it.
    pub declared: Option<Declared>,
    /// Symbols it needs that neither the server nor a library gives; empty where that could not be found out.
    pub unresolved: Vec<BString>,
    /// Libraries it needs, itself or through others, that are nowhere.
    pub absent: Vec<BString>,
    /// Where it is not there: libraries beside it with a name much like its own, the most similar first.
    pub similar: Vec<BString>,
}

/// What a plugin library says of itself in its data.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Declared {
    /// By `_maria_…` symbols: made for MariaDB; else by `_mysql_…`, for MySQL.
    pub maria: bool,
    /// Version of the plugin interface, `0x010f` for 1.15; 0 where it could not be read.
    pub interface: u32,
    /// The plugins.
    pub plugins: Vec<DeclaredPlugin>,
}

/// One plugin of a library, or one that is built into a server.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DeclaredPlugin {
    /// The number of its kind: 1 for a storage engine, 3 for a daemon, …
    pub kind: u32,
    /// `EXAMPLE`.
    pub name: BString,
    /// The version of the interface of its kind that it was made for. For engines, daemons and tables of the
    /// information schema it is the server's version times 256.
    pub api: u32,
    /// 0 unknown, 1 experimental, 2 alpha, 3 beta, 4 gamma, 5 stable.
    pub maturity: u32,
    /// Its variables without its name: `port_wr`.
    pub variables: Vec<BString>,
}

/// What is wrong with a file of keys or certificates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PemProblem {
    /// It cannot be read: the system's error number.
    Unreadable(i32),
    /// It holds nothing of the kind that the option wants.
    WrongKind,
}

/// A file that an option of `--ssl-*` names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PemFile {
    /// The option: `ssl-cert`, `ssl-key`, `ssl-ca`, `ssl-crl`.
    pub option: &'static str,
    /// The file.
    pub path: PathBuf,
    /// What is wrong with it, if that can be seen.
    pub problem: Option<PemProblem>,
}

/// What the runner found in the files of keys and certificates; looked at where the server complains of TLS.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TlsFacts {
    /// The files.
    pub files: Vec<PemFile>,
    /// Why the TLS library takes key and certificate not together, in its words; `None` where it takes them or
    /// was not asked.
    pub mismatch: Option<BString>,
}

/// A core file.
#[derive(Debug, Clone, Default)]
pub struct Core {
    /// Where it is.
    pub path: PathBuf,
    /// What a debugger says of it; empty where none is installed.
    pub backtrace: BString,
}

/// A statement that a server executes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Statement {
    /// `mysqld.1`.
    pub server: BString,
    /// Its connection.
    pub connection: BString,
    /// For how long.
    pub seconds: BString,
    /// What it waits for, as the server calls it: `Waiting for table metadata lock`.
    pub state: BString,
    /// Its text.
    pub text: BString,
}

/// Where a script is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ScriptPlace {
    /// `FILE:LINE` of the command, then of the `source` of each file that includes the one before.
    pub places: Vec<BString>,
    /// The command, as written.
    pub command: BString,
}

/// A server that ended while its test ran, and that nobody has started again.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DownServer {
    /// `mysqld.1`.
    pub server: BString,
    /// Where the script was when it ended.
    pub ended_at: Option<ScriptPlace>,
    /// The last line of its expect file; `None` where there is none any more.
    pub expect: Option<BString>,
    /// The expect file.
    pub expect_file: PathBuf,
}

/// The test that was running.
#[derive(Debug, Clone, Default)]
pub struct TestFacts {
    /// Where its script is, or was when it ended.
    pub place: Option<ScriptPlace>,
    /// How the script's program ended, where it did not end by itself.
    pub script_exit: Option<ExitKind>,
    /// Servers that are down.
    pub down: Vec<DownServer>,
    /// Servers that do not answer: their names, and why.
    pub unreachable: Vec<(BString, BString)>,
    /// `main.select`.
    pub name: BString,
    /// What the script wrote to its report: errors and diffs.
    pub report: BString,
    /// The last line of the script's output that is no result.
    pub last_line: Option<BString>,
    /// Programs that the script waits for: their command lines.
    pub programs: Vec<BString>,
    /// What the servers execute.
    pub statements: Vec<Statement>,
    /// Lines of error logs that failed the test.
    pub warnings: Vec<BString>,
    /// What its script says is meant, with the file.
    pub suppressions: Vec<(PathBuf, Suppression)>,
    /// Variables with the name of a plugin's library that its report names and that are not set: `HANDLERSOCKET_SO`.
    pub unset: Vec<BString>,
    /// Errors of the log since the server's start, which may be long before this test.
    pub since_start: LogPart,
    /// The tests that this server served since its start, this one included.
    pub served: Vec<String>,
}

/// Everything known of one failed server.
#[derive(Debug, Clone, Default)]
pub struct Evidence {
    /// `mysqld.1`; for a bootstrap what was to be made.
    pub server: BString,
    /// Its process; `None` where nobody knows.
    pub pid: Option<i32>,
    /// What it was doing.
    pub stage: Stage,
    /// From its spawn to its end, or to the end of patience.
    pub lived: Option<Duration>,
    /// How it ended.
    pub exit: ExitKind,
    /// Patience ended: it was not ready in time.
    pub timed_out: bool,
    /// The program.
    pub program: PathBuf,
    /// Its arguments, expanded, without the program.
    pub argv: Vec<ServerOption>,
    /// What its option file says of it, in the order in which it counts: the last one wins.
    pub settings: Vec<Setting>,
    /// The option files themselves, in the order in which the server reads them.
    pub option_files: Vec<OptionFile>,
    /// The beginning of its `--init-file`, if that can be read.
    pub init_file: Option<TextFile>,
    /// The file of its program.
    pub program_file: Option<ProgramFile>,
    /// What the error log got since this start; standard output and error go there as well.
    pub log: LogPart,
    /// What programs that work for it wrote into its data directory.
    pub notes: Vec<TextFile>,
    /// Files that sanitizers wrote for exactly this process.
    pub sanitizer_files: Vec<TextFile>,
    /// Variables of its environment that matter: `ASAN_OPTIONS` and its like, `LD_PRELOAD`.
    pub environment: Vec<(BString, BString)>,
    /// Its core file.
    pub core: Option<Core>,
    /// Where its threads waited, a few lines each, by a debugger; empty where none is installed or it had ended.
    pub threads: BString,
    /// The test, where one was running.
    pub test: Option<TestFacts>,
    /// What the server says of itself with `--help`, where it was asked.
    pub facts: Option<Arc<ServerFacts>>,
    /// The server's program file.
    pub elf: Option<ElfFacts>,
    /// Its keys and certificates.
    pub tls: TlsFacts,
    /// Plugins it was to load.
    pub plugins: Vec<PluginFile>,
    /// Arguments that ask for plugins and name none: index in `argv`, and the variable that was written there and is
    /// empty: `HANDLERSOCKET_SO`.
    pub empty_loads: Vec<(usize, Option<BString>)>,
    /// Where it looks for plugins.
    pub plugin_dir: PathBuf,
    /// Libraries in `plugin_dir` that it was not told to load and that variables it does not know belong to.
    pub unloaded: Vec<PluginFile>,
    /// The plugins that are built into it, where its program file tells.
    pub built_in: Option<Declared>,
    /// The other servers of its test.
    pub others: Vec<OtherServer>,
    /// The machine.
    pub system: System,
}
