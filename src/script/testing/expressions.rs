//! What the unit tests of expressions have in common.

#![allow(clippy::unwrap_used)]

use crate::script::expr::evaluate;

/// Each text has the value beside it.
#[track_caller]
pub fn evaluates(cases: &[(&[u8], &[u8])]) {
    for (text, result) in cases {
        assert_eq!(evaluate(text).unwrap(), *result, "{}", text.escape_ascii());
    }
}

/// Each text is refused with the message beside it.
#[track_caller]
pub fn complains(cases: &[(&[u8], &str)]) {
    for (text, complaint) in cases {
        assert_eq!(evaluate(text).unwrap_err().message, *complaint, "{}", text.escape_ascii());
    }
}
