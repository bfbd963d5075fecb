//! One run of the program.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::Write;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use mtr::sys::poll::readable;
use rustix::process::{Pid, PidfdFlags, Signal, kill_process, pidfd_open};
use serde_json::Value;

use super::{Herd, PATIENCE, wait_for};

/// A run to be started or going on.
pub struct Run {
    command: Command,
    /// Where its console goes, and its events and reports.
    files: PathBuf,
    vardir: PathBuf,
}

/// A run that goes on.
pub struct Running {
    child: Child,
    files: PathBuf,
    vardir: PathBuf,
}

/// A run that ended.
pub struct Finished {
    /// The exit code; `None` after a signal.
    pub code: Option<i32>,
    /// Standard output and error, in the order of writing.
    pub text: String,
    /// Lines of `--events`, parsed.
    pub events: Vec<Value>,
    files: PathBuf,
}

/// The program that is tested: the one of this build, or what `MTR_RS_PROGRAM` names.
pub fn program() -> PathBuf {
    std::env::var_os("MTR_RS_PROGRAM").map_or_else(|| env!("CARGO_BIN_EXE_mtr-rs").into(), PathBuf::from)
}

impl Run {
    /// The program, with reports of all kinds in `files`.
    pub fn new(vardir: &Path, files: &Path) -> Run {
        fs::create_dir_all(files).unwrap();
        let mut command = Command::new(program());
        command.current_dir(files).env_remove("MTR_BINDIR").stdin(Stdio::null());
        for (option, file) in [("events", "events"), ("xml-report", "xml"), ("junit", "junit")] {
            command.arg(format!("--{option}={}", files.join(file).display()));
        }
        let mut argument = std::ffi::OsString::from("--vardir=");
        argument.push(vardir);
        command.arg(argument);
        Run { command, files: files.into(), vardir: vardir.into() }
    }

