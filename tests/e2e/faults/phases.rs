//! Signals to the runner, its guardian, scripts and servers, in each phase of a run.
//!
//! In each of them something waits for what does not come, and a process that hides is left behind wherever a script of
//! ours runs: it has cleared its environment and left its session. Nothing may be there two seconds after a signal or a
//! kill (how a slow machine is taken into account: [`patience`]).

use std::fs::{self, File};
use std::io::Write as _;
use std::os::fd::AsFd;
use std::path::PathBuf;
use std::time::Instant;

use mtr::sys::poll::readable;
use rustix::fs::{FlockOperation, OFlags, fcntl_setfl, flock};
use rustix::process::{PidfdFlags, Signal, kill_process, pidfd_open};

use crate::support::{Family, Herd, Run, Running, Site, patience, program, wait_for};

/// What is done to a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Deed {
    Signal(Signal),
    /// `kill -9` of the process that was started.
    KillFront,
    /// `kill -9` of the one that does the work.
    KillRunner,
    /// The guardian is killed, and then the process that was started.
    KillGuardianAndFront,
    /// The guardian is killed, and then the one that does the work.
    KillGuardianAndRunner,
    /// All that is in the process group of the one that was started, as some systems do it.
    KillGroup,
    /// The one that does the work is stopped, and then told to end.
    StopRunnerAndTerm,
}

const DEEDS: [Deed; 10] = [
    Deed::Signal(Signal::INT),
    Deed::Signal(Signal::TERM),
    Deed::Signal(Signal::HUP),
    Deed::Signal(Signal::QUIT),
    Deed::KillFront,
    Deed::KillRunner,
    Deed::KillGuardianAndFront,
    Deed::KillGuardianAndRunner,
    Deed::KillGroup,
    Deed::StopRunnerAndTerm,
];

/// A fake site with what the scripts below call: a process that hides, as `$HIDE`.
fn fake() -> Site {
    let site = Site::fake();
    hide(&site);
    site
}

fn hide(site: &Site) {
    // Named by a path, so that it can be found.
    fs::copy("/bin/sleep", site.path("hidden")).unwrap();
    let hidden = site.path("hidden").display().to_string();
    let text = format!("#!/bin/sh\nsetsid env -i {hidden} 3600 > /dev/null 2>&1 < /dev/null &\n");
    site.program("hide", &text);
}

/// Does it, and checks that everything is gone in time. The run is in a group of its own.
fn end_by(deed: Deed, site: &Site, mut run: Running, phase: &str) {
    let front = run.pid();
    let family = Family::of(front);
    let held = pidfd_open(front, PidfdFlags::empty()).unwrap();
    let herd = Herd::of(&site.path("")).and_guardian_of(front);
    assert!(herd.members().len() > 1, "{phase}: there is something to be ended");
    let kill = |pid| {
        // It may have ended already.
        let _ = kill_process(pid, Signal::KILL);
    };
    if family.guardian.is_none() && matches!(deed, Deed::KillGuardianAndFront | Deed::KillGuardianAndRunner) {
        for (pid, _) in herd.members() {
            kill(rustix::process::Pid::from_raw(pid).unwrap());
        }
        run.wait_for_end();
        panic!("{phase}, {deed:?}: there is no guardian");
    }
    let guardian = || {
        let guardian = family.guardian.unwrap();
        let held = pidfd_open(guardian, PidfdFlags::empty()).unwrap();
        kill(guardian);
        readable(&[held.as_fd()], None).unwrap();
        // Another one comes; whether it is there already must not matter.
    };
    let runner = family.runner.unwrap_or(front);
    match deed {
        Deed::Signal(signal) => run.signal(signal),
        Deed::KillFront => kill(front),
        Deed::KillRunner => kill(runner),
        Deed::KillGuardianAndFront => {
            guardian();
            kill(front);
        }
        Deed::KillGuardianAndRunner => {
            guardian();
            kill(runner);
        }
        Deed::KillGroup => rustix::process::kill_process_group(front, Signal::KILL).unwrap(),
        Deed::StopRunnerAndTerm => {
            kill_process(runner, Signal::STOP).unwrap();
            run.signal(Signal::TERM);
        }
    }
    let done = Instant::now();
    let limit = patience();
    let ended = !readable(&[held.as_fd()], Some(done + limit)).unwrap().is_empty();
    let left = herd.left_at(done + limit);
    let took = done.elapsed();
    if !ended || !left.is_empty() {
        for (pid, _) in &left {
            kill(rustix::process::Pid::from_raw(*pid).unwrap());
        }
        kill(front);
    }
    let code = run.wait_for_end();
    assert!(ended, "{phase}, {deed:?}: it does not end within {limit:?}: {left:#?}");
    assert!(left.is_empty(), "{phase}, {deed:?}: left after {limit:?}: {left:#?}");
    assert_ne!(code, Some(0), "{phase}, {deed:?}");
    let faults = run.faults_of_reports();
    assert!(faults.is_empty(), "{phase}, {deed:?}: {faults:#?}");
    println!("{phase}, {deed:?}: {took:?}");
}

