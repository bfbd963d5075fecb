//! The servers a worker owns: which must be restarted for a test, starting and stopping them
//! (runner §3.4, §8.3, §9.4 to §9.6).

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bstr::{BStr, BString, ByteSlice};

use crate::case::{ServerOption, TestCase};
use crate::check::errorlog::LogScanner;
use crate::check::session::Session;
use crate::config::external::extern_config;
use crate::config::generate::{Config, ConfigInputs, generate};
use crate::config::ports::PortLease;
use crate::config::server_group::ServerGroup;
use crate::env::Env;
use crate::error::{Error, Result};
use crate::event::{Event, Process, ProcessExit, RestartReason, StopReason, WarningKind, WorkerEvents};
use crate::run::servers::sanitizer_files::SanitizerFiles;
use crate::run::setup::context::Context;
use crate::run::setup::vardir::{self, WorkerDirs};
use crate::server::expect;
use crate::server::options;
use crate::server::process::ServerProcess;
use crate::server::readiness::{self, Readiness};
use crate::sys::child::Exit;
use crate::sys::deadline::deadline_after;
use crate::sys::files;
use crate::sys::poll::Waker;
use crate::sys::removal;
use crate::sys::watch::DirWatch;
use crate::tree::config_file;
use crate::triage::collect::sanitizers::has_log_path;
use crate::triage::crash::is_own_signal;
use crate::triage::evidence::TextFile;
use crate::triage::rules::several_options;

mod launch;
mod memory;

/// A server that ended though nothing in the run had ended it.
#[derive(Debug)]
pub struct Lost {
    /// Its error log.
    pub log: PathBuf,
    /// Which it was and how it ended.
    pub server: String,
    /// When that was.
    pub when: When,
}

/// When a server was lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// Before anybody asked it to end.
    Before,
    /// While it shut down.
    Stopping,
}

/// The servers of one worker and the config they run with.
#[derive(Debug)]
pub struct ServerSet {
    ctx: Arc<Context>,
    /// The worker's directories.
    pub dirs: WorkerDirs,
    /// The worker's environment, with the `[ENV]` group of the current config.
    pub env: Env,
    /// The worker's environment as it was before the first test.
    original_env: Env,
    /// What variables of `[ENV]` were before.
    replaced: Vec<(OsString, Option<OsString>)>,
    lease: Arc<PortLease>,
    config: Option<Config>,
    template: Option<PathBuf>,
    /// The servers of the current config, in its order.
    pub servers: Vec<ServerProcess>,
    /// One scanner per error log; logs are appended to over the whole run.
    pub scanners: BTreeMap<PathBuf, LogScanner>,
    /// Told of new pid files and of expect files.
    pub watch: DirWatch,
    /// What sanitizers of its servers wrote to files of their own.
    sanitizer_files: SanitizerFiles,
    /// Positions of servers that crashed after a test or while they shut down, which nobody has been told yet.
    crashed: BTreeSet<usize>,
    /// Servers that ended between tests and nobody had ended them: the error log, and which it was and how it ended.
    lost: Vec<Lost>,
    /// Positions of servers of whose last death a test's report tells.
    told: BTreeSet<usize>,
    abort: Waker,
    /// Positions of servers whose start was told and whose end was not.
    told_alive: BTreeSet<usize>,
    events: WorkerEvents,
}

/// How long a server in a debugger may take to accept a connection before it gets a signal.
const SHUTDOWN_PATIENCE: Duration = Duration::from_secs(60);

/// Why a test's servers could not be brought up.
#[derive(Debug)]
pub enum BringUpFailure {
    /// A server did not start: its position in [`ServerSet::servers`] and how it failed.
    Server(usize, Readiness),
    /// Something before that: a malformed template, a failing script, a full disk.
    Setup(Error),
    /// There is no memory for them beside the servers of so many other workers.
    NoRoom(Error, usize),
    /// The run is being ended.
    Interrupted,
}

impl From<Error> for BringUpFailure {
    fn from(error: Error) -> Self {
        BringUpFailure::Setup(error)
    }
}

impl From<std::io::Error> for BringUpFailure {
    fn from(error: std::io::Error) -> Self {
        BringUpFailure::Setup(Error::new("waiting for a server failed").caused_by(error))
    }
}

