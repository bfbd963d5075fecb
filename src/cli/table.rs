//! The option table: every option this program takes, one row each (runner §1.3).
//!
//! A row is the only place an option is described: the parser, the help texts and the
//! documentation are made from it. `docs/options.md` is generated (see [`super::help`]).

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::time::Duration;

use bstr::{BStr, BString, ByteSlice};

use super::getopt::parse_integer;
use super::option::{
    DebuggerKind, EnvOnly, Group, Opt, Question, ask, attached, counter, debugger, flag, integer, list,
    negatable, optional, pairs, text, time,
};
use super::settings::{Network, Parallel, SanitizerOptions};
use crate::error::{Error, Result};

/// The table, in the order of `--help`.
pub static GROUPS: &[Group] = &[
    Group { title: "Asking", options: ASKING },
    Group { title: "Engine and protocol", options: ENGINE },
    Group { title: "Selection", options: SELECTION },
    Group { title: "Scheduling, retries and time-outs", options: SCHEDULING },
    Group { title: "Directories, ports and users", options: PLACES },
    Group { title: "Servers", options: SERVERS },
    Group { title: "Test authoring", options: AUTHORING },
    Group { title: "Output and reports", options: OUTPUT },
    Group { title: "Starting servers for a person", options: START_MODES },
    Group { title: "Debugging and coverage", options: DEBUGGING },
    Group { title: "Debuggers", options: DEBUGGERS },
];

/// All rows, in the order of the table.
pub fn options() -> impl Iterator<Item = &'static Opt> {
    GROUPS.iter().flat_map(|group| group.options)
}

const ASKING: &[Opt] = &[
    ask("help", Question::Help)
        .aliases(&["h"])
        .help("print this text and exit")
        .more("The exit code is 1, as it always was: a script that asks for help has not run its tests."),
    ask("list-options", Question::ListOptions)
        .help("print the name of every option, one per line, and exit")
        .more("Meant for shell completion. The exit code is 1."),
    ask("version", Question::Version).aliases(&["V"]).ours().help("print the version and exit"),
];

const ENGINE: &[Opt] = &[
    flag("ps-protocol", |s| s.ps_protocol = true)
        .help("send statements as prepared statements")
        .more("Suites that run each test once for either protocol run only the prepared half then."),
    flag("cursor-protocol", |s| s.cursor_protocol = true)
        .help("read results through a cursor; implies --ps-protocol"),
    flag("view-protocol", |s| s.view_protocol = true).help("run each SELECT through a view"),
    flag("sp-protocol", |s| s.sp_protocol = true).help("run each statement from a stored procedure"),
    flag("non-blocking-api", |s| s.non_blocking_api = true)
        .help("use the non-blocking calls of the client library"),
    flag("ssl", |s| s.ssl = true).aliases(&["with-openssl"]).help("connect with TLS").more(
        "It is an error if the server was built without TLS. Tests that must run without TLS are skipped.",
    ),
    flag("skip-ssl", |s| s.skip_ssl = true).help("behave as if the server had no TLS"),
    flag("compress", |s| s.compress = true).help("compress the connection"),
    list("combination", "OPTION", |s, v| s.combination.push(v.into()))
        .help("run each test once with each OPTION of the servers; may be repeated")
        .more(
            "Combinations on the command line take the place of those in the suites' `combinations` files.",
        ),
    text("mysqltest", "PATH", |s, v| {
        s.mysqltest = Some(path(v));
        Ok(())
    })
    .env("MYSQL_TEST")
    .ours()
    .worked_out("the interpreter inside `mtr-rs`")
    .help("let PATH run the test scripts")
    .more("`--mysqltest=mariadb-test` is the one installed with the server."),
    text("vs-config", "NAME", |s, v| {
        s.vs_config = Some(utf8("vs-config", v)?);
        Ok(())
    })
    .env("MTR_VS_CONFIG")
    .help("look for binaries in the build sub-directory NAME"),
    flag("embedded-server", |s| s.embedded_server = true)
        .help("test the embedded server")
        .no_effect("this program has no embedded server: the tests run on an ordinary one"),
];