/// Everything that can be done, in one phase: `begin` starts a run on the site and returns when it is in it.
fn in_phase(phase: &str, begin: impl Fn(&Site) -> Running, make: impl Fn() -> Site) {
    in_phase_by(&DEEDS, phase, begin, make);
}

fn in_phase_by(deeds: &[Deed], phase: &str, begin: impl Fn(&Site) -> Running, make: impl Fn() -> Site) {
    let mut faults = Vec::new();
    for &deed in deeds {
        let site = make();
        let run = begin(&site);
        // All of them are tried, so that one can see what holds and what does not.
        let tried =
            std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| end_by(deed, &site, run, phase)));
        if let Err(why) = tried {
            faults.push(why.downcast_ref::<String>().cloned().unwrap_or_else(|| format!("{deed:?}: ?")));
        }
    }
    assert!(faults.is_empty(), "{} of {} failed:\n{}", faults.len(), deeds.len(), faults.join("\n"));
}

/// Starts a run in a group of its own, and waits until something has told that it is there.
fn reaching(site: &Site, run: Run) -> Running {
    let run = run.in_own_group().start();
    wait_for(&site.path("reached"), |text| !text.is_empty());
    run
}

/// A test whose server and script behave as told, after one that passes.
fn with_test(server: &str, script: &str) -> Site {
    let site = fake();
    let hide = site.path("hide").display().to_string();
    site.test_file("good.test", "exit 0\n");
    site.test_file("bad.opt", format!("--fake={server}\n"));
    site.test_file("bad.test", script.replace("$HIDE", &hide));
    site
}

fn both(site: &Site) -> Run {
    site.run().args(["--noreorder", "good", "bad"])
}

#[test]
fn while_a_server_is_asked_what_it_is() {
    in_phase(
        "probe",
        |site| reaching(site, site.run().env("FAKE_HELP", "hang").args(["bad"])),
        || with_test("", "exit 0\n"),
    );
}

/// What does not run any test, but starts a server to ask it: below the same guardian.
#[test]
fn while_a_server_is_asked_by_others_than_runs() {
    for words in [&["--list"][..], &["--explain=bad"], &["lint"], &["doctor"]] {
        in_phase(
            words[0],
            |site| {
                let command = words[0];
                let run = match command.starts_with("--") {
                    true => site.run().args(words),
                    false => {
                        let basedir = format!("--basedir={}", site.path("base").display());
                        Run::of(&site.path("files"), [command, &basedir])
                            .env("FAKE_REACHED", site.path("reached"))
                    }
                };
                let run = run.env("MTR_CACHE_DIR", site.path("cache"));
                reaching(site, run.env("FAKE_HELP", "hang"))
            },
            || with_test("", "exit 0\n"),
        );
    }
}

#[test]
fn while_a_suite_pm_hangs() {
    in_phase(
        "suite.pm",
        |site| reaching(site, site.run().args(["--suite=bad"])),
        || {
            let site = fake();
            let (hide, reached) = (site.path("hide"), site.path("reached"));
            site.file("base/mysql-test/suite/bad/t/x.test", "exit 0\n");
            let text = format!(
                "package My::Suite::Bad;\nsystem('{}; echo 1 > {}; sleep 600');\n1;\n",
                hide.display(),
                reached.display()
            );
            site.file("base/mysql-test/suite/bad/suite.pm", text);
            site
        },
    );
}

#[test]
fn while_the_database_is_installed() {
    in_phase(
        "bootstrap",
        |site| reaching(site, site.run().env("FAKE_BOOTSTRAP", "hang").args(["bad"])),
        || with_test("", "exit 0\n"),
    );
}

#[test]
fn while_a_server_does_not_get_ready() {
    in_phase("start", |site| reaching(site, both(site)), || with_test("hang-at-start", "exit 0\n"));
}

