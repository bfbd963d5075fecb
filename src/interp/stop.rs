//! Why a script ends before its last command.

use bstr::BString;

use crate::script::message::ScriptError;

/// What ends a script early: the error of every command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stop {
    /// The test fails with this message; the place is put before it when it is printed (spec §13.1).
    Die(BString),
    /// The test is skipped for this reason (spec §12.4).
    Skip(BString),
    /// `exit`: what was written so far is the result (spec §6.9).
    Exit,
}

impl Stop {
    /// Ends the script with `message`.
    pub fn die(message: impl Into<BString>) -> Self {
        Stop::Die(message.into())
    }
}

/// What a command gives back.
pub type Done<T = ()> = Result<T, Stop>;

impl From<ScriptError> for Stop {
    /// For places where nothing can go on after a `report` either.
    fn from(error: ScriptError) -> Self {
        Stop::Die(error.message)
    }
}
