//! The list of replacements of `replace_regex` (spec §9.5).

use crate::script::common::charset::Charset;
use crate::script::common::message::ScriptError;
use crate::script::common::text::{trim_start, until_nul};
use crate::script::expand::{Variables, variable_name};

/// How many references to variables one list may hold, those in the values of variables included. Without
/// a limit a variable that names itself would never end.
const MAX_REFERENCES: usize = 1000;

/// How deeply lists may stand in lists.
const MAX_DEPTH: usize = 100;

/// One replacement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replacement {
    /// The regular expression.
    pub pattern: Vec<u8>,
    /// What replaces a match; `\0` to `\9` stand for groups.
    pub replacement: Vec<u8>,
    /// Whether the pattern matches in any case.
    pub caseless: bool,
}

/// Parses a list of replacements; `$name` stands for a whole list in a variable. An empty text is an empty list.
///
/// # Errors
/// `Error parsing replace_regex "…"`, which tells the whole text, or the value of the variable it is in.
pub fn parse(
    arguments: &[u8],
    charset: Charset,
    variables: &mut dyn Variables,
) -> Result<Vec<Replacement>, ScriptError> {
    let mut list = List { charset, variables, found: Vec::new(), references: 0 };
    list.read(arguments, 0)?;
    Ok(list.found)
}

struct List<'v> {
    charset: Charset,
    variables: &'v mut dyn Variables,
    found: Vec<Replacement>,
    references: usize,
}

impl List<'_> {
    fn read(&mut self, text: &[u8], depth: usize) -> Result<(), ScriptError> {
        let text = until_nul(text);
        let malformed = || ScriptError::die_with(&[b"Error parsing replace_regex \"", text, b"\""]);
        let mut rest = text;
        while !rest.is_empty() {
            rest = trim_start(rest, self.charset);
            if rest.is_empty() {
                // Spaces may end a list, but not be one.
                return if self.found.is_empty() { Err(malformed()) } else { Ok(()) };
            }
            if let Some(reference) = rest.strip_prefix(b"$") {
                let (name, after) = variable_name(reference, self.charset)?;
                let value = self.variables.value(name).unwrap_or_default().to_vec();
                self.references += 1;
                if self.references > MAX_REFERENCES || depth == MAX_DEPTH {
                    return Err(malformed());
                }
                self.read(&value, depth + 1)?;
                rest = after;
            } else {
                let (replacement, after) = item(rest).ok_or_else(malformed)?;
                self.found.push(replacement);
                rest = after;
            }
        }
        Ok(())
    }
}

/// One `<d>pattern<d>replacement<d>[i]`, and what follows it.
fn item(text: &[u8]) -> Option<(Replacement, &[u8])> {
    let (pattern, rest) = part(text)?;
    // One delimiter stands between the two parts, unless it was a bracket: then the replacement has
    // an opening delimiter of its own.
    let rest = if closing(text[0]) == text[0] { rest } else { &rest[1..] };
    let (replacement, rest) = part(rest)?;
    let rest = &rest[1..];
    let (caseless, rest) = match rest.strip_prefix(b"i") {
        Some(rest) => (true, rest),
        None => (false, rest),
    };
    Some((Replacement { pattern, replacement, caseless }, rest))
}

/// The part behind the delimiter that begins `text`, and the text from its closing delimiter on.
fn part(text: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let (&open, mut rest) = text.split_first()?;
    let close = closing(open);
    let mut part = Vec::new();
    loop {
        rest = match rest {
            [] => return None,
            [byte, ..] if *byte == close => return Some((part, rest)),
            [b'\\', byte, after @ ..] if *byte == close => {
                part.push(close);
                after
            }
            [byte, after @ ..] => {
                part.push(*byte);
                after
            }
        };
    }
}

/// The delimiter that closes a part which `open` opened.
fn closing(open: u8) -> u8 {
    match open {
        b'(' => b')',
        b'[' => b']',
        b'{' => b'}',
        b'<' => b'>',
        other => other,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::script::common::charset::LATIN1;
    use crate::script::testing::Values;

    const VALUES: Values = Values(&[
        (b"list", b"/A/Q/ /B/R/i"),
        (b"nest", b"$list"),
        (b"bad", b"A"),
        (b"self", b"/A/B/ $self"),
        (b"two", b"$two$two"),
    ]);

    #[track_caller]
    fn list(text: &str, expected: &[(&str, &str, bool)]) {
        let expected: Vec<_> = expected
            .iter()
            .map(|(pattern, replacement, caseless)| Replacement {
                pattern: pattern.as_bytes().to_vec(),
                replacement: replacement.as_bytes().to_vec(),
                caseless: *caseless,
            })
            .collect();
        assert_eq!(parse(text.as_bytes(), LATIN1, &mut { VALUES }), Ok(expected), "{text}");
    }

    #[test]
    fn items() {
        list("", &[]);
        list("/A/X/", &[("A", "X", false)]);
        list("/A/X/i/B/Y/ \n#C##i", &[("A", "X", true), ("B", "Y", false), ("C", "", true)]);
        list("//X/", &[("", "X", false)]);
        list("aAaXa", &[("A", "X", false)]);
        list(r"/A\/B/\d\\1/", &[("A/B", r"\d\\1", false)]);
        list(r"/A/a\\/b/", &[("A", r"a\/b", false)]);
        list(r"\A\X\", &[("A", "X", false)]);
        list(r"\A\\i", &[("A", "", true)]);
        list("/$x/$a/", &[("$x", "$a", false)]);
    }

    #[test]
    fn brackets() {
        list("(A)[X] <e>{f}i", &[("A", "X", false), ("e", "f", true)]);
        list("(A)/X/", &[("A", "X", false)]);
        list(r"{A{1\}}{X}", &[("A{1}", "X", false)]);
        list(r"(A)(X\))", &[("A", "X)", false)]);
    }

    #[test]
    fn lists_in_variables() {
        list("$list", &[("A", "Q", false), ("B", "R", true)]);
        list("/C/W/$nest", &[("C", "W", false), ("A", "Q", false), ("B", "R", true)]);
        list("$unknown $1", &[]);
        list("$list $unknown ", &[("A", "Q", false), ("B", "R", true)]);
    }

    #[test]
    fn malformed() {
        let complaint = |text: &[u8]| parse(text, LATIN1, &mut { VALUES }).unwrap_err().to_string();
        for text in [
            "/",
            "/A",
            "/A/X",
            "/A/X/g",
            "/A/X/ x",
            "/A/X/ii",
            "/A/X/I",
            "(A)X)",
            "[[A]](X)",
            "(A) (X)",
            r"/\\/X/",
            "/A/X/ # c",
            "$list,",
            "(A)",
            "(A)(",
            "$unknown ",
        ] {
            assert_eq!(complaint(text.as_bytes()), format!("Error parsing replace_regex \"{text}\""));
        }
        assert_eq!(complaint(b"/A/X/ $bad"), "Error parsing replace_regex \"A\"");
        assert_eq!(complaint(b"$self"), "Error parsing replace_regex \"/A/B/ $self\"");
        assert_eq!(complaint(b"$two"), "Error parsing replace_regex \"$two$two\"");
    }
}
