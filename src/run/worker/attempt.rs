//! One attempt at one test, from the first look at the servers to the verdict (runner §10.2).

use std::io::Write as _;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use bstr::{BString, ByteSlice};

use crate::case::{SuiteKind, TestCase};
use crate::error::{Error, Result};
use crate::event::{
    AttemptPhase, Event, FailureKind, Outcome, Phase, Place, Process, StopReason, Verdict, WarningKind,
};
use crate::run::autopsy::test_failure::{Begun, Known};
use crate::run::keep::save;
use crate::run::servers::set::BringUpFailure;
use crate::run::servers::taken_port::taken_port;
use crate::run::setup::debugger;
use crate::run::setup::early_death;
use crate::run::worker::analyze;
use crate::run::worker::checks::{self, CheckFailure, Late};
use crate::run::worker::handle::Job;
use crate::run::worker::life::Worker;
use crate::run::worker::modes;
use crate::run::worker::script;
use crate::run::worker::script_failure;
use crate::run::worker::wait::{self, DownOnPurpose, ScriptEnd};
use crate::run::worker::whereabouts;
use crate::server::process::append_to;
use crate::server::readiness::Readiness;
use crate::sys::abort;
use crate::sys::child::{Child, Exit};
use crate::sys::deadline::deadline_after;
use crate::sys::excerpt;
use crate::sys::removal;
use crate::triage::evidence::TextFile;
use crate::triage::rules::script as script_rules;

/// How long a server may take to write its core after SIGABRT.
const CORE_PATIENCE: Duration = Duration::from_secs(20);

/// How an attempt ended, and what must happen to the servers before the next one.
struct Ended {
    outcome: Outcome,
    /// The servers are to be stopped and their data kept for a look at the failure.
    keep: bool,
}

impl From<Outcome> for Ended {
    fn from(outcome: Outcome) -> Self {
        let keep = outcome.verdict == Verdict::Fail;
        Ended { outcome, keep }
    }
}

/// The report of a set-up that failed; a data directory that a server could not make counts as its failed start.
fn set_up_failed(error: &Error) -> Outcome {
    match early_death::diagnosis_of(error) {
        Some(diagnosis) => Outcome {
            server_log: diagnosis.to_text(),
            diagnoses: vec![diagnosis.clone()],
            ..failed(FailureKind::ServerStart, format!("{error}\n"))
        },
        None => failed(FailureKind::Other, format!("{}\n", error.explained())),
    }
}

impl Worker {
    /// Runs one attempt. Never fails: what goes wrong in the runner fails the test, with the reason.
    /// `None` when the run is being ended and there is no verdict.
    pub fn attempt(&mut self, job: &Job) -> Option<Outcome> {
        let begun = Instant::now();
        let case = &job.case;
        self.restarted = false;
        if let Some(why) = &case.broken {
            let ended_at = crate::sys::local_time::format(std::time::SystemTime::now());
            let place = Some(Place { file: case.path.clone(), line: None });
            return Some(Outcome { ended_at, place, ..failed(FailureKind::ScriptError, format!("{why}\n")) });
        }
        let ended = match self.sequence(case) {
            Ok(Some(ended)) => ended,
            Ok(None) => return None,
            Err(error) => {
                self.end_script_leftovers();
                set_up_failed(&error).into()
            }
        };
        let sequenced = Instant::now();
        let Ended { mut outcome, keep } = ended;
        if outcome.verdict == Verdict::Fail && abort::signal().is_some() {
            // What it waited for was ended with the run: that is no verdict.
            return None;
        }
        if keep {
            if outcome.report.is_empty() {
                outcome.report = self.read_report();
            }
            self.note_missing_output(&mut outcome, case);
            outcome.log_tail =
                script::log_tail(&self.set.dirs, case, 20).map(|(_, tail)| tail).unwrap_or_default();
            if let Err(error) = self.keep_failure(case, outcome.failure) {
                outcome.comment.extend_from_slice(b"\n");
                outcome.comment.extend_from_slice(error.explained().as_bytes());
            }
            self.set.renew();
        }
        self.tell_script_output(case);
        if let Err(error) = self.archive_report() {
            self.events.warn(WarningKind::Keeping, error.chain());
        }
        self.spent(Phase::Administration, sequenced);
        if outcome.verdict == Verdict::Fail {
            outcome.place.get_or_insert_with(|| Place { file: case.path.clone(), line: None });
        }
        outcome.restarted = self.restarted;
        outcome.ended_at = crate::sys::local_time::format(std::time::SystemTime::now());
        outcome.wall = begun.elapsed();
        Some(outcome)
    }

