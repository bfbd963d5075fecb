//! `replace_result`: simultaneous replacement of fixed texts (mysqltest §9.6).

use std::cell::OnceCell;
use std::collections::HashSet;

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};
use bstr::{BString, ByteSlice};

use crate::script::replace_list::Pair;

/// A list of texts and what stands in for each.
///
/// From left to right, the longest text found at the leftmost place is replaced, the first listed among
/// equal ones; what was put in is not looked at again.
#[derive(Clone, Debug, Default)]
pub struct Replacer {
    from: Vec<BString>,
    to: Vec<BString>,
    search: OnceCell<Option<AhoCorasick>>,
}

impl Replacer {
    /// A list of pairs: from, to. The automaton is built when a value first passes.
    ///
    /// A text ends before its first NUL, as in the reference. Returns `None` if a text to look for is
    /// empty, which is an error of the script.
    pub fn new(pairs: impl IntoIterator<Item = Pair>) -> Option<Replacer> {
        let mut replacer = Replacer::default();
        let mut known = HashSet::new();
        for (from, to) in pairs {
            let (from, to) = (BString::from(c_string(&from)), BString::from(c_string(&to)));
            if from.is_empty() {
                return None;
            }
            // Of equal texts the first counts, and an automaton for many of them takes the square of their number.
            if !known.insert(from.clone()) {
                continue;
            }
            replacer.from.push(from);
            replacer.to.push(to);
        }
        Some(replacer)
    }

    /// Whether there is nothing to replace.
    pub fn is_empty(&self) -> bool {
        self.from.is_empty()
    }

    /// Appends `value`, up to its first NUL, to `out` with all replacements made.
    pub fn apply(&self, value: &[u8], out: &mut Vec<u8>) {
        let value = c_string(value);
        let mut at = 0;
        let mut put = |start: usize, end: usize, pair: usize| {
            out.extend_from_slice(&value[at..start]);
            out.extend_from_slice(&self.to[pair]);
            at = end;
        };
        if let [from] = self.from.as_slice() {
            for start in value.find_iter(from) {
                put(start, start + from.len(), 0);
            }
        } else if let Some(search) = self.search.get_or_init(|| self.build()) {
            for found in search.find_iter(value) {
                put(found.start(), found.end(), found.pattern().as_usize());
            }
        } else {
            for (start, pair) in self.one_by_one(value) {
                put(start, start + self.from[pair].len(), pair);
            }
        }
        out.extend_from_slice(&value[at..]);
    }

    /// The automaton; `None` if the texts are too large for one.
    ///
    /// The smallest kind is chosen: a list lives for one command and mostly sees a few hundred bytes, so
    /// building is what costs.
    fn build(&self) -> Option<AhoCorasick> {
        AhoCorasick::builder()
            .match_kind(MatchKind::LeftmostLongest)
            .kind(Some(AhoCorasickKind::NoncontiguousNFA))
            .prefilter(false)
            .build(&self.from)
            .ok()
    }

    /// The matches, found without an automaton.
    fn one_by_one(&self, value: &[u8]) -> impl Iterator<Item = (usize, usize)> {
        let mut at = 0;
        std::iter::from_fn(move || {
            while at < value.len() {
                let start = at;
                let pair = (0..self.from.len())
                    .filter(|&pair| value[start..].starts_with(&self.from[pair]))
                    .max_by_key(|&pair| (self.from[pair].len(), std::cmp::Reverse(pair)));
                at += pair.map_or(1, |pair| self.from[pair].len());
                if let Some(pair) = pair {
                    return Some((start, pair));
                }
            }
            None
        })
    }
}

/// What C sees of a text: everything before its first NUL.
pub(super) fn c_string(text: &[u8]) -> &[u8] {
    &text[..text.find_byte(0).unwrap_or(text.len())]
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn replacer(pairs: &[(&str, &str)]) -> Replacer {
        Replacer::new(pairs.iter().map(|&(from, to)| (from.into(), to.into()))).unwrap()
    }

    fn replaced(pairs: &[(&str, &str)], value: &[u8]) -> BString {
        let mut out = b"<".to_vec();
        replacer(pairs).apply(value, &mut out);
        out.into()
    }

    #[test]
    fn one_text() {
        assert_eq!(replaced(&[("aa", "b")], b"aaaaa c"), "<bba c");
        assert_eq!(replaced(&[("a", "")], b"banana"), "<bnn");
        assert_eq!(replaced(&[("a", "aa")], b"ba"), "<baa");
    }

    #[test]
    fn leftmost_then_longest_then_first() {
        assert_eq!(replaced(&[("a", "1"), ("ab", "2"), ("bcd", "3")], b"abcd"), "<2cd");
        assert_eq!(replaced(&[("ab", "1"), ("ab", "2")], b"ab"), "<1");
        assert_eq!(replaced(&[("abcx", "1"), ("bc", "2")], b"abcd"), "<a2d");
    }

    #[test]
    fn values_and_texts_are_c_strings() {
        assert_eq!(replaced(&[("q", "r")], b"ab\0cq"), "<ab");
        assert_eq!(replaced(&[("a\0z", "x\0y"), ("c", "d")], b"abc"), "<xbd");
        assert!(Replacer::new([("".into(), "x".into())]).is_none());
        assert!(Replacer::new([("\0a".into(), "x".into())]).is_none());
    }

    proptest! {
        #[test]
        fn as_trying_each_text_at_each_place(
            pairs in prop::collection::vec(("[abc]{1,4}", "[abcx]{0,3}"), 1..6),
            value in "[abcd]{0,30}",
        ) {
            let pairs: Vec<_> = pairs.iter().map(|(from, to)| (from.as_str(), to.as_str())).collect();
            let replacer = replacer(&pairs);
            let mut expected = b"<".to_vec();
            let mut at = 0;
            for (start, pair) in replacer.one_by_one(value.as_bytes()) {
                expected.extend_from_slice(&value.as_bytes()[at..start]);
                expected.extend_from_slice(&replacer.to[pair]);
                at = start + replacer.from[pair].len();
            }
            expected.extend_from_slice(&value.as_bytes()[at..]);
            prop_assert_eq!(replaced(&pairs, value.as_bytes()), BString::from(expected));
        }
    }
}
