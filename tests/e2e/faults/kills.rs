//! Kills at random moments of runs with restarts and several workers: whoever is killed, nothing is left, every report is
//! valid, and no run that did not complete is green.
//!
//! `tests/faults/kills [N]` runs many of them; here are a few.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::Write as _;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use mtr::sys::poll::readable;
use rustix::fs::{FlockOperation, flock};
use rustix::process::{Pid, PidfdFlags, Signal, kill_process, pidfd_open};
use serde_json::Value;

use crate::support::{Family, Herd, PATIENCE, Running, Site, patience, shared_cache, wait_for};

/// Who gets which signal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kill {
    Runner,
    Guardian,
    Term,
    Int,
}

const ALL: [Kill; 4] = [Kill::Runner, Kill::Guardian, Kill::Term, Kill::Int];

impl Kill {
    fn name(self) -> &'static str {
        match self {
            Kill::Runner => "KILL of the runner",
            Kill::Guardian => "KILL of the guardian",
            Kill::Term => "TERM",
            Kill::Int => "INT",
        }
    }
}

/// Random numbers that a seed repeats (SplitMix64).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit.max(1)
    }
}

/// What came of one kill.
#[derive(Debug)]
struct Trial {
    index: usize,
    kill: Kill,
    /// Which process it was, where there is a choice.
    whom: &'static str,
    after: Duration,
    /// The last event before it.
    phase: String,
    /// From the kill to the end of the program and of all its processes.
    took: Duration,
    /// What is not as promised.
    faults: Vec<String>,
}

/// Tests of which each has servers of its own options, of which one restarts its server, and one leaves processes that
/// hide.
fn site() -> Site {
    let site = Site::real();
    for number in 1..=5 {
        let name = format!("t{number}");
        let script = format!(
            "create table t{number} (a int);\ninsert into t{number} values (1);\ndrop table t{number};\n"
        );
        site.test_file(&format!("{name}.test"), &script).test_file(&format!("{name}.result"), &script);
        site.test_file(&format!("{name}.opt"), format!("--max-connections={}\n", 160 + number));
    }
    site.test_file("restarts.test", "--source include/restart_mysqld.inc\n--echo done\n");
    site.test_file("restarts.result", "# restart\ndone\n");
    // Named by a path, so that it can be found.
    fs::copy("/bin/sleep", site.path("hidden")).unwrap();
    let hidden = site.path("hidden").display().to_string();
    site.test_file(
        "hides.test",
        format!("--exec setsid env -i {hidden} 3600 > /dev/null 2>&1 < /dev/null &\n--echo done\n"),
    );
    site.test_file("hides.result", "done\n");
    site
}

fn start(site: &Site, cache: &Path, index: usize, long: bool) -> Running {
    // A path that is too long for sockets brings a directory elsewhere.
    let vardir = format!("var{index}{}", if long { "/long".repeat(18) } else { String::new() });
    let files = format!("files{index}");
    fs::create_dir_all(site.path(&format!("tmp{index}"))).unwrap();
    site.run_in(&vardir, &files)
        .args(["--parallel=4", "--force", "--retry=0", "--mysqld=--skip-innodb", "--no-check-testcases"])
        .env("MTR_CACHE_DIR", cache)
        .env("TMPDIR", site.path(&format!("tmp{index}")))
        .start()
}

