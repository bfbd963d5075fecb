//! Rows as cells of bytes: slices of the packet they came in, and whole result sets in one buffer.

use crate::client::wire::packet::{Fields, Malformed};

/// Where one cell lies in its row's bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cell {
    start: usize,
    /// `usize::MAX` is NULL: no slice is that long.
    length: usize,
}

impl Cell {
    /// The cell without a value.
    pub const NULL: Cell = Cell { start: 0, length: usize::MAX };

    /// The cell that is `bytes[start..start + length]` of the row.
    pub fn new(start: usize, length: usize) -> Cell {
        Cell { start, length }
    }

    fn of(self, bytes: &[u8]) -> Option<&[u8]> {
        bytes.get(self.start..self.start.checked_add(self.length)?)
    }
}

/// One row: its bytes, and where its cells are in them.
#[derive(Debug, Clone, Copy)]
pub struct Row<'a> {
    bytes: &'a [u8],
    cells: &'a [Cell],
}

impl<'a> Row<'a> {
    /// The row whose `cells` lie in `bytes`.
    pub fn new(bytes: &'a [u8], cells: &'a [Cell]) -> Row<'a> {
        Row { bytes, cells }
    }

    /// Number of cells.
    pub fn len(&self) -> usize {
        self.cells.len()
    }

    /// True for a row without cells, which no result set has.
    pub fn is_empty(&self) -> bool {
        self.cells.is_empty()
    }

    /// The bytes of cell `index`; `None` if it is NULL or if there is no such cell.
    pub fn cell(&self, index: usize) -> Option<&'a [u8]> {
        self.cells.get(index)?.of(self.bytes)
    }

    /// All cells from left to right.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Option<&'a [u8]>> + use<'a> {
        let bytes = self.bytes;
        self.cells.iter().map(move |cell| cell.of(bytes))
    }
}

/// Finds the cells of a row of the text protocol in `packet` and puts them into `cells`, which is
/// emptied first. Bytes behind the last cell are ignored, as Connector/C does.
///
/// # Errors
/// The packet ends before the last column.
pub fn decode(packet: &[u8], columns: usize, cells: &mut Vec<Cell>) -> Result<(), Malformed> {
    cells.clear();
    append(packet, columns, 0, cells)
}

/// Appends the cells of a text row that lies `base` bytes into its buffer.
#[inline]
fn append(packet: &[u8], columns: usize, base: usize, cells: &mut Vec<Cell>) -> Result<(), Malformed> {
    // Each cell takes a byte at least, so a lie about the number of columns reserves nothing.
    if columns > packet.len() {
        return Err(Malformed);
    }
    cells.reserve(columns);
    let mut fields = Fields::new(packet);
    for _ in 0..columns {
        cells.push(match fields.nullable_bytes()? {
            None => Cell::NULL,
            Some(bytes) => {
                let end = packet.len() - fields.rest().len();
                Cell::new(base + end - bytes.len(), bytes.len())
            }
        });
    }
    Ok(())
}

/// A result set read to its end: all rows in one buffer, without an allocation per row or cell.
#[derive(Debug, Clone, Default)]
pub struct Rows {
    columns: usize,
    bytes: Vec<u8>,
    cells: Vec<Cell>,
}

impl Rows {
    /// No rows yet, of `columns` cells each.
    pub fn new(columns: usize) -> Rows {
        Rows { columns, ..Rows::default() }
    }

    /// Forgets the rows, keeps the memory; the next ones have `columns` cells each.
    pub fn clear(&mut self, columns: usize) {
        self.columns = columns;
        self.bytes.clear();
        self.cells.clear();
    }

    /// Appends a row of the text protocol, as it came.
    ///
    /// # Errors
    /// The packet ends before the last column; nothing is appended then.
    pub fn push_packet(&mut self, packet: &[u8]) -> Result<(), Malformed> {
        let (base, cells) = (self.bytes.len(), self.cells.len());
        append(packet, self.columns, base, &mut self.cells).inspect_err(|_| self.cells.truncate(cells))?;
        self.bytes.extend_from_slice(packet);
        Ok(())
    }

