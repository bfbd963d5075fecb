//! The process was torn down: crashes, assertions, signals from outside.

use bstr::BString;
use bstr::ByteSlice as _;

use crate::triage::catalogue::{ASSERTION, CRASH, Cause, KILLED, RUN_CRASH, RUN_KILLED, Rank};
use crate::triage::crash::{CrashText, assertion_words, is_own_signal, read};
use crate::triage::diagnosis::signal_name;
use crate::triage::evidence::{ExitKind, Stage};
use crate::triage::finding::Rule;
use crate::triage::finding::{Finding, Quote};
use crate::triage::rules::sanitizer::own_reports;
use crate::triage::sanitizer::valgrind;
use crate::triage::scene::Scene;
use crate::triage::stack::{Frame, culprit, folded};
use crate::triage::threads;

/// The rules of this file.
pub const RULES: &[Rule] = &[assertion, crash, killed];

/// The cause of this stage: a start and a test have codes of their own.
fn at_stage(scene: &Scene<'_>, start: &'static Cause, running: &'static Cause) -> &'static Cause {
    match scene.evidence.stage {
        Stage::Bootstrap | Stage::Start => start,
        Stage::Running | Stage::Stopped => running,
    }
}

/// The signal that tore the server down, by the system or by what the server says.
fn signal(scene: &Scene<'_>, text: &CrashText<'_>) -> Option<i32> {
    match scene.evidence.exit {
        ExitKind::Signal(signal) => is_own_signal(signal).then_some(signal),
        // A supervisor in between (a debugger, a shell) hides the signal; a core-dumping server raises it again.
        _ => {
            let of_core = || threads::ended_by(&scene.evidence.core.as_ref()?.backtrace);
            text.signal.map(|(_, signal)| signal).or_else(of_core).filter(|signal| is_own_signal(*signal))
        }
    }
}

/// A server that has given up tears itself down on the way out at times: then that is not the cause. The same goes
/// for one that ends itself with a message.
fn gave_up_before(scene: &Scene<'_>, text: &CrashText<'_>) -> Option<Rank> {
    let line = text.signal.map_or(u32::MAX, |(entry, _)| entry.line);
    // Without the word it ends itself at once; 11.8 crashes or hangs on that way, as its threads still run.
    let given_up = ["Can't start server: can't create PID file", "Can't create interrupt-thread"];
    let aborting = scene.errors().any(|entry| {
        (entry.message == "Aborting" || given_up.iter().any(|words| entry.says(words))) && entry.line < line
    });
    // So does Galera where a node cannot stay in its cluster, and ends the process by SIGABRT.
    let by_galera = scene.log.iter().any(|entry| {
        entry.subsystem == "WSREP" && entry.line < line && entry.message.ends_with(b": Terminated.")
    });
    // A sanitizer ends the process by SIGABRT when it has told.
    let told = signal(scene, text) == Some(libc::SIGABRT) && !own_reports(scene).is_empty();
    (aborting || by_galera || told || text.fatal.is_some()).then_some(Rank::Consequence)
}

/// The server's last words; where it wrote no stack, that of its core file.
fn last_words<'a>(scene: &Scene<'a>) -> CrashText<'a> {
    let mut text = read(&scene.log);
    if let Some(core) = scene.evidence.core.as_ref().filter(|_| text.frames.is_empty()) {
        text.frames = threads::failing(&core.backtrace);
    }
    // Under Valgrind the server's own handler is switched off.
    if text.frames.is_empty()
        && let Some(end) = valgrind::ended_at(&scene.log)
    {
        (text.frames, text.first_frame) = (end.frames, Some(end.line));
    }
    text
}

