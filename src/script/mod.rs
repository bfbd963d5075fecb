//! The mysqltest language: reader, grammars, expansion, as plain data with byte spans. Knows no connections.

pub mod args;
pub mod charset;
pub mod command;
pub mod errnames;
pub mod expand;
pub mod expr;
pub mod message;
