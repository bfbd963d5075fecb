//! Collects what is known when a test fails through its servers, for `triage` to explain.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bstr::{BStr, BString, ByteSlice};

use crate::case::{Origin, ServerOption};
use crate::check::session::{Session, SessionError};
use crate::error::Location;
use crate::grammar::suppression::{self, Suppression};
use crate::run::autopsy::core_dump;
use crate::run::autopsy::gdb;
use crate::run::servers::set::ServerSet;
use crate::run::servers::shutdown::Shutdown;
use crate::sys::child::Exit;
use crate::sys::deadline::deadline_after;
use crate::sys::excerpt;
use crate::sys::process;
use crate::triage::collect::log_file;
use crate::triage::diagnosis::Diagnosis;
use crate::triage::evidence::{
    Core, DownServer, Evidence, ExitKind, LogPart, ScriptPlace, Stage, Statement, TestFacts, TextFile,
};
use crate::triage::log::is_ready;
use crate::triage::rules::judge;
use crate::triage::scene::Scene;

/// How long a server that hangs may take to say what it executes.
const ANSWER: Duration = Duration::from_secs(5);

/// Whether a server that died may have served its test.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Begun {
    /// The test had not begun.
    No,
    /// The script was started.
    Yes,
}

/// What is known of a script that does not end.
#[derive(Debug, Default)]
pub struct Known {
    /// Where it is.
    pub place: Option<ScriptPlace>,
    /// The servers that are down.
    pub down: Vec<DownServer>,
}

impl ServerSet {
    /// What is known of the server at `i` while a test runs: its log is that of this test.
    fn evidence_of_test(&mut self, i: usize) -> Evidence {
        let mut evidence = self.evidence(i);
        let server = &self.servers[i];
        evidence.stage = Stage::Running;
        evidence.lived = server.last_exit.map(|(_, lived)| lived);
        evidence.lived = evidence.lived.or_else(|| server.process().map(|child| child.started().elapsed()));
        evidence.exit = match server.last_exit {
            Some((Exit::Code(status), _)) if !server.is_running() => ExitKind::Status(status),
            Some((Exit::Signal { number, .. }, _)) if !server.is_running() => ExitKind::Signal(number),
            _ => ExitKind::Running,
        };
        let path = server.group.log_error();
        let scanner = self.scanner(&path);
        let (marker, served) = (scanner.marker(), scanner.names().to_vec());
        let of_test = log_file::from_offset(&path, marker);
        let since_start = std::mem::replace(&mut evidence.log, of_test);
        let name = served.last().map(|name| name.as_str().into()).unwrap_or_default();
        evidence.test = Some(TestFacts { name, served, since_start, ..TestFacts::default() });
        evidence
    }

    /// Why the server at `i` ended although nothing said that it should. One that was started for this test and was
    /// not ready yet, pid file or not, or whose test had not begun, died at its start.
    pub fn diagnose_death(&mut self, i: usize, begun: Begun) -> Diagnosis {
        let mut evidence = self.evidence_of_test(i);
        if let Some(test) = &evidence.test
            && test.served.len() <= 1
            && (begun == Begun::No || !is_ready(&test.since_start))
        {
            evidence.log = test.since_start.clone();
            evidence.stage = Stage::Start;
            evidence.test = None;
        }
        self.complete(&mut evidence, i);
        self.add_core(&mut evidence, i);
        shown_beside(judge::diagnose(&evidence))
    }

