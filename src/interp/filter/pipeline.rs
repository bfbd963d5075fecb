//! All filters together, in the order in which a piece of output passes them (spec §9.9).

use crate::interp::filter::column::ReplaceColumn;
use crate::interp::filter::numeric_round::round_numbers;
use crate::interp::filter::regex::{RegexCache, RegexList};
use crate::interp::filter::replace::Replacer;
use crate::script::common::charset::{Charset, LATIN1};
use crate::script::common::message::ScriptError;
use crate::script::regex_list::Replacement;

/// Pieces of this many bytes and more are not put in lower case (spec §9.8).
const LOWERCASE_BELOW: usize = 1023;

/// The filters of the coming command. Each piece of output (an echoed statement, a column's name, a
/// value, an error's text, a line of a program) passes them alone.
#[derive(Debug)]
pub struct Filters {
    columns: ReplaceColumn,
    numeric_round: Option<usize>,
    lowercase: bool,
    charset: Charset,
    regex: RegexList,
    replace: Replacer,
    /// Whether the lines of result sets are to be sorted, which is done by whoever has a whole set.
    pub sorted: bool,
    cache: RegexCache,
    work: Vec<u8>,
    scratch: Vec<u8>,
}

impl Default for Filters {
    fn default() -> Self {
        Filters {
            columns: ReplaceColumn::default(),
            numeric_round: None,
            lowercase: false,
            charset: LATIN1,
            regex: RegexList::default(),
            replace: Replacer::default(),
            sorted: false,
            cache: RegexCache::default(),
            work: Vec::new(),
            scratch: Vec::new(),
        }
    }
}

impl Filters {
    /// Sets the list of `replace_regex`; an empty one ends it.
    pub fn set_regex(&mut self, rules: impl IntoIterator<Item = Replacement>) {
        self.regex = RegexList::new(rules);
    }

    /// Sets the list of `replace_result`.
    pub fn set_replace(&mut self, replacer: Replacer) {
        self.replace = replacer;
    }

    /// Sets the list of `replace_column`.
    pub fn set_columns(&mut self, columns: ReplaceColumn) {
        self.columns = columns;
    }

    /// Rounds the numbers in values to that many digits behind the point (`replace_numeric_round`).
    pub fn set_numeric_round(&mut self, digits: usize) {
        self.numeric_round = Some(digits);
    }

    /// Switches `lowercase_result` on.
    pub fn set_lowercase(&mut self) {
        self.lowercase = true;
    }

    /// The character set by which `lowercase_result` maps, from `character_set` on.
    pub fn set_charset(&mut self, charset: Charset) {
        self.charset = charset;
    }

    /// Drops all filters, at the end of a command that counts as executed.
    pub fn clear(&mut self) {
        if self.changes_values() {
            self.columns = ReplaceColumn::default();
            self.numeric_round = None;
            self.lowercase = false;
            self.regex = RegexList::default();
            self.replace = Replacer::default();
            // One large value must not hold its memory until the end of the script.
            if self.work.capacity().max(self.scratch.capacity()) > 1 << 20 {
                (self.work, self.scratch) = (Vec::new(), Vec::new());
            }
        }
        self.sorted = false;
    }

    /// Whether any filter but `sorted_result` is set, that is, whether a value may come out changed.
    pub fn changes_values(&self) -> bool {
        self.changes_text() || !self.columns.is_empty() || self.numeric_round.is_some()
    }

    fn changes_text(&self) -> bool {
        self.lowercase || !self.regex.is_empty() || !self.replace.is_empty()
    }

    /// Appends `piece` to `out`, filtered.
    ///
    /// # Errors
    ///
    /// `Regex error: …`, see [`RegexList::apply`].
    #[inline]
    pub fn apply(&mut self, piece: &[u8], out: &mut Vec<u8>) -> Result<(), ScriptError> {
        if !self.changes_text() {
            out.extend_from_slice(piece);
            return Ok(());
        }
        self.filter(piece, self.lowercase, out)
    }

    /// Appends a value of the column with that index, counted from 0, to `out`, filtered. A NULL is passed
    /// as the text `NULL`.
    ///
    /// # Errors
    ///
    /// As [`Filters::apply`].
    #[inline]
    pub fn apply_value(&mut self, column: usize, value: &[u8], out: &mut Vec<u8>) -> Result<(), ScriptError> {
        if let Some(digits) = self.numeric_round {
            return self.apply_to_rounded(column, value, digits, out);
        }
        self.apply_unrounded(column, value, out)
    }

    /// Rounds the numbers of a value before all else, so that the other filters see what is printed without them.
    #[cold]
    fn apply_to_rounded(
        &mut self,
        column: usize,
        value: &[u8],
        digits: usize,
        out: &mut Vec<u8>,
    ) -> Result<(), ScriptError> {
        let mut rounded = Vec::with_capacity(value.len());
        round_numbers(value, digits, &mut rounded);
        self.apply_unrounded(column, &rounded, out)
    }

    #[inline]
    fn apply_unrounded(&mut self, column: usize, value: &[u8], out: &mut Vec<u8>) -> Result<(), ScriptError> {
        if self.columns.is_empty() {
            return self.apply(value, out);
        }
        let columns = std::mem::take(&mut self.columns);
        let applied = self.apply(columns.get(column).map_or(value, |text| text), out);
        self.columns = columns;
        applied
    }

