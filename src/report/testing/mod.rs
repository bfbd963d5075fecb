//! Events for tests, and what the reporters make of them.

mod golden_console;
mod golden_files;
pub mod sample;
mod schema;
