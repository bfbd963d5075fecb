//! Collects the evidence of a failure from the servers of a worker, for `triage` to explain.

pub mod core_dump;
mod gdb;
pub mod start_failure;
pub mod test_failure;
pub mod valgrind;