    fn sequence(&mut self, case: &TestCase) -> Result<Option<Ended>> {
        self.enter_test(case)?;
        if case.suite.kind == SuiteKind::OwnServers {
            return Err(Error::new(format!("suite '{}' has servers of its own", case.suite.name))
                .hint("this program starts mariadbd only; start_test and servers of other kinds need mysql-test-run.pl"));
        }
        if !self.ctx.settings.using_extern()
            && let Some(ended) = self.servers_for(case)?
        {
            return Ok(ended);
        }
        if self.ctx.settings.start_only() {
            modes::started(self, case)?;
            return Ok(None);
        }
        let deadline = deadline_after(self.ctx.settings.testcase_timeout);
        script::remove_old_outputs(case.result.as_ref());
        let expected = script::expected(case.result.as_ref(), &self.set.dirs)?;
        if self.checks_states() {
            let begun = Instant::now();
            let phase = self.events.phase(AttemptPhase::CheckBefore);
            let checked = checks::before(self, case, deadline);
            drop(phase);
            self.spent(Phase::CheckTestcase, begun);
            if let Err(failure) = checked {
                self.events.warn(
                    WarningKind::CheckBefore,
                    "Check-testcase failed, this could also be caused by the previous test run by this worker thread",
                );
                return Ok(Some(check_failed(failure).into()));
            }
        }
        let begun = Instant::now();
        let phase = self.events.phase(AttemptPhase::Script);
        let mut down = DownOnPurpose::default();
        let mut child = script::start(&self.ctx, &self.set.dirs, &self.set.env, case, expected.as_ref())?;
        let end = wait::await_script(&mut self.set, &mut child, &self.abort, deadline, &mut down);
        phase.end_of(child.processor_time());
        self.spent(Phase::Execution, begun);
        match end? {
            ScriptEnd::Exited(exit) => {
                drop(child);
                self.end_script_leftovers();
                let judged = self.verdict_of(case, exit.status(), deadline, &down);
                checks::close(std::mem::take(&mut self.sessions));
                self.tell_killed(&down);
                Ok(Some(self.with_script_end(judged?, exit, case)))
            }
            ScriptEnd::ServerDied(i) => {
                child.terminate(crate::server::process::TERM_GRACE).map_err(ending)?;
                self.end_script_leftovers();
                Ok(Some(self.server_died(i, "failed during test run", Begun::Yes).into()))
            }
            ScriptEnd::TimedOut => self.timed_out(case, child, &down).map(|outcome| Some(outcome.into())),
            ScriptEnd::Interrupted => {
                child.kill().map_err(ending)?;
                Ok(None)
            }
        }
    }

