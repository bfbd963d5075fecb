//! Collects what is known of a server that did not start, for `triage` to explain.

use std::sync::Arc;

use crate::run::autopsy::gdb;
use crate::run::servers::set::ServerSet;
use crate::server::process::ServerProcess;
use crate::server::readiness::Readiness;
use crate::sys::child::Exit;
use crate::triage::collect::{self, Subject, log_file, settings};
use crate::triage::diagnosis::Diagnosis;
use crate::triage::evidence::{Evidence, ExitKind, LogPart, OtherServer, Stage};
use crate::triage::rules::judge;

impl ServerSet {
    /// Why the server at `i`, which failed as `how` says, did not start.
    pub fn diagnose_start(&self, i: usize, how: Readiness) -> Diagnosis {
        let exit = match how {
            Readiness::Died(Exit::Code(status)) => ExitKind::Status(status),
            Readiness::Died(Exit::Signal { number, .. }) => ExitKind::Signal(number),
            _ => ExitKind::Running,
        };
        let server = &self.servers[i];
        let patience = self.context().settings.start_timeout;
        let mut evidence = self.evidence(i);
        evidence.stage = Stage::Start;
        evidence.lived = Some(server.last_exit.map_or(patience, |(_, lived)| lived));
        evidence.exit = exit;
        evidence.timed_out = how == Readiness::TimedOut;
        if let (ExitKind::Running, Some(child)) = (exit, server.process()) {
            let lines = gdb::threads_of(self.context(), child.pid(), &self.env, &self.dirs.tmp, self.abort());
            evidence.threads = bstr::join("\n", lines).into();
        }
        self.complete(&mut evidence, i);
        self.add_core(&mut evidence, i);
        judge::diagnose(&evidence)
    }

    /// What the runner itself knows of the server at `i`.
    pub fn evidence(&self, i: usize) -> Evidence {
        let server = &self.servers[i];
        let with = server.started.clone().unwrap_or_default();
        let others = self.servers.iter().enumerate().filter(|(other, _)| *other != i);
        Evidence {
            server: server.group.name().to_owned(),
            pid: server.last_pid,
            log: log_file::from_offset(&server.group.log_error(), with.log_offset),
            program: with.program,
            argv: with.args,
            facts: Some(Arc::clone(&self.context().facts)),
            others: others.map(|(_, server)| other(server)).collect(),
            ..Evidence::default()
        }
    }

    /// Adds what the system tells of the server at `i`.
    pub fn complete(&self, evidence: &mut Evidence, i: usize) {
        let env = self.server_env();
        let subject = Subject {
            pid: self.servers[i].last_pid,
            env: Some(&env),
            cwd: &self.context().layout.test_dir,
            // Of the run: directories for temporary files lie beside those of the workers.
            vardir: &self.context().vardir,
            oom_kills_before: self.servers[i].started.as_ref().and_then(|with| with.oom_kills),
        };
        collect::complete(evidence, &subject);
        if let Some(config) = self.config() {
            settings::trace(evidence, &self.dirs.my_cnf(), config.file());
        }
    }
}

fn other(server: &ServerProcess) -> OtherServer {
    OtherServer {
        server: server.group.name().to_owned(),
        port: Some(server.group.port()),
        socket: Some(server.group.socket()),
        datadir: Some(server.group.datadir()),
        server_id: server.group.value("server-id").and_then(|id| id.to_string().parse().ok()),
        pid: server.process().map(|child| child.pid()),
        log: match &server.started {
            Some(with) => log_file::from_offset(&server.group.log_error(), with.log_offset),
            None => LogPart { path: server.group.log_error(), ..LogPart::default() },
        },
        notes: Vec::new(),
    }
}
