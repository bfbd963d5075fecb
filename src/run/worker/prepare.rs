//! What a worker gets before it starts: ports, directories, environment.

use std::path::Path;
use std::sync::Arc;

use bstr::ByteSlice;
use crossbeam_channel::{Receiver, Sender};

use crate::config::environment::{self, VarDirs};
use crate::config::ports::{self, PortChoice, PortRequest};
use crate::env::Env;
use crate::error::{Error, Result};
use crate::event::Event;
use crate::report::Reporters;
use crate::report::layout::worker_prefix;
use crate::run::setup::context::Context;
use crate::run::setup::debugger;
use crate::run::setup::sanitizer;
use crate::run::setup::vardir::Vardir;
use crate::run::worker::handle::{Job, Notice, WorkerHandle};
use crate::run::worker::life::WorkerInputs;
use crate::run::worker::script;
use crate::server::datadir;
use crate::sys::guardian;
use crate::sys::poll::Waker;
use crate::tree::programs::Programs;
use crate::tree::suite_pm::Outcome as SuitePmOutcome;

/// What every worker is made from.
pub struct WorkerFactory<'a> {
    /// Shared by all.
    pub ctx: &'a Arc<Context>,
    /// Client programs.
    pub programs: &'a Programs,
    /// What this program was started with.
    pub env: &'a Env,
    /// The run's directories.
    pub vardir: &'a Vardir,
    /// How many there are.
    pub workers: usize,
}

impl WorkerFactory<'_> {
    /// Ports, directories and environment of worker `number`.
    pub fn prepare(
        &self,
        number: usize,
        suite_pm: &SuitePmOutcome,
        reports: &Sender<Notice>,
        reporters: &mut Reporters,
    ) -> Result<(WorkerInputs, WorkerHandle, Receiver<Job>)> {
        let settings = &self.ctx.settings;
        let choice = match (settings.port_base, settings.build_thread) {
            (Some(base), _) => PortChoice::Base(base),
            (None, Some(thread)) => PortChoice::BuildThread(thread),
            (None, None) => PortChoice::Auto,
        };
        let leased = ports::lease(&PortRequest {
            choice,
            worker: number as u32,
            workers: self.workers as u32,
            size: settings.port_group_size,
            ids: Path::new(ports::UNIQUE_IDS),
        })?;
        for text in leased.messages {
            reporters.message(format!("{}{text}", worker_prefix(Some(number))));
        }
        let lease = leased.lease;
        reporters.event(&Event::WorkerReady {
            worker: number,
            build_thread: lease.build_thread,
            first_port: lease.base,
            last_port: lease.last(),
        });
        let dirs = self.vardir.worker(number, self.workers);
        dirs.create()?;
        let std_data = self.ctx.layout.test_dir.join("std_data");
        if std_data.is_dir() && !settings.using_extern() {
            datadir::copy_std_data(&std_data, &dirs.var.join("std_data"))?;
        }
        let mut env = environment::base(
            settings,
            &self.ctx.layout,
            &self.ctx.facts,
            self.programs,
            self.env,
            &VarDirs {
                root: self.vardir.root.clone(),
                var: dirs.var.clone(),
                tmp: dirs.tmp.clone(),
                build_thread: Some(lease.build_thread),
                parallel: Some(self.workers),
            },
        );
        suite_pm.apply(&mut env);
        debugger::set_environment(settings, &mut env);
        sanitizer::set_environment(settings, &mut env, &self.ctx.layout.test_dir);
        guardian::set_mark(&mut env, &self.ctx.run_mark, number);
        if env.get("MYSQL_TEST_ROOT").is_some() {
            let text = "running this script as _root_ will cause some tests to be skipped";
            reporters.event(&Event::Warning { worker: Some(number), text: text.into() });
        }
        let common = script::common_arguments(self.ctx, &dirs);
        env.set("MYSQL_TEST", script::mysql_test_variable(self.ctx, &common));
        if !settings.using_extern() {
            let (line, sql_file) = {
                let bootstrap = self.ctx.bootstrap(&self.vardir.root, &env);
                (bootstrap.command_line(&self.ctx.install_db())?, bootstrap.sql_file())
            };
            env.set("MYSQL_BOOTSTRAP_SQL_FILE", sql_file);
            if env.get("MYSQLD_BOOTSTRAP_CMD").is_none() {
                env.set("MYSQLD_BOOTSTRAP_CMD", line.to_os_str_lossy().into_owned());
            }
        }
        let abort = Waker::new().map_err(|error| Error::new("cannot create an eventfd").caused_by(error))?;
        let (jobs, inbox) = crossbeam_channel::unbounded();
        let handle =
            WorkerHandle { jobs: Some(jobs), abort: abort.clone(), holds: None, alive: true, idle: false };
        let inputs =
            WorkerInputs { ctx: self.ctx.clone(), number, dirs, env, lease, abort, reports: reports.clone() };
        Ok((inputs, handle, inbox))
    }
}
