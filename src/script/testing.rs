//! What unit tests of several grammars need.

use super::expand::Variables;

/// Variables with these names and values. Any other is empty; a register that is not among them was never set.
pub struct Values(pub &'static [(&'static [u8], &'static [u8])]);

impl Variables for Values {
    fn value(&mut self, name: &[u8]) -> Option<&[u8]> {
        let known = self.0.iter().find(|(known, _)| *known == name);
        known.map(|(_, value)| *value).or(if name[0].is_ascii_digit() { None } else { Some(b"") })
    }
}