/// Runs one trial; `None` where the run was over before its moment came.
fn trial(
    site: &Site,
    cache: &Path,
    index: usize,
    random: &mut Random,
    whole: &mut Duration,
) -> Option<Trial> {
    let kill = ALL[index % ALL.len()];
    let after = Duration::from_micros(random.below(whole.as_micros() as u64 * 9 / 10));
    let long = random.below(4) == 0;
    let mut run = start(site, cache, index, long);
    let begun = Instant::now();
    let front = run.pid();
    let held = pidfd_open(front, PidfdFlags::empty()).unwrap();
    if !readable(&[held.as_fd()], Some(begun + after)).unwrap().is_empty() {
        *whole = begun.elapsed();
        discard(site, index);
        return None;
    }
    let events = run.file("events");
    let phase = last_event(&events);
    let family = Family::of(front);
    let mut faults = Vec::new();
    let whom = match kill {
        Kill::Term => {
            run.signal(Signal::TERM);
            "the program"
        }
        Kill::Int => {
            run.signal(Signal::INT);
            "the program"
        }
        Kill::Runner => match (random.below(3), family.runner) {
            (0, Some(runner)) => {
                let _ = kill_process(runner, Signal::KILL);
                "runner"
            }
            (1, Some(runner)) => {
                let _ = kill_process(front, Signal::KILL);
                let _ = kill_process(runner, Signal::KILL);
                "front and runner"
            }
            _ => {
                run.signal(Signal::KILL);
                "front"
            }
        },
        Kill::Guardian => match family.guardian {
            Some(guardian) => {
                let _ = kill_process(guardian, Signal::KILL);
                "guardian"
            }
            None => "nobody: there was none yet",
        },
    };
    let killed = Instant::now();
    let limit = if kill == Kill::Guardian { PATIENCE } else { patience() };
    if readable(&[held.as_fd()], Some(killed + limit)).unwrap().is_empty() {
        faults.push(format!("it does not end: {:?}", Herd::of(&site.path("")).members()));
        run.signal(Signal::KILL);
    }
    let left = Herd::of(&site.path("")).and_guardian_of(front).left_at(Instant::now() + patience());
    let took = killed.elapsed();
    if kill == Kill::Guardian {
        *whole = begun.elapsed();
    } else if took > limit {
        faults.push(format!("it took {took:?}"));
    }
    if !left.is_empty() {
        faults.push(format!("left: {left:?}"));
        end(&left);
    }
    let code = run.wait_for_end();
    faults.extend(faults_of_reports(&run, kill, whom, &phase, code));
    faults.extend(leftover_files(site, index, &events));
    if faults.is_empty() {
        discard(site, index);
    }
    Some(Trial { index, kill, whom, after, phase, took, faults })
}

fn end(left: &[(i32, String)]) {
    for (pid, _) in left {
        let _ = kill_process(Pid::from_raw(*pid).unwrap(), Signal::KILL);
    }
}

fn last_event(events: &Path) -> String {
    let text = fs::read_to_string(events).unwrap_or_default();
    let last = text.lines().next_back().and_then(|line| serde_json::from_str::<Value>(line).ok());
    last.map_or_else(
        || "before the first event".to_owned(),
        |event| event["event"].as_str().unwrap().to_owned(),
    )
}

/// What is wrong with the reports of a run that ended with `code`, whose last event was `phase` at the kill.
fn faults_of_reports(run: &Running, kill: Kill, whom: &str, phase: &str, code: Option<i32>) -> Vec<String> {
    let mut faults = run.faults_of_reports();
    let text = fs::read_to_string(run.file("events")).unwrap_or_default();
    let events: Vec<Value> = text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let ended = events.iter().find(|event| event["event"] == "run_finished");
    let complete = ended.is_some_and(|event| event["end"] == "completed");
    let junit = fs::read_to_string(run.file("junit")).unwrap_or_default();
    let red = ["<failure", "<error"].iter().any(|word| junit.contains(word));
    if kill == Kill::Guardian {
        let console = fs::read_to_string(run.file("console")).unwrap_or_default();
        if !complete || code != Some(0) || red {
            faults.push(format!("the run did not go on: exit code {code:?}, {ended:?}\n{console}"));
        }
        // After its end a run has nothing to tell any more.
        let goes_on = phase != "run_finished";
        if whom == "guardian" && goes_on && !console.contains("the guardian of this run was killed") {
            faults.push("nobody told that the guardian was killed".to_owned());
        }
    } else if !complete {
        if code == Some(0) {
            faults.push("exit code 0".to_owned());
        }
        if !events.is_empty() && !junit.is_empty() && !red {
            faults.push("JUnit is green".to_owned());
        }
    }
    faults
}

/// Directories and locks of a run that is over.
fn leftover_files(site: &Site, index: usize, events: &Path) -> Vec<String> {
    let mut faults = Vec::new();
    for entry in fs::read_dir(site.path(&format!("tmp{index}"))).unwrap().flatten() {
        // Kept on purpose, where the directory of caches that was given is not one of this user's alone.
        if entry.file_name().to_string_lossy().starts_with("mtr-rs-cache-") {
            continue;
        }
        faults.push(format!("left: {}", entry.path().display()));
    }
    let text = fs::read_to_string(events).unwrap_or_default();
    let ready = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    for event in ready.filter(|event| event["event"] == "worker_ready") {
        let lock = PathBuf::from(mtr::config::ports::UNIQUE_IDS).join(event["build_thread"].to_string());
        let Ok(file) = File::options().read(true).open(&lock) else { continue };
        // Somebody else may have it by now, if it was this run's that would be no lock of a process.
        if flock(&file, FlockOperation::NonBlockingLockShared).is_err() && nobody_has(&lock) {
            faults.push(format!("locked: {}", lock.display()));
        }
    }
    faults
}

