//! `let` and `inc`: what is assigned, and what an expanded value means (spec §4.4, §4.8).

use bstr::ByteSlice;

use crate::script::common::charset::Charset;
use crate::script::common::message::ScriptError;
use crate::script::common::text::{trim_start, until_nul};
use crate::script::expand::variable_name;

/// The two sides of a `let`: pieces `T` of its text, or their places.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Assignment<T> {
    /// The name, without `$`. It may hold bytes that no reference can name, and be of any length; one that begins
    /// with a digit means the register of that digit.
    pub name: T,
    /// Whether the environment variable of that name is set too: the name was written without `$`.
    pub exported: bool,
    /// The value as it stands in the text, to be expanded once and then [classified](classify).
    pub value: T,
}

/// What an expanded value stands for, on the right of `let` or in a condition: pieces `T` of its text, or their
/// places.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value<T> {
    /// Itself.
    Text(T),
    /// The value of the variable of this name.
    Variable(T),
    /// The first row of the result of this query, which is to be expanded once more.
    Query(T),
    /// `query_get_value`, with this text behind it; see [`super::query_get_value`].
    GetValue(T),
}

impl<T> Assignment<T> {
    /// The same with other pieces; `None` if one of them has none.
    pub fn map<U>(self, mut piece: impl FnMut(T) -> Option<U>) -> Option<Assignment<U>> {
        Some(Assignment { name: piece(self.name)?, exported: self.exported, value: piece(self.value)? })
    }
}

impl<T> Value<T> {
    /// The same with another piece; `None` if there is none.
    pub fn map<U>(self, piece: impl FnOnce(T) -> Option<U>) -> Option<Value<U>> {
        Some(match self {
            Value::Text(text) => Value::Text(piece(text)?),
            Value::Variable(name) => Value::Variable(piece(name)?),
            Value::Query(query) => Value::Query(piece(query)?),
            Value::GetValue(call) => Value::GetValue(piece(call)?),
        })
    }
}

/// Splits the arguments of `let`.
///
/// # Errors
/// `Missing arguments to let`, `Missing variable name in let`, `Missing assignment operator in let`.
pub fn parse(arguments: &[u8], charset: Charset) -> Result<Assignment<&[u8]>, ScriptError> {
    let text = until_nul(arguments);
    if arguments.is_empty() {
        return Err(ScriptError::die("Missing arguments to let"));
    }
    let end = text.iter().position(|&byte| byte == b'=' || charset.is_space(byte)).unwrap_or(text.len());
    let (typed, rest) = text.split_at(end);
    let (name, exported) = match typed.strip_prefix(b"$") {
        Some(name) => (name, false),
        None => (typed, true),
    };
    if name.is_empty() {
        return Err(ScriptError::die("Missing variable name in let"));
    }
    match trim_start(rest, charset).split_first() {
        Some((b'=', value)) => Ok(Assignment { name, exported, value: trim_start(value, charset) }),
        _ => Err(ScriptError::die("Missing assignment operator in let")),
    }
}

/// What an expanded value stands for.
///
/// # Errors
/// `Empty variable`, `Too long variable name: …`, `Found junk '…' after $variable in expression` (which
/// lacks the last byte of the junk), ``Syntax error in query, missing '`'``,
/// ``Spurious text after `query` expression``.
pub fn classify(value: &[u8], charset: Charset) -> Result<Value<&[u8]>, ScriptError> {
    let value = until_nul(value);
    if let Some(reference) = value.strip_prefix(b"$") {
        return match variable_name(reference, charset)? {
            (name, b"") => Ok(Value::Variable(name)),
            (_, junk) => Err(ScriptError::die_with(&[
                b"Found junk '",
                &junk[..junk.len() - 1],
                b"' after $variable in expression",
            ])),
        };
    }
    if value.starts_with(b"`") {
        return backtick_query(value).map(Value::Query);
    }
    Ok(match value.strip_prefix(b"query_get_value") {
        Some(arguments) => Value::GetValue(arguments),
        None => Value::Text(value),
    })
}

/// The query between the backtick that begins `text` and the last one in it.
///
/// # Errors
/// ``Syntax error in query, missing '`'``, ``Spurious text after `query` expression``.
pub fn backtick_query(text: &[u8]) -> Result<&[u8], ScriptError> {
    match text.rfind_byte(b'`') {
        None | Some(0) => Err(ScriptError::die("Syntax error in query, missing '`'")),
        Some(end) if text[end + 1..].iter().all(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b')')) => {
            Ok(&text[1..end])
        }
        Some(_) => Err(ScriptError::die("Spurious text after `query` expression")),
    }
}

