//! Evidence of a server that died some time ago, from its log and what lies beside it.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use bstr::{BStr, BString, ByteSlice};

use crate::case::{Origin, ServerOption, TestCase};
use crate::error::Location;
use crate::sys::files;
use crate::tree::config_file;
use crate::tree::probe::ServerFacts;
use crate::triage::collect::{self, Subject, log_file};
use crate::triage::evidence::{Core, Evidence, ExitKind, LogPart, OtherServer, Stage, TextFile};
use crate::triage::posthumous::console::Seen;
use crate::triage::posthumous::fate::Fate;
use crate::triage::posthumous::starts::Start;
use crate::triage::posthumous::words;
use crate::triage::posthumous::words::{Unexplained, Words};

/// Everything beside the log that tells of one start.
#[derive(Debug)]
pub struct Beside<'a> {
    /// `mysqld.1`.
    pub server: BString,
    /// What the log tells.
    pub fate: Fate,
    /// What the runner saw of it.
    pub seen: Option<&'a Seen>,
    /// The instances of its test.
    pub instances: &'a [TestCase],
    /// The var directory of its worker.
    pub vardir: Option<&'a Path>,
    /// What was kept of its test.
    pub saved: Option<&'a Path>,
    /// All that was kept of its test, of each attempt.
    pub kept: Vec<&'a Path>,
    /// Until when debuggers may look at core files.
    pub cores_until: Instant,
    /// It is the last start of its log: the configuration that is there now is its own.
    pub last: bool,
    /// Reports of sanitizers about it.
    pub reports: Vec<TextFile>,
    /// The current directory that servers have.
    pub test_dir: &'a Path,
    /// What the server program of the installation says of itself, and where it is.
    pub facts: Option<(&'a Path, &'a Arc<ServerFacts>)>,
}

/// The evidence of one start.
pub fn evidence(start: &Start, log: LogPart, beside: &Beside<'_>) -> Evidence {
    let noted = Location { file: log.path.clone(), line: Some(start.line) };
    let expect_file = beside
        .vardir
        .filter(|_| start.again)
        .map(|vardir| vardir.join("tmp").join(format!("{}.expect", beside.server)));
    let command = start.command.clone().unwrap_or_default();
    let words = words(command.as_bstr(), beside, &Unexplained { noted, expect_file });
    let told = beside.fate.signal.map(ExitKind::Signal);
    let exit = beside.seen.map(|seen| seen.exit).or(told).unwrap_or_default();
    let mut evidence = Evidence {
        server: beside.server.clone(),
        pid: beside.fate.pid.or(beside.seen.and_then(|seen| seen.pid)),
        stage: stage(beside),
        lived: beside.seen.and_then(|seen| seen.lived),
        exit,
        timed_out: exit == ExitKind::Running && beside.seen.is_some_and(|seen| seen.timed_out),
        program: words.program,
        argv: words.arguments,
        log,
        ..Evidence::default()
    };
    let same = |facts: &(&Path, &Arc<ServerFacts>)| facts.0 == evidence.program;
    evidence.facts = beside.facts.filter(same).map(|(_, facts)| Arc::clone(facts));
    add_configuration(&mut evidence, beside);
    add_system(&mut evidence, beside);
    evidence.sanitizer_files.extend(beside.reports.iter().cloned());
    add_core(&mut evidence, beside);
    evidence
}

fn stage(beside: &Beside<'_>) -> Stage {
    match beside.fate {
        // The runner waited for it in vain, whatever it said itself.
        _ if beside.seen.is_some_and(|seen| !seen.served) => Stage::Start,
        Fate { ready: false, .. } => Stage::Start,
        Fate { stopping: true, .. } => Stage::Stopped,
        Fate { .. } => Stage::Running,
    }
}

/// The command line, read with the instance of the test that explains it best.
fn words(command: &BStr, beside: &Beside<'_>, unexplained: &Unexplained) -> Words {
    let without: &[ServerOption] = &[];
    let lists = beside.instances.iter().flat_map(|case| [&case.master_opt, &case.slave_opt]);
    let readings = lists
        .map(Vec::as_slice)
        .chain(std::iter::once(without))
        .map(|options| words::read(command, options, unexplained));
    readings.min_by_key(|words| words.doubts).unwrap_or_else(|| words::read(command, without, unexplained))
}

