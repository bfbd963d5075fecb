//! What runs when, where and how often: input in, decisions out. Nothing in here waits, reads a clock or touches a disk.

pub mod admission;
pub mod claims;
pub mod decision;
pub mod entry;
pub mod experimental;
pub mod order;
#[cfg(test)]
mod properties;
pub mod queue;
pub mod scheduler;
