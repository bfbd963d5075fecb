//! Reports of sanitizers: the options that rule them, the reports themselves, and what is shown of them.

pub mod options;
pub mod parse;
pub mod presence;
pub mod report;
pub mod valgrind;