const SELECTION: &[Opt] = &[
    text("suite", "NAMES", |s, v| {
        s.suite = suites(v)?;
        Ok(())
    })
    .aliases(&["suites"])
    .worked_out("every suite that is part of the default run")
    .help("run the suites NAMES, separated by commas")
    .more("`name` is the suite alone, `name-` the suite with all its overlays, `name-overlay` one overlay of it."),
    list("suite-dir", "DIR", |s, v| s.suite_dir.push(path(v)))
        .ours()
        .help("also look for suites in DIR; may be repeated"),
    text("do-test", "PATTERN", |s, v| {
        s.do_test = Some(v.into());
        Ok(())
    })
    .help("run only tests whose short name matches PATTERN")
    .more(
        "PATTERN is a prefix if it is made of lower-case letters, digits and dots, and else a regular expression \
         that may match anywhere in the name.",
    ),
    text("skip-test", "PATTERN", |s, v| {
        s.skip_test = Some(v.into());
        Ok(())
    })
    .help("skip tests whose name matches PATTERN")
    .more("PATTERN is read as that of `--do-test`, and matched against `suite.test` too."),
    text("start-from", "TEST", |s, v| {
        s.start_from = Some(utf8("start-from", v)?);
        Ok(())
    })
    .help("run the tests from TEST on, in the order of the run"),
    flag("skip-rpl", |s| s.skip_rpl = true).help("skip the replication tests"),
    counter("big-test", |s| &mut s.big_test)
        .help("run big tests too; twice: run only these")
        .more("Naming tests on the command line has the effect of giving this option once."),
    flag("staging-run", |s| s.staging_run = true).help("leave out tests that are too slow for a staging tree"),
    flag("enable-disabled", |s| s.enable_disabled = true).help("run disabled tests too"),
    flag("skip-not-found", |s| s.skip_not_found = true)
        .help("skip tests, suites and combinations that do not exist"),
    list("skip-test-list", "FILE", |s, v| s.skip_test_list.push(path(v)))
        .help("skip the tests listed in FILE; may be repeated")
        .more("FILE has the form of a `disabled.def`."),
    list("experimental", "FILE", |s, v| s.experimental.push(path(v)))
        .help("mark failures of the tests listed in FILE as expected; may be repeated"),
    flag("dry-run", |s| s.dry_run = true).help("print the tests that would run, in order, and exit"),
    flag("list", |s| s.dry_run = true).ours().help("the same as --dry-run"),
    text("explain", "TEST", |s, v| {
        s.explain = Some(utf8("explain", v)?);
        Ok(())
    })
    .ours()
    .help("print everything known about TEST without running it"),
    flag("print-testcases", |s| s.print_testcases = true)
        .help("print the tests")
        .no_effect("it never had one; use --dry-run"),
];

const SCHEDULING: &[Opt] = &[
    counter("force", |s| &mut s.force)
        .help("go on after a failed test; twice: also after a failed statement")
        .more("Without it the run ends at the first failure, before `--retry` can act."),
    text("parallel", "N", |s, v| {
        s.parallel = Some(parallel(v)?);
        Ok(())
    })
    .env_nonzero("MTR_PARALLEL")
    .default("1")
    .help("run N tests at a time, or `auto` for what the machine can do"),
    negatable("reorder", |s, on| s.reorder = on).help("group the tests so that servers restart less often"),
    integer("repeat", "N", |s, n| s.repeat = small(n)).default("1").help("run each test N times"),
    integer("retry", "N", |s, n| s.retry = small(n))
        .default("1")
        .help("try a failing test up to N times in all")
        .more("It acts from 2 on, and only with `--force`."),
    integer("retry-failure", "N", |s, n| s.retry_failure = small(n))
        .env("MTR_RETRY_FAILURE")
        .default("2")
        .help("give up on a test after N failures"),
    integer("max-test-fail", "N", |s, n| s.max_test_fail = small(n))
        .env("MTR_MAX_TEST_FAIL")
        .default("10")
        .help("end the run after N failed tests; 0 for no limit")
        .more("It only matters with `--force`."),
    time("testcase-timeout", "MINUTES", |s, n| s.testcase_timeout = minutes(n))
        .env_nonzero("MTR_TESTCASE_TIMEOUT")
        .default("15")
        .help("fail a test that takes longer than MINUTES"),
    time("suite-timeout", "MINUTES", |s, n| s.suite_timeout = minutes(n))
        .env_nonzero("MTR_SUITE_TIMEOUT")
        .default("360")
        .help("end a run that takes longer than MINUTES"),
    time("shutdown-timeout", "SECONDS", |s, n| s.shutdown_timeout = Duration::from_secs(n))
        .env_nonzero("MTR_SHUTDOWN_TIMEOUT")
        .default("10")
        .help("kill a server that has not shut down after SECONDS"),
    flag("fast", |s| s.fast = true).help("kill servers instead of shutting them down"),
    flag("force-restart", |s| s.force_restart = true).help("restart the servers before each test"),
    text("stop-file", "FILE", |s, v| {
        s.stop_file = Some(path(v));
        Ok(())
    })
    .env("MTR_STOP_FILE")
    .help("start no further test while FILE exists"),
    time("stop-keep-alive", "SECONDS", |s, n| s.stop_keep_alive = some_nonzero(n).map(Duration::from_secs))
        .env("MTR_STOP_KEEP_ALIVE")
        .help("print a sign of life every SECONDS while stopped"),
    time("sleep", "SECONDS", |s, n| s.sleep = some_nonzero(n).map(Duration::from_secs))
        .help("make every `sleep` in a test last SECONDS"),
    negatable("quick-waits", |s, on| s.quick_waits = on)
        .help("let the sleeps of a test's loops that wait begin with a millisecond")
        .more("A loop that waits in vain takes the time it took before.")
        .ours(),
];