impl ServerSet {
    /// No servers yet.
    ///
    /// # Errors
    /// The system has no inotify instance or watch left, or a directory of the worker cannot be written.
    pub fn new(
        ctx: Arc<Context>,
        dirs: WorkerDirs,
        env: Env,
        lease: Arc<PortLease>,
        abort: Waker,
        events: WorkerEvents,
    ) -> std::io::Result<Self> {
        if ctx.settings.using_extern() {
            let settings = &ctx.settings;
            let (text, _) =
                extern_config(&settings.extern_server, &settings.user, &ctx.layout.charsets_dir, &dirs.tmp);
            files::write(&dirs.my_cnf(), text)?;
        }
        let watch = DirWatch::new()?;
        watch.add(&dirs.run())?;
        watch.add(&dirs.var_tmp())?;
        Ok(ServerSet {
            ctx,
            dirs,
            original_env: env.clone(),
            env,
            replaced: Vec::new(),
            lease,
            config: None,
            template: None,
            servers: Vec::new(),
            scanners: BTreeMap::new(),
            watch,
            sanitizer_files: SanitizerFiles::new(),
            crashed: BTreeSet::new(),
            lost: Vec::new(),
            told: BTreeSet::new(),
            abort,
            told_alive: BTreeSet::new(),
            events,
        })
    }

    /// What all workers share.
    pub fn context(&self) -> &Context {
        &self.ctx
    }

    /// The build thread and ports of this worker.
    pub fn lease(&self) -> &PortLease {
        &self.lease
    }

    /// Positions of the `mysqld.*` servers that run.
    pub fn running(&self) -> Vec<usize> {
        (0..self.servers.len()).filter(|i| self.servers[*i].is_running()).collect()
    }

    /// The options `case` gives to `group`, variables replaced.
    fn options_for(&self, case: &TestCase, group: &ServerGroup) -> Vec<ServerOption> {
        let list = if group.uses_slave_options() { &case.slave_opt } else { &case.master_opt };
        options::expand_all(list, &self.env)
    }

    fn timezone_for(&self, case: &TestCase) -> Option<BString> {
        case.timezone.as_ref().map(|zone| options::expand(zone.as_bstr(), &self.env))
    }

    /// Why the server at `i` cannot serve `case` as it runs; `None` if it can (runner §3.4).
    fn restart_reason(&self, i: usize, case: &TestCase) -> Option<RestartReason> {
        let server = &self.servers[i];
        if self.ctx.settings.force_restart {
            return Some(RestartReason::Forced);
        }
        if self.template.as_deref() != Some(case.template.as_path()) {
            return Some(RestartReason::Configuration);
        }
        if case.master_sh.is_some() || case.slave_sh.is_some() {
            return Some(RestartReason::ShellScript);
        }
        let Some(with) = server.started.as_ref().filter(|_| server.is_running()) else {
            return Some(RestartReason::NotStarted);
        };
        if with.timezone != self.timezone_for(case) {
            return Some(RestartReason::Timezone);
        }
        let wanted = self.options_for(case, &server.group);
        if !options::same(&with.options, &wanted) || !with.restart_options.is_empty() {
            let mut now = with.options.clone();
            now.extend(with.restart_options.iter().cloned());
            return Some(RestartReason::Options {
                wanted: options::joined(&wanted),
                running: options::joined(&now),
            });
        }
        None
    }

    /// Stops what cannot serve `case`, and tells why; whether there was any.
    ///
    /// # Errors
    /// A server cannot be stopped.
    pub fn stop_unfit(&mut self, case: &TestCase) -> Result<bool> {
        let mut unfit = Vec::new();
        for i in 0..self.servers.len() {
            // An exit nobody has looked at yet counts as not running.
            self.take_exit(i)?;
            if let Some(reason) = self.restart_reason(i, case) {
                let process = self.process_at(i);
                self.events.tell(|worker, id| Event::ServerUnfit { worker, id, process, reason });
                unfit.push(i);
            }
        }
        self.stop(&unfit, self.grace(), StopReason::Unfit)?;
        Ok(!unfit.is_empty())
    }

    /// How long a graceful shutdown may take.
    pub fn grace(&self) -> Duration {
        self.ctx.settings.shutdown_timeout
    }

    /// Stops the servers at the given positions, the last one first: a replica before its primary,
    /// so that it does not log the loss of its connection (runner §9.6, §15).
    ///
    /// # Errors
    /// A server cannot be stopped.
    pub fn stop(&mut self, which: &[usize], grace: Duration, why: StopReason) -> Result<()> {
        for &i in which.iter().rev() {
            self.take_exit(i)?;
            if !self.servers[i].is_running() {
                continue;
            }
            self.ask_to_shut_down(i, grace);
            self.learn_cost(i);
            let server = &mut self.servers[i];
            let name = server.group.name().to_string();
            let stopped = server.stop(grace);
            let by_others =
                stopped.map_err(|error| Error::new(format!("cannot stop {name}")).caused_by(error))?;
            self.note_crash(i);
            if let Some(exit) = by_others {
                self.note_lost(i, exit, When::Stopping);
            }
            self.tell_stopped(i, why);
        }
        Ok(())
    }

