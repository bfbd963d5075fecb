//! The one queue of tests: who gets which next (spec §6.3 gives the reference's way).
//!
//! A worker goes on with tests that its servers can serve as they run; when none is left it takes
//! the heaviest group of tests that share servers and that nobody works on; when every group is
//! taken it helps with the heaviest. Nobody waits, except for what must not run beside something else.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::plan::entry::Entry;

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

/// The tests that have not been handed out, and what those that have been keep for themselves.
#[derive(Debug)]
pub struct Queue {
    /// All instances of the run, by index.
    entries: Vec<Entry>,
    /// Indices of what is to be handed out, in run order.
    pending: Vec<usize>,
    /// Weight left in each group.
    weights: HashMap<usize, u64>,
    /// What each worker has or last had in hand.
    workers: BTreeMap<usize, Assignment>,
}

#[derive(Debug, Default)]
struct Assignment {
    group: Option<usize>,
    /// The instance whose ports and exclusiveness the worker holds.
    claims: Option<usize>,
}

impl Queue {
    /// A queue of those `entries` whose index is in `runnable`.
    pub fn new(entries: Vec<Entry>, runnable: BTreeSet<usize>) -> Self {
        let pending: Vec<usize> = runnable.into_iter().collect();
        let mut weights: HashMap<usize, u64> = HashMap::new();
        for index in &pending {
            let Entry { group, weight, .. } = entries[*index];
            *weights.entry(group).or_default() += weight;
        }
        Queue { entries, pending, weights, workers: BTreeMap::new() }
    }

    /// The entry at `index`.
    pub fn entry(&self, index: usize) -> &Entry {
        &self.entries[index]
    }

    /// How many are to be handed out.
    pub fn len(&self) -> usize {
        self.pending.len()
    }

    /// Whether everything has been handed out.
    pub fn is_empty(&self) -> bool {
        self.pending.is_empty()
    }

    /// The next instance for `worker`, which holds what it claims until [`Queue::done`] or [`Queue::forget`].
    /// `in_order`: in list order and by nothing else.
    pub fn next(&mut self, worker: usize, in_order: bool) -> Next {
        if self.pending.is_empty() {
            return Next::Finish;
        }
        let Some(at) = self.choose(worker, in_order) else { return Next::Wait };
        let index = self.pending.remove(at);
        let Entry { group, weight, .. } = self.entries[index];
        if let Some(left) = self.weights.get_mut(&group) {
            *left -= weight;
        }
        self.workers.insert(worker, Assignment { group: Some(group), claims: Some(index) });
        Next::Run(index)
    }

    /// `worker` has ended what it was given, and does not go on with it.
    pub fn done(&mut self, worker: usize) {
        if let Some(assignment) = self.workers.get_mut(&worker) {
            assignment.claims = None;
        }
    }

    /// `worker` is gone: nobody waits for it.
    pub fn forget(&mut self, worker: usize) {
        self.workers.remove(&worker);
    }

    /// An instance that was handed out is to be handed out again, in its old place.
    pub fn put_back(&mut self, index: usize) {
        if let Err(at) = self.pending.binary_search(&index) {
            self.pending.insert(at, index);
            let Entry { group, weight, .. } = self.entries[index];
            *self.weights.entry(group).or_default() += weight;
        }
    }

    fn choose(&self, worker: usize, in_order: bool) -> Option<usize> {
        let mut allowed = (0..self.pending.len()).filter(|i| self.may_run(worker, self.pending[*i]));
        if in_order {
            return allowed.next();
        }
        let own = self.workers.get(&worker).and_then(|assignment| assignment.group);
        let taken = |group: usize| {
            self.workers.iter().any(|(other, assignment)| *other != worker && assignment.group == Some(group))
        };
        // Later entries do not beat equal earlier ones: within a group the order of the list is kept.
        let mut best: Option<((bool, bool, u64), usize)> = None;
        for i in allowed {
            let Entry { group, exclusive, .. } = self.entries[self.pending[i]];
            if own == Some(group) {
                return Some(i);
            }
            let key = (!exclusive, !taken(group), self.weights.get(&group).copied().unwrap_or(0));
            if best.is_none_or(|(found, _)| key > found) {
                best = Some((key, i));
            }
        }
        best.map(|(_, i)| i)
    }

    fn may_run(&self, worker: usize, index: usize) -> bool {
        let beside = self.workers.iter().filter(|(other, _)| **other != worker);
        beside.filter_map(|(_, assignment)| assignment.claims).all(|other| self.may_share(index, other))
    }

    /// Whether two instances may run at the same time. An instance that was put back waits for the worker that had it.
    fn may_share(&self, one: usize, other: usize) -> bool {
        if one == other {
            return false;
        }
        let (one, other) = (&self.entries[one], &self.entries[other]);
        !one.exclusive && !other.exclusive && !one.ports.iter().any(|port| other.ports.contains(port))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(group: usize) -> Entry {
        Entry { group, weight: 1, ports: Vec::new(), exclusive: false, experimental: false, skipped: false }
    }

    fn queue(entries: Vec<Entry>) -> Queue {
        let all = (0..entries.len()).collect();
        Queue::new(entries, all)
    }

    #[test]
    fn a_worker_stays_with_its_servers_and_others_go_elsewhere() {
        let mut queue = queue([0, 0, 0, 1, 1].map(entry).into());
        assert_eq!(queue.next(1, false), Next::Run(0));
        assert_eq!(queue.next(2, false), Next::Run(3));
        queue.done(1);
        assert_eq!(queue.next(1, false), Next::Run(1));
        queue.done(2);
        assert_eq!(queue.next(2, false), Next::Run(4));
        queue.done(2);
        assert_eq!(queue.next(2, false), Next::Run(2), "an idle worker helps");
        assert_eq!(queue.next(1, false), Next::Finish);
    }

    #[test]
    fn two_claimants_of_a_port_never_run_together() {
        let entry = |group| Entry { ports: vec![9998], ..entry(group) };
        let mut queue = queue([0, 1].map(entry).into());
        assert_eq!(queue.next(1, false), Next::Run(0));
        assert_eq!(queue.next(2, false), Next::Wait);
        queue.done(1);
        assert_eq!(queue.next(2, false), Next::Run(1));
    }

    #[test]
    fn an_exclusive_test_runs_alone_and_last() {
        let mut entries = [0, 1, 2].map(entry);
        entries[0].exclusive = true;
        let mut queue = queue(entries.into());
        assert_eq!(queue.next(1, false), Next::Run(1));
        assert_eq!(queue.next(2, false), Next::Run(2));
        queue.done(1);
        assert_eq!(queue.next(1, false), Next::Wait);
        queue.done(2);
        assert_eq!(queue.next(2, false), Next::Run(0));
        assert_eq!(queue.next(1, false), Next::Finish);
    }

    #[test]
    fn what_is_put_back_keeps_its_place() {
        let mut queue = queue([0, 0, 0].map(entry).into());
        assert_eq!(queue.next(1, true), Next::Run(0));
        queue.put_back(0);
        queue.forget(1);
        assert_eq!((queue.next(2, true), queue.next(1, true)), (Next::Run(0), Next::Run(1)));
        assert_eq!(queue.len(), 1);
    }
}
