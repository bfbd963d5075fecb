//! The one queue of tests: who gets which next (spec §6.3 gives the reference's way).
//!
//! A worker goes on with tests that its servers can serve as they run; when none is left it takes
//! the heaviest group of tests that share servers and that nobody works on; when every group is
//! taken it helps with the heaviest. Nobody waits, except for what must not run beside something else.

use std::collections::{BTreeMap, HashMap};

use bstr::BString;

use crate::case::TestCase;

/// What a worker is to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// Run the instance at this index.
    Run(usize),
    /// Nothing may run now; ask again when another test has ended.
    Wait,
    /// Nothing is left.
    Finish,
}

/// How much a long test weighs against an ordinary one.
const LONG_WEIGHT: u64 = 30;

#[derive(Debug)]
struct Entry {
    index: usize,
    group: usize,
    weight: u64,
    ports: Vec<u16>,
    exclusive: bool,
}

/// The tests that have not been handed out.
#[derive(Debug)]
pub struct Queue {
    pending: Vec<Entry>,
    /// In list order and by nothing else: one worker, or `--noreorder`.
    in_order: bool,
    /// Weight left in each group.
    weights: HashMap<usize, u64>,
    /// Group, ports and exclusiveness of what each worker runs or last ran.
    workers: BTreeMap<usize, Assignment>,
}

#[derive(Debug, Default)]
struct Assignment {
    group: Option<usize>,
    running: bool,
    ports: Vec<u16>,
    exclusive: bool,
}

impl Queue {
    /// A queue of the given instances, in run order. `ports` gives the fixed ports an instance claims.
    pub fn new<'c>(
        cases: impl IntoIterator<Item = (usize, &'c TestCase)>,
        in_order: bool,
        ports: impl Fn(&TestCase) -> Vec<u16>,
    ) -> Self {
        let mut groups: HashMap<BString, usize> = HashMap::new();
        let mut weights: HashMap<usize, u64> = HashMap::new();
        let pending = cases
            .into_iter()
            .map(|(index, case)| {
                let known = groups.len();
                let group = *groups.entry(case.criteria()).or_insert(known);
                let weight = if case.long_test { LONG_WEIGHT } else { 1 };
                *weights.entry(group).or_default() += weight;
                Entry { index, group, weight, ports: ports(case), exclusive: case.not_parallel }
            })
            .collect();
        Queue { pending, in_order, weights, workers: BTreeMap::new() }
    }

    /// Whether everything has been handed out.
    pub fn is_empty(&self) -> bool {
        self.pending.is_empty()
    }

    /// The next instance for `worker`.
    pub fn next(&mut self, worker: usize) -> Next {
        if self.pending.is_empty() {
            return Next::Finish;
        }
        let Some(at) = self.choose(worker) else { return Next::Wait };
        let entry = self.pending.remove(at);
        if let Some(weight) = self.weights.get_mut(&entry.group) {
            *weight -= entry.weight;
        }
        let assignment = self.workers.entry(worker).or_default();
        *assignment = Assignment {
            group: Some(entry.group),
            running: true,
            ports: entry.ports,
            exclusive: entry.exclusive,
        };
        Next::Run(entry.index)
    }

    /// `worker` has ended what it was given.
    pub fn done(&mut self, worker: usize) {
        if let Some(assignment) = self.workers.get_mut(&worker) {
            assignment.running = false;
            assignment.exclusive = false;
            assignment.ports.clear();
        }
    }

    /// `worker` is gone: nobody waits for it.
    pub fn forget(&mut self, worker: usize) {
        self.workers.remove(&worker);
    }

    fn choose(&self, worker: usize) -> Option<usize> {
        let mut allowed = (0..self.pending.len()).filter(|i| self.may_run(worker, &self.pending[*i]));
        if self.in_order {
            return allowed.next();
        }
        let own = self.workers.get(&worker).and_then(|assignment| assignment.group);
        let taken = |group: usize| {
            self.workers.iter().any(|(other, assignment)| *other != worker && assignment.group == Some(group))
        };
        // Later entries do not beat equal earlier ones: within a group the order of the list is kept.
        let mut best: Option<((bool, bool, u64), usize)> = None;
        for i in allowed {
            let group = self.pending[i].group;
            if own == Some(group) {
                return Some(i);
            }
            let key =
                (!self.pending[i].exclusive, !taken(group), self.weights.get(&group).copied().unwrap_or(0));
            if best.is_none_or(|(found, _)| key > found) {
                best = Some((key, i));
            }
        }
        best.map(|(_, i)| i)
    }

    fn may_run(&self, worker: usize, entry: &Entry) -> bool {
        self.workers.iter().filter(|(other, assignment)| **other != worker && assignment.running).all(
            |(_, assignment)| {
                !assignment.exclusive
                    && !entry.exclusive
                    && !entry.ports.iter().any(|port| assignment.ports.contains(port))
            },
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn case(template: &str) -> TestCase {
        TestCase { template_key: template.into(), ..TestCase::for_tests("s", "t") }
    }

    fn queue(cases: &[TestCase], in_order: bool) -> Queue {
        Queue::new(cases.iter().enumerate(), in_order, |case| {
            if case.template_key.starts_with(b"port") { vec![9998] } else { Vec::new() }
        })
    }

    #[test]
    fn a_worker_stays_with_its_servers_and_others_go_elsewhere() {
        let cases = ["a", "a", "a", "b", "b"].map(case);
        let mut queue = queue(&cases, false);
        assert_eq!(queue.next(1), Next::Run(0));
        assert_eq!(queue.next(2), Next::Run(3));
        queue.done(1);
        assert_eq!(queue.next(1), Next::Run(1));
        queue.done(2);
        assert_eq!(queue.next(2), Next::Run(4));
        queue.done(2);
        assert_eq!(queue.next(2), Next::Run(2), "an idle worker helps");
        assert_eq!(queue.next(1), Next::Finish);
    }

    #[test]
    fn two_claimants_of_a_port_never_run_together() {
        let cases = ["port1", "port2"].map(case);
        let mut queue = queue(&cases, false);
        assert_eq!(queue.next(1), Next::Run(0));
        assert_eq!(queue.next(2), Next::Wait);
        queue.done(1);
        assert_eq!(queue.next(2), Next::Run(1));
    }

    #[test]
    fn an_exclusive_test_runs_alone_and_last() {
        let mut cases = ["a", "b", "c"].map(case);
        cases[0].not_parallel = true;
        let mut queue = queue(&cases, false);
        assert_eq!(queue.next(1), Next::Run(1));
        assert_eq!(queue.next(2), Next::Run(2));
        queue.done(1);
        assert_eq!(queue.next(1), Next::Wait);
        queue.done(2);
        assert_eq!(queue.next(2), Next::Run(0));
        assert_eq!(queue.next(1), Next::Finish);
    }
}
