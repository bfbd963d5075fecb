//! Running statements and writing their results: the text protocol and the protocol variants of spec §7 and §11.

mod outcome;
mod prepared;
pub mod protocol;
mod ps_commands;
pub mod require;
pub mod result;
mod rewrite;
mod run;
mod value;
mod warnings;

pub use run::{optimizer_trace, statement};
pub use value::{get_value, value};
