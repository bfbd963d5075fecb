//! What is kept of a failure: saved directories, core files, files that programs left beside the tests.

pub mod keeper;
pub mod leftovers;
mod logs;
pub mod save;