const PLACES: &[Opt] = &[
    text("basedir", "DIR", |s, v| {
        s.basedir = Some(path(v));
        Ok(())
    })
    .ours()
    .worked_out("from the place of the tests")
    .help("find the server and its files below DIR"),
    text("testdir", "DIR", |s, v| {
        s.testdir = Some(path(v));
        Ok(())
    })
    .ours()
    .worked_out("the current directory, or an installed one")
    .help("use DIR as the `mysql-test` directory"),
    text("vardir", "DIR", |s, v| {
        s.vardir = some_path(v);
        Ok(())
    })
    .worked_out("`var` in the `mysql-test` directory, or in the current one where that cannot be written")
    .help("keep everything a run writes in DIR")
    .more("A relative DIR is taken from the current directory."),
    text("tmpdir", "DIR", |s, v| {
        s.tmpdir = some_path(v);
        Ok(())
    })
    .worked_out("`tmp` in the vardir")
    .help("keep sockets and temporary files in DIR"),
    attached("mem", "DIR", |s, v| {
        s.mem = Some(v.map(path).or(s.mem.take().flatten()));
    })
    .env("MTR_MEM")
    .help("keep the vardir in memory, in DIR if it is given")
    .more(
        "Without DIR the first of `$MTR_MEM`, `/run/shm`, `/dev/shm` and `/tmp` that can be written is used. \
         The variable switches the option on, whatever it holds.",
    ),
    flag("clean-vardir", |s| s.clean_vardir = true)
        .env_nonzero("MTR_CLEAN_VARDIR")
        .help("empty the vardir after a run without failures"),
    text("client-bindir", "DIR", |s, v| {
        s.client_bindir = some_path(v);
        Ok(())
    })
    .help("take the client programs from DIR"),
    text("client-libdir", "DIR", |s, v| {
        s.client_libdir = some_path(v);
        Ok(())
    })
    .help("put DIR first in the library path of the clients"),
    integer("build-thread", "N", |s, n| s.build_thread = Some(small(n)))
        .aliases(&["mtr-build-thread"])
        .env_nonzero("MTR_BUILD_THREAD")
        .env_ignores(|v| v == "auto")
        .worked_out("`auto`: the first that is free, from 300 on")
        .help("use the Nth range of ports")
        .more("The first port is 10000 + N × the size of a range. The variable may also be `auto`."),
    integer("port-base", "PORT", |s, n| s.port_base = Some(small(n)))
        .aliases(&["mtr-port-base"])
        .env_nonzero("MTR_PORT_BASE")
        .env_ignores(|v| v == "auto")
        .worked_out("`auto`")
        .help("use the ports from PORT on")
        .more("PORT is rounded down to a multiple of 10. The variable may also be `auto`."),
    text("port-group-size", "N", |s, v| {
        s.port_group_size = positive("port-group-size", v)?;
        Ok(())
    })
    .env_nonzero("MTR_PORT_GROUP_SIZE")
    .default("30")
    .help("reserve N ports for each worker"),
    text("network", "KIND", |s, v| {
        s.network = match v.as_bytes() {
            b"auto" => Network::Auto,
            b"private" => Network::Private,
            b"host" => Network::Host,
            _ => {
                let text = format!("invalid value '{v}' supplied for option --network");
                return Err(Error::new(text).hint("give auto, private or host"));
            }
        };
        Ok(())
    })
    .ours()
    .default("auto")
    .help("let the servers listen in the network of the host, or in a private one: auto, private or host")
    .more(
        "Nobody outside of a run reaches servers in its private network, which has a loopback interface and nothing \
         else. `auto` is private where root runs tests and the system allows it; elsewhere, and for `--start` and its \
         relatives, `--extern`, debuggers with a terminal of their own and tests that need a service of the network, it is \
         that of the host. For a run of root in the network of the host a warning says what others may do, unless \
         `host` was given. See `reliability.md`.",
    ),
    text("user", "NAME", |s, v| {
        s.user = utf8("user", v)?;
        Ok(())
    })
    .default("root")
    .help("connect to the servers as the user NAME"),
    integer("open-files-limit", "N", |s, n| s.open_files_limit = n)
        .default("1024")
        .help("let mysqltest open N files")
        .more("Servers and helper programs always get 1024."),
    integer("max-connections", "N", |s, n| s.max_connections = some_nonzero(n))
        .help("let mysqltest hold N connections open"),
];

