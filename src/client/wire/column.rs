//! Column definitions, with MariaDB's extended metadata.

use bstr::BString;

use crate::client::wire::packet::{Fields, Malformed};

/// Type codes of columns and parameters, as the protocol numbers them.
pub mod types {
    #![allow(missing_docs)]
    pub const DECIMAL: u8 = 0;
    pub const TINY: u8 = 1;
    pub const SHORT: u8 = 2;
    pub const LONG: u8 = 3;
    pub const FLOAT: u8 = 4;
    pub const DOUBLE: u8 = 5;
    pub const NULL: u8 = 6;
    pub const TIMESTAMP: u8 = 7;
    pub const LONGLONG: u8 = 8;
    pub const INT24: u8 = 9;
    pub const DATE: u8 = 10;
    pub const TIME: u8 = 11;
    pub const DATETIME: u8 = 12;
    pub const YEAR: u8 = 13;
    pub const NEWDATE: u8 = 14;
    pub const VARCHAR: u8 = 15;
    pub const BIT: u8 = 16;
    pub const TIMESTAMP2: u8 = 17;
    pub const DATETIME2: u8 = 18;
    pub const TIME2: u8 = 19;
    pub const JSON: u8 = 245;
    pub const NEWDECIMAL: u8 = 246;
    pub const ENUM: u8 = 247;
    pub const SET: u8 = 248;
    pub const TINY_BLOB: u8 = 249;
    pub const MEDIUM_BLOB: u8 = 250;
    pub const LONG_BLOB: u8 = 251;
    pub const BLOB: u8 = 252;
    pub const VAR_STRING: u8 = 253;
    pub const STRING: u8 = 254;
    pub const GEOMETRY: u8 = 255;
}

/// Column flag: the column cannot be NULL.
pub const NOT_NULL_FLAG: u32 = 1;
/// Column flag: unsigned number.
pub const UNSIGNED_FLAG: u32 = 32;
/// Column flag: padded with zeros to the display length.
pub const ZEROFILL_FLAG: u32 = 64;
/// Column flag that the client adds: the values are numbers (mysqltest §7.3).
pub const NUM_FLAG: u32 = 32768;

/// One column of a result set, or one parameter of a prepared statement.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Column {
    /// Always `def`.
    pub catalog: BString,
    /// Database of the table.
    pub db: BString,
    /// Alias of the table.
    pub table: BString,
    /// Name of the table; empty if the column is an expression.
    pub org_table: BString,
    /// Alias of the column: what a header shows.
    pub name: BString,
    /// Name of the column; empty if it is an expression.
    pub org_name: BString,
    /// Type code, see [`types`].
    pub type_code: u8,
    /// The protocol's 16 flag bits and [`NUM_FLAG`], which shares a bit with none of MariaDB's.
    pub flags: u32,
    /// Display length.
    pub length: u32,
    /// Digits after the point; 31 or more means "as many as needed".
    pub decimals: u8,
    /// Collation id of the values.
    pub charset: u16,
    /// What MariaDB says about the type beyond its code; `None` if nothing.
    pub extended: Option<Extended>,
}

/// MariaDB's extended type information: `inet6`, `json` and the like.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Extended {
    /// Name of the data type, such as `inet6`.
    pub type_name: Option<BString>,
    /// Name of the format, such as `json`.
    pub format_name: Option<BString>,
}

impl Column {
    /// Decodes a column definition. `extended`: the MariaDB capability "extended metadata" was
    /// negotiated, so that the block of it is there, if only as an empty one.
    ///
    /// # Errors
    /// The packet ends before the definition does.
    pub fn decode(packet: &[u8], extended: bool) -> Result<Column, Malformed> {
        let mut fields = Fields::new(packet);
        let mut name = || fields.nullable_bytes().map(|bytes| BString::from(bytes.unwrap_or_default()));
        let mut column = Column {
            catalog: name()?,
            db: name()?,
            table: name()?,
            org_table: name()?,
            name: name()?,
            org_name: name()?,
            ..Column::default()
        };
        if extended {
            column.extended = Extended::decode(fields.bytes()?)?;
        }
        let mut fixed = Fields::new(fields.bytes()?);
        column.charset = fixed.u16()?;
        column.length = fixed.u32()?;
        column.type_code = fixed.u8()?;
        column.flags = u32::from(fixed.u16()?);
        column.decimals = fixed.u8()?;
        if column.is_number() {
            column.flags |= NUM_FLAG;
        }
        Ok(column)
    }

    /// True for the types that Connector/C marks with [`NUM_FLAG`] (mysqltest §7.3): NULL is one of them,
    /// a TIMESTAMP only with the display lengths of MySQL 4.0.
    fn is_number(&self) -> bool {
        match self.type_code {
            types::TIMESTAMP => self.length == 14 || self.length == 8,
            types::YEAR | types::NEWDECIMAL => true,
            code => code <= types::INT24,
        }
    }

