//! `--gcov`: the test tree's own script forgets old counts before a run and collects them after it
//! (runner §12.6).

use std::fs::File;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::env::Env;
use crate::error::{Error, Result};
use crate::run::setup::context::Context;
use crate::sys::orphans::run_registered;

/// In the test directory of a source tree.
const SCRIPT: &str = "dgcov.pl";

/// Forgets the counts of earlier runs.
///
/// # Errors
/// The script is missing or fails.
pub fn purge(ctx: &Context, env: &Env) -> Result<()> {
    run(ctx, env, "--purge", Stdio::inherit())
}

/// Writes which of the changed lines ran to `VAR0/last_changes.dgcov`.
///
/// # Errors
/// The script is missing or fails, or the file cannot be written.
pub fn generate(ctx: &Context, env: &Env) -> Result<()> {
    let path = ctx.vardir.join("last_changes.dgcov");
    let file = File::create(&path).map_err(|error| Error::io("create", &path, error))?;
    run(ctx, env, "--generate", file.into())
}

fn run(ctx: &Context, env: &Env, what: &str, output: Stdio) -> Result<()> {
    let mut command = Command::new(Path::new(".").join(SCRIPT));
    command.arg(what).current_dir(&ctx.layout.test_dir).env_clear().envs(env.iter());
    command.stdin(Stdio::null()).stdout(output);
    let script = ctx.layout.test_dir.join(SCRIPT);
    let status = run_registered(&mut command).map_err(|error| Error::io("run", &script, error))?;
    if !status.success() {
        return Err(Error::new(format!("{SCRIPT} {what} failed: {status}")).at(script, None));
    }
    Ok(())
}