const SERVERS: &[Opt] = &[
    list("mysqld", "OPTION", |s, v| s.mysqld.push(v.into()))
        .help("start every server with OPTION; may be repeated")
        .more(
            "OPTION is one argument and may start with a dash. An argument that starts with `--skip-` and is no \
             option of this program goes to the servers too, without this option.",
        ),
    list("mariadbd", "OPTION", |s, v| s.mysqld.push(v.into())).help("the same as --mysqld"),
    list("mysqld-env", "NAME=VALUE", |s, v| s.mysqld_env.push(v.into()))
        .help("set a variable in the environment of the servers; may be repeated"),
    list("mariadbd-env", "NAME=VALUE", |s, v| s.mysqld_env.push(v.into())).help("the same as --mysqld-env"),
    pairs("extern", "OPTION=VALUE", |s, key, value| put(&mut s.extern_server, key, value))
        .help("test a server that is already running; may be repeated")
        .more(
            "The pairs say how to connect: `socket`, `port`, `host`, `user`, `password`. Servers are neither \
             started nor checked.",
        ),
    text("defaults-file", "FILE", |s, v| {
        s.defaults_file = some_path(v);
        Ok(())
    })
    .help("use FILE as the configuration template")
    .no_effect("the suites' own templates are used"),
    text("defaults-extra-file", "FILE", |s, v| {
        s.defaults_extra_file = some_path(v);
        Ok(())
    })
    .help("append FILE to the configuration")
    .no_effect("the suites' own templates are used"),
];

const AUTHORING: &[Opt] = &[
    flag("record", |s| s.record = true)
        .help("write the result file of the named tests instead of comparing")
        .more("Needs the name of a test, and runs one test at a time."),
    negatable("check-testcases", |s, on| s.check_testcases = on)
        .help("look for what a test leaves behind in the server"),
    negatable("warnings", |s, on| s.warnings = on).help("fail a test that puts warnings into an error log"),
    flag("mark-progress", |s| s.mark_progress = true).help("log the time of each command of a test"),
];

