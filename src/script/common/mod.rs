//! What all grammars of the language stand on: character sets, texts, numbers and the messages of faults.

pub mod charset;
mod charset_table;
pub mod integer;
pub mod message;
pub mod regex_message;
pub mod text;