    /// Why the test did not end: what its script, running as `script`, and the servers do. Asked before any of them
    /// is told to end. `output` is the end of what the script has written, `known` what is known of the script and of servers
    /// that are down.
    pub fn diagnose_hang(&mut self, output: Option<&BStr>, script: i32, known: Known) -> Option<Diagnosis> {
        let running = self.running();
        let first = running.first().copied();
        let mut evidence = match first.or((!self.servers.is_empty()).then_some(0)) {
            Some(i) => self.evidence_of_test(i),
            // A server of somebody else's.
            None => Evidence { server: "the server".into(), stage: Stage::Running, ..Evidence::default() },
        };
        evidence.timed_out = true;
        evidence.lived = Some(self.context().settings.testcase_timeout);
        let mut test = evidence.test.take().unwrap_or_default();
        test.last_line =
            output.and_then(|tail| tail.lines().rfind(|line| !line.trim().is_empty()).map(BString::from));
        test.programs = process::programs_below(script);
        (test.place, test.down) = (known.place, known.down);
        let mut threads: Vec<BString> = Vec::new();
        let mut look = |who: String, pid: i32| {
            let lines = gdb::threads_of(self.context(), pid, &self.env, &self.dirs.tmp, self.abort());
            if !lines.is_empty() {
                threads.push(format!("{who} (process {pid}):").into());
                threads.extend(lines.into_iter().map(|line| [b"  ", line.as_bytes()].concat().into()));
            }
        };
        for &i in &running {
            let server = &self.servers[i];
            match self.statements(i) {
                Ok(statements) => test.statements.extend(statements),
                Err(why) => test.unreachable.push((server.group.name().to_owned(), why)),
            }
            if let Some(child) = server.process() {
                look(server.group.name().to_string(), child.pid());
            }
        }
        // Our own interpreter says itself where it is.
        if test.place.is_none() {
            look("script".to_owned(), script);
        }
        evidence.threads = bstr::join("\n", threads).into();
        evidence.test = Some(test);
        if let Some(i) = first {
            self.complete(&mut evidence, i);
        }
        Some(shown_beside(judge::diagnose(&evidence)))
    }

    /// Why the script's program, which ended so, could say nothing itself.
    pub fn diagnose_script_end(&mut self, exit: Exit, place: Option<ScriptPlace>) -> Diagnosis {
        let script_exit = match exit {
            Exit::Code(status) => ExitKind::Status(status),
            Exit::Signal { number, .. } => ExitKind::Signal(number),
        };
        let mut test = TestFacts { place, script_exit: Some(script_exit), ..TestFacts::default() };
        let mut evidence = Evidence {
            server: "mysqltest".into(),
            stage: Stage::Running,
            exit: script_exit,
            program: self.context().engine.program().to_path_buf(),
            ..Evidence::default()
        };
        if let Some(i) = self.running().first().copied() {
            let mut of_server = self.evidence_of_test(i);
            test.name = of_server.test.take().map(|test| test.name).unwrap_or_default();
            self.complete(&mut of_server, i);
            evidence.system.oom_kills = of_server.system.oom_kills;
        }
        evidence.test = Some(test);
        shown_beside(judge::diagnose_script_end(&evidence))
    }

    /// What the server at `i` executes, idle connections left out; or why it does not answer.
    fn statements(&self, i: usize) -> Result<Vec<Statement>, BString> {
        let (server, deadline) = (&self.servers[i], deadline_after(ANSWER));
        let unreachable = |error: SessionError| BString::from(error.to_string());
        let mut session = Session::open(&server.group.socket(), &self.context().settings.user, deadline)
            .map_err(unreachable)?;
        let results = session.query("show full processlist").map_err(unreachable)?;
        let _ = session.close();
        let Some(list) = results.into_iter().next() else { return Ok(Vec::new()) };
        let column = |name: &str| list.columns.iter().position(|column| column == name);
        let place = |row: &[Option<BString>], name: &str| {
            column(name).and_then(|at| row.get(at)?.clone()).unwrap_or_default()
        };
        let row = |row: &Vec<Option<BString>>| {
            let statement = Statement {
                server: server.group.name().to_owned(),
                connection: place(row, "Id"),
                seconds: place(row, "Time"),
                state: place(row, "State"),
                text: place(row, "Info"),
            };
            let ours = statement.text.eq_ignore_ascii_case(b"show full processlist");
            (!statement.text.is_empty() && !ours).then_some(statement)
        };
        Ok(list.rows.iter().filter_map(row).collect())
    }

