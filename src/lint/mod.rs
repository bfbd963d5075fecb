//! What is wrong in test files, found without running them: files and the runner's view of them in, findings out.

pub mod catalogue;
pub mod dialect;
pub mod files;
pub mod finding;
pub mod input;
pub mod report;
pub mod rules;
pub mod view;
mod words;
