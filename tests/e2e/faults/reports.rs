//! Reports of runs that did not complete are never green.

use std::fs;
use std::io::Read;
use std::os::unix::fs::FileTypeExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::skip::skip;
use crate::support::{Finished, Site, program, wait_for};

/// How long processes may outlive a runner that was killed.
const AFTER_KILL: Duration = Duration::from_secs(2);

/// A place with three tests that pass.
fn site() -> Site {
    let site = Site::fake();
    for name in ["a", "b", "c"] {
        site.test_file(&format!("{name}.test"), "exit 0\n");
    }
    site
}

/// The names of the tests of [`site`].
const TESTS: [&str; 3] = ["a", "b", "c"];

/// What a report says to whoever reads it and nothing else: how many tests, and how many of them failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Counts {
    tests: usize,
    failed: usize,
}

/// Of `--junit` and `--xml-report`: what the elements say, which has to be what the sums say.
#[track_caller]
fn counts(path: &Path) -> Counts {
    let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let root = text.split("<testsuites").nth(1).unwrap_or_else(|| panic!("no report:\n{text}"));
    let root = root.split('>').next().unwrap();
    let sum = |name: &str| -> usize {
        let value = root.split(&format!(" {name}=\"")).nth(1).and_then(|rest| rest.split('"').next());
        value.and_then(|value| value.parse().ok()).unwrap_or(0)
    };
    let elements = |name: &str| text.matches(&format!("<{name} ")).count();
    let failed = elements("failure") + elements("error");
    assert_eq!(failed, sum("failures") + sum("errors"), "{text}");
    Counts { tests: elements("testcase"), failed }
}

/// The same of `--result-file`.
fn results(path: &Path) -> Counts {
    let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let lines = |line: &str| text.lines().filter(|other| *other == line).count();
    Counts { tests: lines("{"), failed: lines("result : fail") }
}

/// Whether a stream of events is that of a run that is well: it has come to its end, with exit code 0.
fn is_well(events: &[Value]) -> bool {
    let end = events.iter().rfind(|event| event["event"] == "run_finished");
    end.is_some_and(|end| end["exit_code"] == 0)
}

fn file(site: &Site, name: &str) -> PathBuf {
    site.path("files").join(name)
}

/// No report of the run may be taken for one of a run that is well.
#[track_caller]
fn all_are_red(site: &Site, run: &Finished) {
    for name in ["junit", "xml"] {
        let counts = counts(&file(site, name));
        assert!(counts.failed > 0, "{name} is green: {counts:?}\n{}", run.report(name));
    }
    assert!(!is_well(&run.events), "the events are those of a run that is well\n{run:?}");
}

/// A run that is well leaves green reports in all the places that later runs of the site use.
fn leave_green_reports(site: &Site) {
    let run = site.run().args(["--result-file"]).args(TESTS).finish();
    run.exits(0);
    for name in ["junit", "xml"] {
        assert_eq!(counts(&file(site, name)), Counts { tests: 3, failed: 0 });
    }
    assert_eq!(results(&site.path("var/mtr-results.txt")), Counts { tests: 3, failed: 0 });
    assert!(is_well(&run.events));
}

/// The last line of a stream of events, which tells why the run ended.
#[track_caller]
fn the_end(run: &Finished) -> &Value {
    let end = run.events.iter().rfind(|event| event["event"] == "run_finished");
    end.unwrap_or_else(|| panic!("the stream has no end\n{run:?}"))
}

