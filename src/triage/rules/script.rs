//! What becomes of a test's script: its program is killed, or it waits and does not end.

use bstr::{BStr, BString, ByteSlice};

use crate::triage::catalogue::{RUN_HANG, RUN_SCRIPT_ENDED};
use crate::triage::diagnosis::signal_name;
use crate::triage::evidence::{DownServer, ExitKind, ScriptPlace, Stage, Statement, TestFacts};
use crate::triage::finding::{Finding, Rule};
use crate::triage::scene::Scene;

/// The rules of this file.
pub const RULES: &[Rule] = &[ended, hang];

fn test<'a>(scene: &Scene<'a>) -> Option<&'a TestFacts> {
    scene.evidence.test.as_ref().filter(|_| scene.evidence.stage == Stage::Running)
}

/// `t/x.test:3: sleep 300`.
pub fn told(place: &ScriptPlace) -> BString {
    let at = place.places.first().map(|place| place.as_bstr()).unwrap_or_default();
    format!("{at}: {}", one_line(place.command.as_bstr())).into()
}

/// The files that include the one of the command.
fn includes(place: &ScriptPlace) -> String {
    let outer: Vec<String> = place.places.iter().skip(1).map(BString::to_string).collect();
    if outer.is_empty() { String::new() } else { format!(" (included from {})", outer.join(", from ")) }
}

/// The program that runs the script was ended by a signal, and could say nothing itself.
fn ended<'a>(scene: &Scene<'a>) -> Option<Finding<'a>> {
    let test = scene.evidence.test.as_ref()?;
    let exit = test.script_exit?;
    let (how, own) = match exit {
        ExitKind::Signal(signal) => (
            format!("was ended by {}", signal_name(signal)),
            ![libc::SIGKILL, libc::SIGTERM].contains(&signal),
        ),
        ExitKind::Status(status) => (format!("failed with exit status {status}"), true),
        _ => return None,
    };
    let at = test.place.as_ref().map(|place| format!(" at {}", told(place))).unwrap_or_default();
    let text = format!("the program that runs the script {how}{at}");
    let mut finding = Finding::new(RUN_SCRIPT_ENDED, text);
    if let Some(place) = &test.place {
        finding = finding.seen(format!("the script was at {}{}", told(place), includes(place)));
    }
    let memory = scene.evidence.system.oom_kills > 0 && exit == ExitKind::Signal(libc::SIGKILL);
    if memory {
        finding = finding.seen(
            "the kernel has killed processes of this cgroup for want of memory since its server's start",
        );
    }
    let fix = match exit {
        _ if memory => "give the run more memory, or let fewer servers run at a time (--parallel)",
        ExitKind::Signal(libc::SIGKILL | libc::SIGTERM | libc::SIGHUP | libc::SIGINT | libc::SIGQUIT) => {
            "look for who sends it: a program that the script runs at this place, another run, the kernel's out-of-memory \
             killer in `dmesg`"
        }
        _ => {
            "nothing that a script says may do this: it is a fault of the interpreter, which is to be reported"
        }
    };
    let finding = finding.fix(fix);
    Some(if own || memory || test.place.is_some() { finding } else { finding.likely() })
}

/// The first word of a command, and the rest.
fn command_of(place: &ScriptPlace) -> (&BStr, &BStr) {
    let text = place.command.trim_start_with(|c| c == '-' || c == ' ');
    match text.find_byteset(b" \t(") {
        Some(end) => (text[..end].as_bstr(), text[end..].trim().as_bstr()),
        None => (text.trim_end_with(|c| c == ';').as_bstr(), BStr::new("")),
    }
}

