//! Reports of sanitizers: the reports themselves, which programs have a sanitizer, and what is shown of them.

pub mod parse;
pub mod presence;
pub mod report;
pub mod valgrind;
