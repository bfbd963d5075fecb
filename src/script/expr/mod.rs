//! Expressions `$( )` (spec §4.6).

use super::message::ScriptError;

/// The result of an expression, as the text that stands for it. `inner` is what stood between the parentheses, expanded.
///
/// # Errors
/// Every complaint of the expression language; all of them end the run.
pub fn evaluate(inner: &[u8]) -> Result<Vec<u8>, ScriptError> {
    Ok(inner.to_vec())
}