#[test]
fn while_a_script_runs() {
    in_phase(
        "script",
        |site| reaching(site, both(site)),
        || {
            with_test(
                "leave-children",
                "$HIDE\nsleep 601 & setsid sleep 602 &\ntrap '' TERM INT\nreached\nsleep 600\n",
            )
        },
    );
}

#[test]
fn while_a_server_is_stopped() {
    in_phase(
        "stopped server",
        |site| reaching(site, both(site)),
        || with_test("", "$HIDE\nsignal_server STOP\nreached\nsleep 600\n"),
    );
}

#[test]
fn while_a_stopped_server_is_told_to_end() {
    in_phase(
        "shutdown of a stopped server",
        |site| {
            let run =
                reaching(site, site.run().args(["--noreorder", "--shutdown-timeout=60", "bad", "next"]));
            wait_for(&run.file("console"), |text| text.contains("main.bad"));
            run
        },
        || {
            let site = with_test("", "$HIDE\nsignal_server STOP\nreached\nexit 0\n");
            site.test_file("next.opt", "--other\n").test_file("next.test", "exit 0\n");
            site
        },
    );
}

#[test]
fn while_a_server_takes_its_time_to_end() {
    in_phase(
        "shutdown",
        |site| reaching(site, both(site).args(["--shutdown-timeout=60"])),
        || with_test("hang-at-end", "$HIDE\nexit 0\n"),
    );
}

#[test]
fn while_a_server_is_started_again() {
    let script =
        "$HIDE\necho restart > \"$MYSQLTEST_VARDIR/tmp/mysqld.1.expect\"\nsignal_server TERM\nsleep 600\n";
    in_phase("restart", |site| reaching(site, both(site)), || with_test("hang-at-restart", script));
}

#[test]
fn after_a_connection_was_lost() {
    let script = "$HIDE\necho \"mysqltest: At line 1: query 'select 1' failed: 2013: Lost connection\" >&2\nreached\nexit 1\n";
    in_phase("lost connection", |site| reaching(site, both(site)), || with_test("", script));
}

#[test]
fn while_a_script_before_the_start_of_a_server_hangs() {
    in_phase(
        "t-master.sh",
        |site| reaching(site, both(site)),
        || {
            let site = with_test("", "exit 0\n");
            let text = format!("{}\necho 1 > \"$FAKE_REACHED\"\nsleep 600\n", site.path("hide").display());
            site.test_file("bad-master.sh", text);
            site
        },
    );
}

#[test]
fn while_servers_wait_for_a_person() {
    in_phase(
        "--start",
        |site| {
            let run = site.run().args(["--start", "bad"]).in_own_group().start();
            wait_for(&run.file("console"), |text| text.contains("Waiting for server(s) to exit..."));
            run
        },
        || with_test("leave-children", "exit 0\n"),
    );
}

/// A debugger that hangs, for a test that leaves a core file.
fn with_debugger() -> Site {
    let core = "$HIDE\nmkdir -p \"$MYSQLTEST_VARDIR/mysqld.1/data\"\n\
                printf '\\177ELF............\\004\\000' > \"$MYSQLTEST_VARDIR/mysqld.1/data/core\"\nexit 1\n";
    let site = with_test("", core);
    site.program("bin/gdb", "#!/bin/sh\necho 1 > \"$FAKE_REACHED\"\nexec sleep 600\n");
    site
}

fn path_with(site: &Site) -> String {
    format!("{}:{}", site.path("bin").display(), std::env::var("PATH").unwrap())
}

#[test]
fn while_a_debugger_reads_a_core_file() {
    in_phase(
        "gdb on a core",
        |site| reaching(site, both(site).args(["--force", "--retry=0"]).env("PATH", path_with(site))),
        with_debugger,
    );
}

#[test]
#[ignore = "a test takes a minute at least to be given up"]
fn while_a_debugger_looks_at_what_hangs() {
    in_phase_by(
        &[Deed::Signal(Signal::TERM), Deed::KillFront],
        "gdb on a process",
        |site| {
            let run = both(site).args(["--force", "--retry=0"]).env("MTR_TESTCASE_TIMEOUT", "1");
            reaching(site, run.env("PATH", path_with(site)))
        },
        || {
            let site = with_debugger();
            let hide = site.path("hide").display().to_string();
            site.test_file("bad.test", format!("{hide}\nsleep 600\n"));
            site
        },
    );
}

