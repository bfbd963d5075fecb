//! What is checked of the arguments of all functions.

use crate::script::common::message::ScriptError;
use crate::script::expr::value::Value;

/// The arguments, if they are as many as the function takes; `what` describes them where their number is not one.
pub(super) fn exactly<'a, const N: usize>(
    arguments: Vec<Value<'a>>,
    name: &str,
    what: &str,
) -> Result<[Value<'a>; N], ScriptError> {
    arguments.try_into().map_err(|arguments: Vec<_>| {
        let plural = if N == 1 { "" } else { "s" };
        ScriptError::die(format!("{name}() expects {N} argument{plural}{what}, got {}", arguments.len()))
    })
}

/// `<text>`, as an error of the function `name`.
pub(super) fn complaint(name: &str, text: &str) -> ScriptError {
    ScriptError::die(format!("{name}() {text}"))
}