#[test]
fn of_a_run_that_is_killed_are_red_in_every_phase() {
    let phases: [(&str, &str, Option<&str>); 5] = [
        ("", "exit 0\n", Some("FAKE_HELP")),
        ("", "exit 0\n", Some("FAKE_BOOTSTRAP")),
        ("hang-at-start", "exit 0\n", None),
        ("", "reached\nsleep 600\n", None),
        ("hang-at-end", "exit 0\n", None),
    ];
    for (how, script, variable) in phases {
        let site = site();
        leave_green_reports(&site);
        site.test_file("b.opt", format!("--fake={how}\n")).test_file("b.test", script);
        fs::remove_dir_all(site.path("cache")).unwrap();
        let mut run = site.run().args(["--noreorder", "--result-file"]).args(["a", "b", "c"]);
        if let Some(variable) = variable {
            run = run.env(variable, "hang");
        }
        let run = run.start();
        wait_for(&site.path("reached"), |text| !text.is_empty());
        let herd = site.herd().and_guardian_of(run.pid());
        run.signal(Signal::KILL);
        let run = run.finish_leaving_processes();
        herd.assert_gone(AFTER_KILL);
        all_are_red(&site, &run);
        run.reports_are_well_formed();
        if let Ok(text) = fs::read_to_string(site.path("var/mtr-results.txt")) {
            assert!(text.contains("result : fail"), "{variable:?} {how}\n{text}");
        }
    }
}

#[test]
fn of_a_run_that_a_signal_ends_name_each_test_without_a_verdict() {
    for signal in [Signal::INT, Signal::TERM] {
        let site = site();
        site.test_file("b.test", "reached\nsleep 600\n");
        let run = site.run().args(["--noreorder", "--result-file"]).args(TESTS).start();
        wait_for(&site.path("reached"), |text| !text.is_empty());
        run.signal(signal);
        let run = run.finish();
        run.exits(1).verdict("main.a", "pass").says("2 of 3 tests have no verdict").says("\n  main.c\n");
        // Two tests, and the run.
        for counts in ["junit", "xml"].map(|name| counts(&file(&site, name))) {
            assert_eq!(counts, Counts { tests: 4, failed: 3 });
        }
        assert_eq!(results(&site.path("var/mtr-results.txt")), Counts { tests: 4, failed: 3 });
        assert_eq!((&the_end(&run)["missing"], &the_end(&run)["end"]), (&2.into(), &"interrupted".into()));
        run.does_not_say("tests were successful.");
    }
}

#[test]
fn of_a_run_that_a_signal_ends_before_its_first_test_end_with_the_reason() {
    for (variable, signal, why) in [
        ("FAKE_HELP", Signal::TERM, "Got signal SIGTERM"),
        ("FAKE_BOOTSTRAP", Signal::TERM, "Got signal SIGTERM"),
        ("FAKE_BOOTSTRAP", Signal::INT, "Got ^C signal"),
    ] {
        let site = site();
        leave_green_reports(&site);
        fs::remove_dir_all(site.path("cache")).unwrap();
        let run = site.run().env(variable, "hang").args(["--result-file"]).args(TESTS).start();
        wait_for(&site.path("reached"), |text| !text.is_empty());
        let herd = site.herd().and_guardian_of(run.pid());
        run.signal(signal);
        let run = run.finish_leaving_processes();
        herd.assert_gone(AFTER_KILL);
        run.exits(1);
        all_are_red(&site, &run);
        assert_eq!((&the_end(&run)["end"], &the_end(&run)["cause"]), (&"interrupted".into(), &why.into()));
    }
}

#[test]
fn of_a_run_that_stops_at_a_failure_count_what_was_not_run() {
    for (options, says) in [
        (&["--noreorder"][..], "a test had failed and --force was not given"),
        (
            &["--noreorder", "--force", "--max-test-fail=1"],
            "as many tests had failed as --max-test-fail allows",
        ),
    ] {
        let site = site();
        site.test_file("a.test", "echo no >&2\nexit 1\n");
        let run = site.run().args(options).args(["--result-file"]).args(TESTS).finish();
        run.exits(1).verdict("main.a", "fail").says("2 of 3 tests have no verdict, which counts as failed");
        for name in ["junit", "xml"] {
            assert_eq!(counts(&file(&site, name)), Counts { tests: 4, failed: 4 }, "{}", run.report(name));
            assert!(run.report(name).contains(says), "{says}\n{}", run.report(name));
        }
        assert_eq!(results(&site.path("var/mtr-results.txt")), Counts { tests: 4, failed: 4 });
        assert_eq!(the_end(&run)["missing"], 2);
    }
}

