//! A worker: a thread that owns servers and makes one attempt at a test after the other on them.

mod analyze;
mod attempt;
pub mod checks;
pub mod handle;
pub mod life;
mod modes;
pub mod prepare;
pub mod script;
mod script_failure;
pub mod wait;
pub mod whereabouts;