const OUTPUT: &[Opt] = &[
    counter("verbose", |s| &mut s.verbose).aliases(&["v"]).help("say more; up to three times"),
    flag("verbose-restart", |s| s.verbose_restart = true).help("say why a server is restarted"),
    negatable("timer", |s, on| s.timer = on).help("show how long each test took"),
    flag("timestamp", |s| s.timestamp = true).help("put the time before each result"),
    flag("timediff", |s| s.timediff = true).help("with --timestamp: add the time since the last one"),
    text("comment", "TEXT", |s, v| {
        s.comment = Some(utf8("comment", v)?);
        Ok(())
    })
    .help("print TEXT before the run"),
    flag("report-times", |s| s.report_times = true).help("report the time spent in each phase of the run"),
    integer("tail-lines", "N", |s, n| s.tail_lines = small(n))
        .default("20")
        .help("show the last N lines of the result of a failed test"),
    flag("result-file", |s| s.result_file = true)
        .env_nonzero("MTR_RESULT_FILE")
        .help("write the results to `mtr-results.txt` in the vardir"),
    text("xml-report", "FILE", |s, v| {
        s.xml_report = some_path(v);
        Ok(())
    })
    .help("write the results to FILE in the XML of mysql-test-run.pl"),
    text("junit", "FILE", |s, v| {
        s.junit = Some(path(v));
        Ok(())
    })
    .ours()
    .help("write the results to FILE as JUnit XML"),
    text("events", "FILE", |s, v| {
        s.events = Some(path(v));
        Ok(())
    })
    .ours()
    .help("write every event of the run to FILE, one JSON object per line; with - to the standard output, and the console to the standard error"),
];

const START_MODES: &[Opt] = &[
    flag("start", |s| s.start = true)
        .help("start the servers of the first test, run nothing, wait until they end"),
    flag("start-and-exit", |s| s.start_and_exit = true)
        .help("start the servers of the first test, leave them running"),
    flag("start-dirty", |s| s.start_dirty = true).help("like --start, on the data of the last run"),
    flag("user-args", |s| s.user_args = true)
        .help("with a start option: give the servers no options but those of --mysqld"),
    flag("wait-all", |s| s.wait_all = true).help("with a start option: wait until all servers have ended"),
];

const DEBUGGING: &[Opt] = &[
    flag("debug", |s| s.debug = true)
        .help("write trace files of servers and clients; needs a debug build")
        .more("The time-outs of tests and run become seven days, and failing tests are not tried again."),
    flag("debug-common", |s| s.debug_common = true).help("like --debug, with the most used keywords only"),
    flag("debug-server", |s| s.debug_server = true).help("like --debug, for servers only"),
    time("debug-sync-timeout", "SECONDS", |s, n| s.debug_sync_timeout = Duration::from_secs(n))
        .default("300")
        .help("limit the waits of debug sync points in the server to SECONDS; 0 switches them off"),
    flag("gcov", |s| s.gcov = true).help("collect coverage with gcov; needs a source tree"),
    flag("gprof", |s| s.gprof = true)
        .help("profile the servers with gprof")
        .no_effect("this program does not run gprof; use perf on a running server"),
    flag("core-on-failure", |s| s.core_on_failure = true)
        .help("make the servers dump core when a test fails"),
    integer("max-save-core", "N", |s, n| s.max_save_core = small(n))
        .env("MTR_MAX_SAVE_CORE")
        .default("5")
        .help("keep at most N core files"),
    integer("max-save-datadir", "N", |s, n| s.max_save_datadir = small(n))
        .env("MTR_MAX_SAVE_DATADIR")
        .default("20")
        .help("keep the data directories of at most N failed tests"),
    integer("keep-runs", "N", |s, n| s.keep_runs = small(n))
        .ours()
        .default("0")
        .help("keep the vardirs of the last N runs, as VAR.1, VAR.2 and so on")
        .more("They are moved when the next run begins. The vardir has to be a plain directory, no link and no mount point."),
    optional("print-core", "FORMAT", |s, v| {
        s.print_core = utf8("print-core", v)?;
        Ok(())
    })
    .aliases(&["C"])
    .env("MTR_PRINT_CORE")
    .env_ignores(|v| !v.to_str().is_ok_and(is_core_format))
    .default("medium")
    .help("print core files as FORMAT: short, medium, detailed, custom:COMMANDS or no"),
    text("print-method", "PROGRAM", |s, v| {
        s.print_method = utf8("print-method", v)?;
        Ok(())
    })
    .default("auto")
    .help("read core files with PROGRAM: gdb, dbx, lldb or auto"),
    text("sanitizer", "NAME", |s, v| {
        let name = utf8("sanitizer", v)?;
        if !SANITIZERS.contains(&name.as_str()) {
            return Err(Error::new(format!("unknown sanitizer '{name}'")).hint(SANITIZERS.join(", ")));
        }
        s.sanitizer = Some(name);
        Ok(())
    })
    .ours()
    .help("the servers have a sanitizer: asan, ubsan, lsan, msan or tsan")
    .more(
        "Completes `ASAN_OPTIONS`, `UBSAN_OPTIONS`, `LSAN_OPTIONS`, `MSAN_OPTIONS` or `TSAN_OPTIONS`; what they have \
         already stays. It is an error if the server has no such sanitizer, neither linked nor preloaded. Reports are \
         found without this option as well.",
    ),
    text("sanitizer-options", "SET", |s, v| {
        s.sanitizer_options = match v.to_str_lossy().as_ref() {
            "usual" => SanitizerOptions::Usual,
            "buildbot" => SanitizerOptions::Buildbot,
            other => {
                let error = Error::new(format!("unknown options '{other}' for --sanitizer-options"));
                return Err(error.hint("usual, buildbot"));
            }
        };
        Ok(())
    })
    .ours()
    .default("usual")
    .help("which options `--sanitizer` gives: usual or buildbot")
    .more(
        "`buildbot` are those of MariaDB's Buildbot, whose builds with AddressSanitizer have \
         UndefinedBehaviorSanitizer as well: with `asan` or `ubsan` it completes the variables of both. \
         docs/sanitizers.md has both sets.",
    ),
    text("stress", "ARGS", |s, v| {
        s.stress = Some(v.into()).filter(|args: &BString| !args.is_empty());
        Ok(())
    })
    .help("run the stress driver with ARGS, separated by commas")
    .no_effect("the stress driver gets no arguments from this program"),
];