    /// Gets the servers ready. `Some` ends the attempt (with `None` inside: without a verdict).
    fn servers_for(&mut self, case: &TestCase) -> Result<Option<Option<Ended>>> {
        let begun = Instant::now();
        self.tell_late_warnings(Late::All);
        let phase = self.events.phase(AttemptPhase::Servers);
        let stopped = self.set.stop_unfit(case);
        self.tell_lost_servers(Some(case));
        if stopped? {
            self.restarted = true;
            self.states.clear();
            self.tell_shutdown_warnings()?;
        }
        for warning in self.set.configure(case)? {
            self.events.warn(WarningKind::Configuration, warning);
        }
        if let Some(datadir) = self.set.first_datadir() {
            self.set.env.set("MARIADB_TOPDIR", datadir.clone());
            self.set.env.set("MARIADB_DATADIR", datadir);
        }
        writeln!(append_to(&self.set.dirs.current_test())?, "CURRENT_TEST: {}", case.name())
            .map_err(|error| Error::io("write", &self.set.dirs.current_test(), error))?;
        let up = self.set.bring_up(case);
        self.tell_late_warnings(Late::BeforeMarker);
        self.suppressions.clear();
        self.spent(Phase::Servers, begun);
        drop(phase);
        match up {
            Ok(()) => Ok(None),
            Err(BringUpFailure::Interrupted) => Ok(Some(None)),
            Err(BringUpFailure::NoRoom(why, others)) => {
                self.no_room = Some((why, others));
                Ok(Some(None))
            }
            Err(BringUpFailure::Setup(error)) => Err(error),
            Err(BringUpFailure::Server(i, how)) if self.is_port_taken(i, how) => Ok(Some(None)),
            Err(BringUpFailure::Server(i, how)) => Ok(Some(Some(self.start_failed(i, how).into()))),
        }
    }

    /// Whether the server at `i` did not start because a process outside of the run took its port; the attempt is given
    /// back then, for other ports.
    fn is_port_taken(&mut self, i: usize, how: Readiness) -> bool {
        let Some(port) = taken_port(&self.set, i) else { return false };
        self.set.note_told(i);
        self.tell_start_failed(i, how);
        // What it complains of is no news when the servers stop.
        let log = self.set.servers[i].group.log_error();
        self.set.scanner(&log).skip_to_end();
        let name = self.set.servers[i].group.name();
        let text = format!("port {port} of {name} was taken by a process outside of this run");
        self.given_back = Some(Error::new(text));
        true
    }

    /// The script ended by itself with `status`.
    fn verdict_of(
        &mut self,
        case: &TestCase,
        status: i32,
        deadline: Instant,
        down: &DownOnPurpose,
    ) -> Result<Ended> {
        let mut outcome = Outcome::default();
        let mut status = status;
        if (status == 0 || status == script::SKIP) && self.checks_warnings() {
            let begun = Instant::now();
            let phase = self.events.phase(AttemptPhase::CheckWarnings);
            let found = checks::warnings(self, case, deadline, down);
            drop(phase);
            self.spent(Phase::CheckWarnings, begun);
            let reports = self.set.sanitizer_reports();
            let found = found.map(|lines| match (lines, sanitizer_lines(&reports)) {
                (lines, None) => lines,
                (lines, Some(told)) => Some([lines.unwrap_or_default(), told].concat().into()),
            });
            match found {
                Ok(None) => {}
                Ok(Some(lines)) => {
                    outcome.diagnoses = self.set.diagnose_warnings(&lines, reports, Some(&case.path));
                    outcome.warnings = lines;
                    if status == 0 {
                        outcome.failure = Some(FailureKind::Warnings);
                        status = 1;
                    }
                }
                Err(failure) => return Ok(check_failed(failure).into()),
            }
        }
        match status {
            0 => {
                self.after_pass(case, &mut outcome, deadline, down)?;
                Ok(outcome.into())
            }
            script::SKIP => {
                self.after_skip(&mut outcome)?;
                Ok(outcome.into())
            }
            1 => {
                if outcome.failure.is_none()
                    && let Some(what) = script::wanted_analysis(&self.read_report())
                {
                    outcome.comment = analyze::run(&self.ctx, &self.set, &what)?;
                }
                if outcome.failure.is_none() {
                    outcome.diagnoses.extend(self.set.diagnose_script(&self.read_report()));
                }
                if outcome.failure.is_none() {
                    let (kind, place) = script_failure::of(&self.read_report(), &case.path);
                    (outcome.failure, outcome.place) = (Some(kind), Some(place));
                }
                Ok(outcome.into())
            }
            65 => Ok(failed(FailureKind::Other, "testprogram crashed(returned code 65)").into()),
            other => {
                let text = format!("mysqltest failed with unexpected return code {other}");
                Ok(failed(FailureKind::Other, text).into())
            }
        }
    }