/// Whether no process has the file open: a lock without a process.
fn nobody_has(lock: &Path) -> bool {
    let fds = fs::read_dir("/proc")
        .unwrap()
        .flatten()
        .filter_map(|entry| fs::read_dir(entry.path().join("fd")).ok());
    !fds.flat_map(|fds| fds.flatten()).any(|fd| fs::read_link(fd.path()).is_ok_and(|target| target == lock))
}

fn discard(site: &Site, index: usize) {
    for what in ["var", "files", "tmp"] {
        let _ = fs::remove_dir_all(site.path(&format!("{what}{index}")));
    }
}

/// How long a run takes that nobody kills; fills the cache.
fn whole_run(site: &Site, cache: &Path) -> Duration {
    let mut took = Duration::ZERO;
    for _ in 0..2 {
        let begun = Instant::now();
        let run = start(site, cache, 0, false).finish();
        took = begun.elapsed();
        run.exits(0);
        discard(site, 0);
    }
    took
}

/// Makes the trials of these numbers, and tells each to `tell`.
fn trials(
    numbers: impl Iterator<Item = usize>,
    seed: u64,
    cache: &Path,
    mut tell: impl FnMut(&Trial, &Site),
) {
    let site = site();
    let mut whole = whole_run(&site, cache);
    for index in numbers {
        let mut random = Random(seed ^ (index as u64) << 32);
        // One that comes too late is no trial.
        let trial = loop {
            if let Some(trial) = trial(&site, cache, index, &mut random, &mut whole) {
                break trial;
            }
        };
        tell(&trial, &site);
    }
}

/// Stops a process; every thread of it has stopped when this returns.
fn stop(pid: Pid) {
    kill_process(pid, Signal::STOP).unwrap();
    let threads = || fs::read_dir(format!("/proc/{}/task", pid.as_raw_nonzero())).unwrap();
    let runs = |status: &str| !status.lines().any(|line| line.starts_with("State:\tT"));
    while threads()
        .any(|thread| fs::read_to_string(thread.unwrap().path().join("status")).is_ok_and(|s| runs(&s)))
    {
        std::thread::yield_now();
    }
}

/// A long line is copied page by page, and whoever writes it may be killed meanwhile: what there is of it then is put
/// there by the test, as the moment cannot be met.
#[test]
fn in_the_middle_of_a_line_leave_whole_ones() {
    let site = Site::fake();
    site.test_file("bad.test", "reached\nsleep 600\n");
    let deeds = [(false, true), (false, false), (true, true), (true, false)];
    for (standard_output, (guardian_first, the_front)) in
        [false, true].into_iter().flat_map(|way| deeds.map(|deed| (way, deed)))
    {
        let _ = fs::remove_file(site.path("reached"));
        let mut run = site.run().args(["bad"]);
        if standard_output {
            run = run.args(["--events=-"]);
            let events = site.path("files/events").display().to_string();
            run = run.through(&["sh", "-c", "events=$1; shift; exec \"$@\" >> \"$events\"", "sh", &events]);
            let _ = fs::remove_file(&events);
        }
        let mut run = run.start();
        wait_for(&site.path("reached"), |text| !text.is_empty());
        let family = Family::of(run.pid());
        let events = run.file("events");
        if guardian_first {
            kill_process(family.guardian.unwrap(), Signal::KILL).unwrap();
            wait_for(&events, |text| text.contains("the guardian of this run was killed"));
        }
        // Whoever is in the middle of a line writes no other before it is killed.
        stop(family.runner.unwrap());
        let whole = fs::read_to_string(&events).unwrap();
        assert!(whole.ends_with("}\n"), "{whole}");
        let mut file = File::options().append(true).open(&events).unwrap();
        file.write_all(format!("{{\"seq\":99,\"text\":\"{}", "x".repeat(100_000)).as_bytes()).unwrap();
        let herd = Herd::of(&site.path("")).and_guardian_of(run.pid());
        kill_process(family.runner.unwrap(), Signal::KILL).unwrap();
        if the_front {
            // It may see to the line already, or leave that to the guardian.
            kill_process(family.front, Signal::KILL).unwrap();
        }
        run.wait_for_end();
        herd.assert_gone(patience());
        let what = format!("{standard_output} {guardian_first} {the_front}");
        assert!(fs::read_to_string(&events).unwrap() == whole, "{what}: the beginning of a line is left");
    }
}

