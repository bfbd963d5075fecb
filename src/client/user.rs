//! Who logs in if nobody is named.

use std::path::Path;

use bstr::{BString, ByteSlice};

use crate::sys::files;

/// `user`, or if that is empty the operating-system user: `root` for the superuser.
pub(super) fn user_name(user: &[u8]) -> BString {
    if !user.is_empty() {
        return user.into();
    }
    let uid = rustix::process::geteuid();
    if uid.is_root() {
        return "root".into();
    }
    // Accounts that are not in the file (of a directory service) are found in the environment.
    let accounts = files::read(Path::new("/etc/passwd"), files::MOST_OF_TEXT).unwrap_or_default();
    account(&accounts, uid.as_raw())
        .or_else(|| {
            let set = ["USER", "LOGNAME", "LOGIN"].into_iter().find_map(std::env::var_os);
            set.map(|name| name.into_encoded_bytes().into())
        })
        .unwrap_or_else(|| "UNKNOWN_USER".into())
}

/// The name of the account with this number in the text of `/etc/passwd`.
fn account(accounts: &[u8], uid: u32) -> Option<BString> {
    let uid = uid.to_string();
    accounts.lines().find_map(|line| {
        let mut fields = line.split_str(b":");
        let name = fields.next()?;
        (fields.nth(1)? == uid.as_bytes()).then(|| name.into())
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn accounts_by_number() {
        let text = b"root:x:0:0::/root:/bin/sh\nmysql:x:106:107::/:/bin/false\nbroken\n";
        assert_eq!(account(text, 106).unwrap(), "mysql");
        assert_eq!(account(text, 10), None);
        assert_eq!(user_name(b"joe"), "joe");
    }
}