    /// Tells a server that runs in a debugger to shut down, by SQL: a signal would end the debugger,
    /// or stop in it. Any other server gets its signal from [`ServerProcess::stop`].
    fn ask_to_shut_down(&mut self, i: usize, grace: Duration) {
        let socket = self.servers[i].group.socket();
        let wrapped = self.ctx.settings.debugger.is_some() && self.servers[i].is_running();
        if !wrapped || grace.is_zero() || !socket.exists() {
            return;
        }
        let deadline = deadline_after(grace.min(SHUTDOWN_PATIENCE));
        if let Ok(mut session) = Session::open(&socket, &self.ctx.settings.user, deadline) {
            let refused = session.query("SHUTDOWN").is_err_and(|error| error.code().is_some());
            drop(session);
            // The answer may be lost with the connection; what counts is the end of the process.
            if !refused {
                let _ = self.servers[i].await_exit(grace);
            }
        }
    }

    /// Stops all servers.
    ///
    /// # Errors
    /// A server cannot be stopped.
    pub fn stop_all(&mut self, grace: Duration, why: StopReason) -> Result<()> {
        let all: Vec<usize> = (0..self.servers.len()).collect();
        self.stop(&all, grace, why)
    }

    /// Kills all servers at once.
    ///
    /// # Errors
    /// A server cannot be killed.
    pub fn kill_all(&mut self) -> Result<()> {
        for server in &mut self.servers {
            let name = server.group.name().to_string();
            server.kill().map_err(|error| Error::new(format!("cannot kill {name}")).caused_by(error))?;
        }
        for i in 0..self.servers.len() {
            self.tell_stopped(i, StopReason::RunEnd);
        }
        Ok(())
    }

    /// Takes an exit that nobody has looked at yet. Without an expect file a crash among them was not wanted.
    fn take_exit(&mut self, i: usize) -> Result<()> {
        let server = &mut self.servers[i];
        let exit = server.take_exit().map_err(|error| {
            Error::new(format!("cannot wait for {}", server.group.name())).caused_by(error)
        })?;
        if let Some(exit) = exit {
            let expected = self.expect_file(i).exists();
            if !expected {
                self.note_crash(i);
                self.note_lost(i, exit, When::Before);
            }
            self.tell_stopped(i, if expected { StopReason::Expected } else { StopReason::Died });
        }
        Ok(())
    }

    /// The server at `i` as events name it.
    pub fn process_at(&self, i: usize) -> Process {
        let server = &self.servers[i];
        Process {
            server: server.group.name().to_string(),
            pid: server.last_pid.map(i32::unsigned_abs),
            exit: server.last_exit.map(|(exit, _)| match exit {
                Exit::Code(status) => ProcessExit::Status(status),
                Exit::Signal { number, .. } => ProcessExit::Signal(number),
            }),
        }
    }

    /// Tells that the process of the server at `i` is gone, once, if it is.
    pub fn tell_stopped(&mut self, i: usize, why: StopReason) {
        if self.servers[i].is_running() || !self.told_alive.remove(&i) {
            return;
        }
        self.ctx.memory.ended(self.events.worker(), i);
        let (process, lived) = (self.process_at(i), self.servers[i].last_exit.map(|(_, lived)| lived));
        self.events.tell(|worker, id| Event::ServerStopped { worker, id, process, why, lived });
    }

    /// Remembers that the server at `i`, which has just ended, did so by a signal of its own.
    fn note_crash(&mut self, i: usize) {
        let server = &self.servers[i];
        if let Some((Exit::Signal { number, .. }, _)) = server.last_exit
            && is_own_signal(number)
            && !server.aborted
        {
            self.crashed.insert(i);
        }
    }

    /// Remembers that the server at `i` is found to have ended, which is news unless it is told as a crash.
    fn note_lost(&mut self, i: usize, exit: Exit, when: When) {
        let server = &self.servers[i];
        if !self.crashed.contains(&i) && !self.told.contains(&i) && !server.aborted {
            let pid = server.last_pid.map(|pid| format!(" (pid {pid})")).unwrap_or_default();
            let server = format!("{}{pid} ended with {exit}", server.group.name());
            self.lost.push(Lost { log: self.servers[i].group.log_error(), server, when });
        }
    }