fn assertion<'a>(scene: &Scene<'a>) -> Option<Finding<'a>> {
    let text = last_words(scene);
    let entry = text.assertion?;
    signal(scene, &text)?;
    // InnoDB says in a second line what it had asserted.
    let failing = scene.line(&["Failing assertion: "]);
    let asserted = failing.and_then(|entry| entry.after("Failing assertion: "));
    let said = match asserted {
        Some(asserted) => format!("{}: '{asserted}'", assertion_words(&entry)).into(),
        None => assertion_words(&entry),
    };
    let cause = at_stage(scene, ASSERTION, RUN_CRASH);
    let quoted = [Some(entry), failing, text.signal.map(|(entry, _)| entry)];
    let finding = Finding::new(cause, said).quoting(quoted.into_iter().flatten());
    Some(with_stack(scene, finding, &text).ranked(gave_up_before(scene, &text)))
}

fn crash<'a>(scene: &Scene<'a>) -> Option<Finding<'a>> {
    let text = last_words(scene);
    let signal = signal(scene, &text)?;
    if text.assertion.is_some() {
        return None;
    }
    let place = culprit(&text.frames).map(Frame::in_short);
    let at = place.map(|place| format!(" in {place}")).unwrap_or_default();
    let said = match text.fatal {
        Some(fatal) => format!("the server ended itself: {}", fatal.message),
        None => format!("the server crashed with {}{at}{}", signal_name(signal), when(scene)),
    };
    let quoted = [text.fatal, text.signal.map(|(entry, _)| entry)];
    let cause = at_stage(scene, CRASH, RUN_CRASH);
    let mut finding = Finding::new(cause, said).quoting(quoted.into_iter().flatten());
    if text.signal.is_none() && text.first_frame.is_none() {
        finding = finding.seen(format!("it was ended by {} and wrote no stack", signal_name(signal)));
    }
    Some(with_stack(scene, finding, &text).ranked(gave_up_before(scene, &text)))
}

/// Behind what happened: when, where the stage does not tell.
fn when(scene: &Scene<'_>) -> &'static str {
    match scene.evidence.stage {
        Stage::Stopped => " while it shut down",
        Stage::Bootstrap | Stage::Start | Stage::Running => "",
    }
}

/// Adds the server's stack, the statement and the core file.
fn with_stack<'a>(scene: &Scene<'a>, mut finding: Finding<'a>, text: &CrashText<'a>) -> Finding<'a> {
    let file = Some(scene.evidence.log.path.clone());
    let frames = folded(&text.frames);
    if !frames.is_empty() {
        let quote = |line: BString| Quote { file: file.clone(), line: text.first_frame, text: line };
        let frames = frames.iter().map(|frame| [b"    ", frame.as_bytes()].concat().into());
        finding.quotes.extend(std::iter::once("stack:".into()).chain(frames).map(quote));
    }
    if let Some(query) = &text.query {
        let who = query.connection.map(|id| format!(" of connection {id}")).unwrap_or_default();
        finding.quotes.push(Quote {
            file,
            line: Some(query.entry.line),
            text: format!("statement{who}: {}", query.text).into(),
        });
    }
    if let Some(core) = &scene.evidence.core {
        let name = core.path.file_name().unwrap_or_default().to_string_lossy();
        finding =
            finding.seen(format!("a core file was written, which is kept with the data directory: {name}"));
    }
    match &scene.evidence.test {
        Some(test) if scene.evidence.stage == Stage::Stopped => finding.attributed(test, Stage::Stopped),
        _ => finding,
    }
}

