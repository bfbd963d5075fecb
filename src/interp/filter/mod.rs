//! The one-shot transformations of output: each piece of text on its way to the result passes them.

mod column;
mod numeric_round;
mod pipeline;
mod regex;
mod replace;
mod sorted;

pub use column::{MAX_COLUMN, ReplaceColumn};
pub use pipeline::Filters;
pub use regex::{RegexCache, RegexList};
pub use replace::Replacer;
pub use sorted::sort_lines;
