//! Gathers evidence: the only part of triage that reads the live system. Each collector is quick, bounded and never
//! fails: what cannot be read is not evidence.

pub mod aria;
pub mod declarations;
pub mod elf;
pub mod holders;
pub mod libraries;
pub mod limits;
pub mod log_file;
pub mod memory;
pub mod paths;
pub mod plugins;
pub mod program;
pub mod redo_log;
pub mod sanitizers;
pub mod settings;
pub mod space;
pub mod tls;

use std::path::Path;

use super::evidence::Evidence;
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
    /// What [`memory::oom_kills`] gave before the server was started; `None` where that was not noted.
    pub oom_kills_before: Option<u64>,
}

/// Adds what the system and the files tell to evidence that has server, program, arguments, log and exit.
/// Without a core file it takes a few milliseconds.
pub fn complete(evidence: &mut Evidence, subject: &Subject<'_>) {
    // Options first: what is looked at depends on them.
    settings::add(evidence);
    paths::add(evidence, subject);
    holders::add(evidence, subject);
    limits::add(evidence, subject);
    space::add(evidence, subject);
    memory::add(evidence, subject);
    elf::add(evidence);
    program::add(evidence);
    plugins::add(evidence, subject);
    sanitizers::add(evidence, subject);
    tls::add(evidence, subject);
    redo_log::add(evidence, subject);
    aria::add(evidence, subject);
}

/// Adds to the evidence of a server that died some time ago what is still as it was: programs, libraries, plugins and
/// paths. Who holds a port, limits and free space are those of today and tell nothing. Settings are there already.
pub fn complete_later(evidence: &mut Evidence, subject: &Subject<'_>) {
    paths::add(evidence, subject);
    elf::add(evidence);
    program::add(evidence);
    plugins::add(evidence, subject);
    tls::add(evidence, subject);
}
