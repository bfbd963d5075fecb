//! Stand-ins for functions that are being written.
use std::rc::Rc;

use bstr::BString;

use super::state::{Interp, Stored};
use super::stop::{Done, Stop};
use crate::script::command::Command;

/// stub
pub fn statement(_: &mut Interp, _: &Rc<Stored>) -> Done {
    Err(Stop::die("no statements yet"))
}
/// stub
pub fn value(_: &mut Interp, _: &Rc<Stored>, _: &[u8]) -> Done<BString> {
    Err(Stop::die("no queries yet"))
}
/// stub
pub fn get_value(_: &mut Interp, _: &Rc<Stored>, _: &[u8]) -> Done<BString> {
    Err(Stop::die("no queries yet"))
}
/// stub
pub fn other(_: &mut Interp, stored: &Rc<Stored>, _: Command) -> Done {
    Err(Stop::Die(format!("no {} yet", stored.word).into()))
}
