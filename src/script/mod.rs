//! The mysqltest language: reader, grammars, expansion, as plain data with byte spans. Knows no connections.

pub mod args;
pub mod assignment;
pub mod charset;
pub mod command;
pub mod condition;
pub mod errnames;
pub mod expand;
pub mod expr;
pub mod integer;
pub mod message;
pub mod property;
pub mod query_get_value;
pub mod text;
