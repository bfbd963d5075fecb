//! The command line: option table, parsing, help, dispatch.

pub mod derive;
pub mod dispatch;
pub mod getopt;
pub mod help;
pub mod option;
pub mod parse;
pub mod settings;
pub mod table;