    /// Servers that ended between tests, once each.
    pub fn take_lost(&mut self) -> Vec<Lost> {
        std::mem::take(&mut self.lost)
    }

    /// A test's report tells why the server at `i` died: it is no news when the servers stop.
    pub fn note_told(&mut self, i: usize) {
        self.told.insert(i);
    }

    /// Whether a test's report tells why the server at `i`, which has not been started since, died.
    pub fn is_told(&self, i: usize) -> bool {
        self.told.contains(&i)
    }

    /// Positions of the servers that crashed after a test or while they shut down, once each.
    pub fn take_crashed(&mut self) -> BTreeSet<usize> {
        std::mem::take(&mut self.crashed)
    }

    /// Makes the config of `case` if no server runs; otherwise the old one stays (runner §9.4).
    ///
    /// # Errors
    /// The template cannot be read or says what has no meaning, or files of the last servers cannot be removed.
    pub fn configure(&mut self, case: &TestCase) -> Result<Vec<String>> {
        if self.servers.iter().any(ServerProcess::is_running) {
            return Ok(Vec::new());
        }
        let ctx = self.ctx.clone();
        if !ctx.settings.start_dirty {
            for server in &self.servers {
                removal::remove(&self.dirs.var.join(server.group.name().to_path_lossy()))?;
            }
            vardir::empty(&self.dirs.var_tmp())?;
            if self.dirs.tmp != self.dirs.var_tmp() {
                vardir::empty(&self.dirs.tmp)?;
            }
        }
        self.config = None;
        self.template = None;
        for i in 0..self.servers.len() {
            self.tell_stopped(i, StopReason::Died);
        }
        self.servers.clear();
        self.crashed.clear();
        self.told.clear();
        for (name, value) in self.replaced.drain(..).rev() {
            match value {
                Some(value) => self.env.set(name, value),
                None => self.env.remove(name),
            };
        }
        let template = config_file::read(&case.template, &ctx.layout.test_dir)?;
        let config = generate(&ConfigInputs {
            template: &template,
            template_path: &case.template,
            layout: &ctx.layout,
            vardir: &self.dirs.var,
            tmpdir: &self.dirs.tmp,
            first_port: u32::from(self.lease.base),
            user: &ctx.settings.user,
            optional_plugins: &ctx.facts.optional_plugins,
            env: &self.env,
        })?;
        let ports = config.next_port().saturating_sub(u32::from(self.lease.base));
        if ports > u32::from(self.lease.size) {
            let message =
                format!("this configuration takes {ports} ports, and a worker has {}", self.lease.size);
            return Err(Error::new(message)
                .at(&case.template, None)
                .hint(format!("give --port-group-size={ports}; ports beyond belong to others")));
        }
        let my_cnf = self.dirs.my_cnf();
        files::write(&my_cnf, config.to_bytes()).map_err(|error| Error::io("write", &my_cnf, error))?;
        let mut warnings = config.warnings().to_vec();
        let groups = config.file().option_groups().filter(|group| group.name.starts_with(b"mysqld"));
        for option in groups.flat_map(|group| &group.options) {
            let value = option.value.as_ref().map(|value| value.as_bstr());
            let warning = several_options::warning_of_setting(option.name.as_bstr(), value, &option.location);
            warnings.extend(warning.filter(|text| ctx.said.first_time(text.as_str())));
        }
        for (name, value) in config.environment() {
            if [Some(&name), value.as_ref()].into_iter().flatten().any(|text| text.contains(&0)) {
                let text = format!("the variable {} in [ENV] has a NUL byte", name.escape_bytes());
                return Err(Error::new(text).at(&case.template, None));
            }
            let name = OsString::from_vec(name.into());
            let old = match value {
                Some(value) => self.env.set(name.clone(), OsString::from_vec(value.into())),
                None => {
                    warnings.push(format!(
                        "Uninitialized value for  {}, group [ENV], file  {}",
                        name.display(),
                        case.template.display()
                    ));
                    self.env.remove(&name)
                }
            };
            self.replaced.push((name, old));
        }
        self.servers = config.servers().iter().cloned().map(ServerProcess::new).collect();
        self.config = Some(config);
        self.template = Some(case.template.clone());
        Ok(warnings)
    }

