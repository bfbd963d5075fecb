//! Workers, supervision, events.

pub mod event;