    fn after_pass(
        &mut self,
        case: &TestCase,
        outcome: &mut Outcome,
        deadline: Instant,
        down: &DownOnPurpose,
    ) -> Result<()> {
        outcome.verdict = Verdict::Pass;
        outcome.timer_ms = script::timer_ms(&self.set.dirs);
        self.tell_recorded(case);
        if self.asks_for_restart("force_restart") {
            return self.stop_servers();
        }
        if !self.checks_states() {
            return Ok(());
        }
        let begun = Instant::now();
        let phase = self.events.phase(AttemptPhase::CheckAfter);
        let checked = checks::after(self, case, deadline, down);
        drop(phase);
        self.spent(Phase::CheckTestcase, begun);
        // What the servers logged while their states were looked at is this test's as well.
        let late = match &checked {
            Ok(_) if self.checks_warnings() => checks::late_warnings(self, &case.name(), deadline, Late::All),
            _ => Ok(None),
        };
        checks::close(std::mem::take(&mut self.sessions));
        let checked = late.and_then(|late| Ok((late, checked?)));
        match checked {
            Ok((Some(lines), report)) => {
                outcome.diagnoses = self.set.diagnose_warnings(&lines, Vec::new(), Some(&case.path));
                outcome.warnings = lines;
                outcome.check_report = report.unwrap_or_default();
                (outcome.verdict, outcome.failure) = (Verdict::Fail, Some(FailureKind::Warnings));
                Ok(())
            }
            Ok((None, None)) => Ok(()),
            Ok((None, Some(report))) => {
                outcome.check_report = report;
                self.stop_servers()
            }
            Err(failure) => {
                let failed = check_failed(failure);
                (outcome.verdict, outcome.failure) = (failed.verdict, failed.failure);
                (outcome.comment, outcome.server_log) = (failed.comment, failed.server_log);
                outcome.diagnoses = failed.diagnoses;
                Ok(())
            }
        }
    }

    fn after_skip(&mut self, outcome: &mut Outcome) -> Result<()> {
        outcome.verdict = Verdict::Skipped;
        outcome.skipped_by_test = true;
        // What the script did before it skipped is not looked at: the next test begins with a look of its own.
        self.states.clear();
        let report = self.read_report();
        outcome.comment = script::skip_reason(&report).unwrap_or_else(|| {
            let file = self.set.dirs.current_test();
            let text = format!("Could not find reason for skipping test in {}", file.display());
            self.events.warn(WarningKind::SkipReason, text);
            "Detected by testcase(reason unknown) ".into()
        });
        // What its lines mean fails no test that is skipped; what it is skipped for want of is told.
        outcome.diagnoses.clear();
        if !self.ctx.settings.using_extern() {
            outcome.diagnoses = self.set.diagnose_skip(&outcome.comment).into_iter().collect();
        }
        if self.asks_for_restart("force_restart_if_skipped") || outcome.comment.starts_with(b"perl not found")
        {
            self.stop_servers()?;
        }
        Ok(())
    }

    /// Whether the test left `<datadir>/mtr/<file>`, its way to ask for new servers.
    fn asks_for_restart(&self, file: &str) -> bool {
        self.set.servers.iter().any(|server| server.group.datadir().join("mtr").join(file).exists())
    }

    /// Stops all servers and tells what they logged while they went down.
    fn stop_servers(&mut self) -> Result<()> {
        self.states.clear();
        let stopped = self.set.stop_all(self.set.grace(), StopReason::AfterTest);
        self.tell_lost_servers(None);
        stopped?;
        self.tell_shutdown_warnings()
    }

