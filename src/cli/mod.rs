//! The command line: option table, parsing, help, and the command lines of the sub-commands.

pub mod derive;
pub mod getopt;
pub mod help;
pub mod option;
pub mod parse;
pub mod settings;
pub mod similar;
pub mod sub_command;
pub mod table;

/// The first argument that makes the program the interpreter of test scripts. A test of that name is
/// `main.mysqltest`.
pub const INTERPRETER: &str = "mysqltest";
