//! The command line: option table, parsing, help, dispatch.

pub mod option;
pub mod settings;
pub mod table;
