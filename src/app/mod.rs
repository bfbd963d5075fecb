//! The program: what its arguments ask for is dispatched to a run, to a list of tests, or to a sub-command.
//! It puts the other rooms together, and none of them imports it.

pub mod commands;
pub mod dispatch;
pub mod execute;
mod explain;
mod list;
mod signals;
mod survey;
mod template_ports;
