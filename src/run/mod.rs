//! Workers, the supervisor that owns the truth, and the stream of events.

mod aftermath;
mod analyze;
mod attempt;
mod checks;
pub mod context;
mod debugger;
pub mod event;
pub mod execute;
mod explain;
mod modes;
mod outfit;
pub mod queue;
pub mod script;
pub mod servers;
mod start_failure;
mod stop_file;
pub mod supervisor;
mod survey;
pub mod vardir;
pub mod wait;
pub mod worker;
mod wsrep;