    /// What the lines mean for which the test fails, and reports of sanitizers in files of their own.
    pub fn diagnose_warnings(
        &mut self,
        warnings: &[u8],
        files: Vec<(usize, Vec<TextFile>)>,
        script: Option<&Path>,
    ) -> Vec<Diagnosis> {
        let mut files = files;
        let suppressions = script.map(suppressions_of).unwrap_or_default();
        let mut found = Vec::new();
        for i in 0..self.servers.len() {
            let log = self.servers[i].group.log_error();
            let lines = lines_of(warnings, log.as_os_str().as_encoded_bytes());
            let reports: Vec<TextFile> = files
                .iter_mut()
                .filter(|(of, _)| *of == i)
                .flat_map(|(_, files)| std::mem::take(files))
                .collect();
            if lines.is_empty() && reports.is_empty() {
                continue;
            }
            let mut evidence = self.evidence_of_test(i);
            if let Some(test) = &mut evidence.test {
                test.warnings = lines;
                test.suppressions.clone_from(&suppressions);
            }
            let since_start = evidence.test.as_ref().map(|test| test.since_start.clone()).unwrap_or_default();
            let of_test = std::mem::replace(&mut evidence.log, since_start);
            self.complete(&mut evidence, i);
            evidence.log = of_test;
            // Files that an earlier test was told of are no news.
            evidence.sanitizer_files = reports;
            found.push(shown_beside(judge::diagnose_lines(&evidence)));
        }
        found
    }

    /// Why a check of the server at `i` could not be made, which said `error`.
    pub fn diagnose_check(&mut self, i: usize, error: &str) -> Option<Diagnosis> {
        let mut evidence = self.evidence_of_test(i);
        let said: Vec<BString> =
            Scene::new(&evidence).since_ready().map(|entry| entry.raw.to_owned()).collect();
        // The words of the server, without the runner's query.
        let words = error.split_once("' failed: ").and_then(|(_, rest)| Some(rest.split_once(": ")?.1));
        let line = format!("0 [ERROR] {}", words.unwrap_or(error).replace('\n', " "));
        let log = &mut evidence.log;
        log.text = bstr::join("\n", said.iter().map(|line| line.as_slice()).chain([line.as_bytes()])).into();
        (evidence.stage, evidence.exit, evidence.test) = (Stage::Start, ExitKind::Running, None);
        self.complete(&mut evidence, i);
        let mut diagnosis = judge::diagnose_refusal(&evidence)?;
        diagnosis.ending = "was running, and did not let itself be checked".to_owned();
        Some(shown_beside(diagnosis))
    }

    /// Why a program failed that the script ran and whose output stands in its report, if a rule for servers knows: the
    /// script may start servers of its own.
    fn diagnose_program(&self, report: &BString) -> Option<Diagnosis> {
        let at = report.find("exec of '")?;
        let (command, rest) = report[at + "exec of '".len()..].split_once_str("' failed, error: ")?;
        let (_, output) = rest.split_once_str("Output from before failure:").unwrap_or((b"", b""));
        // What the interpreter says behind it is not the program's.
        let end = output
            .find("\nmtr-rs: ")
            .or_else(|| output.find("\nThe result from queries"))
            .unwrap_or(output.len());
        // What went to standard error stands before the message.
        let said = report[..at].rfind("mysqltest: ").map_or(&b""[..], |end| &report[..end]);
        let said: Vec<&[u8]> = said.lines().filter(|line| !line.starts_with(b"CURRENT_TEST:")).collect();
        let name = command.fields().next().unwrap_or_default();
        let lines = said.into_iter().chain(output[..end].trim_start().lines());
        // Of a client's complaint nobody else says that it is an error.
        let lines =
            lines.map(|line| match line.strip_prefix(name).and_then(|rest| rest.strip_prefix(b": ")) {
                Some(complaint) => [b"0 [ERROR] ", complaint].concat(),
                None => line.to_vec(),
            });
        let text = bstr::join("\n", lines.collect::<Vec<_>>());
        let noted = Arc::new(Origin::Noted(Location { file: "the script's command".into(), line: None }));
        let mut words = command.fields().map(|word| BString::from(word.trim_with(|c| c == '\'' || c == '"')));
        let program = words.next()?.to_path_lossy().into_owned();
        let argv = words.map(|text| ServerOption { text, origin: Arc::clone(&noted) }).collect();
        let evidence = Evidence {
            server: program.file_name().unwrap_or_default().as_encoded_bytes().into(),
            stage: Stage::Start,
            exit: ExitKind::Status(1),
            program,
            argv,
            facts: Some(Arc::clone(&self.context().facts)),
            log: LogPart { path: self.dirs.current_test(), first_line: 1, text: text.into() },
            ..Evidence::default()
        };
        let server = evidence.server.contains_str("mariadbd") || evidence.server.contains_str("mysqld");
        let mut diagnosis = shown_beside(judge::diagnose_refusal(&evidence)?);
        if !server {
            // The rules speak of servers; an option that a client does not know is the client's.
            let name = evidence.server.as_slice();
            diagnosis.cause = diagnosis.cause.replace("the server", name).into();
            diagnosis.fix = diagnosis
                .fix
                .map(|fix| fix.replace("servers without it are", "programs without it are").into());
        }
        Some(diagnosis)
    }

