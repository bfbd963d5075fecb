//! my.cnf templates, ports and the environment of a run.

pub mod allocator;
pub mod environment;
pub mod external;
pub mod generate;
mod port_locks;
pub mod ports;
mod sanitizers;
pub mod server_group;
#[doc(hidden)]
pub mod testing;
