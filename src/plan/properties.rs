//! Random runs of the scheduler in a world where anything may happen at any moment: workers die, cannot be made, grow
//! and shrink in number; tests fail; the stop file comes and goes; signals come.
//!
//! The world knows only what it was told, and checks each decision as a worker and a reader of the verdicts would.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use crate::event::{RunEnd, Verdict};
use crate::plan::decision::{Attempt, Decision, Input, Limits};
use crate::plan::entry::Entry;
use crate::plan::scheduler::Scheduler;

/// How many runs are made.
const CASES: u32 = 20_000;

#[derive(Debug, Clone)]
struct Plan {
    entries: Vec<Entry>,
    start_from: usize,
    limits: Limits,
    workers: usize,
    /// What happens, one number a step; when they are used up, everything goes well.
    choices: Vec<u16>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Made, and has not asked yet.
    Made,
    /// Has asked.
    Waiting,
    /// Makes an attempt.
    Runs(Attempt),
    /// Has told that it cannot go on. Its servers still hold what this attempt claimed.
    Unfit(Attempt),
    /// Was told to go, and has nothing in hand.
    Ending,
}

/// What happened in a run, for the sum over all.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
struct Seen(BTreeMap<&'static str, u64>);

impl Seen {
    fn count(&mut self, what: &'static str) {
        *self.0.entry(what).or_default() += 1;
    }
}

struct World<'p> {
    plan: &'p Plan,
    scheduler: Scheduler,
    workers: BTreeMap<usize, State>,
    let_go: BTreeSet<usize>,
    aborted: BTreeSet<usize>,
    stopped: bool,
    now: Duration,
    choices: std::slice::Iter<'p, u16>,
    /// The attempt that each instance is to make next, and whether its last verdict was given.
    next: Vec<(Attempt, bool)>,
    failures: usize,
    given_up: bool,
    ended: bool,
    seen: Seen,
}

