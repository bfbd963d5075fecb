//! The values of expressions.

use std::borrow::Cow;

use crate::script::common::message::ScriptError;

/// The longest string that a function may make, in bytes. The reference has no such limit: there
/// `repeat('x', 2000000000)` takes the memory or ends the process.
const MAX_TEXT: usize = 64 << 20;

/// A value; strings borrow from the expression where they can.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Value<'a> {
    Null,
    Signed(i64),
    Unsigned(u64),
    Text(Cow<'a, [u8]>),
}

impl<'a> Value<'a> {
    /// 1 or 0.
    pub fn truth(truth: bool) -> Self {
        Value::Signed(i64::from(truth))
    }

    /// A string.
    pub fn text(text: impl Into<Cow<'a, [u8]>>) -> Self {
        Value::Text(text.into())
    }

    /// The number of a byte, or of bytes: no text is that long that it would not fit.
    pub fn count(count: usize) -> Self {
        Value::Signed(count as i64)
    }

    /// The 64 bits of an integer; `None` for a string or NULL.
    pub fn bits(&self) -> Option<u64> {
        match *self {
            Value::Signed(number) => Some(number as u64),
            Value::Unsigned(number) => Some(number),
            Value::Null | Value::Text(_) => None,
        }
    }

    /// An integer as a number that holds both kinds; `None` for a string or NULL.
    pub fn integer(&self) -> Option<i128> {
        match *self {
            Value::Signed(number) => Some(i128::from(number)),
            Value::Unsigned(number) => Some(i128::from(number)),
            Value::Null | Value::Text(_) => None,
        }
    }

    /// The low 32 bits of an integer, as the functions take lengths and positions.
    pub fn low_bits(&self) -> Option<i32> {
        self.bits().map(|bits| bits as i32)
    }

    /// The value as text: NULL is empty, an integer is decimal.
    pub fn to_text(&self) -> Cow<'_, [u8]> {
        match self {
            Value::Null => Cow::Borrowed(b""),
            Value::Signed(number) => Cow::Owned(number.to_string().into_bytes()),
            Value::Unsigned(number) => Cow::Owned(number.to_string().into_bytes()),
            Value::Text(text) => Cow::Borrowed(text),
        }
    }

    /// As [`Value::to_text`], for the result of an expression.
    pub fn into_text(self) -> Vec<u8> {
        match self {
            Value::Text(text) => text.into_owned(),
            other => other.to_text().into_owned(),
        }
    }
}

/// A string in the making that complains before it grows beyond measure.
#[derive(Default)]
pub(super) struct Output(Vec<u8>);

impl Output {
    /// # Errors
    /// The value would be longer than a value may be.
    pub fn push(&mut self, text: &[u8]) -> Result<(), ScriptError> {
        self.reserve(text.len())?;
        self.0.extend_from_slice(text);
        Ok(())
    }

    /// Appends bytes of `pattern`, over and over, until `count` are appended.
    ///
    /// # Errors
    /// The value would be longer than a value may be.
    pub fn fill(&mut self, pattern: &[u8], count: usize) -> Result<(), ScriptError> {
        self.reserve(count)?;
        self.0.extend(pattern.iter().cycle().take(count));
        Ok(())
    }

    pub fn finish(self) -> Value<'static> {
        Value::Text(Cow::Owned(self.0))
    }

    fn reserve(&mut self, more: usize) -> Result<(), ScriptError> {
        match more > MAX_TEXT - self.0.len() {
            true => Err(ScriptError::die("Out of memory")),
            false => Ok(()),
        }
    }
}

/// `Range error: <text> value out of range for Integer type`.
pub(super) fn out_of_range(text: &[u8]) -> ScriptError {
    ScriptError::die_with(&[b"Range error: ", text, b" value out of range for Integer type"])
}
