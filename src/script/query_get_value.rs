//! The arguments of `query_get_value(query, column, row)` (spec §4.5).

use crate::script::args;
use crate::script::command::Arg;
use crate::script::common::charset::Charset;
use crate::script::common::integer::strtol;
use crate::script::common::message::ScriptError;
use crate::script::common::text::{trim_end, trim_start};
use crate::script::expand::Variables;

const WORD: &[u8] = b"query_get_value";

const ARGUMENTS: [Arg; 3] = [
    Arg { name: "query", required: true },
    Arg { name: "column name", required: true },
    Arg { name: "row number", required: true },
];

/// Which cell of which result is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cell {
    /// The query to send, without quotes around it.
    pub query: Vec<u8>,
    /// The name of the column, compared bytewise.
    pub column: Vec<u8>,
    /// The row, counted from 1. Row 0 does not exist.
    pub row: u32,
}

/// Parses what stands behind the word `query_get_value` in an expanded value; each argument is expanded
/// once more.
///
/// # Errors
/// Those of the [standard arguments](args::parse) and their [parentheses](args::strip_parentheses),
/// `Invalid row number: '…'`, `Mismatched "'s around query '…'`.
pub fn parse(text: &[u8], charset: Charset, variables: &mut dyn Variables) -> Result<Cell, ScriptError> {
    let mut text = text.to_vec();
    args::strip_parentheses(&mut text, 0, WORD, charset)?;
    let mut values = args::parse(&text, &ARGUMENTS, b',', WORD, charset, variables)?.into_iter();
    let [query, column, row] = std::array::from_fn(|_| values.next().unwrap_or_default());
    let row = match strtol(&row) {
        Some((number @ 0..=0x7fff_ffff, _)) => number as u32,
        _ => return Err(ScriptError::die_with(&[b"Invalid row number: '", &row, b"'"])),
    };
    Ok(Cell { query: unquoted(&query, charset)?, column, row })
}

/// The query without the double quotes around it.
fn unquoted(query: &[u8], charset: Charset) -> Result<Vec<u8>, ScriptError> {
    let Some(open) = trim_start(query, charset).strip_prefix(b"\"") else { return Ok(query.to_vec()) };
    match trim_end(open, charset).strip_suffix(b"\"") {
        // A blank stands in the place of the opening quote.
        Some(inner) => Ok([&query[..query.len() - open.len() - 1], b" ", inner].concat()),
        None => {
            // The opening quote is already blanked out when the reference prints the query.
            let before = &query[..query.len() - open.len() - 1];
            Err(ScriptError::die_with(&[b"Mismatched \"'s around query '", before, b" ", open, b"'"]))
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::script::common::charset::LATIN1;
    use crate::script::testing::Values;

    const VALUES: Values = Values(&[(b"x", b"v")]);

    fn cell(query: &str, column: &str, row: u32) -> Cell {
        Cell { query: query.into(), column: column.into(), row }
    }

    #[test]
    fn cells() {
        let is = |text| parse(text, LATIN1, &mut { VALUES }).unwrap();
        assert_eq!(is(b"(select 1 as a , a, 1)"), cell("select 1 as a ", "a", 1));
        assert_eq!(is(b" (select $x , a , 0x) "), cell("select v ", "a ", 0));
        assert_eq!(is(b" select 1, a, +1"), cell("select 1", "a", 1));
        assert_eq!(is(b"(\"select 1 as a,2\",a,1 y)"), cell("select 1 as a,2", "a", 1));
        assert_eq!(is(b"(' \"select 1 as a,2\" ',a,1)"), cell("  select 1 as a,2", "a", 1));
    }

    #[test]
    fn malformed() {
        let complaint = |text| parse(text, LATIN1, &mut { VALUES }).unwrap_err().message;
        assert_eq!(complaint(b""), "Missing required argument 'query' to command 'query_get_value'");
        assert_eq!(complaint(b"(q)"), "Missing required argument 'column name' to command 'query_get_value'");
        assert_eq!(
            complaint(b"(q,c)"),
            "Missing required argument 'row number' to command 'query_get_value'"
        );
        assert_eq!(
            complaint(b"(q,c,1"),
            "query_get_value - argument list started with '(' must be ended with ')'"
        );
        assert_eq!(complaint(b"(q,c,1,2)"), "Extra argument ',2' passed to 'query_get_value'");
        assert_eq!(complaint(b"(q,c,1)\n"), "Extra argument '\n' passed to 'query_get_value'");
        assert_eq!(complaint(b"(q,c,x)"), "Invalid row number: 'x'");
        assert_eq!(complaint(b"(q,c,-1)"), "Invalid row number: '-1'");
        assert_eq!(complaint(b"(q,c,2147483648)"), "Invalid row number: '2147483648'");
        assert_eq!(complaint(b"('\"select',c,1)"), "Mismatched \"'s around query ' select'");
    }
}
