//! Starting one server of a worker: its data directory, its scripts, its command line and environment
//! (runner §3, §8.3, §12.5).

use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::Arc;

use bstr::{BString, ByteSlice};

use crate::case::{Origin, ServerOption, TestCase};
use crate::config::allocator;
use crate::config::server_group::ServerGroup;
use crate::env::{Env, is_one_word, shell_word};
use crate::error::{Error, Result};
use crate::event::{Event, StartReason, WarningKind};
use crate::run::setup::debugger::{self, Target};
use crate::server::command::{self, CommandInputs};
use crate::server::expect;
use crate::server::options;
use crate::server::process::{Launch, StartedWith, append_to, os_args};
use crate::triage::collect::memory;
use crate::triage::rules::several_options;

use super::{BringUpFailure, ServerSet};

impl ServerSet {
    /// Prepares the data directory of the server at `i` and starts it for `case`.
    pub(super) fn start_for(&mut self, i: usize, case: &TestCase) -> Result<(), BringUpFailure> {
        let group = self.servers[i].group.clone();
        let given = self.options_for(case, &group);
        if !self.ctx.settings.start_dirty {
            self.ctx.prepare(&group, &given, &self.env, &self.dirs)?;
        }
        self.run_before_start(case, &group)?;
        let with =
            StartedWith { options: given, timezone: self.timezone_for(case), ..StartedWith::default() };
        Ok(self.launch(i, with, &group.basedir(), StartReason::Test)?)
    }

    /// Runs `t-master.sh` or `t-slave.sh` where the group asks for it (runner §3).
    fn run_before_start(&mut self, case: &TestCase, group: &ServerGroup) -> Result<(), BringUpFailure> {
        let scripts = [
            case.master_sh.as_ref().filter(|_| group.runs_master_sh()),
            case.slave_sh.as_ref().filter(|_| group.runs_slave_sh()),
        ];
        for script in scripts.into_iter().flatten() {
            let log = append_to(&self.dirs.log().join("sh.log"))?;
            let error_log = log.try_clone().map_err(|error| Error::io("open", &self.dirs.log(), error))?;
            let args = [script.clone().into_os_string()];
            let patience = self.ctx.settings.testcase_timeout;
            let sh = Path::new("/bin/sh");
            let limits = (patience, Some(&self.abort));
            let exit = self.ctx.run_program(sh, &args, &self.env, log, error_log, limits)?;
            if self.abort.is_awake() {
                return Err(BringUpFailure::Interrupted);
            }
            if exit.status() != 0 {
                return Err(Error::new(format!("Failed to execute '{}'", script.display()))
                    .hint(format!("it ended with {exit}"))
                    .into());
            }
        }
        Ok(())
    }

    /// Starts the server at `i` again as its expect file asks: same options, same data.
    ///
    /// # Errors
    /// There is no server program in `bindir`, or it cannot be started.
    pub fn restart(&mut self, i: usize, added: Option<Vec<BString>>, bindir: Option<&Path>) -> Result<()> {
        let Some(mut with) = self.servers[i].started.clone() else { return Ok(()) };
        let file = expect::path(&self.dirs.var_tmp(), &self.servers[i].group.name().to_str_lossy());
        if let Some(added) = added {
            let origin = Arc::new(Origin::ExpectFile(file));
            with.restart_options =
                added.into_iter().map(|text| ServerOption { text, origin: origin.clone() }).collect();
        } else if bindir.is_none() {
            with.restart_options.clear();
        }
        let log = self.servers[i].group.log_error();
        self.scanner(&log).mark_start();
        let base = bindir.map_or_else(|| self.servers[i].group.basedir(), Path::to_path_buf);
        self.launch(i, with, &base, StartReason::ExpectFile)
    }

