//! Consumers of events.

mod assemble;
pub mod clock;
pub mod console;
pub mod events_json;
pub mod junit;
mod late;
pub mod layout;
pub mod lines;
pub mod progress;
pub mod reporter;
pub mod result_file;
pub mod shutdown;
pub mod snapshot;
pub mod tally;
pub mod text;
pub mod xml;

#[cfg(test)]
mod testing;

pub use assemble::reporters;
pub use clock::Clock;
pub use reporter::{Reporter, Reporters};
pub use tally::Tally;
