//! `replace_column`: a fixed text in place of every value of a column.

use bstr::{BStr, BString};

/// The highest column number that `replace_column` takes (mysqltest §9.7).
pub const MAX_COLUMN: usize = 256;

/// The texts that stand in for columns.
#[derive(Clone, Debug, Default)]
pub struct ReplaceColumn(Vec<Option<BString>>);

impl ReplaceColumn {
    /// Replaces every value of a column, counted from 1, by `text`; the last call for a column counts.
    /// Returns `false`, and changes nothing, if the number is not within 1 to [`MAX_COLUMN`].
    pub fn set(&mut self, number: usize, text: impl Into<BString>) -> bool {
        if !(1..=MAX_COLUMN).contains(&number) {
            return false;
        }
        if self.0.len() < number {
            self.0.resize(number, None);
        }
        self.0[number - 1] = Some(text.into());
        true
    }

    /// The text in place of the values of the column with that index, counted from 0.
    pub fn get(&self, index: usize) -> Option<&BStr> {
        self.0.get(index)?.as_ref().map(|text| text.as_ref())
    }

    /// Whether no column is replaced.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_from_one_to_256() {
        let mut columns = ReplaceColumn::default();
        assert!(columns.is_empty());
        assert!(!columns.set(0, "x") && !columns.set(257, "x"));
        assert!(columns.is_empty());
        assert!(columns.set(2, "x") && columns.set(256, "y") && columns.set(2, "z"));
        assert_eq!(columns.get(1), Some(BStr::new("z")));
        assert_eq!((columns.get(0), columns.get(255)), (None, Some(BStr::new("y"))));
        assert_eq!(columns.get(256), None);
    }
}
