//! Expressions `$( )`: integers, strings and NULL, operators and functions (spec §4.6).
//!
//! An expression is evaluated while it is parsed, from left to right and without short cuts, so that of two
//! mistakes the first is told. Strings are bytes; where letters and spaces matter they are those of latin1, whatever
//! the current character set is.

mod arguments;
mod call;
mod compare;
mod functions;
mod numbers;
mod operator;
mod parser;
mod regex;
mod strings;
mod token;
mod value;

pub use parser::evaluate;
