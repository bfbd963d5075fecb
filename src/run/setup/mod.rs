//! What a run is made of before there are workers: its directories, its interpreter, debuggers, sanitizers, and the
//! context that all workers share.

pub mod context;
pub mod coverage;
pub mod debugger;
pub mod early_death;
pub mod engine;
pub mod gate;
pub mod network;
pub mod said;
pub mod sanitizer;
pub mod slow_build;
pub mod traces;
pub mod vardir;
