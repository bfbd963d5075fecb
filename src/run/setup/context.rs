//! What all workers of a run share.

use std::ffi::OsString;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bstr::{BString, ByteSlice};

use crate::case::ServerOption;
use crate::check::errorlog::Patterns;
use crate::check::testcase::ReplicaStatus;
use crate::cli::settings::Settings;
use crate::component::is_below;
use crate::config::server_group::ServerGroup;
use crate::env::Env;
use crate::error::{Error, Result};
use crate::run::setup::debugger::{self, Target};
use crate::run::setup::early_death::{self, Early};
use crate::run::setup::engine::Engine;
use crate::run::setup::gate::Gate;
use crate::run::setup::said::Said;
use crate::run::setup::traces::Traces;
use crate::run::setup::vardir::WorkerDirs;
use crate::server::bootstrap::{Bootstrap, Charset, Wrapper};
use crate::server::datadir::{self, Prepared};
use crate::sys::bounded;
use crate::sys::child::{Child, Exit, Spawn};
use crate::sys::deadline::deadline_after;
use crate::sys::poll::{self, Waker};
use crate::tree::layout::Layout;
use crate::tree::probe::ServerFacts;

/// Settings and facts that do not change while the run lasts.
#[derive(Debug)]
pub struct Context {
    /// The command line.
    pub settings: Settings,
    /// Where everything is.
    pub layout: Layout,
    /// What the server can do.
    pub facts: Arc<ServerFacts>,
    /// `VAR0`.
    pub vardir: PathBuf,
    /// Where bootstrapped data directories are kept from run to run.
    pub bootstrap_cache: Option<PathBuf>,
    /// `$MYSQLD_BOOTSTRAP` or the server.
    pub bootstrap_program: PathBuf,
    /// What makes an error-log line suspicious, and what excuses it.
    pub patterns: Patterns,
    /// What replication state looks like where there is none.
    pub replica_status: ReplicaStatus,
    /// What runs scripts.
    pub engine: Engine,
    /// The run's mark in the environment of its processes (see `sys::guardian`).
    pub run_mark: String,
    /// What debuggers read in core files.
    pub traces: Traces,
    /// Warnings that one worker has given for all.
    pub said: Said,
    /// Who lets servers be started, as long as there is memory.
    pub memory: Gate,
    /// Names were given on the command line: cores are kept uncompressed.
    pub named_tests: bool,
}

impl Context {
    /// Runs a helper program in a process group of its own, to its end or to that of `patience`:
    /// then it is killed, as it is when `abort` is woken.
    ///
    /// # Errors
    /// It cannot be started, or not be waited for.
    pub fn run_program(
        &self,
        program: &Path,
        args: &[OsString],
        env: &Env,
        stdout: File,
        stderr: File,
        (patience, abort): (Duration, Option<&Waker>),
    ) -> Result<Exit> {
        let fail = |error| Error::io("run", program, error);
        let mut child = Child::spawn(Spawn {
            program: program.as_os_str(),
            args,
            env,
            cwd: &self.layout.test_dir,
            stdin: None,
            stdout: Some(stdout),
            stderr: Some(stderr),
            open_files: Some(crate::server::process::SERVER_OPEN_FILES),
            no_core: false,
            detached: false,
        })
        .map_err(fail)?;
        let fds: Vec<_> = std::iter::once(child.fd()).chain(abort.map(Waker::fd)).collect();
        poll::readable(&fds, Some(deadline_after(patience))).map_err(fail)?;
        match child.try_wait().map_err(fail)? {
            Some(exit) => Ok(exit),
            None => child.kill().map_err(fail),
        }
    }

    /// How a data directory is bootstrapped in `vardir`.
    pub fn bootstrap<'a>(&'a self, vardir: &'a Path, env: &'a Env) -> Bootstrap<'a> {
        Bootstrap {
            layout: &self.layout,
            basedir: self.layout.basedir.clone(),
            mariadbd: self.bootstrap_program.clone(),
            system_tables: self.layout.system_tables.clone(),
            by_initialize: self.facts.flavour().bootstrap_by_initialize,
            charset: Charset::of(&self.facts),
            optional_plugins: &self.facts.optional_plugins,
            vardir,
            mysqld_options: &self.settings.mysqld,
            debug: self.settings.debug.then_some("d,*"),
            env,
            cache: self.bootstrap_cache.clone(),
            debugger: self.settings.boot_debugger.as_ref().map(|choice| {
                let wrap = move |program: &Path, args: &[BString], input: &Path| {
                    let test_dir = &self.layout.test_dir;
                    let target = Target { program, args, kind: "bootstrap", input, var: vardir, test_dir };
                    let wrapped = debugger::wrap(choice, target)?;
                    Ok((wrapped.locate()?, wrapped.args))
                };
                Arc::new(wrap) as Arc<Wrapper<'a>>
            }),
            patience: match self.settings.boot_debugger {
                // A person looks on, or a slow tracer.
                Some(_) => Duration::MAX,
                None => self.settings.patience(),
            },
            runner: &bounded::watch,
        }
    }

    /// What is known where a server dies before there is a test.
    pub fn early<'a>(&'a self, env: &'a Env, vardir: &'a Path) -> Early<'a> {
        let cwd = &self.layout.test_dir;
        Early { facts: Some(&self.facts), env, cwd, vardir }
    }

    /// `VAR0/install.db`.
    pub fn install_db(&self) -> PathBuf {
        self.vardir.join("install.db")
    }

    /// Gives a server that is about to start a pristine data directory.
    ///
    /// # Errors
    /// The data directory cannot be copied or bootstrapped; the error tells why the server died.
    pub fn prepare(
        &self,
        group: &ServerGroup,
        options: &[ServerOption],
        env: &Env,
        dirs: &WorkerDirs,
    ) -> Result<Prepared> {
        let datadir = group.datadir();
        if ![&self.vardir, &dirs.var, &dirs.tmp].iter().any(|dir| is_below(&datadir, dir)) {
            let text =
                format!("the data directory of {} is not in the vardir: it would be emptied", group.name());
            return Err(Error::new(text).at(datadir, None).hint(
                "let the suite's my.cnf leave datadir out, or name a directory below $MYSQLTEST_VARDIR",
            ));
        }
        let bootstrap = self.bootstrap(&dirs.var, env);
        datadir::prepare(group, options, &self.install_db(), &bootstrap)
            .map_err(|error| early_death::explain(error, &self.early(env, &dirs.var)))
    }

    /// The value of `--debug-dbug` for a server with `--debug` and `--debug-common` (runner §9.2).
    pub fn debug_dbug(&self, dirs: &WorkerDirs, group: &ServerGroup) -> Option<BString> {
        let what = if self.settings.debug_common {
            "d,query,info,error,enter,exit"
        } else if self.settings.debug || self.settings.debug_server {
            "d,*"
        } else {
            return None;
        };
        let trace = dirs.log().join(format!("{}.trace", group.name().to_str_lossy()));
        let mut value = BString::from(format!("{what}:t:i:A,"));
        value.extend_from_slice(std::os::unix::ffi::OsStrExt::as_bytes(trace.as_os_str()));
        Some(value)
    }
}
