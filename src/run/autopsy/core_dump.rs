//! Core files: where they are, and what a debugger reads in them (runner §9.8).

use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::env::Env;
use crate::run::setup::context::Context;
use crate::run::setup::traces::StackTrace;
use crate::sys::deadline::deadline_after;
use crate::sys::excerpt;
use crate::sys::poll::Waker;
use crate::triage::collect::core_file;

/// Core files below `dir` that are not yet compressed.
pub fn cores(dir: &Path) -> Vec<PathBuf> {
    let mut cores = core_file::below(dir);
    cores.retain(|core| !core_file::is_compressed(core));
    cores
}

/// How long debuggers may look at one core file.
const CORE_PATIENCE: Duration = Duration::from_secs(300);

/// The stack traces in a core file, by the first debugger that can: gdb, then lldb. They may take `patience`, at most
/// five minutes, and are ended when `abort` is woken.
/// `None` with `--print-core=no`, or where no debugger is installed.
pub fn stack_trace(
    ctx: &Context,
    core: &Path,
    program: &Path,
    env: &Env,
    scratch: &Path,
    (patience, abort): (Duration, &Waker),
) -> Option<StackTrace> {
    ctx.traces.of(core, || read_stacks(ctx, core, program, env, scratch, (patience, abort)))
}

fn read_stacks(
    ctx: &Context,
    core: &Path,
    program: &Path,
    env: &Env,
    scratch: &Path,
    (patience, abort): (Duration, &Waker),
) -> Option<StackTrace> {
    let deadline = deadline_after(patience.min(CORE_PATIENCE));
    let (gdb, lldb): (&[&str], &str) = match ctx.settings.print_core.as_str() {
        "no" => return None,
        "short" => (&["bt"], "bt"),
        "detailed" => (&["thread apply all bt full"], "bt all"),
        custom if custom.starts_with("custom:") => (&[], ""),
        _ => (&["thread apply all bt"], "bt all"),
    };
    let custom = ctx.settings.print_core.strip_prefix("custom:");
    let gdb_commands: Vec<&str> = custom.map_or_else(|| gdb.to_vec(), |text| text.split(';').collect());
    for (name, args) in core_file::attempts(core, program, &gdb_commands, lldb) {
        let method = ctx.settings.print_method.as_str();
        if method != "auto" && method != name {
            continue;
        }
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() || abort.is_awake() {
            break;
        }
        let Ok(debugger) = which::which(name) else { continue };
        let out = scratch.join("stacktrace");
        let Ok(file) = File::create(&out) else { continue };
        let Ok(errors) = File::options().write(true).open("/dev/null") else { continue };
        let ended = ctx.run_program(&debugger, &args, env, file, errors, (left, Some(abort)));
        let text = excerpt::head(&out, 0, excerpt::MOST).unwrap_or_default();
        let _ = std::fs::remove_file(&out);
        if ended.is_ok_and(|exit| exit.status() == 0) && !text.is_empty() {
            return Some(StackTrace { debugger: name.to_owned(), text: text.into() });
        }
    }
    None
}
