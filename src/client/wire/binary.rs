//! Rows of the binary protocol: values found in the packet and written as text.

use crate::client::wire::column::{Column, types};
use crate::client::wire::convert;
use crate::client::wire::convert::Moment;
use crate::client::wire::packet::{Fields, Malformed};
use crate::client::wire::text::Cell;

/// NULL bits of a result row start at the third bit of the bitmap.
const FIRST_NULL_BIT: usize = 2;

/// Writes the values of the row in `packet` as text to `out` and their places to `cells`; both are
/// emptied first.
///
/// # Errors
/// The packet is no row, or ends before the last column.
pub fn decode(
    packet: &[u8],
    columns: &[Column],
    out: &mut Vec<u8>,
    cells: &mut Vec<Cell>,
) -> Result<(), Malformed> {
    out.clear();
    cells.clear();
    let mut fields = Fields::new(packet);
    if fields.u8()? != 0 {
        return Err(Malformed);
    }
    let nulls = fields.take((columns.len() + FIRST_NULL_BIT).div_ceil(8))?;
    for (index, column) in columns.iter().enumerate() {
        let bit = index + FIRST_NULL_BIT;
        if nulls[bit / 8] & 1 << (bit % 8) != 0 {
            cells.push(Cell::NULL);
            continue;
        }
        let start = out.len();
        value(&mut fields, column, out)?;
        cells.push(Cell::new(start, out.len() - start));
    }
    Ok(())
}

/// Writes the next value of `fields`.
fn value(fields: &mut Fields<'_>, column: &Column, out: &mut Vec<u8>) -> Result<(), Malformed> {
    let unsigned = column.is_unsigned();
    match column.type_code {
        types::NULL => {}
        types::TINY => {
            let value = fields.u8()?;
            integer(out, column, i64::from(value as i8), unsigned.then_some(u64::from(value)));
        }
        types::SHORT | types::YEAR => {
            let value = fields.u16()?;
            integer(out, column, i64::from(value as i16), unsigned.then_some(u64::from(value)));
        }
        types::LONG | types::INT24 => {
            let value = fields.u32()?;
            integer(out, column, i64::from(value as i32), unsigned.then_some(u64::from(value)));
        }
        types::LONGLONG => {
            let value = fields.u64()?;
            integer(out, column, value as i64, unsigned.then_some(value));
        }
        types::FLOAT => convert::float(out, column, f32::from_bits(fields.u32()?)),
        types::DOUBLE => convert::double(out, column, f64::from_bits(fields.u64()?)),
        types::DATE => convert::date(out, &calendar(fields)?),
        types::DATETIME | types::TIMESTAMP => convert::datetime(out, column, &calendar(fields)?),
        types::TIME => convert::time(out, column, &clock(fields)?),
        _ => out.extend_from_slice(fields.bytes()?),
    }
    Ok(())
}

fn integer(out: &mut Vec<u8>, column: &Column, signed: i64, unsigned: Option<u64>) {
    match unsigned {
        Some(value) => convert::unsigned(out, column, value),
        None => convert::signed(out, column, signed),
    }
}

/// A date and the time of day; parts that the value is too short for are 0.
fn calendar(fields: &mut Fields<'_>) -> Result<Moment, Malformed> {
    let mut parts = Fields::new(fields.bytes()?);
    let mut moment = Moment::default();
    if let [low, high, month, day, ..] = *parts.rest() {
        (moment.year, moment.month, moment.day) = (u16::from_le_bytes([low, high]), month, day);
        parts.take(4)?;
    }
    time_of_day(&mut parts, &mut moment);
    Ok(moment)
}

/// A TIME; parts that the value is too short for are 0.
fn clock(fields: &mut Fields<'_>) -> Result<Moment, Malformed> {
    let mut parts = Fields::new(fields.bytes()?);
    let mut moment = Moment::default();
    if parts.rest().len() >= 8 {
        moment.negative = parts.u8()? != 0;
        moment.days = parts.u32()?;
    }
    time_of_day(&mut parts, &mut moment);
    Ok(moment)
}

