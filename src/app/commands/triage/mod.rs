//! Why servers failed, from what a run left behind: `mtr-rs triage PATH`.

mod arguments;
mod command;
mod groups;
mod json;
mod text;

pub use arguments::SYNTAX;
pub use command::run;
