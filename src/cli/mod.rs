//! The command line: option table, parsing, help, dispatch.

pub mod settings;
