//! Stand-ins for functions that are being written.
use std::rc::Rc;

use super::state::{Interp, Stored};
use super::stop::{Done, Stop};
use crate::script::command::Command;

/// stub
pub fn other(_: &mut Interp, stored: &Rc<Stored>, _: Command) -> Done {
    Err(Stop::Die(format!("no {} yet", stored.word).into()))
}
