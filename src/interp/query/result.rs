//! What a statement's result looks like in the log: header, rows, column metadata, info lines, session
//! trackers (mysqltest §7.2–§7.6). Everything goes straight into the command's output buffer.

use std::io::Write;

use bstr::BString;

use crate::client::wire::column::{Column, NOT_NULL_FLAG};
use crate::interp::filter::{Filters, sort_lines};
use crate::script::common::message::ScriptError;

/// How the rows of a result are laid out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Layout {
    /// A line for each field instead of one for each row (`vertical_results`).
    pub vertical: bool,
    /// The header is written (`enable_column_names`); without meaning for vertical rows.
    pub header: bool,
    /// The lines are sorted (`sorted_result`).
    pub sorted: bool,
    /// Facts about the columns come first (`enable_metadata`).
    pub metadata: bool,
}

/// The most bytes that the results of one command may have as they are written: 256 MiB. Like the reference, we keep them
/// until the command is over; the longest result file of MariaDB's tree has 5 MB.
const MOST_OF_RESULT: usize = 256 << 20;

/// Writes one result set, row by row: nothing is kept but what was written.
///
/// Metadata come before the rows but need them all, for the longest value of each column: the writer
/// measures the values while they pass and puts the block in front at the end. Sorting, too, works on
/// the written lines.
#[derive(Debug)]
pub struct ResultSet {
    layout: Layout,
    /// The columns' names, for vertical rows only.
    names: Vec<BString>,
    start: usize,
    rows_start: usize,
    longest: Vec<u64>,
}

impl ResultSet {
    /// Begins a result set at the end of `out`: writes the header, if the layout has one.
    ///
    /// # Errors
    ///
    /// Those of the filters, here and in the other functions.
    pub fn begin(
        columns: &[Column],
        layout: Layout,
        filters: &mut Filters,
        out: &mut Vec<u8>,
    ) -> Result<Self, ScriptError> {
        let start = out.len();
        if layout.header && !layout.vertical {
            write_header(columns, filters, out)?;
        }
        let longest = if layout.metadata { vec![0; columns.len()] } else { Vec::new() };
        let names = if layout.vertical {
            columns.iter().map(|column| c_string(&column.name).into()).collect()
        } else {
            Vec::new()
        };
        Ok(ResultSet { layout, names, start, rows_start: out.len(), longest })
    }

    /// Writes one row: its cells from left to right, `None` for NULL.
    ///
    /// # Errors
    /// A regular expression or replacement of the script fails on a value, or there is too much to be kept.
    pub fn row<'c>(
        &mut self,
        cells: impl Iterator<Item = Option<&'c [u8]>>,
        filters: &mut Filters,
        out: &mut Vec<u8>,
    ) -> Result<(), ScriptError> {
        if out.len() > MOST_OF_RESULT {
            let most = MOST_OF_RESULT >> 20;
            return Err(ScriptError::die(format!("The result of the command has more than {most} MiB")));
        }
        let vertical = self.layout.vertical;
        for (index, cell) in cells.enumerate() {
            if let (Some(longest), Some(value)) = (self.longest.get_mut(index), cell) {
                *longest = (*longest).max(value.len() as u64);
            }
            if vertical {
                out.extend_from_slice(self.names.get(index).map_or(&b""[..], |name| name));
                out.push(b'\t');
            } else if index > 0 {
                out.push(b'\t');
            }
            filters.apply_value(index, cell.unwrap_or(b"NULL"), out)?;
            if vertical {
                out.push(b'\n');
            }
        }
        if !vertical {
            out.push(b'\n');
        }
        Ok(())
    }

    /// The lengths of the longest values of the columns so far; nothing unless the layout has metadata.
    pub fn longest(&self) -> &[u64] {
        &self.longest
    }

    /// Takes back all that was written: the set broke off, and the reference writes whole ones only.
    pub fn discard(self, out: &mut Vec<u8>) {
        out.truncate(self.start);
    }

    /// Ends the result set: sorts the lines and puts the metadata in front, where asked for.
    /// `columns` are those it began with, as they are now: a cursor's first fetch may have changed them.
    /// `longest` replaces the measured lengths: the client library's constants for values of the
    /// binary protocol (mysqltest §11.3).
    ///
    /// # Errors
    /// A regular expression or replacement of the script fails on the metadata.
    pub fn end(
        self,
        columns: &[Column],
        longest: Option<&[u64]>,
        filters: &mut Filters,
        out: &mut Vec<u8>,
    ) -> Result<(), ScriptError> {
        if self.layout.sorted {
            let rows = out.split_off(self.rows_start);
            sort_lines(&rows, out);
        }
        if self.layout.metadata {
            let mut block = Vec::new();
            write_metadata(columns, longest.unwrap_or(&self.longest), filters, &mut block)?;
            out.splice(self.start..self.start, block);
        }
        Ok(())
    }
}

