//! The functions of expressions on regular expressions. Letters match in any case, a dot matches a newline too.

use super::super::message::ScriptError;
use super::super::regex_message;
use super::call::exactly;
use super::value::{Output, Value};
use crate::sys::pcre::Pattern;

pub(super) fn instr<'a>(arguments: Vec<Value<'a>>) -> Result<Value<'a>, ScriptError> {
    let [subject, pattern] = exactly(arguments, "regexp_instr", " (subject, pattern)")?;
    let mut pattern = compile(&pattern.to_text())?;
    let found = pattern.find(&subject.to_text(), false).map_err(regex_message::gave_up)?;
    let whole = found.and_then(|found| found.group(0));
    Ok(Value::count(whole.map_or(0, |whole| whole.start + 1)))
}

pub(super) fn substr<'a>(arguments: Vec<Value<'a>>) -> Result<Value<'a>, ScriptError> {
    let [subject, pattern] = exactly(arguments, "regexp_substr", " (subject, pattern)")?;
    let mut pattern = compile(&pattern.to_text())?;
    let subject = subject.to_text();
    let found = pattern.find(&subject, false).map_err(regex_message::gave_up)?;
    let whole = found.and_then(|found| found.group(0));
    Ok(Value::text(whole.map_or_else(Vec::new, |whole| subject[whole].to_vec())))
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
