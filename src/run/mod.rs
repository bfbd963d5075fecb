//! A run: the supervisor between the plan, the workers and the reporters; a worker with its servers; what is
//! found out about a failure and what is kept of it.

pub mod autopsy;
pub mod keep;
pub mod servers;
pub mod setup;
pub mod stop_file;
pub mod supervisor;
pub mod worker;
