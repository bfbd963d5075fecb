//! The mysqltest language: reader, grammars, expansion, as plain data with byte spans. Knows no connections.

pub mod args;
pub mod arithmetic;
pub mod assignment;
pub mod classify;
pub mod command;
mod command_table;
pub mod common;
pub mod condition;
pub mod connect_options;
pub mod errnames;
pub mod error_list;
pub mod expand;
pub mod expr;
mod fuzz;
pub mod input;
pub mod parse;
#[cfg(test)]
mod properties;
pub mod property;
pub mod ps_bind;
pub mod query_get_value;
pub mod reader;
pub mod regex_list;
pub mod replace_list;
mod static_args;
pub mod static_check;
pub mod string_token;
pub mod sync_position;
#[cfg(test)]
mod testing;
pub mod unparse;

#[doc(hidden)]
pub use fuzz::fuzz;