/// The shortest time-out is a minute.
#[test]
#[ignore = "takes long"]
fn of_a_run_whose_time_is_over_count_what_was_not_run() {
    let site = site();
    site.test_file("b.test", "sleep 600\n");
    let run = site.run().args(["--force", "--suite-timeout=1", "--noreorder"]).args(TESTS).finish();
    run.exits(1).verdict("main.a", "pass").says("2 of 3 tests have no verdict");
    run.says("Timeout: 1 tests were successful, 2 have no verdict.");
    for name in ["junit", "xml"] {
        assert_eq!(counts(&file(&site, name)), Counts { tests: 4, failed: 3 });
    }
    assert_eq!((&the_end(&run)["missing"], &the_end(&run)["end"]), (&2.into(), &"timeout".into()));
}

/// A round of `--repeat` that was to come has no verdict either.
#[test]
fn of_a_run_that_a_signal_ends_count_the_round_that_was_to_come() {
    let site = site();
    site.test_file(
        "a.test",
        "test -e \"$FAKE_REACHED.once\" && { reached; sleep 600; }\ntouch \"$FAKE_REACHED.once\"\nexit 0\n",
    );
    let run = site.run().args(["--repeat=2", "a"]).start();
    wait_for(&site.path("reached"), |text| !text.is_empty());
    run.signal(Signal::INT);
    let run = run.finish();
    run.exits(1);
    assert_eq!(counts(&file(&site, "junit")), Counts { tests: 3, failed: 2 }, "{}", run.report("junit"));
    assert_eq!(the_end(&run)["missing"], 1);
}

/// Ways not to come to the first test, and a word of the reason.
const REFUSALS: [(&[&str], &str); 8] = [
    (&["--no-such-option"], "Invalid option"),
    (&["--retry=x"], "Invalid option"),
    (&["--parallel=-1"], "negative"),
    (&["nosuch"], "nosuch"),
    (&["--suite=nosuch"], "nosuch"),
    (&["--do-test=nosuch"], "no test was found"),
    (&["--start-from=nosuch"], "--start-from=nosuch is the name of no test of this run"),
    (&["--skip-test-list=nosuch"], "--skip-test-list: there is no file nosuch"),
];

#[test]
fn of_a_run_that_is_refused_are_red_and_end_with_the_reason() {
    for (options, why) in REFUSALS {
        let site = site();
        leave_green_reports(&site);
        let names: &[&str] =
            if options[0].contains("nosuch") && !options[0].contains("--s") { &[] } else { &TESTS };
        let names = if options[0].starts_with("--do-test") || options[0].starts_with("--suite") {
            &[]
        } else {
            names
        };
        let run = site.run().args(["--result-file"]).args(options).args(names).finish();
        run.exits(1).says(why);
        all_are_red(&site, &run);
        run.reports_are_well_formed();
        let cause = the_end(&run)["cause"].as_str().unwrap_or_default();
        assert!(cause.contains(why), "{options:?}: {cause}\n{run:?}");
        for name in ["junit", "xml"] {
            assert!(run.report(name).contains("run not completed"), "{}", run.report(name));
        }
        let results = results(&site.path("var/mtr-results.txt"));
        assert!(results.failed > 0, "{options:?}: {results:?}");
    }
}