    /// Says why the script's program could not: a signal ended it, or our interpreter failed in itself.
    fn with_script_end(&mut self, mut ended: Ended, exit: Exit, case: &TestCase) -> Ended {
        const PANIC: i32 = 101;
        let of_itself = match exit {
            Exit::Code(status) => status != PANIC || !self.ctx.engine.is_ours(),
            Exit::Signal { .. } => false,
        };
        if of_itself || ended.outcome.verdict != Verdict::Fail || case.suite.kind == SuiteKind::Unit {
            return ended;
        }
        let place = whereabouts::read(&self.set.dirs);
        let outcome = &mut ended.outcome;
        outcome.place = place.as_ref().and_then(whereabouts::place);
        outcome.diagnoses.insert(0, self.set.diagnose_script_end(exit, place));
        ended
    }

    /// Says of servers that took too long to shut down that the script killed them, and that a recovery followed: the test may
    /// pass all the same.
    fn tell_killed(&mut self, down: &DownOnPurpose) {
        for (i, place) in &down.killed {
            let server = self.set.name(*i).to_string();
            let log = self.set.servers[*i].group.log_error();
            let lines = self.set.scanner(&log).last_test_lines().ok().flatten().unwrap_or_default();
            let recovery = lines.lines().find(|line| line.contains_str("crash recovery"));
            let followed =
                recovery.map(|line| format!("; a recovery followed: {}", line.as_bstr())).unwrap_or_default();
            let told = script_rules::told(place);
            let text = format!("{server} did not shut down in time, and was killed by {told}{followed}");
            self.events.warn(WarningKind::Other, text);
        }
    }

    fn timed_out(&mut self, case: &TestCase, mut child: Child, down: &DownOnPurpose) -> Result<Outcome> {
        let seconds = self.ctx.settings.testcase_timeout.as_secs();
        // The servers are asked first: after the core dumps nobody answers (runner §15).
        let output = script::log_tail(&self.set.dirs, case, 20).map(|(_, tail)| tail);
        let output = output.as_ref().map(|tail| tail.as_bstr());
        let known = Known { place: whereabouts::read(&self.set.dirs), down: down.servers(&self.set) };
        let place = known.place.as_ref().and_then(whereabouts::place);
        let diagnosis = self.set.diagnose_hang(output, child.pid(), known);
        let analysis = analyze::run(&self.ctx, &self.set, "timeout")?;
        let process =
            Process { server: "mysqltest".into(), pid: Some(child.pid().unsigned_abs()), exit: None };
        self.events.tell(|worker, id| Event::CoreRequested { worker, id, process });
        child.signal_group(rustix::process::Signal::ABORT);
        child.wait(Some(deadline_after(CORE_PATIENCE))).map_err(ending)?;
        child.kill().map_err(ending)?;
        for i in self.set.running() {
            let process = self.set.process_at(i);
            self.events.tell(|worker, id| Event::CoreRequested { worker, id, process });
            // The report of the time-out tells of it; that the server dies of our signal is no crash.
            let log = self.set.servers[i].group.log_error();
            self.set.scanner(&log).ignore_rest();
            self.set.note_told(i);
            self.set.servers[i].abort(CORE_PATIENCE).map_err(ending)?;
            self.set.tell_stopped(i, StopReason::CoreDump);
        }
        self.end_script_leftovers();
        let mut comment = BString::from(format!("Test case timeout after {seconds} seconds\n\n"));
        if let Some((path, tail)) = script::log_tail(&self.set.dirs, case, 20) {
            comment.extend_from_slice(format!("== {} == \n", path.display()).as_bytes());
            comment.extend_from_slice(&tail);
            comment.push(b'\n');
        }
        comment.extend_from_slice(&analysis);
        let diagnoses = diagnosis.into_iter().collect();
        Ok(Outcome { timeout_s: Some(seconds), diagnoses, place, ..failed(FailureKind::Timeout, comment) })
    }

