//! Signals that the caller ignores or blocks: the run can be ended all the same, learns how its processes end, and hands
//! nothing of it on. A hangup alone stays ignored, as `nohup` means it.

use std::time::Duration;

use rustix::process::Signal;

use crate::support::{Run, Site, wait_for};

/// All that can be inherited and would harm.
const ALL: [&str; 3] =
    ["env", "--ignore-signal=INT,QUIT,TERM,HUP,CHLD,PIPE,XFSZ", "--block-signal=INT,TERM,HUP,CHLD,PIPE"];

fn site(script: &str) -> Site {
    let site = Site::fake();
    site.test_file("bad.test", script);
    site
}

/// Starts the run of a site whose moment comes, sends the signal then, and waits for the end of everything.
fn is_ended_by(signal: Signal, site: &Site, run: Run) {
    let run = run.start();
    wait_for(&site.path("reached"), |text| !text.is_empty());
    let herd = site.herd().and_guardian_of(run.pid());
    run.signal(signal);
    run.finish_leaving_processes();
    herd.assert_gone(Duration::from_secs(20));
}

#[test]
fn that_are_ignored_or_blocked_end_a_run_in_every_phase() {
    for signal in [Signal::INT, Signal::TERM] {
        for phase in ["FAKE_HELP", "FAKE_BOOTSTRAP"] {
            let site = site("exit 0\n");
            is_ended_by(signal, &site, site.run().through(&ALL).env(phase, "hang").args(["bad"]));
        }
        let site = site("reached\nsleep 600\n");
        is_ended_by(signal, &site, site.run().through(&ALL).args(["bad"]));
    }
}

#[test]
fn hangup_ends_a_run_unless_it_is_ignored() {
    let site = site("reached\nuntil [ -e \"$FAKE_REACHED.go\" ]; do sleep 0.02; done\n");
    let run = || site.run().args(["bad"]);
    for how in [&["env", "--default-signal=HUP"][..], &["env", "--default-signal=HUP", "--block-signal=HUP"]]
    {
        is_ended_by(Signal::HUP, &site, run().through(how));
        std::fs::remove_file(site.path("reached")).unwrap();
    }
    let run = run().through(&["env", "--ignore-signal=HUP"]).start();
    wait_for(&site.path("reached"), |text| !text.is_empty());
    run.signal(Signal::HUP);
    site.file("reached.go", "");
    run.finish().exits(0).verdict("main.bad", "pass");
}

#[test]
fn of_children_are_not_missed() {
    let site = site("exit 0\n");
    site.test_file("dies.test", "exit 0\n").test_file("dies.opt", "--fake=die-at-start\n");
    let run = site.run().through(&ALL).args(["--force", "--retry=0", "dies", "bad"]).finish();
    run.exits(1)
        .verdict("main.bad", "pass")
        .verdict("main.dies", "fail")
        .says("mysqld.1 exited with status 7");
}

/// The fake server and the fake interpreter tell what they inherited, as bits. Bash ignores SIGQUIT itself, and the C
/// library has signals of its own.
#[test]
fn are_not_handed_on() {
    let told = "while read -r name mask; do\n\
                case $name in SigBlk: | SigIgn:) echo \"script $name $mask\" >> \"$FAKE_SIGNALS\" ;; esac\n\
                done < /proc/self/status\n";
    let site = site(told);
    let signals = site.path("signals");
    let run = site.run().through(&ALL).env("FAKE_SIGNALS", &signals).args(["bad"]).finish();
    run.exits(0).verdict("main.bad", "pass");
    let told = std::fs::read_to_string(signals).unwrap();
    for what in ["server SigBlk: ", "server SigIgn: ", "script SigBlk: ", "script SigIgn: "] {
        let bits = told.lines().find_map(|line| line.strip_prefix(what)).unwrap();
        let bits = u64::from_str_radix(bits, 16).unwrap();
        for signal in [Signal::INT, Signal::TERM, Signal::HUP, Signal::CHILD, Signal::PIPE, Signal::XFSZ] {
            assert_eq!(bits >> (signal.as_raw() - 1) & 1, 0, "{signal:?}\n{told}");
        }
    }
}