#[test]
fn of_a_run_without_server_or_vardir_are_red_and_end_with_the_reason() {
    let broken = [
        ("bootstrap", None, Some("FAKE_BOOTSTRAP")),
        ("libfake.so", None, Some("FAKE_HELP")),
        ("vardir", Some("--vardir=/dev/null/x"), None),
        ("no-such-base", Some("--basedir=/no-such-base"), None),
    ];
    for (why, option, variable) in broken {
        let site = site();
        leave_green_reports(&site);
        fs::remove_dir_all(site.path("cache")).unwrap();
        let mut run = site.run().args(option).args(TESTS);
        if let Some(variable) = variable {
            run = run.env(variable, "die");
        }
        let run = run.finish();
        run.exits(1).says(why);
        all_are_red(&site, &run);
        assert!(the_end(&run)["cause"].as_str().is_some_and(|cause| cause.contains(why)), "{run:?}");
    }
}

#[test]
fn of_a_run_without_interpreter_are_red() {
    let site = site();
    leave_green_reports(&site);
    let run = site.run().args(["--mysqltest=/nonexistent/mysqltest"]).args(TESTS).finish();
    run.exits(1).says("/nonexistent/mysqltest");
    all_are_red(&site, &run);
    the_end(&run);
}

#[test]
fn of_nothing_found_are_green_where_that_was_asked_for_alone() {
    let site = site();
    let run = site.run().args(["--skip-not-found", "--do-test=nosuch"]).finish();
    run.exits(0).says("success with --skip-not-found");
    assert_eq!(counts(&file(&site, "junit")), Counts { tests: 0, failed: 0 });
    assert!(is_well(&run.events));
}

#[test]
fn in_a_vardir_are_red_too_when_a_run_is_refused_or_killed() {
    let site = site();
    let var = site.path("var");
    let reports = |run: crate::support::Run| {
        let [junit, events] = ["j.xml", "log/e.json"].map(|name| var.join(name).display().to_string());
        run.args([format!("--junit={junit}"), format!("--events={events}"), "--result-file".into()])
    };
    let well = |name: &str| -> bool {
        let Ok(text) = fs::read_to_string(var.join(name)) else { return false };
        match name {
            "j.xml" => counts(&var.join(name)).failed == 0,
            "mtr-results.txt" => results(&var.join(name)).failed == 0,
            _ => text.contains("\"exit_code\":0"),
        }
    };
    let names = ["j.xml", "log/e.json", "mtr-results.txt"];
    for (options, hang) in [(&["--no-such-option"][..], false), (&["nosuch"], false), (&["a"], true)] {
        reports(site.run().args(["a"])).start().finish().exits(0);
        assert_eq!(names.map(well), [true; 3]);
        if hang {
            fs::remove_dir_all(site.path("cache")).unwrap();
            let run = reports(site.run().args(options)).env("FAKE_HELP", "hang").start();
            wait_for(&site.path("reached"), |text| !text.is_empty());
            let herd = site.herd().and_guardian_of(run.pid());
            run.signal(Signal::KILL);
            run.finish_leaving_processes();
            herd.assert_gone(AFTER_KILL);
        } else {
            reports(site.run().args(options)).start().finish().exits(1);
        }
        assert_eq!(names.map(well), [false; 3], "{options:?}");
    }
}

/// Whoever has both asked for wants no report of a run that is well.
#[test]
fn in_a_vardir_that_is_removed_go_with_it() {
    let site = site();
    let [junit, events] = [("junit", "j.xml"), ("events", "e.json")]
        .map(|(option, name)| format!("--{option}={}", site.path("var").join(name).display()));
    let run = site.run().args([junit, events, "--clean-vardir".into(), "a".into()]).start().finish();
    run.exits(0).does_not_say("not whole");
    assert!(!site.path("var/j.xml").exists());
}