    fn start_failed(&mut self, i: usize, how: Readiness) -> Outcome {
        let server = &self.set.servers[i];
        let comment = match (&self.ctx.settings.debugger, self.set.env.get("MYSQLD_LAST_CMD")) {
            // In a debugger the command is what the user wants to try by hand.
            (Some(_), Some(command)) => {
                format!("Failed to start mysqld {} with command {}\n", server.group.name(), command.display())
            }
            _ => format!("Failed to start {}\n", server.group.name()),
        };
        let diagnosis = self.set.diagnose_start(i, how);
        self.set.note_told(i);
        self.set.sanitizer_reports();
        self.tell_start_failed(i, how);
        let server_log = diagnosis.to_text();
        Outcome { server_log, diagnoses: vec![diagnosis], ..failed(FailureKind::ServerStart, comment) }
    }

    fn tell_start_failed(&self, i: usize, how: Readiness) {
        let server = &self.set.servers[i];
        let pid_file = server.group.pid_file();
        let (waited, timed_out) = match (how, server.last_exit) {
            (Readiness::Died(_), Some((_, lived))) => (lived, false),
            _ => (self.ctx.settings.start_timeout, true),
        };
        let process = self.set.process_at(i);
        self.events.tell(|worker, id| Event::ServerStartFailed {
            worker,
            id,
            process,
            waited,
            timed_out,
            pid_file,
        });
    }

    /// The report of a server that ended although nothing said it should.
    pub fn server_died(&mut self, i: usize, when: &str, begun: Begun) -> Outcome {
        let diagnosis = self.set.diagnose_death(i, begun);
        self.set.note_told(i);
        // What the diagnosis was made of is no news when the servers stop.
        self.set.sanitizer_reports();
        let server = &self.set.servers[i];
        let comment = format!("Server {} {when}\n", server.describe());
        let log = server.group.log_error();
        let lines = self.set.scanner(&log).last_test_lines().ok().flatten().unwrap_or_default();
        let mut text = diagnosis.to_text();
        text.extend_from_slice(b"\nServer log from this test:\n----------SERVER LOG START-----------\n");
        text.extend_from_slice(&lines);
        text.extend_from_slice(b"----------SERVER LOG END-------------\n");
        Outcome { server_log: text, diagnoses: vec![diagnosis], ..failed(FailureKind::ServerDeath, comment) }
    }

    /// After a failure: servers ended, their data kept.
    ///
    /// # Errors
    /// A server cannot be stopped, or its files not be moved.
    pub fn keep_failure(&mut self, case: &TestCase, failure: Option<FailureKind>) -> Result<()> {
        let _phase = self.events.phase(AttemptPhase::Keeping);
        self.states.clear();
        // Valgrind reports at a normal end only; a core of the server is the other thing one may want.
        let reports = debugger::valgrind(&self.ctx.settings)
            && matches!(failure, Some(FailureKind::Warnings | FailureKind::Timeout))
            && !self.ctx.settings.core_on_failure;
        let grace = if reports { self.set.grace() } else { Duration::ZERO };
        self.set.stop_all(grace, StopReason::Failure)?;
        let dir = save::save(&self.set, case)?;
        self.saved = Some(dir);
        Ok(())
    }

    /// The reference's hint where the script said nothing: the last lines of its output.
    fn note_missing_output(&self, outcome: &mut Outcome, case: &TestCase) {
        let silent = !outcome.report.trim().contains(&b'\n');
        let never_ran = matches!(outcome.failure, Some(FailureKind::ServerStart | FailureKind::Warnings));
        // Nobody has to guess where somebody knows.
        let kind = outcome.failure;
        let of_runner = kind == Some(FailureKind::Check)
            || kind == Some(FailureKind::Other) && outcome.report.trim().is_empty();
        let told = of_runner && !outcome.comment.trim().is_empty();
        let known = told || !outcome.diagnoses.is_empty();
        if !silent || never_ran || known {
            return;
        }
        outcome.comment.extend_from_slice(b"mysqltest failed but provided no output\n");
        let lines = self.ctx.settings.tail_lines as usize;
        if let Some((_, tail)) = script::log_tail(&self.set.dirs, case, lines) {
            outcome
                .comment
                .extend_from_slice(b"The result from queries just before the failure was:\n< snip >\n");
            outcome.comment.extend_from_slice(&tail);
            outcome.comment.push(b'\n');
        }
    }