/// The rows of one debugger, for each kind of process.
macro_rules! debuggers {
    ($( $name:literal = $debugger:literal $(, idle: $why:literal)? ;)+) => {
        &[
            $( debugger($name, DebuggerKind::Server, $debugger)
                .help(concat!("run the servers in ", $debugger))$(.no_effect($why))?, )+
            $( debugger(concat!("client-", $name), DebuggerKind::Client, $debugger)
                .help(concat!("run mysqltest in ", $debugger))$(.no_effect($why))?, )+
            $( debugger(concat!("boot-", $name), DebuggerKind::Bootstrap, $debugger)
                .help(concat!("run the server that makes the system tables in ", $debugger))$(.no_effect($why))?, )+
            $( debugger(concat!("manual-", $name), DebuggerKind::Manual, $debugger)
                .help(concat!("print how to run the servers in ", $debugger, ", and wait for them"))
                $(.no_effect($why))?, )+
        ]
    };
}

/// ARGS are separated by semicolons: a first one that starts with a dash goes on the debugger's
/// command line, the others are lines of its script (runner §12.5).
const DEBUGGERS: &[Opt] = debuggers! {
    "gdb" = "gdb";
    "ddd" = "ddd";
    "dbx" = "dbx";
    "lldb" = "lldb";
    "valgrind" = "valgrind";
    "valgdb" = "valgdb";
    "strace" = "strace";
    "ktrace" = "strace";
    "rr" = "rr";
    "devenv" = "devenv", idle: "that debugger is for Windows";
    "windbg" = "windbg", idle: "that debugger is for Windows";
    "vsjitdebugger" = "windbg", idle: "that debugger is for Windows";
};

/// Variables without an option (runner §1.6).
pub static ENV_ONLY: &[EnvOnly] = &[EnvOnly {
    name: "MTR_START_TIMEOUT",
    default: 180,
    set: |s, n| s.start_timeout = Duration::from_secs(n),
    short_help: "seconds a server may take to start",
}];

/// What `--sanitizer` knows.
const SANITIZERS: [&str; 5] = ["asan", "ubsan", "lsan", "msan", "tsan"];

/// `--print-core` knows this format. `no` prints nothing.
pub fn is_core_format(format: &str) -> bool {
    matches!(format, "short" | "medium" | "detailed" | "custom" | "no")
        || format.strip_prefix("custom:").is_some_and(|commands| !commands.is_empty())
}

/// `--print-method` knows this program.
pub fn is_core_method(program: &str) -> bool {
    matches!(program, "gdb" | "dbx" | "lldb" | "auto")
}

fn path(value: &BStr) -> PathBuf {
    PathBuf::from(OsStr::from_bytes(value))
}

