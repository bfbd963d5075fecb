//! What is on disk: install layout, binaries, suites and tests.

pub mod case;
pub mod layout;
pub mod probe;
pub mod suite_pm;