#[test]
fn at_random_moments_leave_nothing() {
    let seed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_micros() as u64;
    println!("seed {seed}");
    let cache = shared_cache();
    let mut faults = Vec::new();
    trials(0..8, seed, cache, |trial, _| {
        println!("{trial:?}");
        if !trial.faults.is_empty() {
            faults.push(format!("{trial:#?}"));
        }
    });
    assert!(faults.is_empty(), "seed {seed}\n{}", faults.join("\n"));
}

/// As many as `MTR_KILLS` says, in a directory that remembers them: see `tests/faults/kills`.
#[test]
#[ignore = "takes an hour; tests/faults/kills runs it"]
fn many() {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let count = number("MTR_KILLS").unwrap_or(1000) as usize;
    let dir = std::env::var_os("MTR_KILLS_DIR")
        .map_or_else(|| std::env::temp_dir().join("mtr-kills"), PathBuf::from);
    fs::create_dir_all(dir.join("cache")).unwrap();
    let state = dir.join("trials.tsv");
    let done = fs::read_to_string(&state).unwrap_or_default();
    let seed = match fs::read_to_string(dir.join("seed")).ok().and_then(|text| text.trim().parse().ok()) {
        Some(seed) => seed,
        None => number("MTR_KILLS_SEED").unwrap_or_else(|| u64::from(std::process::id()) * 7919),
    };
    fs::write(dir.join("seed"), format!("{seed}\n")).unwrap();
    println!("seed {seed}, {} of {count} are done", done.lines().count());
    let known: Vec<usize> = done.lines().filter_map(|line| line.split('\t').next()?.parse().ok()).collect();
    let mut log = File::options().append(true).create(true).open(&state).unwrap();
    let left = (0..count).filter(|index| !known.contains(index)).collect::<Vec<_>>();
    trials(left.into_iter(), seed, &dir.join("cache"), |trial, site| {
        let Trial { index, kill, whom, after, phase, took, faults } = trial;
        let result =
            if faults.is_empty() { "held".to_owned() } else { faults.join("; ").replace(['\n', '\t'], " ") };
        let line = format!(
            "{index}\t{}\t{whom}\t{}\t{phase}\t{}\t{result}\n",
            kill.name(),
            after.as_millis(),
            took.as_millis()
        );
        // One write a line: who breaks off leaves whole ones.
        log.write_all(line.as_bytes()).unwrap();
        print!("{line}");
        if !faults.is_empty() {
            let keep = dir.join(format!("fault-{index}"));
            fs::create_dir_all(&keep).unwrap();
            for name in ["console", "events", "junit", "xml"] {
                let _ = fs::copy(site.path(&format!("files{index}/{name}")), keep.join(name));
            }
            discard(site, *index);
        }
    });
    let text = fs::read_to_string(&state).unwrap();
    println!("{}", table(&text));
    let failed: Vec<&str> = text.lines().filter(|line| !line.ends_with("\theld")).collect();
    assert!(failed.is_empty(), "{failed:#?}");
}

/// The sums of a file of trials.
fn table(text: &str) -> String {
    let mut sums: BTreeMap<&str, (usize, usize, Vec<u64>)> = BTreeMap::new();
    for line in text.lines() {
        let fields: Vec<&str> = line.split('\t').collect();
        let (held, times, all) = {
            let entry = sums.entry(fields[1]).or_default();
            (&mut entry.1, &mut entry.2, &mut entry.0)
        };
        *all += 1;
        *held += usize::from(fields[6] == "held");
        times.push(fields[5].parse().unwrap());
    }
    let mut table = String::from(
        "| what | trials | held | until all was gone, median | the longest |\n|---|---|---|---|---|\n",
    );
    for (kill, (all, held, mut times)) in sums {
        times.sort_unstable();
        let (median, longest) = (times[times.len() / 2], times[times.len() - 1]);
        writeln!(table, "| {kill} | {all} | {held} | {median} ms | {longest} ms |").unwrap();
    }
    table
}
