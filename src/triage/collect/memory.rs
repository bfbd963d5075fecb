//! Memory: what the kernel killed, and what it refuses.

use crate::triage::evidence::Evidence;

/// Reads the events of the cgroup.
pub fn add(_evidence: &mut Evidence) {}