#[test]
fn while_a_core_file_is_compressed() {
    in_phase(
        "compression",
        |site| {
            // Without names, so that cores are compressed.
            let run = site.run().args(["--force", "--retry=0", "--print-core=no", "--suite=main"]);
            let run = run.in_own_group().start();
            wait_for(&site.path("reached"), |text| !text.is_empty());
            wait_for(&site.path("var/log/main.bad/mysqld.1/data/core.gz"), |_| true);
            run
        },
        || {
            let core = "$HIDE\nmkdir -p \"$MYSQLTEST_VARDIR/mysqld.1/data\"\n\
                        truncate -s 64G \"$MYSQLTEST_VARDIR/mysqld.1/data/core\"\nreached\nexit 1\n";
            with_test("", core)
        },
    );
}

/// Nobody reads what the run prints.
#[test]
fn while_the_console_is_full() {
    in_phase(
        "full console",
        |site| {
            let (reader, writer) = std::io::pipe().unwrap();
            fcntl_setfl(&writer, OFlags::NONBLOCK).unwrap();
            while (&writer).write(&[b'x'; 512]).is_ok() {}
            fcntl_setfl(&writer, OFlags::empty()).unwrap();
            let run = both(site).in_own_group().start_with(writer.into());
            wait_for(&run.file("events"), |_| true);
            // Nobody reads, and it does not end: the descriptor is lost with the process of the tests.
            std::mem::forget(reader);
            run
        },
        || with_test("", "exit 0\n"),
    );
}

/// Another run has the cache and is stopped.
#[test]
fn while_a_lock_is_waited_for() {
    in_phase_by(
        &[Deed::Signal(Signal::INT), Deed::KillFront, Deed::KillRunner],
        "cache lock",
        |site| {
            let run = |vardir: &str, files: &str| {
                site.run_in(vardir, files).env("MTR_CACHE_DIR", site.path("cache")).args(["good"])
            };
            // What a fake server makes is not kept.
            run("var", "files").finish().exits(0);
            let lock: PathBuf = site.path("cache/bootstrap/lock");
            let file = File::options().write(true).create(true).truncate(false).open(lock).unwrap();
            flock(&file, FlockOperation::LockExclusive).unwrap();
            std::mem::forget(file);
            let run = run("var2", "files2").in_own_group().start();
            wait_for(&run.file("events"), |text| text.contains("Installing system database"));
            run
        },
        || {
            let site = Site::real();
            site.test_file("good.test", "--echo good\n").test_file("good.result", "good\n");
            site
        },
    );
}

/// A server that answers no more, while the runner looks at its state.
#[test]
fn while_a_server_does_not_answer_a_check() {
    in_phase(
        "check",
        |site| reaching(site, site.run().args(["--force", "--retry=0", "stops"])),
        || {
            let site = Site::real();
            hide(&site);
            let hide = site.path("hide").display().to_string();
            // One that prints nothing fails.
            let script = format!(
                "--exec {hide}\n--echo stops\nlet $pid_file= `select @@pid_file`;\n--exec kill -STOP `cat $pid_file`\n\
                 --exec echo 1 > $FAKE_REACHED\n"
            );
            site.test_file("stops.test", script);
            site
        },
    );
}

/// A run whose guardian is killed goes on, tells it, and has another one.
#[test]
fn without_its_guardian_a_run_goes_on() {
    let site = with_test("", "$HIDE\nreached\nuntil [ -e \"$FAKE_REACHED.go\" ]; do sleep 0.02; done\n");
    let run = reaching(&site, both(&site));
    for _ in 0..2 {
        let guardian = Family::of(run.pid()).guardian.expect("there is a guardian");
        kill_process(guardian, Signal::KILL).unwrap();
        while Family::of(run.pid()).guardian.is_none_or(|next| next == guardian) {
            std::thread::yield_now();
        }
    }
    site.file("reached.go", "");
    let run = run.finish();
    run.exits(0).verdict("main.good", "pass").verdict("main.bad", "pass").reports_are_well_formed();
    run.says("the guardian of this run was killed");
    site.herd().assert_gone(patience());
}

/// Servers that are to stay do, and what a run leaves besides does not.
#[test]
fn what_is_meant_to_stay_stays() {
    let site = with_test("", "exit 0\n");
    let run = site.run().args(["--start-and-exit", "bad"]).start().finish_leaving_processes();
    run.exits(0);
    let members = site.herd().members();
    assert!(members.iter().any(|(_, command)| command.contains("mariadbd")), "{members:#?}");
    let run = site.run().args(["bad"]).finish();
    run.exits(0);
    site.herd().assert_gone(patience());
}