    /// Appends a copy of `row`; cells that it lacks are NULL, surplus ones are dropped.
    pub fn push(&mut self, row: Row<'_>) {
        for index in 0..self.columns {
            self.cells.push(match row.cell(index) {
                None => Cell::NULL,
                Some(bytes) => {
                    let start = self.bytes.len();
                    self.bytes.extend_from_slice(bytes);
                    Cell::new(start, bytes.len())
                }
            });
        }
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        self.cells.len().checked_div(self.columns).unwrap_or(0)
    }

    /// True if there are no rows.
    pub fn is_empty(&self) -> bool {
        self.cells.is_empty()
    }

    /// Row `index`, from 0.
    pub fn get(&self, index: usize) -> Option<Row<'_>> {
        let start = index.checked_mul(self.columns)?;
        let cells = self.cells.get(start..start.checked_add(self.columns)?)?;
        (!cells.is_empty()).then_some(Row { bytes: &self.bytes, cells })
    }

    /// All rows in the order received.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Row<'_>> {
        self.cells.chunks_exact(self.columns.max(1)).map(|cells| Row { bytes: &self.bytes, cells })
    }

    /// Length in bytes of the longest value of column `index`, 0 if all are NULL: `max_length` of the
    /// text protocol, and of strings in the binary one.
    pub fn longest(&self, index: usize) -> usize {
        self.iter().filter_map(|row| row.cell(index)).map(<[u8]>::len).max().unwrap_or(0)
    }

    /// True if column `index` has a value that is not NULL.
    pub fn has_value(&self, index: usize) -> bool {
        self.iter().any(|row| row.cell(index).is_some())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn cells_are_slices_of_the_packet() {
        let packet = b"\x02ab\xfb\x00\xfc\x03\x00\xff\x00\xfetail";
        let mut cells = Vec::new();
        decode(packet, 4, &mut cells).unwrap();
        let row = Row::new(packet, &cells);
        assert_eq!(row.len(), 4);
        assert_eq!(row.cell(0), Some(&b"ab"[..]));
        assert_eq!(row.cell(1), None);
        assert_eq!(row.cell(2), Some(&b""[..]));
        assert_eq!(row.cell(3), Some(&b"\xff\x00\xfe"[..]));
        assert_eq!(row.cell(4), None);
        assert!(std::ptr::eq(row.cell(0).unwrap().as_ptr(), &packet[1]));
    }

    #[test]
    fn a_short_row_is_malformed() {
        let mut cells = Vec::new();
        for packet in [&b""[..], b"\x02a", b"\x01a", b"\xff", b"\xfe\xff\xff\xff\xff\xff\xff\xff\xff"] {
            assert_eq!(decode(packet, 2, &mut cells), Err(Malformed), "{packet:?}");
        }
        assert_eq!(decode(b"\x01a", usize::MAX, &mut cells), Err(Malformed));
        assert!(cells.capacity() < 100);
    }

    #[test]
    fn a_result_set_in_one_buffer() {
        let mut rows = Rows::new(2);
        rows.push_packet(b"\x01a\xfb").unwrap();
        assert_eq!(rows.push_packet(b"\x01b"), Err(Malformed));
        rows.push_packet(b"\x03bcd\xfb").unwrap();
        rows.push(rows.clone().get(0).unwrap());
        assert_eq!(rows.len(), 3);
        let first: Vec<_> = rows.iter().map(|row| row.cell(0).unwrap()).collect();
        assert_eq!(first, [&b"a"[..], b"bcd", b"a"]);
        assert_eq!((rows.longest(0), rows.longest(1)), (3, 0));
        assert!(rows.has_value(0) && !rows.has_value(1));
        assert!(rows.get(3).is_none() && Rows::new(0).get(0).is_none());
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes: Vec<u8>, columns in 0usize..40) {
            let mut cells = Vec::new();
            if decode(&bytes, columns, &mut cells).is_ok() {
                let total: usize = Row::new(&bytes, &cells).iter().flatten().map(<[u8]>::len).sum();
                prop_assert!(total <= bytes.len());
            }
        }
    }
}