/// Settings of the option files, and the other servers of the configuration.
fn add_configuration(evidence: &mut Evidence, beside: &Beside<'_>) {
    let made = configuration(evidence, beside);
    let at = evidence.argv.iter().position(|option| option.text.starts_with(b"--defaults-file="));
    let of_runner = at.filter(|at| *evidence.argv[*at].origin == Origin::Runner);
    match (of_runner, at, &made) {
        (Some(at), _, Some(made)) => {
            // The collector reads the file that the arguments name; this one may have moved.
            let mut word = BString::from("--defaults-file=");
            word.extend_from_slice(made.as_os_str().as_encoded_bytes());
            let noted = std::mem::replace(&mut evidence.argv[at].text, word);
            collect::settings::add(evidence);
            evidence.argv[at].text = noted;
        }
        // The configuration is another one by now.
        (Some(_), _, None) => {}
        // A file of the test's own.
        (None, Some(_), _) => collect::settings::add(evidence),
        (None, None, _) => {}
    }
    let Some(made) = made else { return };
    let template = beside.instances.first().map(|case| beside.test_dir.join(&case.template));
    if let Some(config) = template.and_then(|file| config_file::read(&file, beside.test_dir).ok()) {
        collect::settings::trace(evidence, &made, &config);
    }
    let Ok(config) = config_file::read(&made, beside.test_dir) else { return };
    let others = config
        .option_groups()
        .filter(|group| group.name.starts_with(b"mysqld.") && group.name != evidence.server);
    evidence.others = others
        .map(|group| OtherServer {
            server: group.name.clone(),
            port: group.value("port").and_then(number),
            socket: group.value("socket").map(|path| path.to_path_lossy().into_owned()),
            datadir: group.value("datadir").map(|path| path.to_path_lossy().into_owned()),
            server_id: group.value("server-id").and_then(number),
            pid: None,
            log: evidence
                .log
                .path
                .parent()
                .map(|dir| other_log(dir, group.name.as_bstr()))
                .unwrap_or_default(),
            notes: Vec::new(),
        })
        .collect();
}

/// All of the error log of another server, its end where it is long.
fn other_log(dir: &Path, server: &BStr) -> LogPart {
    log_file::from_offset(&dir.join(format!("{server}.err")), 0)
}

/// The file with the configuration that the runner made for this start: what was kept of its test, or what is still in
/// its place. The place of a file that is the same in both is the original one.
fn configuration(evidence: &Evidence, beside: &Beside<'_>) -> Option<PathBuf> {
    let mut of_runner = evidence.argv.iter().filter(|option| *option.origin == Origin::Runner);
    let noted = of_runner.find_map(|option| option.text.strip_prefix(b"--defaults-file="));
    let noted = noted.map(|name| name.to_path_lossy().into_owned()).filter(|file| file.is_file());
    let here = beside.vardir.map(|vardir| vardir.join("my.cnf")).filter(|file| file.is_file());
    let kept = beside.saved.map(|dir| dir.join("my.cnf")).filter(|file| file.is_file());
    match (kept, noted.or(here)) {
        (Some(kept), Some(current)) => Some(if same_text(&kept, &current) { current } else { kept }),
        (Some(kept), None) => Some(kept),
        // Each configuration replaces the one before.
        (None, current) => current.filter(|_| beside.last),
    }
}

fn same_text(one: &Path, other: &Path) -> bool {
    matches!((files::read(one, files::MOST_OF_TEXT), files::read(other, files::MOST_OF_TEXT)), (Ok(one), Ok(other)) if one == other)
}