/// What is to blame for a server that is down: what stopped it, and why nobody starts it again; and what to do.
fn down(server: &DownServer) -> (String, String) {
    let name = &server.server;
    let stopped = match &server.ended_at {
        Some(place) => format!("{name} is down: the test stopped it at {}", told(place)),
        None => format!("{name} is down"),
    };
    let file = server.expect_file.display();
    let restart = format!("write restart to {file} before the script needs the server");
    let by_include = format!("{restart} (include/start_mysqld.inc does)");
    match &server.expect {
        Some(line) if line.starts_with(b"wait") => {
            (format!("{stopped}, and its expect file says '{line}'"), by_include)
        }
        Some(line) if line.trim().is_empty() => {
            (format!("{stopped}, and its expect file is empty"), by_include)
        }
        Some(line) => (
            format!("{stopped}, and its expect file says '{line}', which nobody knows"),
            format!("write restart, restart: OPTIONS or wait to {file}"),
        ),
        None => (format!("{stopped}, and its expect file is gone"), restart),
    }
}

/// The test did not end: which server is down, and what the script, and what the servers, wait for.
fn hang<'a>(scene: &Scene<'a>) -> Option<Finding<'a>> {
    let test = test(scene).filter(|_| scene.evidence.timed_out)?;
    let slow = "a slow machine or build is given more time with --testcase-timeout=MINUTES";
    let place = test.place.as_ref();
    let waits = |what: &str| match place {
        Some(place) => format!("the script {what} at {}", told(place)),
        None => format!("the script {what}"),
    };
    // The one that waits longest for something is what the others wait for, if not a sleep of its own.
    let busy = test.statements.iter().max_by_key(|statement| number(statement.seconds.as_bstr()));
    let word = place.map(|place| command_of(place).0.to_ascii_lowercase()).unwrap_or_default();
    let (text, fix, certain) = if let Some(server) = test.down.first() {
        let (text, fix) = down(server);
        (format!("{text}; {}", waits("waits")), fix, place.is_some())
    } else if let Some(program) = test.programs.first() {
        (format!("{}: it waits for a program, {program}", waits("is")), slow.to_owned(), false)
    } else if [&b"sleep"[..], b"real_sleep"].contains(&word.as_slice()) {
        let fix = "wait for what is to happen (include/wait_condition.inc), or let it sleep for less";
        (waits("sleeps"), fix.to_owned(), true)
    } else if word == b"shutdown_server" && busy.is_none() {
        let fix = "look why the server does not end: its error log and its threads; one that this run has not started, as with \
                   --extern, has to be ended by whoever started it";
        (waits("waits for the end of a server"), fix.to_owned(), false)
    } else if let (Some((server, why)), None) = (test.unreachable.first(), busy) {
        let fix =
            "see why the server does not answer: its error log, its limits of connections and descriptors";
        (format!("{server} does not answer: {why}; {}", waits("waits")), fix.to_owned(), false)
    } else if let Some(Statement { server, seconds, text, state, .. }) = busy {
        let state = if state.is_empty() { String::new() } else { format!(" ({state})") };
        let at = place.map(|_| format!("; {}", waits("waits"))).unwrap_or_default();
        let text = one_line(text.as_bstr());
        (format!("{server} executes a statement for {seconds} s{state}: {text}{at}"), slow.to_owned(), false)
    } else if place.is_some() {
        (waits("is"), slow.to_owned(), false)
    } else if let Some(line) = &test.last_line {
        (format!("the script is at: {line}"), slow.to_owned(), false)
    } else {
        ("the script has written nothing".to_owned(), slow.to_owned(), false)
    };
    let finding = Finding::new(RUN_HANG, text);
    let finding = if certain { finding } else { finding.likely() };
    Some(with_all(scene, test, finding).fix(fix))
}

