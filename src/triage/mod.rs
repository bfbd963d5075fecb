//! Evidence in, diagnosis out.

pub mod argument;
pub mod blame;
pub mod catalogue;
pub mod collect;
pub mod crash;
pub mod diagnosis;
pub mod evidence;
pub mod files;
pub mod finding;
pub mod living;
pub mod log;
pub mod moment;
pub mod names;
pub mod option_history;
pub mod plugin_words;
pub mod posthumous;
pub mod quantity;
pub mod rules;
pub mod sanitizer;
pub mod scene;
pub mod stack;
#[doc(hidden)]
pub mod testing;
pub mod threads;
