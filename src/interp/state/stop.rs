//! Why a script ends before its last command.

use bstr::BString;

use crate::script::common::message::{Kind, ScriptError};

/// What ends a script early: the error of every command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stop {
    /// The test fails with this message; the place is put before it when it is printed (spec §13.1).
    Die(BString),
    /// The same, but `--continue-on-error` writes the message to the result and goes on with the next
    /// command. [`Interp::run`](super::Interp::run) never gives it back.
    Report(BString),
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
    fn from(error: ScriptError) -> Self {
        match error.kind {
            Kind::Die => Stop::Die(error.message),
            Kind::Report => Stop::Report(error.message),
        }
    }
}
