//! The mysqltest language: reader, grammars, expansion, as plain data with byte spans. Knows no connections.

pub mod args;
pub mod charset;
mod charset_table;
pub mod classify;
pub mod command;
mod command_table;
pub mod input;
pub mod errnames;
pub mod expand;
pub mod expr;
pub mod message;
pub mod reader;
