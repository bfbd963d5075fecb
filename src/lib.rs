//! The library behind `mtr-rs`: finds MariaDB's test suites, runs them on servers of its own,
//! judges and reports. `docs/architecture.md` draws the modules and what each may not do.

pub mod app;
pub mod case;
pub mod check;
pub mod cli;
pub mod client;
pub mod component;
pub mod config;
pub mod env;
pub mod error;
pub mod event;
pub mod flavour;
pub mod grammar;
pub mod interp;
pub mod lint;
pub mod plan;
pub mod report;
pub mod run;
pub mod script;
pub mod server;
#[cfg(test)]
#[path = "../tests/skip.rs"]
mod skip;
pub mod sys;
pub mod tree;
pub mod triage;

pub use error::{Error, Result};
