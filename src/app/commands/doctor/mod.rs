//! What a server program is, what it can load and on what system it would run: `mtr-rs doctor`. `docs/doctor.md` shows
//! and explains the output.

mod build;
mod libraries;
mod options;
mod report;
mod run;
mod server;
mod system;

pub use run::{SYNTAX, run};
