//! Expansion of a text: references to variables, backslashes and `$( )` expressions (mysqltest §4.3).

use bstr::ByteSlice;

use crate::script::common::charset::Charset;
use crate::script::common::message::ScriptError;
use crate::script::common::text::until_nul;
use crate::script::expr;

/// The longest name of a variable, in bytes.
pub const MAX_NAME: usize = 255;

/// The most bytes that a text may have after its expansion: 256 MiB. A text that refers twice to one that refers twice to
/// another doubles each time.
pub const MOST_OF_TEXT: usize = 256 << 20;

/// How deeply `$( )` may stand inside `$( )`. The reference has no limit but that of its stack; no
/// script comes near.
const MAX_DEPTH: u32 = 1000;

/// Where an expansion finds the values of variables.
pub trait Variables {
    /// The value of the variable called `name` (without its `$`).
    ///
    /// A name that is new takes its value from the environment, or is empty, and exists from then on
    /// (mysqltest §4.1). `None` is for a register (a name of one digit) that never got a value: an
    /// expansion complains of it, a condition or a `let` takes it as empty.
    fn value(&mut self, name: &[u8]) -> Option<&[u8]>;
}

/// Splits a text that begins behind a `$` into the name of the variable referred to and what follows.
///
/// The name is one digit, or the longest run of letters, digits and `_` of the character set.
///
/// # Errors
/// `Empty variable` where no name stands there, `Too long variable name: …` beyond [`MAX_NAME`] bytes.
pub fn variable_name(text: &[u8], charset: Charset) -> Result<(&[u8], &[u8]), ScriptError> {
    let len = match text.first() {
        Some(byte) if byte.is_ascii_digit() => 1,
        _ => {
            let other = |&byte: &u8| byte != b'_' && !charset.is_alnum(byte);
            text.iter().position(other).unwrap_or(text.len())
        }
    };
    match len {
        0 => Err(ScriptError::die("Empty variable")),
        1..=MAX_NAME => Ok(text.split_at(len)),
        _ => Err(ScriptError::die_with(&[b"Too long variable name: ", until_nul(text)])),
    }
}

/// The expanded `text`, which ends at its first NUL.
///
/// `$name` becomes the value of the variable, `$(…)` the result of the expression. A backslash before
/// `\`, `$` or `"` takes the meaning from that byte; it is itself dropped unless `keep_escapes`.
///
/// # Errors
/// A `$` without a name, an unset register, and whatever an expression can complain of.
pub fn expand(
    text: &[u8],
    charset: Charset,
    keep_escapes: bool,
    variables: &mut dyn Variables,
) -> Result<Vec<u8>, ScriptError> {
    let mut out = Vec::new();
    expand_into(&mut out, text, charset, keep_escapes, variables)?;
    Ok(out)
}

/// As [`expand`], but appends to `out`, for callers that have a buffer to use again.
///
/// # Errors
/// Those of [`expand`]; `out` then holds what came before.
pub fn expand_into(
    out: &mut Vec<u8>,
    text: &[u8],
    charset: Charset,
    keep_escapes: bool,
    variables: &mut dyn Variables,
) -> Result<(), ScriptError> {
    Expansion { charset, keep_escapes, variables, depth: 0 }.run(text, text.len(), out)
}

/// What stays the same from the outermost text to the innermost expression.
struct Expansion<'v> {
    charset: Charset,
    keep_escapes: bool,
    variables: &'v mut dyn Variables,
    depth: u32,
}

impl Expansion<'_> {
    /// Expands `text[..end]`. What lies beyond belongs to the texts around this one; messages quote it.
    fn run(&mut self, text: &[u8], end: usize, out: &mut Vec<u8>) -> Result<(), ScriptError> {
        let mut at = 0;
        while let Some(special) = text[at..end].find_byteset(b"$\\\0") {
            out.extend_from_slice(&text[at..at + special]);
            at += special;
            let after = &text[at + 1..end];
            at = match (text[at], after.first()) {
                (b'\\', Some(&byte @ (b'\\' | b'$' | b'"'))) => {
                    if self.keep_escapes {
                        out.push(b'\\');
                    }
                    out.push(byte);
                    at + 2
                }
                (b'\\', _) => {
                    out.push(b'\\');
                    at + 1
                }
                (b'$', Some(b'(')) => {
                    let Some((inner, behind)) = parenthesized(&text[at..end]) else {
                        let start = until_nul(&text[at..text.len().min(at + 10)]);
                        return Err(ScriptError::die_with(&[
                            b"Unmatched parenthesis in expression starting at '",
                            start,
                            b"'",
                        ]));
                    };
                    append(out, &self.expression(&text[at + 2..], inner.len())?)?;
                    end - behind.len()
                }
                (b'$', _) => {
                    // No byte that ends this text could be part of a name.
                    let (name, _) = variable_name(&text[at + 1..], self.charset)?;
                    let value = self.variables.value(name);
                    append(out, value.ok_or_else(|| ScriptError::report("Bad variable in eval"))?)?;
                    at + 1 + name.len()
                }
                (_nul, _) => return Ok(()),
            };
        }
        out.extend_from_slice(&text[at..end]);
        Ok(())
    }

    /// The result of the expression `text[..end]`.
    fn expression(&mut self, text: &[u8], end: usize) -> Result<Vec<u8>, ScriptError> {
        if self.depth == MAX_DEPTH {
            return Err(ScriptError::die("Syntax error: expression nested too deeply"));
        }
        self.depth += 1;
        let mut expanded = Vec::with_capacity(end);
        self.run(text, end, &mut expanded)?;
        self.depth -= 1;
        expr::evaluate(&expanded)
    }
}