/// An empty path is no path: the reference tests these values for truth.
fn some_path(value: &BStr) -> Option<PathBuf> {
    (!value.is_empty()).then(|| path(value))
}

fn some_nonzero(number: u64) -> Option<u64> {
    (number != 0).then_some(number)
}

/// A number that the table has found to have 32 bits.
fn small(number: u64) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

/// The ports from 5001 to 32767 (runner §7.4) with one for each worker.
const MOST_WORKERS: usize = 32_767 - 5_001;

/// More minutes than can be counted in seconds are as many as can.
fn minutes(number: u64) -> Duration {
    Duration::from_secs(number.saturating_mul(60))
}

fn utf8(option: &str, value: &BStr) -> Result<String> {
    match value.to_str() {
        Ok(text) => Ok(text.to_owned()),
        Err(cause) => {
            Err(Error::new(format!("the value of --{option} is not UTF-8: {value:?}")).caused_by(cause))
        }
    }
}

/// The elements between commas, kept as they are; trailing empty ones do not count, and nothing at
/// all means the default suites.
fn suites(value: &BStr) -> Result<Option<Vec<String>>> {
    let list = utf8("suite", value)?;
    let list = list.trim_end_matches(',');
    Ok((!list.is_empty()).then(|| list.split(',').map(str::to_owned).collect()))
}

/// What cannot be a number of workers becomes `Fixed(0)`, which [`super::derive`] rejects in its
/// turn: conflicts of other options are reported before it.
///
/// # Errors
/// More workers than there are ports for.
fn parallel(value: &BStr) -> Result<Parallel> {
    if value == "auto" {
        return Ok(Parallel::Auto);
    }
    let is_number = !value.is_empty() && value.iter().all(u8::is_ascii_digit);
    match parse_integer(value).filter(|_| is_number).map_or(Ok(0), usize::try_from) {
        Ok(number) if number <= MOST_WORKERS => Ok(Parallel::Fixed(number)),
        _ => Err(Error::new(format!("invalid value '{value}' supplied for option --parallel"))
            .hint(format!("give `auto` or a whole number from 1 to {MOST_WORKERS}"))),
    }
}

fn positive(option: &str, value: &BStr) -> Result<u16> {
    match value.to_str().ok().and_then(|text| text.parse().ok()) {
        Some(number) if number > 0 => Ok(number),
        _ => Err(Error::new(format!("invalid value '{value}' supplied for option --{option}"))
            .hint(format!("give a whole number from 1 to {}", u16::MAX))),
    }
}

