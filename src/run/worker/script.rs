//! The program that runs a test's script: its arguments, outputs and verdict codes (runner §10.1, §10.2).

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use bstr::{BString, ByteSlice};

use crate::case::{ResultFile, SuiteKind, TestCase};
use crate::component::component;
use crate::env::Env;
use crate::error::{Error, Result};
use crate::run::setup::context::Context;
use crate::run::setup::debugger::{self, Target};
use crate::run::setup::vardir::WorkerDirs;
use crate::run::worker::whereabouts;
use crate::server::process::append_to;
use crate::sys::argument::argument;
use crate::sys::child::{Child, Spawn};
use crate::sys::excerpt;
use crate::sys::files;
use crate::sys::removal;

/// The script's exit status for "skip this test".
pub const SKIP: i32 = 62;

/// More bytes than any number of milliseconds has.
const MOST_OF_TIMER: u64 = 64;

/// A result file ready to be compared with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExpectedResult(pub PathBuf);

/// Finds what the script's output is compared with; applies the `.rdiff` where there is one.
///
/// # Errors
/// A result file cannot be read, its `.rdiff` does not apply, or the patched result not be written.
pub fn expected(result: Option<&ResultFile>, dirs: &WorkerDirs) -> Result<Option<ExpectedResult>> {
    let Some(result) = result else { return Ok(None) };
    let Some(rdiff) = &result.rdiff else { return Ok(Some(ExpectedResult(result.base.clone()))) };
    let read =
        |path: &Path| files::read(path, files::MOST_OF_TEXT).map_err(|error| Error::io("read", path, error));
    let patched = crate::grammar::rdiff::apply(&read(&result.base)?, &read(rdiff)?, rdiff)?;
    let path = patched_result(dirs, rdiff);
    if let Some(dir) = path.parent() {
        std::fs::create_dir_all(dir).map_err(|error| Error::io("create", dir, error))?;
    }
    files::write(&path, patched).map_err(|error| Error::io("write", &path, error))?;
    Ok(Some(ExpectedResult(path)))
}

/// Where the result that `rdiff` makes from its base is put, and where `--record` writes it.
pub fn patched_result(dirs: &WorkerDirs, rdiff: &Path) -> PathBuf {
    let mut name = rdiff.file_stem().unwrap_or_default().to_os_string();
    name.push(".result");
    dirs.var.join("results").join(name)
}

/// Deletes what an earlier run of the test left beside its result file (runner §3):
/// the reference takes combination names out of the name first.
pub fn remove_old_outputs(result: Option<&ResultFile>) {
    let Some(result) = result else { return };
    let path = result.rdiff.as_ref().unwrap_or(&result.base);
    let (Some(dir), Some(name)) = (path.parent(), path.file_name()) else { return };
    let name = name.as_bytes();
    let end =
        name.iter().position(|byte| *byte == b',').or_else(|| name.rfind_byte(b'.')).unwrap_or(name.len());
    for extension in ["reject", "progress", "log", "warnings"] {
        let mut file = OsStr::from_bytes(&name[..end]).to_os_string();
        file.push(".");
        file.push(extension);
        let file = dir.join(file);
        if file.exists() {
            // A read-only tree cannot hold old outputs of ours either.
            let _ = removal::remove(&file);
        }
    }
}

/// Arguments that are the same for every test of a worker; `$MYSQL_TEST` is the program and these.
pub fn common_arguments(ctx: &Context, dirs: &WorkerDirs) -> Vec<OsString> {
    let settings = &ctx.settings;
    let mut args = vec![
        argument("--defaults-file=", dirs.my_cnf()),
        if settings.verbose > 1 { "--verbose".into() } else { "--silent".into() },
        argument("--tmpdir=", &dirs.tmp),
        argument("--character-sets-dir=", &ctx.layout.charsets_dir),
        argument("--logdir=", dirs.log()),
    ];
    let mut flag = |on: bool, name: &str| {
        if on {
            args.push(name.into());
        }
    };
    flag(settings.mark_progress, "--mark-progress");
    flag(true, "--database=test");
    flag(settings.ps_protocol, "--ps-protocol");
    flag(settings.sp_protocol, "--sp-protocol");
    flag(settings.view_protocol, "--view-protocol");
    flag(settings.cursor_protocol, "--cursor-protocol");
    flag(settings.non_blocking_api, "--non-blocking-api");
    args.push(argument("--timer-file=", timer_file(dirs)));
    if settings.compress {
        args.push("--compress".into());
    }
    if let Some(seconds) = settings.sleep.map(|sleep| sleep.as_secs()) {
        args.push(format!("--sleep={seconds}").into());
    }
    if settings.ssl {
        args.push("--ssl".into());
    }
    if let Some(n) = settings.max_connections {
        args.push(format!("--max-connections={n}").into());
    }
    args
}

/// The program and [`common_arguments`] joined by blanks, for `$MYSQL_TEST`.
pub fn mysql_test_variable(ctx: &Context, dirs: &WorkerDirs) -> OsString {
    ctx.engine.command_line(&common_arguments(ctx, dirs))
}

/// Where the script writes the milliseconds it took.
pub fn timer_file(dirs: &WorkerDirs) -> PathBuf {
    dirs.log().join("timer")
}

/// Where the script's standard output goes: a script without result file prints there.
pub fn output_file(dirs: &WorkerDirs) -> PathBuf {
    dirs.log().join("current_test.out")
}

