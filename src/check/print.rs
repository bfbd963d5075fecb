//! Results as the script engine prints them: cells separated by tabs, rows by line feeds.

use bstr::{BString, ByteVec};

use super::session::{ResultSet, Session, SessionError};

/// A cell's text; SQL NULL is `NULL`.
pub(super) fn text_of(value: &Option<BString>) -> &[u8] {
    value.as_ref().map_or(b"NULL", |value| value.as_slice())
}

/// A line of `name`, tab, `value`.
pub(super) fn pair(out: &mut BString, name: &[u8], value: &[u8]) {
    line(out, [name, value].into_iter());
}

/// The head and the rows; nothing where the result is no table.
pub(super) fn table(out: &mut BString, result: &ResultSet) {
    if !result.columns.is_empty() {
        line(out, result.columns.iter().map(|name| name.as_slice()));
        rows(out, result);
    }
}

/// The rows without the head.
pub(super) fn rows(out: &mut BString, result: &ResultSet) {
    for row in &result.rows {
        line(out, row.iter().map(text_of));
    }
}

/// Each cell on a line of its own, after its column's name.
pub(super) fn vertical(out: &mut BString, result: &ResultSet) {
    for row in &result.rows {
        for (name, value) in result.columns.iter().zip(row) {
            pair(out, name, text_of(value));
        }
    }
}

/// What the server warned of, as the script engine shows it after each statement; `answer` is that to the last one.
pub(super) fn warnings(
    out: &mut BString,
    session: &mut Session,
    answer: &[ResultSet],
) -> Result<(), SessionError> {
    if answer.last().is_some_and(|end| end.warnings > 0) {
        out.push_str("Warnings:\n");
        for result in session.query("SHOW WARNINGS")? {
            rows(out, &result);
        }
    }
    Ok(())
}

fn line<'a>(out: &mut BString, cells: impl Iterator<Item = &'a [u8]>) {
    for (i, cell) in cells.enumerate() {
        if i > 0 {
            out.push(b'\t');
        }
        out.push_str(cell);
    }
    out.push(b'\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_flat_and_vertical() {
        let result = ResultSet {
            columns: vec!["a".into(), "b".into()],
            rows: vec![vec![Some("1".into()), None], vec![Some("".into()), Some("x".into())]],
            warnings: 0,
        };
        let (mut flat, mut tall) = (BString::default(), BString::default());
        table(&mut flat, &result);
        vertical(&mut tall, &result);
        assert_eq!(flat, "a\tb\n1\tNULL\n\tx\n");
        assert_eq!(tall, "a\t1\nb\tNULL\na\t\nb\tx\n");
    }

    #[test]
    fn no_table_is_no_line() {
        let mut out = BString::default();
        table(&mut out, &ResultSet::default());
        assert_eq!(out, "");
    }
}