    /// Variables of the form `$NAME_SO` in a report that are not set.
    fn unset_in(&self, report: &[u8]) -> Vec<BString> {
        let names = report.find_iter("$").filter_map(|at| {
            let rest = report[at + 1..].strip_prefix(b"{").unwrap_or(&report[at + 1..]);
            let length =
                rest.iter().take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b'_').count();
            rest[..length].ends_with(b"_SO").then(|| BString::from(&rest[..length]))
        });
        names.filter(|name| self.env.non_empty(&*name.to_os_str_lossy()).is_none()).collect()
    }

    /// Why the script failed, if that is the servers' doing, or that of what is around it.
    pub fn diagnose_script(&mut self, report: &BString) -> Option<Diagnosis> {
        if let Some(diagnosis) = self.diagnose_program(report) {
            return Some(diagnosis);
        }
        let unset = self.unset_in(report);
        if self.running().is_empty() {
            // Of servers of somebody else's nothing is known; of the script something may be.
            let test = TestFacts { report: report.clone(), ..TestFacts::default() };
            let evidence = Evidence {
                server: "the script".into(),
                stage: Stage::Running,
                test: Some(test),
                ..Evidence::default()
            };
            return judge::diagnose_script(&evidence).map(shown_beside);
        }
        for i in self.running() {
            let mut evidence = self.evidence_of_test(i);
            evidence.plugin_dir = self.context().layout.plugin_dir.clone();
            if let Some(test) = &mut evidence.test {
                test.report.clone_from(report);
                test.unset.clone_from(&unset);
            }
            if let Some(diagnosis) = judge::diagnose_script(&evidence) {
                // Of a plugin that is missing, the log of the start tells why.
                return Some(shown_beside(match self.absence(i, evidence, report) {
                    Some(absence) => diagnosis.because(absence),
                    None => diagnosis,
                }));
            }
        }
        None
    }

    /// Why a server lives without the engine or plugin for want of which a test skips itself, for this `reason`; `None` where
    /// no server complained of such a thing when it started.
    pub fn diagnose_skip(&mut self, reason: &BString) -> Option<Diagnosis> {
        for i in self.running() {
            let evidence = self.evidence_of_test(i);
            if let Some(diagnosis) = self.absence(i, evidence, reason) {
                return Some(shown_beside(diagnosis));
            }
        }
        None
    }

    fn absence(&self, i: usize, mut evidence: Evidence, text: &BString) -> Option<Diagnosis> {
        let start = &evidence.test.as_ref()?.since_start;
        if !start.text.contains_str("[ERROR]") {
            return None;
        }
        // What is looked at beside the log depends on what the log says: here on that of the start.
        let of_test = std::mem::replace(&mut evidence.log, start.clone());
        self.complete(&mut evidence, i);
        evidence.log = of_test;
        judge::diagnose_absence(&evidence, text)
    }

    /// What servers that have been stopped said on their way, or how they crashed; `files` are the reports that
    /// sanitizers wrote elsewhere.
    pub fn diagnose_shutdown(
        &mut self,
        shutdown: &Shutdown,
        files: Vec<(usize, Vec<TextFile>)>,
    ) -> Vec<Diagnosis> {
        let mut files = files;
        let Shutdown { parts, crashed, .. } = shutdown;
        let mut found = Vec::new();
        for i in 0..self.servers.len() {
            let path = self.servers[i].group.log_error();
            let part = parts.iter().find(|part| part.path == path);
            let reports: Vec<TextFile> = files
                .iter_mut()
                .filter(|(of, _)| *of == i)
                .flat_map(|(_, files)| std::mem::take(files))
                .collect();
            let told = self.is_told(i) && !crashed.contains(&i);
            if (part.is_none() || told) && reports.is_empty() {
                continue;
            }
            let mut evidence = self.evidence_of_test(i);
            evidence.stage = Stage::Stopped;
            evidence.log = part.cloned().unwrap_or(LogPart { path, ..LogPart::default() });
            evidence.sanitizer_files = reports;
            if crashed.contains(&i) {
                self.add_core(&mut evidence, i);
            }
            found.extend(judge::diagnose_shutdown(&evidence).map(shown_beside));
        }
        found
    }
}