/// Everything that is known of who waits for what.
fn with_all<'a>(scene: &Scene<'a>, test: &TestFacts, mut finding: Finding<'a>) -> Finding<'a> {
    if let Some(place) = &test.place {
        finding = finding.seen(format!("the script is at {}{}", told(place), includes(place)));
    }
    for server in &test.down {
        finding = finding.seen(down(server).0);
    }
    for (server, why) in &test.unreachable {
        finding = finding.seen(format!("{server} does not answer: {why}"));
    }
    if let Some(line) = &test.last_line {
        finding = finding.seen(format!("last line of the script's output: {line}"));
    }
    for program in &test.programs {
        finding = finding.seen(format!("program of the script: {program}"));
    }
    for Statement { server, connection, seconds, state, text } in &test.statements {
        let text = one_line(text.as_bstr());
        finding = finding.seen(format!("{server}, connection {connection}, {seconds} s, {state}: {text}"));
    }
    for line in scene.evidence.threads.lines() {
        finding = finding.seen(line);
    }
    finding
}

fn number(text: &BStr) -> i64 {
    text.to_str().ok().and_then(|text| text.parse().ok()).unwrap_or(0)
}

fn one_line(text: &BStr) -> BString {
    bstr::join(" ", text.fields()).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::triage::evidence::Evidence;
    use crate::triage::finding::Confidence;
    use crate::triage::rules::judge::diagnose;
    use crate::triage::testing::failed;

    fn at(place: &str, command: &str) -> ScriptPlace {
        ScriptPlace { places: vec![place.into(), "t/x.test:9".into()], command: command.into() }
    }

    fn hanging(test: TestFacts) -> Evidence {
        let exit = ExitKind::Running;
        Evidence { stage: Stage::Running, timed_out: true, exit, test: Some(test), ..failed(0, &[], "") }
    }

    #[test]
    fn a_server_that_is_down_is_what_a_script_waits_for() {
        for (expect, words, fix) in [
            (
                Some("rstart:"),
                "its expect file says 'rstart:', which nobody knows",
                "write restart, restart: OPTIONS",
            ),
            (Some("wait"), "its expect file says 'wait'", "write restart to /v/tmp/mysqld.1.expect"),
            (Some(""), "its expect file is empty", "write restart to"),
            (None, "its expect file is gone", "write restart to"),
        ] {
            let down = DownServer {
                server: "mysqld.1".into(),
                ended_at: Some(at("i.inc:3", "shutdown_server")),
                expect: expect.map(BString::from),
                expect_file: "/v/tmp/mysqld.1.expect".into(),
            };
            let place = Some(at("i.inc:5", "source include/wait_until_connected_again.inc"));
            let diagnosis = diagnose(&hanging(TestFacts { place, down: vec![down], ..TestFacts::default() }));
            let cause = diagnosis.cause.to_string();
            let start = "mysqld.1 is down: the test stopped it at i.inc:3: shutdown_server, and ";
            assert!(
                cause.starts_with(&format!("{start}{words}; the script waits at i.inc:5: source")),
                "{cause}"
            );
            assert!(diagnosis.fix.unwrap_or_default().to_string().contains(fix));
            let seen = "the script is at i.inc:5: source include/wait_until_connected_again.inc (included from t/x.test:9)";
            assert!(diagnosis.evidence.iter().any(|quote| quote.text == seen), "{:?}", diagnosis.evidence);
        }
    }

    #[test]
    fn a_script_that_sleeps() {
        let test = TestFacts { place: Some(at("t/x.test:2", "--sleep 300")), ..TestFacts::default() };
        let diagnosis = diagnose(&hanging(test));
        assert_eq!(diagnosis.cause, "the script sleeps at t/x.test:2: --sleep 300");
        assert_eq!(diagnosis.confidence, Confidence::Certain);
    }

    #[test]
    fn a_script_whose_program_was_killed() {
        let test = TestFacts {
            place: Some(at("t/x.test:4", "perl")),
            script_exit: Some(ExitKind::Signal(libc::SIGKILL)),
            ..TestFacts::default()
        };
        let evidence = Evidence { stage: Stage::Running, test: Some(test), ..failed(0, &[], "") };
        let diagnosis = diagnose(&evidence);
        assert_eq!(diagnosis.code, "MTR-R010");
        assert_eq!(
            diagnosis.cause,
            "the program that runs the script was ended by signal 9 (SIGKILL) at t/x.test:4: perl"
        );
    }
}
