//! `replace_regex`: a list of patterns, each applied to the output of the one before (spec §9.5).

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use bstr::{BString, ByteSlice};

use crate::interp::filter::replace::c_string;
use crate::script::common::message::ScriptError;
use crate::script::common::regex_message::{gave_up, malformed};
use crate::script::regex_list::Replacement;
use crate::sys::pcre::{CompileError, Pattern};

/// So many compiled patterns are kept; a script that makes more, in a loop, starts over.
const KEPT: usize = 256;

/// Patterns that were compiled before: tests give the same list before many statements.
#[derive(Debug, Default)]
pub struct RegexCache(HashMap<(BString, bool), Rc<RefCell<Pattern>>>);

impl RegexCache {
    fn get(&mut self, pattern: &[u8], caseless: bool) -> Result<Rc<RefCell<Pattern>>, CompileError> {
        let key = (BString::from(pattern), caseless);
        if let Some(compiled) = self.0.get(&key) {
            return Ok(Rc::clone(compiled));
        }
        let compiled = Rc::new(RefCell::new(Pattern::new(pattern, caseless)?));
        if self.0.len() >= KEPT {
            self.0.clear();
        }
        self.0.insert(key, Rc::clone(&compiled));
        Ok(compiled)
    }
}

/// The rules in force.
#[derive(Debug, Default)]
pub struct RegexList(Vec<Item>);

/// A rule, compiled when a value first passes: a malformed pattern that is never used is no error.
#[derive(Debug)]
struct Item {
    rule: Replacement,
    compiled: Option<Compiled>,
}

#[derive(Debug)]
struct Compiled {
    pattern: Rc<RefCell<Pattern>>,
    replacement: Vec<Part>,
}

/// A piece of a replacement.
#[derive(Debug, PartialEq, Eq)]
enum Part {
    Text(BString),
    Group(usize),
}

impl RegexList {
    /// A list that applies `rules` in their order.
    pub fn new(rules: impl IntoIterator<Item = Replacement>) -> RegexList {
        RegexList(rules.into_iter().map(|rule| Item { rule, compiled: None }).collect())
    }

    /// Whether there is no rule.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Replaces the contents of `value` by what the rules make of it. The value ends before its first NUL.
    /// `scratch` is overwritten.
    ///
    /// # Errors
    ///
    /// `Regex error: …` for a malformed pattern, and for one that gives up on the value.
    pub fn apply(
        &mut self,
        cache: &mut RegexCache,
        value: &mut Vec<u8>,
        scratch: &mut Vec<u8>,
    ) -> Result<(), ScriptError> {
        for item in &mut self.0 {
            if item.compiled.is_none() {
                item.compiled = Some(Compiled::new(&item.rule, cache)?);
            }
            if let Some(compiled) = &item.compiled {
                scratch.clear();
                compiled.replace(c_string(value), scratch)?;
                std::mem::swap(value, scratch);
            }
        }
        Ok(())
    }
}

impl Compiled {
    fn new(rule: &Replacement, cache: &mut RegexCache) -> Result<Compiled, ScriptError> {
        let pattern = cache.get(c_string(&rule.pattern), rule.caseless).map_err(malformed)?;
        let groups = pattern.borrow().groups();
        Ok(Compiled { pattern, replacement: parts(c_string(&rule.replacement), groups) })
    }

    /// Appends `value` to `out` with every match replaced.
    ///
    /// Each search sees only what is behind the match before. After an empty match one byte is copied;
    /// an empty match at the end is the last.
    fn replace(&self, value: &[u8], out: &mut Vec<u8>) -> Result<(), ScriptError> {
        let mut pattern = self.pattern.borrow_mut();
        let mut rest = value;
        while let Some(found) = pattern.find(rest, rest.len() < value.len()).map_err(gave_up)? {
            let Some(whole) = found.group(0) else { break };
            out.extend_from_slice(&rest[..whole.start]);
            for part in &self.replacement {
                match part {
                    Part::Text(text) => out.extend_from_slice(text),
                    Part::Group(number) => {
                        if let Some(range) = found.group(*number) {
                            out.extend_from_slice(&rest[range]);
                        }
                    }
                }
            }
            rest = &rest[whole.end..];
            if whole.is_empty() {
                match rest.split_first() {
                    Some((&byte, behind)) => {
                        out.push(byte);
                        rest = behind;
                    }
                    None => break,
                }
            }
        }
        out.extend_from_slice(rest);
        Ok(())
    }
}