    /// Appends a value of a query between backticks to `out`: it passes `replace_regex` and
    /// `replace_result` alone.
    ///
    /// # Errors
    ///
    /// As [`Filters::apply`].
    pub fn apply_to_variable(&mut self, value: &[u8], out: &mut Vec<u8>) -> Result<(), ScriptError> {
        if self.regex.is_empty() && self.replace.is_empty() {
            out.extend_from_slice(value);
            return Ok(());
        }
        self.filter(value, false, out)
    }

    fn filter(&mut self, piece: &[u8], lowercase: bool, out: &mut Vec<u8>) -> Result<(), ScriptError> {
        let lowercase = lowercase && piece.len() < LOWERCASE_BELOW;
        if !lowercase && self.regex.is_empty() {
            self.put_replaced(piece, out);
            return Ok(());
        }
        let mut work = std::mem::take(&mut self.work);
        work.clear();
        work.extend_from_slice(piece);
        let filtered = self.filter_in_place(lowercase, &mut work);
        if filtered.is_ok() {
            self.put_replaced(&work, out);
        }
        self.work = work;
        filtered
    }

    /// The filters before `replace_result`.
    fn filter_in_place(&mut self, lowercase: bool, work: &mut Vec<u8>) -> Result<(), ScriptError> {
        if lowercase {
            self.charset.lower(work);
        }
        self.regex.apply(&mut self.cache, work, &mut self.scratch)
    }

    fn put_replaced(&self, text: &[u8], out: &mut Vec<u8>) {
        match self.replace.is_empty() {
            true => out.extend_from_slice(text),
            false => self.replace.apply(text, out),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use bstr::BString;

    fn apply(filters: &mut Filters, piece: &[u8]) -> BString {
        let mut out = b">".to_vec();
        filters.apply(piece, &mut out).unwrap();
        out.into()
    }

    fn rule(pattern: &str, replacement: &str) -> Replacement {
        Replacement { pattern: pattern.into(), replacement: replacement.into(), caseless: false }
    }

    #[test]
    fn nothing_set_keeps_every_byte() {
        let mut filters = Filters::default();
        assert_eq!(apply(&mut filters, b"A\0b"), BString::from(&b">A\0b"[..]));
        assert!(!filters.changes_values());
    }

    #[test]
    fn lowercase_then_regex_then_replace() {
        let mut filters = Filters::default();
        filters.set_lowercase();
        assert_eq!(apply(&mut filters, b"A\0B"), BString::from(&b">a\0b"[..]));
        filters.set_regex([rule("a", "B")]);
        filters.set_replace(Replacer::new([("B".into(), "c".into())]).unwrap());
        assert_eq!(apply(&mut filters, b"AXB"), ">cxb");
        filters.clear();
        assert_eq!(apply(&mut filters, b"AXB"), ">AXB");
    }

    #[test]
    fn long_pieces_keep_their_case() {
        let mut filters = Filters::default();
        filters.set_lowercase();
        assert_eq!(apply(&mut filters, &[b'A'; 1022])[1..], [b'a'; 1022]);
        assert_eq!(apply(&mut filters, &[b'A'; 1023])[1..], [b'A'; 1023]);
    }

    #[test]
    fn a_column_s_text_is_filtered_too() {
        let mut filters = Filters::default();
        let mut columns = ReplaceColumn::default();
        columns.set(2, "two");
        filters.set_columns(columns);
        filters.set_regex([rule("o", "0")]);
        let mut out = Vec::new();
        filters.apply_value(0, b"one", &mut out).unwrap();
        filters.apply_value(1, b"NULL", &mut out).unwrap();
        filters.apply_value(2, b"zoo", &mut out).unwrap();
        filters.apply(b"no", &mut out).unwrap();
        assert_eq!(BString::from(out), "0netw0z00n0");
        assert!(filters.changes_values());
    }

    #[test]
    fn values_are_rounded_first() {
        let mut filters = Filters::default();
        filters.set_numeric_round(1);
        filters.set_regex([rule("1.3", "X")]);
        assert!(filters.changes_values());
        let mut out = Vec::new();
        filters.apply_value(0, b"1.28 1.30", &mut out).unwrap();
        filters.apply(b" 1.28", &mut out).unwrap();
        filters.apply_to_variable(b" 1.28", &mut out).unwrap();
        assert_eq!(BString::from(out), "X X 1.28 1.28");
        filters.clear();
        assert!(!filters.changes_values());
    }

    #[test]
    fn variables_pass_regex_and_replace_alone() {
        let mut filters = Filters::default();
        filters.set_lowercase();
        filters.set_regex([rule("A", "B")]);
        let mut out = Vec::new();
        filters.apply_to_variable(b"AC", &mut out).unwrap();
        assert_eq!(BString::from(out), "BC");
    }

    #[test]
    fn clearing_ends_sorting() {
        let mut filters = Filters { sorted: true, ..Filters::default() };
        assert!(!filters.changes_values());
        filters.clear();
        assert!(!filters.sorted);
    }
}