/// The exit code and the signal of the program are those of its work.
#[test]
fn the_program_ends_as_its_work_does() {
    use std::os::unix::process::ExitStatusExt;
    use std::process::Command;
    let status = Command::new(program()).args(["--list", "--suite=nosuch"]).output().unwrap().status;
    assert_eq!(status.code(), Some(1));
    let site = with_test("", "reached\nsleep 600\n");
    let mut run = reaching(&site, both(&site));
    let runner = Family::of(run.pid()).runner.expect("there is a runner");
    kill_process(runner, Signal::KILL).unwrap();
    assert_eq!(run.wait_for_status().signal(), Some(Signal::KILL.as_raw()));
}

/// What is stopped by a terminal's key goes on when the shell says so.
#[test]
fn a_run_that_is_stopped_goes_on() {
    let site = with_test("", "reached\nuntil [ -e \"$FAKE_REACHED.go\" ]; do sleep 0.02; done\n");
    let run = reaching(&site, both(&site));
    let family = Family::of(run.pid());
    let state = |pid: rustix::process::Pid| {
        let text = fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero())).unwrap();
        text.rsplit_once(") ").unwrap().1.chars().next().unwrap()
    };
    let runner = family.runner.expect("there is a runner");
    for whom in [family.front, runner] {
        run.signal(Signal::TSTP);
        while state(whom) != 'T' {
            std::thread::yield_now();
        }
        run.signal(Signal::CONT);
        while state(whom) == 'T' {
            std::thread::yield_now();
        }
    }
    site.file("reached.go", "");
    run.finish().exits(0).verdict("main.bad", "pass");
}

/// `timeout` tells the program, and then everybody in its group: that is one signal.
#[test]
fn a_signal_to_program_and_group_is_one() {
    let site = with_test("leave-children", "$HIDE\nreached\nsleep 600\n");
    let run = both(&site).through(&["timeout", "--signal=TERM", "--kill-after=60", "15"]).start();
    let run = run.finish_leaving_processes();
    run.exits(124).says("Got signal SIGTERM").verdict("main.good", "pass").reports_are_well_formed();
    site.herd().assert_gone(patience());
}

/// A file that must not grow is an error that is told, as a full disk is.
#[test]
fn a_limit_of_files_sizes_kills_nobody() {
    let site = with_test("", "head -c 30000 /dev/zero | tr '\\0' x\nexit 1\n");
    let limited = ["bash", "-c", "ulimit -f 12; exec \"$@\"", "bash"];
    let run = site.run().args(["--force", "--retry=0", "bad"]).through(&limited).start();
    // Not by the signal.
    let mut run = run;
    assert_eq!(run.wait_for_end(), Some(1));
    site.herd().assert_gone(patience());
}

/// A directory for sockets that is not in the vardir goes as well.
#[test]
fn directories_elsewhere_are_removed() {
    for deed in [Deed::KillFront, Deed::KillRunner, Deed::KillGuardianAndFront, Deed::Signal(Signal::TERM)] {
        let site = with_test("", "$HIDE\nreached\nsleep 600\n");
        fs::create_dir(site.path("tmp")).unwrap();
        let long = format!("var{}", "/long".repeat(18));
        let run = site.run_in(&long, "files").env("TMPDIR", site.path("tmp")).args(["bad"]);
        let run = reaching(&site, run);
        assert_ne!(fs::read_dir(site.path("tmp")).unwrap().count(), 0, "there is one");
        end_by(deed, &site, run, "socket directory");
        let left: Vec<_> =
            fs::read_dir(site.path("tmp")).unwrap().flatten().map(|entry| entry.path()).collect();
        assert!(left.is_empty(), "{deed:?}: {left:?}");
    }
}

/// The program may be built or installed anew while it runs.
#[test]
fn a_program_that_is_removed_runs_its_scripts() {
    let site = Site::real();
    let copy = site.path("mtr-rs");
    fs::copy(program(), &copy).unwrap();
    site.test_file("a.test", format!("--exec rm {}\n--echo done\n", copy.display()));
    site.test_file("b.test", "--echo done\n--exec $MYSQL_TEST --version > /dev/null\n");
    for name in ["a", "b"] {
        site.test_file(&format!("{name}.result"), "done\n");
    }
    let run = site.run().args(["--noreorder", "--force", "--retry=0", "a", "b"]).with_program(&copy).finish();
    run.exits(0).verdict("own.a", "pass").verdict("own.b", "pass");
}
