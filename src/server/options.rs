//! Server options of a test, made concrete: environment substitution and the words that the
//! runner keeps for itself (runner §3.1, §3.2).

use std::os::unix::ffi::OsStrExt;

use bstr::{BStr, BString, ByteSlice};

use crate::case::ServerOption;
use crate::env::Env;

/// Replaces `${NAME}`, then `$NAME` (longest run of word characters), by the variable's value;
/// an unset one becomes nothing. The result stays one argument, whatever blanks it has.
pub fn expand(text: &BStr, env: &Env) -> BString {
    let braced = substitute(text, env, |rest| {
        let inner = rest.strip_prefix(b"{")?;
        let length = word_length(inner);
        (length > 0 && inner.get(length) == Some(&b'}')).then(|| (&inner[..length], length + 2))
    });
    substitute(braced.as_bstr(), env, |rest| {
        let length = word_length(rest);
        (length > 0).then(|| (&rest[..length], length))
    })
}

/// `name` gives, for the text behind a `$`, a variable's name and how many bytes to pass over.
fn substitute<'t>(
    text: &'t BStr,
    env: &Env,
    name: impl Fn(&'t [u8]) -> Option<(&'t [u8], usize)>,
) -> BString {
    let mut out = BString::default();
    let mut rest: &'t [u8] = text.as_ref();
    while let Some(at) = rest.find_byte(b'$') {
        out.extend_from_slice(&rest[..at]);
        rest = &rest[at + 1..];
        match name(rest) {
            Some((variable, length)) => {
                if let Some(value) = env.get(std::ffi::OsStr::from_bytes(variable)) {
                    out.extend_from_slice(value.as_bytes());
                }
                rest = &rest[length..];
            }
            None => out.push(b'$'),
        }
    }
    out.extend_from_slice(rest);
    out
}

fn word_length(text: &[u8]) -> usize {
    text.iter().take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b'_').count()
}

/// The options with their variables replaced.
pub fn expand_all(options: &[ServerOption], env: &Env) -> Vec<ServerOption> {
    options
        .iter()
        .map(|option| ServerOption {
            text: expand(option.text.as_bstr(), env),
            origin: option.origin.clone(),
        })
        .collect()
}

/// Same length and pairwise equal texts, in order: servers started with `a` can serve `b` (runner §3.4).
pub fn same(a: &[ServerOption], b: &[ServerOption]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.text == b.text)
}

/// The options joined by blanks, for messages.
pub fn joined(options: &[ServerOption]) -> BString {
    bstr::join(" ", options.iter().map(|option| option.text.as_bytes())).into()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn env() -> Env {
        let mut env = Env::default();
        env.set("A", "x y");
        env.set("A_1", "long");
        env
    }

    #[test]
    fn variables_are_replaced_once_and_never_split() {
        let vectors = [
            ("--a=$A", "--a=x y"),
            ("--a=${A}_1", "--a=x y_1"),
            ("--a=$A_1/$NONE/", "--a=long//"),
            ("--plugin-load-add=$NONE_SO", "--plugin-load-add="),
            ("$", "$"),
            ("${A", "${A"),
            ("$$A", "$x y"),
        ];
        for (given, wanted) in vectors {
            assert_eq!(expand(given.into(), &env()), wanted, "{given}");
        }
    }
}
