//! The configuration for a server that is not ours: `--extern` (runner §12.4).

use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use bstr::BString;

/// The `my.cnf` for a server that is not ours: `pairs` are those of `--extern` (runner §12.4).
/// Also returns the options of `[client]` in order, which the reference shows on the console.
pub fn extern_config(
    pairs: &[(BString, BString)],
    user: &str,
    charsets_dir: &Path,
    tmpdir: &Path,
) -> (BString, Vec<(BString, BString)>) {
    let mut client: Vec<(BString, BString)> =
        [("socket", "/tmp/mysqld.sock"), ("port", "3306"), ("user", user), ("password", "")]
            .map(|(name, value)| (name.into(), value.into()))
            .into();
    for (name, value) in pairs {
        match client.iter_mut().find(|(n, _)| n == name) {
            Some((_, old)) => old.clone_from(value),
            None => client.push((name.clone(), value.clone())),
        }
    }
    let mut text = BString::from("[client]\n");
    let mut add = |parts: [&[u8]; 4]| text.extend_from_slice(&parts.concat());
    for (name, value) in &client {
        add([name, b"= ", value, b"\n"]);
    }
    add([b"\n[mysqlbinlog]\ncharacter-sets-dir= ", charsets_dir.as_os_str().as_bytes(), b"\n", b""]);
    add([b"local-load= ", tmpdir.as_os_str().as_bytes(), b"\n", b""]);
    (text, client)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn extern_pairs_replace_and_extend_the_defaults() {
        let pairs = [("port".into(), "3307".into()), ("host".into(), "h".into())];
        let (text, client) = extern_config(&pairs, "u", Path::new("/charsets"), Path::new("/tmp0"));
        assert_eq!(
            text,
            "[client]\nsocket= /tmp/mysqld.sock\nport= 3307\nuser= u\npassword= \nhost= h\n\
             \n[mysqlbinlog]\ncharacter-sets-dir= /charsets\nlocal-load= /tmp0\n"
        );
        assert_eq!(client.len(), 5);
    }
}
