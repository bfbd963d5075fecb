//! Workers, the supervisor that owns the truth, and the stream of events.

mod aftermath;
mod analyze;
mod attempt;
mod checks;
pub mod context;
mod coverage;
mod debugger;
pub mod engine;
pub mod event;
pub mod execute;
mod explain;
mod leftovers;
mod modes;
mod outfit;
mod plugin_dir;
pub mod queue;
pub mod script;
pub mod servers;
mod start_failure;
mod stop_file;
pub mod supervisor;
mod survey;
mod valgrind;
pub mod vardir;
pub mod wait;
pub mod worker;
mod wsrep;
