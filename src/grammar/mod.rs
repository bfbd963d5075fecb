//! The grammars of the files of a test suite, and of the variables that rule sanitizers: bytes in, plain data with line numbers out.
//!
//! Nothing here reads a file or knows what its words mean to a test: that is the business of `tree` and `config`.
//! The one exception to "no files" is a path that is passed in to be named in an error.
//!
//! Files `NAME.combinations` have the grammar of [`mycnf`], one group for each combination.

pub mod disabled;
pub mod mycnf;
pub mod option_file;
pub mod rdiff;
pub mod sanitizer_options;
pub mod suppression;
#[doc(hidden)]
pub mod testing;
