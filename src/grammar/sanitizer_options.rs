//! The options of the sanitizers' runtimes: `ASAN_OPTIONS=abort_on_error=1:log_path=/tmp/asan`.

use bstr::{BStr, BString, ByteSlice};

/// The variables that rule the runtimes, and of which sanitizer, as compilers call it.
pub const VARIABLES: [(&str, &str); 5] = [
    ("ASAN_OPTIONS", "asan"),
    ("LSAN_OPTIONS", "lsan"),
    ("UBSAN_OPTIONS", "ubsan"),
    ("MSAN_OPTIONS", "msan"),
    ("TSAN_OPTIONS", "tsan"),
];

/// The options in the text of a variable, in order: name and value, quotes taken off. The last one of a name counts.
pub fn pairs(text: &BStr) -> Vec<(&BStr, &BStr)> {
    let mut pairs = Vec::new();
    let mut rest: &[u8] = text;
    loop {
        rest = rest.trim_start_with(is_separator);
        let Some((name, tail)) = rest.split_once_str("=") else { return pairs };
        let (value, tail) = match tail.first() {
            Some(quote @ (b'"' | b'\'')) => {
                let end = tail[1..].find_byte(*quote).map_or(tail.len(), |at| at + 1);
                (&tail[1..end], tail.get(end + 1..).unwrap_or_default())
            }
            _ => tail.split_at(tail.find_byteset(b":, \n\t\r").unwrap_or(tail.len())),
        };
        pairs.push((name.as_bstr(), value.as_bstr()));
        rest = tail;
    }
}

fn is_separator(c: char) -> bool {
    ":, \n\t\r".contains(c)
}

/// The value of an option, as the runtime reads it.
pub fn value<'a>(text: &'a BStr, name: &str) -> Option<&'a BStr> {
    pairs(text).into_iter().rfind(|(found, _)| *found == name).map(|(_, value)| value)
}

/// Puts `defaults` before what the user wrote, who is never overruled: the runtimes take the last value of a name.
/// What the user set himself is left out, so that the variable reads as he would write it.
pub fn completed(defaults: &[(&str, BString)], own: &BStr) -> BString {
    let given = pairs(own);
    let mut parts: Vec<BString> = Vec::new();
    for (name, value) in defaults {
        if given.iter().all(|(found, _)| found != name) {
            let value = if value.find_byteset(b":, ").is_some() {
                BString::from([b"'", value.as_slice(), b"'"].concat())
            } else {
                value.clone()
            };
            parts.push([name.as_bytes(), b"=", &value].concat().into());
        }
    }
    if !own.is_empty() {
        parts.push(own.to_owned());
    }
    bstr::join(":", parts).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_read_as_the_runtimes_do() {
        let text = "abort_on_error=1:log_path='/tmp/a b:c' x=1,x=2::log_exe_name=true".into();
        assert_eq!(value(text, "log_path"), Some("/tmp/a b:c".into()));
        assert_eq!(value(text, "x"), Some("2".into()));
        assert_eq!(value(text, "log_exe_name"), Some("true".into()));
        assert_eq!(value(text, "log"), None);
        assert_eq!(pairs("log_path='open".into()), [("log_path".into(), "open".into())]);
        assert_eq!(pairs("".into()), []);
    }

    #[test]
    fn what_the_user_wrote_is_completed_and_never_replaced() {
        let defaults = [("abort_on_error", "1".into()), ("suppressions", "/a b/x.supp".into())];
        assert_eq!(completed(&defaults, "".into()), "abort_on_error=1:suppressions='/a b/x.supp'");
        assert_eq!(
            completed(&defaults, "abort_on_error=0:log_path=/tmp/asan".into()),
            "suppressions='/a b/x.supp':abort_on_error=0:log_path=/tmp/asan"
        );
    }
}
