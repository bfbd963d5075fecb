//! Consumers of events.

mod assemble;
mod bounded_json;
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
pub mod standing;
pub mod tally;
pub mod target;
pub mod text;
pub mod xml;

#[cfg(test)]
mod testing;

pub use assemble::{Places, Requests};
pub use clock::Clock;
pub use reporter::{Reporter, Reporters};
pub use tally::Tally;