/// The second run is refused; what the first one reports stays its own.
#[test]
fn of_another_run_in_the_vardir_are_left_alone() {
    let site = site();
    site.test_file("a.test", "reached\nuntil [ -e \"$FAKE_REACHED.go\" ]; do sleep 0.02; done\nexit 0\n");
    let events = site.path("var/e.json");
    let with = |run: crate::support::Run| run.args([format!("--events={}", events.display())]);
    let first = with(site.run().args(["a"])).start();
    wait_for(&site.path("reached"), |text| !text.is_empty());
    let run = with(site.run_in("var", "other")).args(["b"]).start().finish_leaving_processes();
    run.exits(1).says("another run");
    site.file("reached.go", "");
    first.finish().exits(0);
    let text = fs::read_to_string(&events).unwrap();
    assert!(text.starts_with("{\"seq\":1,") && text.contains("main") && text.ends_with("}\n"), "{text}");
    assert_eq!(text.matches("\"event\":\"run_finished\"").count(), 1, "{text}");
}

#[test]
fn are_kept_with_the_runs_that_are_kept() {
    let site = site();
    let run = |name: &str| {
        let junit = format!("--junit={}", site.path("var/j.xml").display());
        site.run().args(["--keep-runs=1", junit.as_str(), name]).start().finish().exits(0);
    };
    run("a");
    run("b");
    assert_eq!(counts(&site.path("var.1/j.xml")), Counts { tests: 1, failed: 0 });
    assert!(fs::read_to_string(site.path("var.1/j.xml")).unwrap().contains("name=\"a\""));
}

#[test]
fn that_cannot_be_are_refused_by_name_before_the_run() {
    let site = site();
    fs::create_dir(site.path("directory")).unwrap();
    assert!(Command::new("mkfifo").arg(site.path("fifo")).status().unwrap().success());
    for option in ["junit", "xml-report", "events"] {
        for (place, why) in
            [("directory", "is a directory"), ("fifo", "nobody reads"), ("no/such/dir", "cannot write")]
        {
            let path = site.path(place).display().to_string();
            let run = site.run().args([format!("--{option}={path}")]).args(TESTS).start();
            let run = run.finish();
            run.exits(1).says(&path).says(why);
            assert!(run.verdicts("main.a").is_empty(), "nothing is run");
            for name in ["junit", "xml"].into_iter().filter(|name| !option.starts_with(name)) {
                assert!(counts(&file(&site, name)).failed > 0, "{name}\n{run:?}");
            }
        }
    }
}

#[test]
fn have_a_file_each() {
    let site = site();
    fs::create_dir_all(site.path("files")).unwrap();
    std::os::unix::fs::symlink("junit", site.path("files/link")).unwrap();
    fs::write(site.path("files/other"), "").unwrap();
    fs::hard_link(site.path("files/other"), site.path("files/hard")).unwrap();
    let places = [("junit", "junit"), ("junit", "link"), ("other", "hard"), ("junit", "../files/junit")];
    for (junit, xml) in places {
        let [junit, xml] = [("junit", junit), ("xml-report", xml)]
            .map(|(option, name)| format!("--{option}={}", site.path("files").join(name).display()));
        let run = site.run().args([junit, xml]).args(TESTS).finish();
        run.exits(1).says("--junit and --xml-report both write to ");
        assert!(run.verdicts("main.a").is_empty(), "nothing is run");
    }
}

#[test]
fn on_a_full_device_fail_the_run_which_goes_on() {
    for option in ["junit", "xml-report"] {
        let site = site();
        let run = site.run().args([format!("--{option}=/dev/full")]).args(TESTS).start().finish();
        run.exits(1).verdict("main.c", "pass").says("cannot write /dev/full");
        assert!(!is_well(&run.events), "the events say so as well");
        let other = if option == "junit" { "xml" } else { "junit" };
        assert!(counts(&file(&site, other)).failed > 0, "{}", run.report(other));
    }
}