/// The line of column names, each one filtered for itself.
fn write_header(columns: &[Column], filters: &mut Filters, out: &mut Vec<u8>) -> Result<(), ScriptError> {
    for (index, column) in columns.iter().enumerate() {
        if index > 0 {
            out.push(b'\t');
        }
        filters.apply(c_string(&column.name), out)?;
    }
    out.push(b'\n');
    Ok(())
}

/// The heading and one line for each column (mysqltest §7.3). Only the numbers pass the filters.
fn write_metadata(
    columns: &[Column],
    longest: &[u64],
    filters: &mut Filters,
    out: &mut Vec<u8>,
) -> Result<(), ScriptError> {
    out.extend_from_slice(
        b"Catalog\tDatabase\tTable\tTable_alias\tColumn\tColumn_alias\tType\tLength\tMax length\tIs_null\tFlags\tDecimals\tCharsetnr\n",
    );
    for (index, column) in columns.iter().enumerate() {
        for name in
            [&column.catalog, &column.db, &column.org_table, &column.table, &column.org_name, &column.name]
        {
            out.extend_from_slice(c_string(name));
            out.push(b'\t');
        }
        write_number(u64::from(column.type_code), filters, out)?;
        write_type_name(column, out);
        out.push(b'\t');
        write_number(u64::from(column.length), filters, out)?;
        out.push(b'\t');
        write_number(longest.get(index).copied().unwrap_or(0), filters, out)?;
        out.extend_from_slice(if column.flags & NOT_NULL_FLAG != 0 { b"\tN\t" } else { b"\tY\t" });
        write_number(u64::from(column.flags), filters, out)?;
        out.push(b'\t');
        write_number(u64::from(column.decimals), filters, out)?;
        out.push(b'\t');
        write_number(u64::from(column.charset), filters, out)?;
        out.push(b'\n');
    }
    Ok(())
}

/// What the server says about the type beyond its number: ` (type=inet6)`, ` (format=json)` or both.
fn write_type_name(column: &Column, out: &mut Vec<u8>) {
    let Some(extended) = &column.extended else { return };
    let mut opening: &[u8] = b" (";
    for (label, name) in [(&b"type="[..], &extended.type_name), (b"format=", &extended.format_name)] {
        if let Some(name) = name {
            out.extend_from_slice(opening);
            out.extend_from_slice(label);
            out.extend_from_slice(name);
            opening = b" ";
        }
    }
    if opening == b" " {
        out.push(b')');
    }
}

fn write_number(number: u64, filters: &mut Filters, out: &mut Vec<u8>) -> Result<(), ScriptError> {
    filters.apply(number.to_string().as_bytes(), out)
}

/// The lines of `enable_info` (mysqltest §7.4). `affected` is signed as the C API's callers print it:
/// all bits set is -1.
pub fn write_info(affected: u64, info: &[u8], out: &mut Vec<u8>) {
    // Writing to a vector cannot fail.
    let _ = writeln!(out, "affected rows: {}", affected.cast_signed());
    if !info.is_empty() {
        out.extend_from_slice(b"info: ");
        out.extend_from_slice(c_string(info));
        out.push(b'\n');
    }
}