/// Cuts a replacement at `\0` to `\9`, as far as the pattern has that many groups.
fn parts(replacement: &[u8], groups: usize) -> Vec<Part> {
    let mut parts = Vec::new();
    let (mut text, mut at) = (0, 0);
    while let Some(backslash) = replacement[at..].find_byte(b'\\').map(|found| at + found) {
        let group = match replacement.get(backslash + 1) {
            Some(digit @ b'0'..=b'9') => Some(usize::from(digit - b'0')).filter(|&group| group <= groups),
            _ => None,
        };
        at = (backslash + 2).min(replacement.len());
        if let Some(group) = group {
            if text < backslash {
                parts.push(Part::Text(replacement[text..backslash].into()));
            }
            parts.push(Part::Group(group));
            text = at;
        }
    }
    if text < replacement.len() {
        parts.push(Part::Text(replacement[text..].into()));
    }
    parts
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn apply(rules: &[(&str, &str, bool)], value: &[u8]) -> Result<BString, ScriptError> {
        let rules = rules.iter().map(|&(pattern, replacement, caseless)| Replacement {
            pattern: pattern.into(),
            replacement: replacement.into(),
            caseless,
        });
        let mut value = value.to_vec();
        RegexList::new(rules).apply(&mut RegexCache::default(), &mut value, &mut Vec::new())?;
        Ok(value.into())
    }

    #[track_caller]
    fn check(pattern: &str, replacement: &str, value: &str, expected: &str) {
        assert_eq!(apply(&[(pattern, replacement, false)], value.as_bytes()).unwrap(), expected);
    }

    #[test]
    fn empty_matches() {
        check("x*", "-", "x", "--");
        check("x*", "-", "ab", "-a-b-");
        check("", "-", "ab", "-a-b-");
        check("x*", "-", "", "-");
    }

    #[test]
    fn the_rest_is_a_text_of_its_own() {
        check("^a", "-", "aaa", "-aa");
        check("(?<=a)b", "-", "ab ab", "a- a-");
        check("(?<=a)b|a", "-", "ab", "-b");
        check("\\bb|a", "-", "abc", "--c");
        check("b$", "-", "ab\n", "a-\n");
    }

    #[test]
    fn groups_in_the_replacement() {
        check("(a)|(b)", "[\\1\\2\\3\\n\\\\0]", "ab", "[a\\3\\n\\\\0][b\\3\\n\\\\0]");
        check("b", "<\\0>\\", "abc", "a<b>\\c");
        assert_eq!(parts(b"\\\\1", 1), [Part::Text("\\\\1".into())]);
    }

    #[test]
    fn one_after_another_and_cases() {
        assert_eq!(apply(&[("A", "b", true), ("b", "c", false)], b"aAbB").unwrap(), "cccB");
        assert_eq!(apply(&[], b"a\0b").unwrap(), "a\0b");
        assert_eq!(apply(&[("q", "", false)], b"a\0b").unwrap(), "a");
    }

    #[test]
    fn errors_when_first_used() {
        for (pattern, text) in [
            ("(", "unbalanced () at offset "),
            ("[a", "unbalanced [] at offset "),
            ("*a", "? * + invalid at offset "),
            ("[[:foo:]]", "bad class at offset "),
            ("[b-a]", "bad range inside [] at offset "),
            ("\\c", "bad escape sequence at offset "),
            ("a{2,1}", "invalid repeat counts in {} at offset "),
            ("(a+)+$", "failed to get memory"),
        ] {
            let error = apply(&[(pattern, "x", false)], &[&[b'a'; 60][..], b"b"].concat()).unwrap_err();
            // Which offset is told depends on the version of PCRE2.
            assert!(error.message.starts_with(format!("Regex error: {text}").as_bytes()), "{error}");
            assert!(error.message.ends_with(b"\n"));
        }
        assert_eq!(apply(&[("a", "b", false), ("(", "x", false)], b"").unwrap_err().message[..5], *b"Regex");
    }

    #[test]
    fn patterns_are_compiled_once() {
        let mut cache = RegexCache::default();
        let first = cache.get(b"a", false).unwrap();
        assert!(Rc::ptr_eq(&first, &cache.get(b"a", false).unwrap()));
        assert!(!Rc::ptr_eq(&first, &cache.get(b"a", true).unwrap()));
        for number in 0..2 * KEPT {
            cache.get(number.to_string().as_bytes(), false).unwrap();
        }
        assert!(cache.0.len() <= KEPT);
    }
}
