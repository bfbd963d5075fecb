//! Whether servers may be started, by the memory that is left: numbers in, a decision out.

use std::collections::VecDeque;

/// What is kept free for the runner, for scripts and for caches, in bytes: 96 MiB.
pub const RESERVE: u64 = 96 << 20;

/// What a server takes at least, beside its buffers, in bytes: 160 MiB, which is what the most usual ones take with their
/// data directories. Measured (`Anonymous` in `smaps_rollup`) with MariaDB 10.11.19 and the default configuration, its buffers
/// of 8 MiB included: 96 to 119 MiB idle, 106 to 122 in 22 tests of rpl, 86 to 141 in 9 of innodb, 21 without InnoDB. The data
/// directory, which may be in memory too, has 28 MiB at the beginning.
pub const USUAL: u64 = 160 << 20;

/// What a server's data directory may take where it is in memory, in bytes, beside what the server itself takes.
const DATA: u64 = 64 << 20;

/// How many servers are remembered.
const REMEMBERED: usize = 64;

/// What servers take, learnt from those that ran.
#[derive(Debug, Default)]
pub struct Costs {
    /// What the last servers took at most, beside their buffers.
    seen: VecDeque<u64>,
}

impl Costs {
    /// A server whose buffers are `buffers` bytes took `peak` bytes at most.
    pub fn learn(&mut self, peak: u64, buffers: u64) {
        if self.seen.len() == REMEMBERED {
            self.seen.pop_front();
        }
        // Buffers are counted as if they were full, which they seldom are.
        self.seen.push_back(peak.saturating_sub(buffers));
    }

    /// What a server with buffers of so many bytes takes, in bytes: nine of ten servers took less.
    pub fn of(&self, buffers: u64) -> u64 {
        let mut seen: Vec<u64> = self.seen.iter().copied().collect();
        seen.sort_unstable();
        let usual = seen.get(seen.len() * 9 / 10).map_or(USUAL, |peak| USUAL.max(peak.saturating_add(DATA)));
        usual.saturating_add(buffers)
    }
}

/// What is known when servers are to be started. All in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Situation {
    /// What is left, as the system tells it.
    pub available: u64,
    /// What servers that run or start already will still take.
    pub promised: u64,
    /// What the new servers will take, their buffers full.
    pub cost: u64,
    /// What they take at least, their buffers empty.
    pub least: u64,
    /// How many other workers have servers.
    pub others: usize,
}

/// Whether servers may be started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// There is room.
    Granted,
    /// There is none beside so many other workers, but there will be when they have ended.
    Later {
        /// Workers that go on.
        others: usize,
    },
    /// There is none at all.
    Never,
}

/// Decides.
pub fn decide(situation: Situation) -> Admission {
    let Situation { available, promised, cost, least, others } = situation;
    let free = available.saturating_sub(promised).saturating_sub(RESERVE);
    match others {
        _ if cost <= free => Admission::Granted,
        // Memory is taken when it is written to, and most tests fill no buffer: alone, a server may try.
        0 if least <= free => Admission::Granted,
        0 => Admission::Never,
        others => Admission::Later { others },
    }
}

/// How many workers of `cost` bytes each there is room for; one at least, which is told if there is none for it.
pub fn workers(available: u64, cost: u64) -> usize {
    let fitting = available.saturating_sub(RESERVE) / cost.max(1);
    usize::try_from(fitting).unwrap_or(usize::MAX).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    #[test]
    fn what_is_promised_counts_as_taken() {
        let plenty =
            Situation { available: 1000 * MIB, promised: 0, cost: 200 * MIB, least: 150 * MIB, others: 3 };
        assert_eq!(decide(plenty), Admission::Granted);
        let promised = Situation { promised: 800 * MIB, ..plenty };
        assert_eq!(decide(promised), Admission::Later { others: 3 });
        assert_eq!(decide(Situation { others: 0, ..promised }), Admission::Never);
        let exactly = Situation { available: RESERVE + 5, promised: 0, cost: 5, least: 5, others: 0 };
        assert_eq!(decide(exactly), Admission::Granted);
        assert_eq!(decide(Situation { cost: 6, least: 6, ..exactly }), Admission::Never);
        assert_eq!(
            decide(Situation { cost: 6, ..exactly }),
            Admission::Granted,
            "it may not fill its buffers"
        );
        let beside = Situation { cost: 6, others: 1, ..exactly };
        assert_eq!(decide(beside), Admission::Later { others: 1 });
        let absurd =
            Situation { available: 0, promised: u64::MAX, cost: u64::MAX, least: u64::MAX, others: 0 };
        assert_eq!(decide(absurd), Admission::Never);
    }

    #[test]
    fn costs_follow_the_servers_that_ran() {
        let mut costs = Costs::default();
        assert_eq!(costs.of(8 * MIB), USUAL + 8 * MIB);
        for _ in 0..20 {
            costs.learn(90 * MIB, 8 * MIB);
        }
        assert_eq!(costs.of(0), USUAL, "small ones make nothing cheaper");
        // One giant of many changes nothing; many do.
        costs.learn(5000 * MIB, 8 * MIB);
        assert_eq!(costs.of(0), USUAL);
        for _ in 0..REMEMBERED {
            costs.learn(408 * MIB, 8 * MIB);
        }
        assert_eq!(costs.of(MIB), 400 * MIB + DATA + MIB);
        costs.learn(0, u64::MAX);
        assert_eq!(costs.of(u64::MAX), u64::MAX);
    }

    #[test]
    fn there_is_always_one_worker() {
        assert_eq!(workers(0, 100), 1);
        assert_eq!(workers(RESERVE + 1000, 300), 3);
        assert!(workers(u64::MAX, 0) > 1 << 40);
    }
}
