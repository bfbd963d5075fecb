//! What the language is tested with: any text, properties that hold of all of it, and what unit tests of several
//! grammars need.

#[cfg(test)]
pub mod expressions;
pub mod fuzz;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod values;

#[cfg(test)]
pub use values::{Values, on_main_stack};
