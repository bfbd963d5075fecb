//! What a worker gets before it starts: ports, directories, environment.

use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;

use bstr::ByteSlice;
use crossbeam_channel::{Receiver, Sender};

use crate::config::environment::{self, VarDirs};
use crate::config::ports::{self, PortChoice, PortLease, PortRequest};
use crate::env::Env;
use crate::error::{Error, Result};
use crate::event::{Event, WarningKind};
use crate::run::setup::context::Context;
use crate::run::setup::debugger;
use crate::run::setup::vardir::{self, Vardir, WorkerDirs};
use crate::run::worker::handle::{Crew, Job, Made, Notice, WorkerHandle};
use crate::run::worker::life::{Worker, WorkerInputs};
use crate::run::worker::script;
use crate::server::datadir;
use crate::sys::guardian;
use crate::sys::poll::Waker;
use crate::sys::removal;
use crate::tree::programs::Programs;
use crate::tree::suite_pm::SuitePmOutcome;

/// Makes the workers of a run, also anew those that could not go on.
pub struct WorkerFactory<'a> {
    /// Shared by all.
    pub ctx: &'a Arc<Context>,
    /// Client programs.
    pub programs: &'a Programs,
    /// What this program was started with.
    pub env: &'a Env,
    /// What suites change in the environment.
    pub suite_pm: &'a SuitePmOutcome,
    /// The run's directories.
    pub vardir: &'a Vardir,
    /// How many there are at the beginning.
    pub workers: usize,
    /// Where they tell.
    pub reports: Sender<Notice>,
    /// What was made so far.
    pub made: Vec<Place>,
}

/// What stays when a worker is made anew.
#[derive(Debug)]
pub struct Place {
    number: usize,
    lease: Arc<PortLease>,
    thread: Option<JoinHandle<()>>,
}

impl Crew for WorkerFactory<'_> {
    fn make(&mut self, number: usize) -> Result<Made> {
        let mut earlier =
            self.made.iter().position(|place| place.number == number).map(|at| self.made.remove(at));
        if let Some(thread) = earlier.as_mut().and_then(|place| place.thread.take()) {
            // It has told that it is gone: all that is left to it is to return.
            let _ = thread.join();
        }
        let anew = earlier.is_some();
        let mut events = Vec::new();
        let lease = match earlier.map(|place| place.lease).filter(|lease| lease.is_free()) {
            Some(lease) => lease,
            None => Arc::new(self.lease(number, &mut events)?),
        };
        // Where something below fails, the next attempt finds the ports in its place.
        self.made.push(Place { number, lease: lease.clone(), thread: None });
        let (inputs, handle, jobs) = self.prepare(number, lease, anew, &mut events)?;
        let thread = std::thread::Builder::new()
            .name(format!("worker-{number}"))
            .spawn(move || Worker::run(inputs, &jobs))
            .map_err(|error| Error::new("cannot start a worker thread").caused_by(error))?;
        if let Some(place) = self.made.last_mut() {
            place.thread = Some(thread);
        }
        Ok(Made { handle, events })
    }
}

impl WorkerFactory<'_> {
    /// Waits for the end of all threads.
    pub fn join(self) {
        for thread in self.made.into_iter().filter_map(|place| place.thread) {
            // A worker that panicked has told so.
            let _ = thread.join();
        }
    }

    /// Ports for worker `number`.
    fn lease(&self, number: usize, events: &mut Vec<Event>) -> Result<PortLease> {
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
            events.push(Event::Message { worker: Some(number), text: text.into() });
        }
        Ok(leased.lease)
    }

    /// Directories and environment of worker `number`.
    fn prepare(
        &self,
        number: usize,
        lease: Arc<PortLease>,
        anew: bool,
        events: &mut Vec<Event>,
    ) -> Result<(WorkerInputs, WorkerHandle, Receiver<Job>)> {
        let settings = &self.ctx.settings;
        events.push(Event::WorkerReady {
            worker: number,
            build_thread: lease.build_thread,
            first_port: lease.base,
            last_port: lease.last(),
        });
        let dirs = self.vardir.worker(number, self.workers.max(number));
        if anew && !settings.start_dirty && !settings.using_extern() {
            clear(&dirs)?;
        }
        dirs.create()?;
        let std_data = self.ctx.layout.test_dir.join("std_data");
        let copied = anew && dirs.var.join("std_data").is_dir();
        if std_data.is_dir() && !settings.using_extern() && !copied {
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
        self.suite_pm.apply(&mut env);
        debugger::set_environment(settings, &mut env);
        guardian::set_mark(&mut env, &self.ctx.run_mark, number);
        if env.get("MYSQL_TEST_ROOT").is_some() {
            let text = "running this script as _root_ will cause some tests to be skipped";
            let kind = WarningKind::Other;
            events.push(Event::Warning { worker: Some(number), id: None, kind, text: text.into() });
        }
        env.set("MYSQL_TEST", script::mysql_test_variable(self.ctx, &dirs));
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
        let handle = WorkerHandle { jobs: Some(jobs), abort: abort.clone() };
        let (ctx, reports) = (self.ctx.clone(), self.reports.clone());
        let inputs = WorkerInputs { ctx, number, dirs, env, lease, abort, reports, anew };
        Ok((inputs, handle, inbox))
    }
}

/// Removes what the servers and the scripts of an earlier worker left in its directories, but for the logs.
fn clear(dirs: &WorkerDirs) -> Result<()> {
    for dir in [dirs.run(), dirs.var_tmp(), dirs.tmp.clone()] {
        vardir::empty(&dir)?;
    }
    for entry in std::fs::read_dir(&dirs.var).into_iter().flatten().flatten() {
        if entry.file_name().as_encoded_bytes().starts_with(b"mysqld.") {
            removal::remove(&entry.path())?;
        }
    }
    Ok(())
}