/// A text up to its first NUL: all the reference sees of a name.
fn c_string(text: &[u8]) -> &[u8] {
    let end = text.iter().position(|byte| *byte == 0).unwrap_or(text.len());
    &text[..end]
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::client::wire::column::{Extended, NUM_FLAG};
    use bstr::ByteSlice;

    fn column(name: &str) -> Column {
        Column {
            catalog: "def".into(),
            db: "test".into(),
            table: "t2".into(),
            org_table: "t1".into(),
            name: name.into(),
            org_name: "a".into(),
            type_code: 3,
            flags: NUM_FLAG | 4097,
            length: 11,
            decimals: 0,
            charset: 63,
            extended: None,
        }
    }

    fn written(layout: Layout, columns: &[Column], rows: &[&[Option<&[u8]>]]) -> BString {
        let mut filters = Filters::default();
        let mut out = b"before\n".to_vec();
        let mut set = ResultSet::begin(columns, layout, &mut filters, &mut out).unwrap();
        for row in rows {
            set.row(row.iter().copied(), &mut filters, &mut out).unwrap();
        }
        set.end(columns, None, &mut filters, &mut out).unwrap();
        out.strip_prefix(b"before\n").unwrap().into()
    }

    #[test]
    fn horizontal_rows_copy_every_byte() {
        let layout = Layout { header: true, ..Layout::default() };
        let columns = [column("a"), column("b")];
        let rows: &[&[Option<&[u8]>]] = &[&[Some(b"1\t\n\0"), None], &[Some(b""), Some(b"\xff")]];
        assert_eq!(written(layout, &columns, rows), b"a\tb\n1\t\n\0\tNULL\n\t\xff\n".as_bstr());
    }

    #[test]
    fn vertical_rows_have_no_header() {
        let layout = Layout { header: true, vertical: true, sorted: true, ..Layout::default() };
        let columns = [column("a"), column("b")];
        let rows: &[&[Option<&[u8]>]] = &[&[Some(b"2"), None], &[Some(b"1"), Some(b"x")]];
        assert_eq!(written(layout, &columns, rows), "a\t1\na\t2\nb\tNULL\nb\tx\n");
        assert_eq!(written(layout, &columns, &[]), "");
    }

    #[test]
    fn metadata_stand_in_front_and_know_the_longest_value() {
        let layout = Layout { header: true, metadata: true, sorted: true, ..Layout::default() };
        let json = Column {
            type_code: 252,
            flags: 144,
            extended: Some(Extended { type_name: Some("x".into()), format_name: Some("json".into()) }),
            ..column("j")
        };
        let rows: &[&[Option<&[u8]>]] = &[&[Some(b"22"), None], &[Some(b"1"), None]];
        let text = written(layout, &[column("A"), json], rows);
        let lines: Vec<&[u8]> = text.lines().collect();
        assert!(lines[0].starts_with(b"Catalog\tDatabase\tTable\tTable_alias\tColumn\t"));
        assert_eq!(lines[1].as_bstr(), "def\ttest\tt1\tt2\ta\tA\t3\t11\t2\tN\t36865\t0\t63");
        assert_eq!(
            lines[2].as_bstr(),
            "def\ttest\tt1\tt2\ta\tj\t252 (type=x format=json)\t11\t0\tY\t144\t0\t63"
        );
        assert_eq!(lines[3..], [&b"A\tj"[..], b"1\tNULL", b"22\tNULL"]);
    }

    #[test]
    fn info_lines() {
        let mut out = Vec::new();
        write_info(u64::MAX, b"", &mut out);
        write_info(2, b"Records: 2  Duplicates: 0  Warnings: 0", &mut out);
        assert_eq!(
            out.as_bstr(),
            "affected rows: -1\naffected rows: 2\ninfo: Records: 2  Duplicates: 0  Warnings: 0\n"
        );
    }
}