    /// True if the column is unsigned.
    pub fn is_unsigned(&self) -> bool {
        self.flags & UNSIGNED_FLAG != 0
    }

    /// True if the column is padded with zeros to its display length.
    pub fn is_zerofill(&self) -> bool {
        self.flags & ZEROFILL_FLAG != 0
    }

    /// Takes over what an execution may change: type, length, flags, decimals, collation. The names
    /// stay those of the prepare, as in Connector/C.
    pub fn refresh(&mut self, executed: &Column) {
        self.type_code = executed.type_code;
        self.length = executed.length;
        self.flags = executed.flags;
        self.decimals = executed.decimals;
        self.charset = executed.charset;
    }
}

impl Extended {
    /// Decodes the block; `None` if it says nothing.
    fn decode(block: &[u8]) -> Result<Option<Extended>, Malformed> {
        let mut extended = Extended::default();
        let mut items = Fields::new(block);
        while !items.is_empty() {
            let kind = items.u8()?;
            let text = items.bytes()?;
            match kind {
                0 => extended.type_name = Some(text.into()),
                1 => extended.format_name = Some(text.into()),
                _ => {}
            }
        }
        Ok((extended != Extended::default()).then_some(extended))
    }
}

/// The most columns of a result; a server has 4,096 at most in what it selects.
const MOST_COLUMNS: u64 = 65_535;

/// The most bytes of the definitions of a result's columns: 64 MiB. They are kept, while rows pass by.
const MOST_OF_DEFINITIONS: usize = 64 << 20;

/// The definitions of a result's columns, while they are counted.
#[derive(Debug)]
pub struct Definitions {
    left: usize,
}

impl Definitions {
    /// Those of a result with `count` columns.
    ///
    /// # Errors
    /// No server has so many.
    pub fn of(count: u64) -> Result<Definitions, Malformed> {
        if count > MOST_COLUMNS { Err(Malformed) } else { Ok(Definitions { left: MOST_OF_DEFINITIONS }) }
    }

    /// Counts the `packet` of one of them.
    ///
    /// # Errors
    /// Together they are longer than those of any server.
    pub fn take(&mut self, packet: &[u8]) -> Result<(), Malformed> {
        self.left = self.left.checked_sub(packet.len()).ok_or(Malformed)?;
        Ok(())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::client::wire::packet::put_bytes;
    use proptest::prelude::*;

    fn definition(extended: Option<&[u8]>, type_code: u8, length: u32, flags: u16) -> Vec<u8> {
        let mut packet = Vec::new();
        for name in ["def", "test", "a", "t1", "x", "j"] {
            put_bytes(&mut packet, name.as_bytes());
        }
        if let Some(block) = extended {
            put_bytes(&mut packet, block);
        }
        packet.push(12);
        packet.extend_from_slice(&45u16.to_le_bytes());
        packet.extend_from_slice(&length.to_le_bytes());
        packet.push(type_code);
        packet.extend_from_slice(&flags.to_le_bytes());
        packet.extend_from_slice(&[0, 0, 0]);
        packet
    }

    #[test]
    fn names_and_extended_metadata() {
        let packet = definition(Some(b"\x01\x04json"), types::BLOB, u32::MAX, 144);
        let column = Column::decode(&packet, true).unwrap();
        let names = [&column.table, &column.org_table, &column.name, &column.org_name];
        assert_eq!(names, ["a", "t1", "x", "j"]);
        assert_eq!((column.flags, column.charset), (144, 45));
        assert_eq!(column.extended.unwrap().format_name.unwrap(), "json");
        let packet = definition(Some(b""), types::BLOB, 1, 0);
        assert_eq!(Column::decode(&packet, true).unwrap().extended, None);
        let packet = definition(None, types::BLOB, 1, 0);
        assert_eq!(Column::decode(&packet, false).unwrap().extended, None);
    }

    #[test]
    fn the_client_marks_numbers() {
        let marked = |type_code, length| {
            let packet = definition(None, type_code, length, 0);
            Column::decode(&packet, false).unwrap().flags == NUM_FLAG
        };
        for code in [0, 1, 2, 3, 4, 5, 6, 8, 9, types::YEAR, types::NEWDECIMAL] {
            assert!(marked(code, 1), "{code}");
        }
        assert!(marked(types::TIMESTAMP, 14) && marked(types::TIMESTAMP, 8) && !marked(types::TIMESTAMP, 19));
        assert!(!marked(types::DATE, 10) && !marked(types::BIT, 1) && !marked(types::VAR_STRING, 1));
    }

    #[test]
    fn a_cut_definition_is_malformed() {
        let packet = definition(Some(b"\x00\x05inet6"), types::STRING, 1, 0);
        for cut in 0..packet.len() {
            assert_eq!(Column::decode(&packet[..cut], true), Err(Malformed), "{cut}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes: Vec<u8>, extended: bool) {
            let _ = Column::decode(&bytes, extended);
        }
    }
}