fn put(pairs: &mut Vec<(BString, BString)>, key: &BStr, value: &BStr) {
    match pairs.iter_mut().find(|(known, _)| known == key) {
        Some(pair) => pair.1 = value.into(),
        None => pairs.push((key.into(), value.into())),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::collections::BTreeSet;

    use super::super::getopt::Names;
    use super::super::option::{Action, DefaultValue};
    use super::super::parse::{Invocation, parse};
    use super::super::settings::Settings;
    use super::*;
    use crate::env::Env;

    /// `--list-options` of the runner of MariaDB 10.11.19, sorted.
    const REFERENCE: &str = include_str!("testdata/reference-options.txt");

    fn reference_names() -> impl Iterator<Item = &'static str> {
        REFERENCE.lines().filter_map(|line| line.strip_prefix("--"))
    }

    /// The shortest argument that uses the option under this name, with a value unlike any default.
    fn sample(opt: &Opt, name: &str) -> String {
        match opt.action {
            Action::Ask(_) if name.len() == 1 => format!("-{name}"),
            Action::Flag(_) | Action::Counter(_) | Action::Ask(_) => format!("--{name}"),
            Action::Negatable(_) => format!("--no-{name}"),
            Action::Text(_)
            | Action::Integer(..)
            | Action::Time(_)
            | Action::Attached(_)
            | Action::Debugger(..) => {
                let value = match name {
                    "print-method" => "lldb",
                    "sanitizer" => "asan",
                    "sanitizer-options" => "buildbot",
                    "network" => "host",
                    _ => "7",
                };
                format!("--{name}={value}")
            }
            Action::List(_) | Action::Pairs(_) => format!("--{name}=a=b"),
            Action::Optional(_) => format!("--{name}=short"),
        }
    }

    #[test]
    fn no_name_is_used_twice() {
        let names = Names::new(options());
        let mut seen = BTreeSet::new();
        let letters = options().flat_map(Opt::names).filter(|name| name.len() == 1).map(str::to_owned);
        for name in names.long_names().map(str::to_owned).chain(letters) {
            assert!(seen.insert(name.clone()), "--{name} is there twice");
        }
    }

    #[test]
    fn names_are_plain() {
        for name in options().flat_map(Opt::names) {
            let plain = name.len() == 1
                || name
                    .bytes()
                    .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
            assert!(plain && !name.starts_with('-') && !name.ends_with('-'), "{name}");
        }
    }

    #[test]
    fn every_row_is_documented() {
        for opt in options() {
            assert!(!opt.short_help.is_empty(), "--{} has no help", opt.name);
            assert!(!opt.short_help.ends_with('.'), "--{} has a period in its help", opt.name);
            let sentences = opt.long_help.is_empty() || opt.long_help.ends_with('.');
            assert!(sentences, "--{} has no period in its long help", opt.name);
            let takes_value = !matches!(
                opt.action,
                Action::Flag(_) | Action::Negatable(_) | Action::Counter(_) | Action::Ask(_)
            );
            assert_eq!(takes_value, !opt.value_name.is_empty(), "value name of --{}", opt.name);
        }
    }

    #[test]
    fn every_row_is_understood_and_changes_the_settings() {
        for opt in options() {
            for name in opt.names() {
                let scan = Names::new(options()).scan(&[sample(opt, name).into()]).unwrap();
                assert!(scan.leftovers.is_empty(), "--{name} is not understood");
                assert!(std::ptr::eq(scan.given[0].0, opt), "--{name} is taken for another option");
            }
            let argv = ["mtr", "--start", &sample(opt, opt.name), "x"].map(Into::into).to_vec();
            let plain = ["mtr", "--start", "x"].map(Into::into).to_vec();
            // These are conflicts or change what was given already; their own tests show the rest.
            if ["start", "user-args", "stress", "big-test"].contains(&opt.name) {
                continue;
            }
            match (parse(argv, &Env::default()).unwrap(), parse(plain, &Env::default()).unwrap()) {
                (Invocation::Run(mut with), Invocation::Run(without)) => {
                    with.argv.clone_from(&without.argv);
                    assert_ne!(with, without, "--{} reaches no field", opt.name);
                    assert_eq!(opt.no_effect.is_some(), !with.without_effect.is_empty(), "--{}", opt.name);
                }
                (answer, _) => assert!(matches!(opt.action, Action::Ask(_)), "{answer:?}"),
            }
        }
    }

    #[test]
    fn every_option_of_the_reference_is_accepted() {
        let ours: BTreeSet<&str> = options().flat_map(Opt::names).collect();
        for name in reference_names() {
            assert!(ours.contains(name), "the reference has --{name}");
        }
    }

    #[test]
    fn options_the_reference_lacks_are_marked_ours() {
        let reference: BTreeSet<&str> = reference_names().collect();
        for opt in options() {
            for name in opt.names() {
                assert_eq!(opt.ours, !reference.contains(name), "--{name}");
            }
        }
    }

    #[test]
    fn every_environment_twin_has_an_effect() {
        for opt in options() {
            let Some(twin) = opt.env else { continue };
            let value = if twin.name == "MTR_PRINT_CORE" { "short" } else { "7" };
            let mut env = Env::default();
            env.set(twin.name, value);
            let Invocation::Run(with) = parse(vec!["mtr".into()], &env).unwrap() else { panic!() };
            let Invocation::Run(without) = parse(vec!["mtr".into()], &Env::default()).unwrap() else {
                panic!()
            };
            assert_ne!(with, without, "{}", twin.name);
        }
    }

    #[test]
    fn defaults_are_what_the_option_would_set() {
        for opt in options() {
            if let DefaultValue::Value(value) = opt.default
                && !matches!(opt.action, Action::Negatable(_))
            {
                let argv = vec!["mtr".into(), format!("--{}={value}", opt.name).into()];
                let Invocation::Run(mut settings) = parse(argv, &Env::default()).unwrap() else { panic!() };
                settings.argv.clear();
                settings.given.clear();
                assert_eq!(*settings, Settings::default(), "--{}", opt.name);
            }
        }
    }
}
