//! Which authentication plugins a client lets a server ask for.

use bstr::ByteSlice;

use crate::client::wire::error::{ClientError, code};
use crate::flavour::Flavour;

/// The scheme of MySQL 3.23.
pub(in crate::client) const OLD: &[u8] = b"mysql_old_password";

/// The plugins that may be used in one login.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::client) enum Allowed<'a> {
    /// Every one.
    All,
    /// Every one but `mysql_old_password`.
    AllButOld,
    /// Those whose names appear in the text, wherever: the library looks for nothing but the letters.
    Listed(&'a [u8]),
}

impl<'a> Allowed<'a> {
    /// What the client library that belongs to a server of `flavour` allows, given the list of the options.
    pub fn of(list: Option<&'a [u8]>, flavour: Flavour) -> Allowed<'a> {
        match list {
            Some(list) => Allowed::Listed(list),
            None if flavour.refuses_old_password => Allowed::AllButOld,
            None => Allowed::All,
        }
    }

    /// Whether the plugin called `name` may be used.
    ///
    /// # Errors
    /// Error 5010 of the library: it may not.
    pub fn check(self, name: &[u8]) -> Result<(), ClientError> {
        let allowed = match self {
            Allowed::All => true,
            Allowed::AllButOld => name != OLD,
            Allowed::Listed(list) => list.contains_str(name),
        };
        if allowed { Ok(()) } else { Err(ClientError::with(code::PLUGIN_NOT_ALLOWED, &[name])) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_old_scheme_is_refused_from_connector_c_3_4_on() {
        let names: [&[u8]; 2] = [OLD, b"mysql_native_password"];
        let allows = |list, version: &[u8]| {
            let flavour = Flavour::of_version(version);
            names.map(|name| Allowed::of(list, flavour).check(name).is_ok())
        };
        assert_eq!(allows(None, b"10.11.19"), [true, true]);
        assert_eq!(allows(None, b"11.4.0"), [false, true]);
        assert_eq!(allows(Some(b"mysql_old_password:mysql_native_password"), b"11.4.0"), [true, true]);
        assert_eq!(allows(Some(b"mysql_native_password"), b"10.11.19"), [false, true]);
        assert_eq!(allows(Some(b"xmysql_old_passwordx"), b"11.4.0"), [true, false]);
        assert_eq!(allows(Some(b""), b"11.4.0"), [false, false]);
    }
}