/// What of the system is still as it was.
fn add_system(evidence: &mut Evidence, beside: &Beside<'_>) {
    let Some(vardir) = beside.vardir.filter(|_| evidence.program.is_file()) else { return };
    let word = evidence.argv.iter().find_map(|option| option.text.strip_prefix(b"--defaults-file="));
    // A var directory that was brought from elsewhere tells of another machine.
    if !word.is_some_and(|word| word.to_path_lossy().parent().is_some_and(|dir| same_place(dir, vardir))) {
        return;
    }
    let subject =
        Subject { pid: evidence.pid, env: None, cwd: beside.test_dir, vardir, oom_kills_before: None };
    collect::complete_later(evidence, &subject);
    evidence.system.paths.retain(|fact| fact.exists || !is_remade(&fact.path, vardir));
}

/// Looks for the core file of this server. Where the server wrote no stack, a debugger reads it; without that a core is
/// taken for its own only where it is the only one.
fn add_core(evidence: &mut Evidence, beside: &Beside<'_>) {
    let server = beside.server.to_path_lossy();
    let current = beside.vardir.filter(|_| beside.last).map(|vardir| vardir.join(&server));
    let dirs = beside.kept.iter().map(|dir| dir.join(&server)).chain(current);
    let cores: Vec<PathBuf> = dirs.flat_map(|dir| collect::core_file::below(&dir)).collect();
    if evidence.log.text.contains_str("(handle_fatal_signal") {
        if let [path] = cores.as_slice() {
            evidence.core = Some(Core { path: path.clone(), ..Core::default() });
        }
        return;
    }
    // Of a process whose number nobody knows, and of another machine's programs, a core tells nothing.
    if evidence.pid.is_none() && cores.len() > 1 || !evidence.program.is_file() {
        return;
    }
    if !collect::core_file::has_debugger() {
        if let [path] = cores.as_slice() {
            evidence.core = Some(Core { path: path.clone(), ..Core::default() });
        }
        return;
    }
    evidence.core = cores.into_iter().find_map(|path| {
        let (program, until) = (&evidence.program, beside.cores_until);
        let backtrace = collect::core_file::backtrace(&path, program, evidence.pid, until);
        (!backtrace.is_empty()).then_some(Core { path, backtrace })
    });
}

/// Whether a path is in a part of the var directory that the runner empties or moves away between tests.
fn is_remade(path: &Path, vardir: &Path) -> bool {
    let inside = path.strip_prefix(vardir).ok().and_then(|inside| inside.components().next());
    inside.is_some_and(|part| {
        let name = part.as_os_str().as_encoded_bytes();
        name.starts_with(b"mysqld.") || [&b"tmp"[..], b"run"].contains(&name)
    })
}

fn same_place(one: &Path, other: &Path) -> bool {
    one == other || matches!((one.canonicalize(), other.canonicalize()), (Ok(one), Ok(other)) if one == other)
}

fn number<T: std::str::FromStr>(text: &BStr) -> Option<T> {
    text.to_str().ok()?.trim().parse().ok()
}

/// The name of the server whose error log this is: `mysqld.1` of `mysqld.1.err`.
pub fn server_of(log: &Path) -> BString {
    log.file_stem().unwrap_or(log.as_os_str()).as_encoded_bytes().into()
}

/// The evidence of a failed bootstrap; `options` is what the run gave to every server.
pub fn bootstrap(
    start: &Start,
    log: LogPart,
    options: &[ServerOption],
    facts: Option<(&Path, &Arc<ServerFacts>)>,
) -> Evidence {
    let noted = Location { file: log.path.clone(), line: Some(start.line) };
    let command = start.command.clone().unwrap_or_default();
    let words = words::read(command.as_bstr(), options, &Unexplained { noted, expect_file: None });
    let target = words.arguments.iter().find_map(|option| option.text.strip_prefix(b"--datadir="));
    let target = target.map(|dir| dir.to_path_lossy().into_owned());
    let server = target.as_deref().and_then(Path::file_name).unwrap_or_default().as_encoded_bytes().into();
    let facts = facts.filter(|(program, _)| *program == words.program).map(|(_, facts)| Arc::clone(facts));
    Evidence {
        server,
        stage: Stage::Bootstrap,
        program: words.program,
        argv: words.arguments,
        facts,
        log,
        ..Evidence::default()
    }
}