/// More of a script is not read.
const MOST_OF_SCRIPT: u64 = 1 << 20;

/// What a script says that error logs may have.
fn suppressions_of(script: &Path) -> Vec<(PathBuf, Suppression)> {
    let text = excerpt::head(script, 0, MOST_OF_SCRIPT).unwrap_or_default();
    suppression::calls(&text).into_iter().map(|call| (script.to_owned(), call)).collect()
}

/// The lines of `warnings` that are said to stand in the log at `path`.
fn lines_of(warnings: &[u8], path: &[u8]) -> Vec<BString> {
    let mut lines: Vec<BString> = Vec::new();
    for line in warnings.lines() {
        if let Some(log) = line.strip_prefix(b"^ Found warnings in ") {
            if log.trim() == path {
                return lines;
            }
            lines.clear();
        } else if ![&b"line"[..], b"ok", b""].contains(&line) {
            lines.push(line.into());
        }
    }
    Vec::new()
}

/// The report shows the log of the test beside it.
fn shown_beside(mut diagnosis: Diagnosis) -> Diagnosis {
    diagnosis.log_is_beside = true;
    diagnosis
}

impl ServerSet {
    /// Looks for the core file of the server at `i`. Where the server wrote no stack, a debugger reads it.
    pub fn add_core(&self, evidence: &mut Evidence, i: usize) {
        let Some(path) = core_dump::cores(&self.servers[i].group.datadir()).into_iter().next() else {
            return;
        };
        let mut core = Core { path, ..Core::default() };
        if !evidence.log.text.contains_str("(handle_fatal_signal") {
            let (ctx, scratch) = (self.context(), &self.dirs.tmp);
            let trace = core_dump::stack_trace(
                ctx,
                &core.path,
                &evidence.program,
                &self.env,
                scratch,
                (Duration::MAX, self.abort()),
            );
            core.backtrace = trace.map(|trace| trace.text).unwrap_or_default();
        }
        evidence.core = Some(core);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_belong_to_the_log_that_is_named_below_them() {
        let text = b"line\na\nb\n^ Found warnings in /v/mysqld.1.err\nok\nline\nc\n^ Found warnings in /v/mysqld.2.err\nok\n";
        assert_eq!(lines_of(text, b"/v/mysqld.1.err"), ["a", "b"]);
        assert_eq!(lines_of(text, b"/v/mysqld.2.err"), ["c"]);
        assert!(lines_of(text, b"/v/mysqld.3.err").is_empty());
    }
}