/// All arguments for `case`.
fn arguments(
    ctx: &Context,
    dirs: &WorkerDirs,
    case: &TestCase,
    expected: Option<&ExpectedResult>,
) -> Vec<OsString> {
    let settings = &ctx.settings;
    let mut args = common_arguments(ctx, dirs);
    if settings.force > 1 {
        args.push("--continue-on-error".into());
    }
    match &case.suite.parent_dir {
        Some(parent) => {
            args.push(argument("--overlay-dir=", case.suite.dir.join("")));
            args.push(argument("--suite-dir=", parent.join("")));
        }
        None => args.push(argument("--suite-dir=", case.suite.dir.join(""))),
    }
    args.push(argument("--test-file=", &case.path));
    args.push(format!("--tail-lines={}", settings.tail_lines).into());
    if let Some(ExpectedResult(file)) = expected {
        args.push(argument("--result-file=", file));
    }
    args.push(format!("--wait-for-pos-timeout={}", settings.debug_sync_timeout.as_secs()).into());
    if settings.debug {
        let trace = dirs.log().join("mysqltest.trace");
        args.push(argument("--loose-debug=d,info,warning,warnings:t:A,", &trace));
    }
    if ctx.engine.is_ours() {
        args.push("--explain".into());
        if settings.quick_waits {
            args.push("--quick-waits".into());
        }
        args.push(argument("--position-file=", whereabouts::file(dirs)));
    }
    if settings.record {
        args.push("--record".into());
        if expected.is_none() {
            let file = case.suite.result_dir.join(component(&format!("{}.result", case.short_name)));
            args.push(argument("--result-file=", &file));
        }
    }
    args
}

/// Starts the script of `case`.
///
/// # Errors
/// An output file cannot be opened, or the program not be started.
pub fn start(
    ctx: &Context,
    dirs: &WorkerDirs,
    env: &Env,
    case: &TestCase,
    expected: Option<&ExpectedResult>,
) -> Result<Child> {
    // That of an earlier script says nothing of this one.
    let _ = std::fs::remove_file(whereabouts::file(dirs));
    let errors = append_to(&dirs.current_test())?;
    let out = output_file(dirs);
    let output = files::create(&out).map_err(|error| Error::io("create", &out, error))?;
    let (program, args, cwd, stdout) = match case.suite.kind {
        SuiteKind::Unit => {
            // A unit test's output is its report: both streams go to current_test (runner §2.8).
            let both = errors.try_clone().map_err(|error| Error::io("open", &dirs.current_test(), error))?;
            let mut words = case.command.iter().map(|word| OsStr::from_bytes(word).to_os_string());
            let program = PathBuf::from(words.next().unwrap_or_default());
            (program, words.collect(), dirs.var.as_path(), both)
        }
        SuiteKind::Script | SuiteKind::OwnServers => {
            let args = ctx.engine.arguments(arguments(ctx, dirs, case, expected));
            let engine = ctx.engine.program();
            let (program, args) = match &ctx.settings.client_debugger {
                Some(choice) => {
                    let args: Vec<BString> = args.iter().map(|arg| arg.as_bytes().into()).collect();
                    let wrapped = debugger::wrap(
                        choice,
                        Target {
                            program: &engine,
                            args: &args,
                            kind: "client",
                            input: Path::new("/dev/null"),
                            var: &dirs.var,
                            test_dir: &ctx.layout.test_dir,
                        },
                    )?;
                    (wrapped.locate()?, wrapped.args)
                }
                None => (engine.into_owned(), args),
            };
            (program, args, ctx.layout.test_dir.as_path(), output)
        }
    };
    Child::spawn(Spawn {
        program: program.as_os_str(),
        args: &args,
        env,
        cwd,
        stdin: None,
        stdout: Some(stdout),
        stderr: Some(errors),
        open_files: Some(ctx.settings.open_files_limit),
        no_core: false,
        detached: false,
    })
    .map_err(|error| Error::io("run", &program, error))
}

/// The reason a script gave for skipping: text after `reason: ` in the last such line of its report.
pub fn skip_reason(report: &[u8]) -> Option<BString> {
    let line = report.lines().rfind(|line| line.contains_str("reason: "))?;
    let at = line.find("reason: ")? + "reason: ".len();
    Some(line[at..].into())
}

/// The script asked for an analysis: the last `analyze: WORD` of its report (runner §10.7).
pub fn wanted_analysis(report: &[u8]) -> Option<String> {
    report.lines().rev().find_map(|line| {
        let at = line.find("analyze: ")? + "analyze: ".len();
        let word: Vec<u8> =
            line[at..].iter().copied().take_while(|b| b.is_ascii_alphanumeric() || *b == b'_').collect();
        (!word.is_empty()).then(|| String::from_utf8_lossy(&word).into_owned())
    })
}

/// Milliseconds of the timer file.
pub fn timer_ms(dirs: &WorkerDirs) -> Option<u64> {
    let text = excerpt::head(&timer_file(dirs), 0, MOST_OF_TIMER).ok()?;
    text.to_str().ok()?.trim().parse().ok()
}

/// The last `lines` lines of the script's output so far (`VAR/log/<test>.log`).
pub fn log_tail(dirs: &WorkerDirs, case: &TestCase, lines: usize) -> Option<(PathBuf, BString)> {
    let path = dirs.log().join(component(&format!("{}.log", case.short_name)));
    let (text, _) = excerpt::last_lines(&path, lines, excerpt::MOST_OF_LINES).ok()?;
    Some((path, text.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_reason_counts() {
        assert_eq!(skip_reason(b"x\nreason: a\nreason: b c\n"), Some("b c".into()));
        assert_eq!(skip_reason(b"nothing"), None);
    }

    #[test]
    fn an_analysis_is_one_word() {
        assert_eq!(wanted_analysis(b"analyze: sync_with_master\n"), Some("sync_with_master".into()));
        assert_eq!(wanted_analysis(b"analyze: \n"), None);
    }
}