/// Appends what a reference stands for.
fn append(out: &mut Vec<u8>, value: &[u8]) -> Result<(), ScriptError> {
    if out.len() + value.len() > MOST_OF_TEXT {
        let most = MOST_OF_TEXT >> 20;
        return Err(ScriptError::die(format!("Variables make a text of more than {most} MiB")));
    }
    out.extend_from_slice(value);
    Ok(())
}

/// Splits a text that begins with `$(` into what stands between the parentheses and what follows them; `None` if they
/// are not closed.
///
/// Parentheses nest; between `'…'` or `"…"` they do not count, and there a backslash protects the quote.
pub fn parenthesized(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut depth = 0usize;
    let mut quote = None;
    let mut at = 1;
    loop {
        match (*text.get(at)?, quote) {
            (0, _) => return None,
            (b'\\', Some(_)) if text.len() > at + 1 => at += 1,
            (byte, Some(open)) if byte == open => quote = None,
            (_, Some(_)) => {}
            (byte @ (b'\'' | b'"'), None) => quote = Some(byte),
            (b'(', None) => depth += 1,
            (b')', None) => depth -= 1,
            _ => {}
        }
        at += 1;
        if depth == 0 {
            return Some((&text[2..at - 1], &text[at..]));
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::script::common::charset::LATIN1;
    use crate::script::common::message::Kind;
    use crate::script::testing::Values;

    const VALUES: Values =
        Values(&[(b"a", b"1"), (b"two", b"$a \\ x"), (b"1", b"one"), (b"x\xc3", b"latin")]);

    #[track_caller]
    fn check(text: &[u8], expected: &[u8]) {
        assert_eq!(expand(text, LATIN1, false, &mut { VALUES }).unwrap().as_bstr(), expected.as_bstr());
    }

    #[track_caller]
    fn fails(text: &[u8], expected: &str) {
        assert_eq!(expand(text, LATIN1, false, &mut { VALUES }).unwrap_err().message, expected);
    }

    #[test]
    fn references() {
        check(b"", b"");
        check(b"plain", b"plain");
        check(b"<$a> $two$a", b"<1> $a \\ x1");
        check(b"$10$1_", b"one0one_");
        check(b"$unknown.", b".");
        check(b"$x\xc3\xa9", b"latin\xa9");
        fails(b"a $", "Empty variable");
        fails(b"$$a", "Empty variable");
        fails(b"$-", "Empty variable");
        fails(b"$2", "Bad variable in eval");
    }

    #[test]
    fn a_register_without_value_is_reported_other_failures_are_final() {
        let mut values = VALUES;
        assert_eq!(expand(b"$2", LATIN1, false, &mut values).unwrap_err().kind, Kind::Report);
        assert_eq!(expand(b"$", LATIN1, false, &mut values).unwrap_err().kind, Kind::Die);
    }

    #[test]
    fn escapes() {
        check(br#"\\ \$a \" \n \"#, br#"\ $a " \n \"#);
        check(br"\\$a", br"\1");
        let kept = expand(br#"\\ \$a \" \n $a \"#, LATIN1, true, &mut { VALUES }).unwrap();
        assert_eq!(kept.as_bstr(), br#"\\ \$a \" \n 1 \"#.as_bstr());
    }

    #[test]
    fn the_text_ends_at_a_nul() {
        check(b"a$a\0b", b"a1");
        check(b"\\\0b", b"\\");
        fails(b"$\0", "Empty variable");
        fails(b"$(1\0)", "Unmatched parenthesis in expression starting at '$(1'");
    }

    #[test]
    fn long_names() {
        let name = [b"$".as_slice(), &[b'n'; 255]].concat();
        check(&name, b"");
        let longer = [&name[..], b"n x"].concat();
        fails(&longer, &format!("Too long variable name: {} x", "n".repeat(256)));
    }

    #[test]
    fn parentheses_of_an_expression() {
        let split = |text: &'static [u8]| parenthesized(text).unwrap();
        assert_eq!(split(b"$() x"), (&b""[..], &b" x"[..]));
        assert_eq!(split(b"$((1)+(2)))"), (&b"(1)+(2)"[..], &b")"[..]));
        assert_eq!(split(b"$(')\\')' \"(\") x"), (&b"')\\')' \"(\""[..], &b" x"[..]));
        fails(b"x $(1 + (2 * 3)", "Unmatched parenthesis in expression starting at '$(1 + (2 *'");
        fails(b"$($('1) + 2) 34", "Unmatched parenthesis in expression starting at '$($('1) + '");
        fails(b"$(a(')&$('ull))]", "Unmatched parenthesis in expression starting at '$('ull))]'");
        fails(b"$('1)", "Unmatched parenthesis in expression starting at '$('1)'");
        fails(b"$('1\\", "Unmatched parenthesis in expression starting at '$('1\\'");
    }

    #[test]
    fn deep_nesting_is_an_error() {
        let deep = [b"$(".repeat(100_000), b")".repeat(100_000)].concat();
        assert!(expand(&deep, LATIN1, false, &mut { VALUES }).is_err());
    }
}
