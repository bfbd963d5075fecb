//! From what a run left behind to the evidence that it had while it was going on.

pub mod console;
pub mod examine;
pub mod fate;
pub mod origins;
pub mod rebuild;
pub mod reports;
pub mod starts;
pub mod unpack;
pub mod vardir;
pub mod words;