/// Splits the arguments of `inc` or `dec`, whichever `word` is, into the name of a variable and the rest,
/// which must hold [no junk](super::args::trailing_junk).
///
/// # Errors
/// `Missing argument to …`, `The argument to … must be a variable (start with $)`, and those of a name.
pub fn increment_target<'a>(
    arguments: &'a [u8],
    word: &str,
    charset: Charset,
) -> Result<(&'a [u8], &'a [u8]), ScriptError> {
    match until_nul(arguments).split_first() {
        None => Err(ScriptError::die(format!("Missing argument to {word}"))),
        Some((b'$', reference)) => variable_name(reference, charset),
        Some(_) => Err(ScriptError::die(format!("The argument to {word} must be a variable (start with $)"))),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::script::common::charset::LATIN1;

    #[track_caller]
    fn splits(text: &[u8], name: &[u8], exported: bool, value: &[u8]) {
        assert_eq!(parse(text, LATIN1), Ok(Assignment { name, exported, value }));
    }

    #[test]
    fn names_and_values() {
        splits(b"$x=1", b"x", false, b"1");
        splits(b"x = 1 ", b"x", true, b"1 ");
        splits(b"$a == 3", b"a", false, b"= 3");
        splits(b"$a\n=\n 'b", b"a", false, b"'b");
        splits(b"$a-b=", b"a-b", false, b"");
        splits(b"$55 = x # y", b"55", false, b"x # y");
        splits(b"5x=v", b"5x", true, b"v");
        splits(b"$x=\xa05\xa0", b"x", false, b"5\xa0");
        splits(b"$x=a\0b", b"x", false, b"a");
    }

    #[test]
    fn malformed_assignments() {
        let complaint = |text| parse(text, LATIN1).unwrap_err().message;
        assert_eq!(complaint(b""), "Missing arguments to let");
        assert_eq!(complaint(b"=1"), "Missing variable name in let");
        assert_eq!(complaint(b"$ =1"), "Missing variable name in let");
        assert_eq!(complaint(b"$\0x=1"), "Missing variable name in let");
        assert_eq!(complaint(b"$x"), "Missing assignment operator in let");
        assert_eq!(complaint(b"$x y=1"), "Missing assignment operator in let");
    }

    #[test]
    fn values() {
        let is = |text| classify(text, LATIN1).unwrap();
        assert_eq!(is(b""), Value::Text(&b""[..]));
        assert_eq!(is(b"a`select 1`"), Value::Text(&b"a`select 1`"[..]));
        assert_eq!(is(b"$e"), Value::Variable(&b"e"[..]));
        assert_eq!(is(b"$5"), Value::Variable(&b"5"[..]));
        assert_eq!(is(b"`select 1` )\n"), Value::Query(&b"select 1"[..]));
        assert_eq!(is(b"`select `a` from b`"), Value::Query(&b"select `a` from b"[..]));
        assert_eq!(is(b"``"), Value::Query(&b""[..]));
        assert_eq!(is(b"query_get_value(a, b, 1)"), Value::GetValue(&b"(a, b, 1)"[..]));
        assert_eq!(is(b"query_get_valueX"), Value::GetValue(&b"X"[..]));
        assert_eq!(is(b"Query_get_value()"), Value::Text(&b"Query_get_value()"[..]));
        assert_eq!(is(b"$a\0b"), Value::Variable(&b"a"[..]));
    }

    #[test]
    fn malformed_values() {
        let complaint = |text| classify(text, LATIN1).unwrap_err().message;
        assert_eq!(complaint(b"$"), "Empty variable");
        assert_eq!(complaint(b"$(1)"), "Empty variable");
        assert_eq!(complaint(b"$b "), "Found junk '' after $variable in expression");
        assert_eq!(complaint(b"$b c d"), "Found junk ' c ' after $variable in expression");
        assert_eq!(complaint(b"$10"), "Found junk '' after $variable in expression");
        assert_eq!(complaint(b"`select 1"), "Syntax error in query, missing '`'");
        assert_eq!(complaint(b"`select 1` x"), "Spurious text after `query` expression");
    }

    #[test]
    fn increments() {
        let target = |text| increment_target(text, "inc", LATIN1);
        assert_eq!(target(b"$a # b"), Ok((&b"a"[..], &b" # b"[..])));
        assert_eq!(target(b"$15"), Ok((&b"1"[..], &b"5"[..])));
        assert_eq!(target(b"").unwrap_err().message, "Missing argument to inc");
        assert_eq!(
            target(b"x").unwrap_err().message,
            "The argument to inc must be a variable (start with $)"
        );
        assert_eq!(target(b"$").unwrap_err().message, "Empty variable");
    }
}