    /// More arguments.
    pub fn args(mut self, args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Run {
        self.command.args(args);
        self
    }

    /// A variable of its environment.
    pub fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Run {
        self.command.env(name, value);
        self
    }

    /// Started through a command that becomes the program, such as `env --ignore-signal=INT`.
    pub fn through(self, words: &[&str]) -> Run {
        let mut command = Command::new(words[0]);
        command.args(&words[1..]).arg(self.command.get_program());
        self.by(command)
    }

    /// By another file, or name, of the program.
    pub fn with_program(self, program: &Path) -> Run {
        self.by(Command::new(program))
    }

    /// With the arguments behind those of `command`, and all else as it was.
    fn by(mut self, mut command: Command) -> Run {
        command.args(self.command.get_args());
        for (name, value) in self.command.get_envs() {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        if let Some(dir) = self.command.get_current_dir() {
            command.current_dir(dir);
        }
        command.stdin(Stdio::null());
        self.command = command;
        self
    }

    /// The program with these arguments alone, its console in `files`.
    pub fn of(files: &Path, args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Run {
        fs::create_dir_all(files).unwrap();
        let mut command = Command::new(program());
        command.current_dir(files).stdin(Stdio::null()).args(args);
        Run { command, files: files.into(), vardir: files.into() }
    }

    /// As the leader of a process group, as a shell starts it; a hangup ends it, whatever the tests are started with.
    pub fn in_own_group(self) -> Run {
        let mut own = self.through(&["env", "--default-signal=HUP"]);
        std::os::unix::process::CommandExt::process_group(&mut own.command, 0);
        own
    }

    /// Its current directory.
    pub fn cwd(mut self, dir: &Path) -> Run {
        self.command.current_dir(dir);
        self
    }

    /// Its arguments so far.
    pub fn arguments(&self) -> impl Iterator<Item = &OsStr> {
        self.command.get_args()
    }

    /// Starts it.
    pub fn start(mut self) -> Running {
        let console = File::create(self.files.join("console")).unwrap();
        self.command.stdout(console.try_clone().unwrap()).stderr(console);
        Running { child: self.command.spawn().unwrap(), files: self.files, vardir: self.vardir }
    }

    /// Starts it with this as its console.
    pub fn start_with(mut self, console: std::os::fd::OwnedFd) -> Running {
        File::create(self.files.join("console")).unwrap();
        self.command.stdout(console.try_clone().unwrap()).stderr(console);
        Running { child: self.command.spawn().unwrap(), files: self.files, vardir: self.vardir }
    }

    /// Runs it with a console that nobody reads.
    pub fn unheard(mut self) -> Finished {
        File::create(self.files.join("console")).unwrap();
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        self.command.stdout(writer.try_clone().unwrap()).stderr(writer);
        Running { child: self.command.spawn().unwrap(), files: self.files, vardir: self.vardir }.finish()
    }

    /// Runs it to its end, after which nothing of it is left.
    pub fn finish(self) -> Finished {
        self.start().finish()
    }
}

impl Running {
    /// Its process id.
    pub fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    /// A file among its reports: `events`, `xml`, `junit`, `console`.
    pub fn file(&self, name: &str) -> PathBuf {
        self.files.join(name)
    }

    /// Waits until an event of this kind was written.
    pub fn wait_for_event(&self, kind: &str) {
        let wanted = format!("\"event\":\"{kind}\"");
        wait_for(&self.file("events"), |text| text.contains(&wanted));
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) {
        kill_process(self.pid(), signal).unwrap();
    }

    /// Waits for its end, however long that takes; the exit code.
    pub fn wait_for_end(&mut self) -> Option<i32> {
        self.wait_for_status().code()
    }

    /// Waits for its end, however long that takes.
    pub fn wait_for_status(&mut self) -> std::process::ExitStatus {
        self.child.wait().unwrap()
    }

    /// What is wrong with its reports: those that it has begun are to be whole at any moment.
    pub fn faults_of_reports(&self) -> Vec<String> {
        let mut faults = Vec::new();
        for name in ["xml", "junit"] {
            let Ok(text) = fs::read_to_string(self.file(name)) else { continue };
            faults.extend(fault_of_xml(&text).map(|fault| format!("{name}: {fault}\n{text}")));
        }
        let text = fs::read_to_string(self.file("events")).unwrap_or_default();
        if !text.is_empty() && !text.ends_with('\n') {
            faults.push("the last event is not whole".to_owned());
        }
        for (number, line) in (1..).zip(text.lines()) {
            match serde_json::from_str::<Value>(line) {
                Ok(event) if event["seq"] == number => {}
                _ => faults.push(format!("line {number} of the events: {line}")),
            }
        }
        faults
    }

    /// Waits for the end of the program; its processes must be gone with it.
    pub fn finish(self) -> Finished {
        let vardir = self.vardir.clone();
        let finished = self.finish_leaving_processes();
        Herd::of(&vardir).assert_gone(Duration::ZERO);
        finished
    }

    /// Waits for the end of the program.
    pub fn finish_leaving_processes(mut self) -> Finished {
        let fd = pidfd_open(self.pid(), PidfdFlags::empty()).unwrap();
        let ended = readable(&[fd.as_fd()], Some(Instant::now() + PATIENCE)).unwrap();
        if ended.is_empty() {
            let members = Herd::of(&self.vardir).members();
            let text = fs::read_to_string(self.file("console")).unwrap_or_default();
            self.child.kill().unwrap();
            panic!("the run does not end; its processes: {members:#?}\n{text}");
        }
        let code = self.child.wait().unwrap().code();
        let console = fs::read(self.file("console")).unwrap();
        let text = String::from_utf8_lossy(&console).into_owned();
        let events = fs::read_to_string(self.file("events")).unwrap_or_default();
        let events: Vec<Value> = events.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        // The schema is that of this build.
        if std::env::var_os("MTR_RS_PROGRAM").is_none() {
            super::assert_valid(&events);
        }
        Finished { code, text, events, files: self.files }
    }
}

impl Finished {
    /// The console has `text`.
    #[track_caller]
    pub fn says(&self, text: &str) -> &Self {
        assert!(self.text.contains(text), "not said: {text:?}\n{}", self.text);
        self
    }

    /// The console does not have `text`.
    #[track_caller]
    pub fn does_not_say(&self, text: &str) -> &Self {
        assert!(!self.text.contains(text), "said: {text:?}\n{}", self.text);
        self
    }

    /// The exit code is `code`.
    #[track_caller]
    pub fn exits(&self, code: i32) -> &Self {
        assert_eq!(self.code, Some(code), "exit code\n{}", self.text);
        self
    }

    /// Exactly one line of the console is this test's, and has this status.
    #[track_caller]
    pub fn verdict(&self, test: &str, status: &str) -> &Self {
        let verdicts = self.verdicts(test);
        assert_eq!(verdicts, [status], "verdicts of {test}\n{}", self.text);
        self
    }

    /// The statuses on the console of one test, in order.
    pub fn verdicts(&self, test: &str) -> Vec<&str> {
        self.text
            .lines()
            .filter(|line| line.split_whitespace().next() == Some(test))
            .filter_map(|line| Some(line.split_once("[ ")?.1.split_once(" ]")?.0))
            .collect()
    }

    /// The outcomes of one test (`suite.test`) among the events, in order.
    pub fn outcomes(&self, test: &str) -> Vec<&Value> {
        let (suite, test) = test.split_once('.').unwrap();
        self.events
            .iter()
            .filter(|event| {
                event["event"] == "test_finished"
                    && event["id"]["suite"] == suite
                    && event["id"]["test"] == test
            })
            .map(|event| &event["outcome"])
            .collect()
    }

    /// One of its reports: `xml`, `junit`.
    pub fn report(&self, name: &str) -> String {
        let text = fs::read_to_string(self.files.join(name));
        text.unwrap_or_else(|error| panic!("no report {name}: {error}\n{}", self.text))
    }

    /// All report files are whole, at whatever moment the run ended.
    #[track_caller]
    pub fn reports_are_well_formed(&self) -> &Self {
        for name in ["xml", "junit"] {
            let text = self.report(name);
            let fault = fault_of_xml(&text);
            assert!(fault.is_none(), "{name}: {fault:?}\n{text}");
        }
        let events = self.report("events");
        assert!(events.ends_with('\n'), "the last event is not whole:\n{events}");
        for (line, event) in self.events.iter().enumerate() {
            assert_eq!(event["seq"], line + 1, "sequence numbers");
        }
        self
    }
}

/// Why a report in XML is not whole.
fn fault_of_xml(text: &str) -> Option<String> {
    let mut reader = quick_xml::Reader::from_str(text);
    let mut depth = 0;
    loop {
        match reader.read_event() {
            Ok(quick_xml::events::Event::Start(_)) => depth += 1,
            Ok(quick_xml::events::Event::End(_)) => depth -= 1,
            Ok(quick_xml::events::Event::Eof) => break,
            Ok(_) => {}
            Err(error) => return Some(error.to_string()),
        }
    }
    (depth != 0 || !text.contains("<testsuite")).then(|| "it is not whole".to_owned())
}

/// Shows the console where an assertion about a run fails.
impl std::fmt::Debug for Finished {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.text)
    }
}

/// Writes a file, making its directories.
pub fn write(path: &Path, text: impl AsRef<[u8]>) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    File::create(path).unwrap().write_all(text.as_ref()).unwrap();
}
