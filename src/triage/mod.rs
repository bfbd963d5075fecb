//! Evidence in, diagnosis out.

pub mod argument;
pub mod catalogue;
pub mod collect;
pub mod diagnosis;
pub mod evidence;
pub mod finding;
pub mod judge;
pub mod log;
pub mod posthumous;
pub mod rules;
pub mod scene;
#[cfg(test)]
pub mod testing;
