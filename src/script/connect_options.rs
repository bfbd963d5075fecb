//! The words in the `options` argument of `connect` (spec §10.3).

use crate::script::common::charset::Charset;
use crate::script::common::integer::atoi;
use crate::script::common::message::ScriptError;
use crate::script::common::text::trim_start;

/// The key before the name of a character set.
const CHARSET: &[u8] = b"CHARSET=";
/// The key before the list of authentication plugins.
const AUTH: &[u8] = b"auth=";

/// What the options ask for; where one is given twice the last counts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConnectOptions {
    /// `SSL`.
    pub ssl: bool,
    /// `NOSSL`.
    pub no_ssl: bool,
    /// The list of `SSL-CIPHER=`.
    pub cipher: Option<Vec<u8>>,
    /// `COMPRESS`.
    pub compress: bool,
    /// `TCP`, `SOCKET`, `DEFAULT`; `PIPE` and `MEMORY` change nothing.
    pub protocol: Option<Protocol>,
    /// The number of `read_timeout=`, in seconds, as C's `atoi` reads it.
    pub read_timeout: Option<i32>,
    /// The number of `write_timeout=`, likewise.
    pub write_timeout: Option<i32>,
    /// The number of `connect_timeout=`, likewise.
    pub connect_timeout: Option<i32>,
    /// The name behind `CHARSET=`: everything up to the end of the options, although words in it count as options
    /// too. So it has to come last.
    pub charset: Option<Vec<u8>>,
    /// The list behind `auth=`, which releases from 11.4 on know: the names of the authentication plugins that may be
    /// used, with anything but a space or a comma between them; likewise everything up to the end of the options.
    pub auth: Option<Vec<u8>>,
}

/// The way to the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// `DEFAULT`: by the host's name.
    Default,
    /// `TCP`.
    Tcp,
    /// `SOCKET`: the Unix socket.
    Socket,
}

/// Parses the expanded `options` argument.
///
/// # Errors
/// `Illegal option to connect: <word>`; the word is empty if spaces follow the last option.
pub fn parse(text: &[u8], charset: Charset) -> Result<ConnectOptions, ScriptError> {
    let mut options = ConnectOptions::default();
    let mut rest = text;
    while !rest.is_empty() {
        rest = trim_start(rest, charset);
        if let Some(name) = value_of(rest, CHARSET) {
            options.charset = Some(name.to_vec());
        }
        if let Some(list) = value_of(rest, AUTH) {
            options.auth = Some(list.to_vec());
        }
        let end = rest.iter().position(|&byte| charset.is_space(byte)).unwrap_or(rest.len());
        let (word, after) = rest.split_at(end);
        if [CHARSET, AUTH].iter().all(|key| value_of(word, key).is_none()) {
            set(&mut options, word)?;
        }
        rest = after;
    }
    Ok(options)
}

fn set(options: &mut ConnectOptions, word: &[u8]) -> Result<(), ScriptError> {
    match word {
        b"SSL" => options.ssl = true,
        b"NOSSL" => options.no_ssl = true,
        b"COMPRESS" => options.compress = true,
        b"TCP" => options.protocol = Some(Protocol::Tcp),
        b"SOCKET" => options.protocol = Some(Protocol::Socket),
        b"DEFAULT" => options.protocol = Some(Protocol::Default),
        b"PIPE" | b"MEMORY" => {}
        _ => {
            if let Some(list) = word.strip_prefix(b"SSL-CIPHER=") {
                options.cipher = Some(list.to_vec());
            } else if let Some(seconds) = value_of(word, b"read_timeout=") {
                options.read_timeout = Some(atoi(seconds));
            } else if let Some(seconds) = value_of(word, b"write_timeout=") {
                options.write_timeout = Some(atoi(seconds));
            } else if let Some(seconds) = value_of(word, b"connect_timeout=") {
                options.connect_timeout = Some(atoi(seconds));
            } else {
                return Err(ScriptError::die_with(&[b"Illegal option to connect: ", word]));
            }
        }
    }
    Ok(())
}

/// What follows `key`, in any case, at the start of `text`.
fn value_of<'a>(text: &'a [u8], key: &[u8]) -> Option<&'a [u8]> {
    let (start, value) = text.split_at_checked(key.len())?;
    start.eq_ignore_ascii_case(key).then_some(value)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::script::common::charset::LATIN1;

    #[test]
    fn words() {
        let options = parse(b" SSL COMPRESS\tTCP\nSOCKET PIPE", LATIN1).unwrap();
        let expected = ConnectOptions {
            ssl: true,
            compress: true,
            protocol: Some(Protocol::Socket),
            ..ConnectOptions::default()
        };
        assert_eq!(options, expected);
        assert_eq!(parse(b"", LATIN1), Ok(ConnectOptions::default()));
    }

    #[test]
    fn values() {
        let options =
            parse(b"READ_timeout=5x write_timeout= SSL-CIPHER=a:b charset=utf8 SSL", LATIN1).unwrap();
        let expected = ConnectOptions {
            read_timeout: Some(5),
            write_timeout: Some(0),
            cipher: Some(b"a:b".to_vec()),
            charset: Some(b"utf8 SSL".to_vec()),
            ssl: true,
            ..ConnectOptions::default()
        };
        assert_eq!(options, expected);
    }

    #[test]
    fn a_list_of_plugins() {
        let options = parse(b"SSL Auth=mysql_old_password:x", LATIN1).unwrap();
        assert!(options.ssl);
        assert_eq!(options.auth, Some(b"mysql_old_password:x".to_vec()));
        assert_eq!(parse(b"auth=", LATIN1).unwrap().auth, Some(Vec::new()));
    }

    #[test]
    fn illegal_words() {
        let word = |text| {
            parse(text, LATIN1).unwrap_err().to_string().split_off("Illegal option to connect: ".len())
        };
        assert_eq!(word(b"compress"), "compress");
        assert_eq!(word(b"COMPRESS XX YY"), "XX");
        assert_eq!(word(b"SSL-CIPHER=x y"), "y");
        assert_eq!(word(b"ssl-cipher=x"), "ssl-cipher=x");
        assert_eq!(word(b"read_timeout"), "read_timeout");
        assert_eq!(word(b"CHARSET"), "CHARSET");
        assert_eq!(word(b"CHARSET=latin1 x"), "x");
        assert_eq!(word(b"CHARSET=latin1 "), "");
        assert_eq!(word(b"COMPRESS "), "");
        assert_eq!(word(b" "), "");
    }
}
