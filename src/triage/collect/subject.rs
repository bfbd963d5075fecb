//! What evidence is gathered about.

use std::path::Path;

use crate::env::Env;

/// What the collectors need to know beside the evidence that the runner has itself.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    /// The process, also when it has ended.
    pub pid: Option<i32>,
    /// Its environment; `None` where it is not known any more.
    pub env: Option<&'a Env>,
    /// Its current directory.
    pub cwd: &'a Path,
    /// The vardir of its worker.
    pub vardir: &'a Path,
    /// What [`oom_kills`](crate::triage::collect::memory::oom_kills) gave before the server was started; `None` where that was not noted.
    pub oom_kills_before: Option<u64>,
}