/// No file of the run may be larger than 16 KiB (with some shells 32): the disk is full for its events, in the middle of a line.
#[test]
fn without_room_fail_the_run_which_goes_on() {
    let site = site();
    site.test_file("b.test", "head -c 60000 /dev/zero | tr '\\0' x >&2\nexit 1\n");
    let limited = ["sh", "-c", "ulimit -f 32 && exec env --ignore-signal=XFSZ \"$0\" \"$@\""];
    let run = site.run().through(&limited).args(["--force", "--noreorder"]).args(TESTS).finish();
    // The console is such a file as well.
    run.exits(1).verdict("main.a", "pass").says("cannot write ").says("files/events");
    assert!(run.events.iter().any(|event| event["id"]["test"] == "c"), "the run goes on\n{run:?}");
    let numbers: Vec<u64> = run.events.iter().map(|event| event["seq"].as_u64().unwrap()).collect();
    assert!(numbers.windows(2).any(|pair| pair[1] > pair[0] + 1), "a gap: {numbers:?}");
    // Each line of the file is whole, and the gap can be seen.
    let events = fs::read_to_string(file(&site, "events")).unwrap();
    assert!(events.ends_with('\n'), "{}", &events[events.len() - 200..]);
}

#[test]
fn whose_directory_vanishes_fail_the_run_which_goes_on() {
    for (gone, name) in [("files/d", "junit"), ("files/d", "events")] {
        let site = site();
        fs::create_dir_all(site.path(gone)).unwrap();
        let place = site.path(gone).join("report");
        site.test_file("b.test", format!("rm -r '{}'\nexit 0\n", site.path(gone).display()));
        let run = site.run().args([format!("--{name}={}", place.display()), "--noreorder".into()]);
        let run = run.args(TESTS).start().finish();
        run.exits(1).verdict("main.c", "pass").says(&format!("{}", place.display()));
        run.says("a report is not whole");
        assert!(counts(&file(&site, "xml")).failed > 0, "the other reports say so\n{}", run.report("xml"));
    }
}

/// A tmpfs of its own, in which something else takes the room during the run.
#[test]
fn on_a_full_disk_fail_the_run_which_goes_on() {
    let site = site();
    let disk = site.path("disk");
    fs::create_dir(&disk).unwrap();
    let mount = format!("mount -t tmpfs -o size=256k none '{}'", disk.display());
    let possible = Command::new("unshare").args(["-m", "sh", "-c", &mount]).status();
    if !possible.is_ok_and(|status| status.success()) {
        return skip("no file system can be mounted");
    }
    let fill = format!("cat /dev/zero > '{}' 2>&-\nexit 0\n", disk.join("filler").display());
    site.test_file("b.test", fill);
    site.test_file("c.test", "head -c 20000 /dev/zero | tr '\\0' x >&2\nexit 1\n");
    let keep = format!(
        "{mount} && \"$0\" \"$@\"; code=$?; cp '{}'/* '{}'; exit $code",
        disk.display(),
        site.path("files").display()
    );
    let [events, junit] = [("events", "e"), ("junit", "j")]
        .map(|(option, name)| format!("--{option}={}", disk.join(name).display()));
    let run = site.run().args([events, junit, "--force".into(), "--noreorder".into()]).args(TESTS);
    let run = run.through(&["unshare", "-m", "sh", "-c", &keep]).start().finish();
    run.exits(1).verdict("main.b", "pass").verdict("main.c", "fail");
    run.says("disk/e").says("disk/j").says("a report is not whole");
    let events = fs::read_to_string(file(&site, "e")).unwrap();
    assert!(
        events.ends_with("}\n"),
        "the last line is not whole: {}",
        &events[events.len().saturating_sub(200)..]
    );
    for line in events.lines() {
        let _: Value = serde_json::from_str(line).unwrap();
    }
    assert!(counts(&file(&site, "j")).failed > 0);
    assert!(counts(&file(&site, "xml")).failed > 0);
}

