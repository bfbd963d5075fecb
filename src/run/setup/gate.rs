//! Who lets servers be started, as long as there is memory for them: what is measured, for `plan::admission` to judge.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::plan::admission::{self, Admission, Costs, Situation};
use crate::sys::memory::{self, Available};

/// The servers of all workers, as far as memory goes.
#[derive(Debug, Default)]
pub struct Gate(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    costs: Costs,
    /// By worker and position of the server.
    servers: BTreeMap<(usize, usize), Server>,
}

/// A server that runs or is about to be started.
#[derive(Debug, Clone, Copy)]
struct Server {
    cost: u64,
    pid: Option<i32>,
}

/// What was decided, and on what.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The decision.
    pub admission: Admission,
    /// What the servers were taken to need, in bytes.
    pub cost: u64,
    /// What was left, and who says so; `None` where nobody does: all is granted then.
    pub available: Option<Available>,
}

impl Gate {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether `worker` may start its servers at these positions, with buffers of so many bytes. Where it may, they count
    /// from now on; where not, all of its servers are as good as ended.
    pub fn ask(&self, worker: usize, servers: &[(usize, u64)]) -> Answer {
        let mut state = self.state();
        let costs: Vec<(usize, u64)> =
            servers.iter().map(|(position, buffers)| (*position, state.costs.of(*buffers))).collect();
        let cost = costs.iter().fold(0, |sum: u64, (_, cost)| sum.saturating_add(*cost));
        let least = state.costs.of(0).saturating_mul(costs.len() as u64);
        let available = memory::available();
        let promised = state.servers.values().fold(0, |sum: u64, server| {
            let taken = server.pid.and_then(memory::taken_by).unwrap_or(0);
            sum.saturating_add(server.cost.saturating_sub(taken))
        });
        let others: BTreeSet<usize> =
            state.servers.keys().map(|(other, _)| *other).filter(|other| *other != worker).collect();
        let others = others.len();
        let admission = match &available {
            Some(Available { bytes, .. }) => {
                admission::decide(Situation { available: *bytes, promised, cost, least, others })
            }
            None => Admission::Granted,
        };
        match admission {
            Admission::Granted => {
                let new = costs
                    .into_iter()
                    .map(|(position, cost)| ((worker, position), Server { cost, pid: None }));
                state.servers.extend(new);
            }
            Admission::Later { .. } | Admission::Never => state.servers.retain(|(of, _), _| *of != worker),
        }
        Answer { admission, cost, available }
    }

    /// A server that was let through is process `pid`.
    pub fn started(&self, worker: usize, position: usize, pid: Option<i32>) {
        if let Some(server) = self.state().servers.get_mut(&(worker, position)) {
            server.pid = pid;
        }
    }

    /// A server has ended.
    pub fn ended(&self, worker: usize, position: usize) {
        self.state().servers.remove(&(worker, position));
    }

    /// None of a worker's servers is there any more.
    pub fn all_ended(&self, worker: usize) {
        self.state().servers.retain(|(of, _), _| *of != worker);
    }

    /// A server with buffers of so many bytes is about to end.
    pub fn learn(&self, pid: i32, buffers: u64) {
        if let Some(peak) = memory::peak_of(pid) {
            self.state().costs.learn(peak, buffers);
        }
    }
}
