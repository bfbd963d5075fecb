//! A debugger that looks at a living process and lets it go.

use std::ffi::OsString;
use std::fs::File;
use std::path::Path;
use std::time::Duration;

use bstr::BString;

use crate::env::Env;
use crate::run::setup::context::Context;
use crate::sys::excerpt;
use crate::sys::poll::Waker;
use crate::triage::threads;

/// How long a debugger may hold a process.
const PATIENCE: Duration = Duration::from_secs(30);

/// Where the threads of the process `pid` are, a few lines; none without gdb, with `--print-core=no`, or where the
/// system forbids a look.
pub fn threads_of(ctx: &Context, pid: i32, env: &Env, scratch: &Path, abort: &Waker) -> Vec<BString> {
    let settings = &ctx.settings;
    if settings.print_core == "no" || !["auto", "gdb"].contains(&settings.print_method.as_str()) {
        return Vec::new();
    }
    let Ok(gdb) = which::which("gdb") else { return Vec::new() };
    let path = scratch.join(format!("threads.{pid}"));
    let (Ok(out), Ok(errors)) = (File::create(&path), File::options().write(true).open("/dev/null")) else {
        return Vec::new();
    };
    let pid = pid.to_string();
    let words = ["--batch", "--quiet", "--nx", "-p", &pid, "-ex", "thread apply all bt"];
    let args: Vec<OsString> = words.iter().map(OsString::from).collect();
    // What it wrote before its time was up is worth as much.
    let _ = ctx.run_program(&gdb, &args, env, out, errors, (PATIENCE, Some(abort)));
    let text = excerpt::head(&path, 0, excerpt::MOST).unwrap_or_default();
    let _ = std::fs::remove_file(&path);
    threads::summary(&text)
}
