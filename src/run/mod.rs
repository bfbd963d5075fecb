//! Workers, the supervisor that owns the truth, and the stream of events.

pub mod event;
pub mod vardir;