    /// What the script wrote to its report so far; of a very long one beginning and end.
    fn read_report(&self) -> BString {
        let path = self.set.dirs.current_test();
        match excerpt::ends_of(&path, excerpt::MOST_KEPT) {
            Ok(text) => text.trim().into(),
            // The script was not begun.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => BString::default(),
            Err(error) => format!("Could not open test tool report '{}': {error}", path.display()).into(),
        }
    }

    /// Appends the report to `mysqltest.log` and clears it for the next test. Of a very long one, beginning and end are
    /// kept: what a test says without end is not to fill the disk.
    fn archive_report(&self) -> Result<()> {
        let path = self.set.dirs.current_test();
        if !path.exists() {
            return Ok(());
        }
        let text =
            excerpt::ends_of(&path, excerpt::MOST_KEPT).map_err(|error| Error::io("read", &path, error))?;
        let log = self.set.dirs.log().join("mysqltest.log");
        append_to(&log)?.write_all(&text).map_err(|error| Error::io("write", &log, error))?;
        removal::remove(&path)
    }

    /// A script without result file prints to its standard output: shown, not lost, and never taken for right in silence.
    fn tell_script_output(&self, case: &TestCase) {
        let path: PathBuf = script::output_file(&self.set.dirs);
        let Ok(text) = excerpt::ends_of(&path, excerpt::MOST_KEPT) else { return };
        let size = std::fs::metadata(&path).map_or(0, |meta| meta.len());
        let _ = std::fs::remove_file(&path);
        let text: BString = text.trim_end().into();
        if text.is_empty() {
            return;
        }
        self.events.tell(|worker, id| Event::ScriptOutput { worker, id, text });
        if case.result.is_none() {
            let name = case.name();
            let text = format!(
                "{name} has no result file: the {size} bytes that it printed are compared with nothing"
            );
            self.events.warn(WarningKind::UncheckedOutput, text);
        }
    }

    /// `--record` writes whole results: the author of a `.rdiff` makes the difference from it.
    fn tell_recorded(&self, case: &TestCase) {
        let Some(result) = case.result.as_ref().filter(|_| self.ctx.settings.record) else { return };
        let Some(rdiff) = &result.rdiff else { return };
        let recorded = script::patched_result(&self.set.dirs, rdiff);
        let (base, rdiff) = (result.base.clone(), rdiff.clone());
        self.events.tell(|worker, id| Event::ResultRecorded { worker, id, result: recorded, base, rdiff });
    }

    fn checks_states(&self) -> bool {
        self.ctx.settings.check_testcases && !self.ctx.settings.using_extern()
    }

    fn checks_warnings(&self) -> bool {
        self.ctx.settings.warnings && !self.ctx.settings.using_extern()
    }
}

/// What files of sanitizers have gained, as lines for the report of a test.
fn sanitizer_lines(reports: &[(usize, Vec<TextFile>)]) -> Option<BString> {
    let mut lines = BString::default();
    for file in reports.iter().flat_map(|(_, files)| files) {
        lines.extend_from_slice(
            format!("^ Found reports of a sanitizer in {}\n", file.path.display()).as_bytes(),
        );
    }
    (!lines.is_empty()).then_some(lines)
}

fn failed(kind: FailureKind, comment: impl Into<BString>) -> Outcome {
    Outcome { verdict: Verdict::Fail, failure: Some(kind), comment: comment.into(), ..Outcome::default() }
}

fn check_failed(failure: CheckFailure) -> Outcome {
    let CheckFailure { kind, comment, server_log, diagnoses } = failure;
    Outcome { server_log, diagnoses, ..failed(kind, comment) }
}

fn ending(error: std::io::Error) -> Error {
    Error::new("cannot end the script").caused_by(error)
}