    fn launch(&mut self, i: usize, mut with: StartedWith, basedir: &Path, why: StartReason) -> Result<()> {
        let ctx = self.ctx.clone();
        let group = self.servers[i].group.clone();
        let my_cnf = self.dirs.my_cnf();
        let debug_dbug = ctx.debug_dbug(&self.dirs, &group);
        let command = command::build(
            &CommandInputs {
                group_suffix: group.suffix(),
                defaults_file: &my_cnf,
                root: rustix::process::geteuid().is_root(),
                user_args: ctx.settings.user_args,
                log_slave_updates: group.logs_slave_updates(),
                debug_sync_timeout: ctx.settings.debug_sync_timeout,
                debug_dbug: debug_dbug.as_ref().map(|text| text.as_bstr()),
            },
            if ctx.settings.user_args { &[] } else { &with.options },
            &with.restart_options,
        );
        if let Some(option) = command.args.iter().find(|option| option.text.contains(&0)) {
            let text = option.text.escape_bytes();
            return Err(Error::new(format!(
                "an option has a NUL byte, which no program can be given: {text}"
            ))
            .hint(format!("it was given by: {}", option.origin)));
        }
        with.program = ctx.layout.server_of(basedir)?;
        with.args = command.args;
        with.oom_kills = memory::oom_kills();
        if ctx.settings.user_args {
            let origin = Arc::new(Origin::CommandLine);
            let own = ctx.settings.mysqld.iter().cloned();
            with.args.extend(own.map(|text| ServerOption { text, origin: origin.clone() }));
        }
        for option in &with.args {
            let warning = several_options::warning(option.text.as_bstr(), &option.origin);
            if let Some(text) = warning.filter(|text| ctx.said.first_time(text.as_str())) {
                self.events.warn(WarningKind::Option, text);
            }
        }
        let mut env = self.server_env();
        match &with.timezone {
            Some(zone) => env.set("TZ", std::ffi::OsStr::from_bytes(zone)),
            None => env.remove("TZ"),
        };
        if ctx.settings.debugger.is_none() {
            allocator::set(&mut env);
        }
        let mut last_command = with.program.as_os_str().to_os_string();
        last_command.push("  ");
        if is_one_word(self.dirs.var.as_os_str()) {
            last_command.push(std::ffi::OsStr::from_bytes(&options::joined(&with.args)));
        } else {
            // Tests give it to a shell.
            let words = with.args.iter().map(|option| shell_word(std::ffi::OsStr::from_bytes(&option.text)));
            let words: Vec<_> = words.map(|word| word.into_owned()).collect();
            last_command.push(words.join(std::ffi::OsStr::new(" ")));
        }
        self.env.set("MYSQLD_LAST_CMD", last_command);
        let (program, args) = match &ctx.settings.debugger {
            Some(choice) => {
                let server_args: Vec<BString> = with.args.iter().map(|option| option.text.clone()).collect();
                let wrapped = debugger::wrap(
                    choice,
                    Target {
                        program: &with.program,
                        args: &server_args,
                        kind: &group.name().to_str_lossy(),
                        input: Path::new("/dev/null"),
                        var: &self.dirs.var,
                        test_dir: &ctx.layout.test_dir,
                    },
                )?;
                if choice.manual {
                    self.events.send(Event::StartByHand {
                        worker: self.events.worker(),
                        server: group.name().to_string(),
                        debugger: choice.name.clone(),
                        command: wrapped.typed,
                    });
                    return self.servers[i].expect_foreign(with);
                }
                (wrapped.locate()?, wrapped.args)
            }
            None => (with.program.clone(), os_args(&with.args)),
        };
        self.told.remove(&i);
        self.servers[i].start(Launch {
            program: &program,
            args,
            with,
            env: &env,
            cwd: &ctx.layout.test_dir,
            no_core: command.skip_core_file,
            detached: ctx.settings.start_and_exit,
        })?;
        self.told_alive.insert(i);
        self.ctx.memory.started(self.events.worker(), i, self.servers[i].last_pid);
        let process = self.process_at(i);
        self.events.tell(|worker, id| Event::ServerStarted { worker, id, process, why });
        Ok(())
    }

    /// The environment of servers: the worker's, with `--mysqld-env`.
    pub fn server_env(&self) -> Env {
        let mut env = self.env.clone();
        for (name, value) in self.ctx.settings.server_variables() {
            env.set(name, value);
        }
        env
    }
}
