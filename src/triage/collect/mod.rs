//! Gathers evidence: the only part of triage that reads the live system. Each collector is quick, bounded and never
//! fails: what cannot be read is not evidence.

pub mod aria;
pub mod core_file;
pub mod declarations;
pub mod elf;
pub mod fellows;
pub mod holders;
pub mod libraries;
pub mod limits;
pub mod log_file;
pub mod memory;
pub mod parts;
pub mod paths;
pub mod plugins;
pub mod program;
pub mod redo_log;
pub mod sanitizers;
pub mod settings;
pub mod space;
mod subject;
pub mod tls;

pub use subject::Subject;

use std::os::unix::fs::MetadataExt as _;

use crate::triage::evidence::Evidence;
use crate::triage::scene::Scene;

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
    fellows::add(evidence);
}

/// Adds to the evidence of a server that died some time ago what is still as it was: programs, libraries, plugins and
/// paths. Who holds a port, limits and free space are those of today and tell nothing. Settings are there already.
pub fn complete_later(evidence: &mut Evidence, subject: &Subject<'_>) {
    paths::add(evidence, subject);
    // Who reads the log is not who ran the server: that one owns it.
    if let Ok(meta) = std::fs::metadata(&evidence.log.path)
        && (meta.uid() != 0 || Scene::new(evidence).given("user").is_none())
    {
        (evidence.system.uid, evidence.system.gid) = (meta.uid(), meta.gid());
    }
    elf::add(evidence);
    program::add(evidence);
    plugins::add(evidence, subject);
    tls::add(evidence, subject);
    fellows::add(evidence);
}
