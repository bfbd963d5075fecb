//! The mysqltest language: reader, grammars, expansion, as plain data with byte spans. Knows no connections.

pub mod charset;
pub mod command;
pub mod message;