fn killed<'a>(scene: &Scene<'a>) -> Option<Finding<'a>> {
    let ExitKind::Signal(signal) = scene.evidence.exit else { return None };
    // For want of memory, or over a limit: rules of their own know better.
    if is_own_signal(signal) || signal == libc::SIGXFSZ {
        return None;
    }
    // These are how the runner ends a server, the second where the first does not help.
    if scene.evidence.stage == Stage::Stopped && [libc::SIGTERM, libc::SIGKILL].contains(&signal) {
        return None;
    }
    if signal == libc::SIGKILL && scene.evidence.system.oom_kills > 0 {
        return None;
    }
    let cause = at_stage(scene, KILLED, RUN_KILLED);
    let name = signal_name(signal);
    if signal == libc::SIGXCPU {
        let finding =
            Finding::new(cause, format!("the server used up its processor time and was ended by {name}"));
        return Some(finding.fix("raise the limit: ulimit -t unlimited"));
    }
    let finding = Finding::new(cause, format!("the server was killed from outside with {name}"));
    let fix = if signal == libc::SIGKILL {
        "no process sends SIGKILL to itself: look for who did (a script of the test, another run, the kernel's \
         out-of-memory killer in `dmesg`)"
    } else {
        "look for who sent it: a script of the test, another run, a supervisor of the machine"
    };
    Some(finding.seen(format!("it was ended by {name}")).fix(fix))
}

#[cfg(test)]
mod tests {
    use crate::triage::evidence::{Evidence, ExitKind, Stage};
    use crate::triage::testing::{codes, failed};

    fn ended_by(signal: i32, log: &str) -> Evidence {
        Evidence { exit: ExitKind::Signal(signal), ..failed(1, &[], log) }
    }

    #[test]
    fn crashes_assertions_and_kills() {
        let stack = "140101 1:00:00 [ERROR] /usr/sbin/mysqld got signal 11 ;\nAttempting backtrace.\n\
                     /usr/sbin/mysqld(my_print_stacktrace+0x2e)[0x55892a52e87e]\n/usr/sbin/mysqld(_ZN4Item3fixEv+0x2e)[0x55]\n";
        assert_eq!(codes(&ended_by(11, stack)), ["MTR-S090"]);
        // By a supervisor that hides the signal.
        assert_eq!(codes(&failed(1, &[], stack)), ["MTR-S090"]);
        let innodb = "2020 0 [ERROR] InnoDB: Assertion failure in file /b/dict0dict.cc line 12\nInnoDB: Failing assertion: n > 0\n\
                      200101 1:00:00 [ERROR] mysqld got signal 6 ;\n";
        assert_eq!(codes(&ended_by(6, innodb)), ["MTR-S091"]);
        assert_eq!(codes(&ended_by(9, "")), ["MTR-S092"]);
        assert_eq!(codes(&ended_by(11, "")), ["MTR-S090"]);
        let running = Evidence { stage: Stage::Running, ..ended_by(15, "") };
        assert_eq!(codes(&running), ["MTR-R004"]);
        assert_eq!(codes(&Evidence { stage: Stage::Running, ..ended_by(6, innodb) }), ["MTR-R001"]);
    }

    #[test]
    fn a_server_that_tears_itself_down_after_it_gave_up() {
        let log = "t 0 [ERROR] mariadbd: unknown option '--x'\nt 0 [ERROR] Aborting\n260101 1:00:00 [ERROR] mariadbd got signal 11 ;\n";
        assert_eq!(codes(&ended_by(11, log)), ["MTR-S003"]);
        // 11.8 ends itself while its threads run.
        let log = "t 0 [ERROR] mariadbd: Can't create/write to file '/n/x.pid' (Errcode: 2 \"No such file or directory\")\n\
                   t 0 [ERROR] Can't start server: can't create PID file: No such file or directory\n\
                   corrupted double-linked list\n260101 1:00:00 [ERROR] /usr/sbin/mariadbd got signal 6 ;\n";
        assert_eq!(codes(&ended_by(6, log)), ["MTR-S036"]);
        let fatal = "t 0 [ERROR] [FATAL] InnoDB: The world is not enough.\n260101 1:00:00 [ERROR] mariadbd got signal 6 ;\n";
        assert_eq!(codes(&ended_by(6, fatal)), ["MTR-S090"]);
    }

    #[test]
    fn the_kernel_kills_for_want_of_memory() {
        let mut evidence = ended_by(9, "");
        evidence.system.oom_kills = 1;
        assert!(!codes(&evidence).contains(&"MTR-S092"));
    }
}
