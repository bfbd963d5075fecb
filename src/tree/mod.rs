//! What is on disk: install layout, binaries, suites and tests.

mod bridge;
pub mod bundled;
pub mod cache;
pub mod case;
pub mod layout;
pub mod probe;
pub mod programs;
mod search;
pub mod suite_pm;
pub mod without_perl;
