//! The command line: option table, parsing, help, dispatch.

pub mod derive;
pub mod getopt;
pub mod help;
pub mod option;
pub mod parse;
pub mod settings;
pub mod table;

/// The first argument that makes the program the interpreter of test scripts. A test of that name is
/// `main.mysqltest`.
pub const INTERPRETER: &str = "mysqltest";