#[test]
fn to_a_fifo_that_is_read_are_whole() {
    for (option, end) in [("junit", "</testsuites>\n"), ("events", "}\n")] {
        let site = site();
        let fifo = site.path("fifo");
        assert!(Command::new("mkfifo").arg(&fifo).status().unwrap().success());
        let reader = fs::File::options().read(true).write(true).open(&fifo).unwrap();
        let run = site.run().args([format!("--{option}={}", fifo.display())]).args(TESTS).start().finish();
        run.exits(0);
        rustix::io::ioctl_fionbio(&reader, true).unwrap();
        let mut text = Vec::new();
        // There is no end, as the reader is a writer, too.
        let _ = (&reader).read_to_end(&mut text);
        let text = String::from_utf8(text).unwrap();
        assert!(text.contains("\"c\"") && text.ends_with(end), "{text}");
        assert!(fs::metadata(&fifo).unwrap().file_type().is_fifo());
    }
}

#[test]
fn on_the_standard_output_have_it_for_themselves() {
    for place in ["-", "/dev/stdout", "/proc/self/fd/1"] {
        for to_file in [false, true] {
            let site = site();
            let run = site.run().args(TESTS);
            let arguments =
                run.arguments().filter(|argument| !argument.to_string_lossy().starts_with("--junit="));
            let mut command = Command::new(program());
            command.args(arguments).arg(format!("--junit={place}")).stdin(Stdio::null());
            command.env("MTR_CACHE_DIR", site.path("cache"));
            let (out, text) = match to_file {
                false => {
                    let out = command.output().unwrap();
                    let text = String::from_utf8_lossy(&out.stdout).into_owned();
                    (out, text)
                }
                true => {
                    let path = site.path("out.xml");
                    command.stdout(fs::File::create(&path).unwrap()).stderr(Stdio::piped());
                    let out = command.spawn().unwrap().wait_with_output().unwrap();
                    (out, fs::read_to_string(path).unwrap())
                }
            };
            let console = String::from_utf8_lossy(&out.stderr).into_owned();
            assert_eq!(out.status.code(), Some(0), "{console}");
            assert!(console.contains("Completed: All 3 tests were successful."), "{console}");
            assert!(
                text.starts_with("<?xml") && text.ends_with("</testsuites>\n"),
                "{place} {to_file}\n{text}"
            );
        }
    }
}

/// While the stop file keeps tests back, the idle server is killed.
#[test]
fn tell_of_a_server_that_is_killed_between_tests() {
    for (signal, how) in [(Signal::KILL, "SIGKILL"), (Signal::HUP, "SIGHUP")] {
        let site = site();
        let stop = site.path("stop");
        site.test_file("a.test", format!("touch '{}'\nexit 0\n", stop.display()));
        let run = site.run().args([format!("--stop-file={}", stop.display()), "--noreorder".into()]);
        let run = run.args(TESTS).start();
        run.wait_for_event("test_finished");
        let pid = fs::read_to_string(site.path("var/run/mysqld.1.pid")).unwrap();
        let pid = Pid::from_raw(pid.trim().parse().unwrap()).unwrap();
        kill_process(pid, signal).unwrap();
        // A zombie has no command line.
        let line = format!("/proc/{}/cmdline", pid.as_raw_nonzero());
        while fs::read(&line).is_ok_and(|line| !line.is_empty()) {
            std::thread::yield_now();
        }
        fs::remove_file(&stop).unwrap();
        let run = run.finish();
        run.verdict("main.b", "pass").verdict("main.c", "pass");
        run.says("mysqld.1 (pid ").says(how).says("between main.a and main.b");
        let told = run.events.iter().filter(|event| event["event"] == "warning" && event["kind"] == "server");
        assert_eq!(told.count(), 1, "{run:?}");
    }
}

#[test]
fn tell_of_output_that_is_compared_with_nothing() {
    let site = site();
    site.test_file("b.test", "echo hello\nexit 0\n");
    let run = site.run().args(TESTS).finish();
    run.exits(0).verdict("main.b", "pass").says("hello");
    run.says("WARNING: main.b has no result file: the 6 bytes that it printed are compared with nothing");
    let told = run.events.iter().filter(|event| event["kind"] == "unchecked_output");
    assert_eq!(told.count(), 1, "{run:?}");
}