impl<'p> World<'p> {
    fn new(plan: &'p Plan) -> World<'p> {
        let first = |index| (Attempt { index, repetition: 1, attempt: 1 }, false);
        World {
            scheduler: Scheduler::new(
                plan.entries.clone(),
                plan.start_from,
                plan.limits.clone(),
                plan.workers,
                Duration::ZERO,
            ),
            workers: (1..=plan.workers).map(|number| (number, State::Made)).collect(),
            let_go: BTreeSet::new(),
            aborted: BTreeSet::new(),
            stopped: false,
            now: Duration::ZERO,
            choices: plan.choices.iter(),
            next: (0..plan.entries.len()).map(first).collect(),
            failures: 0,
            given_up: false,
            ended: false,
            seen: Seen::default(),
            plan,
        }
    }

    fn run(mut self) -> Result<Seen, TestCaseError> {
        let mut steps = 0;
        while !self.scheduler.is_over() {
            steps += 1;
            prop_assert!(steps < 20_000, "the run does not end");
            let input = self.happens()?;
            self.tell(input)?;
        }
        self.look_at_the_end()?;
        Ok(self.seen)
    }

    fn choice(&mut self) -> usize {
        self.choices.next().copied().unwrap_or(0).into()
    }

    /// What happens next.
    fn happens(&mut self) -> Result<Input, TestCaseError> {
        self.now += Duration::from_secs(1);
        let choice = self.choice();
        if choice >= 60_000 {
            return Ok(self.happens_outside(choice - 60_000));
        }
        // A worker that waits does nothing by itself, but it may die.
        let busy: Vec<usize> =
            self.workers.iter().filter(|(_, state)| **state != State::Waiting).map(|(n, _)| *n).collect();
        let idle: Vec<usize> = self.workers.keys().copied().filter(|n| !busy.contains(n)).collect();
        if choice % 64 == 63 && !idle.is_empty() {
            return Ok(self.leaves(idle[choice / 64 % idle.len()], true));
        }
        if busy.is_empty() {
            prop_assert!(self.stopped, "all workers wait for ever: {:?}", self.workers);
            return Ok(self.stop(false));
        }
        let worker = busy[choice / 64 % busy.len()];
        Ok(match (self.workers[&worker], choice % 64) {
            (State::Made, 62) => self.leaves(worker, true),
            (State::Made, _) => {
                let state = if self.let_go.contains(&worker) { State::Ending } else { State::Waiting };
                self.workers.insert(worker, state);
                if state == State::Ending { self.leaves(worker, false) } else { Input::Idle { worker } }
            }
            (State::Runs(_), 60..62) => {
                self.seen.count("died with a test in hand");
                self.leaves(worker, true)
            }
            (State::Runs(_), _) if self.aborted.contains(&worker) && choice.is_multiple_of(2) => {
                self.leaves(worker, false)
            }
            (State::Runs(attempt), 39) => {
                self.seen.count("attempts that were not begun");
                self.workers.insert(worker, State::Unfit(attempt));
                Input::GivenBack { worker }
            }
            (State::Runs(_), what) => self.ends(worker, what),
            (State::Unfit(_) | State::Ending, 61) => self.leaves(worker, true),
            (State::Unfit(_) | State::Ending, _) => self.leaves(worker, false),
            (State::Waiting, _) => unreachable!("it is not among the busy ones"),
        })
    }

    fn happens_outside(&mut self, choice: usize) -> Input {
        match choice % 64 {
            0 => {
                self.seen.count("signals");
                Input::Signal
            }
            1 => Input::ShutdownWarnings,
            2 => {
                self.now += self.plan.limits.suite_timeout;
                Input::Time
            }
            what @ 3..34 => {
                self.seen.count("changed numbers of workers");
                Input::Wanted(what % 7)
            }
            34..50 => self.stop(true),
            _ => self.stop(false),
        }
    }

    fn stop(&mut self, there: bool) -> Input {
        self.stopped = there;
        Input::StopFile(there)
    }

    fn leaves(&mut self, worker: usize, failed: bool) -> Input {
        self.seen.count(if failed { "workers that died" } else { "workers that left" });
        self.workers.remove(&worker);
        self.let_go.remove(&worker);
        self.aborted.remove(&worker);
        Input::Left { worker, failed }
    }

    fn ends(&mut self, worker: usize, what: usize) -> Input {
        let State::Runs(attempt) = self.workers[&worker] else { unreachable!("it runs") };
        let verdict = match what {
            40..56 => Verdict::Fail,
            56 => Verdict::Skipped,
            57..60 => Verdict::Fail,
            _ => Verdict::Pass,
        };
        let fit = !(57..60).contains(&what);
        let state = match fit {
            false => State::Unfit(attempt),
            true if self.let_go.contains(&worker) => State::Ending,
            true => State::Waiting,
        };
        self.seen.count(if fit { "attempts" } else { "attempts that broke their worker" });
        self.workers.insert(worker, state);
        Input::Ended { worker, verdict, fit }
    }

    fn tell(&mut self, input: Input) -> Result<(), TestCaseError> {
        let decisions = self.scheduler.take(input, self.now);
        let mut told = Vec::new();
        for decision in &decisions {
            self.obey(input, *decision, &decisions, &mut told)?;
        }
        for input in told {
            self.tell(input)?;
        }
        Ok(())
    }

    fn obey(
        &mut self,
        input: Input,
        decision: Decision,
        all: &[Decision],
        told: &mut Vec<Input>,
    ) -> Result<(), TestCaseError> {
        match decision {
            Decision::Verdict { worker, attempt, verdict, will_retry, will_repeat } => {
                self.judged(attempt, verdict, will_retry, will_repeat)?;
                if (will_retry || will_repeat) && matches!(input, Input::Ended { fit: true, .. }) {
                    let index = attempt.index;
                    let stays = |d: &Decision| matches!(d, Decision::Run { worker: w, attempt } if *w == worker && attempt.index == index);
                    prop_assert!(all.iter().any(stays), "{attempt:?} does not stay with worker {worker}");
                }
            }
            Decision::Run { worker, attempt } => self.runs(worker, attempt)?,
            Decision::LetGo { worker } => {
                prop_assert!(self.workers.contains_key(&worker), "worker {worker} is gone and told to go");
                prop_assert!(self.let_go.insert(worker), "worker {worker} is told to go twice");
                if self.workers[&worker] == State::Waiting {
                    self.workers.insert(worker, State::Ending);
                }
            }
            Decision::Abort { worker } => {
                self.aborted.insert(worker);
            }
            Decision::Make { worker } => {
                prop_assert!(!self.workers.contains_key(&worker), "worker {worker} is there and made");
                prop_assert!(!self.ended, "worker {worker} is made for nothing");
                if self.choice() % 8 == 7 {
                    self.seen.count("workers that could not be made");
                    told.push(Input::NotMade { worker });
                } else {
                    self.seen.count("workers made anew");
                    self.workers.insert(worker, State::Made);
                }
            }
            Decision::GivenUp { .. } => self.given_up = true,
            Decision::Retry { attempt, .. } => {
                let follows = |d: &Decision| matches!(d, Decision::Run { attempt: a, .. } if *a == attempt);
                prop_assert!(all.iter().any(follows), "told, and not tried: {attempt:?}");
                self.seen.count("retries");
            }
            Decision::NoMoreRetries { .. } => {}
            Decision::StillStopped { .. } => prop_assert!(self.stopped),
        }
        Ok(())
    }

    fn runs(&mut self, worker: usize, attempt: Attempt) -> Result<(), TestCaseError> {
        let state = self.workers.get(&worker);
        prop_assert_eq!(state, Some(&State::Waiting), "worker {} cannot run {:?}", worker, attempt);
        prop_assert!(
            !self.let_go.contains(&worker),
            "worker {worker} was told to go, and is to run {attempt:?}"
        );
        let (expected, done) = self.next[attempt.index];
        prop_assert!(!done, "{attempt:?} has its last verdict");
        prop_assert_eq!(attempt, expected);
        for (other, state) in &self.workers {
            let (State::Runs(beside) | State::Unfit(beside)) = state else { continue };
            let (one, two) = (&self.plan.entries[attempt.index], &self.plan.entries[beside.index]);
            prop_assert_ne!(attempt.index, beside.index, "two workers run it");
            let together = one.exclusive || two.exclusive || one.ports.iter().any(|p| two.ports.contains(p));
            prop_assert!(!together, "{attempt:?} runs beside {beside:?} of worker {other}");
        }
        self.workers.insert(worker, State::Runs(attempt));
        Ok(())
    }

    fn judged(
        &mut self,
        attempt: Attempt,
        verdict: Verdict,
        retry: bool,
        repeat: bool,
    ) -> Result<(), TestCaseError> {
        let (expected, done) = self.next[attempt.index];
        prop_assert!(!done, "a second last verdict of {attempt:?}");
        prop_assert_eq!(attempt, expected);
        prop_assert!(!(retry && repeat));
        prop_assert!(
            attempt.repetition <= self.plan.limits.repeat && attempt.attempt <= self.plan.limits.retry.max(1)
        );
        let experimental = self.plan.entries[attempt.index].experimental;
        prop_assert!(verdict != Verdict::Fail || !experimental);
        self.failures += usize::from(matches!(verdict, Verdict::Fail | Verdict::ExpFail));
        let Attempt { index, repetition, attempt } = attempt;
        self.next[index] = match (retry, repeat) {
            (true, _) => (Attempt { index, repetition, attempt: attempt + 1 }, false),
            (_, true) => {
                self.seen.count("repeats");
                (Attempt { index, repetition: repetition + 1, attempt: 1 }, false)
            }
            (false, false) => (expected, true),
        };
        Ok(())
    }

    fn look_at_the_end(&mut self) -> Result<(), TestCaseError> {
        let summary = self.scheduler.summary();
        let limits = &self.plan.limits;
        prop_assert!(self.workers.is_empty(), "workers are left: {:?}", self.workers);
        let runs = |index: usize| index >= self.plan.start_from && !self.plan.entries[index].skipped;
        let missing = (0..self.next.len()).filter(|index| runs(*index) && !self.next[*index].1).count();
        prop_assert_eq!(summary.missing, missing);
        prop_assert!(self.next.iter().enumerate().all(|(index, (_, done))| runs(index) || !done));
        prop_assert!(summary.failed || self.failures == 0);
        prop_assert_eq!(summary.total, self.plan.entries.len() - self.plan.start_from);
        if summary.no_workers {
            prop_assert!(self.given_up && summary.failed);
            self.seen.count("runs that lost all workers");
        } else if summary.end == RunEnd::Completed {
            prop_assert_eq!(missing, 0, "the run is complete, and instances have no last verdict");
            self.seen.count("runs that were completed");
        }
        prop_assert!(limits.force || self.failures == 0 || summary.end != RunEnd::Completed);
        prop_assert!(summary.end != RunEnd::TooManyFailed || limits.force && limits.max_test_fail > 0);
        Ok(())
    }
}

fn entry() -> impl Strategy<Value = Entry> {
    (0usize..4, prop_oneof![9 => Just(1u64), 1 => Just(30)], 0u8..16, 0u8..32).prop_map(
        |(group, weight, ports, rest)| Entry {
            group,
            weight,
            ports: (0..3).filter(|bit| ports < 8 && ports >> bit & 1 == 1).map(|bit| 9000 + bit).collect(),
            exclusive: rest < 4,
            experimental: rest == 5,
            skipped: rest == 6 || rest == 7,
        },
    )
}

fn plan() -> impl Strategy<Value = Plan> {
    let limits = (
        prop_oneof![4 => Just(true), 1 => Just(false)],
        0u32..5,
        1u32..4,
        0u32..4,
        prop_oneof![4 => Just(0u32), 1 => 1u32..6],
        any::<bool>(),
    );
    let limits = limits.prop_map(|(force, retry, retry_failure, repeat, max_test_fail, reorder)| Limits {
        force,
        retry,
        retry_failure,
        repeat: repeat.max(1),
        max_test_fail,
        reorder,
        suite_timeout: Duration::from_secs(100_000),
        keep_alive: Some(Duration::from_secs(5)),
    });
    let entries = proptest::collection::vec(entry(), 0..24);
    let choices = proptest::collection::vec(any::<u16>(), 0..300);
    (entries, prop_oneof![4 => Just(0usize), 1 => 0usize..24], limits, 1usize..6, choices).prop_map(
        |(entries, start_from, limits, workers, choices)| Plan {
            start_from: start_from.min(entries.len()),
            entries,
            limits,
            workers,
            choices,
        },
    )
}

#[test]
fn whatever_happens_each_instance_gets_one_last_verdict_and_nothing_runs_beside_what_it_must_not() {
    let all = RefCell::new(Seen::default());
    let mut runner = TestRunner::new(Config { cases: CASES, failure_persistence: None, ..Config::default() });
    let outcome = runner.run(&plan(), |plan| {
        let seen = World::new(&plan).run()?;
        for (what, count) in seen.0 {
            *all.borrow_mut().0.entry(what).or_default() += count;
        }
        Ok(())
    });
    if let Err(error) = outcome {
        panic!("{error}");
    }
    let seen = all.into_inner();
    println!("{CASES} runs: {:#?}", seen.0);
    // A world in which nothing of this happens would prove nothing.
    for what in [
        "attempts",
        "attempts that broke their worker",
        "attempts that were not begun",
        "changed numbers of workers",
        "died with a test in hand",
        "repeats",
        "retries",
        "runs that lost all workers",
        "runs that were completed",
        "signals",
        "workers made anew",
        "workers that could not be made",
    ] {
        assert!(seen.0.get(what).is_some_and(|count| *count > 10), "{what}: {seen:?}");
    }
}