    /// After a failure: what the next test finds is as new, whatever has brought this one down. The servers are ended; their
    /// directories go when the next ones are configured.
    pub fn renew(&mut self) {
        self.ctx.memory.all_ended(self.events.worker());
        self.template = None;
        self.env = self.original_env.clone();
        self.replaced.clear();
    }

    /// Starts every server that does not run and waits until all serve.
    ///
    /// # Errors
    /// A server does not start in time or not at all, what has to come before that fails, or the run is being ended.
    pub fn bring_up(&mut self, case: &TestCase) -> Result<(), BringUpFailure> {
        self.ask_for_memory(case)?;
        let name = case.name();
        let mut started = Vec::new();
        for i in 0..self.servers.len() {
            let log = self.servers[i].group.log_error();
            let fresh = !self.servers[i].is_running();
            self.scanner(&log).mark_test(&name)?;
            if fresh {
                self.scanner(&log).mark_start();
                self.start_for(i, case)?;
                started.push(i);
                // A person, or a slow tracer, starts one server at a time (runner §12.5).
                if self.servers[i].group.wsrep_bootstraps() || self.ctx.settings.debugger.is_some() {
                    self.await_server(i)?;
                }
            }
        }
        for i in started {
            self.await_server(i)?;
        }
        Ok(())
    }

    /// The scanner of an error log.
    pub fn scanner(&mut self, log: &Path) -> &mut LogScanner {
        self.scanners.entry(log.to_path_buf()).or_insert_with(|| LogScanner::new(log.to_path_buf()))
    }

    /// Waits for the server at `i`.
    fn await_server(&mut self, i: usize) -> Result<(), BringUpFailure> {
        let deadline = deadline_after(self.ctx.settings.start_timeout);
        let server = &mut self.servers[i];
        let expect = expect::path(&self.dirs.var_tmp(), &server.group.name().to_str_lossy());
        match readiness::wait(server, &self.watch, &expect, &self.abort, deadline)? {
            Readiness::Ready => {}
            Readiness::EndedAsExpected => {
                self.tell_stopped(i, StopReason::Expected);
                return Ok(());
            }
            Readiness::Interrupted => return Err(BringUpFailure::Interrupted),
            failed => {
                self.tell_stopped(i, StopReason::Died);
                return Err(BringUpFailure::Server(i, failed));
            }
        }
        if self.servers[i].group.wsrep_on()
            && !crate::run::servers::wsrep::wait_ready(&self.servers[i], &self.ctx, &self.abort, deadline)?
        {
            if self.abort.is_awake() {
                return Err(BringUpFailure::Interrupted);
            }
            return Err(BringUpFailure::Server(i, Readiness::TimedOut));
        }
        let process = self.process_at(i);
        if let Some(after) = self.servers[i].process().map(|child| child.started().elapsed()) {
            self.events.tell(|worker, id| Event::ServerReady { worker, id, process, after });
        }
        Ok(())
    }

    /// What sanitizers of its servers have written to files of their own since the last look, by position of the
    /// server.
    pub fn sanitizer_reports(&mut self) -> Vec<(usize, Vec<TextFile>)> {
        let env = self.server_env();
        if !has_log_path(&env) {
            return Vec::new();
        }
        let mut found = Vec::new();
        for (i, server) in self.servers.iter().enumerate() {
            let datadir = server.group.datadir();
            let dirs = [self.ctx.layout.test_dir.as_path(), datadir.as_path()];
            for pid in &server.pids {
                let gained = self.sanitizer_files.gained(&env, *pid, &dirs);
                if !gained.is_empty() {
                    found.push((i, gained));
                }
            }
        }
        found
    }

    /// Woken when the run is being ended.
    pub fn abort(&self) -> &Waker {
        &self.abort
    }

    /// The path of the data directory of the first server, for `MARIADB_DATADIR`.
    pub fn first_datadir(&self) -> Option<PathBuf> {
        self.servers.first().map(|server| server.group.datadir())
    }

    /// The configuration that the servers run with.
    pub fn config(&self) -> Option<&Config> {
        self.config.as_ref()
    }

    /// Warns in the name of the attempt that is made.
    pub fn warn(&self, kind: WarningKind, text: String) {
        self.events.warn(kind, text);
    }

    /// The expect file of the server at `i`.
    pub fn expect_file(&self, i: usize) -> PathBuf {
        expect::path(&self.dirs.var_tmp(), &self.servers[i].group.name().to_str_lossy())
    }

    /// Name of the server at `i`.
    pub fn name(&self, i: usize) -> &BStr {
        self.servers[i].group.name()
    }
}
