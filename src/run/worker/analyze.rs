//! Analysis scripts: what the test tree itself wants to know of the servers after certain failures
//! (runner §10.7).

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::time::Duration;

use bstr::BString;

use crate::error::{Error, Result};
use crate::run::servers::set::ServerSet;
use crate::run::setup::context::Context;
use crate::sys::argument::argument;
use crate::sys::excerpt;
use crate::sys::files;

/// How long an analysis may take: a server that hangs does not answer it either.
const PATIENCE: Duration = Duration::from_secs(60);

/// Runs `include/analyze-<what>.test` on every running server; returns the text for the report.
///
/// # Errors
/// A script cannot be started, or not be waited for.
pub fn run(ctx: &Context, set: &ServerSet, what: &str) -> Result<BString> {
    let mut report = BString::default();
    let script = ctx.layout.test_dir.join(format!("include/analyze-{what}.test"));
    if !script.exists() {
        return Ok(report);
    }
    for i in set.running() {
        let group = &set.servers[i].group;
        let path = set.dirs.var_tmp().join(format!("analyze-{what}-{}.err", group.name()));
        let out = files::create(&path).map_err(|error| Error::io("create", &path, error))?;
        let errors = out.try_clone().map_err(|error| Error::io("open", &path, error))?;
        let suffix: &OsStr = OsStrExt::from_bytes(group.suffix().as_ref());
        let args = [
            argument("--defaults-file=", set.dirs.my_cnf()),
            argument("--defaults-group-suffix=", suffix),
            "--silent".into(),
            argument("--test-file=", &script),
        ];
        let args = ctx.engine.arguments(args.into());
        let program = ctx.engine.program();
        ctx.run_program(&program, &args, &set.env, out, errors, (PATIENCE, Some(set.abort())))?;
        let text = excerpt::head(&path, 0, excerpt::MOST).map_err(|error| Error::io("read", &path, error))?;
        report.extend_from_slice(format!(" == {} ==\n", path.display()).as_bytes());
        report.extend_from_slice(&text);
        report.push(b'\n');
    }
    Ok(report)
}