/// Hour, minute, second and microseconds, as far as they are there.
fn time_of_day(parts: &mut Fields<'_>, moment: &mut Moment) {
    if let Ok([hour, minute, second]) = parts.array() {
        (moment.hour, moment.minute, moment.second) = (hour, minute, second);
    }
    moment.microsecond = parts.u32().unwrap_or(0);
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::client::wire::column::{UNSIGNED_FLAG, ZEROFILL_FLAG};
    use crate::client::wire::text::Row;
    use proptest::prelude::*;

    fn column(type_code: u8) -> Column {
        Column { type_code, decimals: 31, ..Column::default() }
    }

    fn text(columns: &[Column], packet: &[u8]) -> Result<Vec<Option<String>>, Malformed> {
        let (mut out, mut cells) = (Vec::new(), Vec::new());
        decode(packet, columns, &mut out, &mut cells)?;
        let row = Row::new(&out, &cells);
        Ok(row.iter().map(|cell| cell.map(|bytes| String::from_utf8_lossy(bytes).into_owned())).collect())
    }

    fn one(column: Column, value: &[u8]) -> String {
        let mut packet = vec![0, 0];
        packet.extend_from_slice(value);
        text(&[column], &packet).unwrap().remove(0).unwrap()
    }

    #[test]
    fn every_type() {
        let unsigned = |code| Column { flags: UNSIGNED_FLAG, ..column(code) };
        assert_eq!(one(column(types::TINY), &[0x80]), "-128");
        assert_eq!(one(unsigned(types::TINY), &[0x80]), "128");
        assert_eq!(one(column(types::SHORT), &[0, 0x80]), "-32768");
        assert_eq!(one(column(types::INT24), &[0, 0, 0x80, 0xff]), "-8388608");
        assert_eq!(one(unsigned(types::LONG), &[0xff; 4]), "4294967295");
        assert_eq!(one(unsigned(types::LONGLONG), &[0xff; 8]), "18446744073709551615");
        let year = Column { flags: UNSIGNED_FLAG | ZEROFILL_FLAG, length: 4, ..column(types::YEAR) };
        assert_eq!(one(year, &[0, 0]), "0000");
        assert_eq!(one(column(types::FLOAT), &0.1f32.to_le_bytes()), "0.1");
        assert_eq!(one(column(types::DOUBLE), &0.1f64.to_le_bytes()), "0.1");
        assert_eq!(one(column(types::DATE), &[4, 0xe9, 7, 2, 28]), "2025-02-28");
        assert_eq!(one(column(types::DATETIME), &[0]), "0000-00-00 00:00:00");
        assert_eq!(one(column(types::DATETIME), &[4, 0xe9, 7, 2, 28]), "2025-02-28 00:00:00");
        assert_eq!(one(column(types::TIMESTAMP), &[7, 0xe9, 7, 2, 28, 1, 2, 3]), "2025-02-28 01:02:03");
        let micro = Column { decimals: 6, ..column(types::TIME) };
        assert_eq!(one(micro.clone(), &[12, 1, 34, 0, 0, 0, 22, 59, 59, 1, 0, 0, 0]), "-838:59:59.000001");
        assert_eq!(one(micro, &[0]), "00:00:00.000000");
        assert_eq!(one(column(types::BIT), &[1, b'a']), "a");
        assert_eq!(one(column(types::NEWDECIMAL), b"\x041.50"), "1.50");
        assert_eq!(one(column(types::GEOMETRY), b"\x01\xff"), "\u{fffd}");
    }

    #[test]
    fn null_bits_begin_at_the_third() {
        let columns: Vec<Column> = (0..7).map(|_| column(types::TINY)).collect();
        let cells = text(&columns, &[0, 0b1000_0100, 0b0000_0001, 2, 3, 4, 5]).unwrap();
        let cells: Vec<_> = cells.iter().map(Option::as_deref).collect();
        assert_eq!(cells, [None, Some("2"), Some("3"), Some("4"), Some("5"), None, None]);
    }

    #[test]
    fn a_short_row_is_malformed() {
        let columns = [column(types::LONGLONG), column(types::STRING)];
        let packet = b"\0\0\x01\0\0\0\0\0\0\0\x02ab";
        assert!(text(&columns, packet).is_ok());
        for cut in 0..packet.len() {
            assert_eq!(text(&columns, &packet[..cut]), Err(Malformed), "{cut}");
        }
        assert_eq!(text(&columns, b"\x01\0"), Err(Malformed));
    }

    proptest! {
        #[test]
        fn no_bytes_panic(
            bytes: Vec<u8>,
            kinds in proptest::collection::vec((any::<u8>(), any::<u16>(), any::<u32>(), any::<u8>()), 0..40),
        ) {
            let columns: Vec<Column> = kinds.into_iter().map(|(type_code, flags, length, decimals)| {
                Column { type_code, flags: u32::from(flags), length, decimals, ..Column::default() }
            }).collect();
            let mut packet = vec![0];
            packet.extend_from_slice(&bytes);
            let _ = text(&columns, &packet);
        }
    }
}
