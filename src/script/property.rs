//! The argument of `enable_…` and `disable_…` (spec §8).

use crate::script::args;
use crate::script::common::charset::Charset;
use crate::script::common::message::ScriptError;

/// Whether a switch holds only until the next revert point: the argument is exactly `ONCE`.
///
/// # Errors
/// Those of [`args::trailing_junk`] for any other argument that is not a comment.
pub fn once(arguments: &[u8], delimiter: &[u8], charset: Charset) -> Result<bool, ScriptError> {
    if arguments == b"ONCE" {
        return Ok(true);
    }
    args::trailing_junk(arguments, delimiter, charset)?;
    Ok(false)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::script::common::charset::LATIN1;

    #[test]
    fn once_and_nothing_else() {
        let check = |text| once(text, b";", LATIN1).map_err(|error| error.to_string());
        assert_eq!(check(b"ONCE"), Ok(true));
        assert_eq!(check(b""), Ok(false));
        assert_eq!(check(b"# ONCE"), Ok(false));
        assert_eq!(check(b"ONCE "), Err("End of line junk detected: \"ONCE \"".to_owned()));
        assert_eq!(check(b"once"), Err("End of line junk detected: \"once\"".to_owned()));
        assert_eq!(check(b";"), Err("Extra delimiter \";\" found".to_owned()));
    }
}
