//! The mysqltest language: reader, grammars, expansion, as plain data with byte spans. Knows no connections.

pub mod args;
pub mod assignment;
pub mod charset;
mod charset_table;
pub mod classify;
pub mod command;
mod command_table;
pub mod errnames;
pub mod error_list;
pub mod expand;
pub mod expr;
pub mod input;
pub mod integer;
pub mod message;
pub mod reader;
