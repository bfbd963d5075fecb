//! The functions of expressions on regular expressions. Letters match in any case, a dot matches a newline too.

use std::ops::Range;

use crate::script::common::message::ScriptError;
use crate::script::common::regex_message;
use crate::script::expr::arguments::exactly;
use crate::script::expr::value::{Output, Value};
use crate::sys::pcre::Pattern;

pub(super) fn instr<'a>(arguments: Vec<Value<'a>>) -> Result<Value<'a>, ScriptError> {
    let [subject, pattern] = exactly(arguments, "regexp_instr", " (subject, pattern)")?;
    let found = find(&subject.to_text(), &pattern.to_text())?;
    Ok(Value::count(found.map_or(0, |found| found.start + 1)))
}

pub(super) fn substr<'a>(arguments: Vec<Value<'a>>) -> Result<Value<'a>, ScriptError> {
    let [subject, pattern] = exactly(arguments, "regexp_substr", " (subject, pattern)")?;
    let subject = subject.to_text();
    let found = find(&subject, &pattern.to_text())?;
    Ok(Value::text(found.map_or_else(Vec::new, |found| subject[found].to_vec())))
}

/// Where a pattern first matches. An empty pattern matches at the start of any subject; otherwise nothing matches in
/// an empty subject, and then it does not matter whether the pattern is well-formed.
fn find(subject: &[u8], pattern: &[u8]) -> Result<Option<Range<usize>>, ScriptError> {
    if pattern.is_empty() {
        return Ok(Some(0..0));
    }
    if subject.is_empty() {
        return Ok(None);
    }
    let mut pattern = compile(pattern)?;
    let found = pattern.find(subject, false).map_err(regex_message::gave_up)?;
    Ok(found.and_then(|found| found.group(0)))
}

/// Replaces all matches. What follows a match is searched as a text of its own; the byte behind an empty
/// match is dropped.
pub(super) fn replace<'a>(arguments: Vec<Value<'a>>) -> Result<Value<'a>, ScriptError> {
    let [subject, pattern, new] = exactly(arguments, "regexp_replace", " (subject, pattern, replace)")?;
    let (subject, pattern, new) = (subject.to_text(), pattern.to_text(), new.to_text());
    let mut out = Output::default();
    let mut rest = &subject[..];
    if !pattern.is_empty() {
        let mut pattern = compile(&pattern)?;
        while !rest.is_empty() {
            let Some(found) = pattern.find(rest, false).map_err(regex_message::gave_up)? else { break };
            let Some(whole) = found.group(0) else { break };
            out.push(&rest[..whole.start])?;
            substitute(&mut out, &new, |group| found.group(group).map(|range| &rest[range]))?;
            rest = rest.get(whole.end.max(whole.start + 1)..).unwrap_or_default();
        }
    }
    out.push(rest)?;
    Ok(out.finish())
}

/// Appends a replacement: `\0` to `\9` are groups of the match, or themselves where the group took no part.
fn substitute<'t>(
    out: &mut Output,
    new: &[u8],
    group: impl Fn(usize) -> Option<&'t [u8]>,
) -> Result<(), ScriptError> {
    let mut rest = new;
    while let Some((&byte, after)) = rest.split_first() {
        let matched = match after.first() {
            Some(digit @ b'0'..=b'9') if byte == b'\\' => group(usize::from(digit - b'0')),
            _ => None,
        };
        match matched {
            Some(text) => {
                out.push(text)?;
                rest = &after[1..];
            }
            None => {
                out.push(&[byte])?;
                rest = after;
            }
        }
    }
    Ok(())
}

fn compile(pattern: &[u8]) -> Result<Pattern, ScriptError> {
    Pattern::new(pattern, true).map_err(regex_message::malformed)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use crate::script::testing::expressions::{complains, evaluates};

    #[test]
    fn results() {
        evaluates(&[
            (&b"regexp_instr('abc','B|c')"[..], &b"2"[..]),
            (&b"regexp_instr('abc','')"[..], &b"1"[..]),
            (&b"regexp_instr('','[')"[..], &b"0"[..]),
            (&b"regexp_instr('ab\nc','^c')"[..], &b"0"[..]),
            (&b"regexp_instr('a\nb','a.b')"[..], &b"1"[..]),
            (&b"regexp_instr('\xe9','\xc9')"[..], &b"0"[..]),
            (&b"regexp_instr('aab','a{2}b')"[..], &b"1"[..]),
            (&b"regexp_substr('abc','B.')"[..], &b"bc"[..]),
            (&b"regexp_substr('abc','x')"[..], &b""[..]),
            (&b"regexp_substr('abc','')"[..], &b""[..]),
            (&b"regexp_replace('abcABC','b','x')"[..], &b"axcAxC"[..]),
            (&b"regexp_replace('abc','','x')"[..], &b"abc"[..]),
            (&b"regexp_replace('abc','x*','-')"[..], &b"---"[..]),
            (&b"regexp_replace('xaxb','x*','-')"[..], &b"----"[..]),
            (&b"regexp_replace('abc','^','x')"[..], &b"xxx"[..]),
            (&b"regexp_replace('abc','(b)(c)','<\\2\\1\\0>')"[..], &b"a<cbbc>"[..]),
            (&b"regexp_replace('abc','(b)|(z)','[\\2\\n\\9]')"[..], &b"a[\\2\\n\\9]c"[..]),
            (&b"regexp_replace('abc','(?=b)','-')"[..], &b"a-c"[..]),
            (&b"regexp_replace('abcabc','(?<=a)b','x')"[..], &b"axcaxc"[..]),
            (&b"regexp_replace('a\nb','^b','x')"[..], &b"a\nb"[..]),
            (&b"regexp_replace('a',NULL,'b')"[..], &b""[..]),
        ]);
    }

    #[test]
    fn complaints() {
        complains(&[
            (&b"regexp_instr('a')"[..], "regexp_instr() expects 2 arguments (subject, pattern), got 1"),
            (
                &b"regexp_substr('a','b','c')"[..],
                "regexp_substr() expects 2 arguments (subject, pattern), got 3",
            ),
            (
                &b"regexp_replace('a','b')"[..],
                "regexp_replace() expects 3 arguments (subject, pattern, replace), got 2",
            ),
            (&b"regexp_replace('','*','x')"[..], "Regex error: ? * + invalid at offset 0     \n"),
        ]);
    }
}
